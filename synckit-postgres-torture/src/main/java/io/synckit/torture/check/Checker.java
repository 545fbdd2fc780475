package io.synckit.torture.check;

import java.io.IOException;
import java.nio.file.Path;
import java.util.HashSet;
import java.util.List;
import java.util.Locale;
import java.util.Set;

/**
 * Judges a run by its files.
 *
 * @param violations broken promises, with the lines that show them; empty if all is right
 * @param counts what was checked, for people
 */
public record Checker(List<String> violations, String counts) {

    public static Checker check(Path directory) throws IOException {
        Violations violations = new Violations();
        Log log = Log.read(directory);
        WriterCheck writers = new WriterCheck(directory, log, violations);
        Set<String> business = new HashSet<>();
        for (List<String> line : Lines.read(directory.resolve("business.tsv"))) {
            business.add(line.get(0));
        }
        writers.check(business);
        ReaderCheck readers = new ReaderCheck(log, violations);
        readers.check(directory);
        ConsumerCheck consumers = new ConsumerCheck(log, violations);
        consumers.exactlyOnce(directory);
        consumers.atLeastOnce(directory);
        String counts = String.format(
                Locale.ROOT,
                "%,d events stored; operations: %,d committed, %,d rejected, %,d unknown; %,d events received live, %,d handled twice by at-least-once delivery",
                log.events().size(),
                writers.count("committed"),
                writers.count("rejected"),
                writers.count("unknown"),
                readers.received(),
                consumers.duplicates());
        return new Checker(violations.found(), counts);
    }

    /** Judges the files of a directory again. */
    public static void main(String[] args) throws IOException {
        Checker result = check(Path.of(args[0]));
        System.out.println(result.counts());
        result.violations().forEach(System.out::println);
    }
}
