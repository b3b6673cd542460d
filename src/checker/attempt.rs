//! Attempts: what each session's transactions came to, as the history tells.
//!
//! An attempt is one transaction of a session, an explicit one or that of a single statement: from
//! its first shard transaction to `Ended`. It ends early when its vtgate dies: nobody says so, but
//! a fault is told of.
//!
//! It knows nothing of rows.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;
use std::sync::Arc;

use sim::mysql::binlog::BinlogTransaction;

use crate::checker::entry::Version;
use crate::checker::part::{Fate, Parts};
use crate::checker::verdict::At;
use crate::history::{List, Outcome};

/// A session's transaction.
#[derive(Debug)]
pub struct Attempt {
    pub session: Rc<str>,
    pub statements: Vec<(At, Rc<str>)>,
    pub parts: Parts,
    pub ended: Option<(At, &'static str)>,
    /// When its vtgate died, as far as is known.
    pub lost: Option<At>,
    /// The session's target was one shard.
    pub targeted: bool,
    /// The oldest that it was planned by.
    pub version: Version,
    /// When parts of a statement were rolled back to its savepoint.
    pub reverts: Vec<At>,
    /// Lists and shards of statements that had no answer.
    pub unanswered: Vec<(List, Rc<str>)>,
    /// When a ROLLBACK TO did not succeed on all shards.
    pub failed_reverts: Vec<At>,
}

pub type SharedAttempt = Rc<RefCell<Attempt>>;

/// All sessions.
#[derive(Default)]
pub struct Sessions {
    /// The last attempts of each, the newest last.
    attempts: BTreeMap<Rc<str>, Vec<SharedAttempt>>,
    /// What was sent since the last attempt ended.
    statements: BTreeMap<Rc<str>, Vec<(At, Rc<str>)>>,
    /// Sessions whose target is one shard.
    targeted: BTreeSet<Rc<str>>,
    /// By which vschema each was planned last.
    versions: BTreeMap<Rc<str>, u64>,
    /// When each sent a statement last.
    asked: BTreeMap<Rc<str>, At>,
    /// The vtgates of sessions, where told.
    vtgates: BTreeMap<Rc<str>, Rc<str>>,
}

/// The last attempts of a session, to which an event may still belong.
const KEPT: usize = 4;
/// With those whose commit may still come.
const KEPT_MOST: usize = 64;
/// Statements that a story shows of a transaction.
const STATEMENTS: usize = 12;

impl Sessions {
    /// Says on which vtgate a session is.
    pub fn on(&mut self, session: &str, vtgate: &str) {
        self.vtgates.insert(session.into(), vtgate.into());
    }

    /// A session's vtgate, where told.
    pub fn vtgate(&self, session: &str) -> Option<&str> {
        self.vtgates.get(session).map(|vtgate| &**vtgate)
    }

    /// Says what a session's target is.
    pub fn aim(&mut self, session: &str, target: &str) {
        match is_one_shard(target) {
            true => self.targeted.insert(session.into()),
            false => self.targeted.remove(session),
        };
    }

    pub fn statement(&mut self, at: At, session: &Rc<str>, sql: &Rc<str>) {
        if let Some(target) = use_target(sql) {
            self.aim(session, target);
        }
        self.asked.insert(Rc::clone(session), at);
        if let Some(attempt) = self.open(session) {
            return push_statement(&mut attempt.borrow_mut().statements, at, sql);
        }
        let waiting = self.statements.entry(Rc::clone(session)).or_default();
        // Outside of BEGIN the statement before has nothing to do with this one.
        if waiting.first().is_some_and(|(_, first)| !begins(first)) || begins(sql) {
            waiting.clear();
        }
        push_statement(waiting, at, sql);
    }

    /// vtgate has planned a statement of a session.
    pub fn planned(&mut self, session: &Rc<str>, version: u64) {
        self.versions.insert(Rc::clone(session), version);
        if let Some(attempt) = self.open(session) {
            let oldest = &mut attempt.borrow_mut().version;
            *oldest = Some(oldest.map_or(version, |before| before.min(version)));
        }
    }

    /// Whether vtgate has rolled back what the statement that it runs was a part of.
    pub fn goes_on(&self, session: &str) -> bool {
        let last = self.attempts.get(session).and_then(|attempts| attempts.last());
        let ended = last.and_then(|attempt| attempt.borrow().ended);
        let asked = self.asked.get(session);
        ended.is_some_and(|(at, what)| what == "rollback" && asked.is_some_and(|asked| *asked < at))
    }

    /// The last statement that a session has sent since its last transaction ended.
    pub fn last_alone(&self, session: &str) -> Option<Rc<str>> {
        let sent = self.statements.get(session)?;
        sent.last().map(|(_, sql)| Rc::clone(sql))
    }

    pub fn version(&self, session: &str) -> Version {
        self.versions.get(session).copied()
    }

    pub fn begin(
        &mut self,
        at: At,
        session: &Rc<str>,
        list: List,
        shard: &Rc<str>,
        transaction: u64,
    ) {
        let attempt =
            match self.open(session).filter(|attempt| !attempt.borrow().parts.has(list, shard)) {
                Some(attempt) => attempt,
                None => self.new_attempt(at, session),
            };
        attempt.borrow_mut().parts.begin(at, list, shard, transaction);
    }

    pub fn committed(
        &mut self,
        at: At,
        session: &Rc<str>,
        shard: &str,
        transaction: u64,
        outcome: &Outcome,
    ) {
        let fate = Fate::of_commit(at, outcome);
        self.settle(session, shard, transaction, fate);
    }

    pub fn rolled_back(&mut self, at: At, session: &Rc<str>, shard: &str, transaction: u64) {
        self.settle(session, shard, transaction, Fate::RolledBack(at));
    }

    /// A shard's transaction was killed; the attempt of which that is the end, if it was open.
    pub fn killed(&mut self, at: At, shard: &str, transaction: u64) -> Option<SharedAttempt> {
        let of = self.attempts.values().flatten().find(|attempt| {
            let mut attempt = attempt.borrow_mut();
            attempt.parts.get_mut(shard, transaction).is_some_and(|part| part.fate == Fate::Open)
        })?;
        let of = Rc::clone(of);
        if let Some(part) = of.borrow_mut().parts.get_mut(shard, transaction) {
            part.fate = Fate::Killed(at);
        }
        Some(of)
    }

    pub fn answer_lost(&mut self, session: &Rc<str>, list: List, shard: &Rc<str>) {
        if let Some(attempt) = self.open(session) {
            attempt.borrow_mut().unanswered.push((list, Rc::clone(shard)));
        }
    }

    pub fn reverted(&mut self, at: At, session: &Rc<str>) {
        if let Some(attempt) = self.open(session) {
            attempt.borrow_mut().reverts.push(at);
        }
    }

    pub fn revert_failed(&mut self, at: At, session: &Rc<str>) {
        if let Some(attempt) = self.open(session) {
            attempt.borrow_mut().failed_reverts.push(at);
        }
    }

    pub fn ended(&mut self, at: At, session: &Rc<str>, what: &'static str) {
        let mut last = self.statements.remove(session).and_then(|mut waiting| waiting.pop());
        if let Some(attempt) = self.open(session) {
            let mut attempt = attempt.borrow_mut();
            attempt.ended = Some((at, what));
            // It lives on another vtgate than the one that died.
            attempt.lost = None;
            last = attempt.statements.last().cloned();
        }
        // A BEGIN that commits what was open begins the next.
        if let Some(begin) = last.filter(|(_, sql)| begins(sql)) {
            self.statements.insert(Rc::clone(session), vec![begin]);
        }
    }

    /// A vtgate died, and with it the transactions of its sessions.
    pub fn vtgate_died(&mut self, at: At, vtgate: &str) {
        for (session, attempts) in &self.attempts {
            let elsewhere = self.vtgates.get(session).is_some_and(|known| &**known != vtgate);
            if let Some(attempt) = attempts.last().filter(|_| !elsewhere) {
                let mut attempt = attempt.borrow_mut();
                if attempt.ended.is_none() {
                    attempt.lost.get_or_insert(at);
                }
            }
        }
    }

    /// The attempt that a server's commit of a shard transaction is of. It may come long after, and
    /// after its vtgate has died.
    pub fn of_commit(
        &mut self,
        session: &str,
        shard: &str,
        transaction: u64,
        commit: &Arc<BinlogTransaction>,
    ) -> Option<SharedAttempt> {
        let mut attempts = self.attempts.get(session)?.iter().rev();
        let is_of = |attempt: &&SharedAttempt| {
            attempt.borrow_mut().parts.commit(shard, transaction, commit)
        };
        attempts.find(is_of).map(Rc::clone)
    }

    fn open(&self, session: &str) -> Option<SharedAttempt> {
        let attempt = self.attempts.get(session)?.last()?;
        attempt.borrow().ended.is_none().then(|| Rc::clone(attempt))
    }

    fn new_attempt(&mut self, at: At, session: &Rc<str>) -> SharedAttempt {
        if let Some(before) = self.open(session) {
            before.borrow_mut().lost.get_or_insert(at);
        }
        let attempt = Rc::new(RefCell::new(Attempt {
            session: Rc::clone(session),
            statements: self.statements.remove(session).unwrap_or_default(),
            parts: Parts::default(),
            ended: None,
            lost: None,
            targeted: self.targeted.contains(session),
            version: self.version(session),
            reverts: Vec::new(),
            unanswered: Vec::new(),
            failed_reverts: Vec::new(),
        }));
        let attempts = self.attempts.entry(Rc::clone(session)).or_default();
        if KEPT <= attempts.len() {
            let is_over = |attempt: &SharedAttempt| !attempt.borrow().parts.may_commit_late();
            let over = attempts.iter().position(is_over);
            let oldest = (KEPT_MOST <= attempts.len()).then_some(0);
            over.or(oldest).map(|at| attempts.remove(at));
        }
        attempts.push(Rc::clone(&attempt));
        attempt
    }

    fn settle(&mut self, session: &str, shard: &str, transaction: u64, fate: Fate) {
        for attempt in self.attempts.get(session).into_iter().flatten().rev() {
            if attempt.borrow_mut().parts.settle(shard, transaction, fate.clone()) {
                return;
            }
        }
    }
}

impl Attempt {
    /// It was begun by BEGIN.
    pub fn is_explicit(&self) -> bool {
        self.statements.first().is_some_and(|(_, sql)| begins(sql))
    }

    /// A part of one of its statements was rolled back.
    pub fn reverted(&self) -> bool {
        !self.reverts.is_empty()
    }

    /// The statements that ran at these times, as far as they are known.
    pub fn statements_at<'a>(&'a self, times: &'a [At]) -> impl Iterator<Item = &'a Rc<str>> {
        times.iter().filter_map(|time| {
            let before = self.statements.iter().rev().find(|(at, _)| at <= time);
            before.map(|(_, sql)| sql)
        })
    }

    /// Whether a statement that it ran has one of these words, in any case.
    pub fn says(&self, words: &[&str]) -> bool {
        self.statements.iter().any(|(_, sql)| {
            let sql = sql.to_ascii_lowercase();
            words.iter().any(|word| sql.contains(word))
        })
    }
}

/// The first one says whether BEGIN was; which one leaves rows out is asked of what it leaves.
fn push_statement(statements: &mut Vec<(At, Rc<str>)>, at: At, sql: &Rc<str>) {
    if statements.len() == STATEMENTS {
        let is_plain = |(_, sql): &(At, Rc<str>)| !is_loose(sql);
        let plain = statements.iter().skip(1).position(is_plain);
        statements.remove(plain.unwrap_or(0) + 1);
    }
    statements.push((at, Rc::clone(sql)));
}

/// INSERT IGNORE, INSERT .. ON DUPLICATE KEY UPDATE: rows may stay away.
fn is_loose(sql: &str) -> bool {
    let sql = sql.to_ascii_lowercase();
    LOOSE.iter().any(|words| sql.contains(words))
}

pub const LOOSE: [&str; 2] = ["insert ignore", "on duplicate key update"];

fn begins(sql: &str) -> bool {
    let sql = sql.trim_start().to_ascii_lowercase();
    sql.starts_with("begin") || sql.starts_with("start transaction")
}

/// What a USE names.
fn use_target(sql: &str) -> Option<&str> {
    let mut words = sql.split_whitespace();
    words.next().filter(|word| word.eq_ignore_ascii_case("use"))?;
    words.next().map(|target| target.trim_matches(['`', ';']))
}

/// `customer:-80`, `customer/-80`
fn is_one_shard(target: &str) -> bool {
    target.contains([':', '/'])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seq: u64) -> At {
        At { time: seq, seq }
    }

    fn commit() -> Arc<BinlogTransaction> {
        let server = sim::mysql::gtid::ServerUuid([1; 16]);
        Arc::new(BinlogTransaction {
            gtid: sim::mysql::gtid::Gtid { server, sequence: 1 },
            events: Vec::new(),
            committed_at: jiff::Timestamp::UNIX_EPOCH,
            tag: "a normal".into(),
            connection: sim::mysql::session::ConnectionId(0),
            xid: 0,
        })
    }

    #[test]
    fn an_attempt_takes_the_statements_that_made_it() {
        let mut sessions = Sessions::default();
        let a: Rc<str> = "a".into();
        let shard: Rc<str> = "customer/-80".into();
        for (i, sql) in ["select 1", "select 2", "begin", "delete from t"].into_iter().enumerate() {
            sessions.statement(at(i as u64), &a, &sql.into());
        }
        sessions.begin(at(9), &a, List::Normal, &shard, 7);
        sessions.statement(at(10), &a, &"commit".into());
        let attempt = sessions.of_commit("a", &shard, 7, &commit()).unwrap();
        let statements: Vec<Rc<str>> =
            attempt.borrow().statements.iter().map(|(_, sql)| Rc::clone(sql)).collect();
        assert_eq!(statements, ["begin".into(), "delete from t".into(), Rc::from("commit")]);
        assert!(sessions.of_commit("a", &shard, 8, &commit()).is_none(), "another transaction");
    }

    #[test]
    fn a_begin_that_commits_begins_the_next() {
        let mut sessions = Sessions::default();
        let a: Rc<str> = "a".into();
        let shard: Rc<str> = "customer/-80".into();
        for before in [false, true] {
            sessions.statement(at(1), &a, &"begin".into());
            if before {
                sessions.begin(at(2), &a, List::Normal, &shard, 1);
            }
            sessions.statement(at(3), &a, &"begin".into());
            sessions.ended(at(4), &a, "commit");
            sessions.statement(at(5), &a, &"delete from t".into());
            sessions.begin(at(6), &a, List::Normal, &shard, 2);
            let attempt = sessions.of_commit("a", &shard, 2, &commit()).unwrap();
            assert!(attempt.borrow().is_explicit(), "{before}");
            sessions.ended(at(7), &a, "commit");
        }
    }

    #[test]
    fn a_name_that_begins_anew_has_lost_what_was_open() {
        let mut sessions = Sessions::default();
        let a: Rc<str> = "a".into();
        let shard: Rc<str> = "customer/-80".into();
        sessions.begin(at(1), &a, List::Pre, &shard, 1);
        let first = sessions.of_commit("a", &shard, 1, &commit()).unwrap();
        sessions.begin(at(2), &a, List::Pre, &shard, 2);
        assert_eq!(first.borrow().lost, Some(at(2)));
        sessions.ended(at(3), &a, "commit");
        assert!(first.borrow().ended.is_none());
    }

    #[test]
    fn a_dead_vtgate_takes_its_own_sessions() {
        let mut sessions = Sessions::default();
        let shard: Rc<str> = "customer/-80".into();
        let names: [Rc<str>; 2] = ["a".into(), "b".into()];
        sessions.on("a", "vtgate-1");
        sessions.on("b", "vtgate-2");
        let lost = |sessions: &mut Sessions| {
            names.clone().map(|name| {
                sessions.begin(at(1), &name, List::Pre, &shard, 1);
                sessions.of_commit(&name, &shard, 1, &commit()).unwrap()
            })
        };
        let attempts = lost(&mut sessions);
        sessions.vtgate_died(at(2), "vtgate-1");
        assert_eq!(attempts.map(|attempt| attempt.borrow().lost), [Some(at(2)), None]);
    }

    #[test]
    fn use_says_what_it_aims_at() {
        for (sql, expected) in [
            ("use customer", Some(false)),
            ("USE `customer:-80`;", Some(true)),
            ("use customer/-80", Some(true)),
            ("select 1", None),
        ] {
            assert_eq!(use_target(sql).map(is_one_shard), expected, "{sql}");
        }
    }
}
