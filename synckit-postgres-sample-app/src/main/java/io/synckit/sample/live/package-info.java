/** Events as they happen, as server-sent events, and the listener behind them. */
@NullMarked
package io.synckit.sample.live;

import org.jspecify.annotations.NullMarked;
