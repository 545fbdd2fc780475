package io.synckit.torture;

import io.synckit.postgres.testing.TcpProxy;
import java.io.BufferedReader;
import java.io.File;
import java.io.IOException;
import java.io.InputStreamReader;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import org.jspecify.annotations.Nullable;

/** A process of a run, and its links to the server. It ends in order when its input is closed. */
final class Child implements AutoCloseable {

    private static final int STOP_SECONDS = 150;

    private final String name;
    private final Process process;
    private final TcpProxy pool;
    private final TcpProxy listener;
    private final ProcessClock clock;
    private final PrintStream orders;
    private final BufferedReader answers;
    private final Path stacks;

    private Child(String name, Process process, TcpProxy pool, TcpProxy listener, ProcessClock clock, Path stacks) {
        this.name = name;
        this.process = process;
        this.pool = pool;
        this.listener = listener;
        this.clock = clock;
        this.stacks = stacks;
        this.orders = new PrintStream(process.getOutputStream(), true, StandardCharsets.UTF_8);
        this.answers = new BufferedReader(new InputStreamReader(process.getInputStream(), StandardCharsets.UTF_8));
    }

    /** Makes the arguments of a process from the URLs of its links. */
    interface Arguments {
        List<String> of(String poolUrl, String listenerUrl);
    }

    /** @param classes directories whose classes replace those of the class path */
    static Child start(
            String name, Class<?> main, Targets targets, Path directory, List<Path> classes, Arguments arguments)
            throws IOException {
        TcpProxy pool = new TcpProxy("localhost", targets.pool());
        TcpProxy listener = new TcpProxy("localhost", targets.listener());
        StringBuilder classPath = new StringBuilder();
        classes.forEach(overrides -> classPath.append(overrides).append(File.pathSeparator));
        List<String> command = new ArrayList<>(List.of(
                Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                "-Xmx128m",
                "-XX:+UseSerialGC",
                "-XX:TieredStopAtLevel=1",
                "-Dlogback.configurationFile=torture-logback.xml",
                "-cp",
                classPath + System.getProperty("java.class.path"),
                main.getName()));
        command.addAll(arguments.of(Server.url(pool.port()) + targets.poolOptions(), Server.url(listener.port())));
        ProcessBuilder builder = new ProcessBuilder(command)
                .redirectError(directory.resolve(name + ".log").toFile());
        ProcessClock clock = new ProcessClock(directory.resolve(name + ".clock"));
        clock.giveTo(builder);
        return new Child(name, builder.start(), pool, listener, clock, directory.resolve(name + ".stacks"));
    }

    String name() {
        return name;
    }

    TcpProxy pool() {
        return pool;
    }

    TcpProxy listener() {
        return listener;
    }

    ProcessClock clock() {
        return clock;
    }

    boolean isAlive() {
        return process.isAlive();
    }

    /**
     * Sends an order and returns the answer; null if the process has ended.
     *
     * @param limit the time in which the process must answer
     * @throws IllegalStateException if it has not answered. A thread dump is then in a file beside its log.
     */
    @Nullable String tell(String order, Duration limit) throws IOException, InterruptedException {
        orders.println(order);
        CompletableFuture<@Nullable String> answer = new CompletableFuture<>();
        Thread reading = new Thread(() -> read(answer), "answer of " + name);
        reading.setDaemon(true);
        reading.start();
        try {
            return answer.get(limit.toNanos(), TimeUnit.NANOSECONDS);
        } catch (TimeoutException e) {
            Stacks.write(process.pid(), stacks);
            throw new IllegalStateException(
                    name + " has not answered \"" + order + "\" within " + limit.toSeconds() + " s; see " + stacks, e);
        } catch (ExecutionException e) {
            throw new IOException("the answer of " + name + " cannot be read", e.getCause());
        }
    }

    private void read(CompletableFuture<@Nullable String> answer) {
        try {
            answer.complete(answers.readLine());
        } catch (IOException e) {
            answer.completeExceptionally(e);
        }
    }

    void suspend() throws Exception {
        signal("STOP", process.pid());
    }

    void resume() throws Exception {
        signal("CONT", process.pid());
    }

    void kill() throws InterruptedException {
        process.destroyForcibly().waitFor();
        closeLinks();
    }

    /** Lets the process end in order. */
    void beginStop() {
        orders.close();
    }

    /** Waits until it has ended. Returns false if it had to be killed, or has failed. */
    boolean awaitStop() throws InterruptedException {
        boolean ended = process.waitFor(STOP_SECONDS, TimeUnit.SECONDS) && process.exitValue() == 0;
        kill();
        return ended;
    }

    private void closeLinks() {
        pool.close();
        listener.close();
    }

    static void signal(String name, long pid) throws IOException, InterruptedException {
        new ProcessBuilder("kill", "-" + name, Long.toString(pid)).start().waitFor();
    }

    @Override
    public void close() {
        process.destroyForcibly();
        closeLinks();
    }
}
