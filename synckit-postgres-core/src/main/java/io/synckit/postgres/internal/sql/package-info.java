/** All SQL and the driver: one class for each statement that appends, and one for each kind of query. */
@NullMarked
package io.synckit.postgres.internal.sql;

import org.jspecify.annotations.NullMarked;
