package io.synckit;

import io.synckit.internal.Texts;

/** The id is stored already. Nothing of the call is stored, and the transaction of the caller stays usable. */
public class DuplicateEventException extends EventStoreException {

    private static final long serialVersionUID = 1;

    private final String id;
    private final long version;

    /** @param reason the cause or the remedy */
    public DuplicateEventException(String id, Version version, String reason) {
        super("Event '" + Texts.printable(id) + "' is stored already, as version " + version + "; " + reason);
        this.id = id;
        this.version = version.value();
    }

    /** Returns the repeated id. */
    public String id() {
        return id;
    }

    /** Returns the version of the stored event. */
    public Version version() {
        return Version.of(version);
    }
}
