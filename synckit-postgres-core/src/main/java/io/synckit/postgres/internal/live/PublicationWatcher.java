package io.synckit.postgres.internal.live;

import io.synckit.StoredEvent;
import io.synckit.postgres.internal.listen.HistoryChange;
import java.util.List;

/** Watches what the reader publishes. Called by the reader's thread, so it must return quickly. */
public interface PublicationWatcher {

    /** Events were published, and are among the recent events. */
    void published(List<StoredEvent> events);

    /** The reader continues on another server. The log is unchanged up to the last published event. */
    void serverChanged(long serverStart);

    /** The history has changed. */
    void historyChanged(HistoryChange change);
}
