package io.synckit.postgres.internal.durable;

import io.synckit.postgres.internal.durable.DurableLog.Slice;
import io.synckit.postgres.internal.sql.ParkedCommand;
import java.util.Optional;
import java.util.function.BooleanSupplier;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** Carries out the commands of operators for waiting keys, without calls of the handler. Used by the thread that handles the partition. */
final class KeyCommands {

    private static final Logger log = LoggerFactory.getLogger(KeyCommands.class);

    private final OwnedPartition partition;
    private final ParkedKeys keys;
    private final BooleanSupplier mustYield;

    /** @param mustYield whether the thread must end its work */
    KeyCommands(OwnedPartition partition, ParkedKeys keys, BooleanSupplier mustYield) {
        this.partition = partition;
        this.keys = keys;
        this.mustYield = mustYield;
    }

    /** Carries out a command. Returns false if there is none. */
    boolean step() {
        Optional<WaitingKey> commanded = keys.commanded();
        if (commanded.isEmpty()) {
            return false;
        }
        WaitingKey key = commanded.get();
        ParkedCommand command = key.command();
        if (command == ParkedCommand.DISCARD) {
            log.warn("subscription.discarded: {} discards the events of key '{}' that wait", partition.id(), key.name);
            keys.remove(key);
        } else if (command == ParkedCommand.REQUEUE) {
            keys.clear(key, command);
            key.next(key.nextVersion());
            carriedOut(key);
        } else {
            try {
                skip(key);
            } catch (InvalidKeyException e) {
                keys.holdBack(key, e);
            }
        }
        return true;
    }

    private void skip(WaitingKey key) {
        long from = key.nextVersion();
        if (key.hasFailedAt(from)) {
            skipTo(key, from);
            return;
        }
        while (from <= partition.position()) {
            Slice slice = keys.events(key, from);
            if (!slice.items().isEmpty()) {
                skipTo(key, slice.items().get(0).version());
                return;
            }
            if (mustYield.getAsBoolean()) {
                return;
            }
            from = slice.upTo() + 1;
        }
        keys.clear(key, ParkedCommand.SKIP);
        carriedOut(key);
    }

    private void skipTo(WaitingKey key, long skipped) {
        log.warn(
                "subscription.skipped: {} skips the event at version {} of key '{}' for an operator",
                partition.id(),
                skipped,
                key.name);
        keys.skipTo(key, skipped + 1);
        carriedOut(key);
    }

    private void carriedOut(WaitingKey key) {
        key.carriedOut();
        key.tryNow(partition.clock.nanos());
    }
}
