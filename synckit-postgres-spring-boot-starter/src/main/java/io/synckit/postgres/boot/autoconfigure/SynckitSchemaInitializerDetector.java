package io.synckit.postgres.boot.autoconfigure;

import java.util.Set;
import org.springframework.boot.sql.init.dependency.AbstractBeansOfTypeDatabaseInitializerDetector;

/** Lets the migration run after that of the application, and before everything that uses the database. */
final class SynckitSchemaInitializerDetector extends AbstractBeansOfTypeDatabaseInitializerDetector {

    private static final int AFTER_THOSE_OF_BOOT = 100;

    @Override
    protected Set<Class<?>> getDatabaseInitializerBeanTypes() {
        return Set.of(SynckitSchemaInitializer.class);
    }

    @Override
    public int getOrder() {
        return AFTER_THOSE_OF_BOOT;
    }
}
