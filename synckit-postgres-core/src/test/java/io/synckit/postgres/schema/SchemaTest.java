package io.synckit.postgres.schema;

import static io.synckit.postgres.testing.InThread.inThread;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.synckit.Event;
import io.synckit.EventStore;
import io.synckit.EventStoreException;
import io.synckit.InvalidConfigException;
import io.synckit.InvalidConnectionException;
import io.synckit.SchemaException;
import io.synckit.StoredEvent;
import io.synckit.Version;
import io.synckit.postgres.Config;
import io.synckit.postgres.PostgresEventStore;
import io.synckit.postgres.testing.TestDatabase;
import io.synckit.postgres.testing.TestPostgres;
import java.io.IOException;
import java.net.URI;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import javax.sql.DataSource;
import org.assertj.core.api.InstanceOfAssertFactories;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.RegisterExtension;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;
import org.postgresql.ds.PGSimpleDataSource;

class SchemaTest {

    @RegisterExtension
    private final TestDatabase database = TestPostgres.shared().emptyDatabase();

    private static DataSource unpooled(String url) {
        PGSimpleDataSource dataSource = new PGSimpleDataSource();
        dataSource.setUrl(url);
        return dataSource;
    }

    private SchemaMigrator migrator(String schema, String table) {
        return new SchemaMigrator(unpooled(database.url()), schema, table, SchemaMigrator.Options.DEFAULTS);
    }

    private EventStore store(String schema, String table) {
        return PostgresEventStore.on(
                database.pool(),
                Config.builder().schema(schema).tableName(table).build());
    }

    private SchemaStatus status() {
        return SchemaStatus.of(database.pool(), "synckit", "events");
    }

    // migrations

    @Test
    void migratingTwiceChangesNothing() {
        assertThat(migrator("synckit", "events").migrate()).isPositive();
        assertThat(migrator("synckit", "events").migrate()).isZero();
        assertThat(status().version()).isEqualTo(SchemaStatus.CURRENT_VERSION);
        assertThat(status().notifyMode()).isEqualTo(NotifyMode.COALESCED);
        assertThat(status().isReady()).isTrue();
        assertThat(database.query("select count(*) from synckit.events_schema_history where success"))
                .isNotEqualTo("0");
    }

    /** Flyway, which takes its time, is not asked for what the schema says itself. */
    @Test
    void currentSchemaNeedsNoFlyway() {
        migrator("synckit", "events").migrate();
        database.execute("alter table synckit.events_schema_history rename to moved_away");
        assertThat(migrator("synckit", "events").migrate()).isZero();
        assertThat(database.query("select to_regclass('synckit.events_schema_history') is null"))
                .isEqualTo("t");

        database.execute("alter table synckit.moved_away rename to events_schema_history");
        SchemaMigrator.Options other = new SchemaMigrator.Options(true, false, null);
        assertThat(new SchemaMigrator(database.pool(), "synckit", "events", other).migrate())
                .isPositive();
        assertThat(new SchemaMigrator(database.pool(), "synckit", "events", other).migrate())
                .isZero();
    }

    @Test
    void migratorKnowsAllScripts() throws Exception {
        URI scripts =
                SchemaMigrator.class.getResource("/" + MigrationScripts.FOLDER).toURI();
        try (Stream<Path> files = Files.list(Path.of(scripts))) {
            assertThat(files.map(file -> file.getFileName().toString()))
                    .containsExactlyInAnyOrderElementsOf(MigrationScripts.NAMES);
        }
    }

    @Test
    void migrationLeavesNoLockTimeoutInThePool() throws Exception {
        new SchemaMigrator(database.pool(), "synckit", "events", SchemaMigrator.Options.DEFAULTS).migrate();
        List<java.sql.Connection> all = new java.util.ArrayList<>();
        for (int i = 0; i < 4; i++) {
            java.sql.Connection connection = database.pool().getConnection();
            all.add(connection);
            try (var rows = connection.createStatement().executeQuery("show lock_timeout")) {
                rows.next();
                assertThat(rows.getString(1)).isEqualTo("0");
            }
        }
        for (java.sql.Connection connection : all) {
            connection.close();
        }
    }

    @Test
    void processesThatStartTogetherRunEachScriptOnce() {
        List<CompletableFuture<Integer>> starts = IntStream.range(0, 4)
                .mapToObj(i -> inThread(() -> migrator("synckit", "events").migrate()))
                .toList();

        assertThat(starts.stream().mapToInt(CompletableFuture::join).sum()).isEqualTo(MigrationScripts.NAMES.size());
        assertThat(status().isReady()).isTrue();
    }

    @Test
    void schemaWithOtherTablesIsMigrated() {
        database.execute("create schema synckit", "create table synckit.other (n integer)");

        assertThat(migrator("synckit", "events").migrate()).isPositive();

        assertThat(status().isReady()).isTrue();
    }

    @Test
    void severalStoresLiveInOneSchemaAndDoNotSeeEachOther() {
        migrator("public", "events").migrate();
        migrator("public", "Events").migrate();
        migrator("Other_Schema", "events").migrate();
        EventStore lower = store("public", "events");
        EventStore upper = store("public", "Events");
        EventStore other = store("Other_Schema", "events");

        lower.store(Event.of("a", "T", "lower"));
        upper.storeBatch(List.of(Event.of("a", "T", "upper"), Event.of("a", "T", "upper")));
        other.store(Event.of("a", "T", "other"));

        assertThat(lower.load(Version.ZERO)).extracting(StoredEvent::data).containsExactly("lower");
        assertThat(upper.load(Version.ZERO)).extracting(StoredEvent::data).containsExactly("upper", "upper");
        assertThat(other.load(Version.ZERO)).extracting(StoredEvent::data).containsExactly("other");
        assertThat(upper.stats().latestVersion()).isEqualTo(Version.of(2));
        assertThat(SchemaStatus.of(database.pool(), "Other_Schema", "events").isReady())
                .isTrue();
    }

    @Test
    void longestNamesWork() {
        String table = "t".repeat(40);
        String schema = "s".repeat(63);
        migrator(schema, table).migrate();

        store(schema, table).store(Event.of("a", "T", 1));

        assertThat(SchemaStatus.of(database.pool(), schema, table).problems()).isEmpty();
        assertThat(store(schema, table).load(Version.ZERO)).hasSize(1);
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "",
                "1a",
                "a-b",
                "a\"b",
                "a b",
                "ä",
                "a;drop table x",
                "ttttttttttttttttttttttttttttttttttttttttt"
            })
    void namesThatAreNotIdentifiersAreRejected(String name) {
        assertThatExceptionOfType(InvalidConfigException.class)
                .isThrownBy(() -> migrator("synckit", name))
                .withMessageContaining("'" + name + "'");
        assertThatExceptionOfType(InvalidConfigException.class)
                .isThrownBy(() -> Config.builder().tableName(name).build());
    }

    @Test
    void systemSchemaIsRejected() {
        assertThatExceptionOfType(InvalidConfigException.class).isThrownBy(() -> migrator("pg_catalog", "events"));
    }

    @Test
    void optionalIndexesAreMadeWhenAskedForAndStay() {
        migrator("synckit", "events").migrate();
        assertThat(indexes()).doesNotContain("events_data_idx", "events_metadata_idx");

        new SchemaMigrator(
                        unpooled(database.url()),
                        "synckit",
                        "events",
                        new SchemaMigrator.Options(true, true, NotifyMode.COALESCED))
                .migrate();
        assertThat(indexes()).contains("events_data_idx", "events_metadata_idx");

        migrator("synckit", "events").migrate();
        assertThat(indexes()).contains("events_data_idx", "events_metadata_idx");
    }

    private String indexes() {
        return database.query("select string_agg(indexname, ' ') from pg_indexes where schemaname = 'synckit'");
    }

    @Test
    void roleWithoutDdlIsNamed() {
        withRole(
                "synckit_nobody",
                role -> assertThatExceptionOfType(InvalidConnectionException.class)
                        .isThrownBy(
                                () -> new SchemaMigrator(as(role), "synckit", "events", SchemaMigrator.Options.DEFAULTS)
                                        .migrate())
                        .withMessageContaining("42501")
                        .withMessageContaining("GRANT CREATE ON DATABASE")
                        .withMessageContaining("synckit_nobody")
                        .returns(
                                InvalidConnectionException.Reason.MISSING_PRIVILEGE,
                                InvalidConnectionException::reason));
    }

    @Test
    void roleWithoutCreateOnTheSchemaIsNamed() {
        database.execute("create schema synckit");
        withRole(
                "synckit_guest",
                role -> assertThatExceptionOfType(InvalidConnectionException.class)
                        .isThrownBy(
                                () -> new SchemaMigrator(as(role), "synckit", "events", SchemaMigrator.Options.DEFAULTS)
                                        .migrate())
                        .withMessageContaining("GRANT USAGE, CREATE ON SCHEMA synckit TO synckit_guest")
                        .returns(
                                InvalidConnectionException.Reason.MISSING_PRIVILEGE,
                                InvalidConnectionException::reason));
    }

    @Test
    void otherEncodingIsRejected() {
        try (TestDatabase latin =
                TestPostgres.shared().database("encoding 'LATIN1' lc_collate 'C' lc_ctype 'C' template template0")) {
            assertThatExceptionOfType(InvalidConnectionException.class)
                    .isThrownBy(() -> new SchemaMigrator(
                                    unpooled(latin.url()), "synckit", "events", SchemaMigrator.Options.DEFAULTS)
                            .migrate())
                    .withMessageContaining("LATIN1")
                    .returns(
                            InvalidConnectionException.Reason.UNSUPPORTED_DATABASE, InvalidConnectionException::reason);
        }
    }

    // start-up check

    /** PostgreSQL remembers until the next VACUUM that there was a rule. */
    @Test
    void droppedRuleIsNoProblem() {
        migrator("synckit", "events").migrate();
        database.execute(
                "create rule nothing as on insert to synckit.events do instead nothing",
                "drop rule nothing on synckit.events");

        assertThat(status().problems()).isEmpty();
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            value = {
                "alter sequence synckit.events_version_seq cache 20 | CACHE 1",
                "alter table synckit.events alter version set generated by default | GENERATED ALWAYS",
                "alter table synckit.events disable trigger events_admit | ENABLE ALWAYS",
                "alter table synckit.events enable trigger events_protect | ENABLE ALWAYS",
                "alter table synckit.events enable trigger events_notify | listeners",
                "alter table synckit.events disable trigger events_notify | listeners",
                "drop trigger events_notify on synckit.events; create trigger events_notify after insert on synckit.events"
                        + " for each row execute function synckit.events_notify_once();"
                        + " alter table synckit.events enable always trigger events_notify | listeners",
                "alter table synckit.events enable row level security | level security",
                "alter table synckit.events set unlogged | logged table",
                "create table synckit.child () inherits (synckit.events) | inheritance",
                "drop trigger events_protect on synckit.events; create trigger events_protect before truncate on synckit.events"
                        + " for each statement execute function synckit.events_protect();"
                        + " alter table synckit.events enable always trigger events_protect | ENABLE ALWAYS",
                "drop trigger events_admit on synckit.events; create trigger events_admit before insert on synckit.events"
                        + " for each row when (false) execute function synckit.events_admit();"
                        + " alter table synckit.events enable always trigger events_admit | ENABLE ALWAYS",
                "alter table synckit.events drop constraint events_id_key;"
                        + " create unique index events_id_key on synckit.events (id) where false | unique key",
                "create rule nothing as on insert to synckit.events do instead nothing | rules",
                "insert into synckit.events (id, aggregate_id, event_type, data) values ('x', 'a', 'T', '1');"
                        + " select setval('synckit.events_version_seq', 1, false) | setval",
                "alter table synckit.events drop constraint events_stream_key | unique key",
                "create or replace function synckit.events_schema_version() returns integer language sql as 'select 99' | newer",
                "drop function synckit.events_schema_version() | not made by this library",
                "alter sequence synckit.events_version_seq no maxvalue | MAXVALUE 281474976710654",
                "alter sequence synckit.events_version_seq no maxvalue;"
                        + " select setval('synckit.events_version_seq', 1000000000000000) | above 281474976710654",
                "drop table synckit.events cascade | no table"
            })
    void schemaChangesThatBreakGuaranteesAreReported(String damage, String problem) {
        migrator("synckit", "events").migrate();
        database.execute(damage);

        assertThat(status().problems()).anySatisfy(text -> assertThat(text).contains(problem));
        assertThatExceptionOfType(SchemaException.class)
                .isThrownBy(() -> status().requireReady())
                .withMessageContaining(problem);
    }

    @Test
    void sequenceEndsWhereTheFenceDoes() {
        migrator("synckit", "events").migrate();

        assertThatThrownBy(() -> database.execute("select setval('synckit.events_version_seq', 1000000000000000)"))
                .rootCause()
                .extracting(failure -> ((java.sql.SQLException) failure).getSQLState())
                .isEqualTo("22003");
        database.execute(
                "alter sequence synckit.events_version_seq no maxvalue",
                "select setval('synckit.events_version_seq', 281474976710653)");
        EventStore store = store("synckit", "events");
        store.store(Event.of("a", "T", 1));
        assertThatExceptionOfType(EventStoreException.class)
                .isThrownBy(() -> store.store(Event.of("a", "T", 2)))
                .withMessageContaining("version is between 1 and 281474976710654");
    }

    /** A schema that is copied within the database has the lock class of the original. */
    @Test
    void tablesWithOneLockClassAreNamedAndSeparated() {
        migrator("synckit", "events").migrate();
        migrator("other", "events").migrate();
        assertThat(database.query("select synckit.events_lock_class() <> other.events_lock_class()"))
                .isEqualTo("t");
        database.execute(
                "do $$ begin execute replace(replace(pg_get_functiondef('synckit.events_lock_class()'::regprocedure),"
                        + " 'FUNCTION synckit.', 'FUNCTION other.'), 'x', 'x'); end $$");
        assertThat(database.query("select synckit.events_lock_class() = other.events_lock_class()"))
                .isEqualTo("t");
        assertThat(status().problems()).singleElement().asString().contains("lock class");

        migrator("other", "events").migrate();

        assertThat(status().problems()).isEmpty();
        assertThat(SchemaStatus.of(database.pool(), "other", "events").problems())
                .isEmpty();
    }

    @Test
    void renamedSchemaIsNamedAndRepairedByTheMigration() {
        rename();
        SchemaStatus archive = SchemaStatus.of(database.pool(), "archive", "events");
        assertThat(archive.problems())
                .singleElement()
                .asString()
                .contains("belong to the table \"synckit\".\"events\"");

        migrator("archive", "events").migrate();

        assertRepaired();
    }

    /** The statement of the message, for those who do not let the application migrate. */
    @Test
    void statementOfTheMessageRepairsARenamedSchema() {
        rename();
        String problem =
                SchemaStatus.of(database.pool(), "archive", "events").problems().get(0);

        database.execute(problem.substring(problem.indexOf("DO $do$")));

        assertRepaired();
    }

    /** Three events in what becomes the archive; the new store beside it has one. */
    private void rename() {
        migrator("synckit", "events").migrate();
        for (int i = 0; i < 3; i++) {
            store("synckit", "events").store(Event.of("a", "T", i));
        }
        database.execute("alter schema synckit rename to archive");
        migrator("synckit", "events").migrate();
        store("synckit", "events").store(Event.of("a", "T", "new"));
    }

    private void assertRepaired() {
        assertThat(SchemaStatus.of(database.pool(), "archive", "events").problems())
                .isEmpty();
        assertThat(store("archive", "events").load(Version.ZERO)).hasSize(3);
        store("archive", "events").store(Event.of("a", "T", "archived"));
        assertThat(store("archive", "events").load(Version.ZERO)).hasSize(4);
        assertThat(store("synckit", "events").load(Version.ZERO)).hasSize(1);
    }

    // durability

    @Test
    void asynchronousCommitIsReportedAndNotUsedForEvents() {
        migrator("synckit", "events").migrate();
        database.execute(
                "alter database " + database.name() + " set synchronous_commit = off",
                // Deferred, so that it sees what the commit will use.
                "create table seen (setting text)",
                "create function see() returns trigger language plpgsql as $$ begin"
                        + " insert into seen values (current_setting('synchronous_commit')); return null; end $$",
                "create constraint trigger see after insert on synckit.events deferrable initially deferred"
                        + " for each row execute function see()");
        assertThat(status().warnings()).anySatisfy(text -> assertThat(text).contains("synchronous_commit is off"));
        assertThat(status().isReady()).isTrue();
        EventStore store = store("synckit", "events");

        store.store(Event.of("a", "T", 1));
        store.storeBatch(List.of(Event.of("a", "T", 2), Event.of("b", "T", 3)));
        database.execute("insert into synckit.events (id, aggregate_id, event_type, data) values ('x', 'a', 'T', '4')");
        assertThat(database.query("select string_agg(distinct setting, ',') from seen"))
                .isEqualTo("on");

        database.execute("alter database " + database.name() + " set synckit.asynchronous_commit = 'on'");
        database.execute("insert into synckit.events (id, aggregate_id, event_type, data) values ('y', 'a', 'T', '5')");
        assertThat(database.query("select count(*) from seen where setting = 'off'"))
                .isEqualTo("1");
        assertThat(SchemaStatus.of(unpooled(database.url()), "synckit", "events")
                        .warnings())
                .anySatisfy(text -> assertThat(text).contains("can lose acknowledged events"));
    }

    // locks

    /** An open stream, or pg_dump, has locked the table; the change of the notify mode must not make everybody wait behind it. */
    @Test
    void migrationWithoutLockFailsAndBlocksNoSession() {
        migrator("synckit", "events").migrate();
        EventStore store = store("synckit", "events");
        store.store(Event.of("a", "T", 1));
        SchemaMigrator.Options off = new SchemaMigrator.Options(false, false, NotifyMode.OFF);
        try (Stream<StoredEvent> open = store.stream(Version.ZERO)) {
            CompletableFuture<Integer> migration = inThread(
                    () -> new SchemaMigrator(unpooled(database.url()), "synckit", "events", off, Duration.ofSeconds(2))
                            .migrate());
            while (!migration.isDone()) {
                store.store(Event.of("b", "T", 1));
            }
            assertThatThrownBy(migration::join)
                    .cause()
                    .asInstanceOf(InstanceOfAssertFactories.type(SchemaException.class))
                    .returns(SchemaException.Reason.LOCKED, SchemaException::reason)
                    .asInstanceOf(InstanceOfAssertFactories.THROWABLE)
                    .hasMessageContaining("idle in transaction")
                    .hasMessageContaining("pid ");
            assertThat(open.count()).isEqualTo(1);
        }
        assertThat(new SchemaMigrator(unpooled(database.url()), "synckit", "events", off).migrate())
                .isPositive();
        assertThat(status().notifyMode()).isEqualTo(NotifyMode.OFF);
    }

    @Test
    void maintenanceThatWasLeftOnIsAProblem() {
        migrator("synckit", "events").migrate();
        database.execute("alter database " + database.name() + " set synckit.maintenance = 'on'");

        assertThat(status().problems()).singleElement().asString().contains("synckit.maintenance");
    }

    @Test
    void newerSchemaIsNamed() {
        migrator("synckit", "events").migrate();
        database.execute("create or replace function synckit.events_schema_version() returns integer"
                + " language sql as 'select 99'");

        assertThatExceptionOfType(SchemaException.class)
                .isThrownBy(status()::requireReady)
                .withMessageContaining("use a newer library")
                .returns(SchemaException.Reason.NEWER, SchemaException::reason);
    }

    /** On newer servers a sequence that may not be read looks like one that is new. */
    @Test
    void missingSequencePrivilegeIsNamedByEveryOperation() {
        migrator("synckit", "events").migrate();
        store("synckit", "events").store(Event.of("a", "T", 1));
        withRole("synckit_half", role -> {
            database.execute(
                    "grant usage on schema synckit to " + role, "grant select, insert on synckit.events to " + role);
            EventStore store = PostgresEventStore.on(as(role), Config.defaults());
            for (Runnable call :
                    List.<Runnable>of(() -> store.load(Version.ZERO), store::latestVersion, store::stats)) {
                assertThatExceptionOfType(InvalidConnectionException.class)
                        .isThrownBy(call::run)
                        .returns(
                                InvalidConnectionException.Reason.MISSING_PRIVILEGE,
                                InvalidConnectionException::reason);
            }
            assertThat(status().isReady()).isTrue();
            SchemaStatus status = SchemaStatus.of(as(role), "synckit", "events");
            assertThat(status.missingGrants())
                    .containsExactly("GRANT SELECT ON SEQUENCE \"synckit\".\"events_version_seq\" TO \"" + role + "\"");
            assertThatExceptionOfType(InvalidConnectionException.class)
                    .isThrownBy(status::requireReady)
                    .withMessageContaining("GRANT SELECT ON SEQUENCE")
                    .returns(InvalidConnectionException.Reason.MISSING_PRIVILEGE, InvalidConnectionException::reason);
        });
    }

    @Test
    void missingTableIsNamedByEveryOperation() {
        EventStore store = store("synckit", "events");
        for (Runnable call : List.<Runnable>of(
                () -> store.store(Event.of("a", "T", 1)), () -> store.load(Version.ZERO), () -> store.find("e"))) {
            assertThatExceptionOfType(SchemaException.class)
                    .isThrownBy(call::run)
                    .withMessageContaining("run the migrations")
                    .returns(SchemaException.Reason.MISMATCH, SchemaException::reason);
        }
    }

    // protection

    @ParameterizedTest
    @ValueSource(
            strings = {
                "update synckit.events set data = '2'",
                "delete from synckit.events",
                "truncate synckit.events",
                "set session_replication_role = replica; delete from synckit.events",
                "insert into synckit.events (id, aggregate_id, event_type, data) values ('x', 'a', 'T', '1')"
                        + " on conflict (id) do update set data = '2'"
            })
    void accidentalChangesOfEventsAreRejected(String statement) {
        migrator("synckit", "events").migrate();
        store("synckit", "events").store(Event.of("a", "T", 1));

        assertThatThrownBy(() -> database.execute(statement))
                .rootCause()
                .hasMessageContaining("refused: events are not changed")
                .hasMessageContaining("SET LOCAL synckit.maintenance = 'on'");

        assertThat(store("synckit", "events").load(Version.ZERO))
                .extracting(StoredEvent::data)
                .containsExactly(1);
    }

    @Test
    void maintenanceIsPossible() {
        migrator("synckit", "events").migrate();
        store("synckit", "events").storeBatch(List.of(Event.of("a", "T", "secret"), Event.of("a", "T", "other")));

        database.execute("begin; set local synckit.maintenance = 'on';"
                + " update synckit.events set data = '{}' where data = '\"secret\"'; commit");

        assertThat(store("synckit", "events").load(Version.ZERO))
                .extracting(StoredEvent::dataJson)
                .containsExactly("{}", "\"other\"");
        assertThatThrownBy(() -> database.execute("delete from synckit.events"))
                .rootCause()
                .hasMessageContaining("refused");
    }

    // rights

    /** The statements are those of docs/schema.md. */
    @Test
    void documentedPrivilegesAreSufficientAndMinimal() throws IOException {
        migrator("synckit", "events").migrate();
        withRole("synckit_app", role -> {
            EventStore store = PostgresEventStore.on(as(role), Config.defaults());
            assertThatExceptionOfType(InvalidConnectionException.class)
                    .isThrownBy(() -> store.store(Event.of("a", "T", 1)))
                    .withMessageContaining("docs/schema.md")
                    .returns(InvalidConnectionException.Reason.MISSING_PRIVILEGE, InvalidConnectionException::reason);

            grantsOfTheManual().forEach(grant -> database.execute(grant.replace("shop_app", role)));

            assertThat(SchemaStatus.of(as(role), "synckit", "events").isReady()).isTrue();
            store.store(Event.of("a", "T", 1));
            store.storeBatch(List.of(Event.of("a", "T", 2), Event.of("b", "T", 3)));
            assertThat(store.load(Version.ZERO)).hasSize(3);
            store.stats();
            assertThatThrownBy(() -> PGSimpleStatement.run(as(role), "delete from synckit.events"))
                    .extracting(failure -> ((java.sql.SQLException) failure).getSQLState())
                    .isEqualTo("42501");
            assertThatThrownBy(() -> PGSimpleStatement.run(as(role), "create table synckit.x (n integer)"))
                    .extracting(failure -> ((java.sql.SQLException) failure).getSQLState())
                    .isEqualTo("42501");
            database.execute("drop owned by " + role);
        });
    }

    private static List<String> grantsOfTheManual() {
        Matcher matcher =
                Pattern.compile("(?m)^GRANT (?!CREATE)[^;]*;").matcher(read(Path.of("..", "docs", "schema.md")));
        List<String> grants = matcher.results().map(result -> result.group()).toList();
        assertThat(grants).isNotEmpty();
        return grants;
    }

    private static String read(Path path) {
        try {
            return Files.readString(path);
        } catch (IOException e) {
            throw new java.io.UncheckedIOException(e);
        }
    }

    private DataSource as(String role) {
        return unpooled(database.url("options=-c%20role%3D" + role));
    }

    private void withRole(String name, java.util.function.Consumer<String> test) {
        String role = name + "_" + database.name();
        database.execute("create role " + role);
        try {
            test.accept(role);
        } finally {
            database.execute("drop owned by " + role, "drop role " + role);
        }
    }

    private static final class PGSimpleStatement {
        static void run(DataSource dataSource, String sql) throws java.sql.SQLException {
            try (var connection = dataSource.getConnection();
                    var statement = connection.createStatement()) {
                statement.execute(sql);
            }
        }
    }
}
