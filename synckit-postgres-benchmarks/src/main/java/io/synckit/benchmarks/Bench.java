package io.synckit.benchmarks;

import io.synckit.benchmarks.contenders.Contender;
import io.synckit.benchmarks.contenders.Contenders;
import io.synckit.benchmarks.contenders.Database;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Locale;
import java.util.Objects;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/** Runs the measurements, prints tables and goals, and writes them into files. */
public final class Bench {

    private static final Path PUBLISHED = Path.of("docs", "performance");
    private static final Path SCRATCH = Path.of("synckit-postgres-benchmarks", "target", "performance");

    private final Report report;
    private final Profile profile;
    private final @Nullable String only;
    private final Set<String> questions = new LinkedHashSet<>();
    private final long start = System.nanoTime();

    private Bench(Profile profile, @Nullable String only) {
        this.report = new Report(profile != Profile.SMOKE);
        this.profile = profile;
        this.only = only;
    }

    /**
     * @param arguments {@code --smoke}, {@code --quick} or {@code --full}; {@code --jdbc-url <url>}; {@code --commit-delay
     *     <microseconds>}; {@code --only <question>} (also {@code lanes}, which is asked only then); {@code --out <directory>}
     */
    public static void main(String[] arguments) throws Exception {
        List<String> options = List.of(arguments);
        Profile profile =
                options.contains("--full") ? Profile.FULL : options.contains("--smoke") ? Profile.SMOKE : Profile.QUICK;
        String only = valueOf("--only", options);
        Bench bench = new Bench(profile, only);
        bench.run(valueOf("--jdbc-url", options), Objects.requireNonNullElse(valueOf("--commit-delay", options), "0"));
        String out = valueOf("--out", options);
        Path directory = out != null ? Path.of(out) : profile == Profile.FULL && only == null ? PUBLISHED : SCRATCH;
        Files.createDirectories(directory);
        new ResultFiles(bench.report, directory).write();
        bench.report.line("%nwritten to %s", directory);
        bench.report.end();
        // Other event stores leave threads running.
        System.exit(0);
    }

    private boolean asks(String question) {
        questions.add(question);
        boolean asks = only == null || only.equals(question);
        if (asks) {
            report.line("%n[%.0f s] %s", (System.nanoTime() - start) / 1e9, question);
        }
        return asks;
    }

    private void run(@Nullable String jdbcUrl, String commitDelay) throws Exception {
        try (Server server = Server.start(jdbcUrl, commitDelay);
                Costs costs = Costs.start(report)) {
            Database database = server.database();
            describe(database);
            List<Contender> all = Contenders.all(database);
            if (asks("equality")) {
                Equality.check(all, report);
            }
            if (asks("append")) {
                new Appends(all, report, profile).run();
            }
            questions.add("lanes");
            if ("lanes".equals(only)) {
                Appends.lanes(database, report, profile);
            }
            if (asks("batch")) {
                Batches.measure(all, report, profile);
            }
            Latency latency = new Latency(database, report, profile);
            if (asks("latency")) {
                latency.atRest();
            }
            if (asks("durable-latency")) {
                latency.durable();
            }
            if (asks("fan-out")) {
                latency.fanOut();
            }
            if (asks("lag-saturated")) {
                latency.saturated();
            }
            if (asks("catch-up")) {
                CatchUp.measure(all, report, profile);
            }
            Consumers consumers = new Consumers(database, report, profile);
            if (asks("durable-catch-up")) {
                consumers.catchUp();
            }
            if (asks("partitions")) {
                consumers.partitions();
            }
            if (asks("growth")) {
                new Growth(database, report, profile).run();
            }
            if (asks("start-up")) {
                StartUp.measure(database, report, profile);
            }
            if (asks("observed") && profile.observedRounds() > 0) {
                new Observed(database, report, profile.observedRounds()).run();
            }
            if (asks("costs")) {
                costs.run();
                costs.idle();
            }
        }
        if (only != null && !questions.contains(only)) {
            throw new IllegalArgumentException(
                    "there is no measurement '" + only + "' for --only; use one of " + questions);
        }
        report.machine("took", String.format(Locale.ROOT, "%.1f minutes", (System.nanoTime() - start) / 60e9));
    }

    private void describe(Database database) throws Exception {
        report.machine("profile", profile.toString());
        report.machine("cores", String.valueOf(Runtime.getRuntime().availableProcessors()));
        report.machine(
                "memory",
                (((com.sun.management.OperatingSystemMXBean)
                                                java.lang.management.ManagementFactory.getOperatingSystemMXBean())
                                        .getTotalMemorySize()
                                >> 30)
                        + " GB");
        report.machine("system", System.getProperty("os.name") + " " + System.getProperty("os.arch"));
        report.machine("JDK", System.getProperty("java.vm.version"));
        report.machine("PostgreSQL", database.query("show server_version"));
        for (String setting :
                List.of("fsync", "synchronous_commit", "commit_delay", "shared_buffers", "max_wal_size")) {
            report.machine(setting, database.query("show " + setting));
        }
        report.machine("pgjdbc", org.postgresql.util.DriverInfo.DRIVER_VERSION);
    }

    private static @Nullable String valueOf(String option, List<String> options) {
        int index = options.indexOf(option);
        return index < 0 || index + 1 == options.size() ? null : options.get(index + 1);
    }
}
