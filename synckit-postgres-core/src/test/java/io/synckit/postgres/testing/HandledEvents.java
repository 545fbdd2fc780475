package io.synckit.postgres.testing;

import static org.assertj.core.api.Assertions.assertThat;

import io.synckit.StoredEvent;
import java.sql.SQLException;
import java.sql.Statement;

/** The events that handlers have inserted into the table {@code handled}, in the transaction of the handler if it has one. */
public final class HandledEvents {

    private final TestDatabase database;

    public HandledEvents(TestDatabase database) {
        this.database = database;
    }

    public void createTable() {
        database.execute("create table handled (n integer generated always as identity, version bigint, key text)");
    }

    public void insert(DurableProcess process, StoredEvent event) throws SQLException {
        try (var borrowed = process.connections().borrow();
                Statement statement = borrowed.connection().createStatement()) {
            statement.execute("insert into handled (version, key) values (" + event.version() + ", '"
                    + event.aggregateId() + "')");
        }
    }

    /** Asserts that so many events were inserted, each once, and those of a key in the order of versions. */
    public void assertOnceAndInOrder(int events) {
        assertThat(database.query("select count(*) from handled")).isEqualTo(String.valueOf(events));
        assertThat(database.query("select count(distinct version) from handled"))
                .isEqualTo(String.valueOf(events));
        assertThat(database.query("select count(*) from handled a join handled b on a.key = b.key and a.n < b.n"
                        + " and a.version > b.version"))
                .isEqualTo("0");
    }
}
