package io.synckit.postgres.internal.json;

import static org.assertj.core.api.Assertions.assertThat;

import io.synckit.postgres.testing.TestDatabase;
import io.synckit.postgres.testing.TestPostgres;
import java.sql.Connection;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.Test;

/** Compares with PostgreSQL's operator. */
class JsonContainmentTest {

    private static final List<String> VALUES = List.of(
            "1",
            "1.0",
            "10e-1",
            "-0",
            "0",
            "12345678901234567890.5",
            "\"a\"",
            "\"1\"",
            "\"\"",
            "null",
            "true",
            "false",
            "[]",
            "{}",
            "[1]",
            "[1, 1]",
            "[1, 2]",
            "[2, 1, 3]",
            "[[1]]",
            "[[1, 2]]",
            "[null]",
            "[\"a\"]",
            "[{}]",
            "[{\"a\": 1}]",
            "{\"a\": 1}",
            "{\"a\": 1.00}",
            "{\"a\": null}",
            "{\"a\": [1, 2]}",
            "{\"a\": {\"b\": 1}}",
            "{\"a\": {\"b\": 1, \"c\": 2}, \"d\": 3}",
            "{\"a\": [{\"b\": 1}]}",
            "{\"a\": [{\"b\": 1, \"c\": 2}, 3]}");

    @Test
    void agreesWithPostgreSql() throws SQLException {
        List<String> values = new ArrayList<>(VALUES);
        Random random = new Random(1);
        for (int i = 0; i < 60; i++) {
            values.add(randomJson(random, 3));
        }
        try (TestDatabase database = TestPostgres.shared().emptyDatabase();
                Connection connection = database.connect();
                PreparedStatement query = connection.prepareStatement("select ?::jsonb @> ?::jsonb")) {
            for (String whole : values) {
                for (String part : values) {
                    query.setString(1, whole);
                    query.setString(2, part);
                    try (ResultSet rows = query.executeQuery()) {
                        rows.next();
                        assertThat(JsonContainment.of(part).isIn(whole))
                                .as("%s @> %s", whole, part)
                                .isEqualTo(rows.getBoolean(1));
                    }
                }
            }
        }
    }

    private static String randomJson(Random random, int depth) {
        int kind = random.nextInt(depth == 0 ? 3 : 5);
        return switch (kind) {
            case 0 -> String.valueOf(random.nextInt(3));
            case 1 -> '"' + String.valueOf((char) ('a' + random.nextInt(2))) + '"';
            case 2 -> random.nextBoolean() ? "null" : "true";
            case 3 -> {
                List<String> elements = new ArrayList<>();
                for (int i = random.nextInt(3); i > 0; i--) {
                    elements.add(randomJson(random, depth - 1));
                }
                yield elements.toString();
            }
            default -> {
                List<String> entries = new ArrayList<>();
                for (int i = random.nextInt(3); i > 0; i--) {
                    entries.add("\"" + (char) ('a' + i) + "\": " + randomJson(random, depth - 1));
                }
                yield "{" + String.join(", ", entries) + "}";
            }
        };
    }
}
