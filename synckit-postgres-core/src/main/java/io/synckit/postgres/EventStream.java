package io.synckit.postgres;

import io.synckit.StoredEvent;
import io.synckit.postgres.internal.jdbc.EventCursor;
import io.synckit.postgres.internal.jdbc.Session;
import io.synckit.postgres.internal.jdbc.SqlFailure;
import java.sql.SQLException;
import java.util.Spliterator;
import java.util.function.Consumer;
import java.util.stream.Stream;
import java.util.stream.StreamSupport;
import org.jspecify.annotations.Nullable;

/** A cursor as a stream. It gives its connection back when it is closed, at its end, and when it fails. */
final class EventStream implements Spliterator<StoredEvent> {

    private final Session session;
    private final EventCursor cursor;
    private boolean closed;

    private EventStream(Session session, EventCursor cursor) {
        this.session = session;
        this.cursor = cursor;
    }

    static Stream<StoredEvent> over(Session session, EventCursor cursor) {
        EventStream events = new EventStream(session, cursor);
        return StreamSupport.stream(events, false).onClose(events::close);
    }

    @Override
    public boolean tryAdvance(Consumer<? super StoredEvent> action) {
        if (closed) {
            return false;
        }
        StoredEvent event = next();
        if (event == null) {
            close();
            return false;
        }
        action.accept(event);
        return true;
    }

    private @Nullable StoredEvent next() {
        try {
            return cursor.next();
        } catch (SQLException e) {
            close();
            throw SqlFailure.ofOpenStream(e);
        }
    }

    private void close() {
        if (closed) {
            return;
        }
        closed = true;
        try (session;
                cursor) {
            // Both are closed here, the cursor first.
        } catch (SQLException e) {
            throw SqlFailure.named("closing a stream", e);
        }
    }

    /** Rows come one after the other: nothing to split. */
    @Override
    public @Nullable Spliterator<StoredEvent> trySplit() {
        return null;
    }

    @Override
    public long estimateSize() {
        return Long.MAX_VALUE;
    }

    @Override
    public int characteristics() {
        return ORDERED | DISTINCT | NONNULL | IMMUTABLE;
    }
}
