package io.synckit.postgres.internal.live;

import io.synckit.StoredEvent;
import java.util.List;

/** Watches what the reader publishes. Called by the reader's thread, so it must return quickly. */
public interface PublicationWatcher {

    /** Events were published, and are among the recent events. */
    void published(List<StoredEvent> events);

    /**
     * Events are read from another server from now on. What was read before may be missing there.
     *
     * @param serverStart see {@link io.synckit.postgres.internal.sql.ServerStart}
     */
    void serverChanged(long serverStart);

    /**
     * The server is the same, but the log is another one than the one that was read.
     *
     * @param safe the last version that is unchanged
     */
    void historyChanged(long safe, RuntimeException failure);
}
