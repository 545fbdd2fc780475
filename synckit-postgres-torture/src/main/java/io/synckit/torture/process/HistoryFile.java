package io.synckit.torture.process;

import java.io.FileOutputStream;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;

/**
 * What a process does, one line each: a kind, the time of {@link System#nanoTime}, which all processes of a machine share, and fields,
 * separated by tabs. A line is with the operating system when the call returns, so it survives the death of the process. Thread-safe.
 */
public final class HistoryFile {

    private final FileOutputStream out;

    public HistoryFile(Path file) throws IOException {
        out = new FileOutputStream(file.toFile(), true);
    }

    public synchronized void write(String kind, Object... fields) {
        StringBuilder line = new StringBuilder(kind).append('\t').append(System.nanoTime());
        for (Object field : fields) {
            line.append('\t').append(field);
        }
        try {
            out.write(line.append('\n').toString().getBytes(StandardCharsets.UTF_8));
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }
}
