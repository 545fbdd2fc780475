/** Ways to store events in PostgreSQL and to hear of them, each as its documentation recommends; "tuned" where there is more to set. */
@NullMarked
package io.synckit.benchmarks.contenders;

import org.jspecify.annotations.NullMarked;
