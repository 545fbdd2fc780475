package io.synckit.benchmarks.contenders;

import java.sql.Connection;
import java.sql.PreparedStatement;
import java.sql.SQLException;

/** The row of the application that is stored in one transaction with the event. */
final class BusinessRow {

    private BusinessRow() {}

    /** Returns the statements that create its table. */
    static String create(String table) {
        return "drop table if exists " + table + "; create table " + table
                + " (id text primary key, customer text not null, item text not null, quantity integer not null,"
                + " placed_at timestamptz not null default now())";
    }

    static void insert(Connection connection, String table, Order order) throws SQLException {
        try (PreparedStatement insert = connection.prepareStatement(
                "insert into " + table + " (id, customer, item, quantity) values (?, ?, ?, ?)")) {
            insert.setString(1, order.id());
            insert.setString(2, order.data().customer());
            insert.setString(3, order.data().item());
            insert.setInt(4, order.data().quantity());
            insert.executeUpdate();
        }
    }
}
