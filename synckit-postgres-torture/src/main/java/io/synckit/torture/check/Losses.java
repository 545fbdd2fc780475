package io.synckit.torture.check;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.TimeUnit;

/** The times at which a fail-over to an asynchronous standby has lost the last commits: {@code losses} with their end and begin. */
final class Losses {

    /** A process may record an answer this long after it has come, because it was suspended. */
    private static final long LATER = TimeUnit.SECONDS.toNanos(10);

    private final List<List<String>> lines;

    private Losses(List<List<String>> lines) {
        this.lines = lines;
    }

    static Losses read(Path directory) throws IOException {
        Path file = directory.resolve("losses");
        return new Losses(Files.exists(file) ? Lines.read(file) : List.of());
    }

    int count() {
        return lines.size();
    }

    /** Returns whether an operation may be lost. One that has started after the end of the former primary may not. */
    boolean include(long start, long end) {
        return lines.stream().anyMatch(line -> start <= Long.parseLong(line.get(1))) && include(end);
    }

    /** Returns whether an event that was read at this time may be lost. */
    boolean include(long time) {
        return lines.stream()
                .anyMatch(line -> time >= Long.parseLong(line.get(2)) && time <= Long.parseLong(line.get(1)) + LATER);
    }
}
