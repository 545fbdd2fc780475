package io.synckit.postgres.internal.sql;

import java.sql.SQLException;
import org.jspecify.annotations.Nullable;

/** A function that talks to the database. */
@FunctionalInterface
public interface SqlFunction<T, R extends @Nullable Object> {

    R apply(T argument) throws SQLException;
}
