package io.synckit.postgres;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.fail;

import io.synckit.Event;
import io.synckit.EventStore;
import io.synckit.Filter;
import io.synckit.InvalidEventException;
import io.synckit.JsonText;
import io.synckit.StoredEvent;
import io.synckit.Version;
import io.synckit.postgres.testing.TestDatabase;
import io.synckit.postgres.testing.TestPostgres;
import java.math.BigDecimal;
import java.math.BigInteger;
import java.time.Instant;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.Set;
import java.util.TreeMap;
import java.util.concurrent.TimeUnit;
import java.util.function.Predicate;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import tools.jackson.databind.DeserializationFeature;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/** Generated events come back equal or are refused by name; generated filters find what a loop over all events finds. */
@Timeout(value = 15, unit = TimeUnit.MINUTES)
class RandomEventsTest {

    private static final JsonMapper JSON = JsonMapper.builder()
            .enable(DeserializationFeature.USE_BIG_DECIMAL_FOR_FLOATS)
            .build();

    private final long seed = new Random().nextLong();
    private final Random random = new Random(seed);

    @Test
    void tenThousandEventsAreReadBackOrRejected() {
        try (TestDatabase database = TestPostgres.shared().migratedDatabase()) {
            EventStore store = PostgresEventStore.on(database.pool(), Config.defaults());
            int refused = 0;
            for (int i = 0; i < 10_500; i++) {
                Generated generated = generate();
                try {
                    String id = store.store(generated.event()).id();
                    assertThat(generated.storable)
                            .as("storable, seed %d, event %d: %s", seed, i, generated)
                            .isTrue();
                    assertEqual(generated.event(), store.get(id), i);
                } catch (InvalidEventException e) {
                    assertThat(generated.storable)
                            .as("refused, seed %d, event %d: %s", seed, i, e)
                            .isFalse();
                    refused++;
                }
            }
            assertThat(refused).isBetween(500, 9_500);
        }
    }

    private void assertEqual(Event event, StoredEvent stored, int i) {
        assertThat(stored.id()).isEqualTo(event.id());
        assertThat(stored.aggregateId()).isEqualTo(event.aggregateId());
        assertThat(stored.type()).isEqualTo(event.type());
        assertSame(tree(event.data()), JSON.readTree(stored.dataJson()), i);
        assertSame(tree(event.metadata()), JSON.readTree(stored.metadataJson()), i);
    }

    private static JsonNode tree(Object value) {
        return JSON.readTree(JSON.writeValueAsString(withoutJsonText(value)));
    }

    private static Object withoutJsonText(Object value) {
        if (value instanceof JsonText text) {
            return JSON.readTree(text.json());
        }
        if (value instanceof Map<?, ?> map) {
            Map<Object, Object> plain = new LinkedHashMap<>();
            map.forEach((key, element) -> plain.put(key, withoutJsonText(element)));
            return plain;
        }
        if (value instanceof List<?> list) {
            return list.stream().map(RandomEventsTest::withoutJsonText).toList();
        }
        return value;
    }

    private void assertSame(JsonNode expected, JsonNode actual, int i) {
        if (expected.isNumber()) {
            assertThat(actual.decimalValue())
                    .as("seed %d, event %d", seed, i)
                    .isEqualByComparingTo(expected.decimalValue());
        } else if (expected.isObject()) {
            assertThat(Set.copyOf(actual.propertyNames()))
                    .as("seed %d, event %d", seed, i)
                    .isEqualTo(Set.copyOf(expected.propertyNames()));
            expected.propertyNames().forEach(name -> assertSame(expected.get(name), actual.get(name), i));
        } else if (expected.isArray()) {
            assertThat(actual.size()).as("seed %d, event %d", seed, i).isEqualTo(expected.size());
            for (int n = 0; n < expected.size(); n++) {
                assertSame(expected.get(n), actual.get(n), i);
            }
        } else {
            assertThat(actual).as("seed %d, event %d", seed, i).isEqualTo(expected);
        }
    }

    /** An event in the making; nearly each third gets something that cannot be stored. */
    private static final class Generated {
        private boolean storable = true;
        private String id = "";
        private String aggregateId = "";
        private String type = "";
        private Object data = "";
        private Map<String, Object> metadata = Map.of();

        Event event() {
            return new Event(id, aggregateId, type, data, metadata);
        }

        @Override
        public String toString() {
            return "id " + id + ", aggregate " + aggregateId + ", type " + type + ", data " + data + ", metadata "
                    + metadata;
        }
    }

    private Generated generate() {
        Generated generated = new Generated();
        generated.id = random.nextLong() + key(generated, 230);
        generated.aggregateId = "a" + key(generated, 254);
        generated.type = "t" + key(generated, 254);
        generated.data = value(generated, 4);
        generated.metadata = object(generated, 2);
        return generated;
    }

    private String key(Generated generated, int room) {
        if (random.nextInt(60) == 0) {
            generated.storable = false;
            return "x".repeat(256 + random.nextInt(50));
        }
        String text = text(generated);
        return text.codePointCount(0, text.length()) > room ? "" : text;
    }

    private Object value(Generated generated, int depth) {
        return switch (random.nextInt(depth > 0 ? 12 : 9)) {
            case 0 -> random.nextInt();
            case 1 -> random.nextLong();
            case 2 -> number(generated);
            case 3 -> new BigDecimal(BigInteger.valueOf(random.nextLong()), random.nextInt(600) - 300);
            case 4 -> random.nextBoolean();
            case 5 -> new JsonText("[1.50, 1e" + random.nextInt(300) + ", \"\\u00e4\\ud83d\\ude00\", null]");
            case 6 -> new BigInteger(random.nextInt(2000), random);
            case 7, 8 -> text(generated);
            case 9, 10 -> object(generated, depth - 1);
            default -> {
                List<Object> list = new ArrayList<>();
                for (int n = random.nextInt(4); n > 0; n--) {
                    list.add(value(generated, depth - 1));
                }
                yield list;
            }
        };
    }

    private Object number(Generated generated) {
        double value = Double.longBitsToDouble(random.nextLong());
        if (random.nextInt(30) == 0) {
            value = random.nextBoolean() ? Double.NaN : Double.NEGATIVE_INFINITY;
        }
        generated.storable &= Double.isFinite(value);
        return value;
    }

    private Map<String, Object> object(Generated generated, int depth) {
        Map<String, Object> map = new LinkedHashMap<>();
        for (int n = random.nextInt(4); n > 0; n--) {
            // Numbered, or a second value would replace one that cannot be stored.
            map.put(n + text(generated), random.nextInt(20) == 0 ? null : value(generated, depth));
        }
        return map;
    }

    private String text(Generated generated) {
        StringBuilder text = new StringBuilder();
        for (int n = random.nextInt(12); n > 0; n--) {
            switch (random.nextInt(6)) {
                case 0 -> text.appendCodePoint(1 + random.nextInt(0x7f));
                case 1 -> text.appendCodePoint(0x1f300 + random.nextInt(200));
                case 2 -> text.append("\\u0000'\"{}[]$1?%".charAt(random.nextInt(15)));
                case 3 -> text.appendCodePoint(0xe000 + random.nextInt(0x1fff));
                default -> text.append((char) ('a' + random.nextInt(26)));
            }
        }
        if (random.nextInt(120) == 0) {
            generated.storable = false;
            text.append(random.nextBoolean() ? '\u0000' : (char) (0xd800 + random.nextInt(0x400)))
                    .append('x');
        }
        return text.toString();
    }

    @Test
    void generatedFiltersFindWhatALoopFinds() {
        try (TestDatabase database = TestPostgres.shared().migratedDatabase()) {
            EventStore store = PostgresEventStore.on(
                    database.pool(), Config.builder().batchSize(50).build());
            List<Event> events = new ArrayList<>();
            for (int i = 0; i < 600; i++) {
                events.add(Event.of(
                                "a" + random.nextInt(20),
                                "T" + random.nextInt(5),
                                Map.of("n", random.nextInt(10), "i", i))
                        .withMetadata("m", random.nextInt(3)));
            }
            events.forEach(store::store);
            List<StoredEvent> all = store.load(Version.ZERO, 5000).events();
            assertThat(all).hasSize(600);
            for (int i = 0; i < 300; i++) {
                Map<Filter, Predicate<StoredEvent>> filters = filters(all);
                Version since = all.get(random.nextInt(all.size())).version();
                List<StoredEvent> expected = all.stream()
                        .filter(event -> event.version().isAfter(since))
                        .filter(filters.values().stream().reduce(event -> true, Predicate::and))
                        .toList();
                Filter[] array = filters.keySet().toArray(new Filter[0]);

                assertThat(store.load(since, 5000, array).events())
                        .as("seed %d, filters %s", seed, filters.keySet())
                        .isEqualTo(expected);
                assertThat(paged(store, since, 1 + random.nextInt(40), array))
                        .as("seed %d", seed)
                        .isEqualTo(expected);
            }
        }
    }

    private static List<StoredEvent> paged(EventStore store, Version since, int limit, Filter[] filters) {
        List<StoredEvent> found = new ArrayList<>();
        Version next = since;
        for (int pages = 0; pages < 5000; pages++) {
            var page = store.load(next, limit, filters);
            found.addAll(page.events());
            next = page.next();
            if (!page.hasMore()) {
                return found;
            }
        }
        return fail("no end");
    }

    private Map<Filter, Predicate<StoredEvent>> filters(List<StoredEvent> all) {
        Map<Filter, Predicate<StoredEvent>> filters =
                new TreeMap<>((a, b) -> Integer.compare(System.identityHashCode(a), System.identityHashCode(b)));
        for (int n = random.nextInt(4); n > 0; n--) {
            int number = random.nextInt(10);
            switch (random.nextInt(6)) {
                case 0 ->
                    filters.put(
                            Filter.types("T" + number % 5, "T1"),
                            e -> List.of("T" + number % 5, "T1").contains(e.type()));
                case 1 ->
                    filters.put(
                            Filter.aggregateIds("a" + number),
                            e -> e.aggregateId().equals("a" + number));
                case 2 -> {
                    Instant from = all.get(random.nextInt(all.size())).createdAt();
                    Instant to = from.plusMillis(random.nextInt(2000));
                    filters.put(
                            Filter.createdBetween(from, to),
                            e -> !e.createdAt().isBefore(from) && e.createdAt().isBefore(to));
                }
                case 3 ->
                    filters.put(
                            Filter.dataContains(Map.of("n", number)),
                            e -> ((Map<?, ?>) e.data()).get("n").equals(number));
                case 4 ->
                    filters.put(
                            Filter.metadataContains(Map.of("m", number % 3)),
                            e -> e.metadata().get("m").equals(number % 3));
                default ->
                    filters.put(Filter.matching(e -> e.streamVersion() % 2 == 0), e -> e.streamVersion() % 2 == 0);
            }
        }
        return filters;
    }
}
