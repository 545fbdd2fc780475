/** Support for background work: clocks, named threads, back-off, completion of futures, and a watchdog of database calls. */
@NullMarked
package io.synckit.postgres.internal.runtime;

import org.jspecify.annotations.NullMarked;
