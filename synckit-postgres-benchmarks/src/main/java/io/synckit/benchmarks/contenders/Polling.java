package io.synckit.benchmarks.contenders;

import java.sql.Connection;
import java.sql.SQLException;

/** A thread that polls: at once again while it finds events, otherwise after a pause. */
final class Polling implements Contender.Following {

    /** Polls once. Returns the number of events. */
    interface Question {
        int ask(Connection connection) throws SQLException;
    }

    private final Thread thread;
    private volatile boolean open = true;

    private Polling(long pause, Database database, Question question) {
        this.thread = new Thread(
                () -> {
                    try (Connection connection = database.connect()) {
                        while (open) {
                            if (question.ask(connection) == 0) {
                                Thread.sleep(pause);
                            }
                        }
                    } catch (SQLException | InterruptedException e) {
                        throw new IllegalStateException(e);
                    }
                },
                "polling");
    }

    static Polling every(long pause, Database database, Question question) {
        Polling polling = new Polling(pause, database, question);
        polling.thread.start();
        return polling;
    }

    @Override
    public void close() {
        open = false;
        Threads.join(thread);
    }
}
