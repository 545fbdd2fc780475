package io.synckit.postgres.internal.json;

import io.synckit.internal.Texts;
import java.math.BigDecimal;
import java.nio.charset.StandardCharsets;
import org.jspecify.annotations.Nullable;
import tools.jackson.core.JacksonException;
import tools.jackson.core.JsonParser;
import tools.jackson.core.JsonToken;
import tools.jackson.core.ObjectReadContext;
import tools.jackson.core.StreamReadFeature;
import tools.jackson.core.json.JsonFactory;

/**
 * The check of a text: whether it is one JSON value that {@code jsonb} stores and that can be read again. {@code jsonb} rejects U+0000 and
 * lone surrogates, keeps only the last of equal keys, and prints numbers without an exponent. Jackson reads numbers of up to 1000
 * characters.
 *
 * @param problem why it cannot be stored; null if it can
 * @param bytes length in UTF-8 with the numbers written without an exponent; 0 if it cannot be stored
 */
public record StorableJson(@Nullable String problem, long bytes) {

    private static final int MAX_NUMBER_LENGTH = 1000;

    private static final JsonFactory FACTORY = JsonFactory.builder()
            .enable(StreamReadFeature.STRICT_DUPLICATE_DETECTION)
            .build();

    /** Checks a text. */
    public static StorableJson of(String json) {
        // Half of a pair as a character and half as an escape is a pair to the parser, but none to PostgreSQL.
        String unstorable = Texts.unstorable(json);
        if (unstorable != null) {
            return wrong(unstorable(unstorable));
        }
        try (JsonParser parser = FACTORY.createParser(ObjectReadContext.empty(), json)) {
            JsonToken token = parser.nextToken();
            if (token == null) {
                return wrong("there is no JSON value");
            }
            long writtenOut = 0;
            int depth = 0;
            do {
                if (token.isStructStart()) {
                    depth++;
                } else if (token.isStructEnd()) {
                    depth--;
                } else if (token == JsonToken.PROPERTY_NAME || token == JsonToken.VALUE_STRING) {
                    unstorable = Texts.unstorable(parser.getString());
                    if (unstorable != null) {
                        return wrong(unstorable(unstorable));
                    }
                } else if (token.isNumeric()) {
                    String number = parser.getString();
                    long length = lengthWrittenOut(number);
                    if (length > MAX_NUMBER_LENGTH) {
                        return wrong("the number " + (number.length() > 40 ? number.substring(0, 40) + "…" : number)
                                + " needs more than " + MAX_NUMBER_LENGTH
                                + " characters without an exponent; give it as a text");
                    }
                    writtenOut += Math.max(0, length - number.length());
                }
                token = parser.nextToken();
            } while (token != null && depth > 0);
            return token == null
                    ? new StorableJson(null, json.getBytes(StandardCharsets.UTF_8).length + writtenOut)
                    : wrong("there is more than one JSON value");
        } catch (JacksonException e) {
            return wrong("it is not JSON that can be stored: " + e.getOriginalMessage());
        }
    }

    private static StorableJson wrong(String problem) {
        return new StorableJson(problem, 0);
    }

    private static String unstorable(String character) {
        return "it contains " + character + ", which PostgreSQL cannot store; remove it from the text";
    }

    private static long lengthWrittenOut(String number) {
        if (number.indexOf('e') < 0 && number.indexOf('E') < 0) {
            return number.length();
        }
        try {
            BigDecimal value = new BigDecimal(number);
            long integerDigits = Math.max(1, (long) value.precision() - value.scale());
            long fractionDigits = Math.max(0, value.scale());
            return integerDigits + fractionDigits + "-.".length();
        } catch (NumberFormatException e) {
            return Long.MAX_VALUE; // an exponent beyond an int
        }
    }
}
