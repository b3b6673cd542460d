create table player (
  id bigint not null,
  team_id bigint,
  score bigint,
  primary key (id)
);
create table team (
  id bigint not null,
  place bigint,
  bonus tinyint,
  primary key (id)
);
create table bare (
  id bigint not null,
  n bigint
);
