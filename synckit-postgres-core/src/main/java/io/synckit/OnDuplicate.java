package io.synckit;

/** What happens when an event's id is stored already. */
public enum OnDuplicate {

    /** {@link DuplicateEventException}; nothing of the call is stored. */
    FAIL,

    /**
     * The first result comes back, so that a call whose outcome is unknown can be repeated. Only for the same event: if aggregate
     * or type differ, it is {@link DuplicateEventException} all the same. A guarded append counts as repeated when all of
     * its events are stored already, whatever the stream version is now.
     */
    RETURN_EXISTING
}
