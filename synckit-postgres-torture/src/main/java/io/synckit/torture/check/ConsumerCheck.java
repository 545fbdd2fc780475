package io.synckit.torture.check;

import io.synckit.torture.check.Excerpt.Subject;
import io.synckit.torture.check.Log.Event;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;

/** Compares what durable subscriptions have done with the log. */
final class ConsumerCheck {

    private final Log log;
    private final Losses losses;
    private final Violations violations;
    private int duplicates;

    ConsumerCheck(Log log, Losses losses, Violations violations) {
        this.log = log;
        this.losses = losses;
        this.violations = violations;
    }

    /** Returns how often at-least-once delivery has repeated an event. */
    int duplicates() {
        return duplicates;
    }

    /** {@code applied.tsv} has version and account in the order of the inserts, {@code balances.tsv} account, amount and order. */
    void exactlyOnce(Path directory) throws IOException {
        violations.of("an exactly-once consumer handles every event once, in the order of its key");
        Set<Long> applied = new HashSet<>();
        Map<String, Long> last = new HashMap<>();
        for (List<String> line : Lines.read(directory.resolve("applied.tsv"))) {
            long version = Long.parseLong(line.get(0));
            if (!applied.add(version)) {
                violations.add("handled twice: " + log.events().get(version), Subject.of(version));
            }
            inOrder(last, line.get(1), version);
        }
        for (Event event : log.events().values()) {
            if (event.isBooked() != applied.remove(event.version())) {
                violations.add("not handled, or handled although it does not match: " + event, Subject.of(event));
            }
        }
        applied.forEach(
                version -> violations.add("handled, but not in the log: version " + version, Subject.of(version)));
        violations.of("an exactly-once projection equals the log");
        Map<String, Long> sums = new TreeMap<>();
        log.events().values().stream()
                .filter(Event::isBooked)
                .forEach(event -> sums.merge(event.aggregate(), Long.parseLong(event.data()), Long::sum));
        for (List<String> line : Lines.read(directory.resolve("balances.tsv"))) {
            Long sum = sums.remove(line.get(0));
            if (sum == null
                    || sum != Long.parseLong(line.get(1))
                    || !line.get(2).equals("t")) {
                violations.add("the balance is " + line + ", but the sum in the log is " + sum);
            }
        }
        sums.forEach((account, sum) -> violations.add("no balance of " + account + ", whose sum is " + sum));
    }

    /** The times of all processes are of one clock. */
    void atLeastOnce(Path directory) throws IOException {
        violations.of("an at-least-once consumer handles every event, first in the order of its key");
        List<List<String>> handled = new ArrayList<>();
        for (Path file : Lines.histories(directory, "consumer")) {
            handled.addAll(Lines.read(file));
        }
        handled.sort(Comparator.comparingLong(line -> Long.parseLong(line.get(1))));
        Set<Long> seen = new HashSet<>();
        Map<String, Long> last = new HashMap<>();
        for (List<String> line : handled) {
            long version = Long.parseLong(line.get(2));
            if (!log.events().containsKey(version) && losses.include(Long.parseLong(line.get(1)))) {
                continue;
            }
            if (seen.add(version)) {
                inOrder(last, line.get(3), version);
            } else {
                duplicates++;
            }
        }
        for (Event event : log.events().values()) {
            if (event.isBooked() != seen.remove(event.version())) {
                violations.add("not handled, or handled although it does not match: " + event, Subject.of(event));
            }
        }
        seen.forEach(version -> violations.add("handled, but not in the log: version " + version, Subject.of(version)));
    }

    private void inOrder(Map<String, Long> last, String key, long version) {
        Long before = last.put(key, version);
        if (before != null && before > version) {
            violations.add(
                    "of key " + key + ", version " + before + " was handled before "
                            + log.events().get(version),
                    Subject.of(before),
                    Subject.of(version));
        }
    }
}
