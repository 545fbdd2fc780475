/** What all packages use, and users do not name. */
@NullMarked
package io.synckit.internal;

import org.jspecify.annotations.NullMarked;
