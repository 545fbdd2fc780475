package io.synckit.internal;

import org.jspecify.annotations.Nullable;

/** Texts that PostgreSQL can store, and texts that messages can contain. */
public final class Texts {

    private Texts() {}

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

    /**
     * Returns a text for messages and logs: control characters, line separators, invisible formatting characters and lone surrogates are
     * escaped, for example as {@code \u000a}. An id can contain any of them, and must not forge a log line.
     */
    public static String printable(String text) {
        if (text.codePoints().noneMatch(Texts::isHidden)) {
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
