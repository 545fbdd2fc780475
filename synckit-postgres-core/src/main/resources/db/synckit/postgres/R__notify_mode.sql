-- The triggers of the notify mode (synckit.postgres.notify.mode): one, or none. It belongs to the table: the last one to migrate it
-- decides for all applications.
do $$
begin
    if '${notify_mode}' not in ('BELL', 'EACH_EVENT', 'OFF') then
        raise exception 'notify_mode is ${notify_mode}' using hint = 'Possible are BELL, EACH_EVENT and OFF.';
    end if;
    if '${notify_mode}' <> 'BELL' then
        drop trigger if exists "${table}_bell" on "${schema}"."${table}";
    elsif not exists (select from pg_trigger t
                       where t.tgrelid = '"${schema}"."${table}"'::regclass and t.tgname = '${table}_bell') then
        -- Deferred: it runs in the commit phase, so that the bell is held no longer than needed. Without a WHEN: the server would
        -- plan that for each statement, which costs more than the call.
        create constraint trigger "${table}_bell" after insert on "${schema}"."${table}"
            deferrable initially deferred
            for each row
            execute function "${schema}"."${table}_ring"();
        alter table "${schema}"."${table}" enable always trigger "${table}_bell";
    end if;
    if '${notify_mode}' <> 'EACH_EVENT' then
        drop trigger if exists "${table}_each_event" on "${schema}"."${table}";
    elsif not exists (select from pg_trigger t
                       where t.tgrelid = '"${schema}"."${table}"'::regclass and t.tgname = '${table}_each_event') then
        create trigger "${table}_each_event" after insert on "${schema}"."${table}"
            for each row
            execute function "${schema}"."${table}_notify_each"();
        alter table "${schema}"."${table}" enable always trigger "${table}_each_event";
    end if;
end
$$;
