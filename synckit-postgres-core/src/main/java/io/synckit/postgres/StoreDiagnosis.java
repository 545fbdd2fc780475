package io.synckit.postgres;

import io.synckit.Version;
import io.synckit.postgres.internal.sql.Diagnostics;
import java.time.Duration;
import java.time.Instant;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/**
 * How the store is, as the database sees it at one moment.
 *
 * @param schemaVersion of the table
 * @param stable as {@link io.synckit.EventStore#latestVersion()}
 * @param head the highest version given out so far, decided or not
 * @param latestEventAt when the event at {@code stable} was stored; empty if there is none
 * @param databaseTime the database's clock
 * @param writers transactions that have stored something and are not over
 * @param heldBy who keeps readers from going on to {@code head}; empty if nobody does
 * @param notificationQueueUsage how full the server's notification queue is, from 0 to 1; above 0.9 nobody notifies any more
 */
public record StoreDiagnosis(
        int schemaVersion,
        Version stable,
        Version head,
        Optional<Instant> latestEventAt,
        Instant databaseTime,
        int writers,
        Optional<HorizonHolder> heldBy,
        double notificationQueueUsage) {

    /**
     * A transaction that has stored something, and that readers do not pass until it is over.
     *
     * @param pid of its backend; null if it is a prepared transaction
     * @param applicationName as it has told the server
     * @param user of the database; null if it has none any more
     * @param state as in pg_stat_activity; null if this role may not see it (grant pg_read_all_stats), or if it is prepared
     * @param transactionAge since it began; null if this role may not see it
     * @param preparedAs the name under which it was prepared; null if it was not
     */
    public record HorizonHolder(
            @Nullable Integer pid,
            String applicationName,
            @Nullable String user,
            @Nullable String state,
            @Nullable Duration transactionAge,
            @Nullable String preparedAs) {

        /** Who it is, and what ends it, in one line. */
        public String describe() {
            String age = transactionAge == null
                    ? "of unknown age (grant pg_read_all_stats to see it)"
                    : "open for " + transactionAge.toSeconds() + " s";
            if (preparedAs != null) {
                return "prepared transaction '" + preparedAs + "' of user " + user + ", " + age
                        + "; COMMIT PREPARED or ROLLBACK PREPARED ends it";
            }
            return "pid " + pid + ", application '" + applicationName + "', user " + user
                    + (state == null ? "" : ", " + state) + ", transaction " + age + "; select pg_terminate_backend("
                    + pid + ") ends it";
        }
    }

    static StoreDiagnosis of(Diagnostics.Answer answer) {
        return new StoreDiagnosis(
                answer.schemaVersion(),
                Version.of(answer.horizon().stable()),
                Version.of(answer.horizon().head()),
                Optional.ofNullable(answer.latestEventAt()),
                answer.now(),
                answer.writers(),
                Optional.ofNullable(answer.holder())
                        .map(holder -> new HorizonHolder(
                                holder.pid(),
                                holder.applicationName(),
                                holder.user(),
                                holder.state(),
                                holder.transactionAge(),
                                holder.preparedAs())),
                answer.queueUsage());
    }
}
