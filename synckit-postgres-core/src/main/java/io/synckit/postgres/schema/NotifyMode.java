package io.synckit.postgres.schema;

/** How the database tells listeners of new events. It belongs to the table, and so to all applications that use it. */
public enum NotifyMode {

    /** At most one transaction at a time notifies, so that commits stay in groups. For listeners of this library. */
    BELL,

    /**
     * Every event notifies with go-sync-kit's payload, on {@code events_global} and {@code stream_<aggregate id>} (cut at 63 bytes),
     * for listeners outside this library as well. Commits go one at a time.
     */
    EACH_EVENT,

    /** Nobody notifies; listeners poll. For transactions that are PREPAREd (XA), which may not notify. */
    OFF
}
