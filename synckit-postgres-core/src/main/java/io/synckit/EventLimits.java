package io.synckit;

import org.jspecify.annotations.Nullable;

/** What an event may not exceed, and what PostgreSQL's text cannot hold. Checked before the database sees an event. */
public final class EventLimits {

    /** Longest event id, aggregate id and event type, in characters (code points): the table's own limit. */
    public static final int MAX_KEY_LENGTH = 255;

    /** Largest event if nothing else is configured: data and metadata together, in bytes of UTF-8. */
    public static final long DEFAULT_MAX_EVENT_BYTES = 1024 * 1024;

    /** Most bytes of data and metadata in one batch; PostgreSQL takes at most 1 GiB in one message. */
    public static final long MAX_BATCH_BYTES = 256L * 1024 * 1024;

    private EventLimits() {}

    /**
     * The first character that PostgreSQL cannot store as text, as {@code U+0000}, or null: NUL, and half of a surrogate pair.
     */
    public static @Nullable String unstorable(CharSequence text) {
        for (int i = 0; i < text.length(); i++) {
            char c = text.charAt(i);
            if (c == 0) {
                return "U+0000";
            }
            if (Character.isSurrogate(c)) {
                boolean pair = Character.isHighSurrogate(c)
                        && i + 1 < text.length()
                        && Character.isLowSurrogate(text.charAt(i + 1));
                if (!pair) {
                    return String.format("U+%04X", (int) c);
                }
                i++;
            }
        }
        return null;
    }

    static String requireKey(String what, @Nullable String value) {
        if (value == null || value.isBlank()) {
            throw new InvalidEventException(
                    what + " is " + (value == null ? "null" : "blank ('" + value + "')") + "; give it a text");
        }
        int length = value.codePointCount(0, value.length());
        if (length > MAX_KEY_LENGTH) {
            throw new InvalidEventException(what + " has " + length + " characters, at most " + MAX_KEY_LENGTH
                    + " are possible; shorten it or use its hash: '" + value.substring(0, 80) + "…'");
        }
        String unstorable = unstorable(value);
        if (unstorable != null) {
            throw new InvalidEventException(what + " contains " + unstorable
                    + ", which PostgreSQL cannot store; remove it: '" + printable(value) + "'");
        }
        return value;
    }

    private static String printable(String value) {
        StringBuilder out = new StringBuilder();
        for (char c : value.toCharArray()) {
            out.append(c == 0 || Character.isSurrogate(c) ? String.format("\\u%04x", (int) c) : String.valueOf(c));
        }
        return out.toString();
    }
}
