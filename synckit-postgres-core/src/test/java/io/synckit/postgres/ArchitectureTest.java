package io.synckit.postgres;

import static com.tngtech.archunit.lang.syntax.ArchRuleDefinition.classes;
import static com.tngtech.archunit.lang.syntax.ArchRuleDefinition.noClasses;
import static com.tngtech.archunit.library.Architectures.layeredArchitecture;
import static org.assertj.core.api.Assertions.assertThat;

import com.tngtech.archunit.core.domain.JavaClass;
import com.tngtech.archunit.core.domain.JavaClasses;
import com.tngtech.archunit.core.importer.ClassFileImporter;
import com.tngtech.archunit.core.importer.ImportOption;
import com.tngtech.archunit.library.dependencies.SlicesRuleDefinition;
import io.synckit.EventStoreException;
import java.time.Instant;
import java.util.Set;
import java.util.concurrent.Executors;
import java.util.stream.Collectors;
import org.junit.jupiter.api.Test;

/** The packages, their arrows, and the one package that knows each library. */
class ArchitectureTest {

    private static final JavaClasses CLASSES = new ClassFileImporter()
            .withImportOption(new ImportOption.DoNotIncludeTests())
            .importPackages("io.synckit");

    /** docs/architecture.md shows these arrows. */
    @Test
    void arrowsPointOneWay() {
        noClasses()
                .that()
                .resideInAPackage("io.synckit.internal")
                .should()
                .dependOnClassesThat()
                .resideInAnyPackage("io.synckit", "io.synckit.subscription..", "io.synckit.postgres..")
                .check(CLASSES);
        layeredArchitecture()
                .consideringOnlyDependenciesInLayers()
                .layer("api")
                .definedBy("io.synckit", "io.synckit.subscription")
                .layer("runtime")
                .definedBy("io.synckit.postgres.internal.runtime")
                .layer("json")
                .definedBy("io.synckit.postgres.internal.json")
                .layer("sql")
                .definedBy("io.synckit.postgres.internal.sql")
                .layer("append")
                .definedBy("io.synckit.postgres.internal.append")
                .layer("read")
                .definedBy("io.synckit.postgres.internal.read")
                .layer("listen")
                .definedBy("io.synckit.postgres.internal.listen")
                .layer("live")
                .definedBy("io.synckit.postgres.internal.live")
                .layer("durable")
                .definedBy("io.synckit.postgres.internal.durable")
                .layer("schema")
                .definedBy("io.synckit.postgres.schema")
                .layer("notification")
                .definedBy("io.synckit.postgres.notification")
                .layer("store")
                .definedBy("io.synckit.postgres")
                .whereLayer("api")
                .mayNotAccessAnyLayer()
                .whereLayer("runtime")
                .mayNotAccessAnyLayer()
                .whereLayer("json")
                .mayOnlyAccessLayers("api")
                .whereLayer("sql")
                .mayOnlyAccessLayers("api", "runtime", "json")
                .whereLayer("schema")
                .mayOnlyAccessLayers("api", "sql", "runtime")
                .whereLayer("append")
                .mayOnlyAccessLayers("api", "sql", "runtime", "json")
                .whereLayer("read")
                .mayOnlyAccessLayers("api", "sql", "runtime", "json")
                .whereLayer("listen")
                .mayOnlyAccessLayers("api", "sql", "runtime", "schema")
                .whereLayer("live")
                .mayOnlyAccessLayers("api", "sql", "runtime", "json", "listen")
                .whereLayer("durable")
                .mayOnlyAccessLayers("api", "sql", "runtime", "listen", "live")
                .whereLayer("notification")
                .mayOnlyAccessLayers("api", "sql", "runtime", "schema", "listen", "live", "durable")
                .whereLayer("store")
                .mayNotBeAccessedByAnyLayer()
                .check(CLASSES);
        SlicesRuleDefinition.slices()
                .matching("io.synckit.(**)")
                .should()
                .beFreeOfCycles()
                .check(CLASSES);
    }

    /** Everything else gets the time and its threads from there, so that tests of pure classes can choose the time. */
    @Test
    void onlyTheRuntimePackageReadsClocksAndCreatesThreads() {
        noClasses()
                .that()
                .resideOutsideOfPackage("io.synckit.postgres.internal.runtime")
                .should()
                .callMethod(System.class, "nanoTime")
                .orShould()
                .callMethod(System.class, "currentTimeMillis")
                .orShould()
                .callMethod(Instant.class, "now")
                .orShould()
                .callConstructor(Thread.class, Runnable.class)
                .orShould()
                .callConstructor(Thread.class, Runnable.class, String.class)
                .orShould()
                .dependOnClassesThat()
                .areAssignableTo(Executors.class)
                .check(CLASSES);
    }

    @Test
    void noFramework() {
        noClasses()
                .should()
                .dependOnClassesThat()
                .resideInAnyPackage("org.springframework..", "jakarta..")
                .check(CLASSES);
    }

    @Test
    void eachLibraryHasOneHome() {
        noClasses()
                .that()
                .resideOutsideOfPackage("io.synckit.postgres.internal.json")
                .and()
                .doNotHaveSimpleName("JsonCodecs")
                .should()
                .dependOnClassesThat()
                .resideInAPackage("tools.jackson..")
                .check(CLASSES);
        noClasses()
                .that()
                .resideOutsideOfPackage("io.synckit.postgres.schema")
                .should()
                .dependOnClassesThat()
                .resideInAPackage("org.flywaydb..")
                .check(CLASSES);
        noClasses()
                .that()
                .resideOutsideOfPackage("io.synckit.postgres.internal.sql")
                .should()
                .dependOnClassesThat()
                .resideInAPackage("org.postgresql..")
                .check(CLASSES);
        noClasses()
                .that()
                .haveNameNotMatching("io\\.synckit\\.postgres\\.(HikariPool.*|PostgresEventStore)")
                .should()
                .dependOnClassesThat()
                .resideInAPackage("com.zaxxer..")
                .check(CLASSES);
    }

    @Test
    void namesSayWhatAThingIs() {
        noClasses()
                .should()
                .haveNameMatching(".*(Impl|Helper|Util|Utils|Base|Common)$")
                .orShould()
                .haveSimpleNameStartingWith("Abstract")
                .check(CLASSES);
    }

    @Test
    void everyPackageIsNullMarked() {
        Set<String> packages = CLASSES.stream().map(JavaClass::getPackageName).collect(Collectors.toSet());
        assertThat(packages)
                .allSatisfy(name -> assertThat(Class.forName(name + ".package-info")
                                .isAnnotationPresent(org.jspecify.annotations.NullMarked.class))
                        .as(name)
                        .isTrue());
    }

    @Test
    void exceptionsAreUnderOneRoof() {
        classes()
                .that()
                .areAssignableTo(Exception.class)
                .should()
                .beAssignableTo(EventStoreException.class)
                .andShould()
                .haveSimpleNameEndingWith("Exception")
                .check(CLASSES);
    }
}
