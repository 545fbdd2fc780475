package io.synckit.postgres.internal.json;

import io.synckit.EventLimits;
import java.math.BigDecimal;
import org.jspecify.annotations.Nullable;
import tools.jackson.core.JacksonException;
import tools.jackson.core.JsonParser;
import tools.jackson.core.JsonToken;
import tools.jackson.core.ObjectReadContext;
import tools.jackson.core.StreamReadFeature;
import tools.jackson.core.json.JsonFactory;

/**
 * Whether a text is one JSON value that {@code jsonb} keeps without loss and that can be read again. {@code jsonb} refuses U+0000
 * and lone surrogates, drops all but the last of equal keys, and prints numbers without an exponent; Jackson reads
 * numbers of up to 1000 characters.
 */
public final class StorableJson {

    private static final int MAX_NUMBER_LENGTH = 1000;

    private static final JsonFactory FACTORY = JsonFactory.builder()
            .enable(StreamReadFeature.STRICT_DUPLICATE_DETECTION)
            .build();

    private StorableJson() {}

    /** What is wrong with the text, or null. */
    public static @Nullable String problem(String json) {
        try (JsonParser parser = FACTORY.createParser(ObjectReadContext.empty(), json)) {
            JsonToken token = parser.nextToken();
            if (token == null) {
                return "there is no JSON value";
            }
            int depth = 0;
            do {
                if (token.isStructStart()) {
                    depth++;
                } else if (token.isStructEnd()) {
                    depth--;
                }
                String problem = problem(parser, token);
                if (problem != null) {
                    return problem;
                }
                token = parser.nextToken();
            } while (token != null && depth > 0);
            return token == null ? null : "there is more than one JSON value";
        } catch (JacksonException e) {
            return "it is not JSON that can be stored: " + e.getOriginalMessage();
        }
    }

    private static @Nullable String problem(JsonParser parser, JsonToken token) {
        switch (token) {
            case PROPERTY_NAME, VALUE_STRING -> {
                String unstorable = EventLimits.unstorable(parser.getString());
                return unstorable == null
                        ? null
                        : "it contains " + unstorable + ", which PostgreSQL cannot store; remove it from the text";
            }
            case VALUE_NUMBER_INT, VALUE_NUMBER_FLOAT -> {
                return numberProblem(parser.getString());
            }
            default -> {
                return null;
            }
        }
    }

    private static @Nullable String numberProblem(String number) {
        if (number.length() <= MAX_NUMBER_LENGTH && number.indexOf('e') < 0 && number.indexOf('E') < 0) {
            return null;
        }
        try {
            BigDecimal value = new BigDecimal(number);
            long integerDigits = Math.max(1, (long) value.precision() - value.scale());
            long fractionDigits = Math.max(0, value.scale());
            if (integerDigits + fractionDigits + 2 <= MAX_NUMBER_LENGTH) {
                return null;
            }
        } catch (NumberFormatException e) {
            // An exponent beyond an int: certainly too long.
        }
        return "the number " + (number.length() > 40 ? number.substring(0, 40) + "…" : number) + " needs more than "
                + MAX_NUMBER_LENGTH + " characters without an exponent; give it as a text";
    }
}
