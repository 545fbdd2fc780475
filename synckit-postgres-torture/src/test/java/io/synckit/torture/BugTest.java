package io.synckit.torture;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Path;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

class BugTest {

    private static final Path SOURCES = Path.of("..", "synckit-postgres-core", "src", "main");

    /** The self-test takes minutes, so the build only checks that the sources still have the texts that it replaces, and compile with the bug. */
    @ParameterizedTest
    @EnumSource
    void bugCanBePutIntoTheLibrary(Bug bug, @TempDir Path directory) throws IOException {
        Path classes = BuggyClasses.of(bug, SOURCES, directory);

        String file = bug.source().replaceFirst("^[^/]+/", "").replace(".java", ".class");
        assertThat(classes.resolve(file)).exists();
    }
}
