package io.synckit.torture;

import java.io.IOException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.EnumMap;
import java.util.List;
import java.util.Map;

/** Threads and heap of the processes: after the last fault they must be back at what they were at first. */
final class Levels {

    private static final int MORE_THREADS = 12;
    private static final int MORE_MEGABYTES = 48;

    /** Limit for an answer. A process answers only after its subscriptions have started. */
    private static final Duration ANSWER = Duration.ofMinutes(2);

    private final Children children;
    private final Map<Role, Level> first = new EnumMap<>(Role.class);

    Levels(Children children) {
        this.children = children;
    }

    void measureFirst() throws IOException, InterruptedException {
        for (Role role : Role.values()) {
            for (Child child : children.of(role)) {
                first.merge(role, Level.of(child), Level::max);
            }
        }
    }

    /** Returns processes that have more than at first. Writers have ended. */
    List<String> problems() throws IOException, InterruptedException {
        List<String> problems = new ArrayList<>();
        for (Role role : Role.values()) {
            Level before = first.get(role);
            for (Child child : children.of(role)) {
                if (before != null && role != Role.WRITER) {
                    Level now = Level.of(child);
                    if (now.threads > before.threads + MORE_THREADS
                            || now.megabytes > before.megabytes + MORE_MEGABYTES) {
                        problems.add("threads and heap return to their level: " + child.name() + " has " + now
                                + ", at first " + before);
                    }
                }
            }
        }
        return problems;
    }

    private record Level(int threads, int megabytes) {

        static Level of(Child child) throws IOException, InterruptedException {
            String answer = child.tell("level", ANSWER);
            if (answer == null) {
                throw new IllegalStateException(child.name() + " has ended");
            }
            String[] parts = answer.split(" ");
            return new Level(Integer.parseInt(parts[0]), Integer.parseInt(parts[1]));
        }

        Level max(Level other) {
            return new Level(Math.max(threads, other.threads), Math.max(megabytes, other.megabytes));
        }
    }
}
