package io.synckit.torture;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Locale;
import java.util.Map;

/** The clock of a process, which can be set if faketime is installed. {@link System#nanoTime} is not affected. */
final class ProcessClock {

    private final Path file;

    /** @param file how far the clock is from the right time */
    ProcessClock(Path file) {
        this.file = file;
    }

    /** Lets a process that is about to start use this clock. */
    void giveTo(ProcessBuilder process) throws IOException {
        Path library = Tools.fakeTime().orElse(null);
        if (library != null) {
            set(0);
            process.environment()
                    .putAll(Map.of(
                            "LD_PRELOAD",
                            library.toString(),
                            "FAKETIME_TIMESTAMP_FILE",
                            file.toString(),
                            "FAKETIME_CACHE_DURATION",
                            "1",
                            "FAKETIME_DONT_FAKE_MONOTONIC",
                            "1",
                            "FAKETIME_FORCE_MONOTONIC_FIX", // it would end every timed wait at once
                            "0"));
        }
    }

    /** Sets the clock to the right time plus these seconds. Takes effect within a second. */
    void set(int seconds) throws IOException {
        Files.writeString(file, String.format(Locale.ROOT, "%+d%n", seconds));
    }
}
