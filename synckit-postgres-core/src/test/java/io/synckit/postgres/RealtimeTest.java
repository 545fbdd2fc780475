package io.synckit.postgres;

import static org.assertj.core.api.Assertions.assertThat;

import io.synckit.Event;
import io.synckit.StoredEvent;
import io.synckit.Version;
import io.synckit.postgres.notification.LiveOptions;
import io.synckit.postgres.testing.TestDatabase;
import io.synckit.postgres.testing.TestPostgres;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.postgresql.ds.PGSimpleDataSource;

class RealtimeTest {

    @Test
    void first() throws Exception {
        try (TestDatabase database = TestPostgres.shared().migratedDatabase()) {
            PGSimpleDataSource physical = new PGSimpleDataSource();
            physical.setUrl(database.url());
            try (RealtimeEventStore store = RealtimeEventStore.on(database.pool(), physical, Config.defaults())) {
                store.store(Event.of("a", "T", 0));
                BlockingQueue<StoredEvent> seen = new LinkedBlockingQueue<>();
                store.subscribe(LiveOptions.all().from(Version.ZERO), seen::add);
                for (int i = 1; i < 200; i++) {
                    store.store(Event.of("a", "T", i));
                }
                for (int i = 0; i < 200; i++) {
                    StoredEvent event = seen.poll(10, TimeUnit.SECONDS);
                    assertThat(event).isNotNull();
                    assertThat(event.data()).isEqualTo(i);
                }
                for (int i = 0; i < 20; i++) {
                    long t = System.nanoTime();
                    store.store(Event.of("a", "T", i));
                    long u = System.nanoTime();
                    seen.poll(10, TimeUnit.SECONDS);
                    System.out.println("store " + (u - t) / 1000 + " us, handler " + (System.nanoTime() - u) / 1000);
                }
            }
        }
    }
}
