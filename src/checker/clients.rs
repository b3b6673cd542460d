//! Clients: what each was told of its statements, beside what its transactions came to.
//!
//! ```text
//!   a asks      insert into corder ..      ┐
//!                 pre, normal, post begin  │ one work: what vtgate ends as one transaction
//!                 servers commit           │
//!   a is told   1 row                      ┘
//! ```
//!
//! A work begins with BEGIN, or with the first shard transaction of a statement outside of one, and
//! is over when vtgate has ended it. What comes of it is judged when the client is told, by
//! [`honest`](super::honest) and [`atomic`](super::atomic).
//!
//! A session whose connection was lost is not judged any more: nobody is told what comes of it, and
//! its client goes on in another session. Nor is one whose target is not a whole keyspace's
//! primaries. A lookup that commits by itself does so in a session of its own, a copy
//! ([`copy_name`](crate::history::copy_name)), which no client is told of.
//!
//! Nor is one of which a commit comes that may belong to a work that is over: its tag is the same.
//!
//! It knows nothing of promises.

use std::collections::BTreeMap;
use std::rc::Rc;
use std::sync::Arc;

use sim::mysql::binlog::BinlogTransaction;
use sim::mysql::gtid::Gtid;

use crate::checker::part::{Fate, Part, Parts, of_tag};
use crate::checker::statement::Form;
use crate::checker::verdict::At;
use crate::history::{Answer, AskId, List, Outcome};

/// Errors of a statement that MySQL has undone before it answered.
pub const UNDONE: [u16; 12] =
    [1048, 1054, 1062, 1064, 1146, 1205, 1213, 1364, 1406, 1451, 1452, 3819];

/// What a client is told whose connection was lost between two statements.
const GONE: u16 = 2006;

/// All clients.
#[derive(Default)]
pub struct Clients {
    by_name: BTreeMap<Rc<str>, Client>,
    /// What was committed anywhere first: a replica's copy is not another commit.
    seen: BTreeMap<Gtid, Arc<BinlogTransaction>>,
    /// Answers that were judged, and those of clients that are not.
    pub judged: u64,
    pub not_judged: u64,
}

#[derive(Default)]
struct Client {
    ask: Option<Ask>,
    work: Option<Work>,
    /// Parts of works that are over which may still commit: their answer was lost, or an error that
    /// says nothing. None is any shard.
    late: Vec<(List, Option<Rc<str>>)>,
    /// It is not judged any more.
    is_lost: bool,
    /// Where its connection was opened to, or its last USE has led.
    target: Rc<str>,
    /// Its target is no keyspace's primaries.
    is_aimed: bool,
    /// It has settings that change what statements give.
    has_settings: bool,
    /// In mode SINGLE a transaction changes one shard.
    is_single: bool,
    /// VT15001 was told, and no ROLLBACK was since.
    is_fenced: bool,
}

/// A statement that waits for its answer.
#[derive(Clone, Debug)]
pub struct Ask {
    pub id: AskId,
    pub at: At,
    pub sql: Rc<str>,
    pub form: Rc<Form>,
    /// Works that vtgate has ended meanwhile.
    pub ended: Vec<Work>,
    /// Commits of the session in no shard transaction that vtgate has begun: one statement that
    /// went to one shard by itself.
    pub direct: Vec<Arc<BinlogTransaction>>,
}

/// What vtgate ends as one transaction.
#[derive(Clone, Debug)]
pub struct Work {
    pub since: At,
    /// The client said BEGIN.
    pub is_explicit: bool,
    pub statements: Vec<Said>,
    pub parts: Parts,
    /// The client went back to a savepoint: what came before may be undone.
    pub went_back: bool,
    pub ended: Option<&'static str>,
}

/// A statement of a work.
#[derive(Clone, Debug)]
pub struct Said {
    pub ask: AskId,
    pub sql: Rc<str>,
    pub form: Rc<Form>,
    /// None before the answer.
    pub told: Option<Told>,
    /// Parts of it were undone on the way.
    pub reverted: bool,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Told {
    Ok { affected: u64 },
    Error(Rc<str>),
}

/// A statement and its answer.
pub struct Answered<'a> {
    pub session: Rc<str>,
    pub ask: Ask,
    pub answer: &'a Answer,
    /// What is still open, with this statement.
    pub work: Option<Work>,
    /// It is asked after VT15001, without a ROLLBACK between.
    pub is_fenced: bool,
    pub is_single: bool,
    /// The session's keyspace.
    pub target: Rc<str>,
    pub has_settings: bool,
}

impl Clients {
    /// Says what a client's target is.
    pub fn aim(&mut self, session: &str, target: &str) {
        let client = self.by_name.entry(session.into()).or_default();
        client.aim(target);
    }

    pub fn asked(&mut self, at: At, session: &Rc<str>, ask: AskId, sql: &Rc<str>) {
        let client = self.by_name.entry(Rc::clone(session)).or_default();
        if client.is_lost {
            return;
        }
        let form = Rc::new(Form::of(sql));
        match &*form {
            Form::Use(target) => client.aim(target),
            Form::Set => client.set(sql),
            _ => {}
        }
        let said =
            Said { ask, sql: Rc::clone(sql), form: Rc::clone(&form), told: None, reverted: false };
        let work = client.work.get_or_insert_with(|| Work::new(at));
        work.statements.push(said);
        work.went_back |= *form == Form::RollbackTo;
        let (sql, ended, direct) = (Rc::clone(sql), Vec::new(), Vec::new());
        client.ask = Some(Ask { id: ask, at, sql, form, ended, direct });
    }

    /// Nobody is there any more who could be told of anything.
    pub fn disconnected(&mut self, session: &str) {
        if let Some(client) = self.by_name.get_mut(session) {
            client.is_lost = true;
            client.work = None;
        }
    }

    /// The statement with its answer, where it can be judged.
    pub fn answered<'a>(
        &mut self,
        session: &Rc<str>,
        ask: AskId,
        answer: &'a Answer,
    ) -> Option<Answered<'a>> {
        let client = self.by_name.get_mut(session)?;
        let found = client.ask.take().filter(|asked| asked.id == ask);
        let told = match answer {
            Answer::Ok(outcome) => Told::Ok { affected: outcome.affected },
            Answer::Error(error) if error.errno != GONE => {
                Told::Error(error.message.as_str().into())
            }
            Answer::Error(_) | Answer::Unknown(_) => {
                client.is_lost = true;
                client.work = None;
                self.not_judged += 1;
                return None;
            }
        };
        let is_judged = !client.is_lost && !client.is_aimed;
        let Some(mut found) = found.filter(|_| is_judged) else {
            self.not_judged += 1;
            return None;
        };
        let works = found.ended.iter_mut().chain(client.work.iter_mut());
        for said in works.flat_map(|work| work.statements.iter_mut()) {
            if said.ask == ask {
                said.told = Some(told.clone());
            }
        }
        let work = client.work.clone();
        let (is_fenced, is_single) = (client.is_fenced, client.is_single);
        client.go_on(&found, answer);
        self.judged += 1;
        let (target, has_settings) = (Rc::clone(&client.target), client.has_settings);
        Some(Answered {
            session: Rc::clone(session),
            ask: found,
            answer,
            work,
            is_fenced,
            is_single,
            target,
            has_settings,
        })
    }

    pub fn begin(&mut self, at: At, session: &Rc<str>, list: List, shard: &Rc<str>, number: u64) {
        let Some(client) = self.judged(session) else { return };
        let ask = client.ask.as_ref();
        let work = client.work.get_or_insert_with(|| {
            let said = ask.map(|ask| Said {
                ask: ask.id,
                sql: Rc::clone(&ask.sql),
                form: Rc::clone(&ask.form),
                told: None,
                reverted: false,
            });
            Work { statements: said.into_iter().collect(), ..Work::new(at) }
        });
        work.parts.begin(at, list, shard, number);
    }

    pub fn committed(
        &mut self,
        at: At,
        session: &str,
        shard: &str,
        number: u64,
        outcome: &Outcome,
    ) {
        self.settle(session, shard, number, Fate::of_commit(at, outcome));
    }

    pub fn rolled_back(&mut self, at: At, session: &str, shard: &str, number: u64) {
        self.settle(session, shard, number, Fate::RolledBack(at));
    }

    fn settle(&mut self, session: &str, shard: &str, number: u64, fate: Fate) {
        if let Some(work) = self.judged(session).and_then(|client| client.work.as_mut()) {
            work.parts.settle(shard, number, fate);
        }
    }

    /// vtgate has undone what a statement had done so far.
    pub fn reverted(&mut self, session: &str) {
        let Some(client) = self.judged(session) else { return };
        let Some(ask) = client.ask.as_ref().map(|ask| ask.id) else { return };
        let statements = client.work.iter_mut().flat_map(|work| work.statements.iter_mut());
        statements.filter(|said| said.ask == ask).for_each(|said| said.reverted = true);
    }

    pub fn ended(&mut self, session: &str, what: &'static str) {
        let Some(client) = self.judged(session) else { return };
        let Some(mut work) = client.work.take() else { return };
        work.ended = Some(what);
        client.late.extend(
            work.parts
                .iter()
                .filter(|part| may_be_late(part))
                .map(|part| (part.list, Some(Rc::clone(&part.shard)))),
        );
        if let Some(ask) = &mut client.ask {
            ask.ended.push(work);
        }
    }

    /// A server has committed something: of this shard transaction, or alone.
    pub fn commit(
        &mut self,
        shard: &str,
        number: Option<u64>,
        transaction: &Arc<BinlogTransaction>,
    ) {
        let known = self.seen.get(&transaction.gtid);
        if known.is_some_and(|known| Arc::ptr_eq(known, transaction) || same(known, transaction)) {
            return;
        }
        let Some((session, list)) = of_tag(&transaction.tag) else { return };
        self.seen.insert(transaction.gtid, Arc::clone(transaction));
        let Some(client) = self.judged(session) else { return };
        let mut own = number.zip(client.work.as_mut()).into_iter();
        if own.any(|(number, work)| work.parts.commit(shard, number, transaction)) {
            return;
        }
        let mut late = client.late.iter();
        if late.any(|(of, on)| *of == list && on.as_ref().is_none_or(|on| **on == *shard)) {
            // What its client was told of is over.
            client.is_lost = true;
            client.work = None;
            return;
        }
        if let (None, Some(ask), List::Normal) = (number, &mut client.ask, list) {
            ask.direct.push(Arc::clone(transaction));
        }
    }

    /// The oldest moment that an answer to come may look back to.
    pub fn oldest(&self) -> Option<At> {
        let asks = self.by_name.values().filter_map(|client| client.ask.as_ref().map(|ask| ask.at));
        let works = self.by_name.values().filter_map(|c| c.work.as_ref().map(|work| work.since));
        asks.chain(works).min()
    }

    /// Statements without an answer, of clients that are judged.
    pub fn asking(&self) -> impl Iterator<Item = (&Rc<str>, &Ask)> {
        let asks = self.by_name.iter().filter(|(_, client)| !client.is_lost);
        asks.filter_map(|(session, client)| Some((session, client.ask.as_ref()?)))
    }

    /// The statement that a session waits for, with the work that it is of.
    pub fn under_way(&self, session: &str) -> Option<(&Ask, &Work)> {
        let known = self.by_name.get(session);
        let client = known.filter(|client| !client.is_lost)?;
        client.ask.as_ref().zip(client.work.as_ref())
    }

    /// Whether there is one client alone.
    pub fn has_one(&self) -> bool {
        self.by_name.len() == 1
    }

    /// Whether a session is in the transaction that began then, and asks nothing.
    pub fn idles_in(&self, session: &str, since: At) -> bool {
        let known = self.by_name.get(session).filter(|client| !client.is_lost);
        known.is_some_and(|client| {
            let work = client.work.as_ref();
            client.ask.is_none() && work.is_some_and(|work| work.is_explicit && work.since == since)
        })
    }

    pub fn has_settings(&self, session: &str) -> bool {
        self.by_name.get(session).is_some_and(|client| client.has_settings)
    }

    fn judged(&mut self, session: &str) -> Option<&mut Client> {
        self.by_name.get_mut(session).filter(|client| !client.is_lost && !client.is_aimed)
    }
}

impl Client {
    fn aim(&mut self, target: &str) {
        self.target = target.into();
        self.is_aimed |= target.contains([':', '/', '@', '[']);
    }

    fn set(&mut self, sql: &str) {
        let words = sql.to_ascii_lowercase();
        match words.trim_start_matches("set session ").trim_start_matches("set ") {
            mode if mode.starts_with("transaction_mode") => {
                self.is_single = mode.contains("single");
            }
            _ => self.has_settings = true,
        }
    }

    /// What is open after an answer.
    fn go_on(&mut self, ask: &Ask, answer: &Answer) {
        match (&*ask.form, answer) {
            (Form::Rollback, _) => self.is_fenced = false,
            // vtgate looks for it where plans end: SAVEPOINT and COMMIT have none.
            (Form::Write(_) | Form::Select(_), Answer::Error(error)) => {
                self.is_fenced |= error.message.contains("VT15001");
            }
            _ => {}
        }
        if *ask.form == Form::Begin && matches!(answer, Answer::Ok(_)) {
            self.work = Some(Work { is_explicit: true, ..Work::new(ask.at) });
        } else if let Answer::Error(error) = answer
            && ask.form.write().is_some()
            && !UNDONE.contains(&error.errno)
        {
            // A statement on one shard may run on after its client was told of an error.
            self.late.push((List::Normal, None));
        }
        if self.work.as_ref().is_some_and(|w| !w.is_explicit && w.parts.is_empty()) {
            self.work = None;
        }
    }
}

impl Work {
    fn new(since: At) -> Work {
        Work {
            since,
            is_explicit: false,
            statements: Vec::new(),
            parts: Parts::default(),
            went_back: false,
            ended: None,
        }
    }

    pub fn is_committed(&self) -> bool {
        self.ended == Some("commit")
    }

    /// The parts that must commit before the client may be told that all is well.
    pub fn binding(&self) -> impl Iterator<Item = &Part> {
        self.parts.iter().filter(|part| part.list != List::Post)
    }

    /// What its normal list has committed.
    pub fn commits(&self) -> impl Iterator<Item = &Arc<BinlogTransaction>> {
        self.parts.of(List::Normal).filter_map(|part| part.commit.as_ref())
    }
}

fn may_be_late(part: &Part) -> bool {
    part.commit.is_none()
        && match &part.fate {
            Fate::Committed(_) | Fate::RolledBack(_) => false,
            Fate::Open | Fate::Unknown(..) | Fate::Killed(_) => true,
            Fate::Failed(_, error) => !error.contains("connection refused"),
        }
}

fn same(a: &BinlogTransaction, b: &BinlogTransaction) -> bool {
    a.tag == b.tag && a.events == b.events
}
