/** The auto-configuration; nothing here is for callers. */
@NullMarked
package io.synckit.postgres.boot.autoconfigure;

import org.jspecify.annotations.NullMarked;
