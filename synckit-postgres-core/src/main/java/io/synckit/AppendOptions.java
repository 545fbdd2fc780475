package io.synckit;

/**
 * Options of an append.
 *
 * @param onDuplicate the reaction if the id of an event is stored already
 */
public record AppendOptions(OnDuplicate onDuplicate) {

    /** Duplicates are errors. */
    public static final AppendOptions DEFAULTS = new AppendOptions(OnDuplicate.FAIL);

    /** Returns options with this reaction to duplicates. */
    public static AppendOptions onDuplicate(OnDuplicate onDuplicate) {
        return new AppendOptions(onDuplicate);
    }
}
