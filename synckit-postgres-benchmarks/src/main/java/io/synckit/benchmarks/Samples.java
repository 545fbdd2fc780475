package io.synckit.benchmarks;

import java.util.ArrayList;
import java.util.Collection;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.function.Predicate;

/** The measurements of one question: for each contender one value for each round. */
final class Samples {

    private final String question;
    private final String title;
    private final String unit;
    private final Map<String, List<Double>> values = new LinkedHashMap<>();
    private final Map<String, String> remarks = new LinkedHashMap<>();

    Samples(String question, String title, String unit) {
        this.question = question;
        this.title = title;
        this.unit = unit;
    }

    String question() {
        return question;
    }

    String title() {
        return title;
    }

    String unit() {
        return unit;
    }

    void add(String contender, double value) {
        values.computeIfAbsent(contender, name -> new ArrayList<>()).add(value);
    }

    /** Contenders are shown in the order in which they are first named. */
    void addAll(String contender, Collection<Double> all) {
        values.computeIfAbsent(contender, name -> new ArrayList<>()).addAll(all);
    }

    /** Adds a remark to the figures of a contender. */
    void remark(String contender, String remark) {
        remarks.put(contender, remark);
    }

    String remark(String contender) {
        return remarks.getOrDefault(contender, "");
    }

    /** Of those that have any. */
    Map<String, List<Double>> values() {
        Map<String, List<Double>> measured = new LinkedHashMap<>(values);
        measured.values().removeIf(List::isEmpty);
        return measured;
    }

    List<Double> of(String contender) {
        return values.getOrDefault(contender, List.of());
    }

    double median(String contender) {
        return percentile(of(contender), 0.5);
    }

    /** Of these, the one with the highest median. */
    String best(Predicate<String> which) {
        return values().keySet().stream()
                .filter(which)
                .max(Comparator.comparingDouble(this::median))
                .orElseThrow();
    }

    /** Returns the ratios of two contenders, round by round, because a disturbance of a round affects both. */
    Ratio ratio(String one, String other) {
        List<Double> ratios = new ArrayList<>();
        for (int i = 0; i < of(one).size(); i++) {
            ratios.add(of(one).get(i) / of(other).get(i));
        }
        return Ratio.of(ratios);
    }

    /** @param share 0 to 1; NaN of nothing */
    static double percentile(List<Double> values, double share) {
        double[] sorted =
                values.stream().mapToDouble(Double::doubleValue).sorted().toArray();
        return sorted.length == 0
                ? Double.NaN
                : sorted[(int) Math.min(sorted.length - 1, Math.floor(share * sorted.length))];
    }
}
