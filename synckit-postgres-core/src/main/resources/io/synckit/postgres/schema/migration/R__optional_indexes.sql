-- Optional indexes, made when they are asked for and never dropped here: two releases with different settings may run side by
-- side. For a large table, create the index with CONCURRENTLY under this name first; then there is nothing left to do.
-- jsonb_path_ops: smaller and faster, and the store asks with @> only.
set local lock_timeout = '1s';

do $$
begin
    if ${data_index} then
        create index if not exists "${table}_data_idx" on "${schema}"."${table}" using gin (data jsonb_path_ops);
    end if;
    if ${metadata_index} then
        create index if not exists "${table}_metadata_idx" on "${schema}"."${table}" using gin (metadata jsonb_path_ops);
    end if;
end
$$;
