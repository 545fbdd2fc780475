package io.synckit.postgres;

import com.zaxxer.hikari.HikariConfig;
import com.zaxxer.hikari.HikariDataSource;
import com.zaxxer.hikari.HikariPoolMXBean;
import io.synckit.InvalidConfigException;
import io.synckit.InvalidConnectionException;
import io.synckit.StoreStats;
import io.synckit.postgres.internal.sql.SqlFailure;
import java.sql.SQLException;
import java.util.Optional;
import javax.sql.DataSource;

/** Creates a dedicated HikariCP pool, and reads the state of a pool. */
final class HikariPool {

    private static final boolean PRESENT = isPresent();

    private HikariPool() {}

    /**
     * Returns a new pool with the settings of the config. The caller closes it.
     *
     * @throws InvalidConfigException if there is no connection string, or it is not PostgreSQL's
     * @throws InvalidConnectionException if the database cannot be reached
     */
    static HikariDataSource open(Config config) {
        ConnectionString target = ConnectionString.of(config.connectionString());
        HikariConfig hikari = new HikariConfig();
        hikari.setPoolName("synckit-" + config.tableName());
        hikari.setJdbcUrl(target.url());
        hikari.setUsername(config.username() == null ? target.username() : config.username());
        hikari.setPassword(config.password() == null ? target.password() : config.password());
        hikari.setMaximumPoolSize(config.maxOpenConns());
        hikari.setMinimumIdle(config.maxIdleConns());
        hikari.setMaxLifetime(config.connMaxLifetime().toMillis());
        hikari.setIdleTimeout(config.connMaxIdleTime().toMillis());
        try {
            return new HikariDataSource(hikari);
        } catch (com.zaxxer.hikari.pool.HikariPool.PoolInitializationException e) {
            throw new InvalidConnectionException(
                    InvalidConnectionException.Reason.UNAVAILABLE,
                    "the database cannot be reached: " + e.getMessage()
                            + "; check that it runs, the connection string and the credentials",
                    e);
        }
    }

    /** Returns the state of the pool, if it is HikariCP and has started. */
    static Optional<StoreStats.Pool> stats(DataSource dataSource) {
        try {
            return PRESENT ? Numbers.of(dataSource) : Optional.empty();
        } catch (SQLException e) {
            throw SqlFailure.named("reading the state of the pool", e);
        }
    }

    private static boolean isPresent() {
        try {
            Class.forName("com.zaxxer.hikari.HikariDataSource", false, HikariPool.class.getClassLoader());
            return true;
        } catch (ClassNotFoundException e) {
            return false;
        }
    }

    /** Loaded only if HikariCP is present. */
    private static final class Numbers {

        static Optional<StoreStats.Pool> of(DataSource dataSource) throws SQLException {
            if (!dataSource.isWrapperFor(HikariDataSource.class)) {
                return Optional.empty();
            }
            HikariDataSource hikari = dataSource.unwrap(HikariDataSource.class);
            HikariPoolMXBean pool = hikari.getHikariPoolMXBean();
            return pool == null
                    ? Optional.empty()
                    : Optional.of(new StoreStats.Pool(
                            hikari.getMaximumPoolSize(),
                            pool.getTotalConnections(),
                            pool.getActiveConnections(),
                            pool.getIdleConnections(),
                            pool.getThreadsAwaitingConnection()));
        }
    }
}
