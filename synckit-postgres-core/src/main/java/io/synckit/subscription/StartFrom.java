package io.synckit.subscription;

import io.synckit.Version;
import java.util.Objects;

/** Where a durable subscription starts for the first time. Later starts continue at the checkpoint. */
public sealed interface StartFrom {

    /** Starts with the first event of the log. */
    static StartFrom beginning() {
        return new After(Version.ZERO);
    }

    /** Starts with the events that readers can read from now on. An open transaction may have held some of them back. */
    static StartFrom now() {
        return new Now();
    }

    /** Starts after a version. */
    static StartFrom after(Version version) {
        return new After(version);
    }

    /** @see StartFrom#now */
    record Now() implements StartFrom {}

    /** @see StartFrom#after */
    record After(Version version) implements StartFrom {
        public After {
            Objects.requireNonNull(version, "the version is null");
        }
    }
}
