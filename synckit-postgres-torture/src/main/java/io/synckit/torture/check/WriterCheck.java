package io.synckit.torture.check;

import io.synckit.torture.check.Excerpt.Subject;
import io.synckit.torture.check.Log.Event;
import java.io.IOException;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Comparator;
import java.util.HashMap;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Set;

/** Compares the outcomes that writers have recorded with the log. */
final class WriterCheck {

    private final Log log;
    private final Losses losses;
    private final Violations violations;
    private final Map<String, Operation> operations = new LinkedHashMap<>();

    WriterCheck(Path directory, Log log, Losses losses, Violations violations) throws IOException {
        this.log = log;
        this.losses = losses;
        this.violations = violations;
        for (Path file : Lines.histories(directory, "writer")) {
            for (List<String> line : Lines.read(file)) {
                long time = Long.parseLong(line.get(1));
                if (line.get(0).equals("start")) {
                    operations.put(line.get(2), new Operation(line.get(2), line.get(3), time, line.get(4)));
                } else {
                    Objects.requireNonNull(operations.get(line.get(2))).end(line.get(0), time, line.get(3));
                }
            }
        }
    }

    /** Returns how many operations have this outcome. */
    long count(String outcome) {
        return operations.values().stream()
                .filter(operation -> operation.outcome.equals(outcome))
                .count();
    }

    /** Returns how many operations were rejected because of a deadlock. */
    long deadlocks() {
        return operations.values().stream()
                .filter(operation -> operation.result.endsWith("SQLSTATE 40P01"))
                .count();
    }

    /** Returns how many acknowledged operations a fail-over to an asynchronous standby has lost. */
    long lost() {
        return operations.values().stream()
                .filter(operation -> operation.outcome.equals("committed"))
                .filter(operation -> losses.include(operation.start, operation.end))
                .filter(operation -> log.find(operation.events.get(0).id) == null)
                .count();
    }

    void check(Set<String> businessRows) {
        for (Operation operation : operations.values()) {
            switch (operation.outcome) {
                case "committed" -> {
                    if (losses.include(operation.start, operation.end)) {
                        allOrNothing(operation);
                    } else {
                        committed(operation);
                    }
                }
                case "rejected" -> rejected(operation);
                default -> allOrNothing(operation);
            }
        }
        nothingElse();
        streamVersions();
        realTime();
        business(businessRows);
    }

    private void committed(Operation operation) {
        violations.of("an acknowledged event is stored as it was written");
        for (int i = 0; i < operation.events.size(); i++) {
            Written written = operation.events.get(i);
            Event event = log.find(written.id);
            if (event == null || !event.is(written.aggregate, written.type, written.data)) {
                violations.add(operation + ", but in the log: " + event, Subject.of(written.id));
            } else if (!operation.result.split(";")[i].equals(Long.toString(event.version()))) {
                violations.add(operation + ", but its version is " + event.version(), Subject.of(event));
            }
        }
    }

    private void rejected(Operation operation) {
        violations.of("a rejected event is not stored");
        for (Written written : operation.events) {
            if (log.find(written.id) != null) {
                violations.add(operation + ", but in the log: " + log.find(written.id), Subject.of(written.id));
            }
        }
    }

    private void allOrNothing(Operation operation) {
        violations.of("events of one transaction are stored together or not at all");
        long stored = operation.events.stream()
                .filter(written -> log.find(written.id) != null)
                .count();
        if (stored != 0 && stored != operation.events.size()) {
            violations.add(
                    operation + ", but " + stored + " of " + operation.events.size() + " are stored",
                    operation.subjects());
        }
    }

    private void nothingElse() {
        violations.of("only what was written is stored");
        Set<String> ids = new HashSet<>();
        operations.values().forEach(operation -> operation.events.forEach(written -> ids.add(written.id)));
        for (Event event : log.events().values()) {
            if (event.isBooked() && !ids.contains(event.id())) {
                violations.add(event.toString(), Subject.of(event));
            }
        }
    }

    private void streamVersions() {
        violations.of("the stream versions of an aggregate are 1, 2, 3, … in the order of versions");
        Map<String, Long> last = new HashMap<>();
        for (Event event : log.events().values()) {
            long expected = last.getOrDefault(event.aggregate(), 0L) + 1;
            if (event.streamVersion() != expected) {
                violations.add("expected " + expected + ": " + event, Subject.of(event));
            }
            last.put(event.aggregate(), event.streamVersion());
        }
    }

    /** What starts after the acknowledgement of an event gets a larger version. */
    private void realTime() {
        violations.of("versions follow real time");
        List<Operation> byEnd = operations.values().stream()
                .filter(operation -> operation.outcome.equals("committed"))
                .sorted(Comparator.comparingLong(operation -> operation.end))
                .toList();
        List<Operation> byStart = operations.values().stream()
                .sorted(Comparator.comparingLong(operation -> operation.start))
                .toList();
        long highest = 0;
        int ended = 0;
        for (Operation operation : byStart) {
            while (ended < byEnd.size() && byEnd.get(ended).end < operation.start) {
                highest = Math.max(highest, highest(byEnd.get(ended)));
                ended++;
            }
            for (Written written : operation.events) {
                Event event = log.find(written.id);
                if (event != null && event.version() < highest) {
                    violations.add(
                            operation + " has started after version " + highest + " was acknowledged, but has "
                                    + event.version(),
                            Subject.of(event),
                            Subject.of(highest));
                }
            }
        }
    }

    private long highest(Operation operation) {
        return operation.events.stream()
                .map(written -> log.find(written.id))
                .filter(Objects::nonNull)
                .mapToLong(Event::version)
                .max()
                .orElse(0);
    }

    private void business(Set<String> rows) {
        violations.of("an event and the business row of its transaction are stored together");
        for (Operation operation : operations.values()) {
            if (operation.kind.equals("business")) {
                String id = operation.events.get(0).id;
                if (rows.contains(id) != (log.find(id) != null)) {
                    violations.add(
                            operation + ", business row " + rows.contains(id) + ", event " + log.find(id),
                            operation.subjects());
                }
            }
        }
    }

    /** An event as a writer has given it to the store. */
    private record Written(String id, String aggregate, String type, String data) {

        static Written parse(String text) {
            String[] parts = text.split("\\|", 4);
            return new Written(parts[0], parts[1], parts[2], parts[3]);
        }
    }

    /** An operation of a writer. Without an end, its process has died. */
    private static final class Operation {

        private final String name;
        private final String kind;
        private final long start;
        private final List<Written> events;
        private String outcome = "unknown";
        private String result = "no outcome";
        private long end = Long.MAX_VALUE;

        Operation(String name, String kind, long start, String events) {
            this.name = name;
            this.kind = kind;
            this.start = start;
            this.events = Arrays.stream(events.split(";")).map(Written::parse).toList();
        }

        void end(String what, long time, String value) {
            outcome = what;
            end = time;
            result = value;
        }

        Subject[] subjects() {
            return events.stream().map(written -> Subject.of(written.id)).toArray(Subject[]::new);
        }

        @Override
        public String toString() {
            return kind + " " + name + " of " + events + " started at " + start + " and was " + outcome + " at " + end
                    + " (" + result + ")";
        }
    }
}
