package io.synckit.benchmarks.contenders;

import java.io.StringReader;
import java.sql.Connection;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.util.EnumSet;
import java.util.List;
import java.util.Set;
import java.util.UUID;
import java.util.function.Function;
import java.util.function.LongConsumer;
import org.postgresql.PGConnection;
import tools.jackson.databind.json.JsonMapper;

/** The driver alone, on the same columns and indexes, without triggers, checks, order or protection. */
public final class Bare implements Contender {

    /** How a batch is stored. */
    public enum Batch {
        ARRAYS,
        COPY
    }

    /** As large as the batches of this library's consumers. */
    private static final int CONSUMER_PAGE = 100;

    private static final JsonMapper JSON = new JsonMapper();
    private static final String TABLE = """
            create table <table> (
                version bigint generated always as identity primary key,
                id text not null unique,
                aggregate_id text not null,
                stream_version bigint not null,
                event_type text not null,
                data jsonb not null,
                metadata jsonb not null default '{}',
                created_at timestamptz not null default clock_timestamp(),
                unique (aggregate_id, stream_version));
            create index on <table> (event_type, version);
            create index on <table> using brin (created_at) with (pages_per_range = 16, autosummarize = on)
            """;
    private static final String COLUMNS = "(id, aggregate_id, stream_version, event_type, data, metadata)";

    private final Database database;
    private final Batch batch;
    private final boolean notifies;
    private final String table;

    /** @param notifies whether each event is a notification, with its number as the payload */
    public Bare(Database database, Batch batch, boolean notifies) {
        this.database = database;
        this.batch = batch;
        this.notifies = notifies;
        this.table = notifies ? "bare_notify" : batch == Batch.COPY ? "bare_copy" : "bare";
    }

    @Override
    public String name() {
        return notifies ? "bare LISTEN/NOTIFY" : batch == Batch.COPY ? "bare COPY" : "bare insert";
    }

    @Override
    public Set<Can> can() {
        EnumSet<Can> can = EnumSet.of(Can.STORE_BATCH, Can.READ_ALL, Can.READ_STREAM, Can.CONSUME);
        if (notifies) {
            can.add(Can.FOLLOW);
        }
        return can;
    }

    @Override
    public String table() {
        return table;
    }

    @Override
    public void create() throws Exception {
        database.execute("drop table if exists " + table + ";" + TABLE.replace("<table>", table));
        database.execute(BusinessRow.create(orders()));
    }

    @Override
    public long store(Order order) throws SQLException {
        try (Connection connection = database.pool().getConnection()) {
            return notifies ? storeAndNotify(connection, order) : store(connection, order);
        }
    }

    private long store(Connection connection, Order order) throws SQLException {
        long start = System.nanoTime();
        try (PreparedStatement insert = connection.prepareStatement("insert into " + table + COLUMNS
                + " values (?, ?, ?, ?, ?::jsonb, ?::jsonb) returning version, stream_version, created_at")) {
            insert.setString(1, order.id());
            insert.setString(2, order.aggregateId());
            insert.setLong(3, order.streamVersion());
            insert.setString(4, "OrderPlaced");
            insert.setString(5, JSON.writeValueAsString(order.data()));
            insert.setString(6, "{}");
            insert.executeQuery().close();
        }
        return start;
    }

    private long storeAndNotify(Connection connection, Order order) throws SQLException {
        connection.setAutoCommit(false);
        try (PreparedStatement notify = connection.prepareStatement("select pg_notify('bare', ?)")) {
            store(connection, order);
            notify.setString(1, String.valueOf(order.n()));
            notify.execute();
            long start = System.nanoTime();
            connection.commit();
            return start;
        } finally {
            connection.setAutoCommit(true);
        }
    }

    @Override
    public void storeWithBusinessRow(Order order) throws SQLException {
        try (Connection connection = database.pool().getConnection()) {
            connection.setAutoCommit(false);
            BusinessRow.insert(connection, orders(), order);
            store(connection, order);
            connection.commit();
        }
    }

    private String orders() {
        return table + "_orders";
    }

    @Override
    public void storeBatch(List<Order> orders) throws Exception {
        try (Connection connection = database.pool().getConnection()) {
            if (batch == Batch.COPY) {
                copy(connection, orders);
            } else {
                arrays(connection, orders);
            }
        }
    }

    private void arrays(Connection connection, List<Order> orders) throws SQLException {
        try (PreparedStatement insert = connection.prepareStatement("insert into " + table + COLUMNS
                + " select id, aggregate_id, stream_version, event_type, data::jsonb, metadata::jsonb"
                + " from unnest(?::text[], ?::text[], ?::bigint[], ?::text[], ?::text[], ?::text[])"
                + " as t(id, aggregate_id, stream_version, event_type, data, metadata)"
                + " returning version, stream_version, created_at")) {
            insert.setArray(1, array(connection, orders, Order::id));
            insert.setArray(2, array(connection, orders, Order::aggregateId));
            insert.setArray(
                    3,
                    connection.createArrayOf(
                            "bigint", orders.stream().map(Order::streamVersion).toArray(Long[]::new)));
            insert.setArray(4, array(connection, orders, order -> "OrderPlaced"));
            insert.setArray(5, array(connection, orders, order -> JSON.writeValueAsString(order.data())));
            insert.setArray(6, array(connection, orders, order -> "{}"));
            insert.executeQuery().close();
        }
    }

    private static java.sql.Array array(Connection connection, List<Order> orders, Function<Order, String> column)
            throws SQLException {
        return connection.createArrayOf("text", orders.stream().map(column).toArray(String[]::new));
    }

    private void copy(Connection connection, List<Order> orders) throws Exception {
        StringBuilder rows = new StringBuilder();
        for (Order order : orders) {
            rows.append(order.id())
                    .append('\t')
                    .append(order.aggregateId())
                    .append('\t')
                    .append(order.streamVersion())
                    .append("\tOrderPlaced\t")
                    // No character of it must be escaped.
                    .append(JSON.writeValueAsString(order.data()))
                    .append("\t{}\n");
        }
        connection
                .unwrap(PGConnection.class)
                .getCopyAPI()
                .copyIn("copy " + table + COLUMNS + " from stdin", new StringReader(rows.toString()));
    }

    /** A cursor that stores its position in the transaction of each page, as one would write it by hand. */
    @Override
    public void consume(long events, LongConsumer each) throws Exception {
        String checkpoints = table + "_checkpoints";
        String consumer = "consumer-" + UUID.randomUUID();
        database.execute("create table if not exists " + checkpoints + " (name text primary key, position bigint)");
        database.execute("insert into " + checkpoints + " values ('" + consumer + "', 0)");
        try (Connection connection = database.connect();
                PreparedStatement read = connection.prepareStatement("select version, id, aggregate_id, stream_version,"
                        + " event_type, data, metadata, created_at from " + table
                        + " where version > ? order by version limit " + CONSUMER_PAGE);
                PreparedStatement store = connection.prepareStatement(
                        "update " + checkpoints + " set position = ? where name = '" + consumer + "'")) {
            connection.setAutoCommit(false);
            long position = 0;
            for (long handled = 0; handled < events; ) {
                read.setLong(1, position);
                long[] page = {0};
                position = read(read, n -> {
                    page[0]++;
                    each.accept(n);
                });
                handled += page[0];
                store.setLong(1, position);
                store.executeUpdate();
                connection.commit();
            }
        }
    }

    @Override
    public void readAll(LongConsumer each) throws SQLException {
        try (Connection connection = database.pool().getConnection()) {
            connection.setAutoCommit(false);
            try (PreparedStatement select = connection.prepareStatement("select version, id, aggregate_id,"
                    + " stream_version, event_type, data, metadata, created_at from " + table + " order by version")) {
                select.setFetchSize(1000);
                read(select, each);
            } finally {
                connection.setAutoCommit(true);
            }
        }
    }

    @Override
    public void readStream(String aggregateId, LongConsumer each) throws SQLException {
        try (Connection connection = database.pool().getConnection();
                PreparedStatement select = connection.prepareStatement("select version, id, aggregate_id,"
                        + " stream_version, event_type, data, metadata, created_at from " + table
                        + " where aggregate_id = ? order by stream_version")) {
            select.setString(1, aggregateId);
            read(select, each);
        }
    }

    /** Returns the last version. */
    private static long read(PreparedStatement select, LongConsumer each) throws SQLException {
        long last = 0;
        try (ResultSet rows = select.executeQuery()) {
            while (rows.next()) {
                last = rows.getLong(1);
                rows.getString(2);
                rows.getString(3);
                rows.getLong(4);
                rows.getString(5);
                rows.getString(7);
                rows.getObject(8, java.time.OffsetDateTime.class);
                each.accept(JSON.readValue(rows.getString(6), Order.Data.class).n());
            }
        }
        return last;
    }

    @Override
    public Following follow(LongConsumer each) throws SQLException {
        return Notifications.listen(database, "bare", payload -> each.accept(Long.parseLong(payload)));
    }
}
