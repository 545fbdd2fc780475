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
 * A handler's call that is observed. Its carrier is the event's metadata: a tracer goes on with the trace in which the event was stored, or
 * links to it if the event is replayed.
 */
public final class EventHandlerContext extends ReceiverContext<Map<String, String>> {

    private final Handling handling;
    private @Nullable Map<String, String> carrier;

    public EventHandlerContext(Handling handling) {
        super((metadata, key) -> metadata.get(key), Kind.CONSUMER);
        this.handling = handling;
    }

    /** The texts among the event's metadata, read when first asked for. */
    @Override
    public Map<String, String> getCarrier() {
        Map<String, String> texts = carrier;
        if (texts == null) {
            texts = texts(handling.event());
            carrier = texts;
        }
        return texts;
    }

    /** What cannot be read carries no trace. */
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

    /** What is handled. */
    public Handling handling() {
        return handling;
    }
}
