package io.synckit.postgres.schema;

/** How commits notify listeners. The mode belongs to the table, so it applies to all applications of the table. */
public enum NotifyMode {

    /** At most one transaction at a time notifies, so that the server can commit in groups. For listeners of this library. */
    COALESCED,

    /**
     * Every event notifies with the payload of go-sync-kit, on {@code events_global} and {@code stream_<aggregate id>} (cut at 63 bytes).
     * Also for listeners outside this library. Commits go one at a time.
     */
    EACH_EVENT,

    /** No transaction notifies, and listeners poll. For transactions that are prepared (XA), which cannot notify. */
    OFF
}
