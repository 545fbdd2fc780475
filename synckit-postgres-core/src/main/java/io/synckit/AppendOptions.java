package io.synckit;

/**
 * How an append behaves.
 *
 * @param onDuplicate what happens when an event's id is stored already
 */
public record AppendOptions(OnDuplicate onDuplicate) {

    /** Fails on duplicates. */
    public static final AppendOptions DEFAULTS = new AppendOptions(OnDuplicate.FAIL);

    public static AppendOptions onDuplicate(OnDuplicate onDuplicate) {
        return new AppendOptions(onDuplicate);
    }
}
