package io.synckit.postgres.notification;

import io.synckit.postgres.internal.durable.Database;
import io.synckit.postgres.internal.durable.DurableSubscriptions;
import io.synckit.postgres.internal.listen.Auditor;
import io.synckit.postgres.internal.listen.Connector;
import io.synckit.postgres.internal.listen.Counters;
import io.synckit.postgres.internal.listen.ListenerLoop;
import io.synckit.postgres.internal.listen.ListenerSettings;
import io.synckit.postgres.internal.listen.ListenerState;
import io.synckit.postgres.internal.listen.ListenerThread;
import io.synckit.postgres.internal.listen.ListenerWatchers;
import io.synckit.postgres.internal.listen.LogReader;
import io.synckit.postgres.internal.listen.Poller;
import io.synckit.postgres.internal.live.HandlerRuns;
import io.synckit.postgres.internal.live.LiveSubscriptions;
import io.synckit.postgres.internal.live.PageReader;
import io.synckit.postgres.internal.live.Subscriptions;
import io.synckit.postgres.internal.runtime.Clock;
import io.synckit.postgres.internal.runtime.Watchdog;
import io.synckit.postgres.internal.sql.Doorbell;
import io.synckit.postgres.internal.sql.EventQueries;
import io.synckit.postgres.internal.sql.HorizonQueries;
import io.synckit.postgres.internal.sql.TableName;
import io.synckit.postgres.internal.sql.VersionQueries;
import io.synckit.subscription.EventSubscriptions;
import org.jspecify.annotations.Nullable;

/** Creates the parts of a listener from its settings, and connects them. */
final class ListenerParts {

    final String table;
    final Watchdog watchdog;
    final @Nullable Auditor auditor;
    final LogReader reader;
    final Counters counters = new Counters();
    final Poller poller;
    final HandlerRuns runs;
    final Subscriptions live;
    final DurableSubscriptions durable;
    final ListenerThread thread;
    final ListenerWatchers watchers = new ListenerWatchers();
    final EventSubscriptions subscriptions;

    ListenerParts(NotificationListenerBuilder builder) {
        TableName name = new TableName(builder.schema, builder.tableName);
        this.table = name.toString();
        this.watchdog = new Watchdog("synckit-watchdog-" + table, builder.callTimeout);
        EventQueries queries = new EventQueries(name, builder.json, builder.enablePreparedStmts);
        this.runs = builder.handlers == null
                ? HandlerRuns.withThreads(NotificationListenerBuilder.DEFAULT_HANDLER_THREADS, "synckit-live-" + table)
                : HandlerRuns.on(builder.handlers);
        this.live = new Subscriptions(runs, this::subscriptionEnded);
        this.auditor = builder.auditDelay == null
                ? null
                : new Auditor(new VersionQueries(name, builder.enablePreparedStmts), builder.auditDelay, Clock.SYSTEM);
        HorizonQueries horizons = new HorizonQueries(name, queries, builder.json, builder.enablePreparedStmts);
        this.reader = new LogReader(
                queries, horizons, builder.json, watchdog, live, auditor, builder.batchSize, Clock.SYSTEM);
        this.poller = new Poller(table, builder.pool, reader, counters, auditor, Clock.SYSTEM);
        this.thread = new ListenerThread(table, () -> loop(builder, new Doorbell(name)));
        PageReader pages = new PageReader(table, builder.pool, queries, watchdog, builder.batchSize);
        this.durable = new DurableSubscriptions(
                new Database(name, builder.pool, horizons, watchdog, builder.enablePreparedStmts),
                live,
                pages,
                reader,
                runs::execute,
                thread::readSoon,
                builder.json,
                builder.instrumentation,
                builder.processName,
                builder.ownerTimeout,
                builder.closeTimeout,
                builder.stopTimeout(),
                Clock.SYSTEM);
        LiveSubscriptions liveSubscriptions = new LiveSubscriptions(
                live, runs, pages, reader, thread::readSoon, builder.json, builder.instrumentation, Clock.SYSTEM);
        this.subscriptions = new ListenerSubscriptions(liveSubscriptions, durable);
    }

    /** Each start of the listener has a loop of its own. */
    private ListenerLoop loop(NotificationListenerBuilder builder, Doorbell doorbell) {
        ListenerSettings settings = new ListenerSettings(
                table,
                builder.notificationTimeout,
                builder.reconnectInterval,
                builder.maxReconnectAttempts,
                builder.maxSilence(),
                builder.notifyMode);
        return new ListenerLoop(
                settings,
                new Connector(table, builder.physical, builder.pool, doorbell, watchdog),
                doorbell,
                reader,
                watchdog,
                poller,
                live,
                counters,
                new ListenerState(settings, watchers::changed, Clock.SYSTEM),
                durable.tenant(),
                Clock.SYSTEM);
    }

    private void subscriptionEnded() {
        reader.remove();
    }
}
