package io.synckit.postgres.internal.live;

import io.synckit.Causation;
import io.synckit.EventStoreException;
import io.synckit.Instrumentation;
import io.synckit.StoredEvent;
import io.synckit.postgres.internal.runtime.SafeLog;
import java.util.concurrent.atomic.AtomicBoolean;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** Hands events to the sink of one subscription: filters, instruments, and logs failures. */
final class EventDelivery {

    private static final Logger log = LoggerFactory.getLogger(EventDelivery.class);

    private static final String KIND = "live";

    private final Sink sink;
    private final SubscriptionFilter filter;
    private final Instrumentation instrumentation;
    private final long replayedUpTo;

    /** The outcome for one event. */
    enum Result {
        HANDLED,
        REJECTED,
        FILTER_FAILED,
        HANDLER_FAILED
    }

    /** @param replayedUpTo the version up to which events were stored before the subscription was created */
    EventDelivery(Sink sink, SubscriptionFilter filter, Instrumentation instrumentation, long replayedUpTo) {
        this.sink = sink;
        this.filter = filter;
        this.instrumentation = instrumentation;
        this.replayedUpTo = replayedUpTo;
    }

    /** Never throws, not even an Error: a failed assertion, for example, is a failure of one handler. */
    Result deliver(LiveSubscriber subscription, StoredEvent event) {
        try {
            if (!filter.accepts(event)) {
                return Result.REJECTED;
            }
        } catch (Throwable e) {
            SafeLog.warn(
                    log,
                    "subscription.filter-failed: " + subscription.name() + " skips the event at version "
                            + event.version(),
                    e);
            return Result.FILTER_FAILED;
        }
        try {
            Causation.by(event, () -> handle(subscription, event));
            return Result.HANDLED;
        } catch (Throwable e) {
            logFailure(subscription, event, e);
            return Result.HANDLER_FAILED;
        }
    }

    /** If the instrumentation fails before it has called the handler, the handler still receives the event. */
    private void handle(LiveSubscriber subscription, StoredEvent event) throws Exception {
        AtomicBoolean called = new AtomicBoolean();
        Instrumentation.Handling handling = new Instrumentation.Handling(
                KIND, subscription.name(), event, event.version().value() <= replayedUpTo);
        try {
            instrumentation.handling(handling, () -> {
                called.set(true);
                sink.accept(event);
            });
        } catch (Throwable e) {
            if (called.get()) {
                throw e;
            }
            SafeLog.warn(
                    log,
                    "subscription.instrumentation-failed: " + subscription + ", event at version " + event.version(),
                    e);
        }
        if (!called.get()) {
            sink.accept(event);
        }
    }

    /** The message of a library error says everything, and its cause may show data. */
    private static void logFailure(LiveSubscriber subscription, StoredEvent event, Throwable failure) {
        if (failure instanceof EventStoreException && isOfThisLibrary(failure)) {
            log.warn(
                    "subscription.handler-failed: {} skips the event at version {}: {}: {}",
                    subscription.name(),
                    event.version(),
                    failure.getClass().getSimpleName(),
                    failure.getMessage());
        } else {
            SafeLog.warn(
                    log,
                    "subscription.handler-failed: " + subscription.name() + " skips the event at version "
                            + event.version(),
                    failure);
        }
    }

    /** A subclass of the application may throw in its own methods. */
    private static boolean isOfThisLibrary(Throwable failure) {
        return failure.getClass().getPackage() == EventStoreException.class.getPackage();
    }
}
