package io.synckit.postgres.internal.durable;

import java.time.Duration;
import java.util.function.BooleanSupplier;

/** Lets the main flow of a partition and its waiting keys take turns. Used by the thread that handles the partition. */
final class Flows {

    /** The longest turn of the main flow while keys wait, as long as that of a key. */
    private static final long TURN = Duration.ofMillis(20).toNanos();

    private final OwnedPartition partition;
    private final ParkedKeys keys;
    private final MainFlow main;
    private final KeyFlow keyFlow;
    private final KeyCommands commands;
    private final BooleanSupplier mustYield;
    private boolean keysProbe;

    /** @param mustYield whether the thread must end its work */
    Flows(OwnedPartition partition, ParkedKeys keys, MainFlow main, CarefulMode careful, BooleanSupplier mustYield) {
        this.partition = partition;
        this.keys = keys;
        this.main = main;
        this.keyFlow = new KeyFlow(partition, keys, careful, mustYield);
        this.commands = new KeyCommands(partition, keys, mustYield);
        this.mustYield = mustYield;
    }

    /** Returns false if there is nothing to do until the partition is woken, or the next attempt of a key is due. */
    boolean step() throws Exception {
        boolean worked = carryOutCommands();
        // In an outage, the event that is tried in place and those of the keys take turns: one of them may fail after
        // the outage, too.
        keysProbe = partition.outage.isOn() && !keysProbe;
        worked |= (!partition.outage.isOn() || keysProbe) && keyFlow.step();
        worked |= mainSteps();
        // Without another event, the end of the outage would not be noticed.
        return worked || partition.outage.isOn() && keyFlow.step();
    }

    /** Carries out commands of operators, for a limited time, without calls of the handler. Returns whether there were some. */
    boolean carryOutCommands() {
        long end = partition.clock.nanos() + TURN;
        boolean worked = false;
        while (partition.clock.nanos() < end && !mustYield.getAsBoolean() && commands.step()) {
            worked = true;
        }
        return worked;
    }

    /** One step, and more while keys wait. */
    private boolean mainSteps() throws Exception {
        long end = partition.clock.nanos() + TURN;
        boolean worked = false;
        boolean more = true;
        while (more && !partition.run.isStopped() && partition.run.waitNanos() <= 0) {
            if (mustYield.getAsBoolean()) {
                return true; // the next step of the partition ends it, or waits
            }
            more = main.step();
            worked |= more;
            more &= keys.size() > 0 && partition.clock.nanos() < end;
        }
        return worked;
    }
}
