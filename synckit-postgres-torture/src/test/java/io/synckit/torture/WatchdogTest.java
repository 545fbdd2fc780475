package io.synckit.torture;

import static org.assertj.core.api.Assertions.assertThat;

import java.time.Duration;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;

class WatchdogTest {

    private final CompletableFuture<String> stack = new CompletableFuture<>();

    @Test
    void stackIsReportedAfterTheLimit() throws Exception {
        String told = Watchdog.watch(Duration.ofMillis(50), stack::complete, this::callThatTakesLong);

        assertThat(told).contains("callThatTakesLong");
    }

    private String callThatTakesLong() throws Exception {
        return stack.get(1, TimeUnit.MINUTES);
    }

    @Test
    void nothingIsReportedIfTheWorkEndsInTime() throws Exception {
        Duration limit = Duration.ofMillis(200);
        CompletableFuture<String> later = new CompletableFuture<>();

        assertThat(Watchdog.watch(limit, stack::complete, () -> "done")).isEqualTo("done");

        Watchdog.watch(limit.multipliedBy(2), later::complete, () -> later.get(1, TimeUnit.MINUTES));
        assertThat(stack).isNotDone();
    }
}
