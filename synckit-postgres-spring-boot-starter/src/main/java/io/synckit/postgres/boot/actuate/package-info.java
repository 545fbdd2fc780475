/** Metrics, traces, health and the Actuator endpoint; nothing here is for callers. */
@NullMarked
package io.synckit.postgres.boot.actuate;

import org.jspecify.annotations.NullMarked;
