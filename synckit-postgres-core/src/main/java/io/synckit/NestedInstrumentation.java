package io.synckit;

import java.util.function.Supplier;

/** Two instrumentations, one inside the other. */
record NestedInstrumentation(Instrumentation outer, Instrumentation inner) implements Instrumentation {

    @Override
    public <R> R operation(Operation operation, Supplier<R> call) {
        return outer.operation(operation, () -> inner.operation(operation, call));
    }

    @Override
    public void handling(Handling handling, HandlerCall call) throws Exception {
        outer.handling(handling, () -> inner.handling(handling, call));
    }
}
