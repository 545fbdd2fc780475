/** Orders: a row and an event, in one transaction. */
@NullMarked
package io.synckit.sample.orders;

import org.jspecify.annotations.NullMarked;
