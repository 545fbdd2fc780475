package io.synckit.torture;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.CountDownLatch;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class ChildTest {

    @TempDir
    private Path directory;

    @Test
    void processThatDoesNotAnswerIsNamedAndHasAThreadDump() throws Exception {
        try (Child child = Child.start(
                "silent", Silent.class, new Targets(1, 1, ""), directory, List.of(), (pool, listener) -> List.of())) {
            assertThat(child.tell("start", Duration.ofMinutes(1))).isEqualTo("started");

            assertThatThrownBy(() -> child.tell("level", Duration.ofSeconds(1)))
                    .isInstanceOf(IllegalStateException.class)
                    .hasMessageStartingWith("silent has not answered \"level\" within 1 s; see ");
            assertThat(directory.resolve("silent.stacks")).content().contains("waitForEver");
        }
    }

    /** Answers once. */
    static final class Silent {

        public static void main(String[] args) throws Exception {
            System.out.println("started");
            waitForEver();
        }

        private static void waitForEver() throws InterruptedException {
            new CountDownLatch(1).await();
        }
    }
}
