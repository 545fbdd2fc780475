package io.synckit;

/**
 * What a caller of {@link EventStore#append} believes about the aggregate's stream; if it is not so, nothing is stored.
 *
 * @param kind what is checked
 * @param value the stream version for {@link Kind#EXACTLY}, otherwise 0
 */
public record ExpectedStreamVersion(Kind kind, long value) {

    /** What is checked. */
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

    /** No check. */
    public static ExpectedStreamVersion any() {
        return ANY;
    }

    /** The aggregate has no event yet. */
    public static ExpectedStreamVersion noStream() {
        return NO_STREAM;
    }

    /**
     * The aggregate's last event has this stream version; 0 is the same as {@link #noStream()}.
     *
     * @throws InvalidVersionException if it is negative
     */
    public static ExpectedStreamVersion exactly(long streamVersion) {
        return new ExpectedStreamVersion(Kind.EXACTLY, streamVersion);
    }

    /** The aggregate has at least one event. */
    public static ExpectedStreamVersion streamExists() {
        return STREAM_EXISTS;
    }

    /** The lowest stream version that is as expected; 0 is an aggregate without an event. */
    public long least() {
        return kind == Kind.STREAM_EXISTS ? 1 : value;
    }

    /** The highest stream version that is as expected. */
    public long most() {
        return kind == Kind.ANY || kind == Kind.STREAM_EXISTS ? Long.MAX_VALUE : value;
    }

    /** Whether an aggregate whose last event has this stream version (0: no event) is as expected. */
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
