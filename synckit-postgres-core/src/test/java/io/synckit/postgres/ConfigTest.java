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
    void invalidValuesAreRejected() {
        Map<String, ConfigBuilder> wrong = Map.of(
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
            delimiter = '|',
            value = {
                "jdbc:postgresql://h:1/d?user=u | jdbc:postgresql://h:1/d?user=u | - | -",
                "postgres://u:p@h/d | jdbc:postgresql://h/d | u | p",
                "postgresql://u@h:5433/d?sslmode=require | jdbc:postgresql://h:5433/d?sslmode=require | u | -",
                "postgres://u%40x:p%2F%3A+@h1:1 | jdbc:postgresql://h1:1/u%40x | u@x | p/:+",
                "postgres://user:p%40ss@h1:1,h2:5432/db | jdbc:postgresql://h1:1,h2:5432/db | user | p@ss",
                "postgres://user:p@ss:w@h1:1,h2/db | jdbc:postgresql://h1:1,h2/db | user | p@ss:w",
                "postgres://u:p@[::1]:5432/d | jdbc:postgresql://[::1]:5432/d | u | p",
                "postgres:///d | jdbc:postgresql://localhost/d | - | -",
                "postgres://u:p@h/my%40db+1 | jdbc:postgresql://h/my%40db%2B1 | u | p",
                "postgres://h/d?user=u&password=p%26q | jdbc:postgresql://h/d | u | p&q",
                "postgres://u:p@h/d?connect_timeout=3&application_name=my%20shop"
                        + " | jdbc:postgresql://h/d?connectTimeout=3&ApplicationName=my%20shop | u | p",
                "postgres://u@h1,h2/d?target_session_attrs=read-write"
                        + " | jdbc:postgresql://h1,h2/d?targetServerType=primary | u | -",
                "postgres://u@h/d?passfile=x&sslmode=require | jdbc:postgresql://h/d?sslmode=require | u | -"
            })
    void connectionStringsOfBothFormsAreRead(String text, String url, String user, String password) {
        assertThat(ConnectionString.of(text)).isEqualTo(new ConnectionString(url, user, password));
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "",
                "mysql://u:s3cret@h/d",
                "jdbc:mysql://u:s3cret@h/d",
                "postgres://u:s3cret@,",
                "jdbc:postgresql://,/s3cret",
                "postgres://u:s3cret@h :1/d",
                "postgres://u:s3c/ret@h:1x/d",
                "postgres://u:s3cret?@h/d",
                "postgres://u:%zzs3cret@h/d",
                "postgres://user:2024?s3cret@dbhost/app",
                "postgres:///app?host=s3cret",
                "postgres://u:s3cret@h/d?target_session_attrs=s3cre",
                "postgres://u:s3cret@h:99999/d",
                "postgres://u:s3c/ret@h/d",
                "postgres://user:12/s3cret@host/db",
                "jdbc:postgresql://u:s3cret@h/d",
                "jdbc:postgresql://u:s3cret@h:1,h2/d?user=x",
                "jdbc:postgresql://h:99999/s3cret"
            })
    void invalidConnectionStringsAreRejectedAndHidden(String text) {
        assertThatExceptionOfType(InvalidConfigException.class)
                .isThrownBy(() -> ConnectionString.of(text))
                .withMessageNotContaining("s3cret");
    }

    @Test
    void dedicatedPoolNeedsAConnectionString() {
        assertThatExceptionOfType(InvalidConfigException.class)
                .isThrownBy(() -> PostgresEventStore.open(Config.defaults()))
                .withMessageContaining("connectionString");
    }
}
