package io.synckit;

import org.jspecify.annotations.Nullable;

/** The limits of events, and the characters that PostgreSQL cannot store. They are checked before an event is sent to the database. */
public final class EventLimits {

    /** Maximum length of event id, aggregate id and event type, in code points. */
    public static final int MAX_KEY_LENGTH = 255;

    /** Default maximum size of an event: data and metadata together, in bytes of UTF-8. */
    public static final long DEFAULT_MAX_EVENT_BYTES = 1024 * 1024;

    /** Maximum size of the data and metadata of a batch in bytes. PostgreSQL accepts at most 1 GiB in one message. */
    public static final long MAX_BATCH_BYTES = 256L * 1024 * 1024;

    private EventLimits() {}

    /**
     * Returns the first character that PostgreSQL cannot store (NUL or half of a surrogate pair), in the notation {@code U+0000}; null if there
     * is none.
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
            throw new InvalidEventException(what + " is "
                    + (value == null ? "null" : "blank ('" + printable(value) + "')") + "; give it a text");
        }
        int length = value.codePointCount(0, value.length());
        if (length > MAX_KEY_LENGTH) {
            throw new InvalidEventException(what + " has " + length + " characters, at most " + MAX_KEY_LENGTH
                    + " are possible; shorten it or use its hash: '" + printable(value.substring(0, 80)) + "…'");
        }
        String unstorable = unstorable(value);
        if (unstorable != null) {
            throw new InvalidEventException(what + " contains " + unstorable
                    + ", which PostgreSQL cannot store; remove it: '" + printable(value) + "'");
        }
        return value;
    }

    /**
     * Returns a text for messages and logs: control characters, line separators, invisible formatting characters and lone surrogates are
     * escaped, for example as {@code \u000a}. An id can contain any of them, and must not forge a log line.
     */
    public static String printable(String text) {
        if (text.codePoints().noneMatch(EventLimits::isHidden)) {
            return text;
        }
        StringBuilder out = new StringBuilder();
        text.codePoints().forEach(c -> out.append(isHidden(c) ? String.format("\\u%04x", c) : Character.toString(c)));
        return out.toString();
    }

    private static boolean isHidden(int codePoint) {
        return switch (Character.getType(codePoint)) {
            case Character.CONTROL,
                    Character.FORMAT,
                    Character.LINE_SEPARATOR,
                    Character.PARAGRAPH_SEPARATOR,
                    Character.SURROGATE -> true;
            default -> false;
        };
    }
}
