package io.synckit;

import io.synckit.internal.Texts;

/** There is no event with this id. */
public class EventNotFoundException extends EventStoreException {

    private static final long serialVersionUID = 1;

    private final String id;

    public EventNotFoundException(String id) {
        super("There is no event with id '" + Texts.printable(id) + "'; find(id) returns an Optional instead");
        this.id = id;
    }

    /** Returns the id. */
    public String id() {
        return id;
    }
}
