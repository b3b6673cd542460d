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
  code bigint,
  primary key (p_id, id),
  unique key code (p_id, code),
  constraint r_of_p foreign key (p_id) references p (id)
);
create table h (
  r_p_id bigint not null,
  r_id bigint not null,
  primary key (r_p_id, r_id),
  constraint h_of_r foreign key (r_p_id, r_id) references r (p_id, id) on delete cascade
);
create table g (
  id bigint not null,
  p_id bigint not null,
  k bigint,
  primary key (id, p_id),
  key d (p_id, k),
  constraint g_of_d foreign key (p_id, k) references d (p_id, k) on delete cascade on update cascade
);
