package io.synckit.postgres.internal.durable;

import static org.assertj.core.api.Assertions.assertThat;

import io.synckit.postgres.internal.sql.InstanceTable;
import io.synckit.postgres.internal.sql.TableName;
import io.synckit.postgres.testing.TestDatabase;
import io.synckit.postgres.testing.TestPostgres;
import java.sql.Connection;
import java.sql.SQLException;
import java.util.List;
import java.util.Set;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.RegisterExtension;

class InstanceTableTest {

    @RegisterExtension
    private final TestDatabase database = TestPostgres.shared().migratedDatabase();

    private final InstanceTable instances = new InstanceTable(new TableName("synckit", "events"));

    /** It was seen as dead, and has connected again before its row is deleted. */
    @Test
    void processThatIsLockedAgainIsNotDeleted() throws SQLException {
        try (Connection process = database.pool().getConnection();
                Connection other = database.pool().getConnection()) {
            int id = instances.nextId(process);
            instances.lock(process, id);
            instances.insert(process, id, Set.of("numbers"), "process");

            assertThat(instances.deleteDead(other, List.of(id))).isFalse();
            process.createStatement().execute("select pg_advisory_unlock_all()");
            assertThat(instances.deleteDead(other, List.of(id))).isTrue();
        }
    }
}
