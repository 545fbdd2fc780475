package io.synckit.postgres.boot.actuate;

import io.synckit.EventStoreException;
import io.synckit.StoreStats;
import io.synckit.postgres.StoreDiagnosis;
import java.time.Duration;
import java.time.Instant;
import org.jspecify.annotations.Nullable;

/** The store, as the endpoint shows it. With a failure, all other values are null. */
record StoreView(
        @Nullable String failure,
        @Nullable Integer schemaVersion,
        @Nullable Long stableVersion,
        @Nullable Long headVersion,
        @Nullable Instant latestEventAt,
        @Nullable Long latestEventAgeSeconds,
        @Nullable Integer writers,
        @Nullable String heldBy,
        @Nullable Double notificationQueueUsage,
        @Nullable Long estimatedEvents,
        @Nullable Long tableBytes,
        @Nullable Long indexBytes) {

    private static final Duration MAX_AGE = Duration.ofSeconds(1);
    private static final Duration TIMEOUT = Duration.ofSeconds(5);

    static StoreView of(StoreMonitor monitor) {
        try {
            StoreDiagnosis diagnosis = monitor.diagnosis(MAX_AGE, TIMEOUT);
            StoreStats stats = monitor.stats(MAX_AGE, TIMEOUT);
            Instant latest = diagnosis.latestEventAt().orElse(null);
            return new StoreView(
                    null,
                    diagnosis.schemaVersion(),
                    diagnosis.stable().value(),
                    diagnosis.head().value(),
                    latest,
                    latest == null ? null : age(latest, diagnosis.databaseTime()),
                    diagnosis.writers(),
                    diagnosis
                            .heldBy()
                            .map(StoreDiagnosis.HorizonHolder::describe)
                            .orElse(null),
                    diagnosis.notificationQueueUsage(),
                    stats.estimatedEvents(),
                    stats.tableBytes(),
                    stats.indexBytes());
        } catch (EventStoreException | IllegalStateException e) {
            return new StoreView(e.getMessage(), null, null, null, null, null, null, null, null, null, null, null);
        }
    }

    /** An event may have been stored with an infinite time. */
    private static long age(Instant latest, Instant now) {
        return Math.max(0, now.getEpochSecond() - latest.getEpochSecond());
    }
}
