package io.synckit.torture;

import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.EnumSet;
import java.util.List;
import java.util.Set;

/** Shows that the kit finds bugs: each is put into the library, and rounds are run until a guarantee is broken. */
final class SelfTest {

    private static final Duration ROUND = Duration.ofSeconds(8);
    private static final Duration LONGEST = Duration.ofMinutes(2);

    /** Shorter than a minute, so that a second round can find the bug if the first one has not. */
    private static final Duration CATCH_UP_LIMIT = Duration.ofSeconds(20);

    private final Options options;

    SelfTest(Options options) {
        this.options = options;
    }

    /** Returns whether each bug has led to a violation in time, and the library without a bug to none. */
    boolean run() throws Exception {
        Path sources = Path.of("synckit-postgres-core", "src", "main");
        List<String> table = new ArrayList<>();
        boolean right = control(table);
        for (Bug bug : options.bugs()) {
            Path directory = options.directory().resolve(bug.name()).toAbsolutePath();
            Directories.delete(directory);
            Path classes = BuggyClasses.of(bug, sources, directory);
            long start = System.nanoTime();
            String evidence = "";
            long seconds = 0;
            for (long seed = options.seed(); evidence.isEmpty() && seconds < LONGEST.toSeconds(); seed++) {
                Round round = new Round(seed, 8, directory.resolve("seed-" + seed), List.of(classes), CATCH_UP_LIMIT);
                Round.Outcome outcome = Round.run(round, ROUND, bug.faults(), options.major());
                seconds = Duration.ofNanos(System.nanoTime() - start).toSeconds();
                evidence = outcome.violations().stream().findFirst().orElse("");
            }
            boolean found = !evidence.isEmpty() && seconds <= LONGEST.toSeconds();
            right &= found;
            String line = String.format(
                    "| %s: %s | %s |", bug, bug.description(), found ? "found after " + seconds + " s" : "NOT FOUND");
            System.out.println(line);
            System.out.println("  " + evidence);
            table.add(line);
        }
        System.out.println("| bug | result |");
        System.out.println("|---|---|");
        table.forEach(System.out::println);
        return right;
    }

    /** A round without a bug, under the faults of all bugs. */
    private boolean control(List<String> table) {
        Set<Fault> faults = EnumSet.noneOf(Fault.class);
        options.bugs().forEach(bug -> faults.addAll(bug.faults()));
        Path directory = options.directory().resolve("NO_BUG").toAbsolutePath();
        Round.Outcome outcome = Round.run(
                new Round(options.seed(), 8, directory, List.of(), CATCH_UP_LIMIT), ROUND, faults, options.major());
        boolean right = outcome.violations().isEmpty();
        String line = "| no bug | " + (right ? "no violation" : "VIOLATION: " + outcome.violations()) + " |";
        System.out.println(line);
        table.add(line);
        return right;
    }
}
