create table s_seq (
  id int not null,
  next_id bigint,
  cache bigint,
  primary key (id)
) comment 'vitess_sequence';
