package io.synckit.sample.events;

import io.synckit.EventPage;
import io.synckit.EventStore;
import io.synckit.Filter;
import jakarta.validation.constraints.Max;
import jakarta.validation.constraints.Min;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;
import org.springframework.web.bind.annotation.GetMapping;
import org.springframework.web.bind.annotation.RequestParam;
import org.springframework.web.bind.annotation.RestController;

@RestController
class EventController {

    private final EventStore events;

    EventController(EventStore events) {
        this.events = events;
    }

    record Events(List<EventView> events, String next) {}

    /** The events after {@code since}; {@code next} is the {@code since} of the next request. */
    @GetMapping("/events")
    Events load(
            @RequestParam(required = false) @Nullable String since,
            @RequestParam(defaultValue = "100") @Min(1) @Max(1000) int limit,
            @RequestParam(defaultValue = "") List<String> type,
            @RequestParam(defaultValue = "") List<String> aggregateId) {
        List<Filter> filters = new ArrayList<>();
        if (!type.isEmpty()) {
            filters.add(Filter.types(type.toArray(String[]::new)));
        }
        if (!aggregateId.isEmpty()) {
            filters.add(Filter.aggregateIds(aggregateId.toArray(String[]::new)));
        }
        EventPage page = events.load(events.parseVersion(since), limit, filters.toArray(Filter[]::new));
        return new Events(
                page.events().stream().map(EventView::of).toList(), page.next().toString());
    }
}
