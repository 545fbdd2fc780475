package io.synckit.torture.contender;

import io.synckit.benchmarks.contenders.Axon;
import io.synckit.benchmarks.contenders.Contender;
import io.synckit.benchmarks.contenders.Database;
import io.synckit.benchmarks.contenders.Essentials;
import io.synckit.benchmarks.contenders.Order;
import io.synckit.benchmarks.contenders.Ours;
import io.synckit.benchmarks.contenders.XminReader;
import io.synckit.postgres.schema.NotifyMode;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Random;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.locks.LockSupport;

/**
 * Compares what a reader receives with what its table has at the end. Every insert gets a random delay before its commit, some fail, and the
 * sessions of writers are ended now and then. One transaction that stores nothing runs for ten seconds.
 */
public final class ContenderRun {

    /** Names of the command line. */
    public static final List<String> NAMES = List.of("synckit", "naive", "xmin", "axon", "essentials");

    private static final int WRITERS = 12;
    private static final Duration QUIET = Duration.ofSeconds(20);

    /** Mostly a few milliseconds, sometimes seconds, and once in 2,000 longer than a minute. */
    private static final String DELAY = """
            create function delay() returns trigger language plpgsql as $$
            declare dice constant double precision := random();
            begin
                perform pg_sleep(case when dice < 0.0005 then 65 when dice < 0.004 then 1 + 4 * random()
                                      when dice < 0.2 then 0.1 * random() else 0.01 * random() end);
                if random() < 0.03 then
                    raise exception 'fails on purpose';
                end if;
                return null;
            end $$
            """;

    private final Database database;
    private final Contender contender;
    private final String table;
    private final Random random;
    private final List<Long> received = new ArrayList<>();
    private final Map<Long, Long> receivedAt = new ConcurrentHashMap<>();
    private final Map<Long, Long> storedAt = new ConcurrentHashMap<>();
    private final AtomicLong numbers = new AtomicLong();

    private ContenderRun(Database database, Contender contender, String table, long seed) {
        this.database = database;
        this.contender = contender;
        this.table = table;
        this.random = new Random(seed);
    }

    /** Returns the names of contenders, separated by commas, if there are such contenders. */
    public static String requireKnown(String names) {
        if (!names.equals("all") && !NAMES.containsAll(List.of(names.split(",")))) {
            throw new IllegalArgumentException("unknown contender in " + names + "; there are " + NAMES);
        }
        return names;
    }

    /** Returns the run of a contender. */
    public static ContenderRun of(String name, String url, long seed) {
        Database database = new Database(url, WRITERS + 4);
        return switch (name) {
            case "synckit" ->
                new ContenderRun(database, new Ours(database, NotifyMode.COALESCED), "ours_coalesced.events", seed);
            case "naive" -> new ContenderRun(database, new NaiveReader(database), "naive_events", seed);
            case "xmin" -> new ContenderRun(database, new XminReader(database), "xmin_events", seed);
            case "axon" -> new ContenderRun(database, new Axon(database, false), "domainevententry", seed);
            case "essentials" -> new ContenderRun(database, new Essentials(database, false), "orders_events", seed);
            default -> throw new IllegalArgumentException("unknown contender " + name + "; there are " + NAMES);
        };
    }

    /** Returns what was found. */
    public Result run(Duration time) throws Exception {
        contender.create();
        database.execute(DELAY);
        contender.store(Order.of("first", 1, numbers.incrementAndGet()));
        database.execute("create constraint trigger aa_delay after insert on " + table
                + " deferrable initially deferred for each row execute function delay()");
        Contender.Following following = contender.follow(this::receive);
        long end = System.nanoTime() + time.toNanos();
        List<Thread> threads = new ArrayList<>();
        for (int i = 0; i < WRITERS; i++) {
            threads.add(start(() -> write(end)));
        }
        threads.add(start(this::longTransaction));
        while (System.nanoTime() < end) {
            LockSupport.parkNanos(Duration.ofMillis(2000 + random.nextInt(4000)).toNanos());
            endASession();
        }
        for (Thread thread : threads) {
            thread.join();
        }
        awaitQuiet();
        following.close();
        Result result = result();
        contender.close();
        database.close();
        return result;
    }

    private void endASession() throws Exception {
        database.query("select count(pg_terminate_backend(pid)) from (select pid from pg_stat_activity"
                + " where wait_event = 'PgSleep' and query not like '%delay_long%' order by random() limit 1) victim");
    }

    private static Thread start(Runnable work) {
        Thread thread = new Thread(work, "contender");
        thread.start();
        return thread;
    }

    private void receive(long n) {
        synchronized (received) {
            received.add(n);
        }
        receivedAt.putIfAbsent(n, System.nanoTime());
    }

    private void write(long end) {
        while (System.nanoTime() < end) {
            long n = numbers.incrementAndGet();
            try {
                contender.store(Order.of("order-" + n, 1, n));
                storedAt.put(n, System.nanoTime());
            } catch (Exception e) {
                // Rolled back on purpose, or its session was ended.
            }
        }
    }

    private void longTransaction() {
        try {
            database.execute("begin; create table unrelated (n int); select pg_sleep(10) as delay_long; commit");
        } catch (Exception e) {
            throw new IllegalStateException(e);
        }
    }

    /** Waits until nothing was received for a while. */
    private void awaitQuiet() {
        long count = -1;
        long since = System.nanoTime();
        while (System.nanoTime() - since < QUIET.toNanos()) {
            synchronized (received) {
                if (received.size() != count) {
                    count = received.size();
                    since = System.nanoTime();
                }
            }
            LockSupport.parkNanos(Duration.ofMillis(100).toNanos());
        }
    }

    private Result result() throws Exception {
        List<Long> stored = new ArrayList<>();
        contender.readAll(stored::add);
        Map<Long, Integer> order = new HashMap<>();
        stored.forEach(n -> order.put(n, order.size()));
        Set<Long> seen = new HashSet<>();
        int repeated = 0;
        int disorder = 0;
        int last = -1;
        synchronized (received) {
            for (long n : received) {
                if (!seen.add(n)) {
                    repeated++;
                } else if (order.containsKey(n)) {
                    disorder += order.get(n) < last ? 1 : 0;
                    last = Math.max(last, order.get(n));
                }
            }
        }
        long lost = stored.stream().filter(n -> n != 1 && !seen.contains(n)).count();
        long longest = storedAt.entrySet().stream()
                .filter(entry -> receivedAt.containsKey(entry.getKey()))
                .mapToLong(entry -> receivedAt.get(entry.getKey()) - entry.getValue())
                .max()
                .orElse(0);
        return new Result(contender.name(), stored.size(), lost, repeated, disorder, Duration.ofNanos(longest));
    }

    /**
     * What a reader has received.
     *
     * @param stored events in its table
     * @param lost of these, not received
     * @param repeated received more than once
     * @param outOfOrder received after an event that follows it in the table
     * @param longest time from the end of the call that stored an event until it was received
     */
    public record Result(String name, int stored, long lost, int repeated, int outOfOrder, Duration longest) {

        /** Returns whether each event was received once and in order. */
        public boolean isRight() {
            return lost == 0 && repeated == 0 && outOfOrder == 0;
        }

        /** Returns a row of a table. */
        public String row() {
            return String.format(
                    Locale.ROOT,
                    "| %s | %,d | %,d | %,d | %,d | %.1f s |",
                    name,
                    stored,
                    lost,
                    repeated,
                    outOfOrder,
                    longest.toMillis() / 1000.0);
        }
    }
}
