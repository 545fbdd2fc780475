create table stock (
    item     text    primary key,
    quantity integer not null check (quantity >= 0)
);

create table orders (
    order_id text    primary key,
    customer text    not null,
    item     text    not null,
    quantity integer not null check (quantity > 0)
);

insert into stock (item, quantity) values ('coffee', 1000), ('tea', 1000), ('cake', 3);
