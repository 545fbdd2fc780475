package io.synckit.benchmarks;

import io.micrometer.observation.Observation;
import io.micrometer.observation.ObservationHandler;
import io.synckit.EventStore;
import io.synckit.Instrumentation;
import io.synckit.postgres.schema.NotifyMode;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Random;
import java.util.stream.IntStream;
import org.springframework.boot.WebApplicationType;
import org.springframework.boot.autoconfigure.EnableAutoConfiguration;
import org.springframework.boot.autoconfigure.condition.ConditionalOnBooleanProperty;
import org.springframework.boot.builder.SpringApplicationBuilder;
import org.springframework.context.ConfigurableApplicationContext;
import org.springframework.context.annotation.Bean;
import org.springframework.context.annotation.Configuration;

/**
 * What it costs an application to be observed: appends of 16 writers with everything off, with metrics, with observations, with traces. The
 * applications share a table and take turns, so that each ratio is that of neighbours.
 */
final class Observed {

    private static final int WRITERS = 16;
    private static final String SCHEMA = "bench_observed";

    /** Short turns: a checkpoint or a vacuum hits neighbours alike. */
    private static final long TURN = 500_000_000L;

    private static final int WARM_UP = 12;
    private static final String NO_TRACER = "spring.autoconfigure.exclude="
            + "org.springframework.boot.micrometer.tracing.opentelemetry.autoconfigure.OpenTelemetryTracingAutoConfiguration";

    private final Server server;
    private final Report report;
    private final int rounds;

    Observed(Server server, Report report, int rounds) {
        this.server = server;
        this.report = report;
        this.rounds = rounds;
    }

    void run() throws Exception {
        Random random = new Random(1);
        server.migrate(SCHEMA, NotifyMode.BELL);
        List<Contender> contenders = List.of(
                new Contender("nothing is observed", "off", "synckit.postgres.enable-metrics=false", NO_TRACER),
                new Contender("metrics", "metrics", NO_TRACER),
                new Contender("metrics, by observations", "observations", "observed=true", NO_TRACER),
                new Contender("metrics and traces", "traces"));
        try {
            for (int round = -WARM_UP; round < rounds; round++) {
                List<Contender> order = new ArrayList<>(contenders);
                Collections.shuffle(order, random);
                for (Contender contender : order) {
                    contender.turn(round >= 0);
                }
            }
        } finally {
            contenders.forEach(contender -> contender.application.close());
        }
        report.line(
                "%nobserved: one event a transaction, %d writers, median (least … most) of %d rounds", WRITERS, rounds);
        contenders.forEach(contender -> report.row(contender.name, "events/s", contender.speeds));
        Contender off = contenders.get(0);
        for (Contender observed : contenders.subList(1, contenders.size())) {
            List<Double> ratios = IntStream.range(0, rounds)
                    .mapToObj(round -> observed.speeds.get(round) / off.speeds.get(round))
                    .toList();
            report.atLeast(observed.goal + "-16", Report.median(ratios), 0.97);
        }
    }

    /** An application. */
    private final class Contender {

        private final String name;
        private final String goal;
        private final ConfigurableApplicationContext application;
        private final List<Double> speeds = new ArrayList<>();

        Contender(String name, String goal, String... settings) {
            this.name = name;
            this.goal = goal;
            this.application = application(settings);
            report.line(
                    "%s: %s",
                    name,
                    application.getBeansOfType(Instrumentation.class).values().stream()
                            .map(it -> it.getClass().getSimpleName())
                            .toList());
        }

        void turn(boolean counts) throws Exception {
            double speed = Writers.write(application.getBean(EventStore.class), WRITERS, TURN) * 1e9 / TURN;
            if (counts) {
                speeds.add(speed);
            }
        }
    }

    private ConfigurableApplicationContext application(String... settings) {
        return new SpringApplicationBuilder(Application.class)
                .web(WebApplicationType.NONE)
                .properties(settings)
                .properties(
                        "spring.main.banner-mode=off",
                        "spring.datasource.url=" + server.url(),
                        "spring.datasource.hikari.maximum-pool-size=" + (WRITERS + 2),
                        "synckit.postgres.schema=" + SCHEMA)
                .run();
    }

    @Configuration(proxyBeanMethods = false)
    @EnableAutoConfiguration
    static class Application {

        /** Somebody who hears of observations. */
        @Bean
        @ConditionalOnBooleanProperty("observed")
        ObservationHandler<Observation.Context> listener() {
            return context -> true;
        }
    }
}
