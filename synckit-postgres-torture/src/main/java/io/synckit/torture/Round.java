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
import java.util.EnumSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Random;
import java.util.Set;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;

/** One run with a seed: a new database, all processes, faults, and the judgement. */
final class Round {

    private static final Duration AFTER_A_POLL = Duration.ofSeconds(20);
    /** All processes start at the same time, on a machine that may be busy. */
    private static final Duration START = Duration.ofMinutes(5);

    private static final Duration MINUTE = Duration.ofMinutes(1);

    /** Limit for the start and the end of a round, in addition to the time of its faults. */
    private static final Duration LONGEST_REST = Duration.ofMinutes(10);

    /** Shorter than the poll interval of the listeners. */
    private static final Duration BEFORE_A_POLL = Duration.ofSeconds(8);

    private static final int PAIRS = 3;

    private final long seed;
    private final int partitions;
    private final Path directory;
    private final List<Path> overrides;
    private final Duration catchUpLimit;
    private final List<String> violations = new ArrayList<>();
    private final List<String> excerpts = new ArrayList<>();

    /**
     * @param directory of the histories, which is created
     * @param overrides directories whose classes replace those of the class path
     * @param catchUpLimit the time in which readers and consumers must receive or handle everything, after the writers have ended
     */
    Round(long seed, int partitions, Path directory, List<Path> overrides, Duration catchUpLimit) {
        this.seed = seed;
        this.partitions = partitions;
        this.directory = directory;
        this.overrides = overrides;
        this.catchUpLimit = catchUpLimit;
    }

    /** Runs a round. A failure of the run itself is a violation, too. */
    static Outcome run(Round round, Duration time, Set<Fault> wanted, int major) {
        try {
            return Watchdog.watch(time.plus(LONGEST_REST), round::giveUp, () -> round.run(time, wanted, major));
        } catch (Exception e) {
            return new Outcome(
                    List.of("the run does not fail: " + e), List.of(), "not counted", Map.of(), new TakeOverTimes());
        }
    }

    /** Ends the program, because a call that never returns would hold up a build for ever. */
    private void giveUp(String stack) {
        try {
            System.out.printf(
                    "FAILED: the round of seed %d has not ended in time. Its thread is here:%n%s", seed, stack);
            Files.createDirectories(directory); // it is deleted after a round that has passed
            ProcessHandle.current()
                    .children()
                    .filter(Stacks::isJava)
                    .forEach(process -> Stacks.write(process.pid(), directory.resolve(process.pid() + ".stacks")));
            System.out.println("  The histories, and thread dumps of the processes, are in " + directory);
        } catch (IOException e) {
            System.out.println("  The thread dumps cannot be written: " + e);
        } finally {
            System.exit(1);
        }
    }

    /** Runs for this time, and then until all is handled. */
    private Outcome run(Duration time, Set<Fault> wanted, int major) throws Exception {
        Directories.delete(directory);
        Files.createDirectories(directory);
        try (Workspace workspace = new Workspace()) {
            Server first = new Server(workspace.directory().resolve("primary"), major, commitsAsynchronously(seed));
            first.start();
            Random random = new Random(seed);
            try (Pooler pooler = pooler(first, wanted);
                    Children children =
                            new Children(directory, overrides, partitions, seed, Targets.of(first, pooler))) {
                Stage stage = new Stage(first, pooler, children, random, workspace.directory());
                try {
                    children.migrate();
                    create(first);
                    children.startAll();
                    awaitConsumers(stage, START);
                    Levels levels = new Levels(children);
                    levels.measureFirst();
                    Faults faults = new Faults(stage, possible(wanted, major, workspace));
                    inject(time, stage, faults);
                    finish(stage, faults, levels);
                    return judge(stage, faults);
                } finally {
                    stage.server.stop("QUIT");
                }
            }
        }
    }

    private Set<Fault> possible(Set<Fault> wanted, int major, Workspace workspace) {
        Set<Fault> possible = Faults.possible(wanted, major, workspace.canBeFilled());
        if (pooling(seed, wanted).isEmpty()) {
            possible.remove(Fault.KILL_POOLER);
        }
        return possible;
    }

    /** Returns whether {@code synchronous_commit} is off in the round of a seed. */
    static boolean commitsAsynchronously(long seed) {
        return seed % 4 < 2;
    }

    /** Returns what is between processes and server in the round of a seed; empty if they are connected directly. */
    static Optional<Pooler.Mode> pooling(long seed, Set<Fault> wanted) {
        boolean always = wanted.equals(EnumSet.of(Fault.KILL_POOLER));
        int kind = (int) (always ? 1 + Math.floorMod(seed, 2L) : Math.floorMod(seed, 3L));
        return Tools.pgBouncer().isEmpty() || kind == 0
                ? Optional.empty()
                : Optional.of(Pooler.Mode.values()[kind - 1]);
    }

    private @Nullable Pooler pooler(Server server, Set<Fault> wanted) throws IOException {
        Optional<Pooler.Mode> mode = pooling(seed, wanted);
        return mode.isEmpty()
                ? null
                : new Pooler(Tools.pgBouncer().orElseThrow(), directory, mode.get(), server.port());
    }

    private static void create(Server server) throws SQLException {
        server.execute(
                "create table balances (account text primary key, amount bigint, last_version bigint, in_order boolean)",
                "create table applied (n bigint generated always as identity, version bigint, account text)",
                "create table business (event_id text)",
                "create table contended (id int primary key, n int)",
                "insert into contended values (0, 0), (1, 0)",
                "create table slow_commits (seconds double precision, fails boolean)",
                "create function commit_slowly() returns trigger language plpgsql as $$ begin"
                        + " perform pg_sleep(new.seconds); if new.fails then raise exception 'fails on purpose'; end if; return null; end $$",
                "create constraint trigger slow after insert on slow_commits deferrable initially deferred"
                        + " for each row execute function commit_slowly()");
    }

    /** Waits until all consumers are up, because a fault before would prove little. Each has one row, whatever has happened to it. */
    private void awaitConsumers(Stage stage, Duration limit) throws SQLException {
        String names =
                stage.children.of(Role.CONSUMER).stream().map(Child::name).collect(Collectors.joining(","));
        String up = "select count(*) from synckit.events_instances where name = any('{" + names + "}')";
        String all = String.valueOf(Role.CONSUMER.processes());
        if (!Pause.until(limit, () -> all.equals(stage.server.query(up)))) {
            violations.add("each consumer is an instance within " + limit.toSeconds() + " s: " + stage.server.query(up)
                    + " of " + all + " rows of " + names);
        }
    }

    private void inject(Duration time, Stage stage, Faults faults) throws Exception {
        long end = System.nanoTime() + time.toNanos();
        try (Writer schedule = Files.newBufferedWriter(directory.resolve("faults"))) {
            while (System.nanoTime() < end && violations.isEmpty()) {
                Pause.millis(stage.between(1000, 3000));
                awaitConsumers(stage, MINUTE);
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
        await(stage, catchUpLimit, Role.READER, Role.POLLING_READER, Role.CONSUMER);
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
            await(stage, BEFORE_A_POLL, Role.READER);
        }
        pairs.lostNotification();
        await(stage, AFTER_A_POLL, Role.READER);
        await(stage, catchUpLimit, Role.POLLING_READER, Role.CONSUMER);
    }

    /** Waits until processes have received or handled everything. Does not wait if a guarantee was broken before. */
    private void await(Stage stage, Duration limit, Role... roles) throws Exception {
        long end = System.nanoTime() + limit.toNanos();
        String last = stage.server.query("select coalesce(max(version), 0) from synckit.events");
        for (Role role : roles) {
            for (Child child : stage.children.of(role)) {
                if (violations.isEmpty() && !hasReached(last, millisUntil(end), child)) {
                    violations.add("everything is received and handled within " + limit.toSeconds() + " s: "
                            + child.name() + " has not reached version " + last);
                }
            }
        }
    }

    private static boolean hasReached(String version, long millis, Child child) throws Exception {
        return "true".equals(child.tell("await " + version + " " + millis, MINUTE.plusMillis(millis)));
    }

    private static long millisUntil(long end) {
        return Math.max(1, Duration.ofNanos(end - System.nanoTime()).toMillis());
    }

    private void parked(Stage stage, Faults faults) throws SQLException {
        String killers = stage.server.query("select count(*) from synckit.events_parked where retry_at is null"
                + " and key like 'killer-%' and failure like '3 processes have died%'");
        String others = stage.server.query("select string_agg(key || ': ' || failure, '; ') from synckit.events_parked"
                + " where key not like 'killer-%'");
        if (!String.valueOf(faults.killers()).equals(killers) || others != null) {
            violations.add("only killing events are parked: " + killers + " of " + faults.killers() + " are parked"
                    + (others == null ? "" : ", and other keys wait: " + others));
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
        excerpts.addAll(result.excerpts());
        if (violations.isEmpty()) {
            Directories.delete(directory);
        }
        return new Outcome(violations, excerpts, result.counts(), faults.counts(), faults.takeOverTimes());
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
    record Outcome(
            List<String> violations,
            List<String> excerpts,
            String counts,
            Map<Fault, Integer> faults,
            TakeOverTimes takeOverTimes) {}
}
