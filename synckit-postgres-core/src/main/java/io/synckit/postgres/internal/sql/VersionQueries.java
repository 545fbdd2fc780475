package io.synckit.postgres.internal.sql;

import java.sql.Connection;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.util.ArrayList;
import java.util.List;

/** Queries of the events table that read versions only, for the audit. */
public final class VersionQueries {

    private static final String TALLY =
            "select count(*), coalesce(bit_xor(version), 0) from <table> where version > ? and version <= ?";

    private static final String VERSIONS =
            "select version from <table> where version > ? and version <= ? order by version";

    private final Statements statements;
    private final String tally;
    private final String versions;

    /** @param preparedStatements whether the driver may keep server-side prepared statements */
    public VersionQueries(TableName name, boolean preparedStatements) {
        this.statements = new Statements(name, preparedStatements);
        this.tally = statements.named(TALLY);
        this.versions = statements.named(VERSIONS);
    }

    /** Returns a summary of the versions in {@code (since, upTo]}, from the index alone. */
    public Tally tally(Connection connection, long since, long upTo) throws SQLException {
        try (PreparedStatement statement = statements.prepare(connection, tally)) {
            statement.setLong(1, since);
            statement.setLong(2, upTo);
            try (ResultSet rows = statement.executeQuery()) {
                rows.next();
                return new Tally(rows.getLong(1), rows.getLong(2));
            }
        }
    }

    /** Returns the versions in {@code (since, upTo]}, ascending. */
    public List<Long> versions(Connection connection, long since, long upTo) throws SQLException {
        try (PreparedStatement statement = statements.prepare(connection, versions)) {
            statement.setLong(1, since);
            statement.setLong(2, upTo);
            List<Long> found = new ArrayList<>();
            try (ResultSet rows = statement.executeQuery()) {
                while (rows.next()) {
                    found.add(rows.getLong(1));
                }
            }
            return found;
        }
    }

    /**
     * A summary that is equal for equal sets of versions.
     *
     * @param xor exclusive or of all versions
     */
    public record Tally(long events, long xor) {}
}
