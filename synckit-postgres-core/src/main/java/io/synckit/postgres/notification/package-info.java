/**
 * Live: the listener, and subscriptions that are told of events as they are committed. They live in memory; what a process has seen is
 * forgotten with it.
 */
@NullMarked
package io.synckit.postgres.notification;

import org.jspecify.annotations.NullMarked;
