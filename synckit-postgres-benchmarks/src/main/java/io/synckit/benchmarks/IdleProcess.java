package io.synckit.benchmarks;

import io.synckit.Filter;
import io.synckit.benchmarks.contenders.Database;
import io.synckit.benchmarks.contenders.Ours;
import io.synckit.postgres.schema.NotifyMode;
import io.synckit.subscription.DurableOptions;
import io.synckit.subscription.LiveOptions;
import java.time.Duration;

/** A process with subscriptions that receive no event. */
final class IdleProcess {

    private IdleProcess() {}

    /** The subscriptions of the process, which sends its probe every ten seconds. Durable ones are at rest after the second check. */
    enum Kind {
        LIVE("idle", 100, Duration.ofSeconds(1), 6),
        DURABLE("idle_durable", 200, Duration.ofSeconds(15), 6);

        private final String database;
        private final int subscriptions;
        private final Duration settles;
        private final double goal;

        Kind(String database, int subscriptions, Duration settles, double goal) {
            this.database = database;
            this.subscriptions = subscriptions;
            this.settles = settles;
            this.goal = goal;
        }

        String database() {
            return database;
        }

        int subscriptions() {
            return subscriptions;
        }

        /** Time after which the statements of the start are over. */
        Duration settles() {
            return settles;
        }

        /** The most statements a minute. */
        double goal() {
            return goal;
        }
    }

    /** @param arguments the URL of the database, and the kind of the subscriptions */
    public static void main(String[] arguments) throws Exception {
        Kind kind = Kind.valueOf(arguments[1]);
        try (Database database = new Database(arguments[0], 4)) {
            Ours ours = new Ours(database, NotifyMode.COALESCED);
            for (int i = 0; i < kind.subscriptions; i++) {
                if (kind == Kind.LIVE) {
                    ours.follow(LiveOptions.named("test").filter(Filter.aggregateIds("stream-" + i)), n -> {});
                } else {
                    ours.store().subscriptions().durable(DurableOptions.named("idle-" + i), (event, context) -> {});
                }
            }
            System.out.println("done");
            if (System.in.read() >= 0) {
                throw new IllegalStateException("nothing is to be said to it");
            }
        }
        System.exit(0);
    }
}
