package io.synckit.benchmarks;

import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.stream.DoubleStream;

/** What is printed: tables, and a line for each goal. */
final class Report {

    private int goals;
    private int met;

    static double median(List<Double> values) {
        return percentile(values, 0.5);
    }

    /** @param share 0 to 1 */
    static double percentile(List<Double> values, double share) {
        double[] sorted =
                values.stream().mapToDouble(Double::doubleValue).sorted().toArray();
        return sorted[(int) Math.min(sorted.length - 1, Math.floor(share * sorted.length))];
    }

    void line(String format, Object... arguments) {
        System.out.println(String.format(Locale.ROOT, format, arguments));
    }

    /** Median and spread of the rounds. */
    void row(String contender, String unit, List<Double> rounds) {
        double[] sorted = rounds.stream().mapToDouble(Double::doubleValue).toArray();
        Arrays.sort(sorted);
        line(
                "  %-34s %10.1f %s   (%.1f … %.1f)",
                contender,
                median(rounds),
                unit,
                DoubleStream.of(sorted).min().orElse(Double.NaN),
                DoubleStream.of(sorted).max().orElse(Double.NaN));
    }

    void atLeast(String name, double ratio, double wanted) {
        goal(name, ratio, "≥ " + wanted, ratio >= wanted);
    }

    void atMost(String name, double ratio, double wanted) {
        goal(name, ratio, "≤ " + wanted, ratio <= wanted);
    }

    private void goal(String name, double ratio, String wanted, boolean isMet) {
        goals++;
        met += isMet ? 1 : 0;
        line("GOAL %s %.2f %s %s", name, ratio, wanted, isMet ? "met" : "short");
    }

    void end() {
        line("%d of %d goals met", met, goals);
    }
}
