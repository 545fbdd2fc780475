package io.synckit.benchmarks;

import com.zaxxer.hikari.HikariConfig;
import com.zaxxer.hikari.HikariDataSource;
import io.synckit.postgres.Config;
import io.synckit.postgres.PostgresEventStore;
import io.synckit.postgres.RealtimeEventStore;
import io.synckit.postgres.notification.LiveOptions;
import io.synckit.postgres.schema.NotifyMode;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.locks.LockSupport;

/** Events a second, one in each transaction: with the bell and a live subscriber, without any notification, and with one for each. */
final class Throughput {

    private static final int WARM_UP = 2;

    private final Server server;
    private final Report report;
    private final int rounds;
    private final long nanos;

    Throughput(Server server, Report report, int rounds, int seconds) {
        this.server = server;
        this.report = report;
        this.rounds = rounds;
        this.nanos = seconds * 1_000_000_000L;
    }

    void run() throws Exception {
        measure(16);
        measure(64);
    }

    private void measure(int writers) throws Exception {
        List<Double> silent = new ArrayList<>();
        List<Double> bell = new ArrayList<>();
        List<Double> eachEvent = new ArrayList<>();
        for (int round = -WARM_UP; round < rounds; round++) {
            double withoutNotification = silent(writers);
            double withBell = live(writers, NotifyMode.BELL);
            double withEach = live(writers, NotifyMode.EACH_EVENT);
            if (round >= 0) {
                silent.add(withoutNotification);
                bell.add(withBell);
                eachEvent.add(withEach);
            }
        }
        report.line(
                "%nappend-%d: one event a transaction, %d writers, median (least … most) of %d rounds",
                writers, writers, rounds);
        report.row("ours, no notification, nobody listens", "events/s", silent);
        report.row("ours, bell, a live subscriber", "events/s", bell);
        report.row("ours, each-event, a live subscriber", "events/s", eachEvent);
        report.atLeast("bell-to-silent-" + writers, Report.median(bell) / Report.median(silent), 0.85);
        report.atLeast("bell-to-each-event-" + writers, Report.median(bell) / Report.median(eachEvent), 3);
    }

    private double silent(int writers) throws Exception {
        String schema = "bench_off";
        server.migrate(schema, NotifyMode.OFF);
        try (HikariDataSource pool = pool(writers)) {
            return Writers.write(
                            PostgresEventStore.on(
                                    pool, Config.builder().schema(schema).build()),
                            writers,
                            nanos)
                    * 1e9
                    / nanos;
        }
    }

    private double live(int writers, NotifyMode mode) throws Exception {
        String schema = "bench_" + mode.name().toLowerCase(java.util.Locale.ROOT);
        server.migrate(schema, mode);
        AtomicLong seen = new AtomicLong();
        try (HikariDataSource pool = pool(writers + 2);
                RealtimeEventStore store = RealtimeEventStore.on(
                        pool,
                        server.physical(),
                        Config.builder().schema(schema).notifyMode(mode).build())) {
            store.subscribe(LiveOptions.all(), event -> seen.incrementAndGet());
            long stored = Writers.write(store, writers, nanos);
            long end = System.nanoTime() + 10_000_000_000L;
            while (seen.get() < stored && System.nanoTime() < end) {
                LockSupport.parkNanos(1_000_000);
            }
            if (seen.get() != stored) {
                throw new IllegalStateException(stored + " events were stored, " + seen.get() + " were delivered");
            }
            return stored * 1e9 / nanos;
        }
    }

    private HikariDataSource pool(int connections) {
        HikariConfig config = new HikariConfig();
        config.setJdbcUrl(server.url());
        config.setMaximumPoolSize(connections);
        return new HikariDataSource(config);
    }
}
