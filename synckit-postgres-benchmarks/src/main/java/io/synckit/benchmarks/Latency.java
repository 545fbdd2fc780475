package io.synckit.benchmarks;

import io.synckit.ConnectionSource;
import io.synckit.Event;
import io.synckit.EventStore;
import io.synckit.Instrumentation;
import io.synckit.postgres.Config;
import io.synckit.postgres.PostgresEventStore;
import io.synckit.postgres.internal.json.JacksonJson;
import io.synckit.postgres.schema.NotifyMode;
import java.sql.Connection;
import java.sql.PreparedStatement;
import java.sql.SQLException;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.UUID;
import java.util.concurrent.locks.LockSupport;

/** From the call of commit to the handler in another process, 100 events a second: ours, and a bare NOTIFY with the id as its payload. */
final class Latency {

    private static final long BETWEEN = 10_000_000;
    private static final int WARM_UP = 2000;
    private static final String SCHEMA = "bench_latency";

    private final Server server;
    private final Report report;
    private final int rounds;
    private final int events;

    Latency(Server server, Report report, int rounds, int events) {
        this.server = server;
        this.report = report;
        this.rounds = rounds;
        this.events = events;
    }

    private interface Writer {
        /** Stores one event and commits; returns when commit was called. */
        long write(String id, String stream) throws SQLException;
    }

    void run() throws Exception {
        double oneSubscription = measure("latency", 0, 1.5, 3);
        double many = measure("latency-10000-streams", 10_000, 3, 6);
        report.atMost("fan-out-10000-to-1", many / oneSubscription, 2);
    }

    /** The median of ours, in ms. */
    private double measure(String name, int streams, double medianGoal, double p99Goal) throws Exception {
        server.migrate(SCHEMA, NotifyMode.BELL);
        server.execute(
                "drop table if exists bare; create table bare (version bigint generated always as identity primary key,"
                        + " id text not null unique, data jsonb not null)");
        List<Double> ours = new ArrayList<>();
        List<Double> bare = new ArrayList<>();
        try (Listeners listeners = Listeners.start(server, SCHEMA, streams);
                Connection connection = server.connect()) {
            connection.setAutoCommit(false);
            Writer our = ours(connection);
            Writer other = bare(connection);
            write(listeners, our, streams, WARM_UP, 0);
            write(listeners, other, streams, WARM_UP, 0);
            for (int round = 0; round < rounds; round++) {
                ours.addAll(write(listeners, our, streams, events, BETWEEN));
                bare.addAll(write(listeners, other, streams, events, BETWEEN));
            }
            report.line(
                    "%n%s: commit to handler in another process, 100/s, ms (median, p99), %d events each",
                    name, ours.size());
            line("ours", ours);
            line("bare LISTEN/NOTIFY", bare);
            report.atMost(name + "-median", Report.median(ours) / Report.median(bare), medianGoal);
            report.atMost(name + "-p99", Report.percentile(ours, 0.99) / Report.percentile(bare, 0.99), p99Goal);
            if (streams > 0) {
                report.atMost("heap-per-subscription-KiB", listeners.heapPerSubscription() / 1024.0, 2);
                String listening = server.query(
                        "select count(*) from pg_stat_activity where query ilike 'listen%' or application_name = 'synckit listener'");
                report.line("  connections that listen, ours and the bare one: %s", listening);
            }
        }
        return Report.median(ours);
    }

    private void line(String contender, List<Double> millis) {
        report.line("  %-34s %8.2f %8.2f", contender, Report.median(millis), Report.percentile(millis, 0.99));
    }

    private Writer ours(Connection connection) {
        ConnectionSource joining = () -> new ConnectionSource.Borrowed(connection, true, () -> {});
        EventStore store = new PostgresEventStore(
                server.physical(),
                joining,
                new JacksonJson(),
                Config.builder().schema(SCHEMA).build(),
                Instrumentation.NONE);
        return (id, stream) -> {
            store.store(Event.of(stream, "Measured", Map.of("n", 1)).withId(id));
            long start = System.nanoTime();
            connection.commit();
            return start;
        };
    }

    private static Writer bare(Connection connection) {
        return (id, stream) -> {
            try (PreparedStatement insert =
                            connection.prepareStatement("insert into bare (id, data) values (?, '{\"n\": 1}')");
                    PreparedStatement notify = connection.prepareStatement("select pg_notify('bare', ?)")) {
                insert.setString(1, id);
                insert.execute();
                notify.setString(1, id);
                notify.execute();
            }
            long start = System.nanoTime();
            connection.commit();
            return start;
        };
    }

    private List<Double> write(Listeners listeners, Writer writer, int streams, int count, long between)
            throws Exception {
        Random random = new Random(1);
        Map<String, Long> starts = new HashMap<>();
        long next = System.nanoTime();
        for (int i = 0; i < count; i++) {
            next += between;
            LockSupport.parkNanos(next - System.nanoTime());
            String id = UUID.randomUUID().toString();
            starts.put(id, writer.write(id, "stream-" + random.nextInt(Math.max(1, streams))));
        }
        LockSupport.parkNanos(500_000_000);
        Map<String, Long> arrivals = listeners.report();
        if (!arrivals.keySet().equals(starts.keySet())) {
            throw new IllegalStateException(starts.size() + " events were stored, " + arrivals.size() + " arrived");
        }
        List<Double> millis = new ArrayList<>();
        arrivals.forEach((id, arrival) -> millis.add((arrival - starts.getOrDefault(id, arrival)) / 1e6));
        return millis;
    }
}
