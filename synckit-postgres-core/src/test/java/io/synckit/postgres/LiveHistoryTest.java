package io.synckit.postgres;

import static org.assertj.core.api.Assertions.assertThat;

import io.synckit.Event;
import io.synckit.Version;
import io.synckit.postgres.testing.Await;
import io.synckit.postgres.testing.DurableProcess;
import io.synckit.postgres.testing.DurableProcesses;
import io.synckit.postgres.testing.TestDatabase;
import io.synckit.postgres.testing.TestPostgres;
import io.synckit.subscription.LiveOptions;
import java.util.List;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.CountDownLatch;
import java.util.stream.LongStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.RegisterExtension;

/** Live subscriptions whose events are replaced by another log. */
class LiveHistoryTest {

    @RegisterExtension
    private final TestDatabase database = TestPostgres.shared().migratedDatabase();

    private final DurableProcesses processes = new DurableProcesses(database);

    private void store(int from, int to) {
        for (int i = from; i <= to; i++) {
            processes.store().store(Event.of("key", "T", i));
        }
    }

    /** The page was requested up to the end of the former log. The new log has fewer events at that time. */
    @Test
    void pageThatIsReadDuringTheChangeIsReadAgain() {
        store(1, 20);
        DurableProcess process = processes.start();
        List<Long> seen = new CopyOnWriteArrayList<>();
        CountDownLatch reading = new CountDownLatch(1);
        CountDownLatch changed = new CountDownLatch(1);
        process.beforeBorrow(() -> {
            if (Thread.currentThread().getName().startsWith("synckit-live-")) {
                reading.countDown();
                Await.latch(changed);
            }
        });
        process.subscriptions()
                .live(
                        LiveOptions.named("live").from(Version.ZERO),
                        event -> seen.add(event.version().value()));
        Await.latch(reading);

        database.executeDespiteDeadlocks(
                "begin; set local synckit.maintenance = 'on'; truncate synckit.events restart identity; commit");
        store(1, 5);
        Await.until(() -> process.listener().historyChange().isPresent());
        changed.countDown();
        Await.until(() -> seen.contains(5L));
        store(6, 30);

        Await.until(() -> seen.contains(30L));
        assertThat(seen)
                .containsExactlyElementsOf(LongStream.rangeClosed(1, 30).boxed().toList());
    }
}
