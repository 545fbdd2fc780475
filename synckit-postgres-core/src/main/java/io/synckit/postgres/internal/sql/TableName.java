package io.synckit.postgres.internal.sql;

import io.synckit.InvalidConfigException;
import java.util.regex.Pattern;

/**
 * A table and its schema. The names of everything that belongs to the table start with its name, and none may exceed PostgreSQL's
 * 63 bytes, so it has at most 40 characters.
 *
 * @param schema a plain identifier of at most 63 characters; upper case is kept
 * @param table a plain identifier of at most 40 characters; upper case is kept
 */
public record TableName(String schema, String table) {

    private static final Pattern IDENTIFIER = Pattern.compile("[A-Za-z_][A-Za-z0-9_]*");
    private static final int MAX_SCHEMA = 63;
    private static final int MAX_TABLE = 40;

    /** @throws InvalidConfigException if a name is not a plain identifier, or too long */
    public TableName {
        require("schema", schema, MAX_SCHEMA);
        require("tableName", table, MAX_TABLE);
        if (schema.startsWith("pg_")) {
            throw new InvalidConfigException(
                    "schema", "is '" + schema + "'; names that begin with pg_ belong to PostgreSQL");
        }
    }

    private static void require(String what, String name, int max) {
        if (!IDENTIFIER.matcher(name).matches() || name.length() > max) {
            throw new InvalidConfigException(
                    what,
                    "is '" + name + "'; possible are letters, digits and underscores, not a" + " digit first, at most "
                            + max + " characters");
        }
    }

    /** The name of something that belongs to the table, quoted and with its schema: {@code member("_horizon")}. */
    public String member(String suffix) {
        return '"' + schema + "\".\"" + table + suffix + '"';
    }

    /** The table, quoted and with its schema. */
    public String quoted() {
        return member("");
    }

    @Override
    public String toString() {
        return schema + "." + table;
    }
}
