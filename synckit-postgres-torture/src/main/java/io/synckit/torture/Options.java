package io.synckit.torture;

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
            ./torture [--minutes N] [--seed S] [--postgres 14..18] [--fault NAME,…] [--partitions N] [--round SECONDS]
                      [--contender synckit|naive|xmin|axon|essentials|all] [--self-test [--bug NAME,…]] [--directory DIR]

            --minutes    time of all rounds together, 5 if it is missing; a round needs about half a minute more
            --seed       seed of the first round, 1 if it is missing; the next round has the next seed
            --postgres   major version, 18 if it is missing
            --fault      only these faults, separated by commas: %s
            --partitions partitions of the durable subscriptions; if it is missing, rounds alternate between 1 and 8
            --round      seconds of a round, 120 if it is missing
            --contender  instead, compares what the reader of an event store receives with its table
            --self-test  instead, breaks the library on purpose, and shows how soon each bug is found
            --bug        only these bugs
            --directory  of the histories, which are kept if a promise is broken; target/torture if it is missing
            """.formatted(Stream.of(Fault.values()).map(Fault::toString).collect(Collectors.joining(", ")));

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
                case "--contender" -> contender = value(option, all);
                case "--self-test" -> selfTest = true;
                case "--bug" ->
                    bugs = Stream.of(value(option, all).split(","))
                            .map(Bug::valueOf)
                            .collect(Collectors.toCollection(() -> EnumSet.noneOf(Bug.class)));
                case "--directory" -> directory = Path.of(value(option, all));
                default -> throw new IllegalArgumentException("unknown option " + option + "; see --help");
            }
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
