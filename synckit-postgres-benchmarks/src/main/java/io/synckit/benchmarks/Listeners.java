package io.synckit.benchmarks;

import java.io.BufferedReader;
import java.io.File;
import java.io.IOException;
import java.io.InputStreamReader;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.util.HashMap;
import java.util.Map;

/** A {@link ListenerProcess}, from the outside. */
final class Listeners implements AutoCloseable {

    private final Process process;
    private final BufferedReader answers;
    private final PrintStream requests;
    private long heapPerSubscription;

    private Listeners(Process process) {
        this.process = process;
        this.answers = new BufferedReader(new InputStreamReader(process.getInputStream(), StandardCharsets.UTF_8));
        this.requests = new PrintStream(process.getOutputStream(), true, StandardCharsets.UTF_8);
    }

    static Listeners start(Server server, String schema, int streams) throws IOException {
        String java = System.getProperty("java.home") + File.separator + "bin" + File.separator + "java";
        Process process = new ProcessBuilder(
                        java,
                        "-Xmx512m",
                        "-cp",
                        System.getProperty("java.class.path"),
                        ListenerProcess.class.getName(),
                        server.url(),
                        schema,
                        Integer.toString(streams))
                .redirectError(ProcessBuilder.Redirect.INHERIT)
                .start();
        Listeners listeners = new Listeners(process);
        String answer;
        while (!"ready".equals(answer = listeners.answer())) {
            listeners.heapPerSubscription = Long.parseLong(answer.substring("heap ".length()));
        }
        return listeners;
    }

    private String answer() throws IOException {
        String answer = answers.readLine();
        if (answer == null) {
            throw new IOException("the listening process has ended");
        }
        return answer;
    }

    long heapPerSubscription() {
        return heapPerSubscription;
    }

    /** When each event arrived since the last report. */
    Map<String, Long> report() throws IOException {
        requests.println("report");
        Map<String, Long> arrivals = new HashMap<>();
        String answer;
        while (!"end".equals(answer = answer())) {
            int space = answer.indexOf(' ');
            arrivals.put(answer.substring(0, space), Long.parseLong(answer.substring(space + 1)));
        }
        return arrivals;
    }

    @Override
    public void close() {
        // Its input ends, and with that the process; it has nothing to lose.
        requests.close();
        process.destroy();
    }
}
