package io.synckit.postgres.internal.append;

import static org.assertj.core.api.Assertions.assertThat;

import io.synckit.ExpectedStreamVersion;
import io.synckit.OnDuplicate;
import io.synckit.postgres.internal.sql.EventRow;
import java.util.Arrays;
import java.util.List;
import org.junit.jupiter.api.Test;

class CommitGroupTest {

    private static final int MEGABYTE = 1 << 20;

    private final CommitGroup group = new CommitGroup();

    private static AcceptedAppend append(ExpectedStreamVersion expected, EventRow... rows) {
        return AcceptedAppend.of(
                "appendAsync", AppendRequest.of(Arrays.asList(rows), expected, OnDuplicate.FAIL), () -> {});
    }

    private static AcceptedAppend plain(String aggregateId, String... ids) {
        return append(ExpectedStreamVersion.any(), rows(aggregateId, ids));
    }

    private static AcceptedAppend guarded(String aggregateId, String... ids) {
        return append(ExpectedStreamVersion.exactly(1), rows(aggregateId, ids));
    }

    private static EventRow[] rows(String aggregateId, String... ids) {
        return Arrays.stream(ids).map(id -> row(id, aggregateId, 1)).toArray(EventRow[]::new);
    }

    private static EventRow row(String id, String aggregateId, long bytes) {
        return new EventRow(id, aggregateId, "T", "1", "{}", bytes);
    }

    private List<String> ids() {
        return group.appends().stream()
                .flatMap(append -> append.rows().stream())
                .map(EventRow::id)
                .toList();
    }

    @Test
    void plainAppendsOfAnAggregateAreInOneGroup() {
        assertThat(group.add(plain("a", "1"))).isTrue();
        assertThat(group.add(plain("a", "2", "3"))).isTrue();

        assertThat(ids()).containsExactly("1", "2", "3");
    }

    @Test
    void guardedAppendIsTheOnlyOneOfItsAggregate() {
        assertThat(group.add(guarded("a", "1"))).isTrue();
        assertThat(group.add(plain("a", "2"))).isFalse();
        assertThat(group.add(guarded("b", "3"))).isTrue();

        assertThat(ids()).containsExactly("1", "3");
    }

    @Test
    void guardedAppendIsNotBehindAnotherOneOfItsAggregate() {
        assertThat(group.add(plain("a", "1"))).isTrue();
        assertThat(group.add(guarded("a", "2"))).isFalse();
    }

    @Test
    void appendDoesNotOvertakeOneOfItsAggregate() {
        assertThat(group.add(plain("b", "1"))).isTrue();
        assertThat(group.add(plain("a", "1"))).as("repeated id").isFalse();

        assertThat(group.add(plain("a", "2"))).isFalse();
        assertThat(group.add(plain("c", "3"))).isTrue();
    }

    @Test
    void appendOfManyEventsMayBeAGroupOfItsOwn() {
        String[] many = java.util.stream.IntStream.rangeClosed(0, CommitGroup.MAX_EVENTS)
                .mapToObj(String::valueOf)
                .toArray(String[]::new);

        assertThat(group.add(plain("a", many))).isTrue();
        assertThat(group.isFull()).isTrue();
        assertThat(new CommitGroup().add(plain("a", "x"))).isTrue();
    }

    @Test
    void groupIsLimitedInSize() {
        assertThat(group.add(append(ExpectedStreamVersion.any(), row("1", "a", 5 * MEGABYTE))))
                .isTrue();
        assertThat(group.add(append(ExpectedStreamVersion.any(), row("2", "b", 5 * MEGABYTE))))
                .isFalse();
        assertThat(group.add(append(ExpectedStreamVersion.any(), row("3", "c", 1))))
                .isTrue();
    }
}
