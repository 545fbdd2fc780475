/** A PostgreSQL of the sample's own, when there is no other. */
@NullMarked
package io.synckit.sample.database;

import org.jspecify.annotations.NullMarked;
