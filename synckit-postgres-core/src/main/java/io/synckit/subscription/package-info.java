/** Consuming events: subscriptions, their options and handles, and the status of the listener. */
@org.jspecify.annotations.NullMarked
package io.synckit.subscription;
