package io.synckit.postgres.boot.autoconfigure;

import io.synckit.Filter;
import io.synckit.InvalidConfigException;
import io.synckit.StoredEvent;
import io.synckit.postgres.boot.SynckitListener;
import io.synckit.subscription.DurableOptions;
import io.synckit.subscription.StartFrom;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collection;
import java.util.List;
import java.util.function.Function;
import org.springframework.beans.factory.config.BeanExpressionContext;
import org.springframework.beans.factory.config.ConfigurableBeanFactory;
import org.springframework.boot.convert.DurationStyle;
import org.springframework.expression.Expression;
import org.springframework.expression.spel.standard.SpelExpressionParser;
import org.springframework.expression.spel.support.StandardEvaluationContext;

/** Reads the options of a durable subscription from its annotation. Texts can contain placeholders and SpEL. */
final class ListenerOptions {

    private final ConfigurableBeanFactory beans;

    ListenerOptions(ConfigurableBeanFactory beans) {
        this.beans = beans;
    }

    /** @param types the types that follow from the payload's class; empty for all */
    DurableOptions of(
            SynckitListener annotation, Collection<String> types, DurableOptions.Delivery delivery, String method) {
        try {
            return read(annotation, types, delivery);
        } catch (IllegalArgumentException e) {
            throw new InvalidConfigException("listener", "method " + method + ": " + e.getMessage());
        }
    }

    private DurableOptions read(
            SynckitListener annotation, Collection<String> types, DurableOptions.Delivery delivery) {
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
        String[] named = texts(annotation.types());
        if (named.length > 0) {
            filters.add(Filter.types(named));
        } else if (!types.isEmpty()) {
            filters.add(Filter.types(types.toArray(String[]::new)));
        }
        String[] aggregateIds = texts(annotation.aggregateIds());
        if (aggregateIds.length > 0) {
            filters.add(Filter.aggregateIds(aggregateIds));
        }
        return filters;
    }

    private String[] texts(String[] values) {
        return Arrays.stream(values).map(this::text).toArray(String[]::new);
    }

    private Duration duration(String value) {
        return DurationStyle.detectAndParse(text(value));
    }

    boolean isTrue(String value) {
        return Boolean.parseBoolean(text(value));
    }

    /** A placeholder first, then SpEL, as in other annotations of Spring. */
    private String text(String value) {
        String resolved = beans.resolveEmbeddedValue(value);
        if (resolved == null || beans.getBeanExpressionResolver() == null) {
            return value;
        }
        Object evaluated = beans.getBeanExpressionResolver().evaluate(resolved, new BeanExpressionContext(beans, null));
        return String.valueOf(evaluated);
    }

    private static Function<StoredEvent, String> key(String expression) {
        Expression parsed = new SpelExpressionParser().parseExpression(expression);
        StandardEvaluationContext context = new StandardEvaluationContext();
        return event -> {
            Object key = parsed.getValue(context, new Root(event));
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
