package io.synckit.benchmarks;

import java.util.Locale;

/** An SVG chart: the median of each contender as a bar, and the range from 5 % to 95 % of the rounds as a line. */
final class BarChart {

    private static final int WIDTH = 820;
    private static final int LABELS = 260;
    private static final int FIGURES = 110;
    private static final int ROW = 26;
    private static final int HEAD = 40;

    private BarChart() {}

    static String of(Samples samples) {
        double most = samples.values().keySet().stream()
                .mapToDouble(contender -> percentile(samples, contender, 0.95))
                .max()
                .orElse(1);
        double scale = (WIDTH - LABELS - FIGURES) / most;
        int height = HEAD + ROW * samples.values().size() + 10;
        StringBuilder svg = new StringBuilder();
        add(
                svg,
                "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"%d\" height=\"%d\" font-family=\"sans-serif\""
                        + " font-size=\"13\">%n",
                WIDTH,
                height);
        add(svg, "<rect width=\"%d\" height=\"%d\" fill=\"#ffffff\"/>%n", WIDTH, height);
        add(
                svg,
                "<text x=\"10\" y=\"22\" font-weight=\"bold\">%s (%s)</text>%n",
                text(samples.title()),
                samples.unit());
        int y = HEAD;
        for (String contender : samples.values().keySet()) {
            double median = samples.median(contender);
            int middle = y + ROW / 2;
            add(
                    svg,
                    "<text x=\"%d\" y=\"%d\" text-anchor=\"end\">%s</text>%n",
                    LABELS - 8,
                    middle + 5,
                    text(contender));
            add(
                    svg,
                    "<rect x=\"%d\" y=\"%d\" width=\"%.1f\" height=\"%d\" fill=\"%s\"/>%n",
                    LABELS,
                    y + 4,
                    Math.max(1, median * scale),
                    ROW - 8,
                    contender.startsWith("synckit") ? "#2f6f9f" : "#b5bcc4");
            add(
                    svg,
                    "<line x1=\"%.1f\" x2=\"%.1f\" y1=\"%d\" y2=\"%d\" stroke=\"#333333\"/>%n",
                    LABELS + percentile(samples, contender, 0.05) * scale,
                    LABELS + percentile(samples, contender, 0.95) * scale,
                    middle,
                    middle);
            add(
                    svg,
                    "<text x=\"%d\" y=\"%d\" text-anchor=\"end\">%s</text>%n",
                    WIDTH - 10,
                    middle + 5,
                    ResultFiles.figure(median));
            y += ROW;
        }
        return svg.append("</svg>\n").toString();
    }

    private static double percentile(Samples samples, String contender, double share) {
        return Samples.percentile(samples.of(contender), share);
    }

    private static String text(String text) {
        return text.replace("&", "&amp;").replace("<", "&lt;");
    }

    private static void add(StringBuilder svg, String format, Object... arguments) {
        svg.append(String.format(Locale.ROOT, format, arguments));
    }
}
