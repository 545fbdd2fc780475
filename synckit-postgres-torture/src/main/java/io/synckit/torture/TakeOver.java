package io.synckit.torture;

import java.sql.SQLException;
import org.jspecify.annotations.Nullable;

/** The partitions that an owner had, and whether others handle their events since. */
final class TakeOver {

    private final Stage stage;
    private final @Nullable String partitions;
    private final long began = System.nanoTime();

    private TakeOver(Stage stage, @Nullable String partitions) {
        this.stage = stage;
        this.partitions = partitions;
    }

    /** From the partitions of a process. To be called right before the fault. */
    static TakeOver from(String name, Stage stage) throws SQLException {
        return new TakeOver(
                stage,
                stage.server.query("select string_agg(format('(%L, %s, %s::bigint, %s::bigint)', c.subscription,"
                        + " c.partition, c.epoch, c.position), ', ') from synckit.events_checkpoints c"
                        + " join synckit.events_instances i on i.id = c.owner where i.name = '" + name + "'"));
    }

    /** Returns whether the process had partitions. */
    boolean hasPartitions() {
        return partitions != null;
    }

    /**
     * Returns whether another process has claimed one of the partitions, and has handled an event. It is enough that there is no event that
     * it could handle: while a transaction that stores events is in flight, no reader receives the events after them.
     */
    boolean isDone() {
        try {
            return !"0"
                    .equals(stage.server.query("select count(*) from (values " + partitions
                            + ") former (subscription, partition, epoch, position) join synckit.events_checkpoints c"
                            + " on c.subscription = former.subscription and c.partition = former.partition"
                            + " where c.owner is not null and c.epoch > former.epoch and (c.position > former.position"
                            + " or former.position >= (select stable from synckit.events_horizon()))"));
        } catch (SQLException e) {
            return false; // The server may be without a free connection. The time is limited by the caller.
        }
    }

    /** Returns the time since the fault. */
    double seconds() {
        return (System.nanoTime() - began) / 1e9;
    }
}
