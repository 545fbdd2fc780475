package io.synckit.postgres.notification;

import io.synckit.EventLimits;
import io.synckit.Filter;
import io.synckit.InvalidFilterException;
import io.synckit.StoredEvent;
import io.synckit.Version;
import java.util.Objects;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/** What a live subscription is told, and how: immutable, each method gives another. */
public final class LiveOptions {

    /** Events that may wait for a subscriber that is live. */
    public static final int DEFAULT_BUFFER = 1024;

    private final Kind kind;
    private final String key;
    private final @Nullable Version from;
    private final int buffer;
    private final SlowSubscriber whenSlow;
    private final @Nullable Consumer<LiveNotice> onNotice;

    enum Kind {
        ALL,
        EVENT_TYPE,
        STREAM
    }

    private LiveOptions(
            Kind kind,
            String key,
            @Nullable Version from,
            int buffer,
            SlowSubscriber whenSlow,
            @Nullable Consumer<LiveNotice> onNotice) {
        this.kind = kind;
        this.key = key;
        this.from = from;
        this.buffer = buffer;
        this.whenSlow = whenSlow;
        this.onNotice = onNotice;
    }

    /** Every event from now on. */
    public static LiveOptions all() {
        return of(Kind.ALL, "");
    }

    /**
     * Events of one type from now on.
     *
     * @throws InvalidFilterException if no event can have it
     */
    public static LiveOptions eventType(String type) {
        return of(Kind.EVENT_TYPE, type);
    }

    /**
     * Events of one aggregate from now on.
     *
     * @throws InvalidFilterException if no event can have it
     */
    public static LiveOptions stream(String aggregateId) {
        return of(Kind.STREAM, aggregateId);
    }

    private static LiveOptions of(Kind kind, String key) {
        LiveOptions options = new LiveOptions(kind, key, null, DEFAULT_BUFFER, SlowSubscriber.WAIT, null);
        options.filters(); // refuses a key that no event can have
        return options;
    }

    /** Events after this version: first those that are there, then live ones, without a gap or a double. */
    public LiveOptions from(Version since) {
        return new LiveOptions(kind, key, since, buffer, whenSlow, onNotice);
    }

    /** Events that are committed from now on. */
    public LiveOptions fromNow() {
        return new LiveOptions(kind, key, null, buffer, whenSlow, onNotice);
    }

    /**
     * How many events may wait before the subscriber counts as slow.
     *
     * @throws IllegalArgumentException if it is below 1
     */
    public LiveOptions buffer(int events) {
        if (events < 1) {
            throw new IllegalArgumentException("buffer is " + events + ", at least 1 is needed");
        }
        return new LiveOptions(kind, key, from, events, whenSlow, onNotice);
    }

    /** What to do then; {@link SlowSubscriber#WAIT} if nothing is said. */
    public LiveOptions whenSlow(SlowSubscriber policy) {
        return new LiveOptions(kind, key, from, buffer, Objects.requireNonNull(policy, "the policy is null"), onNotice);
    }

    /**
     * Who is told what else happens to the subscription, between the events before and after; without this it is logged. An end by
     * error is told to a {@link java.util.concurrent.Flow.Subscriber} by its {@code onError}.
     */
    public LiveOptions onNotice(Consumer<LiveNotice> consumer) {
        return new LiveOptions(
                kind, key, from, buffer, whenSlow, Objects.requireNonNull(consumer, "the consumer is null"));
    }

    @Nullable Consumer<LiveNotice> onNotice() {
        return onNotice;
    }

    Kind kind() {
        return kind;
    }

    String key() {
        return key;
    }

    /** Null: from now. */
    @Nullable Version from() {
        return from;
    }

    int buffer() {
        return buffer;
    }

    SlowSubscriber whenSlow() {
        return whenSlow;
    }

    String channel() {
        return kind == Kind.STREAM ? Channels.ofStream(key) : Channels.ALL;
    }

    boolean matches(StoredEvent event) {
        return switch (kind) {
            case ALL -> true;
            case EVENT_TYPE -> event.type().equals(key);
            case STREAM -> event.aggregateId().equals(key);
        };
    }

    /** The same for the database. */
    Filter[] filters() {
        return switch (kind) {
            case ALL -> new Filter[0];
            case EVENT_TYPE -> new Filter[] {Filter.types(key)};
            case STREAM -> new Filter[] {Filter.aggregateIds(key)};
        };
    }

    @Override
    public String toString() {
        return kind == Kind.ALL
                ? "all events"
                : (kind == Kind.STREAM ? "stream " : "type ") + EventLimits.printable(key);
    }
}
