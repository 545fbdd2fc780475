package io.synckit.subscription;

/**
 * The counters of a listener since it was created.
 *
 * @param reconnects connections that were lost and replaced
 * @param notifications notifications that were received
 * @param polls reads without a notification
 * @param failedPolls polls that have failed
 */
public record ListenerCounts(long reconnects, long notifications, long polls, long failedPolls) {}
