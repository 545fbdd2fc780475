package io.synckit.torture.check;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashSet;
import java.util.List;
import java.util.OptionalLong;
import java.util.Set;
import java.util.concurrent.TimeUnit;
import java.util.function.Predicate;
import java.util.stream.Stream;

/** The part of a run that shows a violation: the lines of all files about its events, and the faults of that time. */
final class Excerpt {

    private static final int MOST_LINES = 40;
    private static final long BEFORE = TimeUnit.SECONDS.toNanos(5);
    private static final String LOG = "log.tsv";
    private static final String FAULTS = "faults";

    private final Path directory;
    private final Set<Subject> subjects;
    private final List<Found> found = new ArrayList<>();

    private Excerpt(Path directory, Set<Subject> subjects) throws IOException {
        this.directory = directory;
        this.subjects = new HashSet<>(subjects);
        for (List<String> row : Lines.read(directory.resolve(LOG))) {
            if (isAbout(row.get(0), row.get(1))) {
                this.subjects.add(new Subject(row.get(0), row.get(1)));
            }
        }
    }

    /** Returns the lines, in the order of time. Rows of tables, which have none, come first. */
    static List<String> of(Path directory, Set<Subject> subjects) throws IOException {
        Excerpt excerpt = new Excerpt(directory, subjects);
        for (String table : List.of(LOG, "applied.tsv")) {
            excerpt.add(table, 0, line -> excerpt.isAbout(line.get(0), line.get(1)));
        }
        excerpt.add("business.tsv", 0, line -> excerpt.isAbout("", line.get(0)));
        try (Stream<Path> files = Files.list(directory)) {
            for (Path file :
                    files.filter(file -> file.toString().endsWith(".history")).toList()) {
                excerpt.add(file.getFileName().toString(), 1, excerpt::isAbout);
            }
        }
        excerpt.addFaults();
        List<String> lines = new ArrayList<>(excerpt.found.stream()
                .sorted(Comparator.comparingLong(Found::time))
                .map(Found::text)
                .toList());
        if (lines.size() > MOST_LINES) {
            int more = lines.size() - MOST_LINES;
            lines.subList(MOST_LINES, lines.size()).clear();
            lines.add("… and " + more + " more lines");
        }
        return lines;
    }

    private void add(String file, int timeAt, Predicate<List<String>> about) throws IOException {
        if (Files.exists(directory.resolve(file))) {
            for (List<String> line : Lines.read(directory.resolve(file))) {
                if (about.test(line)) {
                    long time = timeAt == 0 ? 0 : Long.parseLong(line.get(timeAt));
                    found.add(new Found(time, file + ": " + String.join(" ", line)));
                }
            }
        }
    }

    private void addFaults() throws IOException {
        OptionalLong first =
                found.stream().mapToLong(Found::time).filter(time -> time > 0).min();
        long last = found.stream().mapToLong(Found::time).max().orElse(0);
        if (first.isPresent()) {
            long from = first.getAsLong() - BEFORE;
            add(FAULTS, 1, line -> Long.parseLong(line.get(2)) >= from && Long.parseLong(line.get(1)) <= last);
        }
    }

    private boolean isAbout(String version, String id) {
        return subjects.stream().anyMatch(subject -> subject.version.equals(version) || subject.id.equals(id));
    }

    /** A line of a history: see the processes that write them. */
    private boolean isAbout(List<String> line) {
        return switch (line.get(0)) {
            case "start" -> Stream.of(line.get(4).split(";")).anyMatch(event -> isAbout("", event.split("\\|")[0]));
            case "event" -> isAbout(line.get(2), line.get(3));
            case "handled" -> isAbout(line.get(2), "");
            case "from" -> false;
            // The outcome of an operation, whose events have its name and a number as their ids.
            default -> subjects.stream().anyMatch(subject -> subject.id.startsWith(line.get(2) + "."));
        };
    }

    /** An event. Its version or its id may be unknown, which matches nothing. */
    record Subject(String version, String id) {

        private static final String UNKNOWN = "unknown";

        static Subject of(Log.Event event) {
            return new Subject(Long.toString(event.version()), event.id());
        }

        static Subject of(long version) {
            return new Subject(Long.toString(version), UNKNOWN);
        }

        static Subject of(String id) {
            return new Subject(UNKNOWN, id);
        }
    }

    private record Found(long time, String text) {}
}
