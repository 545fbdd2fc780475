package io.synckit.postgres.boot.actuate;

import io.micrometer.observation.Observation;
import io.micrometer.tracing.Link;
import io.micrometer.tracing.Span;
import io.micrometer.tracing.TraceContext;
import io.micrometer.tracing.Tracer;
import io.micrometer.tracing.handler.TracingObservationHandler;
import io.synckit.postgres.boot.EventHandlerContext;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;
import org.springframework.core.Ordered;

/**
 * An event that is replayed, perhaps years later, begins a trace of its own that links to the one in which it was stored. It comes before
 * Boot's handler of received messages, which would continue that trace.
 */
final class ReplayTracingHandler implements TracingObservationHandler<EventHandlerContext>, Ordered {

    /** Of W3C Trace Context: version, trace id, span id, flags. */
    private static final Pattern TRACEPARENT =
            Pattern.compile("(?!ff)[0-9a-f]{2}-(?!0{32})([0-9a-f]{32})-(?!0{16})([0-9a-f]{16})-([0-9a-f]{2})(-.*)?");

    private static final int SAMPLED = 1;

    private final Tracer tracer;

    ReplayTracingHandler(Tracer tracer) {
        this.tracer = tracer;
    }

    @Override
    public void onStart(EventHandlerContext context) {
        Span.Builder span = tracer.spanBuilder().setNoParent().kind(Span.Kind.CONSUMER);
        TraceContext stored = stored(context);
        if (stored != null) {
            span.addLink(new Link(stored));
        }
        getTracingContext(context).setSpan(span.start());
    }

    /** The span in which it was stored. */
    private @Nullable TraceContext stored(EventHandlerContext context) {
        Object traceparent = context.getCarrier().get("traceparent");
        Matcher parts = TRACEPARENT.matcher(traceparent instanceof String text ? text : "");
        if (!parts.matches()) {
            return null;
        }
        return tracer.traceContextBuilder()
                .traceId(parts.group(1))
                .spanId(parts.group(2))
                .sampled((Integer.parseInt(parts.group(3), 16) & SAMPLED) != 0)
                .build();
    }

    @Override
    public void onStop(EventHandlerContext context) {
        Span span = getRequiredSpan(context);
        span.name(getSpanName(context));
        tagSpan(context, span);
        endSpan(context, span);
    }

    @Override
    public boolean supportsContext(Observation.Context context) {
        return context instanceof EventHandlerContext handler
                && handler.handling().replay();
    }

    @Override
    public Tracer getTracer() {
        return tracer;
    }

    @Override
    public int getOrder() {
        return 0;
    }
}
