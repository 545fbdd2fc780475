package io.synckit.postgres.testing;

import java.io.DataInputStream;
import java.io.DataOutputStream;
import java.io.IOException;
import java.net.Socket;
import java.nio.ByteBuffer;

/**
 * Behaves like PgBouncer in transaction mode as far as a listener notices: each transaction of a client uses another of two connections, the
 * process id in the greeting is the pooler's own, and what the server says to a client that is between transactions is lost.
 */
public final class TransactionPooler implements AutoCloseable {

    private final String host;
    private final int port;
    private final LoopbackServer clients;

    public TransactionPooler(String host, int port) {
        this.host = host;
        this.port = port;
        this.clients = new LoopbackServer(this::serve);
    }

    public int port() {
        return clients.port();
    }

    private void serve(Socket client) {
        try (client;
                Socket first = new Socket(host, port);
                Socket second = new Socket(host, port)) {
            DataInputStream in = new DataInputStream(client.getInputStream());
            DataOutputStream out = new DataOutputStream(client.getOutputStream());
            byte[] startup = startup(in, out);
            Socket[] servers = {first, second};
            for (int i = 0; i < 2; i++) {
                servers[i].getOutputStream().write(startup);
                untilReady(servers[i], i == 0 ? out : null);
            }
            int turn = 0;
            while (true) {
                turn = 1 - turn;
                transaction(in, out, servers[turn]);
            }
        } catch (IOException e) {
            // The client has gone.
        }
    }

    /** The start-up message; a request for encryption before it is declined. */
    private static byte[] startup(DataInputStream in, DataOutputStream out) throws IOException {
        while (true) {
            int length = in.readInt();
            byte[] body = in.readNBytes(length - 4);
            if (length != 8) {
                return ByteBuffer.allocate(length).putInt(length).put(body).array();
            }
            out.write('N');
        }
    }

    /** Passes what the client sends to the server, up to a Sync or a simple query, and the answer back. */
    private static void transaction(DataInputStream in, DataOutputStream out, Socket server) throws IOException {
        DataOutputStream toServer = new DataOutputStream(server.getOutputStream());
        byte type;
        do {
            type = in.readByte();
            int length = in.readInt();
            toServer.writeByte(type);
            toServer.writeInt(length);
            toServer.write(in.readNBytes(length - 4));
        } while (type != 'S' && type != 'Q' && type != 'X');
        toServer.flush();
        if (type == 'X') {
            throw new IOException("ended");
        }
        untilReady(server, out);
    }

    private static void untilReady(Socket server, DataOutputStream out) throws IOException {
        DataInputStream in = new DataInputStream(server.getInputStream());
        byte type;
        do {
            type = in.readByte();
            int length = in.readInt();
            byte[] body = in.readNBytes(length - 4);
            if (type == 'K') {
                body = ByteBuffer.allocate(body.length).putInt(1).array();
            }
            if (out != null && type != 'A') {
                out.writeByte(type);
                out.writeInt(length);
                out.write(body);
            }
        } while (type != 'Z');
        if (out != null) {
            out.flush();
        }
    }

    @Override
    public void close() {
        clients.close();
    }
}
