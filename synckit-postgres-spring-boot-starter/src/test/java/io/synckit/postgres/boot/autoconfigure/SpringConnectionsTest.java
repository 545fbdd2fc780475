package io.synckit.postgres.boot.autoconfigure;

import static org.assertj.core.api.Assertions.assertThat;

import com.zaxxer.hikari.HikariDataSource;
import org.junit.jupiter.api.Test;
import org.springframework.jdbc.datasource.DelegatingDataSource;
import org.springframework.jdbc.datasource.LazyConnectionDataSourceProxy;
import org.springframework.jdbc.datasource.TransactionAwareDataSourceProxy;
import org.springframework.jdbc.datasource.lookup.AbstractRoutingDataSource;

class SpringConnectionsTest {

    @Test
    void whereTheThreadMayDecideConnectionsAreNotTheSameForAll() {
        try (HikariDataSource pool = new HikariDataSource()) {
            assertThat(new SpringConnections(pool, true).sameForAllThreads()).isTrue();
            assertThat(new SpringConnections(new TransactionAwareDataSourceProxy(pool), true).sameForAllThreads())
                    .isTrue();
            assertThat(new SpringConnections(new LazyConnectionDataSourceProxy(pool), true).sameForAllThreads())
                    .isTrue();
            assertThat(new SpringConnections(new LazyConnectionDataSourceProxy(new OfTenants()), true)
                            .sameForAllThreads())
                    .isFalse();
            assertThat(new SpringConnections(new DelegatingDataSource(pool), true).sameForAllThreads())
                    .isFalse();
            assertThat(new SpringConnections(new OfTenants(), true).sameForAllThreads())
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
