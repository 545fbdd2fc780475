package io.synckit.postgres.boot;

import io.synckit.subscription.DurableOptions;
import java.lang.annotation.Documented;
import java.lang.annotation.ElementType;
import java.lang.annotation.Repeatable;
import java.lang.annotation.Retention;
import java.lang.annotation.RetentionPolicy;
import java.lang.annotation.Target;

/**
 * Makes a method of a bean the handler of a durable subscription. The subscription continues at its checkpoint after a restart, and all
 * instances of the application share its work.
 *
 * <p>A method for single events has the payload as a parameter, {@code StoredEvent}, or both. A method for batches has
 * {@code List<StoredEvent>}. Both can also have {@code EventContext}. The order is free. The types of events follow from the class of the
 * payload, unless {@link #types} is given. Texts can contain placeholders and SpEL ({@code #{…}}).
 *
 * <p>With {@code @Transactional} on the method or its class, delivery is exactly-once for what the method writes in that transaction.
 * Otherwise it is at-least-once.
 */
@Documented
@Target({ElementType.METHOD, ElementType.ANNOTATION_TYPE})
@Retention(RetentionPolicy.RUNTIME)
@Repeatable(SynckitListener.All.class)
public @interface SynckitListener {

    /** The name of the subscription. It identifies the checkpoint, so it must not change. */
    String subscription();

    /** The event types. By default those of the payload's class, or all if there is no payload parameter. */
    String[] types() default {};

    /** The aggregate ids. By default all. */
    String[] aggregateIds() default {};

    /** Where the subscription starts when it is started for the first time. */
    Start startFrom() default Start.NOW;

    /** The number of partitions, which are handled at the same time. It cannot be changed later. */
    int partitions() default 1;

    /** SpEL expression that returns the key of an event from {@code event}, for example {@code event.metadata()['tenant']}. By default the aggregate id. */
    String keyedBy() default "";

    /** The delivery guarantee. */
    Delivery delivery() default Delivery.AUTO;

    /** What a failing event holds back. */
    DurableOptions.Ordering ordering() default DurableOptions.Ordering.PER_KEY;

    /** What happens to an event whose attempts have all failed. */
    DurableOptions.OnExhausted onExhausted() default DurableOptions.OnExhausted.PARK;

    /** How often a failing event is tried again. */
    int maxRetries() default 9;

    /** The pause after the first failure, for example {@code 1s}. A number without a unit is in milliseconds. */
    String delay() default "1s";

    /** The factor from one pause to the next. */
    double multiplier() default 2;

    /** The longest pause, for example {@code 5m}. A number without a unit is in milliseconds. */
    String maxDelay() default "5m";

    /** The maximum number of events in a transaction, or in a call with {@code List<StoredEvent>}. */
    int maxBatch() default DurableOptions.DEFAULT_MAX_BATCH;

    /** {@code false}: this instance does not run the subscription, so {@code EventSubscriptions.durable(name)} is empty in it. */
    String autoStartup() default "true";

    /** Where a subscription starts for the first time. */
    enum Start {

        /** With the first event of the log. */
        BEGINNING,

        /** With the events that readers can read from now on. */
        NOW
    }

    /** The delivery guarantee. */
    enum Delivery {

        /** Exactly-once if the method is {@code @Transactional}, otherwise at-least-once. */
        AUTO,

        /** See {@link DurableOptions.Delivery#EXACTLY_ONCE}. */
        EXACTLY_ONCE,

        /** See {@link DurableOptions.Delivery#AT_LEAST_ONCE}. */
        AT_LEAST_ONCE
    }

    /** Several subscriptions of one method. */
    @Documented
    @Target({ElementType.METHOD, ElementType.ANNOTATION_TYPE})
    @Retention(RetentionPolicy.RUNTIME)
    @interface All {

        /** The subscriptions. */
        SynckitListener[] value();
    }
}
