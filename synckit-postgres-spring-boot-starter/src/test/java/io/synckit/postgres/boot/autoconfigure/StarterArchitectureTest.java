package io.synckit.postgres.boot.autoconfigure;

import static com.tngtech.archunit.lang.syntax.ArchRuleDefinition.classes;
import static com.tngtech.archunit.lang.syntax.ArchRuleDefinition.noClasses;

import com.tngtech.archunit.core.domain.JavaClasses;
import com.tngtech.archunit.core.importer.ClassFileImporter;
import com.tngtech.archunit.core.importer.ImportOption;
import org.junit.jupiter.api.Test;

class StarterArchitectureTest {

    private static final JavaClasses CLASSES = new ClassFileImporter()
            .withImportOption(new ImportOption.DoNotIncludeTests())
            .importPackages("io.synckit.postgres.boot");

    @Test
    void autoConfigurationIsNotPublic() {
        classes()
                .that()
                .resideInAPackage("..boot.autoconfigure..")
                .and()
                .areTopLevelClasses()
                .should()
                .bePackagePrivate()
                .check(CLASSES);
    }

    @Test
    void noSqlOutsideTheCore() {
        noClasses()
                .should()
                .dependOnClassesThat()
                .resideInAnyPackage("io.synckit.postgres.internal.sql..", "org.springframework.jdbc.core..")
                .check(CLASSES);
    }
}
