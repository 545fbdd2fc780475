package io.synckit.postgres.boot;

import io.micrometer.observation.transport.Kind;
import io.micrometer.observation.transport.ReceiverContext;
import io.synckit.Instrumentation.Handling;
import io.synckit.StoredEvent;
import io.synckit.UnreadableEventException;
import java.util.HashMap;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * The context of an observed call of a handler. Its carrier is the metadata of the event: a tracer continues the trace in which the event was
 * stored, or links to it if the event is replayed.
 */
public final class EventHandlerContext extends ReceiverContext<Map<String, String>> {

    private final Handling handling;
    private @Nullable Map<String, String> carrier;

    public EventHandlerContext(Handling handling) {
        super((metadata, key) -> metadata.get(key), Kind.CONSUMER);
        this.handling = handling;
    }

    /** Returns the text values of the metadata of the event. They are read at the first call. */
    @Override
    public Map<String, String> getCarrier() {
        Map<String, String> texts = carrier;
        if (texts == null) {
            texts = texts(handling.event());
            carrier = texts;
        }
        return texts;
    }

    /** Metadata that cannot be read carries no trace. */
    private static Map<String, String> texts(StoredEvent event) {
        Map<String, String> texts = new HashMap<>();
        try {
            event.metadata().forEach((key, value) -> {
                if (value instanceof String text) {
                    texts.put(key, text);
                }
            });
        } catch (UnreadableEventException e) {
            texts.clear();
        }
        return texts;
    }

    /** Returns the call of the handler. */
    public Handling handling() {
        return handling;
    }
}
