create table user_seq (
  id int not null,
  next_id bigint,
  cache bigint,
  primary key (id)
) comment 'vitess_sequence';
create table note (
  id bigint not null,
  text varbinary(128),
  primary key (id)
);
