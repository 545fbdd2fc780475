package io.synckit;

/** A cursor of another kind than this store's, such as a vector clock. */
public class IncompatibleVersionException extends EventStoreException {

    private static final long serialVersionUID = 1;

    private final String kind;

    public IncompatibleVersionException(String text, String kind) {
        super(
                "'" + InvalidVersionException.shown(text) + "' is a cursor of kind '"
                        + InvalidVersionException.shown(kind)
                        + "'; this store's cursors are of kind 'integer'. Load from 0, or use a cursor that this store gave out");
        this.kind = kind;
    }

    /** The kind that was given. */
    public String kind() {
        return kind;
    }
}
