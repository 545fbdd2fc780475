package io.synckit.benchmarks;

import java.util.ArrayList;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;

/** The report of a run: prints each table when it is measured, and a line for each goal at the end. */
final class Report {

    private final boolean judges;
    private final Map<String, String> machine = new LinkedHashMap<>();
    private final List<Samples> samples = new ArrayList<>();
    private final List<Goal> goals = new ArrayList<>();
    private final List<List<String>> costs = new ArrayList<>();

    /**
     * A goal.
     *
     * @param ratio what was measured; for some goals an absolute figure
     * @param wanted with its sign: {@code ≥ 0.9}
     */
    record Goal(String name, Ratio ratio, String wanted, boolean met) {

        String line() {
            return String.format(Locale.ROOT, "GOAL %s %s %s %s", name, ratio, wanted, met ? "met" : "short");
        }
    }

    /** @param judges whether goals are checked */
    Report(boolean judges) {
        this.judges = judges;
    }

    void machine(String what, String is) {
        machine.put(what, is);
        line("%s: %s", what, is);
    }

    void line(String format, Object... arguments) {
        System.out.println(String.format(Locale.ROOT, format, arguments));
    }

    /** A table: median and spread. */
    void table(Samples of) {
        samples.add(of);
        line("%n%s: %s", of.question(), of.title());
        of.values()
                .forEach((contender, values) -> line(
                        "  %-34s %12.2f %s  (%.2f … %.2f)%s",
                        contender,
                        of.median(contender),
                        of.unit(),
                        Collections.min(values),
                        Collections.max(values),
                        of.remark(contender).isEmpty() ? "" : "  " + of.remark(contender)));
    }

    void costs(List<List<String>> rows) {
        costs.addAll(rows);
    }

    void atLeast(String name, Ratio ratio, double wanted) {
        goal(new Goal(name, ratio, "≥ " + wanted, ratio.median() >= wanted));
    }

    void atMost(String name, Ratio ratio, double wanted) {
        goal(new Goal(name, ratio, "≤ " + wanted, ratio.median() <= wanted));
    }

    void atMost(String name, double figure, double wanted) {
        atMost(name, Ratio.of(figure), wanted);
    }

    private void goal(Goal goal) {
        if (!judges) {
            return;
        }
        goals.add(goal);
        line("%s", goal.line());
    }

    void end() {
        line("");
        if (!judges) {
            line("smoke run: the figures mean nothing, so no goal is judged");
        }
        goals.forEach(goal -> line("%s", goal.line()));
    }

    Map<String, String> machine() {
        return machine;
    }

    List<Samples> samples() {
        return samples;
    }

    List<Goal> goals() {
        return goals;
    }

    List<List<String>> costs() {
        return costs;
    }
}
