package io.synckit.torture;

import java.util.Locale;
import java.util.stream.Collectors;
import java.util.stream.Stream;

/** What happens to the processes, the network or the server. */
enum Fault {

    // Processes
    /** {@code kill -9}, and another process is started. */
    KILL,
    /** A process halts during a call of an at-least-once handler, and another process is started. */
    DEATH_IN_CALL,
    /** Suspended for longer than the owner timeout. */
    SUSPEND,
    /** Stopped in order, and another process is started. */
    STOP_IN_ORDER,
    /** An event whose handler halts its process. */
    KILLING_EVENT,
    /** Every handler of consumers fails for 10 seconds. */
    OUTAGE,
    /** The clock of a process is set to another time, and back. */
    CLOCK_JUMP,

    // Network
    /** Every connection of a process breaks. */
    CUT,
    /** Nothing arrives any more, and no connection breaks. */
    BLACK_HOLE,
    /** The server's next message stops in the middle. */
    PARTIAL_MESSAGE,
    /** Each message takes 100 ms. */
    DELAY,
    /** PgBouncer is killed with all its connections, and started. */
    KILL_POOLER,
    /** An owner loses the session of its lock, and does not notice it for seconds. */
    LOST_LOCK,

    // Server
    /** Half of all sessions end. */
    TERMINATE_SESSIONS,
    /** The sessions of all listeners end. */
    LOSE_LISTENERS,
    /** Stopped and started. */
    RESTART,
    /** Ends at once and is started. The last versions before belong to a transaction that rolled back. */
    CRASH,
    /** All its processes are suspended. */
    SUSPEND_SERVER,
    /** The primary ends, and a synchronous standby is promoted. */
    FAIL_OVER,
    /** The primary ends, and a standby is promoted that lacks the last commits. */
    ASYNCHRONOUS_FAIL_OVER,
    /** The database is dumped, and restored into a new server. */
    DUMP_AND_RESTORE,
    /** The file system of the data is full. */
    DISK_FULL,
    /** No connection is free. */
    CONNECTION_LIMIT,
    /** A transaction that stores nothing runs for seconds. */
    LONG_TRANSACTION,
    /** The notification queue is nearly full. */
    FULL_QUEUE;

    /** Returns what the fault needs; empty if it is always possible. */
    String needs() {
        return switch (this) {
            case DISK_FULL -> "the right to mount a file system";
            case FAIL_OVER, ASYNCHRONOUS_FAIL_OVER -> "PostgreSQL 15 or newer";
            case FULL_QUEUE -> "PostgreSQL 17 or newer";
            case KILL_POOLER -> "PgBouncer";
            case CLOCK_JUMP -> "faketime";
            case DUMP_AND_RESTORE -> "psql, and pg_dump of this major version or a newer one";
            default -> "";
        };
    }

    /** Returns the fault with the name of the command line, such as {@code fail-over}. */
    static Fault named(String name) {
        return Stream.of(values())
                .filter(fault -> fault.toString().equals(name))
                .findAny()
                .orElseThrow(() -> new IllegalArgumentException("unknown fault " + name + "; there are "
                        + Stream.of(values()).map(Fault::toString).collect(Collectors.joining(", "))));
    }

    @Override
    public String toString() {
        return name().toLowerCase(Locale.ROOT).replace('_', '-');
    }
}
