package io.synckit.test;

import org.springframework.boot.test.context.filter.annotation.StandardAnnotationCustomizableTypeExcludeFilter;

/** Leaves the components of the application out, except those of {@link SynckitTest#includeFilters}. */
final class SynckitTypeExcludeFilter extends StandardAnnotationCustomizableTypeExcludeFilter<SynckitTest> {

    SynckitTypeExcludeFilter(Class<?> testClass) {
        super(testClass);
    }
}
