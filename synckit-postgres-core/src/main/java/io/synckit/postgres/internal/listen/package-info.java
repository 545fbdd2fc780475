/** Reads new events once for the whole process: the connection that listens, when to read, reconnecting and polling. */
@org.jspecify.annotations.NullMarked
package io.synckit.postgres.internal.listen;
