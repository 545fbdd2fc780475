package io.synckit.postgres.internal.sql;

import java.sql.Connection;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.util.ArrayList;
import java.util.List;

/** Checks the privileges of the role on the tables of durable subscriptions. */
public final class DurablePrivileges {

    private static final String MISSING_GRANTS = """
            select format('GRANT SELECT, INSERT, UPDATE, DELETE ON %s TO %I', string_agg(t.name, ', '), current_user)
              from unnest(array['<instances>', '<subscriptions>', '<checkpoints>', '<parked>']) t (name)
             where not (has_table_privilege(t.name, 'SELECT') and has_table_privilege(t.name, 'INSERT')
                    and has_table_privilege(t.name, 'UPDATE') and has_table_privilege(t.name, 'DELETE'))
            having count(*) > 0
            union all
            select format('GRANT USAGE ON SEQUENCE %s TO %I', s.name, current_user)
              from pg_get_serial_sequence('<instances>', 'id') s (name)
             where not has_sequence_privilege(s.name, 'USAGE')
            """;

    private DurablePrivileges() {}

    /** Returns the statements that grant what is missing. */
    public static List<String> missingGrants(Connection connection, TableName name) throws SQLException {
        String sql = new Statements(name, false).named(MISSING_GRANTS);
        List<String> grants = new ArrayList<>();
        try (PreparedStatement statement = connection.prepareStatement(sql);
                ResultSet rows = statement.executeQuery()) {
            while (rows.next()) {
                grants.add(rows.getString(1));
            }
        }
        return grants;
    }
}
