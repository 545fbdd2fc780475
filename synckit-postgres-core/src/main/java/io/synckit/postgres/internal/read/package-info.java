/** Reads events: pages and streams, up to the horizon. */
@org.jspecify.annotations.NullMarked
package io.synckit.postgres.internal.read;
