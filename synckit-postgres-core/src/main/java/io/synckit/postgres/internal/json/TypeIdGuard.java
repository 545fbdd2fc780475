package io.synckit.postgres.internal.json;

import com.fasterxml.jackson.annotation.JsonFormat;
import com.fasterxml.jackson.annotation.JsonTypeInfo;
import java.util.Iterator;
import java.util.Set;
import tools.jackson.core.JsonGenerator;
import tools.jackson.databind.BeanDescription;
import tools.jackson.databind.BeanProperty;
import tools.jackson.databind.JavaType;
import tools.jackson.databind.SerializationConfig;
import tools.jackson.databind.SerializationContext;
import tools.jackson.databind.ValueSerializer;
import tools.jackson.databind.jsonFormatVisitors.JsonFormatVisitorWrapper;
import tools.jackson.databind.jsontype.TypeSerializer;
import tools.jackson.databind.ser.PropertyWriter;
import tools.jackson.databind.ser.ValueSerializerModifier;
import tools.jackson.databind.type.CollectionType;
import tools.jackson.databind.type.MapType;
import tools.jackson.databind.util.NameTransformer;

/**
 * Rejects objects whose type id ({@code @JsonTypeInfo}) Jackson would not write, because they could not be read again. Jackson writes the
 * type id only where the declared type has the annotation, which is not the case in a root collection or in a component of type Object.
 */
final class TypeIdGuard extends ValueSerializerModifier {

    private static final long serialVersionUID = 1;

    @Override
    public ValueSerializer<?> modifySerializer(
            SerializationConfig config, BeanDescription.Supplier description, ValueSerializer<?> serializer) {
        JsonTypeInfo.Value info =
                config.getAnnotationIntrospector().findPolymorphicTypeInfo(config, description.getClassInfo());
        return needsTypeId(info) ? new Guard(serializer) : serializer;
    }

    @Override
    public ValueSerializer<?> modifyCollectionSerializer(
            SerializationConfig config,
            CollectionType type,
            BeanDescription.Supplier description,
            ValueSerializer<?> serializer) {
        return modifySerializer(config, description, serializer);
    }

    @Override
    public ValueSerializer<?> modifyMapSerializer(
            SerializationConfig config,
            MapType type,
            BeanDescription.Supplier description,
            ValueSerializer<?> serializer) {
        return modifySerializer(config, description, serializer);
    }

    /** With deduction or an existing property, the properties contain what is needed to read the object. */
    private static boolean needsTypeId(JsonTypeInfo.Value info) {
        return info != null
                && info.getIdType() != JsonTypeInfo.Id.NONE
                && info.getIdType() != JsonTypeInfo.Id.DEDUCTION
                && info.getInclusionType() != JsonTypeInfo.As.EXISTING_PROPERTY;
    }

    /** Delegates, except for a call that writes no type id. */
    private static final class Guard extends ValueSerializer<Object> {

        private final ValueSerializer<Object> delegate;

        @SuppressWarnings("unchecked")
        Guard(ValueSerializer<?> delegate) {
            this.delegate = (ValueSerializer<Object>) delegate;
        }

        private ValueSerializer<Object> guard(ValueSerializer<?> changed) {
            return changed == delegate ? this : new Guard(changed);
        }

        @Override
        public void serialize(Object value, JsonGenerator generator, SerializationContext context) {
            context.reportMappingProblem(
                    "the type id (@JsonTypeInfo) of a %s is not written here, because the declared type does not have the"
                            + " annotation; use a record with a component of the base type or of type List<Base>, or an array Base[]",
                    value.getClass().getName());
        }

        @Override
        public void serializeWithType(
                Object value, JsonGenerator generator, SerializationContext context, TypeSerializer typeSerializer) {
            delegate.serializeWithType(value, generator, context, typeSerializer);
        }

        @Override
        public void resolve(SerializationContext context) {
            delegate.resolve(context);
        }

        @Override
        public ValueSerializer<?> createContextual(SerializationContext context, BeanProperty property) {
            return guard(delegate.createContextual(context, property));
        }

        @Override
        public ValueSerializer<Object> unwrappingSerializer(NameTransformer transformer) {
            return delegate.unwrappingSerializer(transformer);
        }

        @Override
        public ValueSerializer<?> withFilterId(Object filterId) {
            return guard(delegate.withFilterId(filterId));
        }

        @Override
        public ValueSerializer<?> withIgnoredProperties(Set<String> ignored) {
            return guard(delegate.withIgnoredProperties(ignored));
        }

        @Override
        public ValueSerializer<?> withFormatOverrides(SerializationConfig config, JsonFormat.Value format) {
            return guard(delegate.withFormatOverrides(config, format));
        }

        @Override
        public Class<?> handledType() {
            return delegate.handledType();
        }

        @Override
        public boolean usesObjectId() {
            return delegate.usesObjectId();
        }

        @Override
        public ValueSerializer<?> getDelegatee() {
            return delegate;
        }

        @Override
        public Iterator<PropertyWriter> properties() {
            return delegate.properties();
        }

        @Override
        public boolean isEmpty(SerializationContext context, Object value) {
            return delegate.isEmpty(context, value);
        }

        @Override
        public void acceptJsonFormatVisitor(JsonFormatVisitorWrapper visitor, JavaType type) {
            delegate.acceptJsonFormatVisitor(visitor, type);
        }
    }
}
