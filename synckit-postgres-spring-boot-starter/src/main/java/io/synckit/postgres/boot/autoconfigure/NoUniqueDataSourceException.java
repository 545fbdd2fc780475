package io.synckit.postgres.boot.autoconfigure;

import io.synckit.EventStoreException;
import java.util.List;

/** There is no DataSource for the event store, or there are several and none is marked. */
final class NoUniqueDataSourceException extends EventStoreException {

    private static final long serialVersionUID = 1;

    private final boolean several;

    NoUniqueDataSourceException(List<String> candidates) {
        super(
                candidates.isEmpty()
                        ? "The event store found no DataSource"
                        : "The event store found several DataSources and none that is its own: " + candidates);
        this.several = !candidates.isEmpty();
    }

    boolean several() {
        return several;
    }
}
