package io.synckit.postgres.internal.runtime;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.synckit.postgres.testing.Await;
import io.synckit.postgres.testing.Collector;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.RejectedExecutionException;
import java.util.stream.IntStream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

class NamedThreadsTest {

    private final ExecutorService threads = NamedThreads.atMost(2, "test");

    @AfterEach
    void shutDown() {
        threads.shutdownNow();
    }

    @Test
    void idleThreadIsUsedAgain() throws Exception {
        Thread first = threads.submit(Thread::currentThread).get();

        for (int i = 0; i < 10; i++) {
            Await.until(() -> first.getState() == Thread.State.TIMED_WAITING);
            assertThat(threads.submit(Thread::currentThread).get()).isSameAs(first);
        }
    }

    @Test
    void workWaitsIfAllThreadsAreBusy() throws InterruptedException {
        CountDownLatch goOn = new CountDownLatch(1);
        Collector<String> names = new Collector<>();
        for (int i = 0; i < 100; i++) {
            threads.execute(() -> {
                try {
                    goOn.await();
                } catch (InterruptedException e) {
                    return;
                }
                names.add(Thread.currentThread().getName());
            });
        }
        goOn.countDown();

        assertThat(IntStream.range(0, 100).mapToObj(i -> next(names)).distinct())
                .containsExactlyInAnyOrder("test-1", "test-2");
    }

    private static String next(Collector<String> names) {
        try {
            return names.next();
        } catch (InterruptedException e) {
            throw new IllegalStateException(e);
        }
    }

    @Test
    void workIsRefusedAfterTheShutdown() {
        threads.shutdown();

        assertThatThrownBy(() -> threads.execute(() -> {}))
                .isInstanceOf(RejectedExecutionException.class)
                .hasMessage("test is shut down");
    }
}
