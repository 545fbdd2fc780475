package io.synckit.postgres.internal.live;

import io.synckit.StoredEvent;
import io.synckit.subscription.LiveNotice;
import io.synckit.subscription.StoredEventHandler;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/** A handler. If it throws, it receives the next event. */
record HandlerSink(StoredEventHandler handler, Consumer<LiveNotice> notices) implements Sink {

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
