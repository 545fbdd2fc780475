package io.synckit.benchmarks;

import io.synckit.benchmarks.contenders.Contender;
import io.synckit.benchmarks.contenders.Contenders;
import io.synckit.benchmarks.contenders.Database;
import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.nio.charset.StandardCharsets;

/**
 * A process that consumes all events of a contender, with a handler that does nothing. It executes commands, one for each line:
 * {@code consume <events>}, and {@code warm-up <events> <milliseconds>}, which repeats this until the JIT compilers are calm, at most for this time.
 */
final class ConsumerProcess {

    private static final int CONNECTIONS = 10;

    private ConsumerProcess() {}

    /** @param arguments the URL of the database, and the name of the contender */
    public static void main(String[] arguments) throws Exception {
        try (Database database = new Database(arguments[0], CONNECTIONS);
                Contender contender = Contenders.named(arguments[1], database)) {
            BufferedReader orders = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
            String order;
            while ((order = orders.readLine()) != null) {
                String[] words = order.split(" ");
                int events = Integer.parseInt(words[1]);
                if (words[0].equals("warm-up")) {
                    Turns.warmUp(Integer.parseInt(words[2]), () -> {
                        contender.consume(events, n -> {});
                        return true;
                    });
                } else {
                    contender.consume(events, n -> {});
                }
                System.out.println("done");
            }
        }
        System.exit(0);
    }
}
