-- The functions and triggers of the events table: the fence, the protection and the notification. This script is run again when its
-- text or the schema's name changes, so it repairs functions that still name the former schema after ALTER SCHEMA … RENAME.
set local lock_timeout = '1s';

-- What the start-up check compares with the library. A change of any script raises it.
create or replace function "${schema}"."${table}_schema_version"() returns integer
    language sql immutable parallel safe
as $$ select 3 $$;

-- Chooses the lock class: the number of 16 bits by which the announcements of this table differ from those of the other event tables
-- of the database. It is not changed, unless another table has the same one (after a copy of a schema within the database). One
-- transaction of the database at a time chooses. It waits for open writers, because readers would not see their announcements.
create or replace function "${schema}"."${table}_choose_lock_class"() returns void
    language plpgsql
as $$
declare
    taken  bigint[];
    mine   bigint;
    chosen bigint;
begin
    perform pg_advisory_xact_lock(hashtextextended('synckit lock class', 0));
    select array_agg(substring(p.prosrc from '\d+')::bigint) filter (where p.oid is distinct from o.oid),
           min(substring(p.prosrc from '\d+')::bigint) filter (where p.oid = o.oid)
      into taken, mine
      from pg_proc p, to_regprocedure('"${schema}"."${table}_lock_class"()') as o(oid)
     where p.proname like '%\_lock\_class' and p.pronargs = 0 and p.prosrc ~ '^ select \d+::bigint $';
    if mine is not null and mine <> all (coalesce(taken, '{}')) then
        return;
    end if;
    lock table "${schema}"."${table}" in share row exclusive mode;
    select n.class into chosen
      from (select (('"${schema}"."${table}"'::regclass::oid::bigint + i) % 65535) + 1 as class, i from generate_series(0, 65534) i) n
     where n.class <> all (coalesce(taken, '{}'))
     order by n.i limit 1;
    execute format(
        'create or replace function "${schema}"."${table}_lock_class"() returns bigint language sql immutable parallel safe as %L',
        ' select ' || chosen || '::bigint ');
end
$$;

select "${schema}"."${table}_choose_lock_class"();

-- Two settings are local to the transaction: synckit.queued<oid> is the number of queue locks, synckit.announced<oid> is 'on' after the
-- announcement. A rollback to a savepoint reverts them together with the locks.
-- The functions in SQL are single expressions, so that the planner puts them into the calling statement.

-- Waits for the writers of an aggregate that are in flight, and makes later ones wait. Always true.
create or replace function "${schema}"."${table}_lock"(aggregate text) returns boolean
    language sql volatile
as $$
    select pg_advisory_xact_lock('"${schema}"."${table}"'::regclass::oid::integer, hashtext(aggregate)) is not null
$$;

-- The same without waiting. False if another writer of the aggregate is in flight.
create or replace function "${schema}"."${table}_try_lock"(aggregate text) returns boolean
    language sql volatile
as $$
    select pg_try_advisory_xact_lock('"${schema}"."${table}"'::regclass::oid::integer, hashtext(aggregate))
$$;

-- For a batch of at most "most" aggregates. A larger batch takes no locks (see _queue).
create or replace function "${schema}"."${table}_try_lock"(aggregates text[], most integer) returns boolean
    language plpgsql volatile
as $$
begin
    return cardinality(aggregates) > most
        or (select bool_and("${schema}"."${table}_try_lock"(a)) from unnest(aggregates) a);
end
$$;

-- The number of queue locks that this transaction holds.
create or replace function "${schema}"."${table}_queued"() returns integer
    language sql volatile
as $$
    select coalesce(nullif(current_setting('synckit.queued' || '"${schema}"."${table}"'::regclass::oid, true), ''), '0')::integer
$$;

-- Writers of one aggregate wait here, before they announce themselves, so that a waiting writer does not hold back the horizon. The
-- unique key keeps streams without gaps; this lock only saves failed attempts. So a transaction that holds the permitted number takes
-- no more, and the server's lock table stays small. Never null.
create or replace function "${schema}"."${table}_queue"(aggregate text, most integer) returns integer
    language sql volatile
as $$
    select case
        when "${schema}"."${table}_queued"() >= most then most
        when not "${schema}"."${table}_lock"(aggregate) then null
        else set_config(
            'synckit.queued' || '"${schema}"."${table}"'::regclass::oid,
            ("${schema}"."${table}_queued"() + 1)::text,
            true)::integer
    end
$$;

-- The same for a batch, in the order of the keys, so that two batches do not wait for each other. All locks or none.
create or replace function "${schema}"."${table}_queue"(aggregates text[], most integer) returns integer
    language plpgsql volatile
as $$
declare
    queued constant integer := "${schema}"."${table}_queued"() + cardinality(aggregates);
begin
    if queued > most
        or (select bool_and("${schema}"."${table}_lock"(o.a))
              from (select a from unnest(aggregates) a order by hashtext(a) offset 0) o) is null
    then
        return "${schema}"."${table}_queued"();
    end if;
    return set_config('synckit.queued' || '"${schema}"."${table}"'::regclass::oid, queued::text, true)::integer;
end
$$;

-- Returns the version before the first one for a sequence that has given nothing out, and fails for a role that may not read it. Newer
-- servers return null from pg_sequence_last_value in both cases.
create or replace function "${schema}"."${table}_unused"() returns bigint
    language plpgsql volatile
as $$
begin
    return (select s.last_value - (not s.is_called)::integer from "${schema}"."${table}_version_seq" s);
end
$$;

-- Makes the commit of this transaction wait for the disk. Otherwise a crash of the server could lose an acknowledged event, give its
-- version out again, and a reader that has passed it would skip its successor.
create or replace function "${schema}"."${table}_commit_synchronously"() returns void
    language plpgsql volatile
as $$
begin
    if current_setting('synchronous_commit') = 'off' and current_setting('synckit.asynchronous_commit', true) is distinct from 'on' then
        perform set_config('synchronous_commit', 'on', true);
    end if;
end
$$;

-- The fence, writer's side (announcement). Before a transaction takes its first version, it takes a shared advisory lock whose key
-- carries the sequence's last value: all versions that it will ever own are above that. The lock ends with the transaction. Key: 16
-- bits of lock class, 48 bits of version. Always true.
create or replace function "${schema}"."${table}_fence"() returns boolean
    language sql volatile
as $$
    select pg_advisory_xact_lock_shared(
        ("${schema}"."${table}_lock_class"() << 48)
        | coalesce(pg_sequence_last_value('"${schema}"."${table}_version_seq"'::regclass),
                   "${schema}"."${table}_unused"())) is not null
$$;

-- The same once in a transaction, and only when the queue (above) has been passed. Always true.
create or replace function "${schema}"."${table}_announce"(queued integer) returns boolean
    language sql volatile
as $$
    select case
        when queued is null then false
        when current_setting('synckit.announced' || '"${schema}"."${table}"'::regclass::oid, true) = 'on'
        then true
        when not "${schema}"."${table}_fence"() then false
        else set_config('synckit.announced' || '"${schema}"."${table}"'::regclass::oid, 'on', true) = 'on'
    end
$$;

-- The fence, reader's side (horizon). At or below "settled" no transaction can still commit: every version is committed and visible to
-- the next statement, or rolled back. The reads must happen in this order: sequence, locks, sequence again; rows only in a later statement. If "head" is above
-- "settled", a transaction is announced, or was announced after the first read. "doorbell_held" means that a
-- transaction holds the doorbell lock (the only exclusive lock among these keys).
-- "stable" is the version of the last event that exists. Versions of transactions that rolled back need not survive a crash of the
-- server. They may be given out again, and a reader that had kept one as its cursor would skip the new event.
create or replace function "${schema}"."${table}_horizon"(
    out stable bigint, out settled bigint, out head bigint, out doorbell_held boolean, out isolation text, out standby boolean)
    language plpgsql volatile
as $$
declare
    lock_class constant bigint := "${schema}"."${table}_lock_class"();
begin
    isolation := current_setting('transaction_isolation');
    standby := pg_is_in_recovery();
    select s.last_value - (not s.is_called)::integer into settled from "${schema}"."${table}_version_seq" s;
    select least(settled, min(((l.classid::bigint & 65535) << 32) | l.objid::bigint) filter (where l.mode = 'ShareLock')),
           count(*) filter (where l.mode = 'ExclusiveLock') > 0
      into settled, doorbell_held
      from pg_locks l
     where l.locktype = 'advisory' and l.objsubid = 1
       and l.classid::bigint >> 16 = lock_class
       and l.database = (select d.oid from pg_database d where d.datname = current_database());
    select s.last_value - (not s.is_called)::integer into head from "${schema}"."${table}_version_seq" s;
    select coalesce(max(e.version), 0) into stable from "${schema}"."${table}" e where e.version <= settled;
    -- For a later statement of the same round trip, which cannot receive it as a parameter.
    perform set_config('synckit.stable', stable::text, true);
end
$$;

-- Checks a row. Names the column that is wrong.
create or replace function "${schema}"."${table}_check"(event "${schema}"."${table}") returns void
    language plpgsql
as $$
declare
    wrong constant text := case
        when event.version < 1 or event.version > 281474976710654 then 'version'
        when event.id ~ '^[[:space:]]*$' or length(event.id) > 255 then 'id'
        when event.aggregate_id ~ '^[[:space:]]*$' or length(event.aggregate_id) > 255 then 'aggregate_id'
        when event.event_type ~ '^[[:space:]]*$' or length(event.event_type) > 255 then 'event_type'
        when jsonb_typeof(event.metadata) <> 'object' then 'metadata'
        when event.stream_version < 1 then 'stream_version'
    end;
begin
    if wrong is not null then
        raise exception 'new row for ${schema}.${table} violates the check of its %', wrong
            using errcode = 'check_violation', schema = '${schema}', table = '${table}', column = wrong,
                  hint = 'id, aggregate_id and event_type have 1 to 255 characters and are not blank, metadata is a JSON object, stream_version is 1 or more, version is between 1 and 281474976710654.';
    end if;
end
$$;

-- Numbers a row of another program (psql, COPY): queue, announce, and only then a version. A version that was drawn before the
-- announcement, or given, is replaced. Nulls are rejected by the columns.
create or replace function "${schema}"."${table}_number"(inout event "${schema}"."${table}")
    language plpgsql
as $$
declare
    last_stream_version bigint;
begin
    perform "${schema}"."${table}_announce"("${schema}"."${table}_queue"(event.aggregate_id, 64));
    event.version := nextval('"${schema}"."${table}_version_seq"'::regclass);
    select coalesce(max(e.stream_version), 0) into last_stream_version
      from "${schema}"."${table}" e where e.aggregate_id = event.aggregate_id;
    if event.stream_version <> last_stream_version + 1 then
        raise exception 'stream_version % of aggregate % does not follow %',
            event.stream_version, event.aggregate_id, last_stream_version
            using errcode = 'check_violation', hint = 'Leave stream_version out. The trigger assigns it.';
    end if;
    event.stream_version := last_stream_version + 1;
end
$$;

-- Returns the version of a row that a worker of logical replication brings. The first copy of the table comes in no order, so its rows
-- keep the publisher's order: their versions, above all that were given out here. Later rows come in the order of the publisher's
-- commits, in which a version can be below one that readers have passed, so they get new versions.
create or replace function "${schema}"."${table}_replicated_version"(given bigint) returns bigint
    language plpgsql volatile
as $$
declare
    setting constant text := 'synckit.copy_above' || '"${schema}"."${table}"'::regclass::oid;
    above   bigint;
begin
    perform "${schema}"."${table}_announce"(0);
    above := nullif(current_setting(setting, true), '');
    if above is null then
        if not exists (
            select from pg_stat_get_subscription(null) w
              join pg_subscription_rel r on r.srsubid = w.subid and r.srrelid = w.relid
             where w.pid = pg_backend_pid() and w.relid = '"${schema}"."${table}"'::regclass and r.srsubstate = 'd')
        then
            return nextval('"${schema}"."${table}_version_seq"'::regclass);
        end if;
        select s.last_value - (not s.is_called)::integer into above from "${schema}"."${table}_version_seq" s;
        perform set_config(setting, above::text, true);
    end if;
    perform setval('"${schema}"."${table}_version_seq"'::regclass, given + above)
       from "${schema}"."${table}_version_seq" s where not s.is_called or s.last_value < given + above;
    return given + above;
end
$$;

-- Admits a row. The library's statements announce themselves and add a mark to the stream version, which is removed here. The mark is
-- a random number, so that no value that another program may use (such as the largest bigint) looks like one. Rows of a replication
-- worker keep their stream version. All other rows are numbered. Every row is checked, and its transaction commits synchronously.
-- Each expression is initialised once in a transaction, and that costs more than to evaluate it. So the common case is one expression
-- with few functions: a text that does not sort below '!' is not blank, and three keys of 255 bytes together are short enough.
-- No CHECK constraints and no WHEN on the trigger, because they are planned for each statement.
create or replace function "${schema}"."${table}_admit"() returns trigger
    language plpgsql
as $$
begin
    if tg_op = 'INSERT' then
        if new.stream_version > 5794203610873511936 and new.stream_version < 5794204710385139712 then
            new.stream_version := new.stream_version - 5794203610873511936;
            if least(new.id collate "C", new.aggregate_id, new.event_type) >= '!'
                and octet_length(new.id || new.aggregate_id || new.event_type) <= 255
                and new.metadata @> '{}'
                and new.version <= 281474976710654
                and current_setting('synchronous_commit') <> 'off'
            then
                return new;
            end if;
        elsif current_setting('synckit.maintenance', true) = 'on' and new.stream_version is not null then
            null;  -- a restore brings its own numbers, while no other session writes or reads
        elsif current_setting('session_replication_role') = 'replica' and new.stream_version is not null then
            new.version := "${schema}"."${table}_replicated_version"(new.version);
        else
            new := "${schema}"."${table}_number"(new);
        end if;
    elsif current_setting('session_replication_role') = 'replica' and current_setting('synckit.maintenance', true) is distinct from 'on' then
        raise exception '% of a replicated event refused: versions differ between publisher and replica, so it could change another event', tg_op
            using errcode = 'restrict_violation', hint = 'Publish inserts only: WITH (publish = ''insert'').';
    elsif tg_op = 'DELETE' then
        return old;
    end if;
    perform "${schema}"."${table}_check"(new), "${schema}"."${table}_commit_synchronously"();
    return new;
end
$$;

-- Rejects UPDATE, DELETE and TRUNCATE: events do not change.
create or replace function "${schema}"."${table}_protect"() returns trigger
    language plpgsql
as $$
begin
    raise exception '% on %.% refused: events are not changed', tg_op, tg_table_schema, tg_table_name
        using errcode = 'restrict_violation',
              hint = 'For maintenance, in the same transaction before the statement: SET LOCAL synckit.maintenance = ''on''';
end
$$;

-- The doorbell lock, which limits notifications. A transaction that has issued NOTIFY holds a database-wide
-- lock while it commits, so at most one transaction at a time issues it: the one that gets the doorbell lock. The others commit in a
-- group without. A notified reader reads again for as long as the lock is held or a transaction is announced: a transaction that found
-- the lock taken was still announced while the notifier held it. The notification is a hint; the table is the truth. Another notify
-- mode has other triggers (R__notify_mode.sql).

-- The channel of the table's notifications, at most 63 bytes.
create or replace function "${schema}"."${table}_channel"() returns text
    language sql immutable parallel safe
as $$
    select case
        when octet_length('${schema}.${table}') <= 63 then '${schema}.${table}'
        else 'synckit.' || md5('${schema}.${table}')
    end
$$;

-- The channel on which the processes with durable subscriptions send signals to each other.
create or replace function "${schema}"."${table}_control_channel"() returns text
    language sql immutable parallel safe
as $$
    select case
        when octet_length('${schema}.${table}.durable') <= 63 then '${schema}.${table}.durable'
        else 'synckit.' || md5('${schema}.${table}.durable')
    end
$$;

-- Returns whether the notification queue has room. If it is full, commits that notify fail, and an append must not fail for a hint.
create or replace function "${schema}"."${table}_may_notify"() returns boolean
    language sql volatile
as $$ select pg_notification_queue_usage() < 0.9 $$;

-- Takes the doorbell lock, if it is free, until the transaction ends, and issues NOTIFY. True if it did. The key is the largest of 48
-- bits, which no announcement has.
create or replace function "${schema}"."${table}_take_doorbell"() returns boolean
    language sql volatile
as $$
    select case
        when pg_try_advisory_xact_lock(("${schema}"."${table}_lock_class"() << 48) | 281474976710655)
            and "${schema}"."${table}_may_notify"()
        then pg_notify("${schema}"."${table}_channel"(), '') is not null
        else false
    end
$$;

-- Notifies once for each transaction. Normally it runs in the commit phase. After SET CONSTRAINTS … IMMEDIATE it runs with the INSERT.
-- Then it must not take the doorbell lock, on which other transactions would rely, and only issues NOTIFY. The commit phase is recognised
-- by one of three conditions: no statement runs (extended protocol), the statement is a COMMIT, or it is an INSERT and the only statement
-- of the transaction (simple protocol). If none of them holds, a superfluous NOTIFY does no harm.
-- Conditions instead of PERFORM, which would run a query for each.
create or replace function "${schema}"."${table}_notify_once"() returns trigger
    language plpgsql
as $$
begin
    if current_setting('synckit.notified', true) is distinct from '${schema}.${table}'
        and set_config('synckit.notified', '${schema}.${table}', true) is not null
        and (case
            when current_query() is null
                or current_query() ~* '^\s*(commit|end)\y'
                or statement_timestamp() = transaction_timestamp() and current_query() ~* '^\s*(insert|copy|with)\y[^;]*;?\s*$'
            then "${schema}"."${table}_take_doorbell"()
            when "${schema}"."${table}_may_notify"()
            then pg_notify("${schema}"."${table}_channel"(), '') is not null
        end)
    then
        return null;
    end if;
    return null;
end
$$;

-- A reader that is about to read again waits here. It holds the doorbell lock if that is free, so that writers do not notify meanwhile.
-- Other readers are notified once when it ends.
create or replace function "${schema}"."${table}_hold_doorbell"(seconds double precision) returns void
    language plpgsql
as $$
begin
    perform "${schema}"."${table}_take_doorbell"();
    perform pg_sleep(seconds);
end
$$;

-- For listeners outside this library: each event on the two channels of go-sync-kit. A channel's name is cut at 63 bytes, as LISTEN
-- cuts it. The payload stays below 8000 bytes, since the three keys have at most 255 characters of at most 6 bytes in JSON.
create or replace function "${schema}"."${table}_notify_each"() returns trigger
    language plpgsql
as $$
declare
    stream constant text := 'stream_' || new.aggregate_id;
begin
    if "${schema}"."${table}_may_notify"() then
        perform pg_notify(stream::name::text, json_build_object(
            'version', new.version, 'id', new.id, 'aggregate_id', new.aggregate_id, 'event_type', new.event_type,
            'created_at', new.created_at)::text);
        perform pg_notify('events_global', json_build_object(
            'version', new.version, 'id', new.id, 'aggregate_id', new.aggregate_id, 'event_type', new.event_type,
            'stream_name', stream, 'created_at', new.created_at)::text);
        perform pg_notify("${schema}"."${table}_channel"(), '');
    end if;
    return null;
end
$$;

-- ENABLE ALWAYS, because sessions with a replication role skip ordinary triggers. The notify trigger is deferred, so that it runs in
-- the commit phase and the doorbell lock is held no longer than needed. It has no WHEN, which would be planned for each statement.
do $$
begin
    if not exists (select from pg_trigger where tgrelid = '"${schema}"."${table}"'::regclass and tgname = '${table}_admit') then
        create trigger "${table}_admit" before insert or update or delete on "${schema}"."${table}"
            for each row
            execute function "${schema}"."${table}_admit"();
        alter table "${schema}"."${table}" enable always trigger "${table}_admit";
        create trigger "${table}_protect" before update or delete or truncate on "${schema}"."${table}"
            for each statement
            when (current_setting('synckit.maintenance', true) is distinct from 'on')
            execute function "${schema}"."${table}_protect"();
        alter table "${schema}"."${table}" enable always trigger "${table}_protect";
        create constraint trigger "${table}_notify" after insert on "${schema}"."${table}"
            deferrable initially deferred
            for each row
            execute function "${schema}"."${table}_notify_once"();
        alter table "${schema}"."${table}" enable always trigger "${table}_notify";
    end if;
end
$$;
