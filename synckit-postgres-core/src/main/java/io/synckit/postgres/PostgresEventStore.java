package io.synckit.postgres;

import com.zaxxer.hikari.HikariDataSource;
import io.synckit.AppendOptions;
import io.synckit.AppendResult;
import io.synckit.ConnectionSource;
import io.synckit.Event;
import io.synckit.EventPage;
import io.synckit.EventStore;
import io.synckit.ExpectedStreamVersion;
import io.synckit.Filter;
import io.synckit.InvalidEventException;
import io.synckit.JsonCodec;
import io.synckit.OperationListener;
import io.synckit.StoreClosedException;
import io.synckit.StoreStats;
import io.synckit.StoredEvent;
import io.synckit.Version;
import io.synckit.postgres.internal.jdbc.EventInserts;
import io.synckit.postgres.internal.jdbc.EventQueries;
import io.synckit.postgres.internal.jdbc.EventQueries.Sizes;
import io.synckit.postgres.internal.jdbc.TableName;
import io.synckit.postgres.internal.json.JacksonJson;
import java.time.Duration;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.function.Supplier;
import java.util.function.ToIntFunction;
import java.util.stream.Stream;
import javax.sql.DataSource;
import org.jspecify.annotations.Nullable;

/**
 * An {@link EventStore} in a table of PostgreSQL 14 or later. The table must be there ({@link
 * io.synckit.postgres.schema.SchemaMigrator}).
 */
public final class PostgresEventStore implements EventStore {

    private final DataSource dataSource;
    private final AutoCloseableQuietly pool;
    private final OperationListener listener;
    private final EventEncoder encoder;
    private final EventAppender appender;
    private final EventReader reader;
    private final int batchSize;
    private final AtomicBoolean closed = new AtomicBoolean();

    /**
     * A store on a data source of the caller's, which stays open when the store is closed.
     *
     * @param connections how connections of that data source are borrowed, and the caller's transactions joined
     * @param listener told of every operation
     */
    public PostgresEventStore(
            DataSource dataSource,
            ConnectionSource connections,
            JsonCodec json,
            Config config,
            OperationListener listener) {
        this(dataSource, connections, json, config, listener, () -> {});
    }

    private PostgresEventStore(
            DataSource dataSource,
            ConnectionSource connections,
            JsonCodec json,
            Config config,
            OperationListener listener,
            AutoCloseableQuietly pool) {
        TableName name = new TableName(config.schema(), config.tableName());
        this.dataSource = dataSource;
        this.pool = pool;
        this.listener = listener;
        this.encoder = new EventEncoder(json, config.maxEventBytes());
        this.appender = new EventAppender(connections, new EventInserts(name, config.enablePreparedStmts()));
        this.reader = new EventReader(
                connections, new EventQueries(name, json, config.enablePreparedStmts()), json, config.batchSize());
        this.batchSize = config.batchSize();
    }

    /** A store on a data source of the caller's; every call is a transaction of its own. JSON by Jackson. */
    public static PostgresEventStore on(DataSource dataSource, Config config) {
        return new PostgresEventStore(
                dataSource, ConnectionSource.of(dataSource), new JacksonJson(), config, OperationListener.NONE);
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
        return new PostgresEventStore(
                pool, connections, new JacksonJson(), config, OperationListener.NONE, pool::close);
    }

    @Override
    public AppendResult store(Event event, AppendOptions options) {
        return run("store", result -> 1, () -> {
            if (event == null) {
                throw new InvalidEventException("the event is null; nothing is stored");
            }
            return appender.append(List.of(encoder.encode(event)), ExpectedStreamVersion.any(), options)
                    .get(0);
        });
    }

    @Override
    public List<AppendResult> storeBatch(List<Event> events, AppendOptions options) {
        return run("storeBatch", List::size, () -> append(events, ExpectedStreamVersion.any(), options));
    }

    @Override
    public List<AppendResult> append(
            String aggregateId, ExpectedStreamVersion expected, List<Event> events, AppendOptions options) {
        return run("append", List::size, () -> {
            for (Event event : events) {
                if (event != null && !event.aggregateId().equals(aggregateId)) {
                    throw new InvalidEventException("event '" + event.id() + "' is of aggregate '" + event.aggregateId()
                            + "', the append is to '" + aggregateId + "'; nothing is stored");
                }
            }
            return append(events, expected, options);
        });
    }

    private List<AppendResult> append(List<Event> events, ExpectedStreamVersion expected, AppendOptions options) {
        return events.isEmpty() ? List.of() : appender.append(encoder.encode(events), expected, options);
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

    @Override
    public void close() {
        if (closed.compareAndSet(false, true)) {
            pool.close();
        }
    }

    private <R> R run(String operation, ToIntFunction<R> events, Supplier<R> work) {
        if (closed.get()) {
            throw new StoreClosedException(operation);
        }
        long start = System.nanoTime();
        try {
            R result = work.get();
            completed(operation, start, events.applyAsInt(result), null);
            return result;
        } catch (RuntimeException e) {
            completed(operation, start, 0, e);
            throw e;
        }
    }

    private void completed(String operation, long start, int events, @Nullable RuntimeException failure) {
        Duration took = Duration.ofNanos(System.nanoTime() - start);
        listener.completed(new OperationListener.Operation(operation, took, events, failure));
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
