package io.synckit.torture.check;

import io.synckit.torture.check.Excerpt.Subject;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;

/** What a checker has found. Keeps the first ones of each promise. */
final class Violations {

    private static final int KEPT = 5;

    private final List<String> found = new ArrayList<>();
    private final Map<String, Set<Subject>> subjects = new LinkedHashMap<>();
    private int ofThisPromise;
    private String promise = "";

    /** From now on, violations are of this promise. */
    void of(String text) {
        end();
        promise = text;
        ofThisPromise = 0;
    }

    /** @param about the events that show it */
    void add(String evidence, Subject... about) {
        if (++ofThisPromise == 1) {
            subjects.put(promise, Set.of(about));
        }
        if (ofThisPromise <= KEPT) {
            found.add(promise + ": " + evidence);
        }
    }

    private void end() {
        if (ofThisPromise > KEPT) {
            found.add(promise + ": " + (ofThisPromise - KEPT) + " more");
        }
    }

    /** Returns the events of the first violation of each promise. */
    Map<String, Set<Subject>> subjects() {
        return subjects;
    }

    List<String> found() {
        end();
        ofThisPromise = 0;
        return List.copyOf(found);
    }
}
