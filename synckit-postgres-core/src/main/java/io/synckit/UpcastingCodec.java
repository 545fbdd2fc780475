package io.synckit;

import java.lang.reflect.Type;
import java.util.List;
import org.jspecify.annotations.Nullable;

/** A codec that applies upcasters. */
record UpcastingCodec(JsonCodec codec, List<EventUpcaster> upcasters) implements JsonCodec {

    @Override
    public String write(@Nullable Object value) {
        return codec.write(value);
    }

    @Override
    public @Nullable Object read(String json, Type type) {
        return codec.read(json, type);
    }

    /** An upcaster raises the revision by one, so a chain of them needs one pass if it is in order, and more if it is not. */
    @Override
    public String currentData(StoredEvent event) {
        String data = codec.currentData(event);
        int revision = EventTypes.revisionOf(event);
        for (int pass = 0; pass < upcasters.size(); pass++) {
            int before = revision;
            for (EventUpcaster upcaster : upcasters) {
                if (upcaster.supports(event, revision)) {
                    data = upcaster.upcast(event, data);
                    revision++;
                }
            }
            if (revision == before) {
                break;
            }
        }
        return data;
    }
}
