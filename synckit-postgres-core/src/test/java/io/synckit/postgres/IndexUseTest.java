package io.synckit.postgres;

import static org.assertj.core.api.Assertions.assertThat;

import io.synckit.EventStore;
import io.synckit.Filter;
import io.synckit.Version;
import io.synckit.postgres.schema.NotifyMode;
import io.synckit.postgres.schema.SchemaMigrator;
import io.synckit.postgres.testing.TestDatabase;
import io.synckit.postgres.testing.TestPostgres;
import java.time.Instant;
import java.util.List;
import java.util.Map;
import java.util.TreeSet;
import java.util.regex.Pattern;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.postgresql.ds.PGSimpleDataSource;

/** Every index is used by a query of the store: the server counts. And every query of the store uses one: EXPLAIN says so. */
class IndexUseTest {

    private static TestDatabase database;

    @BeforeAll
    static void fill() {
        database = TestPostgres.shared().emptyDatabase();
        PGSimpleDataSource unpooled = new PGSimpleDataSource();
        unpooled.setUrl(database.url());
        new SchemaMigrator(unpooled, "synckit", "events", new SchemaMigrator.Options(true, true, NotifyMode.COALESCED))
                .migrate();
        database.execute(
                "insert into synckit.events (id, aggregate_id, stream_version, event_type, data, metadata, created_at)"
                        + " select 'e-' || n, 'a-' || n % 5000, 1 + n / 5000, 'T' || n % 200,"
                        + " jsonb_build_object('n', n, 'pad', repeat('x', 50)), jsonb_build_object('m', n % 1000),"
                        + " timestamptz '2026-01-01' + n * interval '1 second'"
                        + " from generate_series(0, 99999) n",
                "vacuum analyze synckit.events");
    }

    @AfterAll
    static void drop() {
        database.close();
    }

    private static final String SELECT =
            "select version, id, aggregate_id, stream_version, event_type, data, metadata, created_at"
                    + " from synckit.events where ";

    @Test
    void plansOfTheReads() {
        assertPlan("version > 50000 and version <= 100000 order by version limit 1001", "Index Scan using events_pkey");
        assertPlan("id = 'e-7'", "Index Scan using events_id_key");
        assertPlan(
                "aggregate_id = 'a-7' and version > 0 order by stream_version limit 1001",
                "Index Scan using events_stream_key");
        assertPlan(
                "version > 0 and version <= 100000 and event_type = 'T7' order by version limit 1001",
                "Index Scan using events_event_type_idx");
        assertPlan(
                "version > 0 and version <= 100000 and created_at >= '2026-01-01 01:00' and created_at < '2026-01-01 01:01'"
                        + " order by version limit 1001",
                "Bitmap Index Scan on events_created_at_idx");
        assertPlan(
                "version > 0 and version <= 100000 and data @> '{\"n\": 7}' order by version limit 1001",
                "Bitmap Index Scan on events_data_idx");
        assertPlan(
                "version > 0 and version <= 100000 and metadata @> '{\"m\": 7}' order by version limit 1001",
                "Bitmap Index Scan on events_metadata_idx");
    }

    private static void assertPlan(String query, String expected) {
        String plan = database.query("explain (format json) " + SELECT + query);
        String nodes = Pattern.compile("\"(Node Type|Index Name)\": \"([^\"]+)\"")
                .matcher(plan)
                .results()
                .map(match -> match.group(2))
                .reduce("", (a, b) -> a + " " + b);
        for (String word : expected.split(" using | on ")) {
            assertThat(nodes).as(query).contains(word);
        }
    }

    /** Through the store itself: afterwards the server has counted a scan of each index that there is. */
    @Test
    void everyIndexIsUsedByTheStore() {
        String before = "select string_agg(indexrelname, ',' order by indexrelname) from pg_stat_user_indexes"
                + " where schemaname = 'synckit' and relname = 'events' and idx_scan > 0";
        database.execute("select pg_stat_reset()");
        EventStore store = PostgresEventStore.open(Config.builder()
                .connectionString(database.url())
                .maxOpenConns(1)
                .maxIdleConns(1)
                .build());
        store.load(Version.of(50_000), 10);
        store.find("e-7");
        store.loadByAggregate("a-7", Version.ZERO);
        store.load(Version.ZERO, Filter.types("T7"));
        store.load(
                Version.ZERO,
                Filter.createdBetween(Instant.parse("2026-01-01T01:00:00Z"), Instant.parse("2026-01-01T01:01:00Z")));
        store.load(Version.ZERO, Filter.dataContains(Map.of("n", 7)));
        store.load(Version.ZERO, Filter.metadataContains(Map.of("m", 7)));
        // A backend reports its counts at the latest when it ends.
        store.close();

        io.synckit.postgres.testing.Await.until(
                database,
                before,
                String.join(
                        ",",
                        new TreeSet<>(List.of(
                                "events_created_at_idx",
                                "events_data_idx",
                                "events_event_type_idx",
                                "events_id_key",
                                "events_metadata_idx",
                                "events_pkey",
                                "events_stream_key"))));
        assertThat(database.query(
                        "select count(*) from pg_indexes where schemaname = 'synckit' and tablename = 'events'"))
                .isEqualTo("7");
    }
}
