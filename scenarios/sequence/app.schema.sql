create table user (
  id bigint not null,
  email varbinary(128),
  primary key (id),
  key email (email)
);
create table visit (
  id bigint not null,
  user_id bigint not null,
  page varbinary(32),
  primary key (id)
);
create table email_idx (
  email varbinary(128) not null,
  keyspace_id varbinary(16),
  primary key (email)
);
