/** Ways to store and deliver events with PostgreSQL, each configured as its documentation recommends; "tuned" has further settings. */
@NullMarked
package io.synckit.benchmarks.contenders;

import org.jspecify.annotations.NullMarked;
