package io.synckit.postgres;

import static org.assertj.core.api.Assertions.assertThat;

import io.synckit.Event;
import io.synckit.EventStore;
import io.synckit.StoreStats;
import io.synckit.postgres.testing.EventStoreContract;
import io.synckit.postgres.testing.TestDatabase;
import io.synckit.postgres.testing.TestPostgres;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.RegisterExtension;

class PostgresEventStoreTest extends EventStoreContract {

    @RegisterExtension
    private final TestDatabase database = TestPostgres.shared().migratedDatabase();

    private PostgresEventStore store;

    @BeforeEach
    void open() {
        store = PostgresEventStore.open(Config.builder()
                .connectionString(database.url())
                .maxOpenConns(4)
                .maxIdleConns(1)
                .build());
    }

    @AfterEach
    void close() {
        store.close();
    }

    @Override
    protected EventStore store() {
        return store;
    }

    @Test
    void statsShowVersionsSizesAndThePool() {
        store.store(Event.of("a", "T", 1));

        StoreStats stats = store.stats();

        assertThat(stats.latestVersion()).isEqualTo(store.latestVersion());
        assertThat(stats.headVersion()).isEqualTo(store.latestVersion());
        assertThat(stats.tableBytes()).isPositive();
        assertThat(stats.indexBytes()).isPositive();
        assertThat(stats.pool()).hasValueSatisfying(pool -> {
            assertThat(pool.maxOpen()).isEqualTo(4);
            assertThat(pool.open()).isBetween(1, 4);
        });
    }
}
