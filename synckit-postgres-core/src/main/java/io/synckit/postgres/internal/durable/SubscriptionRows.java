package io.synckit.postgres.internal.durable;

import io.synckit.InvalidConfigException;
import io.synckit.InvalidConnectionException;
import io.synckit.InvalidVersionException;
import io.synckit.Version;
import io.synckit.postgres.internal.sql.Horizon;
import io.synckit.postgres.internal.sql.SubscriptionTable;
import io.synckit.subscription.DurableOptions;
import io.synckit.subscription.DurableOptions.Delivery;
import io.synckit.subscription.DurableOptions.OnExhausted;
import io.synckit.subscription.DurableOptions.Ordering;
import io.synckit.subscription.StartFrom;
import java.util.List;

/** Checks the options of a subscription, and creates its rows at its first start. Thread-safe. */
final class SubscriptionRows {

    private final Database database;

    SubscriptionRows(Database database) {
        this.database = database;
    }

    void requireValid(DurableOptions options) {
        if (options.ordering() == Ordering.TOTAL
                && (options.partitions() > 1 || options.onExhausted() == OnExhausted.PARK)) {
            throw new InvalidConfigException(
                    "ordering",
                    "of subscription '" + options.name() + "' is TOTAL, which needs one partition (there are "
                            + options.partitions() + ") and onExhausted SKIP or STOP (it is " + options.onExhausted()
                            + ")");
        }
        if (options.delivery() == Delivery.EXACTLY_ONCE && !database.pool.hasTransactions()) {
            throw new InvalidConfigException(
                    "delivery",
                    "of subscription '" + options.name()
                            + "' is EXACTLY_ONCE, but the ConnectionSource has no transactions; implement inTransaction, or use"
                            + " AT_LEAST_ONCE");
        }
    }

    /** Processes that start a subscription at the same time wait for each other, so its start is computed once. */
    void create(DurableOptions options) {
        requirePrivileges();
        int stored = database.transaction(connection -> {
            if (database.subscriptions.insert(connection, options.name(), options.partitions())) {
                Horizon horizon = database.horizons.horizon(connection).requirePrimary();
                database.subscriptions.insertCheckpoints(
                        connection, options.name(), options.partitions(), start(options.startFrom(), horizon));
                return options.partitions();
            }
            return database.subscriptions
                    .find(connection, options.name())
                    .map(SubscriptionTable.Row::partitions)
                    .orElse(options.partitions());
        });
        if (stored != options.partitions()) {
            throw new InvalidConfigException(
                    "partitions",
                    "of subscription '" + options.name() + "' is " + options.partitions()
                            + ", but its checkpoints have " + stored + " partitions; use " + stored
                            + ", or give the subscription another name");
        }
    }

    private void requirePrivileges() {
        List<String> missing = database.query(database::missingGrants);
        if (!missing.isEmpty()) {
            throw new InvalidConnectionException(
                    InvalidConnectionException.Reason.MISSING_PRIVILEGE,
                    "The role lacks privileges on the tables of durable subscriptions (docs/schema.md). Let their owner run:\n"
                            + String.join(";\n", missing) + ";");
        }
    }

    private static long start(StartFrom from, Horizon horizon) {
        if (from instanceof StartFrom.After after) {
            if (after.version().value() > horizon.head()) {
                throw InvalidVersionException.beyondEnd(after.version(), Version.of(horizon.head()));
            }
            return after.version().value();
        }
        return horizon.stable();
    }
}
