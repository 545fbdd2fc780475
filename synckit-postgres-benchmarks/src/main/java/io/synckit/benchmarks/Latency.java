package io.synckit.benchmarks;

import io.synckit.benchmarks.contenders.Contender;
import io.synckit.benchmarks.contenders.Contenders;
import io.synckit.benchmarks.contenders.Database;
import io.synckit.benchmarks.contenders.Order;
import io.synckit.benchmarks.contenders.Ours;
import io.synckit.postgres.schema.NotifyMode;
import java.io.IOException;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.locks.LockSupport;

/** Measures the time from the commit to the handler in another process, at 100 events per second. */
final class Latency {

    private static final long BETWEEN = 10_000_000;
    private static final int SATURATING = 16;
    private static final long PATIENCE = 10_000_000_000L;
    private static final String OURS = "synckit, coalesced";
    private static final String BARE = "bare LISTEN/NOTIFY";
    private static final List<String> AS_OURS = List.of("synckit, storeAsync", "synckit, storeAsync, each awaited");
    private static final List<String> IN_SMOKE = List.of(OURS, BARE, "go-sync-kit's schema");

    private final Database database;
    private final Report report;
    private final Profile profile;

    Latency(Database database, Report report, Profile profile) {
        this.database = database;
        this.report = report;
        this.profile = profile;
    }

    /** All contenders that deliver to another process. */
    void atRest() throws Exception {
        List<Contender> contenders = Contenders.all(database).stream()
                .filter(contender -> contender.can().contains(Contender.Can.FOLLOW))
                .filter(contender -> !AS_OURS.contains(contender.name()))
                .filter(contender -> profile != Profile.SMOKE || IN_SMOKE.contains(contender.name()))
                .toList();
        Contenders.create(contenders);
        Samples samples = new Samples("latency", "commit to handler in another process, 100/s", "ms");
        Map<String, String> remarks = new HashMap<>();
        contenders.forEach(contender -> samples.addAll(contender.name(), List.of()));
        try (Child child = Child.start(ListenerProcess.class, database.url())) {
            Turns.take(profile.first(1), profile.latencyRounds(), contenders, (contender, counts) -> {
                child.tell("follow " + contender.name());
                Measured measured =
                        write(child, contender, 0, counts ? profile.latencyEvents() : profile.latencyEvents() / 2);
                child.tell("stop");
                if (counts) {
                    samples.addAll(contender.name(), measured.millis);
                    if (measured.lost + measured.duplicates > 0) {
                        remarks.merge(
                                contender.name(),
                                measured.lost + " late by 10 s or lost, " + measured.duplicates + " duplicates",
                                (one, other) -> one + "; " + other);
                    }
                }
            });
        }
        contenders.forEach(contender -> samples.remark(
                contender.name(),
                String.format(
                        java.util.Locale.ROOT,
                        "p99 %.2f %s",
                        Samples.percentile(samples.of(contender.name()), 0.99),
                        remarks.getOrDefault(contender.name(), ""))));
        report.table(samples);
        report.atMost("latency-median", samples.median(OURS) / samples.median(BARE), 1.5);
        report.atMost(
                "latency-p99",
                Samples.percentile(samples.of(OURS), 0.99) / Samples.percentile(samples.of(BARE), 0.99),
                3);
        contenders.forEach(Contender::close);
    }

    /** A durable subscription of this library in another process, beside a live one. */
    void durable() throws Exception {
        Ours ours = new Ours(database, NotifyMode.COALESCED);
        ours.create();
        Samples samples = new Samples(
                "durable-latency", "commit to handler in another process, 100/s, by kind of subscription", "ms");
        List<String> kinds = List.of("live", "durable");
        kinds.forEach(kind -> samples.addAll(kind, List.of()));
        try (Child child = Child.start(ListenerProcess.class, database.url())) {
            Turns.take(profile.first(1), profile.latencyRounds(), kinds, (kind, counts) -> {
                child.tell(kind.equals("live") ? "follow " + OURS : "consume " + OURS);
                Measured measured = write(child, ours, 0, profile.latencyEvents());
                child.tell("stop");
                if (measured.lost + measured.duplicates > 0) {
                    throw new IllegalStateException(
                            measured.lost + " events are lost, " + measured.duplicates + " duplicates");
                }
                if (counts) {
                    samples.addAll(kind, measured.millis);
                }
            });
        }
        kinds.forEach(kind -> samples.remark(
                kind, String.format(java.util.Locale.ROOT, "p99 %.2f", Samples.percentile(samples.of(kind), 0.99))));
        report.table(samples);
        report.atMost("durable-latency", samples.median("durable") / samples.median("live"), 2);
        ours.close();
    }

    /** This library with many subscriptions, each to one aggregate. */
    void fanOut() throws Exception {
        Contender ours = Contenders.named(OURS, database);
        ours.create();
        Samples samples = new Samples("fan-out", "commit to handler, 100/s, by subscriptions to one stream each", "ms");
        int[] sizes = {1, 100, 10_000};
        for (int size : sizes) {
            samples.addAll(size + " subscriptions", List.of());
        }
        double heap = 0;
        try (Child child = Child.start(ListenerProcess.class, database.url())) {
            for (int round = 1 - profile.first(1); round <= profile.latencyRounds(); round++) {
                for (int size : sizes) {
                    String answer = child.tell("streams " + size).get(0);
                    Measured measured = write(child, ours, size, profile.latencyEvents());
                    child.tell("stop");
                    if (measured.lost + measured.duplicates > 0) {
                        throw new IllegalStateException(
                                measured.lost + " events are lost, " + measured.duplicates + " duplicates");
                    }
                    if (round > 0) {
                        samples.addAll(size + " subscriptions", measured.millis);
                        heap = Double.parseDouble(answer.substring("heap ".length())) / 1024;
                    }
                }
            }
        }
        report.table(samples);
        report.atMost("fan-out", samples.median("10000 subscriptions") / samples.median("1 subscriptions"), 2);
        report.atMost("fan-out-heap-KiB", heap, 2);
        ours.close();
    }

    /** The same while 16 writers store as fast as they can. */
    void saturated() throws Exception {
        List<String> names = profile == Profile.FULL
                ? List.of(OURS, BARE, "Axon, tuned", "Essentials, tuned", "Spring Integration, tuned", "xmin reader")
                : List.of(OURS, BARE);
        Samples samples = new Samples(
                "lag-saturated",
                "the same of 100 events/s while " + SATURATING + " writers store as fast as they can",
                "ms");
        double lost = 0;
        for (String name : names) {
            Contender contender = Contenders.named(name, database);
            contender.create();
            try (Child child = Child.start(ListenerProcess.class, database.url())) {
                child.tell("follow " + name);
                // The JIT compilers need some time under load as well.
                underLoad(child, contender, profile.warmUp());
                Measured measured = underLoad(child, contender, profile.saturated());
                samples.addAll(name, measured.millis);
                samples.remark(
                        name,
                        String.format(
                                java.util.Locale.ROOT,
                                "p99 %.1f; of %d events %d late by 10 s or lost, %d duplicates",
                                Samples.percentile(measured.millis, 0.99),
                                measured.stored,
                                measured.lost,
                                measured.duplicates));
                if (name.equals(OURS)) {
                    lost = measured.lost + measured.duplicates;
                }
            }
            contender.close();
        }
        report.table(samples);
        report.atMost("lag-saturated-p99-ms", Samples.percentile(samples.of(OURS), 0.99), 100);
        report.atMost("lag-saturated-lost", lost, 0);
    }

    private record Measured(List<Double> millis, long stored, long lost, long duplicates) {}

    private Measured underLoad(Child child, Contender contender, int millis) throws Exception {
        long first = Writers.next();
        ExecutorService thread = Executors.newSingleThreadExecutor();
        try {
            Future<Writers.Stored> load = thread.submit(() -> Writers.store(contender, SATURATING, millis));
            Map<Long, Long> starts = store(contender, 0, (int) (millis / (BETWEEN / 1_000_000)));
            long stored = load.get().events() + starts.size();
            Arrivals arrivals = arrivals(child, stored);
            arrivals.times.keySet().removeIf(n -> n < first);
            return new Measured(
                    millis(starts, arrivals.times), stored, stored - arrivals.times.size(), arrivals.duplicates);
        } finally {
            thread.shutdownNow();
        }
    }

    private Measured write(Child child, Contender contender, int streams, int events) throws Exception {
        Map<Long, Long> starts = store(contender, streams, events);
        Arrivals arrivals = arrivals(child, starts.size());
        arrivals.times.keySet().retainAll(starts.keySet());
        return new Measured(
                millis(starts, arrivals.times),
                starts.size(),
                starts.size() - arrivals.times.size(),
                arrivals.duplicates);
    }

    private static List<Double> millis(Map<Long, Long> starts, Map<Long, Long> arrivals) {
        List<Double> millis = new ArrayList<>();
        starts.forEach((n, start) -> {
            Long arrival = arrivals.get(n);
            if (arrival != null) {
                millis.add((arrival - start) / 1e6);
            }
        });
        return millis;
    }

    /** The start of the commit of each event. */
    private static Map<Long, Long> store(Contender contender, int streams, int events) throws Exception {
        Random random = new Random(1);
        Map<Long, Long> starts = new HashMap<>();
        Map<String, Long> versions = new HashMap<>();
        long next = System.nanoTime();
        for (int i = 0; i < events; i++) {
            next += BETWEEN;
            LockSupport.parkNanos(next - System.nanoTime());
            Order order = Writers.order();
            if (streams > 0) {
                String stream = "stream-" + random.nextInt(streams);
                order = new Order(stream, versions.merge(stream, 1L, Long::sum), order.data());
            }
            starts.put(order.data().n(), contender.storeAndCommit(order));
        }
        return starts;
    }

    private record Arrivals(Map<Long, Long> times, long duplicates) {}

    /** Polls, for a limited time, until this number of events has arrived. */
    private static Arrivals arrivals(Child child, long wanted) throws IOException {
        Map<Long, Long> times = new HashMap<>();
        long duplicates = 0;
        long end = System.nanoTime() + PATIENCE;
        while (times.size() < wanted && System.nanoTime() < end) {
            LockSupport.parkNanos(100_000_000);
            for (String line : child.tell("report")) {
                String[] words = line.split(" ");
                if (words[0].equals("duplicates")) {
                    duplicates += Long.parseLong(words[1]);
                } else if (times.putIfAbsent(Long.parseLong(words[0]), Long.parseLong(words[1])) != null) {
                    duplicates++;
                }
            }
        }
        return new Arrivals(times, duplicates);
    }
}
