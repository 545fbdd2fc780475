package io.synckit.postgres.internal.live;

import io.synckit.InvalidVersionException;
import io.synckit.Version;
import io.synckit.postgres.internal.listen.LogReader;
import io.synckit.postgres.internal.sql.Horizon;
import io.synckit.subscription.LiveOptions;

/**
 * Where a live subscription starts.
 *
 * @param after the version after which it receives events
 * @param stored the last version that was stored before
 */
record StartPosition(long after, long stored) {

    /**
     * Returns the start of a subscription. The reader may read on meanwhile. Everything that it has read is settled.
     *
     * @throws InvalidVersionException if the options start after a version that was not given out
     */
    static StartPosition of(LiveOptions options, LogReader reader, PageReader pages) {
        long position = reader.position();
        long from = options.from().map(Version::value).orElse(-1L);
        if (from >= 0 && from <= position) {
            return new StartPosition(from, position);
        }
        Horizon horizon = pages.query(session -> reader.horizon(session.connection()));
        if (from < 0) {
            return new StartPosition(horizon.stable(), horizon.stable());
        }
        if (from > horizon.head()) {
            throw InvalidVersionException.beyondEnd(Version.of(from), Version.of(horizon.head()));
        }
        return new StartPosition(from, horizon.stable());
    }
}
