package io.synckit.postgres.testing;

import io.synckit.postgres.Config;
import io.synckit.postgres.PostgresEventStore;
import io.synckit.postgres.notification.NotificationListenerBuilder;
import java.util.ArrayList;
import java.util.List;
import java.util.function.UnaryOperator;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.extension.AfterEachCallback;
import org.junit.jupiter.api.extension.ExtensionContext;

/** The processes of a test and a store beside them, which are closed after it. To be registered after the database, so that it is closed before. */
public final class DurableProcesses implements AfterEachCallback {

    private final TestDatabase database;
    private final List<DurableProcess> started = new ArrayList<>();
    private @Nullable PostgresEventStore store;

    public DurableProcesses(TestDatabase database) {
        this.database = database;
    }

    /** Returns the store of the test. */
    public PostgresEventStore store() {
        if (store == null) {
            store = PostgresEventStore.on(database.pool(), Config.defaults());
        }
        return store;
    }

    public DurableProcess start() {
        return start(builder -> builder);
    }

    public DurableProcess start(UnaryOperator<NotificationListenerBuilder> settings) {
        DurableProcess process = new DurableProcess(database, settings);
        started.add(process);
        return process;
    }

    @Override
    public void afterEach(ExtensionContext context) {
        started.forEach(DurableProcess::close);
        if (store != null) {
            store.close();
        }
    }
}
