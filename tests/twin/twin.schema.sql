create table t (
  id bigint not null,
  name varbinary(32) not null,
  code bigint not null,
  a bigint,
  b bigint,
  primary key (id),
  key name (name),
  unique key code (code)
);
create table v (
  id bigint not null,
  t_id bigint not null,
  c bigint,
  d bigint,
  primary key (id, t_id)
);
create table m (
  x bigint not null,
  y bigint not null,
  z bigint,
  primary key (x, y)
);
create table s (
  id bigint not null auto_increment,
  tag varbinary(32),
  n bigint,
  primary key (id)
);
create table name_idx (
  name varbinary(32) not null,
  id bigint not null,
  keyspace_id varbinary(16),
  primary key (name, id)
);
create table code_idx (
  code bigint not null,
  keyspace_id varbinary(16),
  primary key (code)
);
