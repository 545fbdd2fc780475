package io.synckit.torture;

import io.synckit.torture.contender.ContenderRun;
import java.nio.file.Path;
import java.time.Duration;
import java.util.EnumSet;
import java.util.Iterator;
import java.util.List;
import java.util.Set;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/** What the command line asks for. */
record Options(
        Duration time,
        Duration round,
        long seed,
        int major,
        int partitions,
        Set<Fault> faults,
        @Nullable String contender,
        boolean selfTest,
        Set<Bug> bugs,
        Path directory) {

    static final String HELP =
            """
            ./torture [--minutes N] [--seed S] [--postgres 14..18] [--fault NAME,…] [--partitions N] [--round SECONDS] [--directory DIR]
            ./torture --self-test [--bug NAME,…]
            ./torture --contender NAME,…|all [--minutes N]

            --minutes    time of all rounds together, or of each contender (default: 5)
            --round      seconds of a round (default: 120). Its start and its check take about 45 seconds more
            --seed       seed of the first round (default: 1). Each round adds 1
            --postgres   major version (default: 18)
            --fault      the faults (default: all): %s
            --partitions partitions of the durable subscriptions (default: 1 and 8 in turns)
            --directory  directory for the histories, which are kept if a guarantee is broken (default: target/torture)
            --self-test  runs short rounds with bugs in the library, and shows how soon each is found
            --bug        the bugs (default: all): %s
            --contender  compares what the reader of an event store receives with its table: %s

            The exit code is 0 if all guarantees held, 1 if not, and 2 after a wrong option.
            """.formatted(names(Fault.values()), names(Bug.values()), String.join(", ", ContenderRun.NAMES));

    private static String names(Enum<?>[] values) {
        return Stream.of(values).map(Enum::toString).collect(Collectors.joining(", "));
    }

    /** @throws IllegalArgumentException if an option is not known, or has no value or a wrong one */
    static Options parse(String... args) {
        Duration time = Duration.ofMinutes(5);
        Duration round = Duration.ofSeconds(120);
        long seed = 1;
        int major = 18;
        int partitions = 0;
        Set<Fault> faults = EnumSet.allOf(Fault.class);
        String contender = null;
        boolean selfTest = false;
        Set<Bug> bugs = EnumSet.allOf(Bug.class);
        Path directory = Path.of("target", "torture");
        Iterator<String> all = List.of(args).iterator();
        while (all.hasNext()) {
            String option = all.next();
            switch (option) {
                case "--minutes" -> time = Duration.ofSeconds(Math.round(60 * number(option, all)));
                case "--round" -> round = Duration.ofSeconds((long) number(option, all));
                case "--seed" -> seed = (long) number(option, all);
                case "--postgres" -> major = (int) number(option, all);
                case "--partitions" -> partitions = (int) number(option, all);
                case "--fault" ->
                    faults = Stream.of(value(option, all).split(","))
                            .map(Fault::named)
                            .collect(Collectors.toCollection(() -> EnumSet.noneOf(Fault.class)));
                case "--contender" -> contender = ContenderRun.requireKnown(value(option, all));
                case "--self-test" -> selfTest = true;
                case "--bug" ->
                    bugs = Stream.of(value(option, all).split(","))
                            .map(Bug::named)
                            .collect(Collectors.toCollection(() -> EnumSet.noneOf(Bug.class)));
                case "--directory" -> directory = Path.of(value(option, all));
                default -> throw new IllegalArgumentException("unknown option " + option + "; see --help");
            }
        }
        if (major < 14 || major > 18 || partitions < 0 || time.isZero() || time.isNegative()) {
            throw new IllegalArgumentException("a number is out of range; see --help");
        }
        return new Options(time, round, seed, major, partitions, faults, contender, selfTest, bugs, directory);
    }

    private static String value(String option, Iterator<String> all) {
        if (!all.hasNext()) {
            throw new IllegalArgumentException(option + " needs a value; see --help");
        }
        return all.next();
    }

    private static double number(String option, Iterator<String> all) {
        String value = value(option, all);
        try {
            return Double.parseDouble(value);
        } catch (NumberFormatException e) {
            throw new IllegalArgumentException(option + " " + value + " is not a number; see --help", e);
        }
    }
}
