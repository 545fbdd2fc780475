package io.synckit;

/** The reaction if the id of an event is stored already. */
public enum OnDuplicate {

    /** Throws {@link DuplicateEventException}. Nothing of the call is stored. */
    FAIL,

    /**
     * Returns the result of the first call, so that a call whose outcome is unknown can be repeated. Compares the aggregate and the type,
     * but not data and metadata. If they differ, {@link DuplicateEventException} is thrown. An append with an expected stream version counts
     * as repeated if all of its events are stored, whatever the stream version is now.
     */
    RETURN_EXISTING
}
