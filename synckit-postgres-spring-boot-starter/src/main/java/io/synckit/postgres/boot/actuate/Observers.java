package io.synckit.postgres.boot.actuate;

import io.micrometer.observation.GlobalObservationConvention;
import io.micrometer.observation.ObservationFilter;
import io.micrometer.observation.ObservationHandler;
import io.micrometer.observation.ObservationPredicate;
import java.util.List;
import java.util.stream.Stream;
import org.springframework.beans.factory.config.ConfigurableListableBeanFactory;
import org.springframework.boot.context.properties.bind.Bindable;
import org.springframework.boot.context.properties.bind.Binder;
import org.springframework.boot.micrometer.observation.autoconfigure.ObservationRegistryCustomizer;
import org.springframework.core.env.Environment;
import org.springframework.util.ClassUtils;

/** Whether anybody but the meter registry hears of observations, or has a say in them. */
record Observers(ConfigurableListableBeanFactory beans, Environment environment) {

    private static final List<Class<?>> SAY = List.of(
            ObservationHandler.class,
            ObservationPredicate.class,
            ObservationFilter.class,
            GlobalObservationConvention.class);

    boolean any() {
        return isThere("io.micrometer.tracing.Tracer")
                || Binder.get(environment)
                        .bind("management.observations", Bindable.mapOf(String.class, Object.class))
                        .isBound()
                || Stream.concat(
                                SAY.stream().flatMap(type -> Stream.of(beans.getBeanNamesForType(type))),
                                Stream.of(beans.getBeanNamesForType(ObservationRegistryCustomizer.class)))
                        .anyMatch(this::isTheApplications);
    }

    private boolean isThere(String type) {
        ClassLoader loader = Observers.class.getClassLoader();
        return ClassUtils.isPresent(type, loader)
                && beans.getBeanNamesForType(ClassUtils.resolveClassName(type, loader)).length > 0;
    }

    /** Neither made by a configuration of Boot's, nor of a class of Boot's or Micrometer's. In doubt it is. */
    private boolean isTheApplications(String bean) {
        String maker = beans.containsBeanDefinition(bean)
                ? beans.getBeanDefinition(bean).getFactoryBeanName()
                : null;
        Class<?> type = beans.getType(maker == null ? bean : maker);
        return type == null
                || type.isInterface()
                || !(type.getName().startsWith("org.springframework.boot.")
                        || type.getName().startsWith("io.micrometer."));
    }
}
