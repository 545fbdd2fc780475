/** The listener, with the names of go-sync-kit. */
@NullMarked
package io.synckit.postgres.notification;

import org.jspecify.annotations.NullMarked;
