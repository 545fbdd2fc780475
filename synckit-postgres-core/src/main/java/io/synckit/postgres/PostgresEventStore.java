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
import io.synckit.StoreClosedException;
import io.synckit.StoreStats;
import io.synckit.StoredEvent;
import io.synckit.Version;
import io.synckit.postgres.internal.jdbc.EventsTable;
import io.synckit.postgres.internal.jdbc.EventsTable.Sizes;
import io.synckit.postgres.internal.jdbc.SqlFailure;
import io.synckit.postgres.internal.jdbc.TableName;
import io.synckit.postgres.internal.json.JacksonJson;
import java.sql.SQLException;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.stream.Stream;
import javax.sql.DataSource;

/**
 * An {@link EventStore} in a table of PostgreSQL 14 or later. The table must be there ({@link
 * io.synckit.postgres.schema.SchemaMigrator}).
 */
public final class PostgresEventStore implements EventStore {

    private final DataSource dataSource;
    private final AutoCloseableQuietly pool;
    private final EventEncoder encoder;
    private final EventAppender appender;
    private final EventReader reader;
    private final int batchSize;
    private final AtomicBoolean closed = new AtomicBoolean();

    /**
     * A store on a data source of the caller's, which stays open when the store is closed.
     *
     * @param connections how connections of that data source are borrowed, and the caller's transactions joined
     */
    public PostgresEventStore(DataSource dataSource, ConnectionSource connections, JsonCodec json, Config config) {
        this(dataSource, connections, json, config, () -> {});
    }

    private PostgresEventStore(
            DataSource dataSource,
            ConnectionSource connections,
            JsonCodec json,
            Config config,
            AutoCloseableQuietly pool) {
        EventsTable table =
                new EventsTable(new TableName(config.schema(), config.tableName()), json, config.enablePreparedStmts());
        this.dataSource = dataSource;
        this.pool = pool;
        this.encoder = new EventEncoder(json, config.maxEventBytes());
        this.appender = new EventAppender(connections, table);
        this.reader = new EventReader(connections, table, json, config.batchSize());
        this.batchSize = config.batchSize();
    }

    /** A store on a data source of the caller's; every call is a transaction of its own. JSON by Jackson. */
    public static PostgresEventStore on(DataSource dataSource, Config config) {
        return new PostgresEventStore(dataSource, ConnectionSource.of(dataSource), new JacksonJson(), config);
    }

    /**
     * A store with a pool of its own (HikariCP must be on the class path), which ends with the store.
     *
     * @throws io.synckit.InvalidConfigException if there is no connection string, or it is not PostgreSQL's
     * @throws io.synckit.InvalidConnectionException if the database cannot be reached
     */
    public static PostgresEventStore open(Config config) {
        HikariDataSource pool = HikariPool.open(config);
        return new PostgresEventStore(pool, ConnectionSource.of(pool), new JacksonJson(), config, pool::close);
    }

    @Override
    public AppendResult store(Event event, AppendOptions options) {
        requireOpen("store");
        if (event == null) {
            throw new InvalidEventException("the event is null; nothing is stored");
        }
        return appender.append(List.of(encoder.encode(event)), ExpectedStreamVersion.any(), options)
                .get(0);
    }

    @Override
    public List<AppendResult> storeBatch(List<Event> events, AppendOptions options) {
        requireOpen("storeBatch");
        if (events.isEmpty()) {
            return List.of();
        }
        return appender.append(encoder.encode(events), ExpectedStreamVersion.any(), options);
    }

    @Override
    public List<AppendResult> append(
            String aggregateId, ExpectedStreamVersion expected, List<Event> events, AppendOptions options) {
        requireOpen("append");
        if (events.isEmpty()) {
            return List.of();
        }
        for (Event event : events) {
            if (event != null && !event.aggregateId().equals(aggregateId)) {
                throw new InvalidEventException("event '" + event.id() + "' is of aggregate '" + event.aggregateId()
                        + "', the append is to '" + aggregateId + "'; nothing is stored");
            }
        }
        return appender.append(encoder.encode(events), expected, options);
    }

    @Override
    public EventPage load(Version since, Filter... filters) {
        return load(since, batchSize, filters);
    }

    @Override
    public EventPage load(Version since, int limit, Filter... filters) {
        requireOpen("load");
        return reader.load(null, since, requireLimit(limit), filters);
    }

    @Override
    public Stream<StoredEvent> stream(Version since, Filter... filters) {
        requireOpen("stream");
        return reader.stream(null, since, filters);
    }

    @Override
    public EventPage loadByAggregate(String aggregateId, Version since, Filter... filters) {
        return loadByAggregate(aggregateId, since, batchSize, filters);
    }

    @Override
    public EventPage loadByAggregate(String aggregateId, Version since, int limit, Filter... filters) {
        requireOpen("loadByAggregate");
        return reader.load(aggregateId, since, requireLimit(limit), filters);
    }

    @Override
    public Stream<StoredEvent> streamByAggregate(String aggregateId, Version since, Filter... filters) {
        requireOpen("streamByAggregate");
        return reader.stream(aggregateId, since, filters);
    }

    @Override
    public Optional<StoredEvent> find(String id) {
        requireOpen("find");
        return reader.find(id);
    }

    @Override
    public Version latestVersion() {
        requireOpen("latestVersion");
        return reader.latestVersion();
    }

    @Override
    public StoreStats stats() {
        requireOpen("stats");
        Sizes sizes = reader.sizes();
        try {
            return new StoreStats(
                    Version.of(sizes.stable()),
                    Version.of(sizes.head()),
                    sizes.estimatedEvents(),
                    sizes.tableBytes(),
                    sizes.indexBytes(),
                    HikariPool.stats(dataSource));
        } catch (SQLException e) {
            throw SqlFailure.named("stats", e);
        }
    }

    @Override
    public void close() {
        if (closed.compareAndSet(false, true)) {
            pool.close();
        }
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
