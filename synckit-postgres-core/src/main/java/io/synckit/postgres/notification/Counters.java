package io.synckit.postgres.notification;

import java.util.concurrent.atomic.LongAdder;

/** What a listener counts, on whichever thread. */
final class Counters {

    final LongAdder reconnects = new LongAdder();
    final LongAdder bells = new LongAdder();
    final LongAdder polls = new LongAdder();
    final LongAdder failedPolls = new LongAdder();

    ListenerCounts now() {
        return new ListenerCounts(reconnects.sum(), bells.sum(), polls.sum(), failedPolls.sum());
    }
}
