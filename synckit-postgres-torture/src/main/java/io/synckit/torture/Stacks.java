package io.synckit.torture;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.concurrent.TimeUnit;

/** The stacks of all threads of another Java process. */
final class Stacks {

    private static final int SECONDS = 20;

    private Stacks() {}

    /** Others may end when they are asked for their stacks. */
    static boolean isJava(ProcessHandle process) {
        return process.info()
                .command()
                .filter(command -> command.endsWith("/java"))
                .isPresent();
    }

    /** Writes them to a file. The file says so if the process does not tell them. */
    static void write(long pid, Path file) {
        try {
            Process jcmd = new ProcessBuilder(
                            Path.of(System.getProperty("java.home"), "bin", "jcmd")
                                    .toString(),
                            Long.toString(pid),
                            "Thread.print")
                    .redirectErrorStream(true)
                    .redirectOutput(file.toFile())
                    .start();
            if (!jcmd.waitFor(SECONDS, TimeUnit.SECONDS)) {
                jcmd.destroyForcibly();
                Files.writeString(file, "The process did not tell its stacks within " + SECONDS + " seconds.\n");
            }
        } catch (IOException e) {
            System.err.println("The stacks of process " + pid + " cannot be had: " + e);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
    }
}
