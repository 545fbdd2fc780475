package io.synckit;

import static org.assertj.core.api.Assertions.assertThat;

import java.time.Instant;
import java.time.InstantSource;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.UUID;
import java.util.concurrent.ConcurrentHashMap;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;

class UuidV7Test {

    @Test
    void holdsTheTimeTheVersionAndTheVariant() {
        UUID id = new UuidV7(InstantSource.fixed(Instant.ofEpochMilli(0x017f22e279b0L)), new Random(1)).next();

        assertThat(id.toString()).startsWith("017f22e2-79b0-7000-");
        assertThat(id.version()).isEqualTo(7);
        assertThat(id.variant()).isEqualTo(2);
    }

    @Test
    void ascendsWhenTheClockStandsStillOrGoesBack() {
        long[] millis = {1_000_000};
        UuidV7 ids = new UuidV7(() -> Instant.ofEpochMilli(millis[0]), new Random(1));
        List<String> texts = new ArrayList<>();
        for (int i = 0; i < 10_000; i++) {
            if (i % 3000 == 2999) {
                millis[0] -= 500;
            }
            texts.add(ids.next().toString());
        }

        assertThat(texts).isSorted().doesNotHaveDuplicates();
    }

    @Test
    void isUniqueAcrossThreads() {
        var ids = ConcurrentHashMap.<String>newKeySet();
        IntStream.range(0, 100_000).parallel().forEach(i -> ids.add(UuidV7.random()));
        assertThat(ids).hasSize(100_000);
    }
}
