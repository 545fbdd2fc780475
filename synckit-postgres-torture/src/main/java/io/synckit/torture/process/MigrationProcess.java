package io.synckit.torture.process;

import io.synckit.postgres.schema.SchemaMigrator;
import org.postgresql.ds.PGSimpleDataSource;

/** Creates the events table. A process of its own, so that a bug in the migration takes effect. */
public final class MigrationProcess {

    private MigrationProcess() {}

    /** @param args URL of the database */
    public static void main(String[] args) {
        PGSimpleDataSource owner = new PGSimpleDataSource();
        owner.setUrl(args[0]);
        new SchemaMigrator(owner, "synckit", "events", SchemaMigrator.Options.DEFAULTS).migrate();
    }
}
