package io.synckit.postgres.boot.actuate;

import java.lang.reflect.Method;
import java.util.List;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import org.springframework.beans.factory.annotation.AnnotatedBeanDefinition;
import org.springframework.beans.factory.config.BeanDefinition;
import org.springframework.beans.factory.config.ConfigurableListableBeanFactory;
import org.springframework.beans.factory.support.RootBeanDefinition;
import org.springframework.boot.context.properties.bind.Bindable;
import org.springframework.boot.context.properties.bind.Binder;
import org.springframework.core.env.Environment;
import org.springframework.core.type.MethodMetadata;
import org.springframework.util.ClassUtils;

/** Whether anybody but the meter registry hears of observations, or has a say in them. In doubt somebody does. */
record Observers(ConfigurableListableBeanFactory beans, Environment environment) {

    /** By name, since an application may have Micrometer without Boot's modules for it. */
    private static final List<String> SAY = List.of(
            "io.micrometer.observation.ObservationRegistry",
            "io.micrometer.observation.ObservationHandler",
            "io.micrometer.observation.ObservationPredicate",
            "io.micrometer.observation.ObservationFilter",
            "io.micrometer.observation.GlobalObservationConvention",
            "org.springframework.boot.micrometer.observation.autoconfigure.ObservationRegistryCustomizer");

    /** Makes the tracer that stands in where there is none. */
    private static final String NO_TRACER =
            "org.springframework.boot.micrometer.tracing.autoconfigure.NoopTracerAutoConfiguration";

    boolean any() {
        return beansOf("io.micrometer.tracing.Tracer").anyMatch(tracer -> !NO_TRACER.equals(maker(tracer)))
                || Binder.get(environment)
                        .bind("management.observations", Bindable.mapOf(String.class, Object.class))
                        .isBound()
                || SAY.stream().flatMap(this::beansOf).anyMatch(this::isTheApplications);
    }

    private Stream<String> beansOf(String type) {
        ClassLoader loader = Observers.class.getClassLoader();
        return ClassUtils.isPresent(type, loader)
                ? Stream.of(beans.getBeanNamesForType(ClassUtils.resolveClassName(type, loader)))
                : Stream.empty();
    }

    private boolean isTheApplications(String bean) {
        String maker = maker(bean);
        return maker == null
                || !(maker.startsWith("org.springframework.boot.")
                        || maker.startsWith("io.micrometer.tracing.")
                        || maker.startsWith(SynckitPostgresMetricsAutoConfiguration.class.getName()));
    }

    /** The class whose method makes it. */
    private @Nullable String maker(String bean) {
        if (!beans.containsBeanDefinition(bean)) {
            return null;
        }
        BeanDefinition definition = beans.getMergedBeanDefinition(bean);
        Method method = definition instanceof RootBeanDefinition root ? root.getResolvedFactoryMethod() : null;
        if (method != null) {
            return method.getDeclaringClass().getName();
        }
        MethodMetadata metadata = beans.getBeanDefinition(bean) instanceof AnnotatedBeanDefinition annotated
                ? annotated.getFactoryMethodMetadata()
                : null;
        return metadata == null ? null : metadata.getDeclaringClassName();
    }
}
