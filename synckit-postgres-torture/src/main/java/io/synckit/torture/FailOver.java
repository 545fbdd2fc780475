package io.synckit.torture;

import io.synckit.torture.process.HistoryFile;
import io.synckit.torture.process.Pause;
import java.io.IOException;
import java.sql.SQLException;
import java.util.List;

/** Starts a standby, ends the primary, and promotes the standby. */
final class FailOver {

    /** More than the versions that can be taken between the query and the end of the primary. */
    private static final int MORE_VERSIONS = 1000;

    private final Stage stage;
    private final HistoryFile losses;
    private int count;

    FailOver(Stage stage) throws IOException {
        this.stage = stage;
        this.losses = new HistoryFile(stage.children.losses());
    }

    private Server standby() throws Exception {
        Server primary = stage.server;
        Server standby = primary.like(stage.data.resolve("standby-" + ++count));
        BaseBackup.copy(primary, standby);
        standby.start();
        primary.await("select count(*) from pg_stat_replication where state = 'streaming'", "1");
        return standby;
    }

    /** The standby has every commit. */
    void synchronous() throws Exception {
        Server primary = stage.server;
        Server standby = standby();
        primary.execute("alter system set synchronous_standby_names = '*'", "select pg_reload_conf()");
        primary.await("select count(*) from pg_stat_replication where sync_state = 'sync'", "1");
        Pause.millis(stage.between(500, 3000));
        primary.stop("QUIT");
        promote(standby);
        standby.execute("alter system reset synchronous_standby_names", "select pg_reload_conf()");
        stage.moveTo(standby);
        Directories.delete(primary.data());
    }

    /**
     * Promotes a standby that lacks the last commits. Suspends the writers meanwhile, and sets the sequence above every version that was given
     * out, as docs/schema.md says.
     */
    void asynchronous() throws Exception {
        Server primary = stage.server;
        Server standby = standby();
        long begin = System.nanoTime();
        String reached = primary.query("select pg_current_wal_insert_lsn()");
        primary.execute("select pg_logical_emit_message(true, 'torture', '')"); // its commit writes the log up to here
        standby.await("select pg_last_wal_receive_lsn() >= '" + reached + "'", "t");
        standby.execute("alter system set primary_conninfo = ''", "select pg_reload_conf()");
        Pause.millis(stage.between(500, 2000));
        List<Child> writers = stage.children.of(Role.WRITER);
        for (Child writer : writers) {
            writer.suspend();
        }
        String lastVersion = primary.query("select last_value + " + MORE_VERSIONS + " from synckit.events_version_seq");
        primary.stop("QUIT");
        losses.write("loss", begin);
        promote(standby);
        standby.execute("select setval('synckit.events_version_seq', " + lastVersion + ")");
        stage.moveTo(standby);
        for (Child writer : writers) {
            writer.resume();
        }
        Directories.delete(primary.data());
    }

    private static void promote(Server standby) throws SQLException {
        standby.execute("select pg_promote()");
        standby.await("select pg_is_in_recovery()", "f");
    }
}
