package io.synckit.torture;

import java.io.IOException;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Collections;
import java.util.Deque;
import java.util.EnumMap;
import java.util.EnumSet;
import java.util.List;
import java.util.Map;
import java.util.Set;

/** Injects faults and counts them. */
final class Faults {

    private final ProcessFaults processes;
    private final NetworkFaults network;
    private final ServerFaults server;
    private final FailOver failOver;
    private final DumpAndRestore dumpAndRestore;
    private final TakeOverTimes takeOverTimes = new TakeOverTimes();
    private final Stage stage;
    private final List<Fault> possible;
    private final Deque<Fault> deck = new ArrayDeque<>();
    private final Map<Fault, Integer> counts = new EnumMap<>(Fault.class);

    Faults(Stage stage, Set<Fault> possible) throws IOException {
        this.stage = stage;
        this.processes = new ProcessFaults(stage, takeOverTimes);
        this.network = new NetworkFaults(stage);
        this.server = new ServerFaults(stage);
        this.failOver = new FailOver(stage);
        this.dumpAndRestore = new DumpAndRestore(stage);
        if (possible.isEmpty()) {
            throw new IllegalArgumentException("none of the faults is possible here");
        }
        this.possible = new ArrayList<>(possible);
    }

    /** Returns those of the wanted faults that are possible here. */
    static Set<Fault> possible(Set<Fault> wanted, int major, boolean canFill) {
        Set<Fault> possible = EnumSet.copyOf(wanted);
        if (!canFill) {
            possible.remove(Fault.DISK_FULL);
        }
        if (major < 17) {
            possible.remove(Fault.FULL_QUEUE); // its size is fixed
        }
        if (major < 15) {
            possible.remove(Fault.FAIL_OVER); // PostgreSQL 14 has pg_start_backup instead
            possible.remove(Fault.ASYNCHRONOUS_FAIL_OVER);
        }
        if (!Tools.canDump(major)) {
            possible.remove(Fault.DUMP_AND_RESTORE);
        }
        if (Tools.fakeTime().isEmpty()) {
            possible.remove(Fault.CLOCK_JUMP);
        }
        if (Tools.pgBouncer().isEmpty()) {
            possible.remove(Fault.KILL_POOLER);
        }
        return possible;
    }

    /** Injects the next fault, each once before any comes again, and waits until it is over. Returns it. */
    Fault next() throws Exception {
        if (deck.isEmpty()) {
            Collections.shuffle(possible, stage.random);
            deck.addAll(possible);
        }
        Fault fault = deck.remove();
        switch (fault) {
            case KILL -> processes.kill();
            case DEATH_IN_CALL -> processes.deathInCall();
            case SUSPEND -> processes.suspend();
            case STOP_IN_ORDER -> processes.stopInOrder();
            case KILLING_EVENT -> processes.killingEvent();
            case OUTAGE -> processes.outage();
            case CLOCK_JUMP -> processes.clockJump();
            case KILL_POOLER -> server.killPooler();
            case CUT -> network.cut();
            case BLACK_HOLE -> network.blackHole();
            case PARTIAL_MESSAGE -> network.partialMessage();
            case DELAY -> network.delay();
            case LOST_LOCK -> network.lostLock();
            case TERMINATE_SESSIONS -> server.terminateSessions();
            case LOSE_LISTENERS -> server.loseListeners();
            case RESTART -> server.restart("INT");
            case CRASH -> server.crash();
            case SUSPEND_SERVER -> server.suspend();
            case FAIL_OVER -> failOver.synchronous();
            case ASYNCHRONOUS_FAIL_OVER -> failOver.asynchronous();
            case DUMP_AND_RESTORE -> dumpAndRestore.run();
            case DISK_FULL -> server.fillDisk();
            case CONNECTION_LIMIT -> server.useAllConnections();
            case LONG_TRANSACTION -> server.longTransaction();
            case FULL_QUEUE -> server.fillQueue();
        }
        counts.merge(fault, 1, Integer::sum);
        server.endOldPreparedTransactions(5);
        return fault;
    }

    /** Ends what was left open, so that everything can be handled. */
    void end() throws Exception {
        server.endOldPreparedTransactions(0);
    }

    Map<Fault, Integer> counts() {
        return counts;
    }

    TakeOverTimes takeOverTimes() {
        return takeOverTimes;
    }

    int killers() {
        return processes.killers();
    }
}
