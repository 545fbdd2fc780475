package io.synckit.benchmarks;

import io.synckit.Event;
import io.synckit.ExpectedStreamVersion;
import io.synckit.OnDuplicate;
import io.synckit.Version;
import io.synckit.benchmarks.contenders.Bare;
import io.synckit.benchmarks.contenders.Contender;
import io.synckit.benchmarks.contenders.Database;
import io.synckit.benchmarks.contenders.Order;
import io.synckit.benchmarks.contenders.Ours;
import io.synckit.benchmarks.contenders.Seed;
import io.synckit.postgres.RealtimeEventStore;
import io.synckit.postgres.schema.NotifyMode;
import io.synckit.postgres.testing.RoundTrips;
import java.io.IOException;
import java.sql.SQLException;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.concurrent.CompletableFuture;

/**
 * Measures costs that do not depend on the machine: round trips, statements, locks and bytes of the write-ahead log for each operation, and
 * the statements of an idle process. It uses a separate server, which counts statements.
 */
final class Costs implements AutoCloseable {

    private static final int TIMES = 100;

    private static final String COUNT_LOCKS = """
            create extension pg_stat_statements;
            create table locks (xid xid8 primary key, advisory integer, relation integer);
            create function count_locks() returns trigger language plpgsql as $$
            begin
                if current_setting('bench.locks', true) = 'on' then
                    insert into locks select pg_current_xact_id(), count(*) filter (where locktype = 'advisory'),
                           count(*) filter (where locktype = 'relation') from pg_locks where pid = pg_backend_pid()
                        on conflict do nothing;
                end if;
                return null;
            end $$
            """;

    private static final String COUNT_LOCKS_OF = """
            create constraint trigger zz_locks after insert on <table> deferrable initially deferred
                for each row execute function count_locks()
            """;

    private final Report report;
    private final Server server;
    private final Database database;
    private final Idle live;
    private final Idle durable;

    private Costs(Report report, Server server) throws Exception {
        this.report = report;
        this.server = server;
        this.database = server.database();
        database.execute(COUNT_LOCKS);
        live = Idle.start(database, IdleProcess.Kind.LIVE);
        durable = Idle.start(database, IdleProcess.Kind.DURABLE);
    }

    /** Starts the processes that idle while other things are measured. */
    static Costs start(Report report) throws Exception {
        return new Costs(report, Server.counting(RoundTrips.URL_PARAMETER));
    }

    private interface Work {
        void run(int i) throws Exception;
    }

    void run() throws Exception {
        Ours ours = new Ours(database, NotifyMode.COALESCED);
        Bare bare = new Bare(database, Bare.Batch.ARRAYS, false);
        Seed seed = new Seed(database);
        for (Contender contender : List.of(ours, bare, seed)) {
            contender.create();
        }
        for (String table : List.of(ours.schema() + ".events", bare.table(), "seed_events")) {
            database.execute(COUNT_LOCKS_OF.replace("<table>", table));
        }
        RealtimeEventStore store = ours.store();
        List<List<String>> rows = new ArrayList<>();
        rows.add(measure("`store`", 1, i -> ours.store(Writers.order())));
        rows.add(measure(
                "`append` with an expectation",
                1,
                i -> store.append(
                        "guarded-" + i,
                        ExpectedStreamVersion.noStream(),
                        List.of(Event.of("guarded-" + i, "OrderPlaced", data())),
                        OnDuplicate.FAIL)));
        rows.add(measure("`store` in a caller's transaction", 1, i -> ours.storeAndCommit(Writers.order())));
        rows.add(measure("`storeBatch` of 1000", 1000, i -> ours.storeBatch(Writers.batch(1000))));
        rows.add(measure("`storeAsync`, 1000 at once", 1000, i -> {
            List<CompletableFuture<?>> results = new ArrayList<>();
            Writers.batch(1000).forEach(order -> results.add(store.storeAsync(Ours.event(order))));
            results.forEach(CompletableFuture::join);
        }));
        rows.add(measure("`load` of 1000", 1000, i -> store.load(Version.ZERO)));
        rows.add(measure("`loadByAggregate` of 100", 100, i -> ours.readStream("aggregate-1", n -> {})));
        rows.add(measure("`latestVersion`", 1, i -> store.latestVersion()));
        rows.add(measure("bare insert", 1, i -> bare.store(Writers.order())));
        rows.add(measure("bare arrays of 1000", 1000, i -> bare.storeBatch(Writers.batch(1000))));
        rows.add(measure("go-sync-kit's `Store`", 1, i -> seed.store(Writers.order())));
        rows.add(measure("go-sync-kit's `StoreBatch` of 1000", 1000, i -> seed.storeBatch(Writers.batch(1000))));
        ours.close();
        report.costs(rows);
        report.line(
                "%ncosts: operation, round trips, statements, advisory and table locks at the commit, WAL bytes an event");
        rows.forEach(row -> report.line(
                "  %-36s %8s %8s %8s %8s %10s",
                row.get(0), row.get(1), row.get(2), row.get(3), row.get(4), row.get(5)));
    }

    private static Order.Data data() {
        return new Order.Data(1, "coffee", "alice", 2);
    }

    private List<String> measure(String what, int events, Work work) throws Exception {
        int times = events == 1 ? TIMES : TIMES / 10;
        for (int i = 0; i < times; i++) {
            work.run(-i - 1);
        }
        long calls = Idle.calls(database, "postgres");
        String position = database.query("select pg_current_wal_insert_lsn()");
        long trips = RoundTrips.count();
        for (int i = 0; i < times; i++) {
            work.run(i);
        }
        trips = RoundTrips.count() - trips;
        String written = database.query("select pg_current_wal_insert_lsn() - '" + position + "'::pg_lsn");
        long statements = Idle.calls(database, "postgres") - calls;
        String[] locks = locks(work, times);
        return List.of(
                what,
                number((double) trips / times),
                // Without the fraction that the measurement itself adds.
                number(Math.floor((double) statements / times)),
                locks[0],
                locks[1],
                number(Math.rint(Double.parseDouble(written) / times / events)));
    }

    /** Counts locks in a run of its own, because counting them writes rows. */
    private String[] locks(Work work, int times) throws Exception {
        database.execute("truncate locks; alter database postgres set bench.locks = 'on'");
        database.pool().getHikariPoolMXBean().softEvictConnections();
        work.run(times);
        database.execute("alter database postgres reset bench.locks");
        database.pool().getHikariPoolMXBean().softEvictConnections();
        String counted = database.query("select coalesce(max(advisory) || ' ' || max(relation), '0 0') from locks");
        return counted.split(" ");
    }

    private static String number(double value) {
        return value == Math.rint(value) ? Long.toString((long) value) : String.format(Locale.ROOT, "%.1f", value);
    }

    /** Reports the statements of the idle processes since their start. */
    void idle() throws SQLException {
        live.report(report);
        durable.report(report);
    }

    @Override
    public void close() throws IOException {
        live.close();
        durable.close();
        server.close();
    }
}
