-- The bell: how readers learn of a commit without a look at the table. A transaction that has issued NOTIFY holds a database-wide
-- lock while it commits, so at most one at a time does: whoever gets the bell rings it, and the others commit in a group without.
-- A reader that was rung looks again for as long as the bell is held or a transaction is announced: one that found the bell taken
-- was still announced while the ringer held it. The bell is a hint; the table is the truth. Another notify
-- mode has other triggers: R__notify_mode.sql.

-- The channel of the table's bell, at most 63 bytes.
create function "${schema}"."${table}_channel"() returns text
    language sql immutable parallel safe
as $$
    select case
        when octet_length('${schema}.${table}') <= 63 then '${schema}.${table}'
        else 'synckit.' || md5('${schema}.${table}')
    end
$$;

-- Whether the notification queue has room: when it is full, commits that notify fail, and an append must not fail for a hint.
create function "${schema}"."${table}_may_notify"() returns boolean
    language sql volatile
as $$ select pg_notification_queue_usage() < 0.9 $$;

-- Takes the bell, if it is free, until the transaction ends, and rings it when that commits; true if it did. The key is that of no
-- announcement, the largest of 48 bits.
create function "${schema}"."${table}_take_bell"() returns boolean
    language sql volatile
as $$
    select case
        when pg_try_advisory_xact_lock((('"${schema}"."${table}"'::regclass::oid::bigint & 65535) << 48) | 281474976710655)
            and "${schema}"."${table}_may_notify"()
        then pg_notify("${schema}"."${table}_channel"(), '') is not null
        else false
    end
$$;

-- Runs in the commit phase, for each row: once is enough. Conditions, since PERFORM would run a query for each.
create function "${schema}"."${table}_ring"() returns trigger
    language plpgsql
as $$
begin
    if current_setting('synckit.rung', true) is distinct from '${schema}.${table}'
        and set_config('synckit.rung', '${schema}.${table}', true) is not null
        and "${schema}"."${table}_take_bell"()
    then
        return null;
    end if;
    return null;
end
$$;

-- A reader that is about to look again waits here, with the bell if it is free, so that nobody need ring meanwhile; those that sleep are
-- rung once when it ends.
create function "${schema}"."${table}_hold"(seconds double precision) returns void
    language plpgsql
as $$
begin
    perform "${schema}"."${table}_take_bell"();
    perform pg_sleep(seconds);
end
$$;

-- For listeners outside this library: each event on the two channels of go-sync-kit. A channel's name is cut at 63 bytes, as
-- LISTEN cuts it; the payload stays under 8000 bytes, since the three keys are at most 255 characters of at most 6 bytes in JSON.
create function "${schema}"."${table}_notify_each"() returns trigger
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

-- Deferred: it runs in the commit phase, so that the bell is held no longer than needed. Without a WHEN: the server would plan that for
-- each statement, which costs more than the call.
create constraint trigger "${table}_bell" after insert on "${schema}"."${table}"
    deferrable initially deferred
    for each row
    execute function "${schema}"."${table}_ring"();
alter table "${schema}"."${table}" enable always trigger "${table}_bell";

create or replace function "${schema}"."${table}_schema_version"() returns integer
    language sql immutable parallel safe
as $$ select 2 $$;
