/** Stores events: encoding, the statement that appends, retries after conflicts, and group commit. */
@org.jspecify.annotations.NullMarked
package io.synckit.postgres.internal.append;
