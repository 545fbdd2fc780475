/** Metrics, traces, health and the Actuator endpoint. Not for use by applications. */
@NullMarked
package io.synckit.postgres.boot.actuate;

import org.jspecify.annotations.NullMarked;
