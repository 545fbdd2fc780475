package io.synckit.torture;

import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;

/** Shows that the kit finds bugs: each is put into the library, and rounds are run until a promise is broken. */
final class SelfTest {

    private static final Duration ROUND = Duration.ofSeconds(8);
    private static final Duration LONGEST = Duration.ofMinutes(2);

    private final Options options;

    SelfTest(Options options) {
        this.options = options;
    }

    /** Returns whether each bug was found in time, and nothing without a bug. */
    boolean run() throws Exception {
        Path sources = Path.of("synckit-postgres-core", "src", "main");
        boolean right = true;
        List<String> table = new ArrayList<>();
        for (Bug bug : options.bugs()) {
            Path directory = options.directory().resolve(bug.name()).toAbsolutePath();
            FailOver.delete(directory);
            Path classes = BuggyClasses.of(bug, sources, directory);
            long start = System.nanoTime();
            String evidence = "";
            long seconds = 0;
            for (long seed = options.seed(); evidence.isEmpty() && seconds < LONGEST.toSeconds(); seed++) {
                Round round = new Round(seed, 8, directory.resolve("seed-" + seed), List.of(classes));
                Round.Outcome outcome = round.run(ROUND, bug.faults(), options.major());
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
        System.out.println("| bug | |");
        System.out.println("|---|---|");
        table.forEach(System.out::println);
        return right;
    }
}
