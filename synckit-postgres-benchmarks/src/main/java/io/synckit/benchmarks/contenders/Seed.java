package io.synckit.benchmarks.contenders;

import java.sql.Connection;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.util.EnumSet;
import java.util.List;
import java.util.Set;
import java.util.function.LongConsumer;
import tools.jackson.databind.json.JsonMapper;

/** The schema and the statements of go-sync-kit's PostgreSQL store, rebuilt from its documentation. */
public final class Seed implements Contender {

    private static final JsonMapper JSON = new JsonMapper();
    private static final String SCHEMA = """
            drop table if exists seed_events;
            create table seed_events (
                version bigserial primary key,
                id text not null unique,
                aggregate_id text not null,
                event_type text not null,
                data jsonb,
                metadata jsonb,
                created_at timestamptz default now(),
                stream_name text generated always as ('stream_' || aggregate_id) stored);
            create index on seed_events (aggregate_id);
            create index on seed_events (version);
            create index on seed_events (created_at);
            create index on seed_events (stream_name);
            create index on seed_events (event_type);
            create index on seed_events using gin (data);
            create index on seed_events using gin (metadata);
            create or replace function seed_notify() returns trigger language plpgsql as $$
            begin
                perform pg_notify(new.stream_name, json_build_object('version', new.version, 'id', new.id,
                    'aggregate_id', new.aggregate_id, 'event_type', new.event_type, 'created_at', new.created_at)::text);
                perform pg_notify('events_global', json_build_object('version', new.version, 'id', new.id,
                    'aggregate_id', new.aggregate_id, 'event_type', new.event_type, 'stream_name', new.stream_name,
                    'created_at', new.created_at)::text);
                return new;
            end $$;
            create trigger seed_notify after insert on seed_events for each row execute function seed_notify()
            """;
    private static final String INSERT =
            "insert into seed_events (id, aggregate_id, event_type, data, metadata) values (?, ?, ?, ?::jsonb, ?::jsonb)";

    private final Database database;

    public Seed(Database database) {
        this.database = database;
    }

    @Override
    public String name() {
        return "go-sync-kit's schema";
    }

    @Override
    public Set<Can> can() {
        return EnumSet.allOf(Can.class);
    }

    @Override
    public void create() throws Exception {
        database.execute(SCHEMA);
    }

    @Override
    public long store(Order order) throws SQLException {
        return storeAll(List.of(order));
    }

    @Override
    public void storeBatch(List<Order> orders) throws SQLException {
        storeAll(orders);
    }

    private long storeAll(List<Order> orders) throws SQLException {
        try (Connection connection = database.pool().getConnection()) {
            connection.setAutoCommit(false);
            try (PreparedStatement insert = connection.prepareStatement(INSERT)) {
                for (Order order : orders) {
                    insert.setString(1, order.id());
                    insert.setString(2, order.aggregateId());
                    insert.setString(3, "OrderPlaced");
                    insert.setString(4, JSON.writeValueAsString(order.data()));
                    insert.setString(5, "{}");
                    insert.executeUpdate();
                }
                long start = System.nanoTime();
                connection.commit();
                return start;
            } finally {
                connection.setAutoCommit(true);
            }
        }
    }

    /** Reads all into memory, as the Go package does. */
    @Override
    public void readAll(LongConsumer each) throws SQLException {
        read("where version > 0 order by version", each);
    }

    @Override
    public void readStream(String aggregateId, LongConsumer each) throws SQLException {
        read("where aggregate_id = '" + aggregateId + "' and version > 0 order by version", each);
    }

    private void read(String rest, LongConsumer each) throws SQLException {
        try (Connection connection = database.pool().getConnection();
                PreparedStatement select = connection.prepareStatement(
                        "select version, id, aggregate_id, event_type, data, metadata from seed_events " + rest);
                ResultSet rows = select.executeQuery()) {
            while (rows.next()) {
                each.accept(JSON.readValue(rows.getString(5), Order.Data.class).n());
            }
        }
    }

    @Override
    public Following follow(LongConsumer each) throws SQLException {
        return Notifications.listen(
                database,
                "events_global",
                payload -> each.accept(Order.n(JSON.readTree(payload).get("id").stringValue())));
    }
}
