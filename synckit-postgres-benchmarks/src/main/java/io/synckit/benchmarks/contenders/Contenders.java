package io.synckit.benchmarks.contenders;

import io.synckit.postgres.schema.NotifyMode;
import java.util.Collection;
import java.util.HashSet;
import java.util.List;
import java.util.Set;

/** All contenders. */
public final class Contenders {

    private Contenders() {}

    public static List<Contender> all(Database database) {
        return List.of(
                new Ours(database, NotifyMode.COALESCED),
                new Ours(database, NotifyMode.EACH_EVENT),
                new Ours(database, NotifyMode.OFF),
                new OursAsync(database, false),
                new OursAsync(database, true),
                new Bare(database, Bare.Batch.ARRAYS, false),
                new Bare(database, Bare.Batch.COPY, false),
                new Bare(database, Bare.Batch.ARRAYS, true),
                new Seed(database),
                new XminReader(database),
                new Axon(database, false),
                new Axon(database, true),
                new Essentials(database, false),
                new Essentials(database, true),
                new SpringIntegration(database, false),
                new SpringIntegration(database, true));
    }

    /** Creates the tables of these contenders, each once. */
    public static void create(Collection<Contender> contenders) throws Exception {
        Set<String> made = new HashSet<>();
        for (Contender contender : contenders) {
            if (made.add(contender.table())) {
                contender.create();
            }
        }
    }

    /** Returns the contender with this name. */
    public static Contender named(String name, Database database) {
        return all(database).stream()
                .filter(contender -> contender.name().equals(name))
                .findAny()
                .orElseThrow(() -> new IllegalArgumentException(name));
    }
}
