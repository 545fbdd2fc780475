package io.synckit.benchmarks;

import java.util.List;
import org.jspecify.annotations.Nullable;

/** Runs the measurements and prints tables and goals. */
public final class Bench {

    private Bench() {}

    /**
     * @param arguments {@code --quick} or {@code --full}; {@code --jdbc-url <url>}; {@code --commit-delay
     *     <microseconds>}; {@code --only <question>}
     */
    public static void main(String[] arguments) throws Exception {
        List<String> options = List.of(arguments);
        boolean full = options.contains("--full");
        String only = valueOf("--only", options);
        String commitDelay = valueOf("--commit-delay", options);
        Report report = new Report();
        try (Server server = Server.start(valueOf("--jdbc-url", options), commitDelay == null ? "0" : commitDelay)) {
            report.line(
                    "commit_delay %s µs, %d cores, JDK %s, %s",
                    server.query("show commit_delay"),
                    Runtime.getRuntime().availableProcessors(),
                    System.getProperty("java.version"),
                    server.query("select version()"));
            if (only == null || only.equals("latency")) {
                new Latency(server, report, full ? 10 : 3, full ? 500 : 200).run();
            }
            if (only == null || only.equals("throughput")) {
                new Throughput(server, report, full ? 7 : 3, full ? 10 : 4).run();
            }
            if (only == null || only.equals("observed")) {
                new Observed(server, report, full ? 200 : 60).run();
            }
            report.end();
        }
    }

    private static @Nullable String valueOf(String option, List<String> options) {
        int index = options.indexOf(option);
        return index < 0 || index + 1 == options.size() ? null : options.get(index + 1);
    }
}
