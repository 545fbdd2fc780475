package io.synckit.postgres;

import static org.assertj.core.api.Assertions.assertThat;

import io.synckit.EventPage;
import io.synckit.JsonCodec;
import io.synckit.StoredEvent;
import io.synckit.Version;
import io.synckit.postgres.internal.json.JacksonJson;
import io.synckit.postgres.testing.TestDatabase;
import io.synckit.postgres.testing.TestPostgres;
import java.sql.Connection;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** No event is lost, duplicated or reordered, however transactions interleave. A naive reader fails the same proof. */
@Timeout(value = 15, unit = TimeUnit.MINUTES)
class OrderProofTest {

    private static final JsonCodec JSON = new JacksonJson();

    private final long seed = new Random().nextLong();

    @Test
    void readersThatFollowWithLoadMissNothing() throws Exception {
        try (TestDatabase database = TestPostgres.shared().migratedDatabase()) {
            OrderProof proof = new OrderProof(database, 150, seed);

            List<List<StoredEvent>> seen = proof.run(since -> proof.store().load(since, 50));

            assertThat(seen).as("readers, seed %d", seed).allSatisfy(proof::assertComplete);
        }
    }

    @Test
    void readerWithoutTheFenceLosesEvents() throws Exception {
        try (TestDatabase database = TestPostgres.shared().migratedDatabase()) {
            OrderProof proof = new OrderProof(database, 150, seed);

            List<List<StoredEvent>> seen = proof.run(since -> naive(database, since));

            assertThat(seen)
                    .as("naive readers, seed %d", seed)
                    .allSatisfy(events -> assertThat(proof.lost(events)).isPositive());
        }
    }

    private static EventPage naive(TestDatabase database, Version since) throws SQLException {
        List<StoredEvent> events = new ArrayList<>();
        try (Connection connection = database.pool().getConnection();
                PreparedStatement statement = connection.prepareStatement(
                        "select version, id, aggregate_id, stream_version from synckit.events where version > ? order by version")) {
            statement.setLong(1, since.value());
            try (ResultSet rows = statement.executeQuery()) {
                while (rows.next()) {
                    events.add(new StoredEvent(
                            Version.of(rows.getLong(1)),
                            rows.getString(2),
                            rows.getString(3),
                            rows.getLong(4),
                            "T",
                            "1",
                            "{}",
                            Instant.EPOCH,
                            JSON));
                }
            }
        }
        Version next = events.isEmpty() ? since : events.get(events.size() - 1).version();
        return new EventPage(events, next, false);
    }
}
