package io.synckit.torture;

import io.synckit.torture.process.ConsumerProcess;
import io.synckit.torture.process.MigrationProcess;
import io.synckit.torture.process.ReaderProcess;
import io.synckit.torture.process.WriterProcess;
import java.io.IOException;
import java.io.RandomAccessFile;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.EnumMap;
import java.util.List;
import java.util.Map;

/** The processes of a run. One that has ended can be replaced. */
final class Children implements AutoCloseable {

    private final Path directory;
    private final List<Path> overrides;
    private final int partitions;
    private final long seed;
    private final Map<Role, List<Child>> alive = new EnumMap<>(Role.class);
    private Targets targets;
    private int started;

    /**
     * @param directory of the history files and logs
     * @param overrides directories whose classes replace those of the class path
     */
    Children(Path directory, List<Path> overrides, int partitions, long seed, Targets targets) {
        this.directory = directory;
        this.overrides = overrides;
        this.partitions = partitions;
        this.seed = seed;
        this.targets = targets;
    }

    /** Creates the events table. */
    void migrate() throws IOException, InterruptedException {
        Child migration = Child.start(
                "migration", MigrationProcess.class, targets, directory, overrides, (pool, listener) -> List.of(pool));
        if (!migration.awaitStop()) {
            throw new IllegalStateException("the migration has failed; see migration.log");
        }
    }

    void startAll() throws IOException {
        for (Role role : Role.values()) {
            List<Child> children = new ArrayList<>();
            for (int i = 0; i < role.processes(); i++) {
                children.add(start(role, "0"));
            }
            alive.put(role, children);
        }
    }

    List<Child> of(Role role) {
        return alive.getOrDefault(role, List.of());
    }

    List<Child> all() {
        return alive.values().stream().flatMap(List::stream).toList();
    }

    private Child start(Role role, String since) throws IOException {
        String name = role + "-" + ++started;
        String history = directory.resolve(name + ".history").toString();
        return switch (role) {
            case WRITER ->
                Child.start(
                        name,
                        WriterProcess.class,
                        targets,
                        directory,
                        overrides,
                        (pool, listener) -> List.of(pool, name, history, Long.toString(seed * 1000 + started)));
            case READER, POLLING_READER ->
                Child.start(
                        name,
                        ReaderProcess.class,
                        targets,
                        directory,
                        overrides,
                        (pool, listener) -> List.of(
                                pool, listener, name, history, since, Boolean.toString(role == Role.POLLING_READER)));
            case CONSUMER ->
                Child.start(
                        name,
                        ConsumerProcess.class,
                        targets,
                        directory,
                        overrides,
                        (pool, listener) -> List.of(
                                pool,
                                listener,
                                name,
                                history,
                                Integer.toString(partitions),
                                outage().toString(),
                                death().toString()));
        };
    }

    /** The file that is there during an outage of what the handlers of consumers need. */
    Path outage() {
        return directory.resolve("outage");
    }

    /** The file that is there until the handler of a consumer halts its process. */
    Path death() {
        return directory.resolve("death");
    }

    /** The times at which commits were lost. */
    Path losses() {
        return directory.resolve("losses");
    }

    /** Starts another process of the role in the place of one that has ended. A reader continues where the former one has ended. */
    void replace(Role role, Child ended) throws IOException {
        List<Child> children = alive.get(role);
        String since = role == Role.READER || role == Role.POLLING_READER ? lastVersion(ended.name()) : "0";
        if (children != null) {
            children.set(children.indexOf(ended), start(role, since));
        }
    }

    /** Starts another consumer for each one that has ended. */
    void replaceDeadConsumers() throws Exception {
        for (Child consumer : List.copyOf(of(Role.CONSUMER))) {
            if (!consumer.isAlive()) {
                consumer.kill();
                replace(Role.CONSUMER, consumer);
            }
        }
    }

    /** Returns the version of the last complete line of a reader. */
    private String lastVersion(String name) throws IOException {
        Path file = directory.resolve(name + ".history");
        if (!Files.exists(file)) {
            return "0";
        }
        try (RandomAccessFile history = new RandomAccessFile(file.toFile(), "r")) {
            long from = Math.max(0, history.length() - 10_000);
            byte[] end = new byte[(int) (history.length() - from)];
            history.seek(from);
            history.readFully(end);
            String text = new String(end, StandardCharsets.UTF_8);
            String[] lines = text.substring(0, text.lastIndexOf('\n') + 1).split("\n");
            String[] last = lines[lines.length - 1].split("\t");
            return last.length < 3 ? "0" : last[2];
        }
    }

    /** Breaks all connections, and directs new ones to other ports. */
    void target(Targets others) {
        targets = others;
        for (Child child : all()) {
            child.pool().target("localhost", others.pool());
            child.listener().target("localhost", others.listener());
            child.pool().cut();
            child.listener().cut();
        }
    }

    /** Breaks all connections, and lets processes open no others. */
    void refuse() {
        for (Child child : all()) {
            child.pool().refuse();
            child.listener().refuse();
        }
    }

    /** Ends what {@link #refuse} has begun. */
    void heal() {
        for (Child child : all()) {
            child.pool().heal();
            child.listener().heal();
        }
    }

    @Override
    public void close() {
        all().forEach(Child::close);
    }
}
