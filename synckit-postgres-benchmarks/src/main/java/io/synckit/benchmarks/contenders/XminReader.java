package io.synckit.benchmarks.contenders;

import java.sql.Connection;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.util.EnumSet;
import java.util.Set;
import java.util.function.LongConsumer;
import tools.jackson.databind.json.JsonMapper;

/**
 * A reader that waits for the oldest transaction of the cluster. Each row has the id of its transaction, the cursor is (transaction,
 * position), and only rows older than every running transaction are read. It polls.
 */
public final class XminReader implements Contender {

    private static final JsonMapper JSON = new JsonMapper();
    private static final long POLL = 20;
    private static final int PAGE = 1000;
    private static final String SCHEMA = """
            drop table if exists xmin_events;
            create table xmin_events (
                position bigint generated always as identity primary key,
                xid xid8 not null default pg_current_xact_id(),
                id text not null unique,
                aggregate_id text not null,
                stream_version bigint not null,
                event_type text not null,
                data jsonb not null,
                created_at timestamptz not null default clock_timestamp(),
                unique (aggregate_id, stream_version));
            create index on xmin_events (xid, position)
            """;

    private final Database database;

    public XminReader(Database database) {
        this.database = database;
    }

    @Override
    public String name() {
        return "xmin reader";
    }

    @Override
    public Set<Can> can() {
        return EnumSet.of(Can.READ_ALL, Can.FOLLOW);
    }

    @Override
    public void create() throws Exception {
        database.execute(SCHEMA);
    }

    @Override
    public long store(Order order) throws SQLException {
        long start = System.nanoTime();
        try (Connection connection = database.pool().getConnection();
                PreparedStatement insert = connection.prepareStatement("insert into xmin_events"
                        + " (id, aggregate_id, stream_version, event_type, data) values (?, ?, ?, ?, ?::jsonb)")) {
            insert.setString(1, order.id());
            insert.setString(2, order.aggregateId());
            insert.setLong(3, order.streamVersion());
            insert.setString(4, "OrderPlaced");
            insert.setString(5, JSON.writeValueAsString(order.data()));
            insert.executeUpdate();
        }
        return start;
    }

    @Override
    public void readAll(LongConsumer each) throws SQLException {
        try (Connection connection = database.pool().getConnection()) {
            Cursor cursor = new Cursor("0", 0);
            while (cursor.read(connection, each) > 0) {
                // On.
            }
        }
    }

    @Override
    public Following follow(LongConsumer each) throws SQLException {
        Cursor cursor = new Cursor(
                database.query("select coalesce(max(e.xid), '0')::text from xmin_events e"),
                Long.parseLong(database.query("select coalesce(max(position), 0) from xmin_events")));
        return Polling.every(POLL, database, connection -> cursor.read(connection, each));
    }

    /** The position of a reader. */
    private static final class Cursor {

        private String xid;
        private long position;

        Cursor(String xid, long position) {
            this.xid = xid;
            this.position = position;
        }

        int read(Connection connection, LongConsumer each) throws SQLException {
            int count = 0;
            try (PreparedStatement select = connection.prepareStatement("select e.xid::text, e.position, e.id,"
                    + " e.aggregate_id, e.event_type, e.data from xmin_events e where (e.xid, e.position) > (?::xid8, ?)"
                    // Qualified: a plain "xid" is the output column, whose text sorts '10' before '9'.
                    + " and e.xid < pg_snapshot_xmin(pg_current_snapshot()) order by e.xid, e.position limit "
                    + PAGE)) {
                select.setString(1, xid);
                select.setLong(2, position);
                try (ResultSet rows = select.executeQuery()) {
                    while (rows.next()) {
                        xid = rows.getString(1);
                        position = rows.getLong(2);
                        each.accept(JSON.readValue(rows.getString(6), Order.Data.class)
                                .n());
                        count++;
                    }
                }
            }
            return count;
        }
    }
}
