package io.synckit.postgres.boot.autoconfigure;

import static org.assertj.core.api.Assertions.assertThat;

import com.zaxxer.hikari.HikariDataSource;
import org.junit.jupiter.api.Test;
import org.springframework.beans.factory.ObjectProvider;
import org.springframework.jdbc.datasource.DelegatingDataSource;
import org.springframework.jdbc.datasource.LazyConnectionDataSourceProxy;
import org.springframework.jdbc.datasource.TransactionAwareDataSourceProxy;
import org.springframework.jdbc.datasource.lookup.AbstractRoutingDataSource;
import org.springframework.transaction.PlatformTransactionManager;

class SpringConnectionsTest {

    private static final ObjectProvider<PlatformTransactionManager> NONE = new ObjectProvider<>() {};

    @Test
    void whereTheThreadMayDecideConnectionsAreNotTheSameForAll() {
        try (HikariDataSource pool = new HikariDataSource()) {
            assertThat(new SpringConnections(pool, true, NONE).sameForAllThreads())
                    .isTrue();
            assertThat(new SpringConnections(new TransactionAwareDataSourceProxy(pool), true, NONE).sameForAllThreads())
                    .isTrue();
            assertThat(new SpringConnections(new LazyConnectionDataSourceProxy(pool), true, NONE).sameForAllThreads())
                    .isTrue();
            assertThat(new SpringConnections(new LazyConnectionDataSourceProxy(new OfTenants()), true, NONE)
                            .sameForAllThreads())
                    .isFalse();
            assertThat(new SpringConnections(new DelegatingDataSource(pool), true, NONE).sameForAllThreads())
                    .isFalse();
            assertThat(new SpringConnections(new OfTenants(), true, NONE).sameForAllThreads())
                    .isFalse();
        }
    }

    private static final class OfTenants extends AbstractRoutingDataSource {

        @Override
        protected Object determineCurrentLookupKey() {
            return Thread.currentThread().getName();
        }
    }
}
