package io.synckit.torture;

import io.synckit.torture.Stage.Victim;
import io.synckit.torture.process.Pause;

/** Faults of the links between processes and the server. */
final class NetworkFaults {

    private final Stage stage;

    NetworkFaults(Stage stage) {
        this.stage = stage;
    }

    void cut() throws Exception {
        Child child = stage.victim().child();
        child.pool().refuse();
        child.listener().refuse();
        Pause.millis(stage.between(0, 4000));
        heal(child);
    }

    void blackHole() throws Exception {
        Child child = stage.victim().child();
        child.pool().goSilent();
        child.listener().goSilent();
        Pause.millis(stage.between(1000, 8000));
        heal(child);
    }

    void partialMessage() throws Exception {
        Child child = stage.victim().child();
        int bytes = stage.random.nextInt(20);
        if (stage.random.nextBoolean()) {
            child.pool().stopInTheMiddle(bytes);
        } else {
            child.listener().stopInTheMiddle(bytes);
        }
        Pause.millis(stage.between(1000, 8000));
        heal(child);
    }

    void delay() throws Exception {
        Child child = stage.victim().child();
        child.pool().delay(100);
        child.listener().delay(100);
        Pause.millis(stage.between(2000, 5000));
        child.pool().delay(0);
        child.listener().delay(0);
    }

    /** The server ends the session, but the process receives nothing, and keeps working without its lock. */
    void lostLock() throws Exception {
        Victim owner = stage.owner();
        owner.child().listener().goSilent();
        stage.server.query("select count(pg_terminate_backend(pid)) from pg_stat_activity where application_name = '"
                + owner.child().name() + "-listener'");
        Pause.millis(stage.between(4000, 8000));
        owner.child().listener().heal();
    }

    private static void heal(Child child) {
        child.pool().heal();
        child.listener().heal();
    }
}
