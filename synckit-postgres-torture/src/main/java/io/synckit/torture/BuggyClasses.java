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
     * Returns a directory whose classes replace those of the library.
     *
     * @param sources of the library: the directory {@code src/main} of its module
     * @param directory of the result
     */
    static Path of(Bug bug, Path sources, Path directory) throws IOException {
        String text = bug.putInto(Files.readString(sources.resolve(bug.source())));
        Path relative = Path.of(bug.source());
        Path inPackage = relative.subpath(1, relative.getNameCount());
        Path classes = Files.createDirectories(directory.resolve("classes"));
        boolean isResource = relative.startsWith("resources");
        Path copy = (isResource ? classes : directory.resolve("source")).resolve(inPackage);
        Files.createDirectories(Objects.requireNonNull(copy.getParent()));
        Files.writeString(copy, text);
        if (!isResource) {
            compile(bug, copy, classes);
        }
        return classes;
    }

    private static void compile(Bug bug, Path source, Path classes) {
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
    }
}
