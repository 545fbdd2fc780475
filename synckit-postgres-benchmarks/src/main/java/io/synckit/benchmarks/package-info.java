/** Measurements of the store beside others, interleaved in one run on one server. */
@NullMarked
package io.synckit.benchmarks;

import org.jspecify.annotations.NullMarked;
