package io.synckit.postgres.testing;

import java.io.FilterInputStream;
import java.io.FilterOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.net.InetAddress;
import java.net.Socket;
import java.util.concurrent.atomic.AtomicLong;
import javax.net.SocketFactory;

/**
 * Counts at the driver's socket: a round trip is a read that follows a write. For {@code
 * socketFactory=io.synckit.postgres.testing.RoundTrips} in a JDBC URL; the numbers are of all such connections.
 */
public final class RoundTrips extends SocketFactory {

    /** The parameter of the JDBC URL. */
    public static final String URL_PARAMETER = "socketFactory=" + RoundTrips.class.getName();

    private static final AtomicLong COUNT = new AtomicLong();
    private static final AtomicLong BYTES_READ = new AtomicLong();

    public static long count() {
        return COUNT.get();
    }

    public static long bytesRead() {
        return BYTES_READ.get();
    }

    @Override
    public Socket createSocket() {
        return new CountingSocket();
    }

    @Override
    public Socket createSocket(String host, int port) {
        throw new IllegalStateException("the driver connects by itself");
    }

    @Override
    public Socket createSocket(String host, int port, InetAddress localHost, int localPort) {
        throw new IllegalStateException("the driver connects by itself");
    }

    @Override
    public Socket createSocket(InetAddress host, int port) {
        throw new IllegalStateException("the driver connects by itself");
    }

    @Override
    public Socket createSocket(InetAddress address, int port, InetAddress localAddress, int localPort) {
        throw new IllegalStateException("the driver connects by itself");
    }

    private static final class CountingSocket extends Socket {

        private volatile boolean written;

        @Override
        public OutputStream getOutputStream() throws IOException {
            return new FilterOutputStream(super.getOutputStream()) {
                @Override
                public void write(int b) throws IOException {
                    written = true;
                    out.write(b);
                }

                @Override
                public void write(byte[] bytes, int offset, int length) throws IOException {
                    written = true;
                    out.write(bytes, offset, length);
                }
            };
        }

        @Override
        public InputStream getInputStream() throws IOException {
            return new FilterInputStream(super.getInputStream()) {
                @Override
                public int read() throws IOException {
                    return counted(in.read(), 1);
                }

                @Override
                public int read(byte[] bytes, int offset, int length) throws IOException {
                    int n = in.read(bytes, offset, length);
                    return counted(n, n);
                }

                private int counted(int result, int bytes) {
                    if (written) {
                        written = false;
                        COUNT.incrementAndGet();
                    }
                    BYTES_READ.addAndGet(Math.max(bytes, 0));
                    return result;
                }
            };
        }
    }
}
