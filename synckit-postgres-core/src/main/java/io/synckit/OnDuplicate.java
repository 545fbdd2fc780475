package io.synckit;

/** The reaction if the id of an event is stored already. */
public enum OnDuplicate {

    /** Throws {@link DuplicateEventException}. Nothing of the call is stored. */
    FAIL,

    /**
     * Returns the result of the first call, so that a call whose outcome is unknown can be repeated. Throws {@link DuplicateEventException}
     * if the stored event has another aggregate or type. Data and metadata are not compared. An append with an expected stream version counts
     * as repeated if all of its events are stored, whatever the stream version is now.
     */
    RETURN_EXISTING
}
