package io.synckit;

import io.synckit.internal.Texts;
import org.jspecify.annotations.Nullable;

/** The JSON of a stored event cannot be read as the requested type. */
public class UnreadableEventException extends EventStoreException {

    private static final long serialVersionUID = 1;

    private final String id;

    public UnreadableEventException(StoredEvent event, String reason, @Nullable Throwable cause) {
        super(
                "Event '" + Texts.printable(event.id()) + "' (type '" + Texts.printable(event.type())
                        + "', version " + event.version() + "): " + reason
                        + "; read it as another type, or use the raw JSON",
                cause);
        this.id = event.id();
    }

    /** Returns the id of the event. */
    public String id() {
        return id;
    }
}
