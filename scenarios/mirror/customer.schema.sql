create table customer (
  id bigint not null,
  name varbinary(32),
  primary key (id)
);
