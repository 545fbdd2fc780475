package io.synckit.postgres;

import com.zaxxer.hikari.HikariDataSource;
import io.synckit.AppendResult;
import io.synckit.ConnectionSource;
import io.synckit.Event;
import io.synckit.EventPage;
import io.synckit.EventQuery;
import io.synckit.EventStore;
import io.synckit.ExpectedStreamVersion;
import io.synckit.Filter;
import io.synckit.Instrumentation;
import io.synckit.InvalidEventException;
import io.synckit.JsonCodec;
import io.synckit.OnDuplicate;
import io.synckit.StoreStats;
import io.synckit.StoredEvent;
import io.synckit.Version;
import io.synckit.postgres.internal.append.EventAppender;
import io.synckit.postgres.internal.append.EventEncoder;
import io.synckit.postgres.internal.append.GroupAppender;
import io.synckit.postgres.internal.append.GroupCommit;
import io.synckit.postgres.internal.read.EventReader;
import io.synckit.postgres.internal.sql.EventRow;
import io.synckit.postgres.internal.sql.TableName;
import io.synckit.postgres.internal.sql.TableSizes;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.stream.Stream;
import javax.sql.DataSource;

/**
 * An {@link EventStore} in a table of PostgreSQL 14 or later. The table must be there ({@link
 * io.synckit.postgres.schema.SchemaMigrator}).
 */
public final class PostgresEventStore implements EventStore {

    private final DataSource dataSource;
    private final AutoCloseableQuietly pool;
    private final Operations operations;
    private final EventEncoder encoder;
    private final EventAppender appender;
    private final EventReader reader;
    private final AsyncAppends async;
    private final int batchSize;

    /**
     * Creates a store on a DataSource of the caller, which stays open when the store is closed.
     *
     * @param connections provides the connections of that DataSource, and joins transactions of the caller
     * @param instrumentation is called around every operation
     */
    public PostgresEventStore(
            DataSource dataSource,
            ConnectionSource connections,
            JsonCodec json,
            Config config,
            Instrumentation instrumentation) {
        this(dataSource, connections, json, config, instrumentation, () -> {});
    }

    private PostgresEventStore(
            DataSource dataSource,
            ConnectionSource connections,
            JsonCodec json,
            Config config,
            Instrumentation instrumentation,
            AutoCloseableQuietly pool) {
        TableName name = new TableName(config.schema(), config.tableName());
        this.dataSource = dataSource;
        this.pool = pool;
        this.operations = new Operations(instrumentation, name.toString());
        this.encoder = new EventEncoder(json, config.maxEventBytes());
        this.appender = new EventAppender(connections, name, config.enablePreparedStmts());
        GroupCommit groups = new GroupCommit(
                new GroupAppender(connections, name, config.enablePreparedStmts()),
                appender,
                name.toString(),
                instrumentation,
                config.asyncLanes(),
                config.rejectAsyncWhenFull());
        this.async = new AsyncAppends(dataSource, connections, config.allowAsync(), operations, encoder, groups);
        this.reader = new EventReader(connections, name, json, config.enablePreparedStmts(), config.batchSize());
        this.batchSize = config.batchSize();
    }

    /** Returns a store on a DataSource of the caller. Every call is a transaction of its own. JSON is written by Jackson. */
    public static PostgresEventStore on(DataSource dataSource, Config config) {
        return new PostgresEventStore(
                dataSource, ConnectionSource.of(dataSource), JsonCodecs.jackson(), config, Instrumentation.NONE);
    }

    /**
     * Returns a store with a dedicated pool (HikariCP must be on the class path), which is closed with the store.
     *
     * @throws io.synckit.InvalidConfigException if there is no connection string, or it is not PostgreSQL's
     * @throws io.synckit.InvalidConnectionException if the database cannot be reached
     */
    public static PostgresEventStore open(Config config) {
        HikariDataSource pool = openPool(config);
        return owning(pool, ConnectionSource.of(pool), config);
    }

    /**
     * Returns a new pool with the settings of the config (HikariCP must be on the class path). The caller closes it.
     *
     * @throws io.synckit.InvalidConfigException if there is no connection string, or it is not PostgreSQL's
     * @throws io.synckit.InvalidConnectionException if the database cannot be reached
     */
    public static HikariDataSource openPool(Config config) {
        return HikariPool.open(config);
    }

    /** Returns a store that closes the pool. */
    static PostgresEventStore owning(HikariDataSource pool, ConnectionSource connections, Config config) {
        return new PostgresEventStore(
                pool, connections, JsonCodecs.jackson(), config, Instrumentation.NONE, pool::close);
    }

    @Override
    public AppendResult store(Event event, OnDuplicate onDuplicate) {
        return operations.append("store", List::of, metadata -> {
            if (event == null) {
                throw new InvalidEventException("the event is null; nothing is stored");
            }
            return append(List.of(encoder.encode(event, metadata)), ExpectedStreamVersion.any(), onDuplicate)
                    .get(0);
        });
    }

    @Override
    public List<AppendResult> storeBatch(List<Event> events, OnDuplicate onDuplicate) {
        return operations.append(
                "storeBatch",
                results -> results,
                metadata -> append(events, metadata, ExpectedStreamVersion.any(), onDuplicate));
    }

    @Override
    public List<AppendResult> append(
            String aggregateId, ExpectedStreamVersion expected, List<Event> events, OnDuplicate onDuplicate) {
        return operations.append("append", results -> results, metadata -> {
            EventEncoder.requireAggregate(aggregateId, events);
            return append(events, metadata, expected, onDuplicate);
        });
    }

    private List<AppendResult> append(
            List<Event> events, Map<String, String> metadata, ExpectedStreamVersion expected, OnDuplicate onDuplicate) {
        return events.isEmpty() ? List.of() : append(encoder.encode(events, metadata), expected, onDuplicate);
    }

    private List<AppendResult> append(List<EventRow> rows, ExpectedStreamVersion expected, OnDuplicate onDuplicate) {
        Objects.requireNonNull(expected, "expected");
        Objects.requireNonNull(onDuplicate, "options");
        return appender.append(rows, expected, onDuplicate);
    }

    @Override
    public CompletableFuture<AppendResult> storeAsync(Event event, OnDuplicate onDuplicate) {
        return storeAsync(event, onDuplicate, () -> {});
    }

    /** @param committed runs after the commit, before the future completes */
    CompletableFuture<AppendResult> storeAsync(Event event, OnDuplicate onDuplicate, Runnable committed) {
        return async.store(event, onDuplicate, committed);
    }

    @Override
    public CompletableFuture<List<AppendResult>> appendAsync(
            String aggregateId, ExpectedStreamVersion expected, List<Event> events, OnDuplicate onDuplicate) {
        return appendAsync(aggregateId, expected, events, onDuplicate, () -> {});
    }

    /** @param committed runs after the commit, before the future completes */
    CompletableFuture<List<AppendResult>> appendAsync(
            String aggregateId,
            ExpectedStreamVersion expected,
            List<Event> events,
            OnDuplicate onDuplicate,
            Runnable committed) {
        return async.append(aggregateId, expected, events, onDuplicate, committed);
    }

    /** Returns how many events {@link #storeAsync} and {@link #appendAsync} have accepted and not started to store. */
    public int waiting() {
        return async.waiting();
    }

    @Override
    public EventPage load(Version since, Filter... filters) {
        return load(since, batchSize, filters);
    }

    @Override
    public EventPage load(Version since, int limit, Filter... filters) {
        return operations.read("load", EventPage::size, () -> reader.load(null, since, requireLimit(limit), filters));
    }

    @Override
    public EventPage query(EventQuery query) {
        return operations.read("query", EventPage::size, () -> reader.query(query, batchSize));
    }

    @Override
    public Stream<StoredEvent> stream(Version since, Filter... filters) {
        return operations.read("stream", stream -> 0, () -> reader.stream(null, since, filters));
    }

    @Override
    public EventPage loadByAggregate(String aggregateId, Version since, Filter... filters) {
        return loadByAggregate(aggregateId, since, batchSize, filters);
    }

    @Override
    public EventPage loadByAggregate(String aggregateId, Version since, int limit, Filter... filters) {
        return operations.read(
                "loadByAggregate",
                EventPage::size,
                () -> reader.load(aggregateId, since, requireLimit(limit), filters));
    }

    @Override
    public Stream<StoredEvent> streamByAggregate(String aggregateId, Version since, Filter... filters) {
        return operations.read("streamByAggregate", stream -> 0, () -> reader.stream(aggregateId, since, filters));
    }

    @Override
    public Optional<StoredEvent> find(String id) {
        return operations.read("find", event -> event.isPresent() ? 1 : 0, () -> reader.find(id));
    }

    @Override
    public Version latestVersion() {
        return operations.read("latestVersion", version -> 0, reader::latestVersion);
    }

    @Override
    public StoreStats stats() {
        return operations.read("stats", stats -> 0, () -> {
            TableSizes sizes = reader.sizes();
            return new StoreStats(
                    Version.of(sizes.stable()),
                    Version.of(sizes.head()),
                    sizes.estimatedEvents(),
                    sizes.tableBytes(),
                    sizes.indexBytes(),
                    HikariPool.stats(dataSource));
        });
    }

    /**
     * Returns a diagnosis: horizon, blocking session and usage of the notification queue. Sends one query.
     *
     * @throws io.synckit.InvalidConnectionException if the database does not answer
     */
    public StoreDiagnosis diagnose() {
        operations.requireOpen("diagnose");
        return StoreDiagnosis.of(reader.diagnose());
    }

    @Override
    public void close() {
        if (operations.close()) {
            async.close();
            pool.close();
        }
    }

    private static int requireLimit(int limit) {
        if (limit < 1) {
            throw new IllegalArgumentException("limit is " + limit + ", at least 1 is needed");
        }
        return limit;
    }

    @FunctionalInterface
    private interface AutoCloseableQuietly {
        void close();
    }
}
