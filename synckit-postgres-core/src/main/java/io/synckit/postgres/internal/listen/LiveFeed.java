package io.synckit.postgres.internal.listen;

import io.synckit.StoredEvent;
import io.synckit.subscription.LiveNotice;
import java.util.List;

/** Where the reader hands the events to: the live subscriptions of the process. */
public interface LiveFeed {

    /**
     * Forgets the recent events. The next publication starts after this version.
     *
     * @param serverStart the server that is read from, see {@link io.synckit.postgres.internal.sql.ServerStart}
     */
    void startAfter(long version, long serverStart);

    /** The next publications are read from another server, whose log is the same up to the last event. */
    void serverChanged(long serverStart);

    /**
     * Receives all events between the last publication and a version.
     *
     * @param backlog whether this is a part of much that has come at once
     */
    void publish(List<StoredEvent> events, long upTo, boolean backlog);

    /** Hands a notice to every subscription. */
    void notice(LiveNotice notice);

    /** The history has changed. Subscriptions beyond the unchanged part end. All others continue after it. */
    void historyChanged(HistoryChange change);

    /** The events that were published last. To be read by the reader only. */
    RecentEvents recent();
}
