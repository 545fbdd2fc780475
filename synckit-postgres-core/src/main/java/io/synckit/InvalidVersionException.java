package io.synckit;

/** A text or number that is not a version. */
public class InvalidVersionException extends EventStoreException {

    private static final long serialVersionUID = 1;

    private final String text;

    public InvalidVersionException(String text, String reason) {
        super("'" + shown(text) + "' is not a version: " + reason);
        this.text = text;
    }

    /** What was given. */
    public String text() {
        return text;
    }

    static String shown(String text) {
        return text.length() <= 100 ? text : text.substring(0, 100) + "…";
    }
}
