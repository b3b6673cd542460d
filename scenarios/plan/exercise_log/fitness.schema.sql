create table user (
  user_id bigint unsigned not null,
  name varchar(128),
  primary key (user_id)
);
create table exercise (
  exercise_id bigint unsigned not null,
  title varchar(128),
  primary key (exercise_id)
);
create table exercise_log (
  log_id bigint unsigned not null,
  user_id bigint unsigned not null,
  exercise_id bigint unsigned not null,
  gym_id bigint unsigned not null,
  reps smallint,
  created_at datetime,
  edited_at datetime,
  deleted_at datetime,
  notes varchar(1024),
  primary key (log_id)
);
-- A gym has many logs, so that a log's row is found by both columns.
create table gym_exercise_log_lookup (
  gym_id bigint unsigned not null,
  log_id bigint unsigned not null,
  keyspace_id varbinary(128),
  primary key (gym_id, log_id)
);
