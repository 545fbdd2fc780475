package io.synckit.torture;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.concurrent.TimeUnit;

/** Thread dumps of other Java processes. */
final class Stacks {

    private static final int SECONDS = 20;

    private Stacks() {}

    /** jcmd sends a signal, which can end a process that is not a JVM. */
    static boolean isJava(ProcessHandle process) {
        return process.info()
                .command()
                .filter(command -> command.endsWith("/java"))
                .isPresent();
    }

    /** Writes a thread dump to a file, or a message if the process does not answer in time. */
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
                Files.writeString(
                        file,
                        "There is no thread dump: the process has not answered within " + SECONDS + " seconds.\n");
            }
        } catch (IOException e) {
            System.err.println("The thread dump of process " + pid + " cannot be written: " + e);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
    }
}
