create table sales (
    item text    primary key,
    sold integer not null
);
