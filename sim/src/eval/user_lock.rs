//! GET_LOCK() and its like: an expression stops where it calls one, and who runs it does the work.
//!
//! A lock may have to be waited for, and the evaluator neither waits nor knows of locks. So a call
//! is written down, the expression ends, and it is evaluated again when the call has its answer.
//! What was called before has its answers already and is not called twice, so that IF and AND skip
//! a call as they skip anything. In MySQL this is `Item_func_get_lock` in `sql/item_func.cc`.
//!
//! Where nobody would do the work (a CHECK, a DEFAULT, what is constant for a plan) a call is
//! refused.

use std::sync::Arc;

use super::Env;
use super::number::integer;
use crate::sql::ast::Expr;
use crate::sql::walk::children;
use crate::sql_error::SqlError;
use crate::value::Value;

/// The functions, by name.
pub const NAMES: [&str; 5] =
    ["get_lock", "is_free_lock", "is_used_lock", "release_all_locks", "release_lock"];

/// Whether an expression calls one of them.
pub fn is_called_in(expr: &Expr) -> bool {
    match expr {
        Expr::Function(function) if NAMES.iter().any(|own| function.name.is(own)) => true,
        other => children(other).into_iter().any(is_called_in),
    }
}

/// Characters of a name.
const NAME_MAX: usize = 64;

/// A call. Names are in lower case: so they are compared.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum UserLock {
    /// Below zero: as long as it takes.
    Get {
        name: Arc<str>,
        seconds: i64,
    },
    Release(Arc<str>),
    ReleaseAll,
    IsFree(Arc<str>),
    IsUsed(Arc<str>),
}

/// The calls of one expression.
#[derive(Debug, Default)]
pub struct UserLocks {
    is_open: bool,
    answers: Vec<Value>,
    next: usize,
    /// The call that the expression stopped at.
    asked: Option<UserLock>,
}

impl UserLocks {
    /// An evaluation begins, after which [`UserLocks::take_asked`] is looked at.
    pub fn open(&mut self) {
        self.is_open = true;
        self.next = 0;
    }

    pub fn take_asked(&mut self) -> Option<UserLock> {
        self.asked.take()
    }

    pub fn answer(&mut self, answer: Value) {
        self.answers.push(answer);
    }

    /// The expression has its value, or will not get one.
    pub fn close(&mut self) {
        self.is_open = false;
        self.answers.clear();
    }
}

/// A call's answer; where there is none yet, that is noted, and the error is for nobody to see.
pub(super) fn call(
    env: &mut Env,
    make: impl FnOnce(&mut Env) -> Result<UserLock, SqlError>,
) -> Result<Value, SqlError> {
    if !env.user_locks.is_open {
        return Err(SqlError::not_supported("a user-level lock in this place"));
    }
    // Also where the answer is there: what is wrong with the arguments is told in each evaluation.
    let call = make(env)?;
    let locks = &mut env.user_locks;
    let at = locks.next;
    locks.next += 1;
    if let Some(answer) = locks.answers.get(at) {
        return Ok(answer.clone());
    }
    locks.asked = Some(call);
    Err(SqlError::not_supported("a user-level lock"))
}

/// A lock's name, or 3057 and 4163.
pub(super) fn name(value: &Value) -> Result<Arc<str>, SqlError> {
    let text = match value {
        Value::Null => String::new(),
        other => other.to_string(),
    };
    // Names are kept in utf8mb3, which has no more than these.
    let is_known = |c: char| u32::from(c) <= 0xffff;
    if text.is_empty() || !text.chars().all(is_known) {
        let known: String = text.chars().map(|c| if is_known(c) { c } else { '?' }).collect();
        let shown = if value.is_null() { "NULL" } else { &*known };
        let message = format!(
            "Incorrect user-level lock name '{shown}'. The name is empty, NULL, or can not be \
             expressed in the current character-set."
        );
        return Err(SqlError::new(3057, "42000", message));
    }
    if NAME_MAX < text.chars().count() {
        let message =
            format!("User-level lock name '{text}' should not exceed {NAME_MAX} characters.");
        return Err(SqlError::new(4163, "42000", message));
    }
    Ok(text.to_lowercase().into())
}

/// NULL is no time at all; fractions are rounded, also -0.5 to the endless -1.
pub(super) fn seconds(value: &Value, env: &mut Env) -> i64 {
    let seconds = integer(value, env).unwrap_or(0);
    i64::try_from(seconds).unwrap_or(-1)
}
