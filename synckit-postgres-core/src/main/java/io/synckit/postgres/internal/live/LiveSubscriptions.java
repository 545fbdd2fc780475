package io.synckit.postgres.internal.live;

import io.synckit.Instrumentation;
import io.synckit.JsonCodec;
import io.synckit.StoreClosedException;
import io.synckit.StoredEvent;
import io.synckit.postgres.internal.listen.LogReader;
import io.synckit.postgres.internal.runtime.Clock;
import io.synckit.postgres.internal.runtime.SafeLog;
import io.synckit.subscription.LiveNotice;
import io.synckit.subscription.LiveOptions;
import io.synckit.subscription.LiveSubscription;
import io.synckit.subscription.StoredEventHandler;
import java.util.List;
import java.util.Objects;
import java.util.concurrent.Flow;
import java.util.concurrent.RejectedExecutionException;
import java.util.function.Consumer;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** Opens live subscriptions: decides where each one starts, and adds it. Thread-safe. */
public final class LiveSubscriptions {

    private static final Logger log = LoggerFactory.getLogger(LiveSubscriptions.class);

    private final Subscriptions subscriptions;
    private final HandlerRuns runs;
    private final PageReader pages;
    private final LogReader reader;
    private final Runnable readSoon;
    private final JsonCodec json;
    private final Instrumentation instrumentation;
    private final Clock clock;

    /** @param readSoon wakes the reader after its first subscription */
    public LiveSubscriptions(
            Subscriptions subscriptions,
            HandlerRuns runs,
            PageReader pages,
            LogReader reader,
            Runnable readSoon,
            JsonCodec json,
            Instrumentation instrumentation,
            Clock clock) {
        this.subscriptions = subscriptions;
        this.runs = runs;
        this.pages = pages;
        this.reader = reader;
        this.readSoon = readSoon;
        this.json = json;
        this.instrumentation = instrumentation;
        this.clock = clock;
    }

    /** See {@link io.synckit.subscription.EventSubscriptions#live}. */
    public LiveSubscription live(LiveOptions options, StoredEventHandler handler) {
        Objects.requireNonNull(options, "the options are null");
        Objects.requireNonNull(handler, "the handler is null");
        LiveSubscriber subscriber = add(options, new HandlerSink(handler, notices(options)));
        subscriptions.open(subscriber, Long.MAX_VALUE);
        return subscriber;
    }

    /** See {@link io.synckit.subscription.EventSubscriptions#publisher}. */
    public Flow.Publisher<StoredEvent> publisher(LiveOptions options) {
        Objects.requireNonNull(options, "the options are null");
        return subscriber -> {
            FlowSink sink = new FlowSink(subscriber, notices(options));
            try {
                runs.execute(() -> subscribe(options, sink));
            } catch (RejectedExecutionException e) {
                sink.reject(!runs.isAccepting() ? new StoreClosedException("subscribe") : e);
            }
        };
    }

    /** Returns the active live subscriptions. */
    public List<LiveSubscription> active() {
        return subscriptions.active();
    }

    private void subscribe(LiveOptions options, FlowSink sink) {
        LiveSubscriber subscriber;
        try {
            subscriber = add(options, sink);
        } catch (RuntimeException e) {
            sink.reject(e);
            return;
        }
        try {
            sink.start(subscriptions, subscriber);
        } catch (RuntimeException | Error e) {
            SafeLog.warn(
                    log,
                    "subscription.subscriber-failed: onSubscribe of " + options + " has thrown, so it has ended",
                    e);
        }
    }

    private static Consumer<LiveNotice> notices(LiveOptions options) {
        return options.onNotice().orElse(notice -> {
            if (notice instanceof LiveNotice.Reconnected) {
                log.info("subscription.reconnected: {}: {}", options, notice);
            } else {
                log.warn("subscription.disturbed: {}: {}", options, notice);
            }
        });
    }

    /** Adds a subscription. It receives nothing before it is opened. */
    private LiveSubscriber add(LiveOptions options, Sink sink) {
        if (!runs.isAccepting()) {
            throw new StoreClosedException("subscribe");
        }
        SubscriptionFilter filter = new SubscriptionFilter(options.filters(), json);
        if (!reader.add()) {
            pages.query(session -> {
                reader.addFirst(session.connection());
                return true;
            });
            readSoon.run();
        }
        try {
            StartPosition start = StartPosition.of(options, reader, pages);
            LiveCursor cursor =
                    new LiveCursor(options.buffer(), options.whenSlow(), filter::mayAccept, start.after(), clock);
            LiveSubscriber subscriber = new LiveSubscriber(
                    subscriptions,
                    runs,
                    pages,
                    options,
                    filter,
                    cursor,
                    sink,
                    new EventDelivery(sink, filter, instrumentation, start.stored()));
            subscriptions.add(subscriber);
            return subscriber;
        } catch (RuntimeException e) {
            reader.remove();
            throw e;
        }
    }
}
