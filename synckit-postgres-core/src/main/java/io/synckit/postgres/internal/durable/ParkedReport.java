package io.synckit.postgres.internal.durable;

import io.synckit.postgres.internal.runtime.SafeLog;
import io.synckit.postgres.internal.sql.ParkedRow;
import java.util.Map;
import java.util.Optional;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Reports each key that is parked: in the log, the counters and the action of the options. If the answer of the commit is lost, the key is
 * reported when the keys are loaded again. Used by the thread that handles the partition.
 */
final class ParkedReport {

    private static final Logger log = LoggerFactory.getLogger(ParkedReport.class);

    private final OwnedPartition partition;

    /** The key whose failure is being stored; null if there is none. */
    private @Nullable String unknown;

    ParkedReport(OwnedPartition partition) {
        this.partition = partition;
    }

    /** To be called before a failure of a key is stored. */
    void storing(String key) {
        unknown = key;
    }

    /** Reports a key whose failure is stored, if it is parked. */
    void stored(WaitingKey key) {
        unknown = null;
        if (!key.waits()) {
            report(key);
        }
    }

    /** Reports the key whose failure was being stored when the database failed, if it is parked. */
    void loaded(Map<String, WaitingKey> keys) {
        WaitingKey key = unknown == null ? null : keys.get(unknown);
        unknown = null;
        if (key != null && !key.waits()) {
            report(key);
        }
    }

    private void report(WaitingKey key) {
        partition.counters.parked.increment();
        log.error(
                "subscription.parked: {}: the events of key '{}' from version {} on wait for an operator (attempts: {}): {}",
                partition.id(),
                key.name,
                key.nextVersion(),
                key.attempts(),
                key.failure().message());
        try {
            find(key).map(ParkedRow::asParkedKey).ifPresent(partition.options.onParked());
        } catch (RuntimeException | Error e) {
            SafeLog.warn(
                    log,
                    "subscription.on-parked-failed: " + partition.id() + ": the action for parked keys has failed",
                    e);
        }
    }

    private Optional<ParkedRow> find(WaitingKey key) {
        return partition.database.query(connection ->
                partition.database.parked.find(connection, partition.id().subscription(), key.name));
    }
}
