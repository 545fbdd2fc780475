/** The connection and all SQL: of the events table, a class for its writers and one for its readers; of the catalog, one. */
@NullMarked
package io.synckit.postgres.internal.sql;

import org.jspecify.annotations.NullMarked;
