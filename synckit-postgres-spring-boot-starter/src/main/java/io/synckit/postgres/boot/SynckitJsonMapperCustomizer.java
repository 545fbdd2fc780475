package io.synckit.postgres.boot;

import tools.jackson.databind.json.JsonMapper;

/**
 * Changes the JSON mapper of the event store. Beans of this type are applied in their order, after the store's own settings and the
 * {@code JacksonModule} beans. Settings of {@code spring.jackson.*} do not affect the event store.
 *
 * <p>Stored events keep the format in which they were written, so they must stay readable with the changed mapper.
 */
@FunctionalInterface
public interface SynckitJsonMapperCustomizer {

    void customize(JsonMapper.Builder builder);
}
