package io.synckit.benchmarks;

import io.synckit.benchmarks.contenders.Database;
import java.util.List;
import java.util.Locale;

/** Measures what the starter adds to the start of an application with a database and a migrated schema, with a process for each start. */
final class StartUp {

    private static final String WITH = "with the event store";
    private static final String WITHOUT = "without";

    private StartUp() {}

    static void measure(Database database, Report report, Profile profile) throws Exception {
        database.execute("drop schema if exists start_up cascade");
        Samples samples = new Samples("start-up", "from the JVM's start to an application that is ready", "ms");
        samples.addAll(WITH, List.of());
        samples.addAll(WITHOUT, List.of());
        Turns.take(profile.first(1), profile.starts(), List.of(WITH, WITHOUT), (whose, counts) -> {
            try (Child child = Child.start(
                    StartUpProcess.class,
                    "--spring.datasource.url=" + database.url(),
                    "--synckit.postgres.schema=start_up",
                    "--synckit.postgres.enabled=" + whose.equals(WITH))) {
                double millis = Double.parseDouble(child.answers().get(0));
                if (counts) {
                    samples.add(whose, millis);
                }
            }
        });
        double added = samples.median(WITH) - samples.median(WITHOUT);
        samples.remark(WITH, String.format(Locale.ROOT, "adds %.0f %%", 100 * added / samples.median(WITHOUT)));
        report.table(samples);
        report.atMost("start-up-ms", added, 300);
    }
}
