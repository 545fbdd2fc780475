package io.synckit.postgres.internal.durable;

import static org.assertj.core.api.Assertions.assertThat;

import io.synckit.ConnectionSource;
import io.synckit.Event;
import io.synckit.postgres.Config;
import io.synckit.postgres.PostgresEventStore;
import io.synckit.postgres.internal.durable.DurableLog.Slice;
import io.synckit.postgres.internal.json.JacksonJson;
import io.synckit.postgres.internal.live.PageReader;
import io.synckit.postgres.internal.live.SubscriptionFilter;
import io.synckit.postgres.internal.live.Subscriptions;
import io.synckit.postgres.internal.runtime.Watchdog;
import io.synckit.postgres.internal.sql.EventQueries;
import io.synckit.postgres.internal.sql.PartitionClaims.Held;
import io.synckit.postgres.internal.sql.PartitionId;
import io.synckit.postgres.internal.sql.ServerStart;
import io.synckit.postgres.internal.sql.TableName;
import io.synckit.postgres.testing.TestDatabase;
import io.synckit.postgres.testing.TestPostgres;
import io.synckit.subscription.DurableOptions;
import java.sql.Connection;
import java.sql.SQLException;
import java.time.Duration;
import java.util.concurrent.atomic.AtomicReference;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.RegisterExtension;

class DurableLogTest {

    private static final long FORMER_END = 100;
    private static final int NEW_END = 50;

    @RegisterExtension
    private final TestDatabase database = TestPostgres.shared().migratedDatabase();

    private final AtomicReference<Runnable> duringRead = new AtomicReference<>(() -> {});

    /** The page is read from the new log, up to the end of the former one. */
    @Test
    @SuppressWarnings("NullAway")
    void pageThatIsReadDuringAChangeOfTheLogIsNotShared() throws SQLException {
        PostgresEventStore store = PostgresEventStore.on(database.pool(), Config.defaults());
        for (int i = 0; i < NEW_END; i++) {
            store.store(Event.of("key-" + i, "T", i));
        }
        long server;
        try (Connection connection = database.connect()) {
            server = ServerStart.of(connection);
        }
        JacksonJson json = new JacksonJson();
        Subscriptions live = new Subscriptions(null, () -> {});
        DurableOptions options = DurableOptions.named("numbers").partitions(2);
        ConnectionSource pool = ConnectionSource.of(database.pool());
        ConnectionSource gated = () -> {
            duringRead.getAndSet(() -> {}).run();
            return pool.borrow();
        };
        try (Watchdog watchdog = new Watchdog("watchdog", Duration.ofSeconds(20))) {
            PageReader pages = new PageReader(
                    "events", gated, new EventQueries(new TableName("synckit", "events"), json, true), watchdog, 100);
            DurableLog log = new DurableLog(options, new SubscriptionFilter(options.filters(), json), live, pages);
            live.startAfter(FORMER_END, server);
            duringRead.set(() -> {
                live.startAfter(NEW_END, server);
                log.forgetPages();
            });
            log.next(claim(0, server), 40);

            Slice slice = log.next(claim(1, server), 45).orElseThrow();

            assertThat(slice.upTo()).isEqualTo(NEW_END);
        }
    }

    private static Held claim(int partition, long server) {
        return new Held(new PartitionId("numbers", partition), 1, 1, server);
    }
}
