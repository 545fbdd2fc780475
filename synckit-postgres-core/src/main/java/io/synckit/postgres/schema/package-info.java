/** The tables: who makes them, and whether they are as they must be. */
@NullMarked
package io.synckit.postgres.schema;

import org.jspecify.annotations.NullMarked;
