package io.synckit.postgres;

import io.synckit.Version;
import io.synckit.postgres.internal.sql.Diagnostics;
import java.time.Duration;
import java.time.Instant;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/**
 * A diagnosis of the store by one query.
 *
 * @param schemaVersion version of the schema. It is not Flyway's version, because a changed repeatable script raises it as well
 * @param stable see {@link io.synckit.EventStore#latestVersion()}
 * @param head the highest version given out, settled or not
 * @param latestEventAt when the event at {@code stable} was stored; empty if there is none
 * @param databaseTime time of the database
 * @param writers open transactions that have stored events
 * @param heldBy the transaction that holds the horizon below {@code head}; empty if there is none
 * @param notificationQueueUsage usage of the server's notification queue, from 0 to 1. Above 0.9 no transaction notifies
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
     * A transaction that has stored events and holds back readers until it ends.
     *
     * @param pid process id of its session; null if it is prepared
     * @param applicationName application name of its session
     * @param user user of the database; null if the user was dropped
     * @param state state in pg_stat_activity; null if this role may not see it (grant pg_read_all_stats), or if it is prepared
     * @param transactionAge time since its start; null if this role may not see it
     * @param preparedAs name of the prepared transaction; null if it is not prepared
     */
    public record HorizonHolder(
            @Nullable Integer pid,
            String applicationName,
            @Nullable String user,
            @Nullable String state,
            @Nullable Duration transactionAge,
            @Nullable String preparedAs) {

        /** Returns a line that names the transaction and the statement that ends it. */
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
