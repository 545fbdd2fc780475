package io.synckit.torture;

import io.synckit.Event;
import io.synckit.postgres.Config;
import io.synckit.postgres.PostgresEventStore;
import io.synckit.torture.Stage.Victim;
import io.synckit.torture.process.ConsumerProcess;
import io.synckit.torture.process.Pause;
import java.nio.file.Files;
import java.time.Duration;
import org.postgresql.ds.PGSimpleDataSource;

/** Faults of processes. */
final class ProcessFaults {

    private static final int HOUR = 3600;
    private static final int OUTAGE_MILLIS = 10_000;
    private static final Duration DEATH = Duration.ofMinutes(1);
    private static final Duration PARKED = Duration.ofMinutes(2);

    private final Stage stage;
    private final TakeOverTimes takeOverTimes;
    private int killers;

    ProcessFaults(Stage stage, TakeOverTimes takeOverTimes) {
        this.stage = stage;
        this.takeOverTimes = takeOverTimes;
    }

    void kill() throws Exception {
        Victim victim = stage.victim();
        TakeOver takeOver = TakeOver.from(victim.child().name(), stage);
        victim.child().kill();
        stage.children.replace(victim.role(), victim.child());
        takeOverTimes.await(Fault.KILL, takeOver);
    }

    void suspend() throws Exception {
        Child child = stage.victim().child();
        TakeOver takeOver = TakeOver.from(child.name(), stage);
        long least = stage.between(3500, 7500);
        long began = System.nanoTime();
        child.suspend();
        takeOverTimes.await(Fault.SUSPEND, takeOver);
        Pause.millis(least - Duration.ofNanos(System.nanoTime() - began).toMillis());
        child.resume();
    }

    void stopInOrder() throws Exception {
        Victim victim = stage.victim();
        TakeOver takeOver = TakeOver.from(victim.child().name(), stage);
        victim.child().beginStop();
        takeOverTimes.await(Fault.STOP_IN_ORDER, takeOver);
        if (!victim.child().awaitStop()) {
            throw new IllegalStateException(victim.child().name() + " did not stop");
        }
        stage.children.replace(victim.role(), victim.child());
    }

    /** Waits until the event is parked, because each consumer that handles it dies. */
    void killingEvent() throws Exception {
        String key = "killer-" + ++killers;
        PGSimpleDataSource server = new PGSimpleDataSource();
        server.setUrl(Server.url(stage.server.port()));
        PostgresEventStore.on(server, Config.builder().build())
                .store(Event.of(key, ConsumerProcess.KILLING, 0L).withId(key));
        String parked = "select count(*) from synckit.events_parked where retry_at is null and key = '" + key + "'";
        boolean isParked = Pause.until(PARKED, () -> {
            stage.children.replaceDeadConsumers();
            return "1".equals(stage.server.query(parked));
        });
        if (!isParked) {
            throw new IllegalStateException("the event of " + key + " was not parked");
        }
        stage.children.replaceDeadConsumers();
    }

    /** Lets a consumer halt in a call of its handler, and waits for its end. */
    void deathInCall() throws Exception {
        Files.createFile(stage.children.death());
        boolean isDead = Pause.until(
                DEATH, () -> stage.children.of(Role.CONSUMER).stream().anyMatch(consumer -> !consumer.isAlive()));
        if (!isDead) {
            throw new IllegalStateException("no consumer has died in a call of its handler");
        }
        stage.children.replaceDeadConsumers();
    }

    void clockJump() throws Exception {
        Child child = stage.victim().child();
        child.clock().set(stage.random.nextBoolean() ? HOUR : -HOUR);
        Pause.millis(stage.between(2000, 5000));
        child.clock().set(0);
    }

    void outage() throws Exception {
        Files.createFile(stage.children.outage());
        Pause.millis(OUTAGE_MILLIS);
        Files.delete(stage.children.outage());
    }

    /** Returns how many killing events were stored. */
    int killers() {
        return killers;
    }
}
