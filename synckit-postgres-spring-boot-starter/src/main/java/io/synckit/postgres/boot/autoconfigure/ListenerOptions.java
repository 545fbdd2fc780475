package io.synckit.postgres.boot.autoconfigure;

import io.synckit.Filter;
import io.synckit.StoredEvent;
import io.synckit.postgres.boot.SynckitListener;
import io.synckit.subscription.DurableOptions;
import io.synckit.subscription.StartFrom;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Collection;
import java.util.List;
import java.util.function.Function;
import org.jspecify.annotations.Nullable;
import org.springframework.beans.BeansException;
import org.springframework.beans.factory.config.BeanExpressionContext;
import org.springframework.beans.factory.config.BeanExpressionResolver;
import org.springframework.beans.factory.config.ConfigurableBeanFactory;
import org.springframework.boot.convert.ApplicationConversionService;
import org.springframework.boot.convert.DurationStyle;
import org.springframework.core.convert.ConversionFailedException;
import org.springframework.expression.EvaluationException;
import org.springframework.expression.Expression;
import org.springframework.expression.ParseException;
import org.springframework.expression.spel.standard.SpelExpressionParser;
import org.springframework.expression.spel.support.StandardEvaluationContext;
import org.springframework.util.ObjectUtils;

/** Reads the options of a durable subscription from its annotation. Texts can contain placeholders and SpEL. */
final class ListenerOptions {

    private final ConfigurableBeanFactory beans;

    ListenerOptions(ConfigurableBeanFactory beans) {
        this.beans = beans;
    }

    /**
     * Reads the options.
     *
     * @param types the event types; empty for all
     * @throws IllegalArgumentException if a value is invalid
     */
    DurableOptions of(SynckitListener annotation, Collection<String> types, DurableOptions.Delivery delivery) {
        DurableOptions options = DurableOptions.named(text(annotation.subscription()))
                .filter(filters(annotation, types).toArray(Filter[]::new))
                .startFrom(
                        annotation.startFrom() == SynckitListener.Start.BEGINNING
                                ? StartFrom.beginning()
                                : StartFrom.now())
                .partitions(annotation.partitions())
                .delivery(delivery)
                .ordering(annotation.ordering())
                .onExhausted(annotation.onExhausted())
                .maxRetries(annotation.maxRetries())
                .backoff(duration(annotation.delay()), annotation.multiplier(), duration(annotation.maxDelay()))
                .maxBatch(annotation.maxBatch());
        String key = text(annotation.keyedBy());
        return key.isEmpty() ? options : options.keyedBy(key(key));
    }

    private List<Filter> filters(SynckitListener annotation, Collection<String> types) {
        List<Filter> filters = new ArrayList<>();
        if (!types.isEmpty()) {
            filters.add(Filter.types(types.toArray(String[]::new)));
        }
        List<String> aggregateIds = texts("aggregateIds", annotation.aggregateIds());
        if (!aggregateIds.isEmpty()) {
            filters.add(Filter.aggregateIds(aggregateIds.toArray(String[]::new)));
        }
        return filters;
    }

    /** Returns the event types that the annotation names. */
    List<String> types(SynckitListener annotation) {
        return texts("types", annotation.types());
    }

    /** A SpEL expression can return several texts, as an array or a collection. */
    private List<String> texts(String attribute, String[] values) {
        List<String> texts = new ArrayList<>();
        for (String value : values) {
            for (Object element : ObjectUtils.toObjectArray(elements(evaluated(value)))) {
                if (!(element instanceof String text)) {
                    throw new IllegalArgumentException(attribute + " \"" + value + "\" has the value " + element
                            + "; write an expression that returns a String, or an array or a collection of them");
                }
                texts.add(text);
            }
        }
        return texts;
    }

    private static @Nullable Object elements(@Nullable Object value) {
        if (value instanceof Collection<?> collection) {
            return collection.toArray();
        }
        return value instanceof Object[] ? value : new @Nullable Object[] {value};
    }

    private Duration duration(String value) {
        return DurationStyle.detectAndParse(text(value));
    }

    /** Returns whether the subscription is started. */
    boolean autoStartup(SynckitListener annotation) {
        String text = text(annotation.autoStartup());
        Boolean starts = asBoolean(text);
        if (starts == null) {
            throw new IllegalArgumentException("autoStartup is '" + text + "'; set it to true or false");
        }
        return starts;
    }

    private static @Nullable Boolean asBoolean(String text) {
        try {
            return ApplicationConversionService.getSharedInstance().convert(text, Boolean.class);
        } catch (ConversionFailedException e) {
            return null;
        }
    }

    /** A placeholder first, then SpEL, as in other annotations of Spring. */
    private @Nullable Object evaluated(String value) {
        String resolved = beans.resolveEmbeddedValue(value);
        BeanExpressionResolver expressions = beans.getBeanExpressionResolver();
        if (resolved == null || expressions == null) {
            return value;
        }
        try {
            return expressions.evaluate(resolved, new BeanExpressionContext(beans, null));
        } catch (BeansException e) {
            throw new IllegalArgumentException("\"" + value + "\" cannot be evaluated: " + e.getMessage(), e);
        }
    }

    private String text(String value) {
        Object text = evaluated(value);
        if (text == null) {
            throw new IllegalArgumentException("\"" + value + "\" is null; write an expression that has a value");
        }
        return text.toString();
    }

    private static Function<StoredEvent, String> key(String expression) {
        Expression parsed;
        try {
            parsed = new SpelExpressionParser().parseExpression(expression);
        } catch (ParseException e) {
            throw new IllegalArgumentException(
                    "keyedBy \"" + expression + "\" is not a SpEL expression: " + e.getMessage(), e);
        }
        StandardEvaluationContext context = new StandardEvaluationContext();
        return event -> {
            Object key;
            try {
                key = parsed.getValue(context, new Root(event));
            } catch (EvaluationException e) {
                throw new IllegalArgumentException(
                        "keyedBy \"" + expression + "\" has failed for the event at version " + event.version()
                                + "; write an expression for the variable event, for example event.metadata()['tenant']: "
                                + e.getMessage(),
                        e);
            }
            if (key == null) {
                throw new IllegalArgumentException(
                        "keyedBy \"" + expression + "\" has no value for the event at version " + event.version()
                                + "; write an expression that has one for every event");
            }
            return key.toString();
        };
    }

    /** What a key expression sees. Public, because SpEL reads its property. */
    public record Root(StoredEvent event) {}
}
