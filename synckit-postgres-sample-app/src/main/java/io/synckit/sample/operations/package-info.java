/** What those who run the shop may do. */
@NullMarked
package io.synckit.sample.operations;

import org.jspecify.annotations.NullMarked;
