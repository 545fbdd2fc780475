package io.synckit.benchmarks;

import io.synckit.benchmarks.contenders.Database;
import io.synckit.benchmarks.contenders.Ours;
import io.synckit.postgres.schema.NotifyMode;
import java.io.IOException;
import java.sql.SQLException;
import java.util.Locale;
import java.util.concurrent.locks.LockSupport;

/** Counts the statements of an idle process in a database of its own, on a server that counts statements. */
final class Idle implements AutoCloseable {

    private final Database server;
    private final IdleProcess.Kind kind;
    private final Child process;
    private final double since;
    private final long callsBefore;

    private Idle(Database server, IdleProcess.Kind kind) throws Exception {
        this.server = server;
        this.kind = kind;
        server.execute("create database " + kind.database());
        String url = server.url().replace("/postgres?", "/" + kind.database() + "?");
        try (Database itsOwn = new Database(url, 1)) {
            new Ours(itsOwn, NotifyMode.COALESCED).create();
        }
        process = Child.start(IdleProcess.class, url, kind.name());
        process.answers();
        // Until then the statements of its start are over.
        LockSupport.parkNanos(kind.settles().toNanos());
        callsBefore = calls(server, kind.database());
        since = lastCall();
    }

    static Idle start(Database server, IdleProcess.Kind kind) throws Exception {
        return new Idle(server, kind);
    }

    /** Returns how many statements were executed in a database. */
    static long calls(Database server, String name) throws SQLException {
        return Long.parseLong(server.query("select coalesce(sum(s.calls), 0)::bigint from pg_stat_statements s"
                + " join pg_database d on d.oid = s.dbid where d.datname = '" + name + "' and s.toplevel"));
    }

    /** Returns the time of its last statement in seconds, so that whole intervals are counted. */
    private double lastCall() throws SQLException {
        return Double.parseDouble(server.query("select extract(epoch from max(query_start)) from pg_stat_activity"
                + " where datname = '" + kind.database() + "' and query <> ''"));
    }

    /** Reports the statements since the start. */
    void report(Report report) throws SQLException {
        double minutes = (lastCall() - since) / 60;
        if (minutes < 1) {
            report.line("%n%s: less than a minute, so not measured", kind.database());
            return;
        }
        double perMinute = (calls(server, kind.database()) - callsBefore) / minutes;
        Samples samples = new Samples(
                kind.database().replace('_', '-'),
                String.format(
                        Locale.ROOT,
                        "statements of a process with %d %s subscriptions to which nothing happens, in %.1f minutes",
                        kind.subscriptions(),
                        kind.name().toLowerCase(Locale.ROOT),
                        minutes),
                "/min");
        samples.add("synckit, coalesced", perMinute);
        report.table(samples);
        report.atMost(kind.database().replace('_', '-'), perMinute, kind.goal());
    }

    @Override
    public void close() throws IOException {
        process.close();
    }
}
