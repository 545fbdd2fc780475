package io.synckit;

/** A cursor has another kind than those of this store, such as a vector clock. */
public class IncompatibleVersionException extends EventStoreException {

    private static final long serialVersionUID = 1;

    private final String kind;

    public IncompatibleVersionException(String text, String kind) {
        super("'" + InvalidVersionException.shown(text) + "' is a cursor of kind '"
                + InvalidVersionException.shown(kind)
                + "'; the cursors of this store have the kind 'integer'. Load from 0, or use a cursor of this store");
        this.kind = kind;
    }

    /** Returns the kind of the cursor. */
    public String kind() {
        return kind;
    }
}
