/** The auto-configuration. Not for use by applications. */
@NullMarked
package io.synckit.postgres.boot.autoconfigure;

import org.jspecify.annotations.NullMarked;
