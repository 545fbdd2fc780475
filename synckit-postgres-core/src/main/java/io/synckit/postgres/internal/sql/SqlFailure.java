package io.synckit.postgres.internal.sql;

import io.synckit.EventStoreException;
import io.synckit.InvalidConnectionException;
import io.synckit.SchemaException;
import io.synckit.TransactionConflictException;
import io.synckit.UnusableTransactionException;
import io.synckit.internal.Texts;
import java.net.UnknownHostException;
import java.sql.SQLException;
import java.sql.SQLTransientConnectionException;
import org.postgresql.util.PSQLException;
import org.postgresql.util.ServerErrorMessage;

/** Maps an SQLSTATE (appendix A of the PostgreSQL manual) to a named error with a remedy. Never uses message texts, because servers translate them. */
public final class SqlFailure {

    private static final String OPEN_STREAM =
            "; a stream is open in a transaction, so idle_in_transaction_session_timeout or a network timeout may have ended it:"
                    + " read it faster, raise the timeout, or read pages with load";

    private SqlFailure() {}

    /** @param operation what failed, for the message */
    public static EventStoreException named(String operation, SQLException failure) {
        String state = state(failure);
        String what = operation + " failed: " + reason(failure) + (state.isEmpty() ? "" : " (SQLSTATE " + state + ")");
        if (isConflict(failure) || state.equals("55P03")) {
            return new TransactionConflictException(
                    what + "; nothing is stored, roll back and try the whole transaction again", failure);
        }
        if (isOfConnection(failure)) {
            return unavailable(what + remedy(failure), failure);
        }
        return switch (state) {
            case "42P01", "42883", "3F000", "42703" ->
                new SchemaException(
                        SchemaException.Reason.MISMATCH,
                        what
                                + "; run the migrations (synckit.postgres.migration.mode=migrate) or check schema and table name",
                        failure);
            case "42501" ->
                new InvalidConnectionException(
                        InvalidConnectionException.Reason.MISSING_PRIVILEGE,
                        what + "; grant what docs/schema.md lists for the application's role",
                        failure);
            case "25006", "25P02" ->
                new UnusableTransactionException(
                        what + "; store events in a transaction that may write, and let a failed one roll back",
                        failure);
            case "57014" ->
                new EventStoreException(
                        what + "; the timeout of the transaction or statement_timeout has passed, or an administrator"
                                + " canceled the statement: roll back, find what it waited for, then try again",
                        failure);
            default -> new EventStoreException(what, failure);
        };
    }

    private static InvalidConnectionException unavailable(String message, SQLException failure) {
        return new InvalidConnectionException(InvalidConnectionException.Reason.UNAVAILABLE, message, failure);
    }

    /** A failure while an open stream is read. */
    public static EventStoreException ofOpenStream(SQLException failure) {
        boolean ended = isOfConnection(failure) || state(failure).equals("57014");
        EventStoreException named = named("stream", failure);
        return ended ? unavailable(named.getMessage() + OPEN_STREAM, failure) : named;
    }

    private static String state(SQLException failure) {
        return failure.getSQLState() == null ? "" : failure.getSQLState();
    }

    private static String remedy(SQLException failure) {
        String state = state(failure);
        if (failure instanceof SQLTransientConnectionException && failure.getCause() == null) {
            return "; no connection of the pool was free in time: close streams, shorten transactions that hold connections"
                    + " (spring.jpa.open-in-view holds one for each web request), or enlarge the pool";
        }
        return switch (state) {
            case "28000", "28P01", "08004" -> "; check user, password and pg_hba.conf";
            case "3D000" -> "; check the name of the database in the URL";
            case "25P03" ->
                "; the transaction was idle for longer than idle_in_transaction_session_timeout: shorten it, or raise the timeout";
            case "25P04" -> "; the transaction was longer than transaction_timeout: shorten it, or raise the timeout";
            case "57P05" ->
                "; the session was idle for longer than idle_session_timeout: let the pool close idle connections earlier, and set"
                        + " the timeout of the listener's role to 0";
            case "53300" -> "; the server has no connection left: raise max_connections, or reduce the pools";
            case "57P01", "57P02" -> "; an administrator or a restart ended the session: try again";
            case "57P03" -> "; the server is starting or stopping: try again";
            case "57P04" -> "; the database was dropped";
            default -> "; check that the database runs, the URL and the network";
        };
    }

    /** In one line, and without the server's detail, which may show a row. */
    private static String reason(SQLException failure) {
        ServerErrorMessage message = failure instanceof PSQLException server ? server.getServerErrorMessage() : null;
        if (message != null) {
            String hint = message.getHint() == null ? "" : " (" + message.getHint() + ")";
            return Texts.printable(message.getSeverity() + ": " + message.getMessage() + hint);
        }
        return Texts.printable(
                String.valueOf(failure.getMessage()).replaceAll("\\s*\\R\\s*", " ") + unknownHost(failure));
    }

    /** The driver names the host in the cause only. */
    private static String unknownHost(SQLException failure) {
        return failure.getCause() instanceof UnknownHostException host
                ? " The host '" + host.getMessage() + "' is unknown."
                : "";
    }

    /** Returns whether the same work may succeed when it is tried again as a whole: deadlock, serialization failure. */
    public static boolean isConflict(SQLException failure) {
        return "40001".equals(failure.getSQLState()) || "40P01".equals(failure.getSQLState());
    }

    /** Returns whether a timeout or an administrator has canceled the statement. */
    public static boolean isCanceled(SQLException failure) {
        return "57014".equals(failure.getSQLState());
    }

    /** Returns whether the database cannot be reached, or has ended the session. */
    private static boolean isOfConnection(SQLException failure) {
        String state = state(failure);
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
