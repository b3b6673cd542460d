//! What GET_LOCK() and its like do.
//!
//! A lock belongs to a session and to no transaction: COMMIT and ROLLBACK keep it, the end of the
//! session frees it. A session may hold many, and each as often as it asked for it; it is free when
//! it was released as often. Locks are not replicated, and are gone with the server.

use std::sync::Arc;
use std::time::Duration as Time;

use crate::eval::user_lock::UserLock;
use crate::mysql::execution::Run;
use crate::mysql::metadata::{self, Duration, MetadataMode};
use crate::sql_error::SqlError;
use crate::value::Value;

/// MySQL's "as long as it takes", in seconds.
const ENDLESS: i64 = i32::MAX as i64;

impl Run {
    pub async fn user_lock(&self, call: &UserLock) -> Result<Value, SqlError> {
        match call {
            UserLock::Get { name, seconds } => self.get_lock(name, *seconds).await,
            UserLock::Release(name) => self.release_lock(name),
            UserLock::ReleaseAll => self.release_all_locks(),
            UserLock::IsFree(name) => {
                let owner = self.engine(|engine| engine.metadata.user_lock_owner(name));
                Ok(Value::Int(i64::from(owner.is_none())))
            }
            UserLock::IsUsed(name) => {
                let owner = self.engine(|engine| engine.metadata.user_lock_owner(name));
                Ok(owner.map_or(Value::Null, |owner| Value::Uint(owner.0)))
            }
        }
    }

    async fn get_lock(&self, name: &Arc<str>, seconds: i64) -> Result<Value, SqlError> {
        let again = self.session(|session| {
            session.user_locks.get_mut(name).map(|taken| *taken += 1).is_some()
        })?;
        if again || self.take_lock(name, seconds).await? {
            self.session(|session| session.user_locks.entry(name.clone()).or_insert(1).to_owned())?;
            return Ok(Value::Int(1));
        }
        Ok(Value::Int(0))
    }

    async fn take_lock(&self, name: &Arc<str>, seconds: i64) -> Result<bool, SqlError> {
        let connection = self.connection;
        let seconds = if (0..=ENDLESS).contains(&seconds) { seconds } else { ENDLESS };
        let timeout = Time::from_secs(seconds.unsigned_abs());
        self.session(|session| session.user_lock_timeout = timeout)?;
        let may_wait = self.engine(|engine| {
            let place = engine.metadata.id_of(&metadata::user_lock(name));
            let mode = MetadataMode::Exclusive;
            if seconds == 0 && !engine.metadata.would_grant(connection, place, mode) {
                return false;
            }
            engine.request_metadata(connection, place, mode, Duration::User);
            true
        });
        Ok(may_wait && self.wait_for_user_lock().await?)
    }

    /// NULL where nobody has the lock, 0 where somebody else has it.
    fn release_lock(&self, name: &Arc<str>) -> Result<Value, SqlError> {
        let left = self.session(|session| {
            let taken = session.user_locks.get_mut(name)?;
            *taken -= 1;
            let left = *taken;
            if left == 0 {
                session.user_locks.remove(name);
            }
            Some(left)
        })?;
        let connection = self.connection;
        self.engine(|engine| match left {
            Some(left) => {
                if left == 0 {
                    engine.metadata.release_user_lock(connection, name);
                }
                Ok(Value::Int(1))
            }
            None if engine.metadata.user_lock_owner(name).is_some() => Ok(Value::Int(0)),
            None => Ok(Value::Null),
        })
    }

    /// Gives the number of locks, each as often as it was taken.
    fn release_all_locks(&self) -> Result<Value, SqlError> {
        let taken = self.session(|session| std::mem::take(&mut session.user_locks))?;
        let connection = self.connection;
        self.engine(|engine| engine.metadata.release(connection, Duration::User));
        Ok(Value::Uint(taken.values().sum()))
    }
}
