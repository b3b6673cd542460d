create table customer (
  id bigint not null,
  name varbinary(32),
  primary key (id)
);
create table corder (
  id bigint not null,
  customer_id bigint not null,
  sku varbinary(32),
  primary key (id),
  key customer_id (customer_id),
  key sku (sku),
  constraint of_customer foreign key (customer_id) references customer (id) on delete cascade
);
create table account (
  customer_id bigint not null,
  amount bigint,
  primary key (customer_id),
  constraint of_owner foreign key (customer_id) references customer (id)
);
create table sku_idx (
  sku varbinary(32) not null,
  keyspace_id varbinary(16),
  primary key (sku)
);
