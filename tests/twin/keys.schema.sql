create table p (
  id bigint not null,
  k bigint not null,
  n bigint,
  primary key (id),
  unique key id_k (id, k)
);
create table c (
  id bigint not null,
  p_id bigint not null,
  n bigint,
  primary key (id, p_id),
  key p_id (p_id),
  constraint c_of_p foreign key (p_id) references p (id) on delete cascade
);
create table d (
  p_id bigint not null,
  k bigint not null,
  n bigint,
  primary key (p_id, k),
  constraint d_of_p foreign key (p_id, k) references p (id, k) on delete cascade on update cascade
);
create table r (
  id bigint not null,
  p_id bigint not null,
  primary key (p_id, id),
  constraint r_of_p foreign key (p_id) references p (id)
);
create table g (
  id bigint not null,
  p_id bigint not null,
  k bigint,
  primary key (id, p_id),
  key d (p_id, k),
  constraint g_of_d foreign key (p_id, k) references d (p_id, k) on delete cascade on update cascade
);
