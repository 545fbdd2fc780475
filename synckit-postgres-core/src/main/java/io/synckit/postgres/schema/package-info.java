/** The schema: migration, and the check at start-up. */
@NullMarked
package io.synckit.postgres.schema;

import org.jspecify.annotations.NullMarked;
