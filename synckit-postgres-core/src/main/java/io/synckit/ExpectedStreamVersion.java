package io.synckit;

/**
 * The expected stream version of an aggregate, for optimistic concurrency control. If the actual one does not match, {@link
 * EventStore#append} stores nothing.
 *
 * @param kind the kind of the check
 * @param value the stream version for {@link Kind#EXACTLY}, otherwise 0
 */
public record ExpectedStreamVersion(Kind kind, long value) {

    /** The kind of the check. */
    public enum Kind {
        ANY,
        NO_STREAM,
        EXACTLY,
        STREAM_EXISTS
    }

    private static final ExpectedStreamVersion ANY = new ExpectedStreamVersion(Kind.ANY, 0);
    private static final ExpectedStreamVersion NO_STREAM = new ExpectedStreamVersion(Kind.NO_STREAM, 0);
    private static final ExpectedStreamVersion STREAM_EXISTS = new ExpectedStreamVersion(Kind.STREAM_EXISTS, 0);

    /** @throws InvalidVersionException if the value is negative, or not 0 where no value belongs */
    public ExpectedStreamVersion {
        if (value < 0) {
            throw new InvalidVersionException(Long.toString(value), "a stream version is not negative");
        }
        if (kind != Kind.EXACTLY && value != 0) {
            throw new InvalidVersionException(Long.toString(value), kind + " has no value; use exactly(" + value + ")");
        }
    }

    /** Returns the expectation that matches every aggregate. */
    public static ExpectedStreamVersion any() {
        return ANY;
    }

    /** Returns the expectation that the aggregate has no event. */
    public static ExpectedStreamVersion noStream() {
        return NO_STREAM;
    }

    /**
     * Returns the expectation that the last event of the aggregate has this stream version; 0 is the same as {@link #noStream()}.
     *
     * @throws InvalidVersionException if it is negative
     */
    public static ExpectedStreamVersion exactly(long streamVersion) {
        return new ExpectedStreamVersion(Kind.EXACTLY, streamVersion);
    }

    /** Returns the expectation that the aggregate has at least one event. */
    public static ExpectedStreamVersion streamExists() {
        return STREAM_EXISTS;
    }

    /** Returns the lowest stream version that matches; 0 is an aggregate without events. */
    public long least() {
        return kind == Kind.STREAM_EXISTS ? 1 : value;
    }

    /** Returns the highest stream version that matches. */
    public long most() {
        return kind == Kind.ANY || kind == Kind.STREAM_EXISTS ? Long.MAX_VALUE : value;
    }

    /** Returns whether a stream version matches; 0 is an aggregate without events. */
    public boolean matches(long actual) {
        return least() <= actual && actual <= most();
    }

    @Override
    public String toString() {
        return switch (kind) {
            case ANY -> "any";
            case NO_STREAM -> "no stream";
            case EXACTLY -> "exactly " + value;
            case STREAM_EXISTS -> "stream exists";
        };
    }
}
