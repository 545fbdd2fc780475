package io.synckit.postgres.internal.live;

import io.synckit.Version;
import io.synckit.subscription.LiveNotice;
import java.util.ArrayList;
import java.util.List;

/** Notices that a subscriber has not received yet. Not thread-safe. */
final class PendingNotices {

    private final List<LiveNotice> notices = new ArrayList<>(0);

    boolean isEmpty() {
        return notices.isEmpty();
    }

    void add(LiveNotice notice) {
        notices.add(notice);
    }

    /** Adds dropped events. Extends the last notice if it ends where these begin, so that one gap is one notice. */
    void addDropped(long after, long upTo, long events) {
        int last = notices.size() - 1;
        if (last >= 0
                && notices.get(last) instanceof LiveNotice.Dropped before
                && before.upTo().value() == after) {
            notices.set(last, new LiveNotice.Dropped(before.after(), Version.of(upTo), before.events() + events));
        } else {
            notices.add(new LiveNotice.Dropped(Version.of(after), Version.of(upTo), events));
        }
    }

    /** Returns the notices and forgets them. */
    List<LiveNotice> take() {
        List<LiveNotice> taken = List.copyOf(notices);
        notices.clear();
        return taken;
    }
}
