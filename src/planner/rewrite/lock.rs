//! A lock clause and comments go down to the routes.

use sim::sql::ast::Lock;

use super::super::operator::{LockAndComment, Operator};
use super::Rewritten;

pub fn push(mut lock: Box<LockAndComment>) -> Rewritten {
    match lock.source.take() {
        Operator::Route(mut route) => {
            route.comments = lock.comments;
            route.lock = stronger(lock.lock, route.lock);
            Ok((Operator::Route(route), Some("put lock and comment into route")))
        }
        // Two of them are one.
        Operator::LockAndComment(mut inner) => {
            inner.lock = stronger(lock.lock, inner.lock);
            if inner.comments.0.is_empty() {
                inner.comments = lock.comments;
            }
            Ok((Operator::LockAndComment(inner), Some("put lock and comment together")))
        }
        // These are about to become something else.
        source @ (Operator::Horizon(_) | Operator::QueryGraph(_)) => {
            lock.source = source;
            Ok((Operator::LockAndComment(lock), None))
        }
        mut source => {
            for input in source.inputs_mut() {
                *input = Operator::LockAndComment(Box::new(LockAndComment {
                    source: input.take(),
                    comments: lock.comments.clone(),
                    lock: lock.lock,
                }));
            }
            Ok((source, Some("push lock and comment below")))
        }
    }
}

fn stronger(one: Lock, other: Lock) -> Lock {
    let rank = |lock: Lock| match lock {
        Lock::None => 0,
        Lock::ShareMode => 1,
        Lock::ForShare(_) => 2,
        Lock::ForUpdate(_) => 3,
    };
    if rank(one) < rank(other) { other } else { one }
}
