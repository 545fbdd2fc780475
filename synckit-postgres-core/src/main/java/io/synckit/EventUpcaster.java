package io.synckit;

import java.util.List;
import java.util.function.UnaryOperator;

/**
 * Changes the data of events that were stored in an earlier form, each time they are read into a type. The stored data does not change.
 * Thread-safe.
 */
public interface EventUpcaster {

    /**
     * Returns whether the data of an event is to be changed.
     *
     * @param revision the revision of the data, after the upcasters before this one
     */
    boolean supports(StoredEvent event, int revision);

    /** Returns data of the next revision. */
    String upcast(StoredEvent event, String dataJson);

    /** Returns an upcaster of one revision of an event type to the next one. */
    static EventUpcaster of(String eventType, int fromRevision, UnaryOperator<String> change) {
        return new EventUpcaster() {
            @Override
            public boolean supports(StoredEvent event, int revision) {
                return revision == fromRevision && event.type().equals(eventType);
            }

            @Override
            public String upcast(StoredEvent event, String dataJson) {
                return change.apply(dataJson);
            }
        };
    }

    /** Returns a codec that applies upcasters, in this order, before it reads the data of an event. */
    static JsonCodec applying(JsonCodec codec, List<? extends EventUpcaster> upcasters) {
        return upcasters.isEmpty() ? codec : new UpcastingCodec(codec, List.copyOf(upcasters));
    }
}
