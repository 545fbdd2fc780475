package io.synckit.postgres.internal.durable;

import io.synckit.postgres.internal.sql.CheckpointTable.Position;
import io.synckit.postgres.internal.sql.PartitionId;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Collection;
import java.util.List;
import java.util.Set;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.function.BiConsumer;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** Stores the positions of partitions that have moved, all by one statement. Used by the coordinator's thread. */
final class PositionFlush {

    private static final Logger log = LoggerFactory.getLogger(PositionFlush.class);

    private static final long AFTER = Duration.ofMillis(100).toNanos();

    private final Database database;
    private final Collection<PartitionRun> all;
    private final BiConsumer<Runnable, Long> timer;
    private final AtomicBoolean planned = new AtomicBoolean();

    /**
     * @param all all partitions of this process
     * @param timer runs a task on the coordinator's thread after nanoseconds
     */
    PositionFlush(Database database, Collection<PartitionRun> all, BiConsumer<Runnable, Long> timer) {
        this.database = database;
        this.all = all;
        this.timer = timer;
    }

    /** A position has moved. It is stored soon, by the thread of the timer. */
    void moved() {
        if (planned.compareAndSet(false, true)) {
            timer.accept(this::flushDue, AFTER);
        }
    }

    private void flushDue() {
        planned.set(false);
        flush(all, false);
        if (all.stream().anyMatch(run -> run.partition().unstored(true) != null)) {
            moved();
        }
    }

    /**
     * Stores positions, except those whose rows are locked. The run of a partition whose position is not stored ends, unless its claim is still valid.
     *
     * @param early whether to store positions that may be stored later, too
     */
    void flush(Collection<PartitionRun> runs, boolean early) {
        List<PartitionRun> due = new ArrayList<>();
        List<Position> positions = new ArrayList<>();
        for (PartitionRun run : runs) {
            Position position = run.partition().unstored(early);
            if (position != null) {
                due.add(run);
                positions.add(position);
            }
        }
        if (positions.isEmpty()) {
            return;
        }
        try {
            Set<PartitionId> stored = database.query(connection -> database.checkpoints.flush(connection, positions));
            for (int i = 0; i < due.size(); i++) {
                if (stored.contains(due.get(i).partition().id())) {
                    due.get(i).partition().flushed(positions.get(i).position());
                } else if (!due.get(i).partition().row.isHeld()) {
                    due.get(i).loseOrAbandon();
                }
            }
        } catch (RuntimeException e) {
            log.debug("durable.flush-failed: {}", e.getMessage());
        }
    }
}
