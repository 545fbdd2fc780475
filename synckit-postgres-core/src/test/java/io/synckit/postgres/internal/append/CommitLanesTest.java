package io.synckit.postgres.internal.append;

import static io.synckit.postgres.testing.InThread.inThread;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.catchThrowable;

import io.synckit.AppendResult;
import io.synckit.AsyncQueueFullException;
import io.synckit.DuplicateEventException;
import io.synckit.Event;
import io.synckit.EventStoreException;
import io.synckit.ExpectedStreamVersion;
import io.synckit.InvalidConnectionException;
import io.synckit.InvalidEventException;
import io.synckit.OnDuplicate;
import io.synckit.StoreClosedException;
import io.synckit.StoredEvent;
import io.synckit.Version;
import io.synckit.WrongExpectedVersionException;
import io.synckit.postgres.Config;
import io.synckit.postgres.PostgresEventStore;
import io.synckit.postgres.testing.Await;
import io.synckit.postgres.testing.CallersTransaction;
import io.synckit.postgres.testing.TestDatabase;
import io.synckit.postgres.testing.TestPostgres;
import java.sql.SQLException;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.RegisterExtension;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Guarded appends by group commit, several lanes, and faults. */
class CommitLanesTest {

    private static final int LANES = 4;

    @RegisterExtension
    private final TestDatabase database = TestPostgres.shared().migratedDatabase();

    private PostgresEventStore store;
    private CallersTransaction busy;

    @BeforeEach
    void open() throws SQLException {
        store = open(Config.builder().asyncLanes(LANES).build());
        busy = CallersTransaction.begin(database);
    }

    private PostgresEventStore open(Config config) {
        return PostgresEventStore.on(database.pool(), config);
    }

    @AfterEach
    void close() throws SQLException {
        busy.close();
        store.close();
    }

    private static Event event(String aggregateId) {
        return Event.of(aggregateId, "T", 1);
    }

    private CompletableFuture<List<AppendResult>> append(
            String aggregateId, ExpectedStreamVersion expected, Event... events) {
        return store.appendAsync(aggregateId, expected, List.of(events));
    }

    private static <T> T result(CompletableFuture<T> future) {
        try {
            return future.get(120, TimeUnit.SECONDS);
        } catch (Exception e) {
            throw new AssertionError(e);
        }
    }

    private static Throwable failure(CompletableFuture<?> future) {
        Throwable failure = catchThrowable(() -> future.get(120, TimeUnit.SECONDS));
        assertThat(failure).isInstanceOf(ExecutionException.class);
        return failure.getCause();
    }

    private List<StoredEvent> all() {
        try (Stream<StoredEvent> events = store.stream(Version.ZERO)) {
            return events.toList();
        }
    }

    /** Holds the lane of "busy" until the transaction ends. */
    private CompletableFuture<AppendResult> holdLane() {
        busy.store().store(event("busy"));
        CompletableFuture<AppendResult> held = store.storeAsync(event("busy"));
        Await.untilQueued(database, 1);
        return held;
    }

    /** Returns an id whose aggregate shares the lane of "busy", or does not. */
    private static String aggregate(String prefix, boolean withBusy) {
        return IntStream.range(0, 1000)
                .mapToObj(i -> prefix + i)
                .filter(id -> (lane(id) == lane("busy")) == withBusy)
                .findFirst()
                .orElseThrow();
    }

    private static int lane(String aggregateId) {
        return Math.floorMod(aggregateId.hashCode(), LANES);
    }

    @Test
    void appendAsyncHasTheResultsOfAppend() {
        assertThat(result(append("a", ExpectedStreamVersion.noStream(), event("a"), event("a"))))
                .extracting(AppendResult::streamVersion)
                .containsExactly(1L, 2L);
        assertThat(result(append("a", ExpectedStreamVersion.exactly(2), event("a"))))
                .extracting(AppendResult::streamVersion)
                .containsExactly(3L);
        assertThat(result(store.appendAsync("a", ExpectedStreamVersion.any(), List.of())))
                .isEmpty();
        AppendResult first = result(store.storeAsync(event("b").withId("x")));
        assertThat(result(store.appendAsync(
                        "b",
                        ExpectedStreamVersion.exactly(0),
                        List.of(event("b").withId("x")),
                        OnDuplicate.RETURN_EXISTING)))
                .singleElement()
                .satisfies(again -> {
                    assertThat(again.alreadyStored()).isTrue();
                    assertThat(again.version()).isEqualTo(first.version());
                });
    }

    @Test
    void appendAsyncHasTheErrorsOfAppend() {
        result(store.storeAsync(event("a").withId("x")));

        assertThat(failure(append("a", ExpectedStreamVersion.exactly(7), event("a"))))
                .isInstanceOfSatisfying(
                        WrongExpectedVersionException.class,
                        e -> assertThat(e.actual()).isEqualTo(1));
        assertThat(failure(
                        append("a", ExpectedStreamVersion.exactly(1), event("a").withId("x"))))
                .isInstanceOf(DuplicateEventException.class);
        assertThatThrownBy(() ->
                        append("a", ExpectedStreamVersion.any(), event("b").withId("of-b")))
                .isInstanceOf(InvalidEventException.class)
                .hasMessageContaining("'of-b'");
        assertThatThrownBy(() -> append(
                        "a",
                        ExpectedStreamVersion.any(),
                        event("a").withId("y"),
                        event("a").withId("y")))
                .isInstanceOf(InvalidEventException.class)
                .hasMessageContaining("'y'");
        assertThat(all()).hasSize(1);
    }

    @Test
    void plainAndGuardedAppendsOfAnAggregateKeepTheirOrder() throws Exception {
        String a = aggregate("a-", true);
        CompletableFuture<AppendResult> held = holdLane();
        var first = store.storeAsync(event(a));
        var second = append(a, ExpectedStreamVersion.exactly(1), event(a), event(a));
        var wrong = append(a, ExpectedStreamVersion.exactly(1), event(a));
        var third = store.storeAsync(event(a));
        var fourth = append(a, ExpectedStreamVersion.exactly(4), event(a));
        var others = IntStream.range(0, 50)
                .mapToObj(i -> store.storeAsync(event(aggregate("of-" + i + "-", true))))
                .toList();

        busy.commit();

        result(held);
        assertThat(result(first).streamVersion()).isEqualTo(1);
        assertThat(result(second)).extracting(AppendResult::streamVersion).containsExactly(2L, 3L);
        assertThat(failure(wrong)).isInstanceOf(WrongExpectedVersionException.class);
        assertThat(result(third).streamVersion()).isEqualTo(4);
        assertThat(result(fourth)).extracting(AppendResult::streamVersion).containsExactly(5L);
        others.forEach(CommitLanesTest::result);
    }

    /** A row-level security policy or a trigger can raise any of them for one event. */
    @ParameterizedTest
    @ValueSource(strings = {"42501", "42P01", "25006", "57014"})
    void errorThatOneEventCausesFailsAlone(String state) throws Exception {
        database.execute("create function refuse() returns trigger language plpgsql as $$ begin"
                + " if new.event_type = 'Bad' then raise exception using errcode = '" + state
                + "', message = 'not this one'; end if; return null; end $$;"
                + " create trigger refuse after insert on synckit.events for each row execute function refuse()");
        String a = aggregate("a-", true);
        CompletableFuture<AppendResult> held = holdLane();
        var good = store.storeAsync(event(a));
        var bad = store.storeAsync(Event.of(a, "Bad", 1));
        var next = store.storeAsync(event(a));

        busy.commit();

        result(held);
        result(good);
        assertThat(failure(bad)).hasMessageContaining("not this one");
        result(next);
    }

    @Test
    void conflictingAppendsOfAGroupFailAlone() throws Exception {
        database.execute("create function refuse() returns trigger language plpgsql as $$ begin"
                + " if new.event_type = 'Bad' then raise exception 'not this one'; end if; return null; end $$;"
                + " create trigger refuse after insert on synckit.events for each row execute function refuse()");
        List<String> ids = IntStream.range(0, 6)
                .mapToObj(i -> aggregate("a" + i + "-", true))
                .toList();
        store.store(event(ids.get(1)).withId("there"));
        CompletableFuture<AppendResult> held = holdLane();
        var good = append(ids.get(0), ExpectedStreamVersion.noStream(), event(ids.get(0)));
        var duplicate = append(
                ids.get(1), ExpectedStreamVersion.exactly(1), event(ids.get(1)).withId("there"));
        var wrong = append(ids.get(2), ExpectedStreamVersion.exactly(3), event(ids.get(2)));
        var bad = store.storeAsync(Event.of(ids.get(3), "Bad", 1));
        var half = append(ids.get(4), ExpectedStreamVersion.any(), event(ids.get(4)), Event.of(ids.get(4), "Bad", 1));
        var last = append(ids.get(5), ExpectedStreamVersion.exactly(0), event(ids.get(5)), event(ids.get(5)));

        busy.rollback();

        assertThat(result(held).streamVersion()).isEqualTo(1);
        assertThat(result(good)).hasSize(1);
        assertThat(failure(duplicate)).isInstanceOf(DuplicateEventException.class);
        assertThat(failure(wrong)).isInstanceOf(WrongExpectedVersionException.class);
        assertThat(failure(bad)).isInstanceOf(EventStoreException.class).hasMessageContaining("not this one");
        assertThat(failure(half)).isInstanceOf(EventStoreException.class).hasMessageContaining("not this one");
        assertThat(result(last)).hasSize(2);
        assertThat(all()).as("nothing of what failed").hasSize(5);
    }

    @Test
    void groupSkipsAnAggregateThatIsWrittenTo() throws Exception {
        String written = aggregate("written-", true);
        String free = aggregate("free-", true);
        CompletableFuture<AppendResult> held = holdLane();
        try (CallersTransaction other = CallersTransaction.begin(database)) {
            other.store().store(event(written));
            var waits = store.storeAsync(event(written));
            var stored = store.storeAsync(event(free));

            busy.commit();

            result(held);
            result(stored);
            assertThat(waits).isNotDone();
            other.commit();
            assertThat(result(waits).streamVersion()).isEqualTo(2);
        }
    }

    @Test
    void otherLanesDoNotWait() throws Exception {
        CompletableFuture<AppendResult> held = holdLane();

        result(store.storeAsync(event(aggregate("other-", false))));

        assertThat(held).isNotDone();
        busy.commit();
        result(held);
    }

    @Test
    void fullLaneRejectsIfConfigured() throws Exception {
        store = open(Config.builder().asyncLanes(1).rejectAsyncWhenFull(true).build());
        holdLane();
        List<CompletableFuture<AppendResult>> accepted = IntStream.range(0, GroupCommit.MAX_WAITING)
                .mapToObj(i -> store.storeAsync(event("a-" + i % 100)))
                .toList();

        assertThatThrownBy(() -> store.storeAsync(event("late").withId("x")))
                .isInstanceOf(AsyncQueueFullException.class)
                .hasMessageContaining("'x'")
                .hasMessageContaining("10000 events");
        busy.commit();
        accepted.forEach(CommitLanesTest::result);
        result(store.storeAsync(event("late").withId("x")));
    }

    @Test
    void idThatIsUsedInTwoLanesIsStoredOnce() {
        List<List<CompletableFuture<AppendResult>>> pairs = IntStream.range(0, 2000)
                .mapToObj(i -> List.of(
                        store.storeAsync(event(aggregate("p-", true)).withId("id-" + i)),
                        store.storeAsync(event(aggregate("q-", false)).withId("id-" + i))))
                .toList();

        for (List<CompletableFuture<AppendResult>> pair : pairs) {
            List<Throwable> failures = pair.stream()
                    .map(future -> catchThrowable(() -> future.get(120, TimeUnit.SECONDS)))
                    .filter(failure -> failure != null)
                    .toList();
            assertThat(failures).hasSize(1);
            assertThat(failures.get(0)).hasCauseInstanceOf(DuplicateEventException.class);
        }
        assertThat(all()).hasSize(2000);
    }

    /** Two stores, as in two processes, append to the same aggregates with the same expectations. */
    @Test
    void oneOfTwoGuardedAppendsSucceeds() {
        try (PostgresEventStore other = open(Config.builder().asyncLanes(2).build())) {
            for (int round = 0; round < 50; round++) {
                ExpectedStreamVersion expected = ExpectedStreamVersion.exactly(round);
                List<CompletableFuture<List<AppendResult>>> ours = new ArrayList<>();
                List<CompletableFuture<List<AppendResult>>> theirs = new ArrayList<>();
                for (int i = 0; i < 20; i++) {
                    ours.add(store.appendAsync("a-" + i, expected, List.of(event("a-" + i))));
                    theirs.add(other.appendAsync("a-" + i, expected, List.of(event("a-" + i))));
                }
                for (int i = 0; i < 20; i++) {
                    CompletableFuture<?> mine = ours.get(i);
                    CompletableFuture<?> yours = theirs.get(i);
                    List<Throwable> failures = Stream.of(mine, yours)
                            .map(future -> catchThrowable(() -> future.get(120, TimeUnit.SECONDS)))
                            .filter(failure -> failure != null)
                            .toList();
                    assertThat(failures)
                            .singleElement()
                            .satisfies(failure ->
                                    assertThat(failure).hasCauseInstanceOf(WrongExpectedVersionException.class));
                }
            }
        }
        assertThat(all()).hasSize(50 * 20);
    }

    @Test
    void futuresCompleteAndEventsAreStoredOnceUnderFaults() {
        int callers = 8;
        Map<String, AppendResult> acknowledged = new ConcurrentHashMap<>();
        Set<String> rejected = ConcurrentHashMap.newKeySet();
        List<CompletableFuture<Void>> running = IntStream.range(0, callers)
                .mapToObj(caller -> inThread(() -> call(new Random(caller), acknowledged, rejected)))
                .toList();
        Random random = new Random(17);
        while (!running.stream().allMatch(CompletableFuture::isDone)) {
            database.query("select count(pg_terminate_backend(pid)) from pg_stat_activity where pid <> pg_backend_pid()"
                    + " and datname = current_database() and state = 'active' and random() < " + random.nextDouble());
        }

        running.forEach(CommitLanesTest::result);
        store.close();
        Map<String, StoredEvent> stored = new HashMap<>();
        Map<String, Long> last = new HashMap<>();
        store = open(Config.defaults());
        for (StoredEvent event : all()) {
            assertThat(stored.put(event.id(), event)).isNull();
            assertThat(event.streamVersion()).isEqualTo(last.merge(event.aggregateId(), 1L, Long::sum));
        }
        acknowledged.forEach(
                (id, result) -> assertThat(stored.get(id).version()).isEqualTo(result.version()));
        assertThat(rejected).isNotEmpty().doesNotContainAnyElementsOf(stored.keySet());
        assertThat(acknowledged).hasSizeGreaterThan(500);
    }

    /** Plain and guarded appends of one and several events, until some hundreds are acknowledged. */
    private void call(Random random, Map<String, AppendResult> acknowledged, Set<String> rejected) {
        List<CompletableFuture<?>> results = new ArrayList<>();
        for (int i = 0; i < 500; i++) {
            String aggregateId = "a-" + random.nextInt(20);
            ExpectedStreamVersion expected = random.nextBoolean()
                    ? ExpectedStreamVersion.any()
                    : ExpectedStreamVersion.exactly(random.nextInt(50));
            List<Event> events = IntStream.rangeClosed(0, random.nextInt(3))
                    .mapToObj(n -> event(aggregateId))
                    .toList();
            results.add(store.appendAsync(aggregateId, expected, events).handle((all, failure) -> {
                if (failure == null) {
                    all.forEach(result -> acknowledged.put(result.id(), result));
                } else if (failure instanceof WrongExpectedVersionException) {
                    events.forEach(event -> rejected.add(event.id()));
                } else {
                    assertThat(failure).isInstanceOf(InvalidConnectionException.class);
                }
                return all;
            }));
        }
        results.forEach(CommitLanesTest::result);
    }

    @Test
    void closeUnderLoadCompletesEveryFuture() {
        List<CompletableFuture<List<CompletableFuture<AppendResult>>>> callers = IntStream.range(0, 8)
                .mapToObj(caller -> inThread(() -> storeUntilClosed("c-" + caller)))
                .toList();
        Await.until(() -> store.latestVersion().value() > 1000);

        store.close();

        Set<Long> versions = new HashSet<>();
        for (CompletableFuture<List<CompletableFuture<AppendResult>>> caller : callers) {
            for (CompletableFuture<AppendResult> accepted : result(caller)) {
                assertThat(versions.add(result(accepted).version().value())).isTrue();
            }
        }
        assertThat(database.query("select count(*) from synckit.events")).isEqualTo(String.valueOf(versions.size()));
    }

    private List<CompletableFuture<AppendResult>> storeUntilClosed(String prefix) {
        List<CompletableFuture<AppendResult>> accepted = new ArrayList<>();
        try {
            while (true) {
                accepted.add(store.storeAsync(event(prefix + accepted.size() % 10)));
            }
        } catch (StoreClosedException e) {
            return accepted;
        }
    }

    @Test
    void interruptedCallerHasStoredNothing() throws Exception {
        store = open(Config.builder().asyncLanes(1).build());
        CompletableFuture<AppendResult> held = holdLane();
        List<CompletableFuture<AppendResult>> accepted = IntStream.range(0, GroupCommit.MAX_WAITING)
                .mapToObj(i -> store.storeAsync(event("a-" + i % 100)))
                .toList();
        CompletableFuture<Throwable> interrupted = inThread(() -> {
            Thread.currentThread().interrupt();
            return catchThrowable(() ->
                    append("late", ExpectedStreamVersion.any(), event("late").withId("x")));
        });

        assertThat(result(interrupted))
                .isInstanceOf(EventStoreException.class)
                .hasMessageContaining("appendAsync was interrupted")
                .hasMessageContaining("'x'");
        busy.commit();
        result(held);
        accepted.forEach(CommitLanesTest::result);
        assertThat(store.find("x")).isEmpty();
    }
}
