package io.synckit.postgres;

import static org.assertj.core.api.Assertions.assertThat;

import io.synckit.EventStoreException;
import io.synckit.InvalidConnectionException;
import io.synckit.postgres.internal.sql.SqlFailure;
import java.sql.SQLException;
import java.sql.SQLTransientConnectionException;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** The SQLSTATE decides, whatever the language of the message. */
class SqlFailureTest {

    @ParameterizedTest
    @CsvSource({
        "40001, TransactionConflictException, try the whole transaction again",
        "40P01, TransactionConflictException, try the whole transaction again",
        "55P03, TransactionConflictException, try the whole transaction again",
        "28P01, InvalidConnectionException, check user",
        "3D000, InvalidConnectionException, name of the database",
        "25P03, InvalidConnectionException, idle_in_transaction_session_timeout",
        "25P04, InvalidConnectionException, transaction_timeout",
        "53300, InvalidConnectionException, max_connections",
        "57P01, InvalidConnectionException, ended the session",
        "57P03, InvalidConnectionException, starting",
        "57P05, InvalidConnectionException, idle_session_timeout",
        "08006, InvalidConnectionException, the network",
        "42P01, SchemaException, run the migrations",
        "42501, InvalidConnectionException, grant",
        "25006, UnusableTransactionException, may write",
        "57014, EventStoreException, statement_timeout",
        "22003, EventStoreException, 22003"
    })
    void sqlStateDecidesErrorAndRemedy(String state, String name, String remedy) {
        EventStoreException failure = SqlFailure.named("append", new SQLException("FEHLER: irgend\netwas", state));

        assertThat(failure.getClass().getSimpleName()).isEqualTo(name);
        assertThat(failure).hasMessageContaining(remedy).hasMessageContaining("irgend etwas");
    }

    @ParameterizedTest
    @CsvSource({"42501, MISSING_PRIVILEGE", "57P01, UNAVAILABLE"})
    void sqlStateDecidesTheReason(String state, InvalidConnectionException.Reason reason) {
        assertThat(SqlFailure.named("load", new SQLException("FEHLER", state)))
                .isInstanceOfSatisfying(
                        InvalidConnectionException.class,
                        e -> assertThat(e.reason()).isEqualTo(reason));
    }

    @Test
    void exhaustedPoolNamesTheRemedy() {
        assertThat(SqlFailure.named("load", new SQLTransientConnectionException("not available, request timed out")))
                .hasMessageContaining("no connection of the pool was free")
                .hasMessageContaining("open-in-view");
    }

    @Test
    void endedStreamNamesTheTimeout() {
        assertThat(SqlFailure.ofOpenStream(new SQLException("I/O error", "08006")))
                .hasMessageContaining("idle_in_transaction_session_timeout");
    }
}
