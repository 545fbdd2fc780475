package io.synckit.benchmarks;

import io.synckit.benchmarks.contenders.Bare;
import io.synckit.benchmarks.contenders.Contender;
import io.synckit.benchmarks.contenders.Contender.Can;
import io.synckit.benchmarks.contenders.Contender.Following;
import io.synckit.benchmarks.contenders.Contenders;
import io.synckit.benchmarks.contenders.Database;
import io.synckit.benchmarks.contenders.OursAsync;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * One event a call: in a transaction of its own, in one with a business row, and by group commit. A contender that delivers has a subscriber
 * in the same process.
 */
final class Appends {

    private static final long PATIENCE = 5_000_000_000L;
    private static final String OURS = "synckit, coalesced";
    private static final String BARE = "bare insert";
    private static final String ASYNC = "synckit, storeAsync";
    private static final String AWAITED = "synckit, storeAsync, each awaited";
    private static final List<String> REAL_TIME_PEERS = List.of(
            "Axon",
            "Axon, tuned",
            "Essentials",
            "Essentials, tuned",
            "Spring Integration",
            "Spring Integration, tuned");

    private final List<Contender> all;
    private final Report report;
    private final Profile profile;

    Appends(List<Contender> all, Report report, Profile profile) {
        this.all = all;
        this.report = report;
        this.profile = profile;
    }

    void run() throws Exception {
        List<String> everybody = all.stream()
                .map(Contender::name)
                .filter(name -> !name.startsWith("bare") || name.equals(BARE))
                .filter(name -> !name.startsWith(ASYNC))
                .filter(profile::includes)
                .toList();
        Samples one = plain(1, List.of(OURS, BARE));
        report.atLeast("append-1", one.ratio(OURS, BARE), 0.9);
        Samples sixteen = plain(16, everybody);
        report.atLeast("append-16", sixteen.ratio(OURS, BARE), 0.85);
        report.atLeast("append-16-peers", sixteen.ratio(OURS, sixteen.best(REAL_TIME_PEERS::contains)), 1);
        Samples many = plain(64, List.of(OURS, BARE, ASYNC, AWAITED));
        report.atLeast("append-64", many.ratio(OURS, BARE), 0.75);
        report.atLeast("async-64", many.ratio(ASYNC, BARE), 5);
        report.atLeast("business-16", business(16).ratio(OURS, BARE), 0.9);
        report.atLeast("business-64", business(64).ratio(OURS, BARE), 0.85);
    }

    private Samples plain(int writers, List<String> names) throws Exception {
        return measure(
                new Samples(
                        "append-" + writers,
                        "one event a call, " + writers + " callers, a live subscriber",
                        "events/s"),
                all.stream().filter(each -> names.contains(each.name())).toList(),
                writers,
                Contender::store);
    }

    private Samples business(int writers) throws Exception {
        return measure(
                new Samples(
                        "business-" + writers,
                        "a business row and an event in one transaction, " + writers + " callers, a live subscriber",
                        "transactions/s"),
                all.stream()
                        .filter(each -> each.name().equals(OURS) || each.name().equals(BARE))
                        .toList(),
                writers,
                Contender::storeWithBusinessRow);
    }

    /** Compares numbers of lanes, to choose the default. */
    static void lanes(Database database, Report report, Profile profile) throws Exception {
        for (int callers : List.of(16, 64)) {
            for (boolean awaits : List.of(true, false)) {
                List<Contender> contenders = List.of(
                        new Bare(database, Bare.Batch.ARRAYS, false),
                        new OursAsync(database, awaits, 1),
                        new OursAsync(database, awaits, 2),
                        new OursAsync(database, awaits, 4));
                new Appends(contenders, report, profile)
                        .measure(
                                new Samples(
                                        "lanes-" + callers + (awaits ? "-awaited" : ""),
                                        "group commit, " + callers + " callers, a live subscriber",
                                        "events/s"),
                                contenders,
                                callers,
                                Contender::store);
            }
        }
    }

    private Samples measure(Samples samples, List<Contender> contenders, int writers, Writers.Store store)
            throws Exception {
        Contenders.create(contenders);
        contenders.forEach(contender -> samples.addAll(contender.name(), List.of()));
        Map<String, long[]> wrong = new LinkedHashMap<>();
        for (Contender contender : contenders) {
            Turns.warmUp(profile.warmUp(), () -> turn(contender, writers, store, new long[2]));
        }
        Turns.take(
                0,
                profile.rounds(),
                contenders,
                (contender, counts) -> samples.add(
                        contender.name(),
                        turn(contender, writers, store, wrong.computeIfAbsent(contender.name(), name -> new long[2]))));
        wrong.forEach((name, counts) -> {
            if (counts[0] + counts[1] > 0) {
                samples.remark(name, counts[0] + " late by 5 s or lost, " + counts[1] + " duplicates");
            }
        });
        contenders.forEach(Contender::close);
        report.table(samples);
        return samples;
    }

    private double turn(Contender contender, int writers, Writers.Store store, long[] wrong) throws Exception {
        if (!contender.can().contains(Can.FOLLOW)) {
            return Writers.store(contender, store, writers, profile.turn()).perSecond();
        }
        Deliveries deliveries = new Deliveries(Writers.next());
        Following following = contender.follow(deliveries);
        try (following) {
            Writers.Stored stored = Writers.store(contender, store, writers, profile.turn());
            wrong[0] += deliveries.missing(stored.events(), PATIENCE);
            wrong[1] += deliveries.duplicates();
            return stored.perSecond();
        }
    }
}
