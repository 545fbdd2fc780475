package io.synckit.postgres.internal.runtime;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.List;
import java.util.concurrent.CompletableFuture;
import org.junit.jupiter.api.Test;

class CompletionsTest {

    private final Completions completions = new Completions("test-completions");

    @Test
    void interruptFlagOfACallbackDoesNotReachTheNext() {
        CompletableFuture<Boolean> interrupted = new CompletableFuture<>();

        completions.run(List.of(
                () -> Thread.currentThread().interrupt(),
                () -> interrupted.complete(Thread.currentThread().isInterrupted())));

        assertThat(interrupted.join()).isFalse();
    }

    @Test
    void callbackMayWaitForALaterOne() {
        CompletableFuture<String> later = new CompletableFuture<>();
        CompletableFuture<String> seen = new CompletableFuture<>();

        completions.run(List.of(() -> seen.complete(later.join()), () -> later.complete("later")));

        assertThat(seen.join()).isEqualTo("later");
    }
}
