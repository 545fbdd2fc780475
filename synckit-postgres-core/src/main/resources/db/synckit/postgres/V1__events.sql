-- The events table, its fence and its protection.
-- Placeholders: ${schema} and ${table}, both plain identifiers. Every object carries the table's name, so that several
-- stores can live in one schema.

create table "${schema}"."${table}" (
    version        bigint generated always as identity (sequence name "${schema}"."${table}_version_seq" cache 1),
    id             text        not null,
    aggregate_id   text        not null,
    stream_version bigint      not null,
    event_type     text        not null,
    data           jsonb       not null,
    metadata       jsonb       not null default '{}',
    created_at     timestamptz not null default clock_timestamp(),
    constraint "${table}_pkey" primary key (version),
    constraint "${table}_id_key" unique (id),
    constraint "${table}_stream_key" unique (aggregate_id, stream_version)
);

comment on column "${schema}"."${table}".version is
    'Position in the whole store, ascending. A gap is a transaction that rolled back.';
comment on column "${schema}"."${table}".stream_version is
    'Position within the aggregate: 1, 2, 3, … without gaps. Leave it out when inserting by hand.';

-- For filters by type. Filters by time: a block range index is nearly free, since rows arrive in the order of time.
create index "${table}_event_type_idx" on "${schema}"."${table}" (event_type, version);
create index "${table}_created_at_idx" on "${schema}"."${table}" using brin (created_at) with (pages_per_range = 16, autosummarize = on);

-- What the start-up check compares with the library.
create function "${schema}"."${table}_schema_version"() returns integer
    language sql immutable parallel safe
as $$ select 1 $$;

-- Two transaction-local settings go with the transaction, and a savepoint's rollback reverts them together with the locks:
-- synckit.queued and the table's oid counts the queue locks, synckit.announced and the oid says that the transaction has announced
-- itself.
-- The functions in SQL are single expressions, so that the planner puts them into the statement of the caller.

-- Waits for the writers of an aggregate that are in flight, and has those that come wait. Always true.
create function "${schema}"."${table}_lock"(aggregate text) returns boolean
    language sql volatile
as $$
    select pg_advisory_xact_lock('"${schema}"."${table}"'::regclass::oid::integer, hashtext(aggregate)) is not null
$$;

-- The same without waiting: false if somebody is in flight.
create function "${schema}"."${table}_try_lock"(aggregate text) returns boolean
    language sql volatile
as $$
    select pg_try_advisory_xact_lock('"${schema}"."${table}"'::regclass::oid::integer, hashtext(aggregate))
$$;

-- For a batch of up to so many aggregates; a larger one takes no locks (below).
create function "${schema}"."${table}_try_lock"(aggregates text[], most integer) returns boolean
    language plpgsql volatile
as $$
begin
    return cardinality(aggregates) > most
        or (select bool_and("${schema}"."${table}_try_lock"(a)) from unnest(aggregates) a);
end
$$;

-- How many queue locks (below) this transaction holds.
create function "${schema}"."${table}_queued"() returns integer
    language sql volatile
as $$
    select coalesce(nullif(current_setting('synckit.queued' || '"${schema}"."${table}"'::regclass::oid, true), ''), '0')::integer
$$;

-- Writers of one aggregate queue here, before they announce themselves, so that one that waits does not hold the horizon.
-- The lock is a courtesy; what keeps streams gapless is the unique key. So a transaction that holds the most that it may have
-- stops queueing, and the server's lock table stays small. Never null.
create function "${schema}"."${table}_queue"(aggregate text, most integer) returns integer
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

-- The same for a batch, in the order of the keys, so that two batches do not wait for each other; all or none.
create function "${schema}"."${table}_queue"(aggregates text[], most integer) returns integer
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

-- 0, for a sequence that has given nothing out; an error for a role that may not read it. Newer servers let
-- pg_sequence_last_value say null for both.
create function "${schema}"."${table}_unused"() returns bigint
    language plpgsql volatile
as $$
begin
    perform s.last_value from "${schema}"."${table}_version_seq" s;
    return 0;
end
$$;

-- The fence, writer's side. Before a transaction takes its first version it takes a shared advisory lock whose key carries the
-- sequence's last value: every version that it will ever own is above that. The lock ends with the transaction, however that
-- ends. Key: 16 bits that name the table, 48 bits of version. Always true.
create function "${schema}"."${table}_fence"() returns boolean
    language sql volatile
as $$
    select pg_advisory_xact_lock_shared(
        (('"${schema}"."${table}"'::regclass::oid::bigint & 65535) << 48)
        | coalesce(pg_sequence_last_value('"${schema}"."${table}_version_seq"'::regclass),
                   "${schema}"."${table}_unused"())) is not null
$$;

-- The same once in a transaction, and only when the queue (above) has been passed. Always true.
create function "${schema}"."${table}_announce"(queued integer) returns boolean
    language sql volatile
as $$
    select case
        when queued is null then false
        when current_setting('synckit.announced' || '"${schema}"."${table}"'::regclass::oid, true) = 'on' then true
        when not "${schema}"."${table}_fence"() then false
        else set_config('synckit.announced' || '"${schema}"."${table}"'::regclass::oid, 'on', true) = 'on'
    end
$$;

-- The fence, reader's side: every version up to "decided" is committed and visible to the next statement, or gone for good. The
-- order is the point: first the sequence, then the locks, rows only in a later statement. "head" above "decided" says that somebody
-- is announced, or was since the first look at the sequence: so it is looked at again, after the locks. "ringing" says that somebody
-- holds the bell (the one exclusive lock among these keys).
-- "stable" is the version of the last event that is there. Numbers of transactions that rolled back need not survive a crash of the
-- server: they may be given out again, and a reader that had kept one as its cursor would miss them.
create function "${schema}"."${table}_horizon"(
    out stable bigint, out decided bigint, out head bigint, out ringing boolean, out isolation text, out standby boolean)
    language plpgsql volatile
as $$
declare
    this_table constant bigint := '"${schema}"."${table}"'::regclass::oid::bigint & 65535;
begin
    isolation := current_setting('transaction_isolation');
    standby := pg_is_in_recovery();
    select case when s.is_called then s.last_value else 0 end into decided from "${schema}"."${table}_version_seq" s;
    select least(decided, min(((l.classid::bigint & 65535) << 32) | l.objid::bigint) filter (where l.mode = 'ShareLock')),
           count(*) filter (where l.mode = 'ExclusiveLock') > 0
      into decided, ringing
      from pg_locks l
     where l.locktype = 'advisory' and l.objsubid = 1
       and l.classid::bigint >> 16 = this_table
       and l.database = (select d.oid from pg_database d where d.datname = current_database());
    select case when s.is_called then s.last_value else 0 end into head from "${schema}"."${table}_version_seq" s;
    select coalesce(max(e.version), 0) into stable from "${schema}"."${table}" e where e.version <= decided;
    -- For a later statement of the same round trip, which cannot be given it as a parameter.
    perform set_config('synckit.stable', stable::text, true);
end
$$;

-- The library's statements, which announce themselves, mark their rows: bit 62 of the stream version is set, and goes away here.
-- Rows without the mark are of others (psql, COPY, another program). They are checked: it has checked its own before, and a
-- table's constraints would be planned for each of its statements. And they go through the same steps: queue, announce, and only
-- then a version; one that was drawn before the announcement, or made by hand, is thrown away. No WHEN, which would be planned too.
create function "${schema}"."${table}_admit"() returns trigger
    language plpgsql
as $$
declare
    last_stream_version bigint;
begin
    if new.stream_version > 4611686018427387904 then
        new.stream_version := new.stream_version - 4611686018427387904;
        return new;
    end if;
    if tg_op = 'UPDATE' or current_setting('synckit.maintenance', true) = 'on' and new.stream_version is not null then
        null;  -- a restore brings its own numbers, and nobody writes or follows meanwhile
    else
        perform "${schema}"."${table}_announce"("${schema}"."${table}_queue"(new.aggregate_id, 64));
        new.version := nextval('"${schema}"."${table}_version_seq"'::regclass);
        select coalesce(max(e.stream_version), 0) into last_stream_version
          from "${schema}"."${table}" e where e.aggregate_id = new.aggregate_id;
        if new.stream_version <> last_stream_version + 1 then
            raise exception 'stream_version % of aggregate % does not follow %',
                new.stream_version, new.aggregate_id, last_stream_version
                using errcode = 'check_violation', hint = 'Leave stream_version out: it is given.';
        end if;
        new.stream_version := last_stream_version + 1;
    end if;
    perform "${schema}"."${table}_check"(new);
    return new;
end
$$;

-- What can be stored. Nulls are the columns' business.
create function "${schema}"."${table}_check"(event "${schema}"."${table}") returns void
    language plpgsql immutable
as $$
declare
    wrong text;
begin
    wrong := case
        when btrim(event.id) = '' or length(event.id) > 255 then 'id'
        when btrim(event.aggregate_id) = '' or length(event.aggregate_id) > 255 then 'aggregate_id'
        when btrim(event.event_type) = '' or length(event.event_type) > 255 then 'event_type'
        when jsonb_typeof(event.metadata) <> 'object' then 'metadata'
        when event.version < 1 then 'version'
        when event.stream_version < 1 then 'stream_version'
    end;
    if wrong is not null then
        raise exception 'new row for ${schema}.${table} violates the check of its %', wrong
            using errcode = 'check_violation', schema = '${schema}', table = '${table}', column = wrong,
                  hint = 'id, aggregate_id and event_type have 1 to 255 characters and are not blank, metadata is a JSON object, the numbers begin with 1.';
    end if;
end
$$;

create trigger "${table}_admit" before insert or update on "${schema}"."${table}"
    for each row
    execute function "${schema}"."${table}_admit"();

-- Events are facts: no UPDATE, DELETE or TRUNCATE by mistake.
create function "${schema}"."${table}_protect"() returns trigger
    language plpgsql
as $$
begin
    raise exception '% on %.% refused: events are not changed', tg_op, tg_table_schema, tg_table_name
        using errcode = 'restrict_violation',
              hint = 'For maintenance, in the same transaction before the statement: SET LOCAL synckit.maintenance = ''on''';
end
$$;

create trigger "${table}_protect" before update or delete or truncate on "${schema}"."${table}"
    for each statement
    when (current_setting('synckit.maintenance', true) is distinct from 'on')
    execute function "${schema}"."${table}_protect"();

-- Replication roles skip ordinary triggers.
alter table "${schema}"."${table}" enable always trigger "${table}_admit";
alter table "${schema}"."${table}" enable always trigger "${table}_protect";
