package io.synckit.torture.check;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.stream.Stream;

/** Reads the files of a run: lines with fields that are separated by tabs. */
final class Lines {

    private Lines() {}

    /** Returns the fields of each complete line. A process that is killed may leave an incomplete one. */
    static List<List<String>> read(Path file) throws IOException {
        String text = Files.readString(file, StandardCharsets.UTF_8);
        List<List<String>> lines = new ArrayList<>();
        for (String line : text.substring(0, text.lastIndexOf('\n') + 1).split("\n")) {
            if (!line.isEmpty()) {
                lines.add(Arrays.asList(line.split("\t", -1)));
            }
        }
        return lines;
    }

    /** Returns the history files of the processes whose names begin so. */
    static List<Path> histories(Path directory, String role) throws IOException {
        try (Stream<Path> files = Files.list(directory)) {
            return files.filter(file -> file.getFileName().toString().startsWith(role)
                            && file.getFileName().toString().endsWith(".history"))
                    .sorted()
                    .toList();
        }
    }
}
