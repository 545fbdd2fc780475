package io.synckit.postgres.notification;

import io.synckit.StoredEvent;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/** A handler: it gets whatever comes, and goes on when it has failed. */
record HandlerSink(StoredEventHandler handler, Consumer<LiveNotice> notices) implements Subscriber.Sink {

    @Override
    public void accept(StoredEvent event) throws Exception {
        handler.handle(event);
    }

    @Override
    public void notice(LiveNotice notice) {
        notices.accept(notice);
    }

    @Override
    public void end(@Nullable RuntimeException failure) {
        if (failure != null) {
            notices.accept(new LiveNotice.Ended(failure));
        }
    }

    @Override
    public boolean endsByException() {
        return false;
    }
}
