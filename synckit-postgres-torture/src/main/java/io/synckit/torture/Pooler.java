package io.synckit.torture;

import io.synckit.torture.process.Pause;
import java.io.IOException;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;

/** A PgBouncer between the processes and the server. */
final class Pooler implements AutoCloseable {

    private static final Duration START = Duration.ofSeconds(20);

    private final Path program;
    private final Path directory;
    private final Mode mode;
    private final int port;
    private int serverPort;
    private Process process;

    /** Starts it. */
    Pooler(Path program, Path directory, Mode mode, int serverPort) throws IOException {
        this.program = program;
        this.directory = directory;
        this.mode = mode;
        this.serverPort = serverPort;
        try (ServerSocket free = new ServerSocket(0)) {
            this.port = free.getLocalPort();
        }
        this.process = start();
    }

    int port() {
        return port;
    }

    Mode mode() {
        return mode;
    }

    private Process start() throws IOException {
        // It refuses to run as root, and the user that it takes instead has to read its settings.
        Path settings = Files.createTempFile("pgbouncer", ".ini");
        Files.writeString(settings, """
                [databases]
                * = host=127.0.0.1 port=%d user=postgres
                [pgbouncer]
                listen_addr = 127.0.0.1
                listen_port = %d
                unix_socket_dir =
                auth_type = any
                pool_mode = %s
                max_client_conn = 500
                default_pool_size = 80
                server_login_retry = 1
                ignore_startup_parameters = extra_float_digits
                """.formatted(serverPort, port, mode));
        List<String> command = new ArrayList<>(List.of(program.toString(), settings.toString()));
        if (System.getProperty("user.name").equals("root")) {
            Files.setPosixFilePermissions(settings, PosixFilePermissions.fromString("rw-r--r--"));
            command.addAll(1, List.of("-u", "nobody"));
        }
        Process started = new ProcessBuilder(command)
                .redirectErrorStream(true)
                .redirectOutput(ProcessBuilder.Redirect.appendTo(
                        directory.resolve("pgbouncer.log").toFile()))
                .start();
        boolean accepts = Pause.until(START, () -> !started.isAlive() || accepts()) && started.isAlive();
        Files.delete(settings);
        if (!accepts) {
            started.destroyForcibly();
            throw new IllegalStateException("PgBouncer does not start; see " + directory.resolve("pgbouncer.log"));
        }
        return started;
    }

    private boolean accepts() {
        try (Socket socket = new Socket(InetAddress.getLoopbackAddress(), port)) {
            return socket.isConnected();
        } catch (IOException e) {
            return false;
        }
    }

    /** Ends it with all its connections, and starts it after the pause. */
    void kill(long pauseMillis) throws IOException {
        close();
        Pause.millis(pauseMillis);
        process = start();
    }

    /** Connects to another server from now on. */
    void target(int otherServerPort) throws IOException {
        serverPort = otherServerPort;
        kill(0);
    }

    @Override
    public void close() {
        process.destroyForcibly().onExit().join();
    }

    /** When a connection to the server can serve another client. */
    enum Mode {
        SESSION,
        TRANSACTION;

        @Override
        public String toString() {
            return name().toLowerCase(Locale.ROOT);
        }
    }
}
