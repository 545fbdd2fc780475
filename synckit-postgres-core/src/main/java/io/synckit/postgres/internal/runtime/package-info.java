/** What background work rests on: threads with names, pauses that grow, a watch over calls that hang. */
@NullMarked
package io.synckit.postgres.internal.runtime;

import org.jspecify.annotations.NullMarked;
