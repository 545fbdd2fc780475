package io.synckit.benchmarks;

import io.synckit.Filter;
import io.synckit.benchmarks.contenders.Database;
import io.synckit.benchmarks.contenders.Ours;
import io.synckit.postgres.schema.NotifyMode;
import io.synckit.subscription.LiveOptions;

/** A process with subscriptions that receive no event. */
final class IdleProcess {

    static final int SUBSCRIPTIONS = 100;

    private IdleProcess() {}

    /** @param arguments the URL of the database */
    public static void main(String[] arguments) throws Exception {
        try (Database database = new Database(arguments[0], 4)) {
            Ours ours = new Ours(database, NotifyMode.COALESCED);
            for (int i = 0; i < SUBSCRIPTIONS; i++) {
                ours.follow(LiveOptions.named("test").filter(Filter.aggregateIds("stream-" + i)), n -> {});
            }
            System.out.println("done");
            if (System.in.read() >= 0) {
                throw new IllegalStateException("nothing is to be said to it");
            }
        }
        System.exit(0);
    }
}
