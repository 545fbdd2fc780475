-- The tables of durable subscriptions. Placeholders as in V1__events_table.sql.

-- One row for each process that runs durable subscriptions. The row proves nothing: the proof of life is an advisory lock of the process
-- (class: oid of this table, object: id), which ends with its session.
create table "${schema}"."${table}_instances" (
    id            integer     generated always as identity primary key,
    subscriptions text[]      not null,
    name          text        not null,
    started_at    timestamptz not null default clock_timestamp()
);

comment on column "${schema}"."${table}_instances".subscriptions is 'Names of the subscriptions that the process can run.';

create table "${schema}"."${table}_subscriptions" (
    name         text        primary key,
    partitions   integer     not null,
    paused       boolean     not null default false,
    replay_until bigint      not null default 0,
    created_at   timestamptz not null default clock_timestamp()
);

comment on column "${schema}"."${table}_subscriptions".replay_until is 'Events up to this version are a replay.';

-- One row for each partition. Position and epoch are in the same row, so one UPDATE stores the checkpoint and rejects a former owner.
-- Only the key is indexed, so that updates are HOT.
create table "${schema}"."${table}_checkpoints" (
    subscription text        not null references "${schema}"."${table}_subscriptions" on delete cascade,
    partition    integer     not null,
    position     bigint      not null,
    epoch        bigint      not null default 0,
    removals     bigint      not null default 0,
    owner        integer,
    after_death  boolean     not null default false,
    suspect      bigint,
    attempts     integer     not null default 0,
    deaths       integer     not null default 0,
    retry_at     timestamptz,
    failure      text,
    updated_at   timestamptz not null default clock_timestamp(),
    primary key (subscription, partition)
) with (fillfactor = 50, autovacuum_vacuum_scale_factor = 0.0, autovacuum_vacuum_threshold = 500);

comment on column "${schema}"."${table}_checkpoints".position is
    'All events of the partition up to this version are handled, wait in the table of parked keys, are skipped or do not match.';
comment on column "${schema}"."${table}_checkpoints".epoch is
    'Increases with each change of the owner or the position by another session. A writer with an older epoch changes nothing.';
comment on column "${schema}"."${table}_checkpoints".removals is
    'Number of parked keys that owners have removed. An owner that knows a larger number notices that the server has lost commits.';
comment on column "${schema}"."${table}_checkpoints".after_death is
    'The last owner has taken over from a process that had died, and has given the partition up before it handled many events one at a time.';
comment on column "${schema}"."${table}_checkpoints".suspect is
    'Version of an event that failed and is retried in place, or that was started after a process had died.';
comment on column "${schema}"."${table}_checkpoints".retry_at is 'Infinity: stopped, until the subscription is resumed or moved.';

-- One row for each key whose event has failed, whatever the number of events behind it: they are in the log already, from next_version
-- up to the position of the partition. Only the owner of the partition inserts, changes and deletes rows; other sessions set a command.
create table "${schema}"."${table}_parked" (
    subscription    text        not null references "${schema}"."${table}_subscriptions" on delete cascade,
    key             text        not null,
    next_version    bigint      not null,
    failed_version  bigint      not null,
    attempts        integer     not null,
    deaths          integer     not null default 0,
    running         boolean     not null default false,
    retry_at        timestamptz,
    command         text        check (command in ('requeue', 'skip', 'discard')),
    failure_type    text        not null,
    failure         text        not null,
    first_failed_at timestamptz not null default clock_timestamp(),
    last_failed_at  timestamptz not null default clock_timestamp(),
    primary key (subscription, key)
);

comment on column "${schema}"."${table}_parked".next_version is 'The first event of the key that is not handled.';
comment on column "${schema}"."${table}_parked".failed_version is
    'The event of the key that has failed last. It is of this key, even if keyedBy now returns another one.';
comment on column "${schema}"."${table}_parked".attempts is
    'Failed attempts at the event at next_version, with the deaths of processes after which it was parked.';
comment on column "${schema}"."${table}_parked".deaths is
    'Attempts at it during which a process has died, since the last attempt whose outcome is known.';
comment on column "${schema}"."${table}_parked".running is
    'An attempt has begun. If its process dies, the next owner adds it to the deaths.';
comment on column "${schema}"."${table}_parked".retry_at is 'Null: parked, until a command is set.';
