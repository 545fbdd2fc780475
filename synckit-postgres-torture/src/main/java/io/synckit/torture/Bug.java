package io.synckit.torture;

import java.util.EnumSet;
import java.util.Locale;
import java.util.Set;
import java.util.stream.Stream;

/** A bug that is put into the library on purpose: a text of one of its sources that is replaced. */
enum Bug {
    NO_ANNOUNCEMENT(
            "a transaction that is about to take versions does not announce itself",
            Source.FUNCTIONS,
            "    select pg_advisory_xact_lock_shared(\n",
            "    select true or pg_advisory_xact_lock_shared(\n",
            EnumSet.of(Fault.LONG_TRANSACTION)),

    ROWS_BEFORE_LOCKS(
            "the reader reads the rows before the horizon",
            Source.READER,
            "        NewEvents first = watchdog.watch(connection, () -> horizons.newEvents(connection, since, limit));\n",
            """
                    List<StoredEvent> early = page(connection, Long.MAX_VALUE).events();
                    NewEvents late = watchdog.watch(connection, () -> horizons.horizonAndId(connection, since));
                    NewEvents first = new NewEvents(late.horizon(), late.atVersion(), early.stream()
                            .filter(event -> event.version().value() <= late.horizon().stable()).toList());
            """,
            EnumSet.of(Fault.LONG_TRANSACTION)),

    NO_SECOND_READ(
            "the reader does not read again while transactions are announced or the doorbell lock is held",
            Source.READER,
            "return new ReadResult(horizon.moreMayFollow(), found);",
            "return new ReadResult(false, found);",
            EnumSet.of(Fault.LONG_TRANSACTION)),

    NOTIFY_WITHOUT_POLL(
            "the reader reads only if it is notified",
            Source.SCHEDULE,
            " now + pollAfter",
            " now + Duration.ofHours(1).toNanos()",
            EnumSet.of(Fault.LONG_TRANSACTION)),

    CURSOR_AT_ROLLED_BACK_VERSION(
            "the reader keeps a version as its cursor that belongs to a transaction that has rolled back",
            Source.FUNCTIONS,
            "    select coalesce(max(e.version), 0) into stable from \"${schema}\".\"${table}\" e where e.version <= settled;\n",
            "    stable := settled;\n",
            EnumSet.of(Fault.CRASH)),

    NO_EPOCH_CHECK(
            "the transaction of a handler does not check the epoch and the owner of its claim",
            Source.STATEMENTS,
            " and epoch = ? and owner = ?",
            " and epoch >= 0 * ? and 0 = 0 * ?",
            EnumSet.of(Fault.LOST_LOCK, Fault.SUSPEND)),

    CHECKPOINT_BEFORE_HANDLER(
            "at-least-once delivery moves the position before it calls the handler",
            Source.MAIN_FLOW,
            """
                        } else {
                            handled[0] = partition.calls.handle(batch, attempt, progress);
            """,
            """
                        } else {
                            partition.moveTo(last);
                            handled[0] = partition.calls.handle(batch, attempt, progress);
            """,
            EnumSet.of(Fault.DEATH_IN_CALL));

    private final String description;
    private final String source;
    private final String right;
    private final String wrong;
    private final Set<Fault> faults;

    Bug(String description, String source, String right, String wrong, Set<Fault> faults) {
        this.description = description;
        this.source = source;
        this.right = right;
        this.wrong = wrong;
        this.faults = faults;
    }

    /** Returns the bug with the name of the command line, such as {@code no-epoch-check}. */
    static Bug named(String name) {
        return Stream.of(values())
                .filter(bug -> bug.toString().equals(name))
                .findAny()
                .orElseThrow(() -> new IllegalArgumentException("unknown bug " + name + "; see --help"));
    }

    @Override
    public String toString() {
        return name().toLowerCase(Locale.ROOT).replace('_', '-');
    }

    String description() {
        return description;
    }

    /** Returns the path of the source, below the sources of the library. */
    String source() {
        return source;
    }

    /** Returns the text with the bug. Fails if the text that is replaced is not there any more. */
    String putInto(String text) {
        if (!text.contains(right)) {
            throw new IllegalStateException(this + ": " + source + " does not contain:\n" + right);
        }
        return text.replace(right, wrong);
    }

    /** Returns the faults that help to find it. */
    Set<Fault> faults() {
        return faults;
    }

    /** Paths below the sources of the library. */
    private static final class Source {

        static final String FUNCTIONS = "resources/io/synckit/postgres/schema/migration/R__functions.sql";
        static final String READER = "java/io/synckit/postgres/internal/listen/LogReader.java";
        static final String SCHEDULE = "java/io/synckit/postgres/internal/listen/ReaderSchedule.java";
        static final String STATEMENTS = "java/io/synckit/postgres/internal/sql/Statements.java";
        static final String MAIN_FLOW = "java/io/synckit/postgres/internal/durable/MainFlow.java";
    }
}
