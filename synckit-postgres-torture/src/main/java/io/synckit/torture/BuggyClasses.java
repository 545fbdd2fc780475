package io.synckit.torture;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Objects;
import javax.tools.JavaCompiler;
import javax.tools.ToolProvider;

/** Puts a bug into a copy of a source of the library, and compiles it. */
final class BuggyClasses {

    private BuggyClasses() {}

    /**
     * Returns a directory whose classes hide those of the library.
     *
     * @param sources of the library: the directory {@code src/main} of its module
     * @param directory of the result
     */
    static Path of(Bug bug, Path sources, Path directory) throws IOException {
        String text = bug.putInto(Files.readString(sources.resolve(bug.source())));
        Path relative = Path.of(bug.source());
        Path inPackage = relative.subpath(1, relative.getNameCount());
        if (relative.startsWith("resources")) {
            Path copy = directory.resolve("classes").resolve(inPackage);
            Files.createDirectories(Objects.requireNonNull(copy.getParent()));
            Files.writeString(copy, text);
            return directory.resolve("classes");
        }
        Path source = directory.resolve("source").resolve(inPackage);
        Files.createDirectories(Objects.requireNonNull(source.getParent()));
        Files.writeString(source, text);
        Path classes = Files.createDirectories(directory.resolve("classes"));
        JavaCompiler compiler = ToolProvider.getSystemJavaCompiler();
        List<String> options = List.of(
                "-nowarn",
                "-proc:none",
                "-d",
                classes.toString(),
                "-cp",
                System.getProperty("java.class.path"),
                source.toString());
        if (compiler.run(null, null, null, options.toArray(new String[0])) != 0) {
            throw new IllegalStateException(bug + " does not compile");
        }
        return classes;
    }
}
