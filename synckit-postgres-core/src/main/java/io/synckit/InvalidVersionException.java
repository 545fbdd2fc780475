package io.synckit;

/** A text or number is not a version, or a position lies beyond the end of the log. */
public class InvalidVersionException extends EventStoreException {

    private static final long serialVersionUID = 1;

    private final String text;

    public InvalidVersionException(String text, String reason) {
        super("'" + shown(text) + "' is not a version: " + reason);
        this.text = text;
    }

    private InvalidVersionException(Version position, String message) {
        super(message);
        this.text = position.toString();
    }

    /**
     * Returns the error for a position that no reader of this log can have read.
     *
     * @param end the highest version that the log has given out
     */
    public static InvalidVersionException beyondEnd(Version position, Version end) {
        return new InvalidVersionException(
                position,
                "Position " + position + " lies beyond the end of the log, which is version " + end
                        + ". Probable causes: a restore, a fail-over that lost commits, a reset sequence, or a checkpoint of"
                        + " another log. See \"Checkpoints after a restore\" in docs/schema.md");
    }

    /** Returns the invalid text. */
    public String text() {
        return text;
    }

    static String shown(String text) {
        return EventLimits.printable(text.length() <= 100 ? text : text.substring(0, 100) + "…");
    }
}
