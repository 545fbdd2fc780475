package io.synckit.benchmarks.contenders;

import static org.assertj.core.api.Assertions.assertThat;

import io.zonky.test.db.postgres.embedded.EmbeddedPostgres;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;

class XminReaderTest {

    /** A page in the order of the texts would end with transaction 9, and the next page would read transaction 10 again. */
    @Test
    void readsEachEventOnceWhenTransactionIdsGainADigit() throws Exception {
        try (EmbeddedPostgres server = EmbeddedPostgres.start();
                Database database = new Database(server.getJdbcUrl("postgres", "postgres"), 2)) {
            XminReader reader = new XminReader(database);
            reader.create();
            for (long n = 1; n <= 4; n++) {
                reader.store(Order.of("a", n, n));
            }
            database.execute("update xmin_events set xid = (7 + position)::text::xid8");
            List<Long> read = new ArrayList<>();

            reader.readAll(read::add);

            assertThat(read).containsExactly(1L, 2L, 3L, 4L);
        }
    }
}
