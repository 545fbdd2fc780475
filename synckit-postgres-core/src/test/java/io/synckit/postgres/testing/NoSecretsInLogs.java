package io.synckit.postgres.testing;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.extension.AfterAllCallback;
import org.junit.jupiter.api.extension.AfterEachCallback;
import org.junit.jupiter.api.extension.ExtensionContext;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** After every test of every module: nothing that was logged meanwhile, on whichever thread, holds a password or an event's data. */
public final class NoSecretsInLogs implements AfterEachCallback, AfterAllCallback {

    private static final Logger log = LoggerFactory.getLogger("io.synckit.postgres.testing");

    @Override
    public void afterEach(ExtensionContext context) {
        // Spring Boot sets logging up anew for each application: what reads it must still be there.
        long before = SecretsAppender.read();
        log.trace("still read");
        assertThat(SecretsAppender.read()).as("lines that were read").isGreaterThan(before);
        assertThat(SecretsAppender.found()).isEmpty();
    }

    @Override
    public void afterAll(ExtensionContext context) {
        assertThat(SecretsAppender.found()).isEmpty();
    }
}
