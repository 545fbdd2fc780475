package io.synckit.torture.check;

import io.synckit.torture.check.Excerpt.Subject;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;

/** What a checker has found. Keeps the first violations of each guarantee. */
final class Violations {

    private static final int KEPT = 5;

    private final Map<String, List<String>> byGuarantee = new LinkedHashMap<>();
    private final Map<String, Set<Subject>> subjects = new LinkedHashMap<>();
    private String guarantee = "";

    /** From now on, violations are of this guarantee. */
    void of(String text) {
        guarantee = text;
    }

    /** @param about the events that show it */
    void add(String evidence, Subject... about) {
        byGuarantee.computeIfAbsent(guarantee, none -> new ArrayList<>()).add(evidence);
        subjects.putIfAbsent(guarantee, new LinkedHashSet<>(List.of(about)));
    }

    /** Returns the events of the first violation of each guarantee. */
    Map<String, Set<Subject>> subjects() {
        return subjects;
    }

    /** Returns the first violations of each guarantee, and the number of the others. */
    List<String> found() {
        List<String> found = new ArrayList<>();
        byGuarantee.forEach((text, evidence) -> {
            evidence.stream().limit(KEPT).forEach(one -> found.add(text + ": " + one));
            if (evidence.size() > KEPT) {
                found.add(text + ": " + (evidence.size() - KEPT) + " more");
            }
        });
        return found;
    }
}
