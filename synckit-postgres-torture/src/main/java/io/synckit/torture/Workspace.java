package io.synckit.torture;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.stream.Stream;

/**
 * The directory of the servers of a run: a small file system of its own where that is allowed, so that it can be filled. At the end,
 * servers that still run there are ended, too.
 */
final class Workspace implements AutoCloseable {

    private static final String SIZE = "size=700m";

    private final Path directory;
    private final boolean mounted;
    private final Thread onExit;

    Workspace() throws IOException {
        directory = Files.createTempDirectory("synckit-torture");
        mounted = run("mount", "-t", "tmpfs", "-o", SIZE, "tmpfs", directory.toString());
        onExit = new Thread(this::endEarly, "exit");
        Runtime.getRuntime().addShutdownHook(onExit);
    }

    Path directory() {
        return directory;
    }

    /** Returns whether the file system can be filled without harm to others. */
    boolean canBeFilled() {
        return mounted;
    }

    private static boolean run(String... command) {
        try {
            Process process = new ProcessBuilder(command)
                    .redirectErrorStream(true)
                    .redirectOutput(ProcessBuilder.Redirect.DISCARD)
                    .start();
            return process.onExit().join().exitValue() == 0;
        } catch (IOException e) {
            return false; // no such command
        }
    }

    /** Runs if the program is ended before the run is. */
    private void endEarly() {
        ProcessHandle.current().descendants().forEach(ProcessHandle::destroyForcibly);
        endServers();
        unmount();
    }

    /** Ends servers that are left. They are not child processes of this program. */
    private void endServers() {
        try (Stream<Path> files = Files.find(directory, 2, (file, attributes) -> file.endsWith("postmaster.pid"))) {
            for (Path file : files.toList()) {
                Child.signal(
                        "QUIT", Long.parseLong(Files.readAllLines(file).get(0).trim()));
            }
        } catch (IOException | InterruptedException | RuntimeException e) {
            System.err.println("a server may be left: " + e);
        }
    }

    private void unmount() {
        if (mounted) {
            run("umount", "-l", directory.toString());
        }
    }

    @Override
    public void close() throws IOException {
        endServers();
        unmount();
        Runtime.getRuntime().removeShutdownHook(onExit);
        Directories.delete(directory);
    }
}
