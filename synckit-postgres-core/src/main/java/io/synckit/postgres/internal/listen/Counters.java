package io.synckit.postgres.internal.listen;

import io.synckit.subscription.ListenerStatus;
import java.util.concurrent.atomic.LongAdder;

/** The counters of a listener. Thread-safe. */
public final class Counters {

    final LongAdder reconnects = new LongAdder();
    final LongAdder notifications = new LongAdder();
    final LongAdder polls = new LongAdder();
    final LongAdder failedPolls = new LongAdder();

    /** Returns the current values. */
    public ListenerStatus.Counts now() {
        return new ListenerStatus.Counts(reconnects.sum(), notifications.sum(), polls.sum(), failedPolls.sum());
    }
}
