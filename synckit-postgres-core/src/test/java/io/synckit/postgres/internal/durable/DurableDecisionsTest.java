package io.synckit.postgres.internal.durable;

import static org.assertj.core.api.Assertions.assertThat;

import io.synckit.EventStoreException;
import java.sql.SQLException;
import java.sql.SQLTransientConnectionException;
import java.time.Duration;
import java.util.Map;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** The small decisions of durable subscriptions: partition of a key, batch size, pauses, outage, kind of a failure. */
class DurableDecisionsTest {

    /** The test vectors of docs/durable.md. A change would move events to other partitions, so they would be handled twice or never. */
    @ParameterizedTest
    @CsvSource({"a, 4, 1", "order-1, 4, 1", "order-2, 4, 0", "'', 8, 0", "Zürich, 8, 2", "order-1, 256, 17"})
    void partitionOfAKeyNeverChanges(String key, int partitions, int expected) {
        assertThat(KeyPartitions.of(key, partitions)).isEqualTo(expected);
    }

    @Test
    void keysAreSpreadEvenly() {
        Map<Integer, Long> counts = IntStream.range(0, 8000)
                .mapToObj(i -> KeyPartitions.of("order-" + i, 8))
                .collect(java.util.stream.Collectors.groupingBy(p -> p, java.util.stream.Collectors.counting()));

        assertThat(counts).hasSize(8);
        assertThat(counts.values()).allSatisfy(count -> assertThat(count).isBetween(850L, 1150L));
    }

    @Test
    void batchGrowsWhileItIsFastAndShrinksWhenItIsSlow() {
        BatchSize size = new BatchSize(100);
        for (int i = 0; i < 10; i++) {
            size.succeeded(size.size(), BatchSize.FAST - 1, false);
        }
        assertThat(size.size()).isEqualTo(100);

        size.succeeded(100, BatchSize.FAST, false);
        assertThat(size.size()).isEqualTo(100);
        size.succeeded(100, BatchSize.SLOW + 1, false);
        assertThat(size.size()).isEqualTo(50);
        size.succeeded(50, BatchSize.SLOW_WHEN_STORING + 1, true);
        assertThat(size.size()).isEqualTo(25);
    }

    @Test
    void batchThatWasNotFullDoesNotGrow() {
        BatchSize size = new BatchSize(100);
        size.succeeded(1, 1, false);
        size.succeeded(2, 1, false);
        size.succeeded(1, 1, false);

        assertThat(size.size()).isEqualTo(4);
    }

    @Test
    void failedBatchEndsBeforeTheFailingEvent() {
        BatchSize size = new BatchSize(100);
        size.failed(64, 17);
        assertThat(size.size()).isEqualTo(17);
        size.failed(17, 0);
        assertThat(size.size()).isEqualTo(1);
        size.failed(64, -1);
        assertThat(size.size()).isEqualTo(32);
    }

    @Test
    void pausesGrowUpToTheirLimit() {
        RetryDelays delays = new RetryDelays(Duration.ofSeconds(1), 2, Duration.ofSeconds(10));

        for (int attempts = 1; attempts < 2000; attempts++) {
            long longest = (long) Math.min(1e9 * Math.pow(2, Math.min(attempts - 1, 40)), 10e9);
            assertThat(delays.after(attempts).toNanos()).isBetween(longest / 2 - 1, longest);
        }
    }

    @Test
    void manyFailingKeysInARowAreAnOutage() {
        Outage outage = new Outage();
        for (int i = 0; i < 100; i++) {
            outage.failed("same key");
        }
        assertThat(outage.isOn()).isFalse();
        for (int i = 1; i < Outage.KEYS; i++) {
            outage.failed("key " + i);
        }
        assertThat(outage.isOn()).isTrue();
        assertThat(outage.nextPause()).isEqualTo(1);
        assertThat(outage.nextPause()).isEqualTo(2);

        outage.succeeded();
        assertThat(outage.isOn()).isFalse();
        assertThat(outage.nextPause()).isEqualTo(1);
    }

    @ParameterizedTest
    @CsvSource({
        "40001, CONFLICT",
        "40P01, CONFLICT",
        "08006, DATABASE",
        "57P01, DATABASE",
        "53300, DATABASE",
        "25P03, DATABASE",
        "23505, EVENT",
        "22001, EVENT",
        "42P01, EVENT"
    })
    void kindOfAFailureIsThatOfItsSqlState(String state, FailureKind expected) {
        assertThat(FailureKind.of(new IllegalStateException(new SQLException("reason", state))))
                .isEqualTo(expected);
    }

    @Test
    void otherFailuresAreOfTheEvent() {
        assertThat(FailureKind.of(new IllegalStateException("x"))).isEqualTo(FailureKind.EVENT);
        assertThat(FailureKind.of(new EventStoreException("x", new SQLTransientConnectionException("pool"))))
                .isEqualTo(FailureKind.DATABASE);
    }
}
