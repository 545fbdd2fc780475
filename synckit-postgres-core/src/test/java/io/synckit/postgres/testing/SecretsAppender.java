package io.synckit.postgres.testing;

import ch.qos.logback.classic.spi.ILoggingEvent;
import ch.qos.logback.classic.spi.ThrowableProxyUtil;
import ch.qos.logback.core.AppenderBase;
import java.util.ArrayList;
import java.util.List;
import java.util.Queue;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.atomic.AtomicLong;

/** Reads everything that is logged in a run of tests, and keeps the lines that hold a secret. */
public final class SecretsAppender extends AppenderBase<ILoggingEvent> {

    /** The password in the URL of every test's database; the server trusts everybody. */
    public static final String PASSWORD = "pw-Zk41-never-in-a-log";

    /** In the data and metadata of events. */
    public static final String PAYLOAD = "payload-Qx93-never-in-a-log";

    private static final Queue<String> FOUND = new ConcurrentLinkedQueue<>();
    private static final AtomicLong READ = new AtomicLong();

    @Override
    protected void append(ILoggingEvent event) {
        READ.incrementAndGet();
        String line = event.getLoggerName() + " " + event.getFormattedMessage() + "\n"
                + ThrowableProxyUtil.asString(event.getThrowableProxy());
        if (line.contains(PASSWORD) || line.contains(PAYLOAD)) {
            FOUND.add(line);
        }
    }

    /** How many lines were read. */
    public static long read() {
        return READ.get();
    }

    /** The lines with a secret since the last call. */
    public static List<String> found() {
        List<String> found = new ArrayList<>();
        for (String line = FOUND.poll(); line != null; line = FOUND.poll()) {
            found.add(line);
        }
        return found;
    }
}
