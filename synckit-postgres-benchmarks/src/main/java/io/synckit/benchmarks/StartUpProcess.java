package io.synckit.benchmarks;

import java.lang.management.ManagementFactory;
import org.springframework.boot.WebApplicationType;
import org.springframework.boot.autoconfigure.EnableAutoConfiguration;
import org.springframework.boot.builder.SpringApplicationBuilder;
import org.springframework.context.ConfigurableApplicationContext;
import org.springframework.context.annotation.Configuration;
import org.springframework.jdbc.core.JdbcTemplate;

/** An application that starts, uses its database once, prints the time since the start of the JVM, and ends. */
final class StartUpProcess {

    private StartUpProcess() {}

    /** @param arguments settings */
    public static void main(String[] arguments) {
        try (ConfigurableApplicationContext application = new SpringApplicationBuilder(Application.class)
                .web(WebApplicationType.NONE)
                .properties("spring.main.banner-mode=off")
                .run(arguments)) {
            application.getBean(JdbcTemplate.class).execute("select 1");
            long started = ManagementFactory.getRuntimeMXBean().getStartTime();
            System.out.println(System.currentTimeMillis() - started);
            System.out.println("done");
        }
    }

    @Configuration(proxyBeanMethods = false)
    @EnableAutoConfiguration
    static class Application {}
}
