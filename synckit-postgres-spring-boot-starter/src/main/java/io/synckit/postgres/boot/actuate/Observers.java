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

/** Finds out whether observations have other handlers or conventions than those of the meter registry. If unsure, assumes that they have. */
record Observers(ConfigurableListableBeanFactory beans, Environment environment) {

    /** By name, since an application may have Micrometer without Boot's modules for it. */
    private static final List<String> CUSTOMIZERS = List.of(
            "io.micrometer.observation.ObservationRegistry",
            "io.micrometer.observation.ObservationHandler",
            "io.micrometer.observation.ObservationPredicate",
            "io.micrometer.observation.ObservationFilter",
            "io.micrometer.observation.GlobalObservationConvention",
            "org.springframework.boot.micrometer.observation.autoconfigure.ObservationRegistryCustomizer");

    /** Creates a tracer that does nothing, if there is no other. */
    private static final String NO_TRACER =
            "org.springframework.boot.micrometer.tracing.autoconfigure.NoopTracerAutoConfiguration";

    boolean any() {
        return beansOf("io.micrometer.tracing.Tracer").anyMatch(tracer -> !NO_TRACER.equals(declaringClass(tracer)))
                || Binder.get(environment)
                        .bind("management.observations", Bindable.mapOf(String.class, Object.class))
                        .isBound()
                || CUSTOMIZERS.stream().flatMap(this::beansOf).anyMatch(this::isOfTheApplication);
    }

    private Stream<String> beansOf(String type) {
        ClassLoader loader = Observers.class.getClassLoader();
        return ClassUtils.isPresent(type, loader)
                ? Stream.of(beans.getBeanNamesForType(ClassUtils.resolveClassName(type, loader)))
                : Stream.empty();
    }

    private boolean isOfTheApplication(String bean) {
        String declaring = declaringClass(bean);
        return declaring == null
                || !(declaring.startsWith("org.springframework.boot.")
                        || declaring.startsWith("io.micrometer.tracing.")
                        || declaring.startsWith(SynckitPostgresMetricsAutoConfiguration.class.getName()));
    }

    /** Returns the name of the class whose method creates the bean; null if it is not known. */
    private @Nullable String declaringClass(String bean) {
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
