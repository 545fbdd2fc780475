package io.synckit.torture.check;

import java.util.ArrayList;
import java.util.List;

/** What a checker has found. Keeps the first ones of each promise. */
final class Violations {

    private static final int KEPT = 5;

    private final List<String> found = new ArrayList<>();
    private int ofThisPromise;
    private String promise = "";

    /** From now on, violations are of this promise. */
    void of(String text) {
        end();
        promise = text;
        ofThisPromise = 0;
    }

    void add(String evidence) {
        if (++ofThisPromise <= KEPT) {
            found.add(promise + ": " + evidence);
        }
    }

    private void end() {
        if (ofThisPromise > KEPT) {
            found.add(promise + ": " + (ofThisPromise - KEPT) + " more");
        }
    }

    List<String> found() {
        end();
        ofThisPromise = 0;
        return List.copyOf(found);
    }
}
