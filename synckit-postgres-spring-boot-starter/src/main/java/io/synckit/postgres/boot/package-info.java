/** Annotations and types with which an application changes the auto-configuration. */
@NullMarked
package io.synckit.postgres.boot;

import org.jspecify.annotations.NullMarked;
