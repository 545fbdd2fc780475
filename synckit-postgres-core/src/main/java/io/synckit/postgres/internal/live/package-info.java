/** Live subscriptions: positions, delivery to handlers, the index by event type and aggregate. */
@org.jspecify.annotations.NullMarked
package io.synckit.postgres.internal.live;
