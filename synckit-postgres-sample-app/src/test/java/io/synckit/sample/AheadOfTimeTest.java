package io.synckit.sample;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Test;
import org.springframework.aot.AotDetector;
import org.springframework.beans.factory.annotation.Autowired;
import org.springframework.beans.factory.support.RootBeanDefinition;
import org.springframework.boot.test.context.SpringBootTest;
import org.springframework.context.support.GenericApplicationContext;

/** The build runs these tests twice; in the second run the context is the one that was made ahead of time. */
@SpringBootTest(webEnvironment = SpringBootTest.WebEnvironment.RANDOM_PORT)
class AheadOfTimeTest {

    @Autowired
    private GenericApplicationContext context;

    @Test
    void contextMatchesTheMode() {
        RootBeanDefinition store =
                (RootBeanDefinition) context.getBeanFactory().getMergedBeanDefinition("realtimeEventStore");
        boolean generated = store.getInstanceSupplier() != null;
        assertThat(generated).isEqualTo(AotDetector.useGeneratedArtifacts());
    }
}
