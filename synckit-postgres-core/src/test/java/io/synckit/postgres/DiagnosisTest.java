package io.synckit.postgres;

import static org.assertj.core.api.Assertions.assertThat;

import io.synckit.Event;
import io.synckit.Version;
import io.synckit.postgres.StoreDiagnosis.HorizonHolder;
import io.synckit.postgres.schema.SchemaStatus;
import io.synckit.postgres.testing.Await;
import io.synckit.postgres.testing.CallersTransaction;
import io.synckit.postgres.testing.TestDatabase;
import io.synckit.postgres.testing.TestPostgres;
import java.time.Duration;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.RegisterExtension;

/** The diagnosis of a store: which session holds the horizon. */
class DiagnosisTest {

    @RegisterExtension
    private final TestDatabase database = TestPostgres.shared().migratedDatabase();

    private final PostgresEventStore store = PostgresEventStore.on(database.pool(), Config.defaults());

    @AfterEach
    void close() {
        store.close();
    }

    @Test
    void emptyStoreStartsAtZero() {
        StoreDiagnosis diagnosis = store.diagnose();

        assertThat(diagnosis.stable()).isEqualTo(Version.ZERO);
        assertThat(diagnosis.head()).isEqualTo(Version.ZERO);
        assertThat(diagnosis.latestEventAt()).isEmpty();
        assertThat(diagnosis.writers()).isZero();
        assertThat(diagnosis.heldBy()).isEmpty();
        assertThat(diagnosis.schemaVersion()).isEqualTo(SchemaStatus.CURRENT_VERSION);
        assertThat(diagnosis.notificationQueueUsage()).isBetween(0.0, 1.0);
    }

    @Test
    void sessionThatHoldsTheHorizonIsNamed() throws Exception {
        store.store(Event.of("a", "T", 0));
        try (CallersTransaction culprit = CallersTransaction.begin(database);
                CallersTransaction later = CallersTransaction.begin(database);
                CallersTransaction stranger = CallersTransaction.begin(database)) {
            stranger.execute("select txid_current()");
            culprit.execute("set application_name = 'nightly import'");
            culprit.store().store(Event.of("b", "T", 1));
            later.store().store(Event.of("c", "T", 2));
            store.store(Event.of("d", "T", 3));

            StoreDiagnosis diagnosis = store.diagnose();

            assertThat(diagnosis.stable()).isEqualTo(Version.of(1));
            assertThat(diagnosis.head()).isEqualTo(Version.of(4));
            assertThat(diagnosis.writers()).isEqualTo(2);
            assertThat(diagnosis.latestEventAt().orElseThrow()).isBefore(diagnosis.databaseTime());
            HorizonHolder holder = diagnosis.heldBy().orElseThrow();
            assertThat(holder.applicationName()).isEqualTo("nightly import");
            assertThat(holder.state()).isEqualTo("idle in transaction");
            assertThat(holder.transactionAge()).isPositive();
            assertThat(holder.preparedAs()).isNull();
            assertThat(holder.describe())
                    .contains("nightly import", "idle in transaction", "pg_terminate_backend(" + holder.pid() + ")");

            culprit.execute("commit");
            assertThat(store.diagnose().stable()).isEqualTo(Version.of(2));
            later.rollback();
            assertThat(store.diagnose().heldBy()).isEmpty();
        }
        assertThat(store.diagnose().stable()).isEqualTo(Version.of(4));
    }

    /** A session that is announced and holds back no reader is not named. */
    @Test
    void sessionThatHoldsBackNoReaderIsNotNamed() throws Exception {
        try (CallersTransaction open = CallersTransaction.begin(database)) {
            open.execute("select synckit.events_announce(0)");

            assertThat(store.diagnose().writers()).isEqualTo(1);
            assertThat(store.diagnose().heldBy()).isEmpty();
        }
    }

    @Test
    void preparedTransactionIsNamed() throws Exception {
        database.execute("drop trigger events_notify on synckit.events");
        String name = "forgotten of " + database.name();
        try (CallersTransaction prepared = CallersTransaction.begin(database)) {
            prepared.store().store(Event.of("b", "T", 1));
            prepared.execute("prepare transaction '" + name + "'");

            HorizonHolder holder = store.diagnose().heldBy().orElseThrow();

            assertThat(holder.preparedAs()).isEqualTo(name);
            assertThat(holder.pid()).isNull();
            assertThat(holder.describe()).contains(name, "ROLLBACK PREPARED");
        } finally {
            database.execute("rollback prepared '" + name + "'");
        }
    }

    /** A role that may only use the table sees the process and its application, and the privilege that is needed to see more. */
    @Test
    void roleWithoutMonitoringSeesTheSession() throws Exception {
        String role = "reader_" + database.name();
        database.execute(
                "create role " + role,
                "grant usage on schema synckit to " + role,
                "grant select on synckit.events, synckit.events_version_seq to " + role,
                "grant execute on all functions in schema synckit to " + role);
        try (CallersTransaction culprit = CallersTransaction.begin(database);
                PostgresEventStore reader = PostgresEventStore.open(Config.builder()
                        .connectionString(database.url("options=-c%20role%3D" + role))
                        .maxIdleConns(0)
                        .build())) {
            culprit.execute("set application_name = 'nightly import'");
            culprit.store().store(Event.of("b", "T", 1));

            HorizonHolder holder = reader.diagnose().heldBy().orElseThrow();

            assertThat(holder.applicationName()).isEqualTo("nightly import");
            assertThat(holder.pid()).isNotNull();
            assertThat(holder.state()).isNull();
            assertThat(holder.transactionAge()).isNull();
            assertThat(holder.describe()).contains("grant pg_read_all_stats");
        } finally {
            database.execute("drop owned by " + role, "drop role " + role);
        }
    }

    @Test
    void ageIsThatOfTheTransaction() throws Exception {
        try (CallersTransaction culprit = CallersTransaction.begin(database)) {
            culprit.store().store(Event.of("b", "T", 1));
            Duration first = store.diagnose().heldBy().orElseThrow().transactionAge();

            Await.until(() ->
                    store.diagnose().heldBy().orElseThrow().transactionAge().compareTo(first.plusMillis(50)) > 0);
        }
    }
}
