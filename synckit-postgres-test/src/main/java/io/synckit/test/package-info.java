/** Test support: events without a database, scenarios with one, and a test slice. */
@NullMarked
package io.synckit.test;

import org.jspecify.annotations.NullMarked;
