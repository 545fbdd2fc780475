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
        Path directory) {

    static final String HELP =
            """
            ./torture [--minutes N] [--seed S] [--postgres 14..18] [--fault NAME,…] [--partitions N] [--round SECONDS]
                      [--contender synckit|naive|xmin|axon|essentials|all] [--self-test] [--directory DIR]

            --minutes    time of all rounds together, 5 if it is missing; a round needs about half a minute more
            --seed       seed of the first round, 1 if it is missing; the next round has the next seed
            --postgres   major version, 18 if it is missing
            --fault      only these faults, separated by commas: %s
            --partitions partitions of the durable subscriptions; if it is missing, rounds alternate between 1 and 8
            --round      seconds of a round, 120 if it is missing
            --contender  instead, compares what the reader of an event store receives with its table
            --self-test  instead, breaks the library on purpose, and shows how soon each bug is found
            --directory  of the histories, which are kept if a promise is broken; target/torture if it is missing
            """.formatted(Stream.of(Fault.values()).map(Fault::toString).collect(Collectors.joining(", ")));

    /** @throws IllegalArgumentException if an option is not known */
    static Options parse(String... args) {
        Duration time = Duration.ofMinutes(5);
        Duration round = Duration.ofSeconds(120);
        long seed = 1;
        int major = 18;
        int partitions = 0;
        Set<Fault> faults = EnumSet.allOf(Fault.class);
        String contender = null;
        boolean selfTest = false;
        Path directory = Path.of("target", "torture");
        Iterator<String> all = List.of(args).iterator();
        while (all.hasNext()) {
            String option = all.next();
            switch (option) {
                case "--minutes" -> time = Duration.ofSeconds(Math.round(60 * Double.parseDouble(all.next())));
                case "--round" -> round = Duration.ofSeconds(Long.parseLong(all.next()));
                case "--seed" -> seed = Long.parseLong(all.next());
                case "--postgres" -> major = Integer.parseInt(all.next());
                case "--partitions" -> partitions = Integer.parseInt(all.next());
                case "--fault" ->
                    faults = Stream.of(all.next().split(","))
                            .map(Fault::named)
                            .collect(Collectors.toCollection(() -> EnumSet.noneOf(Fault.class)));
                case "--contender" -> contender = all.next();
                case "--self-test" -> selfTest = true;
                case "--directory" -> directory = Path.of(all.next());
                default -> throw new IllegalArgumentException("unknown option " + option);
            }
        }
        return new Options(time, round, seed, major, partitions, faults, contender, selfTest, directory);
    }
}
