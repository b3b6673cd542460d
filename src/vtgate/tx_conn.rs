//! Ending a transaction over shards.
//!
//! COMMIT commits the pre list, all shards at once; then the normal list, one shard after the other
//! in the order in which they were touched; then the post list, all at once. A failure in pre or
//! normal ends it there and the rest is rolled back; what is committed stays. A failure in post is
//! a warning: the client sees success. So a lookup row is never missing while its owner row is
//! there, and a lookup row without an owner row may be left. See `go/vt/vtgate/tx_conn.go`.
//!
//! With transaction mode TWOPC the normal list commits otherwise: `two_phase`.

use std::cell::RefCell;
use std::rc::Rc;

use sim::wait::join_all;
use sim::world::Process;

use super::Gate;
use super::gateway::call;
use super::session::{Session, ShardSession, TransactionMode};
use super::two_phase;
use crate::history::{self, Event, List, Outcome, Sent};
use crate::key::Code;
use crate::mutant::{self, Mutant};
use crate::rpc::{Commit, Rollback, Status};

/// Commits all lists in their order; the session is out of its transaction afterwards.
pub async fn commit(
    gate: &Gate,
    process: Process,
    session: &RefCell<Session>,
) -> Result<(), Status> {
    let result = commit_lists(gate, process, session).await;
    if result.is_err() && mutant::is(Mutant::PostAfterFailedNormal) {
        commit_post(gate, process, session).await.ok();
    }
    if result.is_err() && !mutant::is(Mutant::FailedCommitKeepsSessions) {
        release(gate, process, session).await;
    }
    session.borrow_mut().reset();
    ended(session, "commit");
    result
}

async fn commit_lists(
    gate: &Gate,
    process: Process,
    session: &RefCell<Session>,
) -> Result<(), Status> {
    if mutant::is(Mutant::ListsAtOnce) {
        let lists = [List::Pre, List::Normal, List::Post];
        let commits = lists.map(|list| commit_together(gate, process, session, list));
        return join_all(commits).await.into_iter().collect();
    }
    if mutant::is(Mutant::NormalBeforePre) {
        commit_normal(gate, process, session).await?;
    }
    let pre = commit_together(gate, process, session, List::Pre).await;
    if !mutant::is(Mutant::PreErrorIgnored) {
        pre?;
    }
    if mutant::is(Mutant::PostBeforeNormal) {
        commit_post(gate, process, session).await?;
    }
    let manager = manager_of_two_phases(&session.borrow());
    match manager {
        Some(manager) => two_phase::commit(gate, process, session, &manager).await?,
        None => commit_normal(gate, process, session).await?,
    }
    commit_post(gate, process, session).await
}

/// The shard that would decide, where the normal list commits in two phases: it has more than one,
/// and the session wants that.
fn manager_of_two_phases(session: &Session) -> Option<ShardSession> {
    match (session.mode, session.normal.as_slice()) {
        (TransactionMode::TwoPc, [manager, _, ..]) => Some(manager.clone()),
        _ => None,
    }
}

async fn commit_normal(
    gate: &Gate,
    process: Process,
    session: &RefCell<Session>,
) -> Result<(), Status> {
    let mut committed: Vec<Rc<str>> = Vec::new();
    while let Some(shard) = first(session, List::Normal) {
        let name = Rc::clone(&shard.target.shard);
        if let Err(status) = commit_shard(gate, process, session, List::Normal, shard).await {
            if !committed.is_empty() {
                let names: Vec<&str> = committed.iter().take(16).map(|name| &**name).collect();
                let more = if names.len() < committed.len() { ", ..." } else { "" };
                let text = format!(
                    "multi-db commit failed after committing to {} shards: {}{more}",
                    committed.len(),
                    names.join(", ")
                );
                session.borrow_mut().warn(301, text);
            }
            return Err(status);
        }
        committed.push(name);
    }
    Ok(())
}

/// A failure is a warning: what the client wanted is committed.
async fn commit_post(
    gate: &Gate,
    process: Process,
    session: &RefCell<Session>,
) -> Result<(), Status> {
    if let Err(status) = commit_together(gate, process, session, List::Post).await {
        if mutant::is(Mutant::PostErrorReturned) {
            return Err(status);
        }
        let text = format!("post-operation transaction had an error: {status}");
        session.borrow_mut().warn(0, text);
    }
    Ok(())
}

/// Commits a list's shards at once.
async fn commit_together(
    gate: &Gate,
    process: Process,
    session: &RefCell<Session>,
    list: List,
) -> Result<(), Status> {
    let mut shards = session.borrow().list(list).clone();
    if mutant::is(Mutant::PreForgetsAShard) && list == List::Pre && 1 < shards.len() {
        shards.pop();
    }
    let commits = shards.into_iter().map(|shard| commit_shard(gate, process, session, list, shard));
    let results = join_all(commits).await;
    aggregate(results.into_iter().filter_map(Result::err).collect()).map_or(Ok(()), Err)
}

fn first(session: &RefCell<Session>, list: List) -> Option<ShardSession> {
    session.borrow().list(list).first().cloned()
}

/// Commits one shard; it leaves its list if it succeeds.
async fn commit_shard(
    gate: &Gate,
    process: Process,
    session: &RefCell<Session>,
    list: List,
    shard: ShardSession,
) -> Result<(), Status> {
    let tag = tag(session, list);
    let commit = Commit { target: shard.target.clone(), transaction: shard.transaction, tag };
    tell_send(session, list, &shard, Sent::Commit);
    let answer = call(process, &gate.addresses, &shard.alias, commit).await;
    let (outcome, result) = match answer {
        Ok(Ok(())) => (Outcome::Ok, Ok(())),
        Ok(Err(status)) => (Outcome::Failed(status.message.clone()), Err(status)),
        Err(status) if status.never_ran() => (Outcome::Failed(status.message.clone()), Err(status)),
        Err(_) if mutant::is(Mutant::UnknownCommitIsDone) => (Outcome::Ok, Ok(())),
        Err(status) => (Outcome::Unknown(status.message.clone()), Err(status)),
    };
    history::emit(Event::ShardCommit {
        session: Rc::clone(&session.borrow().name),
        list,
        shard: shard_name(&shard),
        transaction: shard.transaction,
        outcome,
    });
    if result.is_ok() {
        session.borrow_mut().list_mut(list).retain(|other| other.target != shard.target);
    }
    result.map_err(|status| status.wrap(format!("target: {}", shard.target)))
}

/// Rolls back everything; the session is out of its transaction, whatever the shards say. What they
/// say is also a warning.
pub async fn rollback(
    gate: &Gate,
    process: Process,
    session: &RefCell<Session>,
) -> Result<(), Status> {
    if !session.borrow().in_transaction {
        return Ok(());
    }
    let result = undo(gate, process, session).await;
    ended(session, "rollback");
    result
}

/// Rolls back every shard, and takes the session out of its transaction.
pub(super) async fn undo(
    gate: &Gate,
    process: Process,
    session: &RefCell<Session>,
) -> Result<(), Status> {
    let errors = release(gate, process, session).await;
    session.borrow_mut().reset();
    let failed = aggregate(errors);
    if let Some(status) = &failed {
        let text = format!(
            "rollback encountered an error and connection to all shard for this session is released: {status}"
        );
        session.borrow_mut().warn(0, text);
    }
    failed.map_or(Ok(()), Err)
}

/// Rolls back what is still open on every shard of every list, all at once.
async fn release(gate: &Gate, process: Process, session: &RefCell<Session>) -> Vec<Status> {
    let mut open = session.borrow().all();
    if mutant::is(Mutant::RollbackForgetsPre) {
        open.retain(|(list, _)| *list != List::Pre);
    }
    if mutant::is(Mutant::RollbackForgetsPost) {
        open.retain(|(list, _)| *list != List::Post);
    }
    let rollbacks = open.into_iter().map(|(list, shard)| async move {
        let (target, transaction) = (shard.target.clone(), shard.transaction);
        let rollback = Rollback { target, transaction, tag: tag(session, list) };
        tell_send(session, list, &shard, Sent::Rollback);
        let answer = call(process, &gate.addresses, &shard.alias, rollback).await;
        history::emit(Event::ShardRollback {
            session: Rc::clone(&session.borrow().name),
            list,
            shard: shard_name(&shard),
            transaction: shard.transaction,
        });
        let target = &shard.target;
        answer.and_then(|result| result).map_err(|status| status.wrap(format!("target: {target}")))
    });
    join_all(rollbacks).await.into_iter().filter_map(Result::err).collect()
}

fn tell_send(session: &RefCell<Session>, list: List, shard: &ShardSession, what: Sent) {
    let session = Rc::clone(&session.borrow().name);
    history::emit(Event::ShardSend { session, list, shard: shard_name(shard), what });
}

fn tag(session: &RefCell<Session>, list: List) -> Rc<str> {
    format!("{} {list}", session.borrow().name).into()
}

fn shard_name(shard: &ShardSession) -> Rc<str> {
    format!("{}/{}", shard.target.keyspace, shard.target.shard).into()
}

fn ended(session: &RefCell<Session>, what: &'static str) {
    history::emit(Event::Ended { session: Rc::clone(&session.borrow().name), what });
}

/// Several shards' errors as one: the most telling code, the texts sorted, a line each. None of
/// none.
pub fn aggregate(mut errors: Vec<Status>) -> Option<Status> {
    if errors.len() < 2 {
        return errors.pop();
    }
    let code = errors.iter().map(|status| status.code).max_by_key(|code| rank(*code))?;
    let mut texts: Vec<String> = errors.into_iter().map(|status| status.message).collect();
    texts.sort();
    Some(Status::new(code, texts.join("\n")))
}

/// Priority of a code among several errors (`vterrors.Aggregate`).
fn rank(code: Code) -> u8 {
    match code {
        Code::Canceled => 0,
        Code::AlreadyExists => 1,
        Code::Unavailable => 3,
        Code::DeadlineExceeded => 4,
        Code::Aborted => 5,
        Code::FailedPrecondition => 6,
        Code::ClusterEvent => 7,
        Code::ResourceExhausted => 8,
        Code::Unknown => 9,
        Code::PermissionDenied => 11,
        Code::InvalidArgument => 12,
        Code::NotFound => 13,
        Code::Unimplemented => 14,
        Code::Internal => 15,
    }
}
