package io.synckit.postgres.internal.append;

import static io.synckit.postgres.testing.InThread.inThread;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.synckit.AsyncQueueFullException;
import io.synckit.ExpectedStreamVersion;
import io.synckit.OnDuplicate;
import io.synckit.StoreClosedException;
import io.synckit.postgres.internal.sql.EventRow;
import io.synckit.postgres.testing.Await;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;

class CommitQueueTest {

    private static final int MEGABYTE = 1 << 20;

    private static final int MAX_EVENTS = 2000;

    private final CommitQueue queue = new CommitQueue(MAX_EVENTS, 64 * MEGABYTE, false);

    private static AcceptedAppend event(String id, String aggregateId, long bytes) {
        List<EventRow> rows = List.of(new EventRow(id, aggregateId, "T", "1", "{}", bytes));
        return AcceptedAppend.of(
                "storeAsync", AppendRequest.of(rows, ExpectedStreamVersion.any(), OnDuplicate.FAIL), () -> {});
    }

    private void add(String id, long bytes) {
        add(queue, event(id, "a", bytes));
    }

    private static void add(CommitQueue queue, AcceptedAppend append) {
        try {
            queue.add(append, () -> {});
        } catch (InterruptedException e) {
            throw new AssertionError(e);
        }
    }

    private List<String> takeGroup() {
        return queue.takeGroup().stream()
                .map(append -> append.rows().get(0).id())
                .toList();
    }

    @Test
    void groupHasTheWaitingEventsInOrder() {
        add("1", 1);
        add("2", 1);

        assertThat(queue.size()).isEqualTo(2);
        assertThat(takeGroup()).containsExactly("1", "2");
        assertThat(queue.size()).isZero();
    }

    @Test
    void groupIsLimitedInNumber() {
        for (int i = 0; i < CommitGroup.MAX_EVENTS + 1; i++) {
            add("e-" + i, 1);
        }

        assertThat(takeGroup()).hasSize(CommitGroup.MAX_EVENTS);
        assertThat(takeGroup()).hasSize(1);
    }

    @Test
    void groupIsLimitedInSize() {
        add("1", 5 * MEGABYTE);
        add("2", 5 * MEGABYTE);

        assertThat(takeGroup()).containsExactly("1");
        assertThat(takeGroup()).containsExactly("2");
    }

    @Test
    void eventAboveTheLimitIsAGroupOfItsOwn() {
        add("large", 20 * MEGABYTE);
        add("small", 1);

        assertThat(takeGroup()).containsExactly("large");
    }

    @Test
    void repeatedIdBelongsToTheNextGroup() {
        add("1", 1);
        add("1", 1);

        assertThat(takeGroup()).containsExactly("1");
        assertThat(takeGroup()).containsExactly("1");
    }

    @Test
    void callerWaitsWhileTheQueueIsFull() {
        for (int i = 0; i < MAX_EVENTS; i++) {
            add("e-" + i, 1);
        }
        CompletableFuture<Void> late = inThread(() -> add("late", 1));
        assertThat(late).isNotDone();

        takeGroup();

        late.join();
    }

    /** Otherwise the small ones would take each place that becomes free. */
    @Test
    void largeAppendIsNotKeptOutBySmallOnes() throws InterruptedException {
        for (int i = 0; i < 1500; i++) {
            add("e-" + i, 1);
        }
        Thread large = waiting(() -> add(queue, append("large", 1000)));
        Thread small = waiting(() -> add("small", 1));

        takeGroup();

        large.join();
        small.join();
        assertThat(queue.size()).isEqualTo(1501);
    }

    private static AcceptedAppend append(String id, int events) {
        List<EventRow> rows = IntStream.range(0, events)
                .mapToObj(i -> new EventRow(i == 0 ? id : id + "-" + i, "large", "T", "1", "{}", 1))
                .toList();
        return AcceptedAppend.of(
                "appendAsync", AppendRequest.of(rows, ExpectedStreamVersion.any(), OnDuplicate.FAIL), () -> {});
    }

    /** Returns a thread that waits for room. */
    private static Thread waiting(Runnable caller) {
        Thread thread = new Thread(caller);
        thread.start();
        Await.until(() -> thread.getState() == Thread.State.WAITING);
        return thread;
    }

    @Test
    void interruptedCallerNeedNotWait() {
        Thread.currentThread().interrupt();

        add("1", 1);

        assertThat(Thread.interrupted()).isTrue();
        assertThat(takeGroup()).containsExactly("1");
    }

    @Test
    void callerIsRejectedWhileTheQueueIsFull() {
        CommitQueue rejecting = new CommitQueue(1, MEGABYTE, true);
        add(rejecting, event("first", "a", 7));

        assertThatThrownBy(() -> add(rejecting, event("second", "a", 1)))
                .isInstanceOf(AsyncQueueFullException.class)
                .hasMessageContaining("'second'")
                .hasMessageContaining("1 events (7 bytes)");
    }

    @Test
    void groupLeavesOutWhatBelongsToALaterOne() {
        add(queue, event("1", "a", 1));
        add(queue, event("1", "b", 1));
        add(queue, event("2", "b", 1));
        add(queue, event("3", "c", 1));

        assertThat(takeGroup()).containsExactly("1", "3");
        assertThat(takeGroup()).containsExactly("1", "2");
    }

    @Test
    void closeRejectsCallersThatWait() {
        add("large", 100 * MEGABYTE);
        CompletableFuture<Void> late = inThread(() -> add("late", 1));

        queue.close();

        assertThatThrownBy(late::join).hasCauseInstanceOf(StoreClosedException.class);
        assertThat(takeGroup()).containsExactly("large");
        assertThat(takeGroup()).isEmpty();
    }

    @Test
    void closeEndsTheWaitForEvents() {
        CompletableFuture<List<String>> group = inThread(this::takeGroup);
        Await.until(() -> !group.isCompletedExceptionally());

        queue.close();

        assertThat(group.join()).isEmpty();
    }

    @Test
    void unansweredEventsOfTheLastGroupAreKnown() {
        add("1", 1);
        add("2", 1);
        List<AcceptedAppend> group = queue.takeGroup();
        group.get(0).setAnswered();

        assertThat(queue.unanswered()).containsExactly(group.get(1));
    }
}
