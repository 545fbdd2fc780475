package io.synckit.postgres.internal.durable;

import io.synckit.postgres.internal.sql.CheckpointTable.Position;
import io.synckit.postgres.internal.sql.PartitionId;
import java.util.ArrayList;
import java.util.Collection;
import java.util.List;
import java.util.Set;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** Stores the positions of partitions that have moved, all by one statement. Used by the coordinator's thread. */
final class PositionFlush {

    private static final Logger log = LoggerFactory.getLogger(PositionFlush.class);

    private final Database database;

    PositionFlush(Database database) {
        this.database = database;
    }

    /**
     * Stores positions. A partition whose position is not stored, because another process has claimed it, is lost.
     *
     * @param all whether to store positions that may be stored later, too
     */
    void flush(Collection<PartitionRun> runs, boolean all) {
        List<PartitionRun> due = new ArrayList<>();
        List<Position> positions = new ArrayList<>();
        for (PartitionRun run : runs) {
            Position position = run.partition().unstored(all);
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
                } else {
                    due.get(i).loseIfTaken();
                }
            }
        } catch (RuntimeException e) {
            log.debug("durable.flush-failed: {}", e.getMessage());
        }
    }
}
