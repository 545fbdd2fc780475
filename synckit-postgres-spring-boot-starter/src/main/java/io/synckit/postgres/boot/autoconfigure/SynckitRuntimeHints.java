package io.synckit.postgres.boot.autoconfigure;

import org.jspecify.annotations.Nullable;
import org.springframework.aot.hint.RuntimeHints;
import org.springframework.aot.hint.RuntimeHintsRegistrar;

/** What an image made ahead of time must hold besides what Spring finds by itself: the migrations. */
final class SynckitRuntimeHints implements RuntimeHintsRegistrar {

    @Override
    public void registerHints(RuntimeHints hints, @Nullable ClassLoader loader) {
        hints.resources().registerPattern("io/synckit/postgres/schema/migration/*.sql");
    }
}
