package io.synckit.postgres.notification;

import java.net.InetAddress;
import java.net.UnknownHostException;

/** The default name of a process: its host and process id. */
final class ProcessName {

    private ProcessName() {}

    static String ofThisProcess() {
        long pid = ProcessHandle.current().pid();
        try {
            return InetAddress.getLocalHost().getHostName() + ":" + pid;
        } catch (UnknownHostException e) {
            return "process " + pid;
        }
    }
}
