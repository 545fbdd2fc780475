package io.synckit.sample;

import static org.assertj.core.api.Assertions.assertThat;

import io.synckit.Event;
import io.synckit.EventStore;
import io.synckit.Version;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.springframework.boot.WebApplicationType;
import org.springframework.boot.builder.SpringApplicationBuilder;
import org.springframework.context.ConfigurableApplicationContext;

/** With a directory, what was stored is there after the next start. */
class DataDirectoryTest {

    private static ConfigurableApplicationContext start(Path directory) {
        return new SpringApplicationBuilder(ShopApplication.class)
                .web(WebApplicationType.NONE)
                .properties("shop.data-directory=" + directory)
                .run();
    }

    @Test
    void dataIsKept(@TempDir Path directory) {
        Path data = directory.resolve("data");
        try (ConfigurableApplicationContext context = start(data)) {
            context.getBean(EventStore.class).store(Event.of("a", "T", "kept"));
        }
        try (ConfigurableApplicationContext context = start(data)) {
            assertThat(context.getBean(EventStore.class).load(Version.ZERO))
                    .singleElement()
                    .satisfies(event -> assertThat(event.data()).isEqualTo("kept"));
        }
    }
}
