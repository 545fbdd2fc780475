package io.synckit.postgres.boot;

import io.micrometer.observation.transport.Kind;
import io.micrometer.observation.transport.SenderContext;
import io.synckit.Instrumentation.Operation;

/**
 * An operation of the event store that is observed. Its carrier is the operation: what a tracer writes there is stored in the metadata of the
 * events.
 */
public final class EventStoreOperationContext extends SenderContext<Operation> {

    public EventStoreOperationContext(Operation operation) {
        super(EventStoreOperationContext::write, operation.isAppend() ? Kind.PRODUCER : Kind.CLIENT);
        setCarrier(operation);
        setRemoteServiceName("postgresql");
    }

    private static void write(@org.jspecify.annotations.Nullable Operation operation, String key, String value) {
        if (operation != null && operation.isAppend()) {
            operation.addMetadata(key, value);
        }
    }

    /** Returns the operation. */
    public Operation operation() {
        return java.util.Objects.requireNonNull(getCarrier());
    }
}
