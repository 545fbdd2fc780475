package io.synckit.postgres;

import static org.assertj.core.api.Assertions.assertThat;

import com.tngtech.archunit.core.domain.JavaClass;
import com.tngtech.archunit.core.domain.JavaModifier;
import com.tngtech.archunit.core.importer.ClassFileImporter;
import com.tngtech.archunit.core.importer.ImportOption;
import io.synckit.EventStoreException;
import io.synckit.InvalidConnectionException;
import io.synckit.SchemaException;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HashSet;
import java.util.Map;
import java.util.Set;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import org.junit.jupiter.api.Test;

/** Every error has a row in docs/errors.md, and every row and link of it leads to a test that is there. */
class ErrorsPageTest {

    private static final Path PAGE = Path.of("..", "docs", "errors.md");

    @Test
    void everyErrorHasARow() throws IOException {
        Set<String> errors = new ClassFileImporter()
                .withImportOption(new ImportOption.DoNotIncludeTests()).importPackages("io.synckit").stream()
                        .filter(type -> type.isAssignableTo(EventStoreException.class)
                                && type.getModifiers().contains(JavaModifier.PUBLIC))
                        .map(JavaClass::getSimpleName)
                        .collect(Collectors.toSet());
        Set<String> rows = Pattern.compile("(?m)^\\| `(\\w+)`(?:, reason `\\w+`)? \\|")
                .matcher(Files.readString(PAGE))
                .results()
                .map(row -> row.group(1))
                .collect(Collectors.toSet());

        assertThat(rows).isEqualTo(errors);
    }

    @Test
    void everyReasonHasARow() throws IOException {
        String page = Files.readString(PAGE);

        for (SchemaException.Reason reason : SchemaException.Reason.values()) {
            assertThat(page).contains("| `SchemaException`, reason `" + reason + "` |");
        }
        for (InvalidConnectionException.Reason reason : InvalidConnectionException.Reason.values()) {
            assertThat(page).contains("| `InvalidConnectionException`, reason `" + reason + "` |");
        }
    }

    @Test
    void everyRowIsLinkedToATestThatIsThere() throws IOException {
        String page = Files.readString(PAGE);
        Map<String, String> files = Pattern.compile("(?m)^\\[(\\w+)]: (.+)$")
                .matcher(page)
                .results()
                .collect(Collectors.toMap(link -> link.group(1), link -> link.group(2)));
        Set<String> used = new HashSet<>();
        Matcher tests = Pattern.compile("\\[(\\w+)]\\[(\\w+)]").matcher(page);
        while (tests.find()) {
            used.add(tests.group(2));
            String source = Files.readString(PAGE.resolveSibling(files.get(tests.group(2))));
            assertThat(source).contains("void " + tests.group(1) + "(");
        }
        assertThat(used).isEqualTo(files.keySet());
        assertThat(page.lines().filter(line -> line.startsWith("| `"))).allMatch(line -> line.contains("]["));
    }
}
