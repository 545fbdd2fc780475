package io.synckit.postgres;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;

import io.synckit.InvalidConfigException;
import java.time.Duration;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class ConfigTest {

    /** The documentation of the Go package, and the additions of this one. */
    @Test
    void defaultsAreThoseOfTheGoPackage() {
        Config config = Config.defaults();

        assertThat(config.tableName()).isEqualTo("events");
        assertThat(config.maxOpenConns()).isEqualTo(25);
        assertThat(config.maxIdleConns()).isEqualTo(10);
        assertThat(config.connMaxLifetime()).isEqualTo(Duration.ofHours(1));
        assertThat(config.connMaxIdleTime()).isEqualTo(Duration.ofMinutes(15));
        assertThat(config.notificationTimeout()).isEqualTo(Duration.ofSeconds(30));
        assertThat(config.reconnectInterval()).isEqualTo(Duration.ofSeconds(5));
        assertThat(config.maxReconnectAttempts()).isEqualTo(10);
        assertThat(config.batchSize()).isEqualTo(1000);
        assertThat(config.enablePreparedStmts()).isTrue();
        assertThat(config.schema()).isEqualTo("synckit");
        assertThat(config.maxEventBytes()).isEqualTo(1024 * 1024);
    }

    @Test
    void valuesThatCannotBeAreRefused() {
        Map<String, Config.Builder> wrong = Map.of(
                "maxOpenConns is 0", Config.builder().maxOpenConns(0),
                "maxIdleConns is -1", Config.builder().maxIdleConns(-1),
                "maxIdleConns is 26", Config.builder().maxIdleConns(26),
                "connMaxLifetime is PT1S", Config.builder().connMaxLifetime(Duration.ofSeconds(1)),
                "connMaxIdleTime is PT1S", Config.builder().connMaxIdleTime(Duration.ofSeconds(1)),
                "notificationTimeout is PT0S", Config.builder().notificationTimeout(Duration.ZERO),
                "reconnectInterval is PT0S", Config.builder().reconnectInterval(Duration.ZERO),
                "maxReconnectAttempts is 0", Config.builder().maxReconnectAttempts(0),
                "batchSize is 0", Config.builder().batchSize(0),
                "maxEventBytes is 5368709120", Config.builder().maxEventBytes(5L << 30));
        wrong.forEach((message, builder) -> assertThatExceptionOfType(InvalidConfigException.class)
                .isThrownBy(builder::build)
                .withMessageContaining(message));
    }

    @Test
    void noSecretIsShown() {
        assertThat(Config.builder()
                        .connectionString("postgres://u:s3cret@h/d")
                        .password("s3cret")
                        .build()
                        .toString())
                .doesNotContain("s3cret");
    }

    @ParameterizedTest
    @CsvSource(
            nullValues = "-",
            value = {
                "jdbc:postgresql://h:1/d?user=u, jdbc:postgresql://h:1/d?user=u, -, -",
                "postgres://u:p@h/d, jdbc:postgresql://h/d, u, p",
                "postgresql://u@h:5433/d?sslmode=require, jdbc:postgresql://h:5433/d?sslmode=require, u, -",
                "postgres://u%40x:p%2F%3A+@h1:1,jdbc:postgresql://ignored,-,-"
            })
    void connectionStringsOfBothKindsAreRead(String text, String url, String user, String password) {
        ConnectionString parsed = ConnectionString.of(text);
        if (text.startsWith("postgres://u%40x")) {
            assertThat(parsed).isEqualTo(new ConnectionString("jdbc:postgresql://h1:1/", "u@x", "p/:+"));
        } else {
            assertThat(parsed).isEqualTo(new ConnectionString(url, user, password));
        }
    }

    @Test
    void severalHostsAreKept() {
        assertThat(ConnectionString.of("postgres://u:p@h1:5432,h2:5433/d").url())
                .isEqualTo("jdbc:postgresql://h1:5432,h2:5433/d");
    }

    @ParameterizedTest
    @ValueSource(strings = {"", "mysql://u:s3cret@h/d", "jdbc:mysql://u:s3cret@h/d", "postgres://u:s3cret @h/d"})
    void otherConnectionStringsAreRefusedWithoutShowingThem(String text) {
        assertThatExceptionOfType(InvalidConfigException.class)
                .isThrownBy(() -> ConnectionString.of(text))
                .withMessageNotContaining("s3cret");
    }

    @Test
    void aStoreOfItsOwnNeedsAConnectionString() {
        assertThatExceptionOfType(InvalidConfigException.class)
                .isThrownBy(() -> PostgresEventStore.open(Config.defaults()))
                .withMessageContaining("connectionString");
    }
}
