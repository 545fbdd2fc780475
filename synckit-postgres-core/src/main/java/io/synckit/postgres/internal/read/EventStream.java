package io.synckit.postgres.internal.read;

import io.synckit.StoredEvent;
import io.synckit.postgres.internal.sql.EventCursor;
import io.synckit.postgres.internal.sql.Session;
import io.synckit.postgres.internal.sql.SqlFailure;
import java.sql.SQLException;
import java.util.Spliterator;
import java.util.function.Consumer;
import java.util.stream.Stream;
import java.util.stream.StreamSupport;
import org.jspecify.annotations.Nullable;

/** A cursor as a stream. Returns its connection when it is closed, at its end, and when it fails. Not thread-safe. */
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

    /** Rows come one after the other, so there is nothing to split. */
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
