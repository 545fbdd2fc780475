package io.synckit.torture;

import java.io.IOException;
import java.nio.file.Path;
import java.sql.SQLException;
import java.util.List;
import java.util.Random;
import org.jspecify.annotations.Nullable;

/** The environment on which faults act: the server, the processes, and the random numbers of the seed. */
final class Stage {

    private static final String OWNER = "select i.name from synckit.events_checkpoints c"
            + " join synckit.events_instances i on i.id = c.owner order by random() limit 1";

    final Children children;
    final Random random;
    final Path data;

    /** Between processes and server; null if there is none. */
    final @Nullable Pooler pooler;

    /** The current primary. */
    Server server;

    Stage(Server server, @Nullable Pooler pooler, Children children, Random random, Path data) {
        this.server = server;
        this.pooler = pooler;
        this.children = children;
        this.random = random;
        this.data = data;
    }

    /** From now on connections go to another server. */
    void moveTo(Server primary) throws IOException {
        server = primary;
        if (pooler != null) {
            pooler.target(primary.port());
        }
        children.target(Targets.of(primary, pooler));
    }

    /** Returns a process. Mostly an owner of partitions, because faults elsewhere prove little about the epoch. */
    Victim victim() throws SQLException {
        int roll = random.nextInt(10);
        Role role = roll < 6 ? Role.CONSUMER : roll < 8 ? Role.WRITER : roll < 9 ? Role.READER : Role.POLLING_READER;
        return role == Role.CONSUMER ? owner() : any(role);
    }

    /** Returns a consumer that owns a partition, or any if none does. */
    Victim owner() throws SQLException {
        String name = server.query(OWNER);
        for (Child consumer : children.of(Role.CONSUMER)) {
            if (consumer.name().equals(name)) {
                return new Victim(Role.CONSUMER, consumer);
            }
        }
        return any(Role.CONSUMER);
    }

    private Victim any(Role role) {
        List<Child> all = children.of(role);
        return new Victim(role, all.get(random.nextInt(all.size())));
    }

    /** Returns a random time in milliseconds. */
    long between(int least, int most) {
        return least + random.nextInt(most - least);
    }

    /** A process that a fault hits. */
    record Victim(Role role, Child child) {}
}
