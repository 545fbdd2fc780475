package io.synckit.postgres.internal.live;

import io.synckit.StoredEvent;
import io.synckit.postgres.internal.listen.HistoryChange;
import java.util.List;

/** Watches what the reader publishes. Called by the reader's thread, so it must return quickly. */
public interface PublicationWatcher {

    /** Events were published, and are among the recent events. */
    void published(List<StoredEvent> events);

    /** Events are read from another server from now on. What was read before may be missing there. */
    void serverChanged();

    /** The log is another one than the one that was read. */
    void historyChanged(HistoryChange change);
}
