package io.synckit.postgres.internal.live;

import io.synckit.StoredEvent;
import io.synckit.subscription.LiveNotice;
import org.jspecify.annotations.Nullable;

/** The application's side of a live subscription. Called by one thread at a time. */
interface Sink {

    /** @throws Exception if the event cannot be handled; ends the subscription if {@link #endsByException()} */
    void accept(StoredEvent event) throws Exception;

    void notice(LiveNotice notice);

    /** Called once, last, unless the application has closed the subscription. The failure is null if the listener was closed. */
    void end(@Nullable RuntimeException failure);

    boolean endsByException();
}
