package io.synckit;

/** The id is stored already. Nothing of the call is stored, and the caller's transaction stays usable. */
public class DuplicateEventException extends EventStoreException {

    private static final long serialVersionUID = 1;

    private final String id;
    private final long version;

    /** @param reason what the caller can do about it */
    public DuplicateEventException(String id, Version version, String reason) {
        super("Event '" + EventLimits.printable(id) + "' is stored already, as version " + version + "; " + reason);
        this.id = id;
        this.version = version.value();
    }

    /** The id that came again. */
    public String id() {
        return id;
    }

    /** The version of the event that has it. */
    public Version version() {
        return Version.of(version);
    }
}
