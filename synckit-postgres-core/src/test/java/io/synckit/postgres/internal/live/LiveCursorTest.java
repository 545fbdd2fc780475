package io.synckit.postgres.internal.live;

import static org.assertj.core.api.Assertions.assertThat;

import io.synckit.HistoryChangedException;
import io.synckit.SlowSubscriberException;
import io.synckit.StoredEvent;
import io.synckit.Version;
import io.synckit.postgres.internal.listen.RecentEvents;
import io.synckit.postgres.testing.Events;
import io.synckit.postgres.testing.ManualClock;
import io.synckit.subscription.LiveNotice;
import io.synckit.subscription.LiveOptions.SlowSubscriber;
import java.time.Duration;
import java.util.List;
import org.junit.jupiter.api.Test;

/** The states of a cursor, without a database and without threads. */
class LiveCursorTest {

    private static final int PAGE = 100;

    private final ManualClock clock = new ManualClock();
    private final RecentEvents recent = new RecentEvents();
    private LiveCursor cursor = cursor(SlowSubscriber.WAIT, 0);

    private LiveCursor cursor(SlowSubscriber whenSlow, long since) {
        return new LiveCursor(3, whenSlow, event -> true, since, clock);
    }

    /** Publishes events as the subscriptions do. Returns whether the subscriber must be run. */
    private boolean publish(long first, long last) {
        long before = recent.upTo();
        List<StoredEvent> events = Events.range(first, last);
        recent.add(events, last);
        return cursor.offered(before, last, events.size(), false);
    }

    private void openAtEnd() {
        cursor.catchUp(recent.upTo());
        assertThat(cursor.open(Long.MAX_VALUE, recent.upTo())).isFalse();
    }

    private List<Long> take() {
        return versions(((Step.Deliver) cursor.take(recent, PAGE)).events());
    }

    private static List<Long> versions(List<StoredEvent> events) {
        return events.stream().map(event -> event.version().value()).toList();
    }

    private List<LiveNotice> notices() {
        return ((Step.Tell) cursor.take(recent, PAGE)).notices();
    }

    @Test
    void subscriptionAtTheEndIsNotRunWhenItOpens() {
        openAtEnd();

        assertThat(cursor.position(recent.upTo())).isZero();
    }

    @Test
    void publicationRunsACursorThatHasCaughtUp() {
        openAtEnd();

        assertThat(publish(1, 2)).isTrue();
        assertThat(take()).containsExactly(1L, 2L);
        assertThat(cursor.take(recent, PAGE)).isNull();
    }

    @Test
    void publicationDoesNotRunABusyCursorAgain() {
        openAtEnd();
        publish(1, 1);

        assertThat(publish(2, 2)).isFalse();
        assertThat(take()).containsExactly(1L, 2L);
    }

    @Test
    void eventsBeforeOpeningAreNotLost() {
        cursor.catchUp(recent.upTo());
        assertThat(publish(1, 2)).isFalse();

        assertThat(cursor.open(Long.MAX_VALUE, recent.upTo())).isTrue();
        assertThat(take()).containsExactly(1L, 2L);
    }

    @Test
    void takesAtMost64EventsAtOnce() {
        openAtEnd();
        publish(1, 100);

        assertThat(take()).hasSize(LiveCursor.TAKE);
        assertThat(take()).hasSize(100 - LiveCursor.TAKE);
    }

    @Test
    void readsAPageWhereItIsBehindTheRecentEvents() {
        recent.clear(500, 1);
        cursor.catchUp(recent.upTo());

        assertThat(cursor.open(Long.MAX_VALUE, recent.upTo())).isTrue();
        Step.ReadPage page = (Step.ReadPage) cursor.take(recent, PAGE);
        assertThat(page).isEqualTo(new Step.ReadPage(0, 500, PAGE));
        assertThat(cursor.takePage(page, Events.range(1, 100), 100)).isTrue();
        assertThat(cursor.take(recent, PAGE)).isEqualTo(new Step.ReadPage(100, 500, PAGE));
    }

    @Test
    void pageIsIgnoredAfterTheHistoryHasChanged() {
        recent.clear(500, 1);
        cursor.catchUp(recent.upTo());
        cursor.open(Long.MAX_VALUE, recent.upTo());
        Step.ReadPage page = new Step.ReadPage(100, 500, PAGE);

        assertThat(cursor.takePage(page, Events.range(101, 200), 200)).isFalse();
        assertThat(cursor.next()).isZero();
    }

    @Test
    void takesNoMoreThanIsRequested() {
        cursor.catchUp(recent.upTo());
        assertThat(cursor.open(2, recent.upTo())).isFalse();
        publish(1, 5);

        assertThat(take()).containsExactly(1L, 2L);
        assertThat(cursor.take(recent, PAGE)).isNull();
        assertThat(cursor.request(1)).isTrue();
        assertThat(take()).containsExactly(3L);
    }

    @Test
    void demandDoesNotOverflow() {
        cursor.catchUp(recent.upTo());
        cursor.open(Long.MAX_VALUE - 1, recent.upTo());
        cursor.request(Long.MAX_VALUE);
        publish(1, 1);

        assertThat(take()).containsExactly(1L);
    }

    @Test
    void rejectedEventsAreRequestedAgain() {
        cursor.catchUp(recent.upTo());
        cursor.open(2, recent.upTo());
        publish(1, 5);
        take();
        cursor.refund(1);

        assertThat(take()).containsExactly(3L);
    }

    @Test
    void slowSubscriberLagsByDefault() {
        openAtEnd();
        for (int version = 1; version <= 10; version++) {
            publish(version, version);
        }

        assertThat(take()).hasSize(10);
        assertThat(cursor.dropped()).isZero();
    }

    @Test
    void slowSubscriberSkipsWhatWaits() {
        cursor = cursor(SlowSubscriber.DROP, 0);
        openAtEnd();
        publish(1, 1);
        publish(2, 3);
        publish(4, 4);

        assertThat(notices()).containsExactly(new LiveNotice.Dropped(Version.ZERO, Version.of(3), 3));
        assertThat(take()).containsExactly(4L);
        assertThat(cursor.dropped()).isEqualTo(3);
    }

    @Test
    void oneGapIsOneNotice() {
        cursor = cursor(SlowSubscriber.DROP, 0);
        openAtEnd();
        for (int version = 1; version <= 7; version++) {
            publish(version, version);
        }

        assertThat(notices()).containsExactly(new LiveNotice.Dropped(Version.ZERO, Version.of(6), 6));
    }

    @Test
    void slowSubscriberIsCancelledAfterTheEventsItHasTaken() {
        cursor = cursor(SlowSubscriber.CANCEL, 0);
        openAtEnd();
        publish(1, 1);
        assertThat(take()).containsExactly(1L);
        publish(2, 4);
        publish(5, 5);

        Step.Tell end = (Step.Tell) cursor.take(recent, PAGE);
        assertThat(end.last()).isTrue();
        assertThat(end.failure())
                .isInstanceOfSatisfying(
                        SlowSubscriberException.class,
                        slow -> assertThat(slow.handled()).isEqualTo(Version.of(1)));
    }

    @Test
    void burstDoesNotMakeASubscriberSlow() {
        cursor = cursor(SlowSubscriber.CANCEL, 0);
        openAtEnd();
        publish(1, 1);
        recent.add(Events.range(2, 50), 50);
        cursor.offered(1, 50, 49, true);
        publish(51, 60);

        assertThat(take()).hasSize(60);
    }

    /** The start of the listener, after the subscription was opened. */
    @Test
    void subscriptionThatIsAtTheEndMayBeSlowAtOnce() {
        cursor = cursor(SlowSubscriber.DROP, 0);
        openAtEnd();
        cursor.catchUp(recent.upTo());
        publish(1, 3);
        publish(4, 4);

        assertThat(notices()).containsExactly(new LiveNotice.Dropped(Version.ZERO, Version.of(3), 3));
    }

    @Test
    void subscriberMayBeSlowAgainAfterABurst() {
        cursor = cursor(SlowSubscriber.DROP, 0);
        openAtEnd();
        recent.add(Events.range(1, 70), 70);
        cursor.offered(0, 70, 70, true);
        assertThat(take()).hasSize(LiveCursor.TAKE);
        publish(71, 75);
        assertThat(take()).hasSize(11);
        publish(76, 76);
        take();
        publish(77, 79);
        publish(80, 80);

        assertThat(notices()).containsExactly(new LiveNotice.Dropped(Version.of(76), Version.of(79), 3));
    }

    /** As long as each round of catching up leaves fewer events for the next one. */
    @Test
    void subscriberThatCatchesUpIsNotSlow() {
        cursor = cursor(SlowSubscriber.CANCEL, 0);
        openAtEnd();
        recent.add(Events.range(1, 64), 64);
        cursor.offered(0, 64, 64, true);
        publish(65, 200);
        assertThat(take()).hasSize(LiveCursor.TAKE);
        assertThat(take()).hasSize(LiveCursor.TAKE);
        publish(201, 201);

        assertThat(cursor.take(recent, PAGE)).isInstanceOf(Step.Deliver.class);
    }

    @Test
    void subscriberThatFallsBackWhileItCatchesUpIsSlow() {
        cursor = cursor(SlowSubscriber.CANCEL, 0);
        openAtEnd();
        recent.add(Events.range(1, 64), 64);
        cursor.offered(0, 64, 64, true);
        publish(65, 84);
        assertThat(take()).hasSize(LiveCursor.TAKE);
        publish(85, 128);
        assertThat(take()).hasSize(LiveCursor.TAKE);
        publish(129, 199);
        take();
        publish(200, 200);

        assertThat(((Step.Tell) cursor.take(recent, PAGE)).failure()).isInstanceOf(SlowSubscriberException.class);
    }

    @Test
    void noticeComesBeforeLaterEvents() {
        openAtEnd();
        LiveNotice notice = new LiveNotice.Reconnected(Version.ZERO, Duration.ofSeconds(1));

        assertThat(cursor.notice(notice, recent.upTo())).isTrue();
        publish(1, 1);
        assertThat(notices()).containsExactly(notice);
        assertThat(take()).containsExactly(1L);
    }

    @Test
    void returnedEventsComeFirst() {
        openAtEnd();
        publish(1, 3);
        take();
        cursor.giveBack(Events.range(2, 3));
        publish(4, 4);

        assertThat(cursor.undelivered(recent)).isEqualTo(3);
        assertThat(take()).containsExactly(2L, 3L);
        assertThat(take()).containsExactly(4L);
    }

    @Test
    void changedHistoryDiscardsReturnedEvents() {
        openAtEnd();
        publish(1, 3);
        take();
        cursor.giveBack(Events.range(2, 3));
        cursor.fail(new HistoryChangedException(Version.of(3), Version.ZERO, clock.now()));

        assertThat(cursor.take(recent, PAGE)).isInstanceOf(Step.Tell.class);
    }

    @Test
    void rewindReadsAgainFromTheUnchangedPart() {
        openAtEnd();
        publish(1, 2);
        take();
        cursor.take(recent, PAGE);
        recent.clear(9, 1);

        assertThat(cursor.rewind(2, 9)).isTrue();
        assertThat(cursor.take(recent, PAGE)).isEqualTo(new Step.ReadPage(2, 9, PAGE));
    }

    @Test
    void closedCursorTakesNothing() {
        openAtEnd();
        publish(1, 1);

        assertThat(cursor.deactivate()).isTrue();
        assertThat(cursor.deactivate()).isFalse();
        assertThat(cursor.take(recent, PAGE)).isNull();
    }

    @Test
    void completionComesBeforeEventsThatWereNotTaken() {
        openAtEnd();
        publish(1, 1);
        cursor.complete();

        Step.Tell end = (Step.Tell) cursor.take(recent, PAGE);
        assertThat(end.last()).isTrue();
        assertThat(end.failure()).isNull();
    }

    @Test
    void lagIsMeasuredFromTheLastIdleTime() {
        openAtEnd();
        clock.advance(Duration.ofHours(1));
        publish(1, 4);
        clock.advance(Duration.ofSeconds(2));

        assertThat(cursor.lag(recent.upTo()).versions()).isEqualTo(4);
        assertThat(cursor.lag(recent.upTo()).time()).isEqualTo(Duration.ofSeconds(2));
    }

    @Test
    void cursorThatHasCaughtUpHasNoLag() {
        openAtEnd();
        publish(1, 4);
        take();
        cursor.take(recent, PAGE);

        assertThat(cursor.lag(recent.upTo()).versions()).isZero();
        assertThat(cursor.position(recent.upTo())).isEqualTo(4);
    }
}
