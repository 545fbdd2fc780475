package io.synckit.torture;

import io.synckit.torture.contender.ContenderRun;
import java.io.IOException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.EnumMap;
import java.util.EnumSet;
import java.util.List;
import java.util.Map;
import java.util.Set;

/** The command line. Exits with 1 if a guarantee was broken. */
public final class Torture {

    private static final Duration CATCH_UP_LIMIT = Duration.ofMinutes(1);

    private Torture() {}

    public static void main(String[] args) throws Exception {
        if (List.of(args).contains("--help")) {
            System.out.print(Options.HELP);
            return;
        }
        Options options;
        try {
            options = Options.parse(args);
        } catch (IllegalArgumentException e) {
            System.err.println(e.getMessage());
            System.exit(2);
            return;
        }
        boolean right = options.selfTest()
                ? new SelfTest(options).run()
                : options.contender() == null ? rounds(options) : contenders(options, options.contender());
        System.exit(right ? 0 : 1);
    }

    /** Returns whether this library was right, if it was tried. */
    private static boolean contenders(Options options, String wanted) throws Exception {
        List<String> names = wanted.equals("all") ? ContenderRun.NAMES : List.of(wanted.split(","));
        boolean right = true;
        System.out.println("| reader | stored | lost | repeated | out of order | longest delay |");
        System.out.println("|---|---|---|---|---|---|");
        for (String name : names) {
            try (Workspace workspace = new Workspace()) {
                Server server = new Server(workspace.directory().resolve("primary"), options.major(), false);
                server.start();
                try {
                    ContenderRun.Result result = ContenderRun.of(name, Server.url(server.port()), options.seed())
                            .run(options.time());
                    System.out.println(result.row());
                    right &= result.isRight() || !name.equals("synckit");
                } finally {
                    server.stop("INT");
                }
            }
        }
        return right;
    }

    private static boolean rounds(Options options) throws Exception {
        announceSkipped(options);
        boolean right = true;
        Map<Fault, Integer> all = new EnumMap<>(Fault.class);
        TakeOverTimes takeOverTimes = new TakeOverTimes();
        Duration left = options.time();
        for (long seed = options.seed(); !left.isNegative() && !left.isZero(); seed++) {
            Duration time = left.compareTo(options.round()) < 0 ? left : options.round();
            left = left.minus(time);
            int partitions = options.partitions() > 0 ? options.partitions() : seed % 2 == 0 ? 1 : 8;
            Path directory = options.directory().resolve("seed-" + seed).toAbsolutePath();
            Round.Outcome outcome = Round.run(
                    new Round(seed, partitions, directory, List.of(), CATCH_UP_LIMIT),
                    time,
                    options.faults(),
                    options.major());
            boolean isRight = outcome.violations().isEmpty();
            right &= isRight;
            outcome.faults().forEach((fault, count) -> all.merge(fault, count, Integer::sum));
            takeOverTimes.add(outcome.takeOverTimes());
            System.out.printf(
                    "%s: seed %d, PostgreSQL %d, %d partitions, synchronous_commit %s, %s, %d s: %s; faults %s%n",
                    isRight ? "passed" : "FAILED",
                    seed,
                    options.major(),
                    partitions,
                    Round.commitsAsynchronously(seed) ? "off" : "on",
                    Round.pooling(seed, options.faults())
                            .map(mode -> "PgBouncer in " + mode + " mode")
                            .orElse("no pooler"),
                    time.toSeconds(),
                    outcome.counts(),
                    outcome.faults());
            outcome.violations().forEach(violation -> System.out.println("  " + violation));
            outcome.excerpts().forEach(line -> System.out.println("  | " + line));
            if (!isRight) {
                System.out.println("  The histories are in " + directory);
            }
        }
        System.out.println("All faults: " + all);
        System.out.println("Take-over: " + takeOverTimes);
        return right;
    }

    private static void announceSkipped(Options options) throws IOException {
        try (Workspace workspace = new Workspace()) {
            Set<Fault> skipped = EnumSet.copyOf(options.faults());
            skipped.removeAll(Faults.possible(options.faults(), options.major(), workspace.canBeFilled()));
            skipped.forEach(fault -> System.out.println("skipped: " + fault + " needs " + fault.needs()));
        }
    }
}
