package io.synckit.postgres.internal.durable;

import static org.assertj.core.api.Assertions.assertThat;

import io.synckit.postgres.internal.runtime.Clock;
import io.synckit.postgres.internal.sql.ControlChannel;
import io.synckit.postgres.internal.sql.InstanceTable;
import io.synckit.postgres.internal.sql.TableName;
import io.synckit.postgres.testing.Await;
import io.synckit.postgres.testing.TestDatabase;
import io.synckit.postgres.testing.TestPostgres;
import java.sql.Connection;
import java.sql.SQLException;
import java.time.Duration;
import java.util.Set;
import java.util.concurrent.FutureTask;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicReference;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.RegisterExtension;

class MembershipTest {

    @RegisterExtension
    private final TestDatabase database = TestPostgres.shared().migratedDatabase();

    private final AtomicReference<Runnable> beforeWrite = new AtomicReference<>(() -> {});
    private final TableName table = new TableName("synckit", "events");
    private final Membership member = new Membership(
            new InstanceTable(table),
            new ControlChannel(table),
            "process",
            Duration.ofSeconds(30),
            Clock.SYSTEM,
            () -> {
                beforeWrite.getAndSet(() -> {}).run();
                return Set.of("numbers");
            },
            signal -> {},
            () -> {});

    private boolean anchor(Connection connection) throws SQLException {
        return member.anchor(connection, connection, false);
    }

    /**
     * Seed 1545 of the torture runs: after a fail-over, the thread that listens and the coordinator took a lock at the same time. The process
     * had two rows, and the partitions of the second one were not run.
     */
    @Test
    void processWithTwoThreadsHasOneRow() throws Exception {
        try (Connection listening = database.connect();
                Connection pool = database.connect()) {
            FutureTask<Boolean> second = new FutureTask<>(() -> anchor(pool));
            Thread coordinator = new Thread(second);
            beforeWrite.set(() -> {
                coordinator.start();
                Await.until(() -> second.isDone() || coordinator.getState() == Thread.State.WAITING);
            });

            assertThat(anchor(listening)).isTrue();
            assertThat(second.get(1, TimeUnit.MINUTES)).isFalse();

            assertThat(database.query("select count(*) from synckit.events_instances"))
                    .isEqualTo("1");
        }
    }
}
