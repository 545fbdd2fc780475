/** The connection and all SQL: one class for each table. */
@NullMarked
package io.synckit.postgres.internal.jdbc;

import org.jspecify.annotations.NullMarked;
