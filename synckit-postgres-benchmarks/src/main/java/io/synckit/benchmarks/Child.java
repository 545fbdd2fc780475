package io.synckit.benchmarks;

import java.io.BufferedReader;
import java.io.File;
import java.io.IOException;
import java.io.InputStreamReader;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

/** Another process of this benchmark. It executes commands, prints "done" after each, and ends when its input is closed. */
final class Child implements AutoCloseable {

    private final Process process;
    private final BufferedReader answers;
    private final PrintStream orders;

    private Child(Process process) {
        this.process = process;
        this.answers = new BufferedReader(new InputStreamReader(process.getInputStream(), StandardCharsets.UTF_8));
        this.orders = new PrintStream(process.getOutputStream(), true, StandardCharsets.UTF_8);
    }

    static Child start(Class<?> main, String... arguments) throws IOException {
        return start("-Xmx1g", main, arguments);
    }

    /** @param heap the JVM's option for the largest heap, such as {@code -Xmx64m} */
    static Child start(String heap, Class<?> main, String... arguments) throws IOException {
        List<String> command = new ArrayList<>(List.of(
                System.getProperty("java.home") + File.separator + "bin" + File.separator + "java",
                heap,
                "-cp",
                System.getProperty("java.class.path"),
                main.getName()));
        command.addAll(Arrays.asList(arguments));
        return new Child(new ProcessBuilder(command)
                .redirectError(ProcessBuilder.Redirect.INHERIT)
                .start());
    }

    /** Returns the lines that it prints before "done". */
    List<String> tell(String order) throws IOException {
        orders.println(order);
        return answers();
    }

    /** Returns the lines that it prints before "done". */
    List<String> answers() throws IOException {
        List<String> lines = new ArrayList<>();
        String line;
        while (!"done".equals(line = answers.readLine())) {
            if (line == null) {
                throw new IOException("the other process has ended");
            }
            lines.add(line);
        }
        return lines;
    }

    @Override
    public void close() throws IOException {
        orders.close();
        try {
            process.waitFor();
        } catch (InterruptedException e) {
            process.destroy();
            Thread.currentThread().interrupt();
        }
    }
}
