package io.synckit.benchmarks;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import tools.jackson.databind.SerializationFeature;
import tools.jackson.databind.json.JsonMapper;

/** A report as files: JSON with everything, CSV with each round, a page with the tables, and a chart for each question. */
final class ResultFiles {

    private final Report report;
    private final Path directory;

    ResultFiles(Report report, Path directory) {
        this.report = report;
        this.directory = directory;
    }

    void write() throws IOException {
        Files.writeString(directory.resolve("results.json"), json());
        Files.writeString(directory.resolve("results.csv"), csv());
        Files.writeString(directory.resolve("results.md"), page());
        for (Samples samples : report.samples()) {
            Files.writeString(directory.resolve(samples.question() + ".svg"), BarChart.of(samples));
        }
    }

    private String json() {
        Map<String, Object> all = new LinkedHashMap<>();
        all.put("machine", report.machine());
        all.put("goals", report.goals());
        List<Map<String, Object>> questions = new ArrayList<>();
        for (Samples samples : report.samples()) {
            Map<String, Object> question = new LinkedHashMap<>();
            question.put("question", samples.question());
            question.put("title", samples.title());
            question.put("unit", samples.unit());
            Map<String, Object> contenders = new LinkedHashMap<>();
            samples.values()
                    .forEach((contender, values) -> contenders.put(
                            contender,
                            Map.of(
                                    "median", samples.median(contender),
                                    "p99", Samples.percentile(values, 0.99),
                                    "values", values.size(),
                                    "remark", samples.remark(contender))));
            question.put("contenders", contenders);
            questions.add(question);
        }
        all.put("questions", questions);
        all.put("costs", report.costs());
        return JsonMapper.builder()
                        .enable(SerializationFeature.INDENT_OUTPUT)
                        .build()
                        .writeValueAsString(all)
                + "\n";
    }

    private String csv() {
        StringBuilder rows = new StringBuilder("question,contender,unit,round,value\n");
        for (Samples samples : report.samples()) {
            samples.values().forEach((contender, values) -> {
                for (int round = 0; round < values.size(); round++) {
                    rows.append(String.format(
                            Locale.ROOT,
                            "%s,\"%s\",%s,%d,%.3f%n",
                            samples.question(),
                            contender,
                            samples.unit(),
                            round + 1,
                            values.get(round)));
                }
            });
        }
        return rows.toString();
    }

    private String page() {
        StringBuilder page =
                new StringBuilder("# Results\n\nWritten by `./bench`. What the questions and contenders are: "
                        + "[performance.md](../performance.md).\n\n| | |\n|---|---|\n");
        report.machine().forEach((what, is) -> page.append(row(List.of(what, is))));
        page.append("\n## Goals\n\n| goal | ratio | wanted | |\n|---|---|---|---|\n");
        report.goals()
                .forEach(goal -> page.append(row(
                        List.of(goal.name(), goal.ratio().toString(), goal.wanted(), goal.met() ? "met" : "short"))));
        for (Samples samples : report.samples()) {
            page.append("\n## ").append(samples.question()).append("\n\n");
            page.append(samples.title()).append(".\n\n");
            page.append("![")
                    .append(samples.title())
                    .append("](")
                    .append(samples.question())
                    .append(".svg)\n\n");
            page.append("| contender | median ")
                    .append(samples.unit())
                    .append(" | 5 % to 95 % | |\n|---|---|---|---|\n");
            samples.values()
                    .forEach((contender, values) -> page.append(row(List.of(
                            contender,
                            figure(samples.median(contender)),
                            figure(Samples.percentile(values, 0.05)) + " to "
                                    + figure(Samples.percentile(values, 0.95)),
                            samples.remark(contender)))));
        }
        if (!report.costs().isEmpty()) {
            page.append(
                    "\n## Costs\n\n| operation | round trips | statements | advisory locks | table and index locks |"
                            + " WAL bytes an event |\n|---|---|---|---|---|---|\n");
            report.costs().forEach(costs -> page.append(row(costs)));
        }
        return page.toString();
    }

    private static String row(List<String> cells) {
        return "| " + String.join(" | ", cells) + " |\n";
    }

    static String figure(double value) {
        return String.format(Locale.ROOT, value < 100 ? "%.2f" : "%,.0f", value);
    }
}
