package io.synckit.torture.check;

import io.synckit.torture.check.Excerpt.Subject;
import io.synckit.torture.check.Log.Event;
import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;

/** Compares what live readers have received with the log. */
final class ReaderCheck {

    private final Log log;
    private final Losses losses;
    private final Violations violations;
    private long received;

    ReaderCheck(Log log, Losses losses, Violations violations) {
        this.log = log;
        this.losses = losses;
        this.violations = violations;
    }

    /** Returns how many events all readers have received. */
    long received() {
        return received;
    }

    void check(Path directory) throws IOException {
        violations.of("a live reader receives every event once, in the order of versions");
        for (String role : List.of("reader", "polling-reader")) {
            for (Path file : Lines.histories(directory, role)) {
                check(file.getFileName().toString(), Lines.read(file));
            }
        }
    }

    private void check(String reader, List<List<String>> lines) {
        long last = 0;
        for (List<String> line : lines) {
            long version = Long.parseLong(line.get(2));
            if (line.get(0).equals("from")) {
                last = version;
                continue;
            }
            received++;
            if (!log.events().containsKey(version) && losses.include(Long.parseLong(line.get(1)))) {
                continue;
            }
            Map.Entry<Long, Event> next = log.events().higherEntry(last);
            if (next == null || next.getKey() != version) {
                violations.add(
                        reader + " has received " + version + " at " + line.get(1) + " after " + last
                                + ", but the next event is " + (next == null ? null : next.getValue()),
                        Subject.of(version),
                        next == null ? Subject.of(last) : Subject.of(next.getValue()));
            } else if (!next.getValue().id().equals(line.get(3))
                    || !next.getValue().is(line.get(4), line.get(5), line.get(6))) {
                violations.add(
                        reader + " has received " + line + ", but stored is " + next.getValue(), Subject.of(version));
            }
            last = version;
        }
    }
}
