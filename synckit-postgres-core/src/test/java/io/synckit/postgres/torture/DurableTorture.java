package io.synckit.postgres.torture;

import com.zaxxer.hikari.HikariConfig;
import com.zaxxer.hikari.HikariDataSource;
import io.synckit.Event;
import io.synckit.EventStoreException;
import io.synckit.postgres.Config;
import io.synckit.postgres.PostgresEventStore;
import io.synckit.postgres.schema.SchemaMigrator;
import io.synckit.subscription.DurableOptions.Delivery;
import io.zonky.test.db.postgres.embedded.EmbeddedPostgres;
import java.io.IOException;
import java.net.ServerSocket;
import java.nio.file.Files;
import java.nio.file.Path;
import java.sql.Connection;
import java.sql.DriverManager;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.time.Duration;
import java.util.ArrayList;
import java.util.EnumMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicLong;
import java.util.stream.Stream;
import org.postgresql.ds.PGSimpleDataSource;

/**
 * Faults in real processes: three workers keep account balances by a durable subscription while 16 writers store events. Every few seconds
 * a worker is killed, paused, stopped in order or loses its sessions, or the server is restarted. At the end the balances must equal the
 * log.
 *
 * <p>Arguments: delivery, partitions, seconds, seeds, synchronous_commit, and faults (for example {@code EXACTLY_ONCE 8 120
 * 1,2,3 on KILL,PAUSE}). With the system property {@code torture.logs}, the workers write their output into that directory.
 */
public final class DurableTorture {

    private static final int WORKERS = 3;
    private static final int WRITERS = 16;
    private static final int ACCOUNTS = 40;
    private static final Duration CATCH_UP = Duration.ofMinutes(2);

    private final Delivery delivery;
    private final int partitions;
    private final Random random;
    private final String synchronousCommit;
    private final List<Fault> possible;
    private final Path data;
    private final int port;
    private final Path outage;
    private final Process[] workers = new Process[WORKERS];
    private final String[] names = new String[WORKERS];
    private final Map<Fault, Integer> faults = new EnumMap<>(Fault.class);
    private final Map<Fault, List<Long>> takeOvers = new EnumMap<>(Fault.class);
    private final AtomicLong stored = new AtomicLong();
    private EmbeddedPostgres server;
    private int started;
    private int killers;
    private volatile boolean writing = true;

    private enum Fault {
        KILL,
        PAUSE,
        STOP_IN_ORDER,
        TERMINATE_SESSIONS,
        LOSE_LISTENER,
        RESTART_SERVER,
        KILLING_EVENT,
        OUTAGE
    }

    private DurableTorture(Delivery delivery, int partitions, long seed, String synchronousCommit, List<Fault> possible)
            throws IOException {
        this.possible = possible;
        this.synchronousCommit = synchronousCommit;
        this.delivery = delivery;
        this.partitions = partitions;
        this.random = new Random(seed);
        this.data = Files.createTempDirectory("synckit-torture");
        this.outage = data.resolveSibling(data.getFileName() + ".outage");
        try (ServerSocket free = new ServerSocket(0)) {
            this.port = free.getLocalPort();
        }
        this.server = startServer();
    }

    public static void main(String[] args) throws Exception {
        boolean right = true;
        for (String seed : args[3].split(",")) {
            DurableTorture run = new DurableTorture(
                    Delivery.valueOf(args[0]),
                    Integer.parseInt(args[1]),
                    Long.parseLong(seed),
                    args.length > 4 ? args[4] : "on",
                    args.length > 5
                            ? Stream.of(args[5].split(",")).map(Fault::valueOf).toList()
                            : List.of(Fault.values()));
            String problem = run.run(Duration.ofSeconds(Long.parseLong(args[2])));
            right &= problem.isEmpty();
            System.out.printf(
                    "%s seed %s, %d partitions, %s s: %d events, faults %s: %s%n",
                    args[0],
                    seed,
                    run.partitions,
                    args[2],
                    run.stored.get(),
                    run.faults,
                    problem.isEmpty() ? "right" : "WRONG: " + problem);
            System.out.println("  take-over, ms: " + run.takeOvers);
        }
        System.exit(right ? 0 : 1);
    }

    private EmbeddedPostgres startServer() throws IOException {
        return EmbeddedPostgres.builder()
                .setDataDirectory(data)
                .setCleanDataDirectory(false)
                .setPort(port)
                .setServerConfig("max_connections", "150")
                .setServerConfig("fsync", "off")
                .setServerConfig("synchronous_commit", synchronousCommit)
                .setPGStartupWait(Duration.ofMinutes(2))
                .start();
    }

    private String url() {
        return "jdbc:postgresql://localhost:" + port + "/postgres?user=postgres&loginTimeout=5";
    }

    private String run(Duration time) throws Exception {
        try {
            PGSimpleDataSource owner = new PGSimpleDataSource();
            owner.setUrl(url());
            new SchemaMigrator(owner, "synckit", "events", SchemaMigrator.Options.DEFAULTS).migrate();
            execute(
                    "create table balances (account text primary key, amount bigint, last_version bigint, in_order boolean)",
                    "create table deliveries (n bigint generated always as identity, version bigint, account text)");
            for (int i = 0; i < WORKERS; i++) {
                startWorker(i);
            }
            awaitWorkers();
            try (HikariDataSource pool = writerPool()) {
                PostgresEventStore store = PostgresEventStore.on(pool, Config.defaults());
                List<Thread> writers = new ArrayList<>();
                for (int i = 0; i < WRITERS; i++) {
                    Thread writer = new Thread(() -> write(store), "writer-" + i);
                    writer.start();
                    writers.add(writer);
                }
                long end = System.nanoTime() + time.toNanos();
                while (System.nanoTime() < end) {
                    Thread.sleep(1500 + random.nextInt(2500));
                    awaitWorkers();
                    fault(possible.get(random.nextInt(possible.size())));
                }
                writing = false;
                for (Thread writer : writers) {
                    writer.join();
                }
            }
            awaitCatchUp();
            return problem();
        } finally {
            for (Process worker : workers) {
                if (worker != null) {
                    worker.destroyForcibly().waitFor();
                }
            }
            server.close();
            delete(data);
        }
    }

    private HikariDataSource writerPool() {
        HikariConfig config = new HikariConfig();
        config.setJdbcUrl(url());
        config.setMaximumPoolSize(WRITERS);
        config.setConnectionTimeout(3000);
        return new HikariDataSource(config);
    }

    private void write(PostgresEventStore store) {
        Random own = new Random(Thread.currentThread().getName().hashCode());
        while (writing) {
            try {
                store.store(Event.of("account-" + own.nextInt(ACCOUNTS), "Booked", (long) own.nextInt(1000)));
                stored.incrementAndGet();
                Thread.sleep(20);
            } catch (EventStoreException e) {
                pause(100);
            } catch (InterruptedException e) {
                return;
            }
        }
    }

    private static void pause(long millis) {
        try {
            Thread.sleep(millis);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
    }

    private void startWorker(int index) throws IOException {
        String name = "worker-" + ++started;
        names[index] = name;
        workers[index] = new ProcessBuilder(
                        Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                        "-Xmx128m",
                        "-XX:+UseSerialGC",
                        "-XX:TieredStopAtLevel=1",
                        "-cp",
                        System.getProperty("java.class.path"),
                        DurableWorker.class.getName(),
                        url(),
                        delivery.name(),
                        String.valueOf(partitions),
                        name,
                        outage.toString())
                .redirectErrorStream(true)
                .redirectOutput(output(name))
                .start();
    }

    private static ProcessBuilder.Redirect output(String worker) {
        String logs = System.getProperty("torture.logs");
        return logs == null
                ? ProcessBuilder.Redirect.DISCARD
                : ProcessBuilder.Redirect.to(Path.of(logs, worker + ".log").toFile());
    }

    /** A fault while other workers are not up yet would measure the start of a JVM. */
    private void awaitWorkers() throws SQLException {
        long end = System.nanoTime() + Duration.ofSeconds(20).toNanos();
        String up =
                "select count(*) from synckit.events_instances where name = any('{" + String.join(",", names) + "}')";
        while (!String.valueOf(WORKERS).equals(query(up)) && System.nanoTime() < end) {
            pause(50);
        }
    }

    /** Most faults hit a process that owns partitions. */
    private int victim() throws SQLException {
        String owner = query(
                "select i.name from synckit.events_checkpoints c join synckit.events_instances i on i.id = c.owner"
                        + " order by c.partition limit 1");
        if (owner != null && random.nextInt(4) > 0) {
            for (int i = 0; i < WORKERS; i++) {
                if (owner.equals(names[i])) {
                    return i;
                }
            }
        }
        return random.nextInt(WORKERS);
    }

    private void fault(Fault fault) throws Exception {
        faults.merge(fault, 1, Integer::sum);
        int victim = victim();
        Process worker = workers[victim];
        switch (fault) {
            case KILL -> {
                Owned owned = owned(victim);
                worker.destroyForcibly().waitFor();
                measure(fault, owned);
                startWorker(victim);
            }
            case PAUSE -> {
                Owned owned = owned(victim);
                signal("-STOP", worker.pid());
                measure(fault, owned);
                Thread.sleep(3500 + random.nextInt(4000));
                signal("-CONT", worker.pid());
            }
            case STOP_IN_ORDER -> {
                Owned owned = owned(victim);
                worker.getOutputStream().close();
                measure(fault, owned);
                if (!worker.waitFor(30, TimeUnit.SECONDS)) {
                    worker.destroyForcibly().waitFor();
                }
                startWorker(victim);
            }
            case TERMINATE_SESSIONS ->
                query(
                        "select count(pg_terminate_backend(pid)) from pg_stat_activity where application_name like 'worker-%'"
                                + " and random() < 0.5");
            case LOSE_LISTENER ->
                query(
                        "select count(pg_terminate_backend(pid)) from pg_stat_activity where application_name like 'worker-%-listener'");
            case RESTART_SERVER -> restartServer(random.nextBoolean() ? "-QUIT" : "-INT");
            case KILLING_EVENT -> storeKillingEvent();
            case OUTAGE -> {
                Files.createFile(outage);
                Thread.sleep(10_000);
                Files.delete(outage);
            }
        }
    }

    /** Stores an event whose handler halts its process. Waits until it is parked, because at most {@value #WORKERS} workers are up. */
    private void storeKillingEvent() throws Exception {
        String key = "killer-" + ++killers;
        try (HikariDataSource pool = writerPool()) {
            PostgresEventStore.on(pool, Config.defaults()).store(Event.of(key, DurableWorker.KILLING_EVENT, 0L));
        }
        String parked = "select count(*) from synckit.events_parked where retry_at is null and key = '" + key + "'";
        long end = System.nanoTime() + Duration.ofMinutes(2).toNanos();
        while (!"1".equals(query(parked)) && System.nanoTime() < end) {
            for (int i = 0; i < WORKERS; i++) {
                if (!workers[i].isAlive()) {
                    startWorker(i);
                }
            }
            pause(100);
        }
    }

    /** A partition that a worker owned at a time of the server. */
    private record Owned(String partition, String owner, String since) {}

    private Owned owned(int worker) throws SQLException {
        String found = query("select c.partition || ' ' || c.owner from synckit.events_checkpoints c"
                + " join synckit.events_instances i on i.id = c.owner where i.name = '" + names[worker] + "' limit 1");
        return found == null
                ? null
                : new Owned(found.split(" ")[0], found.split(" ")[1], query("select clock_timestamp()::text"));
    }

    /** Measures the time until another owner has stored its first checkpoint. Gives up after 15 seconds. */
    private void measure(Fault fault, Owned owned) throws Exception {
        if (owned == null) {
            return;
        }
        long start = System.nanoTime();
        String taken = "select count(*) from synckit.events_checkpoints where partition = " + owned.partition
                + " and owner <> " + owned.owner + " and updated_at > '" + owned.since + "'";
        try (Connection connection = DriverManager.getConnection(url());
                Statement statement = connection.createStatement()) {
            while (System.nanoTime() - start < Duration.ofSeconds(15).toNanos()) {
                try (ResultSet rows = statement.executeQuery(taken)) {
                    rows.next();
                    if (rows.getInt(1) > 0) {
                        takeOvers
                                .computeIfAbsent(fault, created -> new ArrayList<>())
                                .add(Duration.ofNanos(System.nanoTime() - start).toMillis());
                        return;
                    }
                }
                Thread.sleep(5);
            }
        }
        takeOvers.computeIfAbsent(fault, created -> new ArrayList<>()).add(-1L);
    }

    private void restartServer(String how) throws Exception {
        long postmaster = Long.parseLong(
                Files.readAllLines(data.resolve("postmaster.pid")).get(0).trim());
        signal(how, postmaster);
        ProcessHandle.of(postmaster)
                .ifPresent(
                        ended -> ended.onExit().orTimeout(60, TimeUnit.SECONDS).join());
        server.close(); // releases the directory
        server = startServer();
    }

    private static void signal(String name, long pid) throws Exception {
        new ProcessBuilder("kill", name, Long.toString(pid)).start().waitFor();
    }

    private void awaitCatchUp() throws Exception {
        long end = System.nanoTime() + CATCH_UP.toNanos();
        String last = query("select coalesce(max(version), 0) from synckit.events");
        String waiting = "select count(*) from synckit.events_parked where key not like 'killer-%'";
        String behind = "select count(*) from synckit.events_checkpoints where position < " + last;
        while (!"0".equals(query(behind)) || !"0".equals(query(waiting))) {
            if (System.nanoTime() > end) {
                return;
            }
            Thread.sleep(100);
        }
    }

    private String problem() throws SQLException {
        String state = "positions "
                + query(
                        "select string_agg(position || coalesce(' ' || failure, ''), ', ') from synckit.events_checkpoints")
                + ", last version " + query("select max(version) from synckit.events") + ", parked "
                + query("select string_agg(key || ' ' || failure, ', ') from synckit.events_parked");
        String parked =
                query("select count(*) from synckit.events_parked where retry_at is null and key like 'killer-%'"
                        + " and failure like '3 processes have died%'");
        String others = query("select count(*) from synckit.events_parked where key not like 'killer-%'");
        if (!String.valueOf(killers).equals(parked) || !"0".equals(others)) {
            return parked + " of " + killers + " killing events are parked, and " + others + " other keys (" + state
                    + ")";
        }
        if (delivery == Delivery.EXACTLY_ONCE) {
            String wrong = query(
                    "select string_agg(coalesce(e.aggregate_id, b.account) || ': ' || coalesce(e.sum, 0) || ' in the log, '"
                            + " || coalesce(b.amount, 0) || ' in the balance', '; ') from (select aggregate_id, sum((data #>> '{}')::bigint) as sum"
                            + " from synckit.events where event_type = 'Booked' group by 1) e full join balances b on b.account = e.aggregate_id"
                            + " where e.sum is distinct from b.amount or not b.in_order");
            return wrong == null ? "" : wrong + " (" + state + ")";
        }
        String missing = query(
                "select count(*) from synckit.events e where event_type = 'Booked' and not exists (select from deliveries d where d.version = e.version)");
        String disorder = query(
                "select count(*) from (select version, lag(version) over (partition by account order by n) as before"
                        + " from (select min(n) as n, version, account from deliveries group by version, account) first) d where version < before");
        System.out.println("  duplicates: " + query("select count(*) - count(distinct version) from deliveries"));
        return "0".equals(missing) && "0".equals(disorder)
                ? ""
                : missing + " missing, " + disorder + " out of order (" + state + ")";
    }

    private void execute(String... statements) throws SQLException {
        try (Connection connection = DriverManager.getConnection(url());
                Statement statement = connection.createStatement()) {
            for (String sql : statements) {
                statement.execute(sql);
            }
        }
    }

    private String query(String sql) throws SQLException {
        try (Connection connection = DriverManager.getConnection(url());
                Statement statement = connection.createStatement();
                ResultSet rows = statement.executeQuery(sql)) {
            return rows.next() ? rows.getString(1) : null;
        }
    }

    private static void delete(Path directory) throws IOException {
        try (var files = Files.walk(directory)) {
            files.sorted(java.util.Comparator.reverseOrder())
                    .forEach(file -> file.toFile().delete());
        }
    }
}
