package io.synckit.torture.check;

import java.io.IOException;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.Map;
import java.util.NavigableMap;
import java.util.TreeMap;
import org.jspecify.annotations.Nullable;

/** The events as the table has them at the end: {@code log.tsv} with version, id, aggregate, stream version, type and data. */
final class Log {

    private final NavigableMap<Long, Event> byVersion = new TreeMap<>();
    private final Map<String, Event> byId = new HashMap<>();

    private Log() {}

    static Log read(Path directory) throws IOException {
        Log log = new Log();
        for (var line : Lines.read(directory.resolve("log.tsv"))) {
            Event event = new Event(
                    Long.parseLong(line.get(0)),
                    line.get(1),
                    line.get(2),
                    Long.parseLong(line.get(3)),
                    line.get(4),
                    line.get(5));
            log.byVersion.put(event.version(), event);
            log.byId.put(event.id(), event);
        }
        return log;
    }

    NavigableMap<Long, Event> events() {
        return byVersion;
    }

    @Nullable Event find(String id) {
        return byId.get(id);
    }

    /** A stored event. */
    record Event(long version, String id, String aggregate, long streamVersion, String type, String data) {

        boolean isBooked() {
            return type.equals("Booked");
        }

        /** Returns whether it is as it was written. */
        boolean is(String otherAggregate, String otherType, String otherData) {
            return aggregate.equals(otherAggregate) && type.equals(otherType) && data.equals(otherData);
        }
    }
}
