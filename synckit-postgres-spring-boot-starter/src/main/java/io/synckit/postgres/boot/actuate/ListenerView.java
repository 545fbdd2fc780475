package io.synckit.postgres.boot.actuate;

import io.synckit.Version;
import io.synckit.postgres.notification.NotificationListener;
import io.synckit.subscription.ListenerStatus;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import org.jspecify.annotations.Nullable;
import org.springframework.boot.actuate.endpoint.OperationResponseBody;

/** The listener, as the endpoint shows it. */
record ListenerView(
        ListenerStatus.State state,
        Instant since,
        int failedAttempts,
        @Nullable Integer backendPid,
        @Nullable Instant lastNotification,
        @Nullable Double roundTripMillis,
        @Nullable String failure,
        ListenerStatus.Counts counts,
        @Nullable ReaderView reader,
        @Nullable AuditView audit)
        implements OperationResponseBody {

    static ListenerView of(NotificationListener listener) {
        ListenerStatus status = listener.status();
        Duration roundTrip = status.roundTrip();
        return new ListenerView(
                status.state(),
                status.since(),
                status.attempts(),
                status.backendPid(),
                status.lastNotification(),
                roundTrip == null ? null : roundTrip.toNanos() / 1e6,
                status.failure() == null ? null : status.failure().getMessage(),
                listener.counts(),
                listener.reader()
                        .map(reader -> new ReaderView(reader.position().value(), reader.readAt()))
                        .orElse(null),
                listener.audit().map(AuditView::of).orElse(null));
    }

    record ReaderView(long position, Instant readAt) {}

    record AuditView(@Nullable Long checkedUpTo, long checked, long lost, List<Long> firstLost, long unchecked) {

        static AuditView of(ListenerStatus.Audit audit) {
            return new AuditView(
                    audit.checkedUpTo() == null ? null : audit.checkedUpTo().value(),
                    audit.checked(),
                    audit.lost(),
                    audit.firstLost().stream().map(Version::value).toList(),
                    audit.unchecked());
        }
    }
}
