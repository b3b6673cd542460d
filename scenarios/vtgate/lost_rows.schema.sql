create table item (
  id bigint not null,
  u bigint,
  a bigint,
  primary key (id),
  unique key u (u)
);
create table part (
  id bigint not null,
  item_id bigint not null,
  b bigint,
  primary key (id, item_id)
);
create table kind (
  id bigint not null,
  a bigint,
  primary key (id)
);
create table u_idx (
  u bigint not null,
  keyspace_id varbinary(16),
  primary key (u)
);
