package io.synckit;

import java.lang.annotation.Documented;
import java.lang.annotation.ElementType;
import java.lang.annotation.Retention;
import java.lang.annotation.RetentionPolicy;
import java.lang.annotation.Target;

/**
 * Gives the events with a payload class their type, for writing ({@link Event#of(String, Object)}) and for reading. Without it, the type is
 * the simple name of the class, which changes when the class is renamed.
 */
@Documented
@Target(ElementType.TYPE)
@Retention(RetentionPolicy.RUNTIME)
public @interface EventType {

    /** The event type. */
    String value();

    /**
     * The revision of the payload. Above 1, it is stored in the metadata {@value EventTypes#REVISION}. {@link EventUpcaster}s bring the data of
     * earlier revisions up to it. Data of a later revision is not read.
     */
    int revision() default 1;
}
