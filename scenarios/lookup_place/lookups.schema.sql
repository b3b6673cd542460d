create table corder_lookup (
  sku varbinary(128) not null,
  keyspace_id varbinary(128),
  primary key (sku)
);
