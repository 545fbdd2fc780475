package io.synckit.benchmarks;

import io.micrometer.observation.Observation;
import io.micrometer.observation.ObservationHandler;
import io.synckit.EventStore;
import io.synckit.benchmarks.contenders.Contender;
import io.synckit.benchmarks.contenders.Database;
import io.synckit.benchmarks.contenders.Order;
import io.synckit.benchmarks.contenders.Ours;
import java.util.List;
import java.util.Set;
import org.springframework.boot.WebApplicationType;
import org.springframework.boot.autoconfigure.EnableAutoConfiguration;
import org.springframework.boot.autoconfigure.condition.ConditionalOnBooleanProperty;
import org.springframework.boot.builder.SpringApplicationBuilder;
import org.springframework.context.ConfigurableApplicationContext;
import org.springframework.context.annotation.Bean;
import org.springframework.context.annotation.Configuration;

/** Measures what metrics and traces cost an append, with applications that differ only in their instrumentation, on one table. */
final class Observed {

    private static final int WRITERS = 16;
    private static final String SCHEMA = "bench_observed";

    /** Short turns, so that a checkpoint or a vacuum affects all contenders. */
    private static final int TURN = 500;

    private static final int WARM_UP = 12;
    private static final String OFF = "nothing is observed";
    private static final String NO_TRACER = "spring.autoconfigure.exclude="
            + "org.springframework.boot.micrometer.tracing.opentelemetry.autoconfigure.OpenTelemetryTracingAutoConfiguration";

    private final Database database;
    private final Report report;
    private final int rounds;

    Observed(Database database, Report report, int rounds) {
        this.database = database;
        this.report = report;
        this.rounds = rounds;
    }

    void run() throws Exception {
        database.execute("drop schema if exists " + SCHEMA + " cascade");
        List<Application> applications = List.of(
                start(OFF, "synckit.postgres.enable-metrics=false", NO_TRACER),
                start("metrics", NO_TRACER),
                start("metrics, by observations", "observed=true", NO_TRACER),
                start("metrics and traces"));
        Samples samples = new Samples("observed", "one event a transaction, " + WRITERS + " writers", "events/s");
        applications.forEach(application -> samples.addAll(application.name, List.of()));
        try {
            Turns.take(WARM_UP, rounds, applications, (application, counts) -> {
                double speed = Writers.store(application, WRITERS, TURN).perSecond();
                if (counts) {
                    samples.add(application.name, speed);
                }
            });
        } finally {
            applications.forEach(Application::close);
        }
        report.table(samples);
        report.atLeast("metrics-16", samples.ratio("metrics", OFF), 0.97);
        report.atLeast("observations-16", samples.ratio("metrics, by observations", OFF), 0.97);
        report.atLeast("traces-16", samples.ratio("metrics and traces", OFF), 0.97);
    }

    private Application start(String name, String... settings) {
        return new Application(
                name,
                new SpringApplicationBuilder(Settings.class)
                        .web(WebApplicationType.NONE)
                        .properties(settings)
                        .properties(
                                "spring.main.banner-mode=off",
                                "spring.datasource.url=" + database.url(),
                                "spring.datasource.hikari.maximum-pool-size=" + (WRITERS + 2),
                                "synckit.postgres.schema=" + SCHEMA)
                        .run());
    }

    private record Application(String name, ConfigurableApplicationContext context) implements Contender {

        @Override
        public Set<Can> can() {
            return Set.of();
        }

        @Override
        public void create() {}

        @Override
        public long store(Order order) {
            long start = System.nanoTime();
            context.getBean(EventStore.class).store(Ours.event(order));
            return start;
        }

        @Override
        public void close() {
            context.close();
        }
    }

    @Configuration(proxyBeanMethods = false)
    @EnableAutoConfiguration
    static class Settings {

        /** Receives observations. */
        @Bean
        @ConditionalOnBooleanProperty("observed")
        ObservationHandler<Observation.Context> listener() {
            return context -> true;
        }
    }
}
