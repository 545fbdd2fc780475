-- The trigger of the notify mode (synckit.postgres.notify.mode). It belongs to the table, and so to all its applications. A migration
-- that names no mode (AS_IT_IS) leaves the trigger unchanged.
set local lock_timeout = '1s';

do $$
declare
    mode constant text := '${notify_mode}';
begin
    if mode not in ('AS_IT_IS', 'COALESCED', 'EACH_EVENT', 'OFF') then
        raise exception 'notify_mode is %', mode using hint = 'Possible are AS_IT_IS, COALESCED, EACH_EVENT and OFF.';
    end if;
    if mode in ('EACH_EVENT', 'OFF') and exists (select from pg_trigger t
            where t.tgrelid = '"${schema}"."${table}"'::regclass and t.tgname = '${table}_notify') then
        drop trigger "${table}_notify" on "${schema}"."${table}";
    end if;
    if mode in ('COALESCED', 'OFF') and exists (select from pg_trigger t
            where t.tgrelid = '"${schema}"."${table}"'::regclass and t.tgname = '${table}_each_event') then
        drop trigger "${table}_each_event" on "${schema}"."${table}";
    end if;
    if mode = 'COALESCED' and not exists (select from pg_trigger t
            where t.tgrelid = '"${schema}"."${table}"'::regclass and t.tgname = '${table}_notify') then
        -- As in R__functions.sql.
        create constraint trigger "${table}_notify" after insert on "${schema}"."${table}"
            deferrable initially deferred
            for each row
            execute function "${schema}"."${table}_notify_once"();
        alter table "${schema}"."${table}" enable always trigger "${table}_notify";
    end if;
    if mode = 'EACH_EVENT' and not exists (select from pg_trigger t
            where t.tgrelid = '"${schema}"."${table}"'::regclass and t.tgname = '${table}_each_event') then
        create trigger "${table}_each_event" after insert on "${schema}"."${table}"
            for each row
            execute function "${schema}"."${table}_notify_each"();
        alter table "${schema}"."${table}" enable always trigger "${table}_each_event";
    end if;
end
$$;
