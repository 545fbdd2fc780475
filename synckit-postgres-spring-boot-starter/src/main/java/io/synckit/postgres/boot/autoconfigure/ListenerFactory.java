package io.synckit.postgres.boot.autoconfigure;

import io.synckit.ConnectionSource;
import io.synckit.Instrumentation;
import io.synckit.JsonCodec;
import io.synckit.postgres.RealtimeEventStore;
import io.synckit.postgres.boot.autoconfigure.SynckitPostgresProperties.Listener;
import io.synckit.postgres.notification.NotificationListener;
import io.synckit.postgres.notification.NotificationListenerBuilder;
import io.synckit.postgres.schema.NotifyMode;
import java.time.Duration;
import javax.sql.DataSource;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import org.springframework.boot.thread.Threading;
import org.springframework.core.env.Environment;
import org.springframework.core.task.VirtualThreadTaskExecutor;

/** Creates the listener from the properties, with a connection like those of the pool. */
final class ListenerFactory {

    private static final Logger log = LoggerFactory.getLogger(ListenerFactory.class);

    private ListenerFactory() {}

    static NotificationListener create(
            SynckitDatabase database,
            ConnectionSource connections,
            JsonCodec json,
            SynckitPostgresProperties properties,
            Instrumentation instrumentation,
            Environment environment) {
        Listener settings = properties.listener();
        DataSource unpooled = new UnpooledConnections(
                        "listener", settings.url(), settings.username(), settings.password())
                .like(database.dataSource(), UnpooledConnections.FOR_LISTENING);
        NotificationListenerBuilder builder = RealtimeEventStore.listener(
                        unpooled == null ? database.dataSource() : unpooled, connections, json, properties.toConfig())
                .instrumentation(instrumentation)
                // The life cycle has waited for the handlers before.
                .closeTimeout(Duration.ZERO)
                .ownerTimeout(properties.durable().ownerTimeout())
                .auditDelay(properties.audit().enabled() ? properties.audit().delay() : null);
        if (unpooled == null) {
            log.warn(
                    "listener.url-needed: the URL of the DataSource is not known, and a connection of its pool cannot listen permanently,"
                            + " so live subscriptions are served by polling; set synckit.postgres.listener.url");
            builder.notifyMode(NotifyMode.OFF);
        }
        String application = environment.getProperty("spring.application.name");
        if (application != null) {
            builder.processName(application + " at " + NotificationListenerBuilder.defaultProcessName());
        }
        if (Threading.VIRTUAL.isActive(environment)) {
            builder.handlers(new VirtualThreadTaskExecutor("synckit-live-"));
        }
        return builder.build();
    }
}
