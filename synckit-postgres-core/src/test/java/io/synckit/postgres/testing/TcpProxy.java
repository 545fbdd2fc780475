package io.synckit.postgres.testing;

import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.net.InetSocketAddress;
import java.net.Socket;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.locks.LockSupport;

/**
 * A link to the server that can fail in every way: be cut, refuse, go silent, be slow, or stop in the middle of a message. Loopback only.
 */
public final class TcpProxy implements AutoCloseable {

    private final LoopbackServer clients;
    private final Set<Socket> sockets = ConcurrentHashMap.newKeySet();
    private final AtomicLong sentByClients = new AtomicLong();
    private volatile InetSocketAddress target;
    private volatile long delayMillis;
    private volatile boolean refusing;
    private volatile boolean silent;
    private volatile int halfOf = -1;

    public TcpProxy(String host, int port) {
        target = new InetSocketAddress(host, port);
        clients = new LoopbackServer(this::serve);
    }

    public int port() {
        return clients.port();
    }

    private void serve(Socket client) {
        try {
            if (refusing) {
                client.close();
                return;
            }
            Socket server = new Socket();
            server.connect(target);
            client.setTcpNoDelay(true);
            server.setTcpNoDelay(true);
            sockets.add(client);
            sockets.add(server);
            LoopbackServer.start(() -> copy(server, client, false));
            copy(client, server, true);
        } catch (IOException e) {
            // A connection that failed.
        }
    }

    private void copy(Socket from, Socket to, boolean fromClient) {
        byte[] buffer = new byte[8192];
        try (from;
                to) {
            InputStream in = from.getInputStream();
            OutputStream out = to.getOutputStream();
            int length;
            while ((length = in.read(buffer)) > 0) {
                if (fromClient) {
                    sentByClients.incrementAndGet();
                }
                if (delayMillis > 0) {
                    LockSupport.parkNanos(TimeUnit.MILLISECONDS.toNanos(delayMillis));
                }
                if (silent) {
                    continue;
                }
                if (!fromClient && halfOf >= 0) {
                    out.write(buffer, 0, Math.min(length, halfOf));
                    silent = true;
                    continue;
                }
                out.write(buffer, 0, length);
            }
        } catch (IOException e) {
            // Cut.
        } finally {
            sockets.remove(from);
            sockets.remove(to);
        }
    }

    /** How many times clients have sent something. */
    public long sentByClients() {
        return sentByClients.get();
    }

    /** New connections lead to another server. */
    public void target(String host, int port) {
        target = new InetSocketAddress(host, port);
    }

    /** Forwards each message after this time. */
    public void delay(long millis) {
        delayMillis = millis;
    }

    /** Breaks every connection. */
    public void cut() {
        for (Socket socket : sockets) {
            try {
                socket.close();
            } catch (IOException e) {
                // Broken already.
            }
        }
    }

    /** Breaks every connection, and accepts no new one. */
    public void refuse() {
        refusing = true;
        cut();
    }

    /** Forwards nothing any more, and says nothing of it. */
    public void goSilent() {
        silent = true;
    }

    /** Goes silent after so many bytes of what the server sends next. */
    public void stopInTheMiddle(int bytes) {
        halfOf = bytes;
    }

    /** Works again, for new connections. */
    public void heal() {
        refusing = true;
        cut();
        delayMillis = 0;
        halfOf = -1;
        silent = false;
        refusing = false;
    }

    @Override
    public void close() {
        clients.close();
        cut();
    }
}
