package io.synckit.postgres.boot;

import io.synckit.subscription.DurableOptions;

/**
 * Changes the options of methods with {@link SynckitListener}, for example to set {@link DurableOptions#onParked} for all of them. All beans
 * of this type are called in their order, once for each subscription.
 */
@FunctionalInterface
public interface SynckitListenerCustomizer {

    /** Returns changed options. The name and the delivery must not change, otherwise the start fails. */
    DurableOptions customize(DurableOptions options);
}
