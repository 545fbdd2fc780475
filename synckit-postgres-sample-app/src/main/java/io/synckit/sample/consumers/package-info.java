/** Durable subscriptions: a read model and a sender of confirmations, which survive crashes and share their work with other instances. */
@NullMarked
package io.synckit.sample.consumers;

import org.jspecify.annotations.NullMarked;
