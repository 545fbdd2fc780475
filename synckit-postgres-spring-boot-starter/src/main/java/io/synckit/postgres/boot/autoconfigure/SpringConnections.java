package io.synckit.postgres.boot.autoconfigure;

import io.synckit.ConnectionSource;
import java.sql.Connection;
import java.sql.SQLException;
import javax.sql.DataSource;
import org.springframework.jdbc.datasource.DataSourceUtils;
import org.springframework.jdbc.datasource.TransactionAwareDataSourceProxy;
import org.springframework.transaction.support.TransactionSynchronizationManager;

/**
 * Joins Spring's transactions: where a transaction manager (JDBC, JPA) has bound a connection of this DataSource to the thread, that
 * one is used. Otherwise a connection of our own, which is not bound to anything, so that it cannot be mistaken for one.
 */
final class SpringConnections implements ConnectionSource {

    private final DataSource dataSource;

    SpringConnections(DataSource dataSource) {
        // The proxy binds nothing itself; transaction managers bind connections of its target.
        DataSource target =
                dataSource instanceof TransactionAwareDataSourceProxy proxy ? proxy.getTargetDataSource() : null;
        this.dataSource = target == null ? dataSource : target;
    }

    @Override
    public Borrowed borrow() throws SQLException {
        boolean bound = TransactionSynchronizationManager.hasResource(dataSource);
        Connection connection = bound ? DataSourceUtils.doGetConnection(dataSource) : dataSource.getConnection();
        return new Borrowed() {
            @Override
            public Connection connection() {
                return connection;
            }

            @Override
            public boolean inCallersTransaction() {
                return bound;
            }

            @Override
            public void close() throws SQLException {
                if (bound) {
                    DataSourceUtils.doReleaseConnection(connection, dataSource);
                } else {
                    connection.close();
                }
            }
        };
    }
}
