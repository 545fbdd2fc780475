package io.synckit.postgres.testing;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.extension.AfterAllCallback;
import org.junit.jupiter.api.extension.AfterEachCallback;
import org.junit.jupiter.api.extension.ExtensionContext;

/** After every test of every module: nothing that was logged meanwhile, on whichever thread, holds a password or an event's data. */
public final class NoSecretsInLogs implements AfterEachCallback, AfterAllCallback {

    @Override
    public void afterEach(ExtensionContext context) {
        assertThat(SecretsAppender.found()).isEmpty();
    }

    @Override
    public void afterAll(ExtensionContext context) {
        assertThat(SecretsAppender.found()).isEmpty();
    }
}
