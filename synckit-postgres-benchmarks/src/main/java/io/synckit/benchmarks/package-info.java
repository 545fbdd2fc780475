/** Measures the store beside other ways, in turns, in one run on one server. */
@NullMarked
package io.synckit.benchmarks;

import org.jspecify.annotations.NullMarked;
