package io.synckit.postgres;

import static org.assertj.core.api.Assertions.assertThat;

import com.zaxxer.hikari.HikariConfig;
import com.zaxxer.hikari.HikariDataSource;
import io.synckit.ConnectionSource;
import io.synckit.Event;
import io.synckit.EventStore;
import io.synckit.StoredEvent;
import io.synckit.Version;
import io.synckit.postgres.testing.RoundTrips;
import io.synckit.postgres.testing.TestDatabase;
import io.synckit.postgres.testing.TestPostgres;
import java.sql.Connection;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.util.List;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.RegisterExtension;

/** What an operation costs on the wire, counted at the driver's socket. */
class RoundTripsTest {

    private static final String ALIVE_BYPASS = "com.zaxxer.hikari.aliveBypassWindowMs";

    @RegisterExtension
    private final TestDatabase database = TestPostgres.shared().migratedDatabase();

    private HikariDataSource pool;
    private EventStore store;

    @BeforeEach
    void open() {
        HikariConfig config = new HikariConfig();
        config.setJdbcUrl(database.url(RoundTrips.URL_PARAMETER));
        config.setMaximumPoolSize(1);
        pool = new HikariDataSource(config);
        store = PostgresEventStore.on(pool, Config.defaults());
        // Whatever a first call costs beyond the rest.
        store.storeBatch(List.of(Event.of("w", "T", 1), Event.of("w", "T", 2)));
        store.store(Event.of("w", "T", 3));
    }

    @AfterEach
    void close() {
        pool.close();
    }

    /** Otherwise the pool checks a connection that was idle for half a second, which is one more round trip. */
    @BeforeAll
    static void trustIdleConnections() {
        System.setProperty(ALIVE_BYPASS, "600000");
    }

    @AfterAll
    static void doNotTrustThemElsewhere() {
        System.clearProperty(ALIVE_BYPASS);
    }

    private static long roundTrips(Runnable operation) {
        long before = RoundTrips.count();
        operation.run();
        return RoundTrips.count() - before;
    }

    @Test
    void storeCostsOne() {
        for (int i = 0; i < 20; i++) {
            assertThat(roundTrips(() -> store.store(Event.of("a", "T", 1)))).isEqualTo(1);
        }
    }

    @Test
    void batchOfThousandCostsTwoRoundTrips() {
        List<Event> ofManyAggregates = IntStream.range(0, 1000)
                .mapToObj(i -> Event.of("a-" + i, "T", i))
                .toList();
        List<Event> ofOne =
                IntStream.range(0, 1000).mapToObj(i -> Event.of("b", "T", i)).toList();

        assertThat(roundTrips(() -> store.storeBatch(ofManyAggregates))).isEqualTo(2);
        assertThat(roundTrips(() -> store.storeBatch(ofOne))).isEqualTo(2);
    }

    @Test
    void readsCostOneOrTwo() {
        assertThat(roundTrips(() -> store.load(Version.ZERO))).isEqualTo(2);
        assertThat(roundTrips(() -> store.loadByAggregate("w", Version.ZERO))).isEqualTo(1);
        assertThat(roundTrips(() -> store.find("none"))).isEqualTo(1);
        assertThat(roundTrips(() -> store.latestVersion())).isEqualTo(1);
        assertThat(roundTrips(() -> store.stats())).isEqualTo(1);
    }

    @Test
    void preparedStatementsAreKeptOnlyIfTheyAreOn() {
        EventStore without = PostgresEventStore.on(
                pool, Config.builder().enablePreparedStmts(false).build());
        for (int i = 0; i < 20; i++) {
            without.store(Event.of("a", "T", 1));
        }
        assertThat(preparedStatements()).isZero();
        for (int i = 0; i < 20; i++) {
            store.store(Event.of("a", "T", 1));
        }
        assertThat(preparedStatements()).isPositive();
    }

    /** Nothing in it joins array with array, so one plan does for batches of all sizes. */
    @Test
    void planOfABatchIsKept() throws SQLException {
        for (int i = 0; i < 20; i++) {
            store.storeBatch(IntStream.range(0, 100)
                    .mapToObj(n -> Event.of("a-" + n, "T", 1))
                    .toList());
        }
        try (Connection connection = pool.getConnection();
                Statement statement = connection.createStatement();
                ResultSet plan = statement.executeQuery("select sum(generic_plans) from pg_prepared_statements"
                        + " where statement like '%insert%stream_versions%'")) {
            plan.next();
            assertThat(plan.getLong(1)).isPositive();
        }
    }

    private long preparedStatements() {
        try (ConnectionSource.Borrowed borrowed = ConnectionSource.of(pool).borrow();
                var statement = borrowed.connection().createStatement();
                var rows = statement.executeQuery(
                        "select count(*) from pg_prepared_statements where statement like '%insert%'")) {
            rows.next();
            return rows.getLong(1);
        } catch (java.sql.SQLException e) {
            throw new IllegalStateException(e);
        }
    }

    /** The cursor holds one fetch at a time: what was read when the first event arrives does not depend on how many there are. */
    @Test
    void streamReadsIncrementally() {
        String data = "x".repeat(200);
        for (int i = 0; i < 20; i++) {
            store.storeBatch(IntStream.range(0, 1000)
                    .mapToObj(n -> Event.of("s", "T", data))
                    .toList());
        }
        EventStore small =
                PostgresEventStore.on(pool, Config.builder().batchSize(100).build());
        long before = RoundTrips.bytesRead();
        try (Stream<StoredEvent> stream = small.stream(Version.ZERO)) {
            assertThat(stream.limit(1)).hasSize(1);
        }
        long first = RoundTrips.bytesRead() - before;
        try (Stream<StoredEvent> stream = small.stream(Version.ZERO)) {
            assertThat(stream.count()).isEqualTo(20_003);
        }
        long all = RoundTrips.bytesRead() - before - first;

        assertThat(first).isLessThan(all / 50);
    }
}
