/** What an application writes to steer the auto-configuration. */
@NullMarked
package io.synckit.postgres.boot;

import org.jspecify.annotations.NullMarked;
