package io.synckit.torture.process;

import com.zaxxer.hikari.HikariDataSource;
import io.synckit.ConnectionSource;
import io.synckit.Instrumentation;
import io.synckit.postgres.Config;
import io.synckit.postgres.JsonCodecs;
import io.synckit.postgres.PostgresEventStore;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;

/** A process that stores events in every way that there is. Ends after its running operations when its input ends. */
public final class WriterProcess {

    private static final int THREADS = 8;
    private static final int MOST_PAUSE = 20;
    private static final long LONGEST = TimeUnit.MINUTES.toMillis(2);

    private WriterProcess() {}

    /** @param args URL of the pool, name, history file and seed */
    public static void main(String[] args) throws Exception {
        HistoryFile history = new HistoryFile(Path.of(args[2]));
        AtomicBoolean writing = new AtomicBoolean(true);
        try (HikariDataSource pool = Parts.pool(args[0] + "&socketTimeout=20", args[1], THREADS + 2)) {
            ConnectionSource connections = ConnectionSource.of(pool);
            PostgresEventStore store = new PostgresEventStore(
                    pool, connections, JsonCodecs.jackson(), Config.builder().build(), Instrumentation.NONE);
            List<Thread> threads = new ArrayList<>();
            for (int i = 0; i < THREADS; i++) {
                Random random = new Random(Long.parseLong(args[3]) * THREADS + i);
                Operations operations = new Operations(
                        args[1] + "-" + i, history, store, connections, new SqlWrites(pool, random), random);
                Thread thread = new Thread(() -> write(operations, writing, random), "writer-" + i);
                thread.start();
                threads.add(thread);
            }
            Orders.serve((version, limit) -> true);
            writing.set(false);
            for (Thread thread : threads) {
                thread.join(LONGEST);
            }
            store.close();
        }
    }

    private static void write(Operations operations, AtomicBoolean writing, Random random) {
        while (writing.get()) {
            operations.next();
            Pause.millis(random.nextInt(MOST_PAUSE));
        }
    }
}
