package io.synckit.torture;

import io.synckit.torture.check.Checker;
import io.synckit.torture.process.CommitPairs;
import io.synckit.torture.process.Pause;
import java.io.IOException;
import java.io.Writer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.sql.Connection;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.Set;
import java.util.stream.Collectors;

/** One run with a seed: a new database, all processes, faults, and the judgement. */
final class Round {

    private static final Duration START = Duration.ofSeconds(60);
    private static final Duration LOST_HINT = Duration.ofSeconds(20);
    private static final Duration MINUTE = Duration.ofMinutes(1);

    /** Shorter than the poll interval of the listeners. */
    private static final Duration SOON = Duration.ofSeconds(8);

    private static final int PAIRS = 3;

    private final long seed;
    private final int partitions;
    private final Path directory;
    private final List<Path> hidden;
    private final List<String> violations = new ArrayList<>();

    /**
     * @param directory of the histories, which is created
     * @param hidden directories with classes that hide those of the class path
     */
    Round(long seed, int partitions, Path directory, List<Path> hidden) {
        this.seed = seed;
        this.partitions = partitions;
        this.directory = directory;
        this.hidden = hidden;
    }

    /** Runs for this time, and then until all is handled. */
    Outcome run(Duration time, Set<Fault> wanted, int major) throws Exception {
        FailOver.delete(directory);
        Files.createDirectories(directory);
        try (Workspace workspace = new Workspace()) {
            Server first = new Server(workspace.directory().resolve("primary"), major, isAsynchronous(seed));
            first.start();
            Random random = new Random(seed);
            try (Children children = new Children(directory, hidden, partitions, seed, first.port())) {
                Stage stage = new Stage(first, children, random, workspace.directory());
                try {
                    children.migrate();
                    create(first);
                    children.startAll();
                    awaitConsumers(stage);
                    Levels levels = new Levels(children);
                    levels.measureFirst();
                    Faults faults = new Faults(stage, Faults.possible(wanted, major, workspace.canBeFilled()));
                    inject(time, stage, faults);
                    finish(stage, faults, levels);
                    return judge(stage, faults);
                } finally {
                    stage.server.stop("QUIT");
                }
            }
        }
    }

    /** Returns whether {@code synchronous_commit} is off in the round of a seed. */
    static boolean isAsynchronous(long seed) {
        return seed % 4 < 2;
    }

    private static void create(Server server) throws SQLException {
        server.execute(
                "create table balances (account text primary key, amount bigint, last_version bigint, in_order boolean)",
                "create table applied (n bigint generated always as identity, version bigint, account text)",
                "create table business (event_id text)",
                "create table slow_commits (seconds double precision, fails boolean)",
                "create function commit_slowly() returns trigger language plpgsql as $$ begin"
                        + " perform pg_sleep(new.seconds); if new.fails then raise exception 'fails on purpose'; end if; return null; end $$",
                "create constraint trigger slow after insert on slow_commits deferrable initially deferred"
                        + " for each row execute function commit_slowly()");
    }

    /** A fault while consumers are not up yet would prove little. */
    private static void awaitConsumers(Stage stage) throws SQLException {
        String names =
                stage.children.of(Role.CONSUMER).stream().map(Child::name).collect(Collectors.joining(","));
        String up = "select count(*) from synckit.events_instances where name = any('{" + names + "}')";
        long end = System.nanoTime() + START.toNanos();
        while (!String.valueOf(Role.CONSUMER.processes()).equals(stage.server.query(up)) && System.nanoTime() < end) {
            Pause.millis(50);
        }
    }

    private void inject(Duration time, Stage stage, Faults faults) throws Exception {
        long end = System.nanoTime() + time.toNanos();
        try (Writer schedule = Files.newBufferedWriter(directory.resolve("faults"))) {
            while (System.nanoTime() < end) {
                Pause.millis(stage.between(1000, 3000));
                awaitConsumers(stage);
                long began = System.nanoTime();
                schedule.write(faults.next() + "\t" + began + "\t" + System.nanoTime() + "\n");
                schedule.flush();
            }
        }
    }

    /** Lets the writers end, and waits until everything that they have stored is received and handled. */
    private void finish(Stage stage, Faults faults, Levels levels) throws Exception {
        List<Child> writers = stage.children.of(Role.WRITER);
        writers.forEach(Child::beginStop);
        for (Child writer : writers) {
            if (!writer.awaitStop()) {
                violations.add("a writer ends after its operations: " + writer.name() + " did not");
            }
        }
        faults.end();
        stage.children.replaceDeadConsumers();
        await(stage, MINUTE, Role.READER, Role.POLLING_READER, Role.CONSUMER);
        pairs(stage);
        violations.addAll(levels.problems());
        parked(stage, faults);
        for (Child child : stage.children.all()) {
            child.beginStop();
        }
        for (Child child : stage.children.all()) {
            if (!child.awaitStop()) {
                violations.add("a process stops in order: " + child.name() + " did not");
            }
        }
    }

    /** Without faults, a notification leads to a read at once. If it was lost, the next poll finds the events. */
    private void pairs(Stage stage) throws Exception {
        CommitPairs pairs = new CommitPairs(Server.url(stage.server.port()), directory);
        for (int i = 0; i < PAIRS; i++) {
            pairs.commitAfterNotification();
            await(stage, SOON, Role.READER);
        }
        pairs.lostNotification();
        await(stage, LOST_HINT, Role.READER);
        await(stage, MINUTE, Role.POLLING_READER, Role.CONSUMER);
    }

    /** After a first violation, nothing is waited for any more. */
    private void await(Stage stage, Duration limit, Role... roles) throws Exception {
        String last = stage.server.query("select coalesce(max(version), 0) from synckit.events");
        for (Role role : roles) {
            for (Child child : stage.children.of(role)) {
                if (violations.isEmpty() && !"true".equals(child.tell("await " + last + " " + limit.toMillis()))) {
                    violations.add("everything is handled within " + limit.toSeconds() + " s after the last fault: "
                            + child.name() + " has not reached " + last);
                }
            }
        }
    }

    private void parked(Stage stage, Faults faults) throws SQLException {
        String killers = stage.server.query("select count(*) from synckit.events_parked where retry_at is null"
                + " and key like 'killer-%' and failure like '3 processes have died%'");
        String others = stage.server.query("select string_agg(key || ': ' || failure, '; ') from synckit.events_parked"
                + " where key not like 'killer-%'");
        if (!String.valueOf(faults.killers()).equals(killers) || others != null) {
            violations.add("only killing events are parked: " + killers + " of " + faults.killers() + " are, and also "
                    + others);
        }
    }

    private Outcome judge(Stage stage, Faults faults) throws Exception {
        Map<String, String> tables = Map.of(
                "log",
                        "select version, id, aggregate_id, stream_version, event_type, data from synckit.events order by version",
                "applied", "select version, account from applied order by n",
                "balances", "select account, amount, in_order from balances order by account",
                "business", "select event_id from business");
        for (Map.Entry<String, String> table : tables.entrySet()) {
            write(stage.server, table.getValue(), directory.resolve(table.getKey() + ".tsv"));
        }
        Checker result = Checker.check(directory);
        violations.addAll(result.violations());
        if (violations.isEmpty()) {
            FailOver.delete(directory);
        }
        return new Outcome(violations, result.counts(), faults.counts());
    }

    private static void write(Server server, String query, Path file) throws SQLException, IOException {
        try (Connection connection = server.connect();
                Statement statement = connection.createStatement();
                ResultSet rows = statement.executeQuery(query);
                Writer out = Files.newBufferedWriter(file)) {
            int columns = rows.getMetaData().getColumnCount();
            while (rows.next()) {
                for (int i = 1; i <= columns; i++) {
                    out.write(i > 1 ? "\t" : "");
                    out.write(rows.getString(i));
                }
                out.write('\n');
            }
        }
    }

    /** The judgement of a round. */
    record Outcome(List<String> violations, String counts, Map<Fault, Integer> faults) {}
}
