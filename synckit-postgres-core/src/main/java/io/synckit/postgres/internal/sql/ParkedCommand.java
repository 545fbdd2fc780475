package io.synckit.postgres.internal.sql;

import java.util.Locale;

/** What an operator may do with a parked key. */
public enum ParkedCommand {
    /** Tries the next event again, with all its attempts. */
    REQUEUE,
    /** Skips the next event. */
    SKIP,
    /** Skips all events that wait. */
    DISCARD;

    String text() {
        return name().toLowerCase(Locale.ROOT);
    }

    static ParkedCommand of(String text) {
        return valueOf(text.toUpperCase(Locale.ROOT));
    }
}
