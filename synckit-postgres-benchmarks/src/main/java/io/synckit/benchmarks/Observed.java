package io.synckit.benchmarks;

import io.synckit.EventStore;
import io.synckit.postgres.schema.NotifyMode;
import java.util.ArrayList;
import java.util.List;
import org.springframework.boot.WebApplicationType;
import org.springframework.boot.autoconfigure.EnableAutoConfiguration;
import org.springframework.boot.builder.SpringApplicationBuilder;
import org.springframework.context.ConfigurableApplicationContext;
import org.springframework.context.annotation.Configuration;

/**
 * What it costs an application to be observed: appends of 16 writers with metrics and traces off, with metrics, with both. The three
 * applications live side by side and take turns, so that each ratio is that of neighbours.
 */
final class Observed {

    private static final int WRITERS = 16;
    private static final int WARM_UP = 3;
    private static final String NO_TRACER = "spring.autoconfigure.exclude="
            + "org.springframework.boot.micrometer.tracing.opentelemetry.autoconfigure.OpenTelemetryTracingAutoConfiguration";

    private final Server server;
    private final Report report;
    private final int rounds;
    private final long nanos;

    Observed(Server server, Report report, int rounds, int seconds) {
        this.server = server;
        this.report = report;
        this.rounds = rounds;
        this.nanos = seconds * 1_000_000_000L;
    }

    void run() throws Exception {
        List<Double> off = new ArrayList<>();
        List<Double> metrics = new ArrayList<>();
        List<Double> traces = new ArrayList<>();
        List<Double> metricsToOff = new ArrayList<>();
        List<Double> tracesToOff = new ArrayList<>();
        try (ConfigurableApplicationContext plain =
                        application("plain", "synckit.postgres.enable-metrics=false", NO_TRACER);
                ConfigurableApplicationContext measured = application("measured", NO_TRACER);
                ConfigurableApplicationContext traced = application("traced")) {
            for (int round = -WARM_UP; round < rounds; round++) {
                double[] speed = new double[3];
                List<ConfigurableApplicationContext> contenders = List.of(plain, measured, traced);
                for (int turn = 0; turn < 3; turn++) {
                    // Who begins changes, since the table and the disk change under them.
                    int which = Math.floorMod(turn + round, 3);
                    speed[which] = write(contenders.get(which));
                }
                if (round >= 0) {
                    off.add(speed[0]);
                    metrics.add(speed[1]);
                    traces.add(speed[2]);
                    metricsToOff.add(speed[1] / speed[0]);
                    tracesToOff.add(speed[2] / speed[0]);
                }
            }
        }
        report.line(
                "%nobserved: one event a transaction, %d writers, median (least … most) of %d rounds", WRITERS, rounds);
        report.row("nothing is observed", "events/s", off);
        report.row("metrics, by observations", "events/s", metrics);
        report.row("metrics and traces", "events/s", traces);
        report.atLeast("observed-16", Report.median(metricsToOff), 0.97);
        report.atLeast("traced-16", Report.median(tracesToOff), 0.97);
    }

    private double write(ConfigurableApplicationContext application) throws Exception {
        return Writers.write(application.getBean(EventStore.class), WRITERS, nanos) * 1e9 / nanos;
    }

    private ConfigurableApplicationContext application(String name, String... settings) throws Exception {
        String schema = "bench_" + name;
        server.migrate(schema, NotifyMode.BELL);
        return new SpringApplicationBuilder(Application.class)
                .web(WebApplicationType.NONE)
                .properties(settings)
                .properties(
                        "spring.main.banner-mode=off",
                        "spring.datasource.url=" + server.url(),
                        "spring.datasource.hikari.maximum-pool-size=" + (WRITERS + 2),
                        "synckit.postgres.schema=" + schema)
                .run();
    }

    @Configuration(proxyBeanMethods = false)
    @EnableAutoConfiguration
    static class Application {}
}
