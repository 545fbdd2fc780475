package io.synckit.benchmarks;

import io.synckit.benchmarks.contenders.Bare;
import io.synckit.benchmarks.contenders.Contender;
import io.synckit.benchmarks.contenders.Database;
import io.synckit.benchmarks.contenders.Ours;
import io.synckit.postgres.schema.NotifyMode;
import java.sql.SQLException;
import java.util.List;
import java.util.Random;

/** Measures an append and a read of 100 events of an aggregate in a growing table, with this library and the bare driver on the same rows. */
final class Growth {

    private static final int WRITERS = 16;
    private static final int WARM_UP = 3;
    private static final int CHUNK = 500_000;

    private static final String FILL = """
            begin;
            set local synckit.maintenance = 'on';
            insert into <table> (id, aggregate_id, stream_version, event_type, data)
            select 'filled-' || g, 'filled-' || (g / <block>) * <mixed> + g % <mixed>, g / <mixed> % 100 + 1, 'OrderPlaced',
                   json_build_object('n', g, 'item', 'coffee', 'customer', 'alice', 'quantity', 2)::jsonb
              from generate_series(<from>, <to>) g;
            commit
            """;

    private final Database database;
    private final Report report;
    private final Profile profile;
    private final Random random = new Random(1);

    Growth(Database database, Report report, Profile profile) {
        this.database = database;
        this.report = report;
        this.profile = profile;
    }

    void run() throws Exception {
        Ours ours = new Ours(database, NotifyMode.COALESCED);
        Bare bare = new Bare(database, Bare.Batch.ARRAYS, false);
        List<Contender> contenders = List.of(ours, bare);
        ours.create();
        bare.create();
        Samples appends = new Samples("growth-append", WRITERS + " writers, by events in the table", "events/s");
        Samples reads = new Samples("stream-read", "streams of 100 events, by events in the table", "streams/s");
        int there = 0;
        for (int size : profile.sizes()) {
            fill(ours.schema() + ".events", there, size);
            fill(bare.table(), there, size);
            there = size;
            int streams = size / 100;
            database.execute("analyze " + ours.schema() + ".events; analyze " + bare.table() + "; checkpoint");
            Turns.take(profile.first(WARM_UP), profile.rounds(), contenders, (contender, counts) -> {
                double read = read(contender, streams);
                if (counts) {
                    reads.add(named(contender, size), read);
                }
            });
            Turns.take(profile.first(WARM_UP), profile.rounds(), contenders, (contender, counts) -> {
                double stored =
                        Writers.store(contender, WRITERS, profile.turn()).perSecond();
                if (counts) {
                    appends.add(named(contender, size), stored);
                }
            });
        }
        ours.close();
        report.table(appends);
        report.table(reads);
        int smallest = profile.sizes()[0];
        int largest = profile.sizes()[profile.sizes().length - 1];
        report.atMost(
                "stream-read",
                reads.ratio(named(ours, largest), named(bare, largest)).inverse(),
                1.2);
        report.atMost(
                "growth-append", appends.median(named(ours, smallest)) / appends.median(named(ours, largest)), 1.3);
        report.atMost(
                "growth-stream-read", reads.median(named(ours, smallest)) / reads.median(named(ours, largest)), 1.3);
    }

    private static String named(Contender contender, int size) {
        return contender.name() + ", " + size;
    }

    private double read(Contender contender, int streams) throws Exception {
        long end = System.nanoTime() + profile.turn() * 1_000_000L;
        long start = System.nanoTime();
        int count = 0;
        while (System.nanoTime() < end) {
            int[] events = new int[1];
            contender.readStream("filled-" + random.nextInt(streams), n -> events[0]++);
            if (events[0] != 100) {
                throw new IllegalStateException(contender.name() + " reads " + events[0] + " of 100 events");
            }
            count++;
        }
        return count / ((System.nanoTime() - start) / 1e9);
    }

    /** Aggregates of 100 events. The events of up to a thousand aggregates lie mixed. Events that are appended meanwhile have other versions. */
    private void fill(String table, int from, int to) throws SQLException {
        int mixed = Math.min(1000, profile.sizes()[0] / 100);
        for (int chunk = from; chunk < to; chunk += CHUNK) {
            int end = Math.min(to, chunk + CHUNK);
            database.execute(FILL.replace("<table>", table)
                    .replace("<mixed>", Integer.toString(mixed))
                    .replace("<block>", Integer.toString(mixed * 100))
                    .replace("<from>", Integer.toString(chunk))
                    .replace("<to>", Integer.toString(end - 1)));
        }
    }
}
