package io.synckit.subscription;

/**
 * The circumstances of a handler call.
 *
 * @param subscription name of the durable subscription
 * @param partition number of the partition, from 0
 * @param attempt number of this attempt at the event, for a batch at its first event, from 1. It can be lower than the
 *     number of calls, because some failures do not count, and it begins with 1 again after {@link DurableSubscription#requeue}
 * @param replay whether the event, for a batch its first event, is handled again after {@link DurableSubscription#replay}
 */
public record EventContext(String subscription, int partition, int attempt, boolean replay) {}
