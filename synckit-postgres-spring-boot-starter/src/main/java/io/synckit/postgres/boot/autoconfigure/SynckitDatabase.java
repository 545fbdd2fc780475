package io.synckit.postgres.boot.autoconfigure;

import java.util.List;
import javax.sql.DataSource;
import org.springframework.beans.factory.ListableBeanFactory;
import org.springframework.beans.factory.ObjectProvider;

/**
 * The DataSource of the event store.
 *
 * @param dataSource the one that is marked {@code @SynckitDataSource}, or else the only or primary one
 */
record SynckitDatabase(DataSource dataSource) {

    /** @throws NoUniqueDataSourceException if there is none, or none among several that is marked or primary */
    static SynckitDatabase choose(
            ObjectProvider<DataSource> marked, ObjectProvider<DataSource> any, ListableBeanFactory beans) {
        DataSource dataSource = marked.getIfUnique();
        if (dataSource == null) {
            dataSource = any.getIfUnique();
        }
        if (dataSource == null) {
            throw new NoUniqueDataSourceException(List.of(beans.getBeanNamesForType(DataSource.class)));
        }
        return new SynckitDatabase(dataSource);
    }
}
