create table exercise_log (
  log_id bigint unsigned not null,
  user_id bigint unsigned not null,
  gym_id bigint unsigned not null,
  notes varchar(1024),
  primary key (log_id),
  key gym (gym_id)
);
