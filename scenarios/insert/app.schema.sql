create table user (
  id bigint not null,
  email varbinary(128),
  primary key (id),
  key email (email)
);
create table visitor (
  id bigint not null,
  email varbinary(128),
  visits bigint,
  primary key (id)
);
create table email_idx (
  email varbinary(128) not null,
  keyspace_id varbinary(16),
  primary key (email)
);
