package io.synckit.postgres.notification;

/**
 * What a listener has done since it was made.
 *
 * @param reconnects connections that it has lost and made again
 * @param bells how often the bell was heard
 * @param polls looks at the table that nobody rang for
 * @param failedPolls polls that the database did not answer
 */
public record ListenerCounts(long reconnects, long bells, long polls, long failedPolls) {}
