-- The events table. Placeholders: ${schema} and ${table}, both plain identifiers. The names of all objects begin with the table's
-- name, so that several stores can live in one schema. The functions and triggers are in R__functions.sql.

-- CACHE 1, because a session must not draw versions ahead. MAXVALUE, because an announcement of a version has 48 bits.
create table "${schema}"."${table}" (
    version        bigint generated always as identity
                       (sequence name "${schema}"."${table}_version_seq" cache 1 maxvalue 281474976710654),
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
    'Position in the log, ascending, with gaps (for example because of transactions that rolled back).';
comment on column "${schema}"."${table}".stream_version is
    'Position within the aggregate: 1, 2, 3, … without gaps. Leave it out when inserting by hand.';

-- For filters by type. For filters by time a block range index is enough, because rows arrive in the order of time.
create index "${table}_event_type_idx" on "${schema}"."${table}" (event_type, version);
create index "${table}_created_at_idx" on "${schema}"."${table}" using brin (created_at) with (pages_per_range = 16, autosummarize = on);
