package io.synckit.torture;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;

/** The directory of a server's data: a small file system of its own where that is allowed, so that it can be filled. */
final class Workspace implements AutoCloseable {

    private static final String SIZE = "size=700m";

    private final Path directory;
    private final boolean mounted;
    private final Thread unmount;

    Workspace() throws IOException {
        directory = Files.createTempDirectory("synckit-torture");
        mounted = run("mount", "-t", "tmpfs", "-o", SIZE, "tmpfs", directory.toString());
        unmount = new Thread(this::unmount, "unmount");
        Runtime.getRuntime().addShutdownHook(unmount);
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

    private void unmount() {
        if (mounted) {
            run("umount", "-l", directory.toString());
        }
    }

    @Override
    public void close() throws IOException {
        unmount();
        Runtime.getRuntime().removeShutdownHook(unmount);
        Directories.delete(directory);
    }
}
