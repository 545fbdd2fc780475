/** The sample: a small shop. */
@NullMarked
package io.synckit.sample;

import org.jspecify.annotations.NullMarked;
