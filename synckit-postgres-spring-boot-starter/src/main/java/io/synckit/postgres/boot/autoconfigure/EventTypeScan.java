package io.synckit.postgres.boot.autoconfigure;

import io.synckit.EventType;
import io.synckit.EventTypes;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import org.springframework.beans.factory.BeanFactory;
import org.springframework.beans.factory.annotation.AnnotatedBeanDefinition;
import org.springframework.boot.autoconfigure.AutoConfigurationPackages;
import org.springframework.context.annotation.ClassPathScanningCandidateComponentProvider;
import org.springframework.core.env.Environment;
import org.springframework.core.type.filter.AnnotationTypeFilter;
import org.springframework.util.ClassUtils;

/** Finds the classes with {@link EventType} in the packages of the application. */
final class EventTypeScan {

    private EventTypeScan() {}

    static EventTypes of(BeanFactory beans, Environment environment, ClassLoader loader) {
        if (!AutoConfigurationPackages.has(beans)) {
            return EventTypes.of(List.of());
        }
        ClassPathScanningCandidateComponentProvider scanner =
                new ClassPathScanningCandidateComponentProvider(false, environment) {
                    @Override
                    protected boolean isCandidateComponent(AnnotatedBeanDefinition definition) {
                        return definition.getMetadata().isIndependent();
                    }
                };
        scanner.addIncludeFilter(new AnnotationTypeFilter(EventType.class));
        List<Class<?>> classes = new ArrayList<>();
        for (String basePackage : AutoConfigurationPackages.get(beans)) {
            scanner.findCandidateComponents(basePackage)
                    .forEach(found -> classes.add(
                            ClassUtils.resolveClassName(Objects.requireNonNull(found.getBeanClassName()), loader)));
        }
        return EventTypes.of(classes);
    }
}
