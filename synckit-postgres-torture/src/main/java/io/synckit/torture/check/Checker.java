package io.synckit.torture.check;

import io.synckit.torture.check.Excerpt.Subject;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;

/**
 * Judges a run by its files.
 *
 * @param violations broken guarantees, with the lines that show them; empty if all is right
 * @param excerpts for each broken guarantee, what the files say about the events of its first violation
 * @param counts what was checked, for people
 */
public record Checker(List<String> violations, List<String> excerpts, String counts) {

    public static Checker check(Path directory) throws IOException {
        Violations violations = new Violations();
        Log log = Log.read(directory);
        Losses losses = Losses.read(directory);
        WriterCheck writers = new WriterCheck(directory, log, losses, violations);
        Set<String> business = new HashSet<>();
        for (List<String> line : Lines.read(directory.resolve("business.tsv"))) {
            business.add(line.get(0));
        }
        writers.check(business);
        ReaderCheck readers = new ReaderCheck(log, losses, violations);
        readers.check(directory);
        ConsumerCheck consumers = new ConsumerCheck(log, losses, violations);
        consumers.exactlyOnce(directory);
        consumers.atLeastOnce(directory);
        String counts = String.format(
                Locale.ROOT,
                "%,d events stored; operations: %,d committed (%,d of them lost in %d fail-overs to an asynchronous standby), %,d rejected (%,d in a deadlock), %,d unknown; %,d events received live, %,d handled twice by at-least-once delivery",
                log.events().size(),
                writers.count("committed"),
                writers.lost(),
                losses.count(),
                writers.count("rejected"),
                writers.deadlocks(),
                writers.count("unknown"),
                readers.received(),
                consumers.duplicates());
        List<String> found = violations.found();
        List<String> excerpts = new ArrayList<>();
        for (Map.Entry<String, Set<Subject>> shown : violations.subjects().entrySet()) {
            excerpts.add(shown.getKey() + ":");
            Excerpt.of(directory, shown.getValue()).forEach(line -> excerpts.add("  " + line));
        }
        return new Checker(found, excerpts, counts);
    }

    /** Judges the files of a directory again. */
    public static void main(String[] args) throws IOException {
        Checker result = check(Path.of(args[0]));
        System.out.println(result.counts());
        result.violations().forEach(System.out::println);
        result.excerpts().forEach(System.out::println);
    }
}
