package io.synckit.postgres;

import com.zaxxer.hikari.HikariDataSource;
import io.synckit.AppendOptions;
import io.synckit.AppendResult;
import io.synckit.Causation;
import io.synckit.ConnectionSource;
import io.synckit.Event;
import io.synckit.EventLimits;
import io.synckit.EventPage;
import io.synckit.EventStore;
import io.synckit.ExpectedStreamVersion;
import io.synckit.Filter;
import io.synckit.Instrumentation;
import io.synckit.Instrumentation.Operation;
import io.synckit.InvalidConfigException;
import io.synckit.InvalidEventException;
import io.synckit.JsonCodec;
import io.synckit.StoreClosedException;
import io.synckit.StoreStats;
import io.synckit.StoredEvent;
import io.synckit.UnusableTransactionException;
import io.synckit.Version;
import io.synckit.postgres.internal.jdbc.Diagnostics;
import io.synckit.postgres.internal.jdbc.EventInserts;
import io.synckit.postgres.internal.jdbc.EventQueries;
import io.synckit.postgres.internal.jdbc.EventQueries.Sizes;
import io.synckit.postgres.internal.jdbc.EventRow;
import io.synckit.postgres.internal.jdbc.TableName;
import io.synckit.postgres.internal.json.JacksonJson;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.function.Function;
import java.util.function.Supplier;
import java.util.function.ToIntFunction;
import java.util.stream.Stream;
import javax.sql.DataSource;

/**
 * An {@link EventStore} in a table of PostgreSQL 14 or later. The table must be there ({@link
 * io.synckit.postgres.schema.SchemaMigrator}).
 */
public final class PostgresEventStore implements EventStore {

    private final DataSource dataSource;
    private final AutoCloseableQuietly pool;
    private final Instrumentation instrumentation;
    private final String table;
    private final EventEncoder encoder;
    private final EventAppender appender;
    private final EventReader reader;
    private final ConnectionSource connections;
    private final GroupCommit groups;
    private final boolean allowsAsync;
    private final int batchSize;
    private final AtomicBoolean closed = new AtomicBoolean();

    /**
     * A store on a data source of the caller's, which stays open when the store is closed.
     *
     * @param connections how connections of that data source are borrowed, and the caller's transactions joined
     * @param instrumentation goes around every operation
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
        this.instrumentation = instrumentation;
        this.table = name.toString();
        this.encoder = new EventEncoder(json, config.maxEventBytes());
        this.appender = new EventAppender(connections, new EventInserts(name, config.enablePreparedStmts()));
        this.connections = connections;
        this.groups = new GroupCommit(appender, instrumentation, table);
        this.allowsAsync = Objects.requireNonNullElse(config.allowAsync(), connections.sameForAllThreads());
        this.reader = new EventReader(
                connections,
                new EventQueries(name, json, config.enablePreparedStmts()),
                new Diagnostics(name),
                json,
                config.batchSize());
        this.batchSize = config.batchSize();
    }

    /** A store on a data source of the caller's; every call is a transaction of its own. JSON by Jackson. */
    public static PostgresEventStore on(DataSource dataSource, Config config) {
        return new PostgresEventStore(
                dataSource, ConnectionSource.of(dataSource), new JacksonJson(), config, Instrumentation.NONE);
    }

    /**
     * A store with a pool of its own (HikariCP must be on the class path), which ends with the store.
     *
     * @throws io.synckit.InvalidConfigException if there is no connection string, or it is not PostgreSQL's
     * @throws io.synckit.InvalidConnectionException if the database cannot be reached
     */
    public static PostgresEventStore open(Config config) {
        HikariDataSource pool = HikariPool.open(config);
        return owning(pool, ConnectionSource.of(pool), config);
    }

    /** A store that closes the pool. */
    static PostgresEventStore owning(HikariDataSource pool, ConnectionSource connections, Config config) {
        return new PostgresEventStore(pool, connections, new JacksonJson(), config, Instrumentation.NONE, pool::close);
    }

    @Override
    public AppendResult store(Event event, AppendOptions options) {
        return append("store", List::of, metadata -> {
            if (event == null) {
                throw new InvalidEventException("the event is null; nothing is stored");
            }
            return append(List.of(encoder.encode(event, metadata)), ExpectedStreamVersion.any(), options)
                    .get(0);
        });
    }

    @Override
    public List<AppendResult> storeBatch(List<Event> events, AppendOptions options) {
        return append(
                "storeBatch",
                results -> results,
                metadata -> append(events, metadata, ExpectedStreamVersion.any(), options));
    }

    @Override
    public List<AppendResult> append(
            String aggregateId, ExpectedStreamVersion expected, List<Event> events, AppendOptions options) {
        return append("append", results -> results, metadata -> {
            for (Event event : events) {
                if (event != null && !event.aggregateId().equals(aggregateId)) {
                    throw new InvalidEventException(
                            "event '" + EventLimits.printable(event.id()) + "' is of aggregate '"
                                    + EventLimits.printable(event.aggregateId()) + "', the append is to '"
                                    + EventLimits.printable(aggregateId) + "'; nothing is stored");
                }
            }
            return append(events, metadata, expected, options);
        });
    }

    private List<AppendResult> append(
            List<Event> events, Map<String, String> metadata, ExpectedStreamVersion expected, AppendOptions options) {
        return events.isEmpty() ? List.of() : append(encoder.encode(events, metadata), expected, options);
    }

    private List<AppendResult> append(List<EventRow> rows, ExpectedStreamVersion expected, AppendOptions options) {
        Objects.requireNonNull(expected, "expected");
        Objects.requireNonNull(options, "options");
        return appender.append(rows, expected, options);
    }

    @Override
    public CompletableFuture<AppendResult> storeAsync(Event event, AppendOptions options) {
        return storeAsync(event, options, () -> {});
    }

    /** @param committed runs after the commit, before the result is there */
    CompletableFuture<AppendResult> storeAsync(Event event, AppendOptions options, Runnable committed) {
        return append("storeAsync", accepted -> List.of(), metadata -> {
            if (event == null) {
                throw new InvalidEventException("the event is null; nothing is stored");
            }
            if (connections.inCallersTransaction()) {
                throw new UnusableTransactionException(
                        "storeAsync stores in a transaction of its own, and one of the caller's is"
                                + " open, whose fate event '" + EventLimits.printable(event.id())
                                + "' would not share; use store, or call storeAsync outside of the transaction");
            }
            requireAsync(event);
            return groups.accept(encoder.encode(event, metadata), options, committed);
        });
    }

    private void requireAsync(Event event) {
        if (!allowsAsync) {
            throw new InvalidConfigException(
                    "allowAsync",
                    "does not permit storeAsync: connections of "
                            + dataSource.getClass().getName()
                            + " may depend on the calling thread, but storeAsync uses a thread of the store;"
                            + " event '" + EventLimits.printable(event.id())
                            + "' is not stored. Call store instead. If no tenant, role or"
                            + " session setting depends on the thread, set synckit.postgres.allow-async: true");
        }
    }

    /** How many events {@link #storeAsync} has accepted that are not being stored yet. */
    public int waiting() {
        return groups.waiting();
    }

    @Override
    public EventPage load(Version since, Filter... filters) {
        return load(since, batchSize, filters);
    }

    @Override
    public EventPage load(Version since, int limit, Filter... filters) {
        return run("load", EventPage::size, () -> reader.load(null, since, requireLimit(limit), filters));
    }

    @Override
    public Stream<StoredEvent> stream(Version since, Filter... filters) {
        return run("stream", stream -> 0, () -> reader.stream(null, since, filters));
    }

    @Override
    public EventPage loadByAggregate(String aggregateId, Version since, Filter... filters) {
        return loadByAggregate(aggregateId, since, batchSize, filters);
    }

    @Override
    public EventPage loadByAggregate(String aggregateId, Version since, int limit, Filter... filters) {
        return run(
                "loadByAggregate",
                EventPage::size,
                () -> reader.load(aggregateId, since, requireLimit(limit), filters));
    }

    @Override
    public Stream<StoredEvent> streamByAggregate(String aggregateId, Version since, Filter... filters) {
        return run("streamByAggregate", stream -> 0, () -> reader.stream(aggregateId, since, filters));
    }

    @Override
    public Optional<StoredEvent> find(String id) {
        return run("find", event -> event.isPresent() ? 1 : 0, () -> reader.find(id));
    }

    @Override
    public Version latestVersion() {
        return run("latestVersion", version -> 0, reader::latestVersion);
    }

    @Override
    public StoreStats stats() {
        return run("stats", stats -> 0, () -> {
            Sizes sizes = reader.sizes();
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
     * What somebody who looks after the store wants to know, in one question to the database.
     *
     * @throws io.synckit.InvalidConnectionException if that does not answer
     */
    public StoreDiagnosis diagnose() {
        requireOpen("diagnose");
        return reader.diagnose();
    }

    @Override
    public void close() {
        if (closed.compareAndSet(false, true)) {
            groups.close();
            pool.close();
        }
    }

    /** @param work gets what the events carry in their metadata unless the caller has said something else */
    private <R> R append(String name, Function<R, List<AppendResult>> results, Function<Map<String, String>, R> work) {
        Operation operation = new Operation(name, table, true);
        Causation.metadata().forEach(operation::addMetadata);
        return run(operation, () -> {
            R result = work.apply(operation.metadata());
            List<AppendResult> all = results.apply(result);
            int alreadyStored =
                    (int) all.stream().filter(AppendResult::alreadyStored).count();
            operation.completed(all.size() - alreadyStored, alreadyStored);
            return result;
        });
    }

    private <R> R run(String name, ToIntFunction<R> events, Supplier<R> work) {
        Operation operation = new Operation(name, table, false);
        return run(operation, () -> {
            R result = work.get();
            operation.completed(events.applyAsInt(result), 0);
            return result;
        });
    }

    private <R> R run(Operation operation, Supplier<R> work) {
        requireOpen(operation.name());
        return instrumentation.operation(operation, work);
    }

    private void requireOpen(String operation) {
        if (closed.get()) {
            throw new StoreClosedException(operation);
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
