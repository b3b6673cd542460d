create table corder (
  order_id bigint not null,
  customer_id bigint,
  sku varbinary(128),
  price bigint,
  primary key (order_id),
  key sku (sku)
);
create table corder_lookup (
  sku varbinary(128) not null,
  keyspace_id varbinary(128),
  primary key (sku)
);
