package io.synckit.torture;

import io.synckit.torture.process.Pause;
import io.zonky.test.db.postgres.embedded.EmbeddedPostgres;
import java.io.IOException;
import java.net.ServerSocket;
import java.nio.file.Files;
import java.nio.file.Path;
import java.sql.Connection;
import java.sql.DriverManager;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.time.Duration;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;

/** A PostgreSQL server that can be stopped, paused and started again. */
final class Server implements AutoCloseable {

    private static final Duration START = Duration.ofMinutes(2);
    private static final Duration ANSWER = Duration.ofMinutes(1);

    private final Path data;
    private final int major;
    private final boolean commitsAsynchronously;
    private final int port;
    private @Nullable EmbeddedPostgres running;

    /**
     * @param data directory of the data, which is created if it is not there
     * @param major version
     * @param commitsAsynchronously whether {@code synchronous_commit} is off, so that a crash loses commits, except those of events
     */
    Server(Path data, int major, boolean commitsAsynchronously) throws IOException {
        this.data = data;
        this.major = major;
        this.commitsAsynchronously = commitsAsynchronously;
        try (ServerSocket free = new ServerSocket(0)) {
            this.port = free.getLocalPort();
        }
    }

    void start() throws IOException {
        EmbeddedPostgres.Builder builder = EmbeddedPostgres.builder()
                .setDataDirectory(data)
                .setCleanDataDirectory(false)
                .setPort(port)
                .setServerConfig("max_connections", "120")
                .setServerConfig("max_prepared_transactions", "30")
                .setServerConfig("fsync", "off")
                .setServerConfig("synchronous_commit", commitsAsynchronously ? "off" : "on")
                .setServerConfig("wal_writer_delay", "10s") // a crash loses what no commit has written
                .setServerConfig("max_wal_size", "64MB")
                .setServerConfig("wal_keep_size", "96MB")
                .setServerConfig("hot_standby", "on")
                .setPGStartupWait(START);
        if (major >= 17) {
            builder.setServerConfig("max_notify_queue_pages", "64"); // so that it can be filled
        }
        running = builder.start();
    }

    int port() {
        return port;
    }

    /** Returns a server with the same settings and other data. */
    Server like(Path otherData) throws IOException {
        return new Server(otherData, major, commitsAsynchronously);
    }

    Path data() {
        return data;
    }

    /** Returns the URL of the database at a port, which may be that of a link. */
    static String url(int port) {
        return "jdbc:postgresql://localhost:" + port + "/postgres?user=postgres&loginTimeout=5";
    }

    Connection connect() throws SQLException {
        return DriverManager.getConnection(url(port) + "&ApplicationName=torture");
    }

    void execute(String... statements) throws SQLException {
        try (Connection connection = connect();
                Statement statement = connection.createStatement()) {
            for (String sql : statements) {
                statement.execute(sql);
            }
        }
    }

    /** Returns the first column of the first row; null if there is none. */
    @Nullable String query(String sql) throws SQLException {
        try (Connection connection = connect();
                Statement statement = connection.createStatement();
                ResultSet rows = statement.executeQuery(sql)) {
            return rows.next() ? rows.getString(1) : null;
        }
    }

    /** Asks until the answer is as expected. */
    void await(String sql, String expected) throws SQLException {
        if (!Pause.until(ANSWER, () -> expected.equals(query(sql)))) {
            throw new IllegalStateException(sql + ": " + query(sql) + " instead of " + expected);
        }
    }

    private long postmaster() throws IOException {
        return Long.parseLong(
                Files.readAllLines(data.resolve("postmaster.pid")).get(0).trim());
    }

    /** @param signal {@code QUIT} stops like a crash, {@code INT} in order */
    void stop(String signal) throws Exception {
        if (Files.exists(data.resolve("postmaster.pid"))) {
            long postmaster = postmaster();
            Child.signal(signal, postmaster);
            ProcessHandle.of(postmaster)
                    .ifPresent(ended ->
                            ended.onExit().orTimeout(60, TimeUnit.SECONDS).join());
        }
        close();
    }

    /** Suspends or continues all processes of the server. */
    void signalAll(String signal) throws Exception {
        long postmaster = postmaster();
        Child.signal(signal, postmaster);
        for (ProcessHandle child :
                ProcessHandle.of(postmaster).orElseThrow().children().toList()) {
            Child.signal(signal, child.pid());
        }
    }

    boolean isRunning() {
        try {
            return "1".equals(query("select 1"));
        } catch (SQLException e) {
            return false;
        }
    }

    /** Releases the directory. */
    @Override
    public void close() throws IOException {
        EmbeddedPostgres closed = running;
        running = null;
        if (closed != null) {
            closed.close();
        }
    }
}
