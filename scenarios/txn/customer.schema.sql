create table corder (
  order_id bigint not null,
  customer_id bigint,
  sku varbinary(128),
  ref varbinary(128),
  price bigint,
  primary key (order_id),
  key sku (sku),
  key ref (ref)
);
create table sku_lookup (
  sku varbinary(128) not null,
  keyspace_id varbinary(128),
  primary key (sku)
);
create table ref_lookup (
  ref varbinary(128) not null,
  order_id bigint not null,
  keyspace_id varbinary(128),
  primary key (ref, order_id)
);
