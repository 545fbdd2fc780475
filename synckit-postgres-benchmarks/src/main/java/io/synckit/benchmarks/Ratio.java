package io.synckit.benchmarks;

import java.util.Collections;
import java.util.List;
import java.util.Locale;

/** The ratios of two contenders in all rounds: the median, and the spread. */
record Ratio(double median, double least, double most) {

    static Ratio of(List<Double> ratios) {
        return ratios.isEmpty()
                ? new Ratio(Double.NaN, Double.NaN, Double.NaN)
                : new Ratio(Samples.percentile(ratios, 0.5), Collections.min(ratios), Collections.max(ratios));
    }

    /** A figure without a spread. */
    static Ratio of(double value) {
        return new Ratio(value, value, value);
    }

    Ratio inverse() {
        return new Ratio(1 / median, 1 / most, 1 / least);
    }

    @Override
    public String toString() {
        return least == most
                ? String.format(Locale.ROOT, "%.2f", median)
                : String.format(Locale.ROOT, "%.2f (%.2f to %.2f)", median, least, most);
    }
}
