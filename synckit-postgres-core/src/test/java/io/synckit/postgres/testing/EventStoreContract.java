package io.synckit.postgres.testing;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.synckit.AppendResult;
import io.synckit.DuplicateEventException;
import io.synckit.Event;
import io.synckit.EventNotFoundException;
import io.synckit.EventPage;
import io.synckit.EventQuery;
import io.synckit.EventStore;
import io.synckit.EventType;
import io.synckit.ExpectedStreamVersion;
import io.synckit.Filter;
import io.synckit.InvalidEventException;
import io.synckit.InvalidFilterException;
import io.synckit.InvalidVersionException;
import io.synckit.JsonText;
import io.synckit.OnDuplicate;
import io.synckit.StoreClosedException;
import io.synckit.StoredEvent;
import io.synckit.UnreadableEventException;
import io.synckit.Version;
import io.synckit.WrongExpectedVersionException;
import java.math.BigDecimal;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.assertj.core.api.ThrowableAssert.ThrowingCallable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** The contract of every {@link EventStore}, however it was created. Each test gets a new, empty store with a maximum event size of 1 MiB. */
public abstract class EventStoreContract {

    private static final OnDuplicate RETURN_EXISTING = OnDuplicate.RETURN_EXISTING;

    /** The store of this test. */
    protected abstract EventStore store();

    public record OrderPlaced(String customer, int quantity) {}

    public sealed interface AccountEvent {}

    public sealed interface Change extends AccountEvent {}

    public record Deposited(int amount) implements Change {}

    @EventType("account-closed")
    public record Closed(String reason) implements AccountEvent {}

    // storing and loading

    @Test
    void queryReturnsTheNewestEventsFirst() {
        for (int i = 1; i <= 10; i++) {
            store().store(Event.of("a", i % 2 == 0 ? "Even" : "Odd", i));
        }
        EventQuery lastEven =
                EventQuery.all().filter(Filter.types("Even")).newestFirst().limit(3);

        EventPage page = store().query(lastEven);
        assertThat(page.events()).extracting(StoredEvent::data).containsExactly(10, 8, 6);
        assertThat(page.hasMore()).isTrue();

        EventPage rest = store().query(lastEven.before(page.next()));
        assertThat(rest.events()).extracting(StoredEvent::data).containsExactly(4, 2);
        assertThat(rest.hasMore()).isFalse();
        assertThat(store().query(lastEven.before(rest.next())).events()).isEmpty();
    }

    @Test
    void queryWithBoundsReturnsTheEventsBetween() {
        List<AppendResult> stored = store().storeBatch(IntStream.range(0, 10)
                .mapToObj(i -> Event.of("a", "T", i))
                .toList());
        EventQuery between = EventQuery.all()
                .after(stored.get(2).version())
                .before(stored.get(6).version());

        assertThat(store().query(between).events())
                .extracting(StoredEvent::data)
                .containsExactly(3, 4, 5);
        assertThat(store().query(between.newestFirst()).events())
                .extracting(StoredEvent::data)
                .containsExactly(5, 4, 3);
        assertThat(store().query(EventQuery.all().limit(4)).next())
                .isEqualTo(stored.get(3).version());
        assertThatThrownBy(() -> store().query(EventQuery.all().after(Version.of(1_000_000))))
                .isInstanceOf(InvalidVersionException.class);
        assertThatThrownBy(() -> EventQuery.all().limit(0)).isInstanceOf(IllegalArgumentException.class);
    }

    @Test
    void storedEventIsReadBack() {
        Event event = Event.of("order-1", "OrderPlaced", new OrderPlaced("alice", 2))
                .withMetadata("user", "bob")
                .withMetadata("tags", List.of(1, 2));

        AppendResult result = store().store(event);

        assertThat(result.id()).isEqualTo(event.id());
        assertThat(result.aggregateId()).isEqualTo("order-1");
        assertThat(result.streamVersion()).isEqualTo(1);
        assertThat(result.alreadyStored()).isFalse();
        StoredEvent stored = store().get(event.id());
        assertThat(stored.version()).isEqualTo(result.version());
        assertThat(stored.aggregateId()).isEqualTo("order-1");
        assertThat(stored.streamVersion()).isEqualTo(1);
        assertThat(stored.type()).isEqualTo("OrderPlaced");
        assertThat(stored.createdAt()).isEqualTo(result.createdAt());
        assertThat(stored.dataAs(OrderPlaced.class)).isEqualTo(new OrderPlaced("alice", 2));
        assertThat(stored.data()).isEqualTo(Map.of("customer", "alice", "quantity", 2));
        assertThat(stored.dataJson()).isEqualTo("{\"customer\": \"alice\", \"quantity\": 2}");
        assertThat(stored.metadata()).isEqualTo(Map.of("user", "bob", "tags", List.of(1, 2)));
        assertThat(stored.toString()).doesNotContain("alice").doesNotContain("bob");
    }

    @Test
    void dataIsAnyJsonValue() {
        List<Object> values = List.of(
                "text",
                1,
                1.5,
                true,
                List.of(1, "a"),
                Map.of(),
                new JsonText("{\"a\": 1e3}"),
                new BigDecimal("1e400"),
                "");
        values.forEach(value -> store().store(Event.of("a", "T", value)));

        List<StoredEvent> events = store().loadByAggregate("a", Version.ZERO).events();

        assertThat(events)
                .extracting(StoredEvent::dataJson)
                .startsWith("\"text\"", "1", "1.5", "true", "[1, \"a\"]", "{}", "{\"a\": 1000}");
        assertThat(events.get(7).dataAs(BigDecimal.class)).isEqualByComparingTo("1e400");
        assertThat(events.get(8).dataAs(String.class)).isEmpty();
        assertThat(events.get(1).dataAs(int.class)).isEqualTo(1);
    }

    @Test
    void dataOfAnotherTypeIsUnreadable() {
        store().store(Event.of("a", "T", "text").withId("e-1"));

        assertThatExceptionOfType(UnreadableEventException.class)
                .isThrownBy(() -> store().get("e-1").dataAs(OrderPlaced.class))
                .withMessageContaining("e-1")
                .withMessageContaining("OrderPlaced");
    }

    /** An instance with an older class must not read wrong data without a notice. */
    @Test
    void laterRevisionThanThatOfTheClassIsUnreadable() {
        store().store(Event.of("a", new Deposited(5)).withId("e-1").withMetadata("revision", 2));
        store().store(Event.of("a", "Renamed", Map.of("name", "b"))
                .withId("e-2")
                .withMetadata("revision", 3));
        store().store(Event.of("a", new Renamed("c")).withId("e-3"));

        assertThat(store().get("e-1").dataAs(Deposited.class)).isEqualTo(new Deposited(5));
        assertThatExceptionOfType(UnreadableEventException.class)
                .isThrownBy(() -> store().get("e-2").dataAs(Renamed.class))
                .withMessageContaining("e-2")
                .withMessageContaining("its revision 3 is later than that of " + Renamed.class.getName() + ", 2");
        assertThat(store().get("e-3").dataAs(Renamed.class)).isEqualTo(new Renamed("c"));
    }

    @EventType(value = "Renamed", revision = 2)
    record Renamed(String name) {}

    @Test
    void sealedTypeIsReadAsThePermittedClassOfTheEvent() {
        store().store(Event.of("a", new Deposited(5)));
        store().store(Event.of("a", new Closed("fraud")));
        store().store(Event.of("a", "Opened", Map.of()).withId("e-3"));

        List<StoredEvent> events = store().loadByAggregate("a", Version.ZERO).events();

        assertThat(events.subList(0, 2))
                .extracting(event -> event.dataAs(AccountEvent.class))
                .containsExactly(new Deposited(5), new Closed("fraud"));
        assertThatExceptionOfType(UnreadableEventException.class)
                .isThrownBy(() -> events.get(2).dataAs(AccountEvent.class))
                .withMessageContaining("e-3")
                .withMessageContaining("no class that it permits has the type of the event");
    }

    @Test
    void eventGetsAnId() {
        Event first = Event.of("a", "T", 1);
        Event second = Event.of("a", "T", 1);

        assertThat(first.id()).matches("[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}");
        assertThat(second.id()).isGreaterThan(first.id());
    }

    @Test
    void versionsAscendAndStreamVersionsHaveNoGap() {
        store().store(Event.of("a", "T", 1));
        store().storeBatch(List.of(Event.of("b", "T", 2), Event.of("a", "T", 3), Event.of("b", "T", 4)));
        store().store(Event.of("b", "T", 5));

        List<StoredEvent> events = store().load(Version.ZERO).events();

        assertThat(events).extracting(StoredEvent::data).containsExactly(1, 2, 3, 4, 5);
        assertThat(events).extracting(StoredEvent::version).isSorted();
        assertThat(events).extracting(StoredEvent::streamVersion).containsExactly(1L, 1L, 2L, 2L, 3L);
    }

    @Test
    void batchReturnsOneResultForEachEventInOrder() {
        List<Event> events = IntStream.range(0, 2500)
                .mapToObj(i -> Event.of("agg-" + i % 100, "T", i))
                .toList();

        List<AppendResult> results = store().storeBatch(events);

        assertThat(results)
                .extracting(AppendResult::id)
                .containsExactlyElementsOf(events.stream().map(Event::id).toList());
        assertThat(results).extracting(AppendResult::version).isSorted();
        try (Stream<StoredEvent> stored = store().stream(Version.ZERO)) {
            assertThat(stored.map(StoredEvent::data))
                    .containsExactlyElementsOf(IntStream.range(0, 2500).boxed().toList());
        }
        assertThat(store().loadByAggregate("agg-7", Version.ZERO).events())
                .extracting(StoredEvent::streamVersion)
                .containsExactlyElementsOf(
                        IntStream.rangeClosed(1, 25).mapToObj(Long::valueOf).toList());
    }

    @Test
    void emptyBatchDoesNothing() {
        assertThat(store().storeBatch(List.of())).isEmpty();
        assertThat(store().append("a", ExpectedStreamVersion.exactly(7), List.of()))
                .isEmpty();
        assertThat(store().latestVersion()).isEqualTo(Version.ZERO);
    }

    @Test
    void findAndGet() {
        store().store(Event.of("a", "T", 1).withId("e-1"));

        assertThat(store().find("e-1")).isPresent();
        assertThat(store().find("e-2")).isEmpty();
        assertThat(store().find("\u0000")).isEmpty();
        assertThat(store().loadByAggregate("\u0000", Version.of(3)).next()).isEqualTo(Version.of(3));
        assertThat(store().streamByAggregate("\ud800", Version.ZERO)).isEmpty();
        assertThatExceptionOfType(EventNotFoundException.class)
                .isThrownBy(() -> store().get("e-2"))
                .withMessageContaining("e-2");
    }

    // versions

    @Test
    void latestVersionIsTheLastThatWasStored() {
        assertThat(store().latestVersion()).isEqualTo(Version.ZERO);
        AppendResult result = store().store(Event.of("a", "T", 1));
        assertThat(store().latestVersion()).isEqualTo(result.version());
    }

    @Test
    void versionsAreParsed() {
        assertThat(store().parseVersion(null)).isEqualTo(Version.ZERO);
        assertThat(store().parseVersion("")).isEqualTo(Version.ZERO);
        assertThat(store().parseVersion("  ")).isEqualTo(Version.ZERO);
        assertThat(store().parseVersion("0")).isEqualTo(Version.ZERO);
        assertThat(store().parseVersion("42")).isEqualTo(Version.of(42));
        assertThat(store().parseVersion("9223372036854775807")).isEqualTo(Version.of(Long.MAX_VALUE));
        assertThat(store().parseVersion("{\"kind\":\"integer\",\"data\":42}")).isEqualTo(Version.of(42));
        assertThat(Version.of(42)).hasToString("42");
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "-1",
                "9223372036854775808",
                "abc",
                "1.5",
                " 1",
                "+1",
                "0x10",
                "١",
                "{}",
                "{\"kind\":\"integer\",\"data\":-1}",
                "{\"kind\":\"integer\",\"data\":\"1\"}"
            })
    void invalidVersionTextIsRejected(String text) {
        assertThatExceptionOfType(InvalidVersionException.class)
                .isThrownBy(() -> store().parseVersion(text))
                .withMessageContaining(text)
                .satisfies(e -> assertThat(e.text()).isEqualTo(text));
    }

    @Test
    void cursorOfAnotherKindIsRejected() {
        assertThatExceptionOfType(InvalidVersionException.class)
                .isThrownBy(() -> store().parseVersion("{\"kind\":\"vector\",\"data\":{\"a\":1}}"))
                .withMessageContaining("is a cursor of kind 'vector'");
    }

    // expectations

    @Test
    void expectationsThatHold() {
        store().append("a", ExpectedStreamVersion.noStream(), List.of(Event.of("a", "T", 1)));
        store().append("a", ExpectedStreamVersion.exactly(1), List.of(Event.of("a", "T", 2), Event.of("a", "T", 3)));
        store().append("a", ExpectedStreamVersion.streamExists(), List.of(Event.of("a", "T", 4)));
        store().append("a", ExpectedStreamVersion.any(), List.of(Event.of("a", "T", 5)));
        store().append("b", ExpectedStreamVersion.exactly(0), List.of(Event.of("b", "T", 6), Event.of("b", "T", 7)));

        assertThat(store().load(Version.ZERO).events())
                .extracting(StoredEvent::data)
                .containsExactly(1, 2, 3, 4, 5, 6, 7);
    }

    @Test
    void expectationsThatFail() {
        store().storeBatch(List.of(Event.of("a", "T", 1), Event.of("a", "T", 2)));

        for (int events : new int[] {1, 3}) {
            assertWrong("a", ExpectedStreamVersion.noStream(), 2, events);
            assertWrong("a", ExpectedStreamVersion.exactly(1), 2, events);
            assertWrong("a", ExpectedStreamVersion.exactly(3), 2, events);
            assertWrong("b", ExpectedStreamVersion.exactly(1), 0, events);
            assertWrong("b", ExpectedStreamVersion.streamExists(), 0, events);
        }
        assertThat(store().load(Version.ZERO).events()).hasSize(2);
    }

    private void assertWrong(String aggregateId, ExpectedStreamVersion expected, long actual, int count) {
        List<Event> events = IntStream.range(0, count)
                .mapToObj(i -> Event.of(aggregateId, "T", i))
                .toList();
        assertThatExceptionOfType(WrongExpectedVersionException.class)
                .isThrownBy(() -> store().append(aggregateId, expected, events))
                .withMessageContaining(aggregateId)
                .withMessageContaining(expected.toString())
                .satisfies(e -> assertThat(e.actual()).isEqualTo(actual))
                .satisfies(e -> assertThat(e.aggregateId()).isEqualTo(aggregateId))
                .satisfies(e -> assertThat(e.expected()).isEqualTo(expected.toString()));
    }

    @Test
    void eventOfAnotherAggregateIsRejected() {
        assertRefused(
                "'b'",
                () -> store().append(
                                "a",
                                ExpectedStreamVersion.any(),
                                List.of(Event.of("a", "T", 1), Event.of("b", "T", 2))));
    }

    // duplicates

    @Test
    void repeatedIdIsADuplicate() {
        AppendResult first = store().store(Event.of("a", "T", 1).withId("e-1"));

        assertDuplicate(first, () -> store().store(Event.of("a", "T", 2).withId("e-1")));
        assertDuplicate(
                first,
                () -> store().storeBatch(List.of(
                        Event.of("a", "T", 2), Event.of("a", "T", 3).withId("e-1"), Event.of("a", "T", 4))));
        assertDuplicate(
                first,
                () -> store().append(
                                "a",
                                ExpectedStreamVersion.exactly(1),
                                List.of(Event.of("a", "T", 2).withId("e-1"))));
        assertThat(store().load(Version.ZERO).events())
                .extracting(StoredEvent::data)
                .containsExactly(1);
    }

    @Test
    void firstResultIsReturnedOnRequest() {
        Event one = Event.of("a", "T", 1);
        AppendResult first = store().store(one);

        AppendResult again = store().store(one, RETURN_EXISTING);

        assertThat(again.alreadyStored()).isTrue();
        assertThat(again.version()).isEqualTo(first.version());
        assertThat(again.streamVersion()).isEqualTo(1);
        assertThat(again.createdAt()).isEqualTo(first.createdAt());
    }

    @Test
    void partlyStoredBatchIsCompletedOnRequest() {
        Event one = Event.of("a", "T", 1);
        Event two = Event.of("a", "T", 2);
        Event three = Event.of("a", "T", 3);
        store().store(two);

        List<AppendResult> results = store().storeBatch(List.of(one, two, three), RETURN_EXISTING);

        assertThat(results).extracting(AppendResult::id).containsExactly(one.id(), two.id(), three.id());
        assertThat(results).extracting(AppendResult::alreadyStored).containsExactly(false, true, false);
        assertThat(results).extracting(AppendResult::streamVersion).containsExactly(2L, 1L, 3L);
        assertThat(store().load(Version.ZERO).events())
                .extracting(StoredEvent::data)
                .containsExactly(2, 1, 3);
    }

    @Test
    void appendWithExpectedVersionCanBeRepeated() {
        List<Event> events = List.of(Event.of("a", "T", 1), Event.of("a", "T", 2));
        List<AppendResult> first = store().append("a", ExpectedStreamVersion.noStream(), events, RETURN_EXISTING);
        store().store(Event.of("a", "T", 3));

        List<AppendResult> again = store().append("a", ExpectedStreamVersion.noStream(), events, RETURN_EXISTING);

        assertThat(again)
                .extracting(AppendResult::version)
                .isEqualTo(first.stream().map(AppendResult::version).toList());
        assertThat(again).allMatch(AppendResult::alreadyStored);
        assertDuplicate(
                first.get(1),
                () -> store().append(
                                "a",
                                ExpectedStreamVersion.exactly(3),
                                List.of(Event.of("a", "T", 4), events.get(1)),
                                RETURN_EXISTING));
        assertThat(store().load(Version.ZERO).events()).hasSize(3);
    }

    @Test
    void idOfAnotherEventIsAlwaysADuplicate() {
        AppendResult first = store().store(Event.of("a", "T", 1).withId("e-1"));

        assertDuplicate(first, () -> store().store(Event.of("b", "T", 1).withId("e-1"), RETURN_EXISTING));
        assertDuplicate(first, () -> store().store(Event.of("a", "U", 1).withId("e-1"), RETURN_EXISTING));
    }

    private void assertDuplicate(AppendResult first, Runnable call) {
        assertThatExceptionOfType(DuplicateEventException.class)
                .isThrownBy(call::run)
                .withMessageContaining(first.id())
                .withMessageContaining("version " + first.version())
                .satisfies(e -> assertThat(e.id()).isEqualTo(first.id()))
                .satisfies(e -> assertThat(e.version()).isEqualTo(first.version()));
    }

    // pages, streams and filters

    @Test
    void pagesFollowEachOther() {
        store().storeBatch(IntStream.range(0, 10)
                .mapToObj(i -> Event.of("a", "T", i))
                .toList());

        EventPage first = store().load(Version.ZERO, 4);
        EventPage second = store().load(first.next(), 4);
        EventPage third = store().load(second.next(), 4);

        assertThat(first.events()).extracting(StoredEvent::data).containsExactly(0, 1, 2, 3);
        assertThat(second).extracting(StoredEvent::data).containsExactly(4, 5, 6, 7);
        assertThat(third).extracting(StoredEvent::data).containsExactly(8, 9);
        assertThat(List.of(first.hasMore(), second.hasMore(), third.hasMore())).containsExactly(true, true, false);
        assertThat(third.next()).isEqualTo(store().latestVersion());
        assertThat(store().load(third.next(), 4)).isEmpty();
        assertThat(store().load(Version.ZERO, 10).hasMore()).isFalse();
    }

    /** After a restore that lost commits, "no new events" would be followed by events that the reader never gets. */
    @Test
    void readsRejectPositionsBeyondTheEndOfTheLog() {
        store().store(Event.of("a", "T", 1));
        Version beyond = Version.of(store().latestVersion().value() + 1);

        for (ThrowingCallable read : List.<ThrowingCallable>of(
                () -> store().load(beyond),
                () -> store().load(beyond, 4, Filter.types("T")),
                () -> store().stream(beyond),
                () -> store().loadByAggregate("a", beyond),
                () -> store().loadByAggregate("a", beyond, 4),
                () -> store().streamByAggregate("a", beyond))) {
            assertThatExceptionOfType(InvalidVersionException.class)
                    .isThrownBy(read)
                    .withMessageContaining("Position " + beyond + " lies beyond the end of the log");
        }
        assertThat(store().load(store().latestVersion())).isEmpty();
        assertThat(store().loadByAggregate("a", store().latestVersion())).isEmpty();
    }

    @Test
    void pagesOfAnAggregateFollowEachOther() {
        store().storeBatch(IntStream.range(0, 10)
                .mapToObj(i -> Event.of("a" + i % 2, "T", i))
                .toList());

        EventPage first = store().loadByAggregate("a1", Version.ZERO, 3);
        EventPage second = store().loadByAggregate("a1", first.next(), 3);

        assertThat(first).extracting(StoredEvent::data).containsExactly(1, 3, 5);
        assertThat(second).extracting(StoredEvent::data).containsExactly(7, 9);
        assertThat(store().loadByAggregate("a1", second.next(), 3)).isEmpty();
        assertThat(store().loadByAggregate("none", Version.of(3), 3).next()).isEqualTo(Version.of(3));
        try (Stream<StoredEvent> stream = store().streamByAggregate(
                        "a1", first.next(), Filter.matching(e -> !e.data().equals(7)))) {
            assertThat(stream.map(StoredEvent::data)).containsExactly(9);
        }
    }

    @Test
    void limitBelowOneIsRejected() {
        assertThatIllegalArgumentException()
                .isThrownBy(() -> store().load(Version.ZERO, 0))
                .withMessageContaining("0");
    }

    @Test
    void filtersCombine() {
        Instant before = store().store(Event.of("a", "T", Map.of("n", 1, "x", Map.of("y", 1))))
                .createdAt();
        Instant middle = store().store(Event.of("a", "U", Map.of("n", 2)).withMetadata("user", "bob"))
                .createdAt();
        store().store(Event.of("b", "T", Map.of("n", 3))
                .withMetadata("user", "bob")
                .withMetadata("z", null));
        store().store(Event.of("c", "V", Map.of("n", 4)));

        assertFound(List.of(1, 3), Filter.types("T"));
        assertFound(List.of(1, 2, 3), Filter.types("T", "U"));
        assertFound(List.of(3), Filter.aggregateIds("b"));
        assertFound(List.of(3, 4), Filter.aggregateIds("b", "c"));
        assertFound(List.of(3), Filter.types("T"), Filter.aggregateIds("b", "c"));
        assertFound(List.of(1), Filter.dataContains(Map.of("x", Map.of("y", 1))));
        assertFound(List.of(2), Filter.dataContains(new JsonText("{\"n\":2}")));
        assertFound(List.of(2, 3), Filter.metadataContains(Map.of("user", "bob")));
        assertFound(List.of(3), Filter.metadataContains(Collections.singletonMap("z", null)));
        assertFound(List.of(1), Filter.createdBetween(null, middle));
        assertFound(List.of(1), Filter.createdBetween(before, middle));
        assertFound(List.of(2, 3, 4), Filter.createdBetween(middle, null));
        assertFound(List.of(), Filter.createdBetween(middle, middle));
        assertFound(List.of(1, 2, 3, 4), Filter.createdBetween(Instant.MIN, Instant.MAX));
        assertFound(List.of(1), Filter.createdBetween(Instant.parse("-200000-01-01T00:00:00Z"), middle));
        assertFound(List.of(), Filter.createdBetween(Instant.parse("+300000-01-01T00:00:00Z"), null));
        assertFound(List.of(2, 4), Filter.matching(e -> (int) ((Map<?, ?>) e.data()).get("n") % 2 == 0));
        assertFound(
                List.of(3),
                Filter.matching(e -> e.type().equals("T")),
                Filter.metadataContains(Map.of("user", "bob")),
                Filter.createdBetween(before, null));
        assertFound(List.of(), Filter.types("none"));
    }

    private void assertFound(List<Integer> expected, Filter... filters) {
        EventPage page = store().load(Version.ZERO, filters);
        assertThat(page).extracting(e -> ((Map<?, ?>) e.data()).get("n")).isEqualTo(expected);
        assertThat(page.next()).isEqualTo(store().latestVersion());
        try (Stream<StoredEvent> stream = store().stream(Version.ZERO, filters)) {
            assertThat(stream.toList()).isEqualTo(page.events());
        }
    }

    @Test
    void filteredReadAdvancesPastOtherEvents() {
        store().storeBatch(IntStream.range(0, 100)
                .mapToObj(i -> Event.of("a", i % 10 == 3 ? "T" : "U", i))
                .toList());

        for (Filter filter :
                List.of(Filter.types("T"), Filter.matching(e -> e.type().equals("T")))) {
            List<Object> found = new ArrayList<>();
            Version since = Version.ZERO;
            EventPage page;
            do {
                page = store().load(since, 4, filter);
                page.forEach(event -> found.add(event.data()));
                since = page.next();
            } while (page.hasMore());
            assertThat(found).containsExactly(3, 13, 23, 33, 43, 53, 63, 73, 83, 93);
            assertThat(since).isEqualTo(store().latestVersion());
        }
    }

    @Test
    void filtersThatCannotMatchAreRejected() {
        assertThatExceptionOfType(InvalidFilterException.class).isThrownBy(Filter::types);
        assertThatExceptionOfType(InvalidFilterException.class).isThrownBy(() -> Filter.aggregateIds("a", null));
        assertThatExceptionOfType(InvalidFilterException.class).isThrownBy(() -> Filter.types("\u0000"));
        assertThatExceptionOfType(InvalidFilterException.class)
                .isThrownBy(() -> Filter.createdBetween(Instant.ofEpochSecond(2), Instant.ofEpochSecond(1)))
                .withMessageContaining("1970-01-01T00:00:01Z");
        assertThatExceptionOfType(InvalidFilterException.class)
                .isThrownBy(() -> store().load(Version.ZERO, Filter.dataContains(new JsonText("{"))));
        assertThatExceptionOfType(InvalidFilterException.class)
                .isThrownBy(() -> store().load(Version.ZERO, Filter.dataContains(Double.NaN)));
        assertThatExceptionOfType(InvalidFilterException.class)
                .isThrownBy(() -> store().load(Version.ZERO, Filter.metadataContains(Map.of("a", "\ud800"))));
        assertThatExceptionOfType(InvalidFilterException.class)
                .isThrownBy(() -> store().load(Version.ZERO, (Filter) null));
    }

    // limits

    @Test
    void keysThatCannotBeStoredAreRejected() {
        for (String bad : Arrays.asList("", " ", "\t\n", null, "a\u0000b", "a\ud800", "\udc00a", "x".repeat(256))) {
            assertRefused("event id", () -> new Event(bad, "a", "T", 1, Map.of()));
            assertRefused("aggregate id", () -> Event.of(bad, "T", 1));
            assertRefused("event type", () -> Event.of("a", bad, 1));
        }
    }

    @Test
    void keysAtTheLimitAreStored() {
        String longest = "\ud83d\ude00".repeat(255);
        store().store(Event.of(longest, longest, 1).withId(longest));

        StoredEvent stored = store().get(longest);

        assertThat(stored.aggregateId()).isEqualTo(longest);
        assertThat(stored.type()).isEqualTo(longest);
        assertThat(store().loadByAggregate(longest, Version.ZERO, Filter.types(longest)))
                .hasSize(1);
    }

    @Test
    void jsonThatCannotBeStoredIsRejected() {
        List<Object> bad = List.of(
                "a\u0000b",
                "a\ud800",
                Map.of("k\u0000", 1),
                Map.of("k", List.of("\udc00")),
                Double.NaN,
                Float.POSITIVE_INFINITY,
                Map.of("k", Double.NEGATIVE_INFINITY),
                new JsonText("\"\\u0000\""),
                new JsonText("{\"\\ud800\":1}"),
                new JsonText("{\"a\":1,\"a\":2}"),
                new JsonText("{\"a\":1"),
                new JsonText("\"" + (char) 0xd83d + "\\ude00\""),
                new JsonText("\"\\ud83d" + (char) 0xde00 + "\""),
                new JsonText("1 2"),
                new JsonText(""),
                new JsonText("NaN"),
                new JsonText("null"),
                new JsonText("1e131072"),
                new JsonText("1e-20000"),
                new JsonText("1e99999999999"),
                new JsonText("[".repeat(5000) + "]".repeat(5000)),
                new Object() {
                    @SuppressWarnings("unused")
                    public String getBroken() {
                        throw new IllegalStateException("broken getter");
                    }
                });
        for (Object data : bad) {
            assertRefused("data of event", () -> store().store(Event.of("a", "T", data)));
            assertRefused(
                    "data of event",
                    () -> store().storeBatch(List.of(Event.of("a", "T", 1), Event.of("a", "T", data))));
            if (!(data instanceof JsonText text && text.json().equals("null"))) {
                assertRefused(
                        "metadata of event",
                        () -> store().store(Event.of("a", "T", 1).withMetadata("m", data)));
            }
        }
        assertRefused("null", () -> Event.of("a", "T", null));
        assertRefused("null", () -> Event.of("a", "T", 1).withMetadata((Map<String, Object>) null));
        assertRefused("null", () -> Event.of("a", "T", 1).withMetadata((String) null, 1));
        assertRefused(
                "metadata",
                () -> store().store(Event.of("a", "T", 1).withMetadata("m", new JsonText("1}, {\"n\": 2"))));
        assertThat(store().latestVersion()).isEqualTo(Version.ZERO);
    }

    @Test
    void tooLargeEventIsRejected() {
        int limit = 1024 * 1024;
        String largest = "x".repeat(limit - "\"\"".length() - "{}".length());
        store().store(Event.of("a", "T", largest));

        assertRefused(String.valueOf(limit), () -> store().store(Event.of("a", "T", largest + "x")));
        assertRefused(
                String.valueOf(limit),
                () -> store().store(Event.of("a", "T", largest).withMetadata("a", 1)));
        assertRefused(String.valueOf(limit), () -> store().store(Event.of("a", "T", "é".repeat(limit / 2))));
        assertThat("é".getBytes(UTF_8)).hasSize(2);
        // A short text that is long when it is read: jsonb writes numbers out.
        String amplified = "[" + "1e900,".repeat(2000) + "1]";
        assertRefused(String.valueOf(limit), () -> store().store(Event.of("a", "T", new JsonText(amplified))));
    }

    @Test
    void batchWithNullOrRepeatedIdIsRejected() {
        Event event = Event.of("a", "T", 1);

        assertRefused("element 1 ", () -> store().storeBatch(Arrays.asList(event, null)));
        assertRefused(
                "element 1 ",
                () -> store().storeBatch(List.of(event, Event.of("b", "U", 2).withId(event.id()))));
        assertRefused(
                "element 0 ", () -> store().append("a", ExpectedStreamVersion.any(), Arrays.asList((Event) null)));
        assertRefused("null", () -> store().store(null));
        assertThat(store().latestVersion()).isEqualTo(Version.ZERO);
    }

    private static void assertRefused(String what, Runnable call) {
        assertThatExceptionOfType(InvalidEventException.class)
                .isThrownBy(call::run)
                .withMessageContaining(what);
    }

    // the end

    @Test
    void closedStoreRejectsCalls() {
        EventStore store = store();
        store.close();
        store.close();

        List<Runnable> calls = List.of(
                () -> store.store(Event.of("a", "T", 1)),
                () -> store.storeBatch(List.of()),
                () -> store.append("a", ExpectedStreamVersion.any(), List.of()),
                () -> store.load(Version.ZERO),
                () -> store.stream(Version.ZERO),
                () -> store.loadByAggregate("a", Version.ZERO),
                () -> store.streamByAggregate("a", Version.ZERO),
                () -> store.find("e"),
                () -> store.latestVersion(),
                () -> store.stats());
        for (Runnable call : calls) {
            assertThatExceptionOfType(StoreClosedException.class).isThrownBy(call::run);
        }
    }
}
