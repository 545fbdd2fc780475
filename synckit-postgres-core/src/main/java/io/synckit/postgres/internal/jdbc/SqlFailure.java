package io.synckit.postgres.internal.jdbc;

import io.synckit.EventStoreException;
import io.synckit.InvalidConnectionException;
import io.synckit.MissingPrivilegeException;
import io.synckit.SchemaMismatchException;
import io.synckit.TransactionConflictException;
import io.synckit.UnusableTransactionException;
import java.sql.SQLException;
import java.sql.SQLTransientConnectionException;
import org.postgresql.util.PSQLException;
import org.postgresql.util.ServerErrorMessage;

/** From SQLSTATE (PostgreSQL's appendix A) to a named error with a remedy. */
public final class SqlFailure {

    private SqlFailure() {}

    /** @param operation what the store was about to do, for the message */
    public static EventStoreException named(String operation, SQLException failure) {
        String state = failure.getSQLState() == null ? "" : failure.getSQLState();
        String what = operation + " failed: " + reason(failure) + (state.isEmpty() ? "" : " (SQLSTATE " + state + ")");
        if (isConflict(failure) || state.equals("55P03")) {
            return new TransactionConflictException(
                    what + "; nothing is stored, roll back and try the whole transaction again", failure);
        }
        if (isOfConnection(failure)) {
            return new InvalidConnectionException(
                    what + "; check that the database runs, the URL, the credentials and the size of the pool",
                    failure);
        }
        return switch (state) {
            case "42P01", "42883", "3F000", "42703" ->
                new SchemaMismatchException(
                        what
                                + "; run the migrations (synckit.postgres.migration.mode=migrate) or check schema and table name",
                        failure);
            case "42501" ->
                new MissingPrivilegeException(
                        what + "; grant what docs/schema.md lists for the application's role", failure);
            case "25006", "25P02" ->
                new UnusableTransactionException(
                        what + "; store events in a transaction that may write, and let a failed one roll back",
                        failure);
            default -> new EventStoreException(what, failure);
        };
    }

    /** In one line, and without the server's detail, which may show a row. */
    private static String reason(SQLException failure) {
        ServerErrorMessage told = failure instanceof PSQLException server ? server.getServerErrorMessage() : null;
        if (told != null) {
            String hint = told.getHint() == null ? "" : " (" + told.getHint() + ")";
            return told.getSeverity() + ": " + told.getMessage() + hint;
        }
        return String.valueOf(failure.getMessage()).replaceAll("\\s*\n\\s*", " ");
    }

    /** Whether the same work may succeed when it is tried again as a whole: deadlock, serialization failure. */
    public static boolean isConflict(SQLException failure) {
        return "40001".equals(failure.getSQLState()) || "40P01".equals(failure.getSQLState());
    }

    /** Whether the database cannot be reached, or went away. */
    private static boolean isOfConnection(SQLException failure) {
        String state = failure.getSQLState() == null ? "" : failure.getSQLState();
        return failure instanceof SQLTransientConnectionException
                || state.startsWith("08")
                || state.startsWith("28")
                || state.startsWith("57P")
                || state.equals("25P03")
                || state.equals("25P04")
                || state.equals("3D000")
                || state.equals("53300");
    }
}
