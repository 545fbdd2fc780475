package io.synckit.postgres.internal.live;

import io.synckit.StoredEvent;
import io.synckit.subscription.LiveNotice;
import java.util.List;
import org.jspecify.annotations.Nullable;

/** What a live subscriber does next. */
sealed interface Step {

    /** Delivers events. */
    record Deliver(List<StoredEvent> events) implements Step {}

    /** Reads events in {@code (since, upTo]} from the table, because they are not among the recent events. */
    record ReadPage(long since, long upTo, int limit) implements Step {}

    /**
     * Delivers notices.
     *
     * @param last whether the subscription ends afterwards
     * @param failure the error with which it ends; null if it was closed
     */
    record Tell(
            List<LiveNotice> notices,
            boolean last,
            @Nullable RuntimeException failure) implements Step {}
}
