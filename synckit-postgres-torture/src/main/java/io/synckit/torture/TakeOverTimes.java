package io.synckit.torture;

import io.synckit.torture.process.Pause;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Collections;
import java.util.EnumMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.stream.Collectors;

/** How long it took, after faults of an owner, until another process had taken over. See {@link TakeOver#isDone}. */
final class TakeOverTimes {

    private static final Duration LONGEST = Duration.ofSeconds(15);

    private final Map<Fault, List<Double>> seconds = new EnumMap<>(Fault.class);
    private int unfinished;

    /** Waits for a take-over, and keeps its time. */
    void await(Fault fault, TakeOver takeOver) {
        if (!takeOver.hasPartitions()) {
            return;
        }
        if (Pause.until(LONGEST, takeOver::isDone)) {
            seconds.computeIfAbsent(fault, none -> new ArrayList<>()).add(takeOver.seconds());
        } else {
            unfinished++;
        }
    }

    void add(TakeOverTimes others) {
        others.seconds.forEach((fault, times) ->
                seconds.computeIfAbsent(fault, none -> new ArrayList<>()).addAll(times));
        unfinished += others.unfinished;
    }

    @Override
    public String toString() {
        String finished = seconds.entrySet().stream()
                .map(entry -> line(entry.getKey(), entry.getValue()))
                .collect(Collectors.joining("; "));
        return finished
                + (unfinished == 0 ? "" : "; " + unfinished + " not finished within " + LONGEST.toSeconds() + " s");
    }

    private static String line(Fault fault, List<Double> times) {
        List<Double> sorted = new ArrayList<>(times);
        Collections.sort(sorted);
        return String.format(
                Locale.ROOT,
                "after %s %d times, median %.2f s, at most %.2f s",
                fault,
                sorted.size(),
                sorted.get(sorted.size() / 2),
                sorted.get(sorted.size() - 1));
    }
}
