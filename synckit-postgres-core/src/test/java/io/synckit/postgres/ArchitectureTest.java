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
import java.util.Set;
import java.util.stream.Collectors;
import org.junit.jupiter.api.Test;

/** The arrows: io.synckit ← internal ← schema ← postgres, and one package that knows each library. */
class ArchitectureTest {

    private static final JavaClasses CLASSES = new ClassFileImporter()
            .withImportOption(new ImportOption.DoNotIncludeTests())
            .importPackages("io.synckit");

    @Test
    void arrowsPointOneWay() {
        layeredArchitecture()
                .consideringOnlyDependenciesInLayers()
                .layer("api")
                .definedBy("io.synckit")
                .layer("internal")
                .definedBy("io.synckit.postgres.internal..")
                .layer("schema")
                .definedBy("io.synckit.postgres.schema")
                .layer("postgres")
                .definedBy("io.synckit.postgres")
                .whereLayer("internal")
                .mayOnlyBeAccessedByLayers("schema", "postgres")
                .whereLayer("schema")
                .mayOnlyBeAccessedByLayers("postgres")
                .whereLayer("postgres")
                .mayNotBeAccessedByAnyLayer()
                .check(CLASSES);
        noClasses()
                .that()
                .resideInAPackage("io.synckit")
                .should()
                .dependOnClassesThat()
                .resideInAPackage("io.synckit.postgres..")
                .check(CLASSES);
        SlicesRuleDefinition.slices()
                .matching("io.synckit.(**)")
                .should()
                .beFreeOfCycles()
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
                .resideOutsideOfPackage("io.synckit.postgres.internal.jdbc")
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
