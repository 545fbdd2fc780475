/** The event log over HTTP. */
@NullMarked
package io.synckit.sample.events;

import org.jspecify.annotations.NullMarked;
