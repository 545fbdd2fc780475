package io.synckit.postgres.testing;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.util.function.Consumer;

/** Accepts connections on a free port of this machine, each served by a thread of its own. */
final class LoopbackServer implements AutoCloseable {

    private final ServerSocket listening;

    LoopbackServer(Consumer<Socket> serve) {
        try {
            listening = new ServerSocket(0, 50, InetAddress.getLoopbackAddress());
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
        start(() -> accept(serve));
    }

    private void accept(Consumer<Socket> serve) {
        while (!listening.isClosed()) {
            try {
                Socket client = listening.accept();
                start(() -> serve.accept(client));
            } catch (IOException e) {
                // The end of this server, or a client that has gone already.
            }
        }
    }

    static void start(Runnable work) {
        Thread thread = new Thread(work, "loopback");
        thread.setDaemon(true);
        thread.start();
    }

    int port() {
        return listening.getLocalPort();
    }

    @Override
    public void close() {
        try {
            listening.close();
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }
}
