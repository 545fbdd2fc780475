package io.synckit.torture.process;

import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.lang.management.ManagementFactory;
import java.nio.charset.StandardCharsets;
import java.time.Duration;

/**
 * Answers the orders of the program that has started this process, until its input ends: {@code await}, a version and
 * milliseconds, and {@code level} with the number of threads and the used heap.
 */
final class Orders {

    private static final String AWAIT = "await ";
    private static final String LEVEL = "level";

    private Orders() {}

    /** @param await waits until everything up to a version is done, and returns whether it is */
    static void serve(Await await) throws IOException, InterruptedException {
        BufferedReader orders = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
        String order;
        while ((order = orders.readLine()) != null) {
            if (order.startsWith(AWAIT)) {
                String[] parts = order.split(" ");
                System.out.println(await.until(Long.parseLong(parts[1]), Duration.ofMillis(Long.parseLong(parts[2]))));
            } else if (order.equals(LEVEL)) {
                System.out.println(level());
            }
        }
    }

    /** Waits for a version. */
    interface Await {
        boolean until(long version, Duration limit) throws InterruptedException;
    }

    /** Returns the number of threads and the used heap in MB. */
    private static String level() {
        System.gc();
        Runtime runtime = Runtime.getRuntime();
        int threads = ManagementFactory.getThreadMXBean().getThreadCount();
        return threads + " " + ((runtime.totalMemory() - runtime.freeMemory()) >> 20);
    }
}
