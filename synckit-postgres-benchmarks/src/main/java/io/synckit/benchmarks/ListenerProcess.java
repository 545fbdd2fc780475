package io.synckit.benchmarks;

import io.synckit.Filter;
import io.synckit.benchmarks.contenders.Contender;
import io.synckit.benchmarks.contenders.Contender.Following;
import io.synckit.benchmarks.contenders.Contenders;
import io.synckit.benchmarks.contenders.Database;
import io.synckit.benchmarks.contenders.Ours;
import io.synckit.postgres.schema.NotifyMode;
import io.synckit.subscription.LiveOptions;
import io.synckit.subscription.LiveSubscription;
import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.lang.management.ManagementFactory;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.atomic.AtomicLong;
import org.jspecify.annotations.Nullable;

/**
 * Another process that receives events. It executes commands, one a line: {@code follow <contender>}, {@code consume} (the same with a
 * durable subscription of this library), {@code streams <n>} (opens n
 * subscriptions, each to one stream), {@code report} (prints when each event reached its handler, by the monotonic clock of the machine, which
 * all processes share), {@code stop}.
 */
final class ListenerProcess {

    private static final int CONNECTIONS = 8;
    private static final Map<Long, Long> ARRIVALS = new ConcurrentHashMap<>();
    private static final AtomicLong DUPLICATES = new AtomicLong();

    private ListenerProcess() {}

    /** @param arguments the URL of the database */
    public static void main(String[] arguments) throws Exception {
        Following following = null;
        try (Database database = new Database(arguments[0], CONNECTIONS)) {
            BufferedReader orders = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
            String order;
            while ((order = orders.readLine()) != null) {
                String[] words = order.split(" ", 2);
                switch (words[0]) {
                    case "follow" -> following = follow(Contenders.named(words[1], database));
                    case "consume" -> following = consume(new Ours(database, NotifyMode.COALESCED));
                    case "streams" -> following = streams(database, Integer.parseInt(words[1]));
                    case "report" -> report();
                    default -> stop(following);
                }
                System.out.println("done");
            }
        }
        System.exit(0);
    }

    private static void arrived(long n) {
        if (ARRIVALS.putIfAbsent(n, System.nanoTime()) != null) {
            DUPLICATES.incrementAndGet();
        }
    }

    private static Following follow(Contender contender) throws Exception {
        Following following = contender.follow(ListenerProcess::arrived);
        return () -> {
            following.close();
            contender.close();
        };
    }

    private static Following consume(Ours ours) throws Exception {
        Following following = ours.followDurably(ListenerProcess::arrived);
        return () -> {
            following.close();
            ours.close();
        };
    }

    private static void stop(@Nullable Following following) {
        if (following != null) {
            following.close();
        }
        ARRIVALS.clear();
        DUPLICATES.set(0);
    }

    private static void report() {
        System.out.println("duplicates " + DUPLICATES.getAndSet(0));
        ARRIVALS.forEach((n, time) -> System.out.println(n + " " + time));
        ARRIVALS.clear();
    }

    private static Following streams(Database database, int streams) throws Exception {
        Ours ours = new Ours(database, NotifyMode.COALESCED);
        List<String> keys = new ArrayList<>();
        for (int i = 0; i < streams; i++) {
            keys.add("stream-" + i);
        }
        ours.follow(LiveOptions.named("test").filter(Filter.aggregateIds("warm-up")), n -> {})
                .close();
        List<LiveSubscription> subscriptions = new ArrayList<>(streams);
        long before = usedHeap();
        for (String key : keys) {
            subscriptions.add(
                    ours.follow(LiveOptions.named("test").filter(Filter.aggregateIds(key)), ListenerProcess::arrived));
        }
        System.out.println("heap " + (usedHeap() - before) / streams);
        return () -> {
            subscriptions.forEach(LiveSubscription::close);
            ours.close();
        };
    }

    private static long usedHeap() {
        for (int i = 0; i < 3; i++) {
            System.gc();
        }
        return ManagementFactory.getMemoryMXBean().getHeapMemoryUsage().getUsed();
    }
}
