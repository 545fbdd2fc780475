package io.synckit.benchmarks;

import io.synckit.benchmarks.contenders.Contender;
import io.synckit.benchmarks.contenders.Contenders;
import io.synckit.benchmarks.contenders.Database;
import io.synckit.benchmarks.contenders.Ours;
import io.synckit.postgres.schema.NotifyMode;
import io.synckit.subscription.DurableOptions;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.locks.LockSupport;
import java.util.stream.Stream;

/** Measures consumers with a checkpoint in the database: how fast they catch up, and what partitions gain. */
final class Consumers {

    private static final int BATCH = 1000;
    private static final int ROUNDS = 5;
    private static final long SLOW_HANDLER = 2_000_000;
    private static final int SLOW_EVENTS = 2000;
    private static final String OURS = "synckit, coalesced";
    private static final String SMALL_HEAP = "-Xmx64m";
    private static final Set<String> PEERS = Set.of("Axon, tuned", "Essentials, tuned");
    private static final List<String> ALL = List.of(OURS, "bare insert", "Axon, tuned", "Essentials, tuned");

    private final Database database;
    private final Report report;
    private final Profile profile;

    Consumers(Database database, Report report, Profile profile) {
        this.database = database;
        this.report = report;
        this.profile = profile;
    }

    /** Consumers with a handler that does nothing, each in a process of its own with a small heap. The others get their tuned settings. */
    void catchUp() throws Exception {
        int events = profile.backlog();
        Samples samples = new Samples(
                "durable-catch-up", events + " events, a checkpoint in the database, a heap of 64 MB", "events/s");
        fill(events, samples);
        Map<String, Child> processes = new LinkedHashMap<>();
        try {
            for (String name : ALL) {
                processes.put(name, Child.start(SMALL_HEAP, ConsumerProcess.class, database.url(), name));
            }
            for (Child process : processes.values()) {
                process.tell("warm-up " + events + " " + profile.warmUp());
            }
            Turns.take(0, Math.min(profile.rounds(), ROUNDS), List.copyOf(processes.entrySet()), (process, counts) -> {
                long start = System.nanoTime();
                process.getValue().tell("consume " + events);
                samples.add(process.getKey(), events / ((System.nanoTime() - start) / 1e9));
            });
        } finally {
            for (Child process : processes.values()) {
                process.close();
            }
        }
        report.table(samples);
        report.atLeast("durable-catch-up", samples.ratio(OURS, "bare insert"), 0.8);
        report.atLeast("durable-catch-up-peers", samples.ratio(OURS, samples.best(PEERS::contains)), 1);
    }

    private void fill(int events, Samples samples) throws Exception {
        List<Contender> contenders =
                ALL.stream().map(name -> Contenders.named(name, database)).toList();
        Contenders.create(contenders);
        for (Contender contender : contenders) {
            for (int stored = 0; stored < events; stored += BATCH) {
                contender.storeBatch(Writers.batch(BATCH));
            }
            samples.addAll(contender.name(), List.of());
            contender.close();
        }
        // Else autovacuum cleans one of the tables during a turn of another contender.
        database.execute("vacuum analyze");
    }

    /** A handler that takes two milliseconds. */
    void partitions() throws Exception {
        Ours ours = new Ours(database, NotifyMode.COALESCED);
        ours.create();
        int events = profile == Profile.SMOKE ? SLOW_EVENTS / 10 : SLOW_EVENTS;
        // An aggregate each, so that the partitions get nearly equal shares.
        ours.storeBatch(Stream.generate(Writers::order).limit(events).toList());
        Samples samples = new Samples("partitions", "one consumer with a handler of 2 ms, by partitions", "events/s");
        Turns.take(profile.first(1), Math.min(profile.rounds(), ROUNDS), List.of(1, 4, 8), (partitions, counts) -> {
            DurableOptions options =
                    DurableOptions.named("partitions-" + System.nanoTime()).partitions(partitions);
            long start = System.nanoTime();
            ours.consume(options, events, n -> LockSupport.parkNanos(SLOW_HANDLER));
            if (counts) {
                samples.add(partitions + " partitions", events / ((System.nanoTime() - start) / 1e9));
            }
        });
        ours.close();
        report.table(samples);
        report.atLeast("partitions-4", samples.ratio("4 partitions", "1 partitions"), 3.5);
    }
}
