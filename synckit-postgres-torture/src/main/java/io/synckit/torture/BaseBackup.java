package io.synckit.torture;

import java.io.IOException;
import java.nio.file.FileVisitResult;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.SimpleFileVisitor;
import java.nio.file.attribute.BasicFileAttributes;
import java.sql.Connection;
import java.sql.ResultSet;
import java.sql.Statement;

/** Copies a running server, as the base of a standby. */
final class BaseBackup {

    private BaseBackup() {}

    static void copy(Server primary, Server standby) throws Exception {
        try (Connection connection = primary.connect();
                Statement statement = connection.createStatement()) {
            statement.execute("select pg_backup_start('standby', true)");
            copy(primary.data(), standby.data());
            try (ResultSet stopped = statement.executeQuery("select labelfile from pg_backup_stop(false)")) {
                stopped.next();
                Files.writeString(standby.data().resolve("backup_label"), stopped.getString(1));
            }
        }
        Files.createFile(standby.data().resolve("standby.signal"));
        Path settings = standby.data().resolve("postgresql.auto.conf");
        Files.writeString(
                settings,
                Files.readString(settings) + "primary_conninfo = 'host=localhost user=postgres port=" + primary.port()
                        + "'\n");
    }

    /** Without the write-ahead log, which is streamed. Files that vanish meanwhile are restored from it. */
    private static void copy(Path from, Path to) throws IOException {
        Files.walkFileTree(from, new SimpleFileVisitor<>() {
            @Override
            public FileVisitResult preVisitDirectory(Path directory, BasicFileAttributes attributes)
                    throws IOException {
                Path copied = Files.createDirectories(
                        to.resolve(from.relativize(directory).toString()));
                Files.setPosixFilePermissions(copied, Files.getPosixFilePermissions(directory));
                return FileVisitResult.CONTINUE;
            }

            @Override
            public FileVisitResult visitFile(Path file, BasicFileAttributes attributes) throws IOException {
                Path relative = from.relativize(file);
                boolean skipped = relative.startsWith("pg_wal")
                        || relative.startsWith("postmaster.pid")
                        || relative.startsWith("postmaster.opts")
                        || relative.startsWith("pg_replslot");
                if (!skipped) {
                    try {
                        Files.copy(file, to.resolve(relative.toString()));
                    } catch (NoSuchFileException e) {
                        // Deleted meanwhile.
                    }
                }
                return FileVisitResult.CONTINUE;
            }

            @Override
            public FileVisitResult visitFileFailed(Path file, IOException failure) {
                return FileVisitResult.CONTINUE;
            }
        });
    }
}
