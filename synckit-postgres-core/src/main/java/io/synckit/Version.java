package io.synckit;

import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/**
 * A position in the log (a <em>global position</em>). Every event has one, and every reader sees them ascending. Versions have
 * gaps, for example because of transactions that rolled back. {@link #ZERO} is before the first event.
 *
 * @param value 0 or more
 */
public record Version(long value) implements Comparable<Version> {

    /** The position before the first event. */
    public static final Version ZERO = new Version(0);

    private static final Pattern DECIMAL = Pattern.compile("[0-9]+");
    private static final Pattern WIRE_KIND = Pattern.compile("\"kind\"\\s*:\\s*\"([^\"]*)\"");
    private static final Pattern WIRE_INTEGER = Pattern.compile("\"data\"\\s*:\\s*([0-9]+)\\s*[,}]");

    /** @throws InvalidVersionException if the value is negative */
    public Version {
        if (value < 0) {
            throw new InvalidVersionException(Long.toString(value), "a version is not negative");
        }
    }

    /**
     * Returns the version with this value.
     *
     * @throws InvalidVersionException if the value is negative
     */
    public static Version of(long value) {
        return value == 0 ? ZERO : new Version(value);
    }

    /**
     * Parses a version: decimal text, or go-sync-kit's cursor {@code {"kind":"integer","data":42}}.
     *
     * @param text the text; null, blank and {@code "0"} give {@link #ZERO}
     * @throws InvalidVersionException if the text is negative, too large, a cursor of another kind than integer, or anything else
     */
    public static Version parse(@Nullable String text) {
        if (text == null || text.isBlank()) {
            return ZERO;
        }
        if (text.startsWith("{")) {
            return parseWire(text);
        }
        if (!DECIMAL.matcher(text).matches()) {
            throw new InvalidVersionException(text, "expected decimal digits");
        }
        return ofDigits(text, text);
    }

    private static Version parseWire(String text) {
        Matcher kind = WIRE_KIND.matcher(text);
        if (!kind.find()) {
            throw new InvalidVersionException(text, "a cursor names its kind");
        }
        if (!kind.group(1).equals("integer")) {
            throw InvalidVersionException.otherKind(text, kind.group(1));
        }
        Matcher data = WIRE_INTEGER.matcher(text);
        if (!data.find()) {
            throw new InvalidVersionException(text, "the data of an integer cursor is an integer, 0 or more");
        }
        return ofDigits(data.group(1), text);
    }

    private static Version ofDigits(String digits, String text) {
        try {
            return of(Long.parseLong(digits));
        } catch (NumberFormatException e) {
            throw new InvalidVersionException(text, "the largest is " + Long.MAX_VALUE);
        }
    }

    /** Returns whether this version is above another one. */
    public boolean isAfter(Version other) {
        return value > other.value;
    }

    @Override
    public int compareTo(Version other) {
        return Long.compare(value, other.value);
    }

    /** Returns the decimal text that {@link #parse} reads. */
    @Override
    public String toString() {
        return Long.toString(value);
    }
}
