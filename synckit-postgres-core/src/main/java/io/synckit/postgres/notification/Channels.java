package io.synckit.postgres.notification;

/** The names that go-sync-kit gives to what can be subscribed to. */
final class Channels {

    static final String ALL = "events_global";

    private static final String STREAM = "stream_";

    private Channels() {}

    static String ofStream(String aggregateId) {
        return STREAM + aggregateId;
    }
}
