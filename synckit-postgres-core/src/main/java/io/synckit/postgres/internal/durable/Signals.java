package io.synckit.postgres.internal.durable;

/** The signals of the control channel: a word, and the values that belong to it on lines of their own. */
final class Signals {

    /** A process has joined or left. */
    static final String MEMBERS = "members";

    /** A partition has no owner. */
    static final String RELEASED = "released";

    /** The sender handles events. Receivers check the owners within three seconds, because the sender may have died since. */
    static final String BUSY = "busy";

    private static final String CHANGED = "changed\n";
    private static final String COMMAND = "command\n";
    private static final String WAIT = "wait\n";
    private static final String REACHED = "reached\n";

    private Signals() {}

    /** A subscription was paused, resumed, moved or replayed. */
    static String changed(String subscription) {
        return CHANGED + subscription;
    }

    /** A parked key of a subscription has a command. */
    static String command(String subscription) {
        return COMMAND + subscription;
    }

    /** A process waits until a subscription has reached a version. */
    static String waits(String subscription, long version) {
        return WAIT + version + '\n' + subscription;
    }

    /** A subscription has reached a version for which a process waits. */
    static String reached(String subscription) {
        return REACHED + subscription;
    }

    /** Passes a signal on. Ignores one that is not known, which a later release may have sent. */
    static void dispatch(String signal, Receiver receiver) {
        if (signal.equals(MEMBERS) || signal.equals(RELEASED)) {
            receiver.ownersChanged();
        } else if (signal.equals(BUSY)) {
            receiver.busy();
        } else if (signal.startsWith(CHANGED)) {
            receiver.ownersChanged();
        } else if (signal.startsWith(COMMAND)) {
            receiver.command(signal.substring(COMMAND.length()));
        } else if (signal.startsWith(REACHED)) {
            receiver.reached(signal.substring(REACHED.length()));
        } else if (signal.startsWith(WAIT)) {
            String[] parts = signal.substring(WAIT.length()).split("\n", 2);
            if (parts.length == 2 && parts[0].matches("\\d{1,18}")) {
                receiver.waits(parts[1], Long.parseLong(parts[0]));
            }
        }
    }

    /** Receives signals, on the listener's thread. */
    interface Receiver {

        void ownersChanged();

        void busy();

        void command(String subscription);

        void waits(String subscription, long version);

        void reached(String subscription);
    }
}
