package io.synckit;

import io.synckit.internal.Texts;

/** A text or number is not a version of this store, or a position lies beyond the end of the log, or is not the expected one. */
public class InvalidVersionException extends EventStoreException {

    private static final long serialVersionUID = 1;

    private final String text;

    public InvalidVersionException(String text, String reason) {
        super("'" + shown(text) + "' is not a version: " + reason);
        this.text = text;
    }

    private InvalidVersionException(String message, Object value) {
        super(message);
        this.text = value.toString();
    }

    /** Returns the error for a cursor of another kind than those of this store, such as a vector clock. */
    static InvalidVersionException otherKind(String text, String kind) {
        return new InvalidVersionException(
                "'" + shown(text) + "' is a cursor of kind '" + shown(kind)
                        + "'; the cursors of this store have the kind 'integer'. Load from 0, or use a cursor of this store",
                (Object) text);
    }

    /**
     * Returns the error for a position that no reader of this log can have read.
     *
     * @param end the highest version that the log has given out
     */
    public static InvalidVersionException beyondEnd(Version position, Version end) {
        return new InvalidVersionException(
                "Position " + position + " lies beyond the end of the log, which is version " + end
                        + ". Probable causes: a restore, a fail-over that lost commits, a reset sequence, or a checkpoint of"
                        + " another log. See \"Checkpoints after a restore\" in docs/schema.md",
                position);
    }

    /** Returns the error for a durable subscription that is not at the position that the caller has expected. */
    public static InvalidVersionException otherPosition(String subscription, Version expected, Version position) {
        return new InvalidVersionException(
                "Subscription '" + subscription + "' is at position " + position + ", expected: " + expected
                        + "; nothing is changed, so check the position and try again",
                expected);
    }

    /** Returns the invalid text. */
    public String text() {
        return text;
    }

    static String shown(String text) {
        return Texts.printable(text.length() <= 100 ? text : text.substring(0, 100) + "…");
    }
}
