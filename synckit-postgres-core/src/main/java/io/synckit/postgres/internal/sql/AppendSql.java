package io.synckit.postgres.internal.sql;

/**
 * The common parts of the statements that append. Each statement first locks the aggregate, checks the stream version, announces the
 * transaction (a rejected append announces nothing, so it does not hold back readers), and only then draws a version. Each step is a
 * subquery that needs the one inside it, and {@code offset 0} keeps the planner from merging them. The functions that the statements call
 * are in {@code R__functions.sql}.
 */
final class AppendSql {

    /** Locks of aggregates in one transaction. By default the server's lock table has room for 64 for each connection. */
    static final int MAX_LOCKS = 64;

    /** Locks after a conflict, so that a large batch gets its turn. */
    static final int MAX_LOCKS_AFTER_CONFLICT = 1000;

    /** Added to the stream version of rows of this library. The trigger {@code <table>_admit} removes it. */
    private static final String MARK = "5794203610873511936";

    private static final String LAST_STREAM_VERSION = """
            coalesce((select s.stream_version from <table> s where s.aggregate_id = q.aggregate_id
                       order by s.stream_version desc limit 1), 0)""";

    private AppendSql() {}

    /** Fills in the common parts and the names of the table. */
    static String named(Statements statements, String template, int maxLocks) {
        return statements.named(template.replace("<last stream version>", LAST_STREAM_VERSION)
                .replace("<mark>", MARK)
                .replace("<most>", Integer.toString(maxLocks)));
    }
}
