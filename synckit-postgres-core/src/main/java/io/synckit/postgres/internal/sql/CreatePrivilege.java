package io.synckit.postgres.internal.sql;

import java.sql.Connection;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.util.Optional;

/** Whether the role may create what a first migration creates: the schema, or the history table in it. */
public final class CreatePrivilege {

    private static final String MISSING_GRANT = """
            select case
                when n.oid is null and not has_database_privilege(current_database(), 'CREATE')
                then format('GRANT CREATE ON DATABASE %I TO %I', current_database(), current_user)
                when n.oid is not null and not has_schema_privilege(n.oid, 'CREATE')
                     and not exists (select from pg_class c where c.relnamespace = n.oid and c.relname = ?)
                then format('GRANT USAGE, CREATE ON SCHEMA %I TO %I', ?, current_user)
            end
            from (select (select oid from pg_namespace where nspname = ?) as oid) n
            """;

    private CreatePrivilege() {}

    /** Returns the statement that grants the privilege, or empty if it is not missing. */
    public static Optional<String> missingGrant(Connection connection, TableName name, String historyTable)
            throws SQLException {
        try (PreparedStatement statement = connection.prepareStatement(MISSING_GRANT)) {
            statement.setString(1, historyTable);
            statement.setString(2, name.schema());
            statement.setString(3, name.schema());
            try (ResultSet rows = statement.executeQuery()) {
                rows.next();
                return Optional.ofNullable(rows.getString(1));
            }
        }
    }
}
