package io.synckit.torture;

/** What a process of a run does. */
enum Role {
    WRITER("writer", 2),
    READER("reader", 2),
    POLLING_READER("polling-reader", 1),
    CONSUMER("consumer", 3);

    private final String text;
    private final int processes;

    Role(String text, int processes) {
        this.text = text;
        this.processes = processes;
    }

    /** The number of its processes that are alive at a time. */
    int processes() {
        return processes;
    }

    @Override
    public String toString() {
        return text;
    }
}
