package io.synckit.postgres.internal.listen;

import io.synckit.postgres.internal.sql.ListenConnection;
import java.sql.SQLException;

/** Uses the connection that listens, besides the reader. Called by the listener's thread. */
public interface ListenerTenant {

    /** Called between two waits. May query the connection. */
    void serve(ListenConnection connection) throws SQLException;

    /** The server has answered. */
    void answered(long now);

    /** The connection was lost or closed. */
    void disconnected();

    /** The listener has no connection by its settings, and polls. */
    void polling();
}
