/** The event store on PostgreSQL, and its settings. */
@NullMarked
package io.synckit.postgres;

import org.jspecify.annotations.NullMarked;
