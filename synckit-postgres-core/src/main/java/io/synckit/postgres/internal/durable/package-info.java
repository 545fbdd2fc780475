/** Durable subscriptions: ownership of partitions, processing, retries, and waiting for positions. */
@NullMarked
package io.synckit.postgres.internal.durable;

import org.jspecify.annotations.NullMarked;
