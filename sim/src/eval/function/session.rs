//! Functions of the connection, and the few that name what they are.

use super::{Function, int, lenient, plain_text, strict, uint};
use crate::eval::arithmetic::to_bits;
use crate::eval::number::integer;
use crate::eval::user_lock::{self, UserLock};
use crate::value::Value;

pub const FUNCTIONS: &[Function] = &[
    lenient("isnull", 1, 1, int, |args, _, _| Ok(Value::Int(i64::from(args[0].is_null())))),
    strict("database", 0, 0, plain_text, |_, _, env| {
        Ok(env.database.clone().map_or(Value::Null, Value::Text))
    }),
    strict("schema", 0, 0, plain_text, |_, _, env| {
        Ok(env.database.clone().map_or(Value::Null, Value::Text))
    }),
    strict("user", 0, 0, plain_text, |_, _, env| Ok(Value::Text(env.user.clone()))),
    strict("current_user", 0, 0, plain_text, |_, _, env| Ok(Value::Text(env.user.clone()))),
    strict("session_user", 0, 0, plain_text, |_, _, env| Ok(Value::Text(env.user.clone()))),
    strict("system_user", 0, 0, plain_text, |_, _, env| Ok(Value::Text(env.user.clone()))),
    strict("version", 0, 0, plain_text, |_, _, env| {
        let version = env.system_variables.as_ref().and_then(|known| known.get("version"));
        Ok(version.cloned().unwrap_or(Value::Null))
    }),
    strict("connection_id", 0, 0, uint, |_, _, env| Ok(Value::Uint(env.connection_id))),
    strict("row_count", 0, 0, int, |_, _, env| Ok(Value::Int(env.row_count))),
    strict("found_rows", 0, 0, int, |_, _, env| Ok(Value::Uint(env.found_rows))),
    lenient("last_insert_id", 0, 1, uint, |args, _, env| {
        let Some(id) = args.first() else { return Ok(Value::Uint(env.last_insert_id)) };
        let Some(id) = integer(id, env) else {
            env.last_insert_id_set = Some(0);
            return Ok(Value::Null);
        };
        let id = to_bits(id);
        env.last_insert_id = id;
        env.last_insert_id_set = Some(id);
        Ok(Value::Uint(id))
    }),
    lenient("get_lock", 2, 2, int, |args, _, env| {
        user_lock::call(env, |env| {
            let name = user_lock::name(&args[0])?;
            Ok(UserLock::Get { name, seconds: user_lock::seconds(&args[1], env) })
        })
    }),
    lenient("release_lock", 1, 1, int, |args, _, env| {
        user_lock::call(env, |_| user_lock::name(&args[0]).map(UserLock::Release))
    }),
    lenient("release_all_locks", 0, 0, uint, |_, _, env| {
        user_lock::call(env, |_| Ok(UserLock::ReleaseAll))
    }),
    lenient("is_free_lock", 1, 1, int, |args, _, env| {
        user_lock::call(env, |_| user_lock::name(&args[0]).map(UserLock::IsFree))
    }),
    lenient("is_used_lock", 1, 1, uint, |args, _, env| {
        user_lock::call(env, |_| user_lock::name(&args[0]).map(UserLock::IsUsed))
    }),
];
