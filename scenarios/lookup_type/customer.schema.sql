create table corder (
  order_id bigint not null,
  customer_id bigint,
  sku varbinary(128),
  price bigint,
  primary key (order_id),
  key sku (sku)
);
-- One order a value.
create table corder_lookup (
  sku varbinary(128) not null,
  keyspace_id varbinary(128),
  primary key (sku)
);
-- Many orders a value, each with its own row.
create table corder_sku_lookup (
  sku varbinary(128) not null,
  order_id bigint not null,
  keyspace_id varbinary(128),
  primary key (sku, order_id)
);
-- Many orders a value, with one row for all of a customer's.
create table corder_skus (
  sku varbinary(128) not null,
  keyspace_id varbinary(128) not null,
  primary key (sku, keyspace_id)
);
