package io.synckit.torture;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;

/** Programs that some faults need. They are used if they are installed. */
final class Tools {

    private static final Pattern MAJOR = Pattern.compile("\\) (\\d+)");

    private Tools() {}

    /** Returns the path of PgBouncer. */
    static Optional<Path> pgBouncer() {
        return program("pgbouncer");
    }

    /** Returns the library of faketime that gives a process another clock. */
    static Optional<Path> fakeTime() {
        return Stream.of("/usr/lib", "/usr/lib64")
                .map(Path::of)
                .filter(Files::isDirectory)
                .flatMap(Tools::below)
                .filter(file -> file.getFileName().toString().equals("libfaketimeMT.so.1"))
                .findFirst();
    }

    private static Stream<Path> below(Path directory) {
        try (Stream<Path> files = Files.find(directory, 3, (file, attributes) -> attributes.isRegularFile())) {
            return files.toList().stream();
        } catch (IOException e) {
            return Stream.empty();
        }
    }

    /** Returns whether there are pg_dump and psql for a server of this major version. */
    static boolean canDump(int major) {
        return program("psql").isPresent()
                && program("pg_dump")
                        .map(dump -> MAJOR.matcher(output(List.of(dump.toString(), "--version"))))
                        .filter(Matcher::find)
                        .filter(version -> Integer.parseInt(version.group(1)) >= major)
                        .isPresent();
    }

    private static String output(List<String> command) {
        try {
            return new String(
                    new ProcessBuilder(command).start().getInputStream().readAllBytes());
        } catch (IOException e) {
            return "";
        }
    }

    private static Optional<Path> program(String name) {
        return Stream.concat(Stream.of(System.getenv("PATH").split(":")), Stream.of("/usr/sbin", "/usr/local/sbin"))
                .map(directory -> Path.of(directory, name))
                .filter(Files::isExecutable)
                .findFirst();
    }
}
