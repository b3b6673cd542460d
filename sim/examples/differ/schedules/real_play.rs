//! Plays a case on a real server, one thread a session, and writes down what happens.
//!
//! A statement that does not return is either at work or waiting. Which of the two is asked of the
//! server itself: a step is over when every session that has not answered waits for a row lock, in
//! two looks one after the other, and no cycle among the waiters is left that the server's deadlock
//! detector is about to break.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use super::generate::{self, Case};
use super::locks::{self, Lock};
use super::record::{Act, Observed, Record, Step};
use crate::answer::{Answer, Connection, Count};
use crate::differences;
use crate::real::Real;
use crate::server::{Product, RealServer};

/// A cycle that stands this long is none for the detector.
const CYCLE_STANDS: Duration = Duration::from_millis(60);
const SESSIONS_MAX: usize = 4;

pub struct Stage<'a> {
    server: &'a RealServer,
    actors: Vec<Actor>,
    answers: Receiver<(usize, Answer)>,
    /// Sets up, looks at locks, kills.
    control: Real,
    /// Its read view keeps purge away from what a case deletes.
    keeper: Real,
    /// The case waits for metadata locks too.
    defines: bool,
}

struct Actor {
    statements: Option<Sender<String>>,
    thread: Option<JoinHandle<()>>,
    /// What KILL knows it by.
    id: u32,
    /// What performance_schema knows it by.
    thread_id: String,
}

/// Who waits for a row lock, for whom, and all locks.
#[derive(Default, PartialEq, Eq)]
struct Look {
    waiting: BTreeMap<usize, BTreeSet<usize>>,
    locks: Option<Vec<String>>,
}

impl<'a> Stage<'a> {
    pub fn open(server: &'a RealServer, count: Count) -> Result<Stage<'a>, mysql::Error> {
        let (send, answers) = channel();
        let mut actors = Vec::new();
        for number in 0..SESSIONS_MAX {
            let connection = server.connect(count)?;
            actors.push(Actor::start(number, connection, server.product, send.clone()));
        }
        let mut control = server.connect(Count::Changed)?;
        control.query("create database if not exists differ");
        control.query("set session transaction isolation level read committed");
        control.query("use differ");
        let keeper = server.connect(Count::Changed)?;
        for (number, actor) in actors.iter().enumerate() {
            actor.send("use differ");
            let _ = answers.recv().map(|(session, _)| debug_assert_eq!(session, number));
        }
        Ok(Stage { server, actors, answers, control, keeper, defines: false })
    }

    pub fn product(&self) -> Product {
        self.server.product
    }

    pub fn play(&mut self, case: &Case) -> Result<Record, mysql::Error> {
        self.defines = generate::defines(case);
        self.keeper.query("start transaction with consistent snapshot");
        for text in &case.setup {
            let answer = self.control.query(text);
            assert!(answer.error.is_none(), "a case's setup: {text}: {:?}", answer.error);
        }
        // Or the optimizer takes a table for smaller than its ranges.
        self.control.query("analyze table t, d");
        for (session, isolation) in case.isolations.iter().enumerate() {
            self.run(session, &format!("set session transaction isolation level {isolation}"));
            self.run(session, "set innodb_lock_wait_timeout = 50");
        }
        let mut busy = BTreeMap::new();
        let mut steps = Vec::new();
        for step in &case.steps {
            let observed = self.act(step, &mut busy);
            steps.push((step.clone(), observed));
        }
        // Whoever is free commits, until all have.
        let sessions = case.isolations.len();
        let mut open: BTreeSet<usize> = (0..sessions).collect();
        while let Some(session) = open.iter().copied().find(|session| !busy.contains_key(session)) {
            for text in generate::ends(case) {
                let step = Step { session, act: Act::Run(text.to_string()) };
                let observed = self.act(&step, &mut busy);
                steps.push((step, observed));
            }
            open.remove(&session);
        }
        let left: Vec<usize> = busy.keys().copied().collect();
        for session in left {
            let id = self.actors[session].id;
            self.control.query(&format!("kill query {id}"));
            let _ = self.answers.recv();
            self.run(session, "rollback");
        }
        let contents =
            generate::contents().iter().map(|text| self.control.query(text).to_string()).collect();
        self.keeper.query("commit");
        self.control.query("drop table if exists t, d");
        Ok(Record { steps, contents })
    }

    fn act(&mut self, step: &Step, busy: &mut BTreeMap<usize, String>) -> Observed {
        let waits = busy.contains_key(&step.session);
        if waits != matches!(step.act, Act::Kill) {
            return Observed { skipped: true, ..Observed::default() };
        }
        let mut answers = BTreeMap::new();
        match &step.act {
            Act::Run(text) if self.scans_instead(text) => {
                return Observed { skipped: true, ..Observed::default() };
            }
            Act::Run(text) => {
                self.actors[step.session].send(text);
                busy.insert(step.session, text.clone());
            }
            Act::RunOut(text) => {
                self.run(step.session, "set innodb_lock_wait_timeout = 1");
                self.actors[step.session].send(text);
                busy.insert(step.session, text.clone());
                while busy.contains_key(&step.session) {
                    self.receive(Duration::from_millis(100), busy, &mut answers);
                }
            }
            Act::Kill => {
                let id = self.actors[step.session].id;
                self.control.query(&format!("kill query {id}"));
                while busy.contains_key(&step.session) {
                    self.receive(Duration::from_millis(100), busy, &mut answers);
                }
            }
        }
        let look = self.settle(busy, &mut answers);
        if matches!(step.act, Act::RunOut(_)) {
            self.run(step.session, "set innodb_lock_wait_timeout = 50");
        }
        Observed { skipped: false, answers, waiting: look.waiting, locks: look.locks }
    }

    /// Where an index answers alone, FORCE INDEX may still end in a scan of all of it: the choice
    /// is the statistics', and such a statement is left out.
    fn scans_instead(&mut self, text: &str) -> bool {
        let plain = text.contains("force index (primary)") || !text.contains(" where ");
        if plain || !text.starts_with("select ") || text.starts_with("select *") {
            return false;
        }
        let format = match self.product() {
            Product::MySql => "format=traditional ",
            Product::MariaDb => "",
        };
        let plan = self.control.query(&format!("explain {format}{text}"));
        let at = plan.columns.iter().position(|column| column == "type");
        let kind = at.and_then(|at| plan.rows.first()?.get(at)?.clone());
        kind.is_some_and(|kind| kind == b"index")
    }

    /// Waits until everybody has answered or waits for a lock.
    fn settle(
        &mut self,
        busy: &mut BTreeMap<usize, String>,
        answers: &mut BTreeMap<usize, String>,
    ) -> Look {
        let mut last = Look::default();
        let mut stands = Instant::now();
        while !busy.is_empty() {
            if self.receive(Duration::from_micros(500), busy, answers) {
                last = Look::default();
                continue;
            }
            let look = self.look();
            let all = busy.keys().all(|session| look.waiting.contains_key(session));
            if look != last {
                stands = Instant::now();
            }
            if all && look == last {
                let cyclic = has_cycle(&look.waiting);
                if !cyclic || CYCLE_STANDS < stands.elapsed() {
                    return look;
                }
            }
            last = look;
        }
        self.look()
    }

    fn receive(
        &mut self,
        timeout: Duration,
        busy: &mut BTreeMap<usize, String>,
        answers: &mut BTreeMap<usize, String>,
    ) -> bool {
        let Ok((session, answer)) = self.answers.recv_timeout(timeout) else { return false };
        if let Some(text) = busy.remove(&session) {
            answers.insert(session, differences::shown(self.product(), &text, &answer));
        }
        true
    }

    /// A statement that cannot block.
    fn run(&mut self, session: usize, text: &str) {
        self.actors[session].send(text);
        let _ = self.answers.recv();
    }

    fn look(&mut self) -> Look {
        let mut look = match self.product() {
            Product::MySql => self.look_at_data_locks(),
            Product::MariaDb => self.look_at_status(),
        };
        if self.defines {
            for session in self.metadata_waiters() {
                look.waiting.entry(session).or_default();
            }
        }
        look
    }

    /// Who waits for a metadata lock; for whom is not asked.
    fn metadata_waiters(&mut self) -> Vec<usize> {
        let waiters = self.control.query(
            "select id from information_schema.processlist where state like 'Waiting for table%'",
        );
        let id = |row: &Vec<Option<Vec<u8>>>| {
            let bytes = row.first()?.clone()?;
            String::from_utf8_lossy(&bytes).parse::<u32>().ok()
        };
        let ids: Vec<u32> = waiters.rows.iter().filter_map(id).collect();
        let actors = self.actors.iter().enumerate();
        actors.filter(|(_, actor)| ids.contains(&actor.id)).map(|(number, _)| number).collect()
    }

    fn look_at_data_locks(&mut self) -> Look {
        let locks = self.control.query(
            "select engine_transaction_id, thread_id, object_name, index_name, lock_mode, \
             lock_status, lock_data, lock_type, engine_lock_id from performance_schema.data_locks \
             where object_schema = 'differ'",
        );
        let text = |value: &Option<Vec<u8>>| {
            value.as_ref().map(|bytes| String::from_utf8_lossy(bytes).into_owned())
        };
        let rows: Vec<Vec<String>> = locks
            .rows
            .iter()
            .map(|row| row.iter().map(|value| text(value).unwrap_or_default()).collect())
            .collect();
        // An implicit lock is written down by the thread that meets it; a table lock is its
        // transaction's own.
        let mut owners: BTreeMap<&str, usize> = BTreeMap::new();
        for row in rows.iter().filter(|row| row[7] == "TABLE") {
            let actor = self.actors.iter().position(|actor| actor.thread_id == row[1]);
            owners.extend(actor.map(|actor| (&*row[0], actor)));
        }
        let tables = rows.iter().filter(|row| row[7] == "TABLE");
        let mut texts: Vec<String> = tables
            .filter_map(|row| Some(locks::of_table(*owners.get(&*row[0])?, &row[2], &row[4])))
            .collect();
        let mut waiting: BTreeMap<usize, BTreeSet<usize>> = BTreeMap::new();
        for row in rows.iter().filter(|row| row[7] == "RECORD") {
            let Some(session) = owners.get(&*row[0]).copied() else { continue };
            let waits = row[5] == "WAITING";
            if waits {
                waiting.entry(session).or_default();
            }
            let lock = Lock {
                session,
                table: &row[2],
                index: &row[3],
                mode: &locks::mode(&row[4]),
                record: &locks::record(&row[6]),
                waiting: waits,
            };
            texts.push(lock.text());
        }
        let texts = locks::sorted(texts);
        if !waiting.is_empty() {
            let edges = self.control.query(
                "select requesting_engine_transaction_id, blocking_engine_transaction_id from \
                 performance_schema.data_lock_waits",
            );
            for edge in &edges.rows {
                let ends: Vec<String> =
                    edge.iter().map(|value| text(value).unwrap_or_default()).collect();
                if let (Some(waiter), Some(blocker)) =
                    (owners.get(&*ends[0]), owners.get(&*ends[1]))
                {
                    waiting.entry(*waiter).or_default().insert(*blocker);
                }
            }
        }
        Look { waiting, locks: Some(texts) }
    }

    /// MariaDB tells who waits; for whom, only in tables that lag behind.
    fn look_at_status(&mut self) -> Look {
        let status = self.control.query("show engine innodb status");
        let text = status.rows.first().and_then(|row| row.get(2)).cloned().flatten();
        let text = String::from_utf8_lossy(&text.unwrap_or_default()).into_owned();
        let mut waiting = BTreeMap::new();
        for part in text.split("---TRANSACTION").skip(1) {
            let id = part.split("thread id ").nth(1).and_then(|rest| rest.split(',').next());
            let id: Option<u32> = id.and_then(|id| id.trim().parse().ok());
            let actor = self.actors.iter().position(|actor| Some(actor.id) == id);
            if let Some(actor) = actor.filter(|_| part.contains("LOCK WAIT")) {
                waiting.insert(actor, BTreeSet::new());
            }
        }
        Look { waiting, locks: None }
    }
}

impl Actor {
    fn start(
        number: usize,
        mut connection: Real,
        product: Product,
        answers: Sender<(usize, Answer)>,
    ) -> Actor {
        let id = connection.id();
        let thread_id = match product {
            Product::MySql => connection.query("select ps_current_thread_id()").to_string(),
            Product::MariaDb => String::new(),
        };
        let thread_id = thread_id.chars().filter(char::is_ascii_digit).collect();
        let (statements, inbox) = channel::<String>();
        let thread = std::thread::spawn(move || {
            for text in inbox {
                if answers.send((number, connection.query(&text))).is_err() {
                    return;
                }
            }
        });
        Actor { statements: Some(statements), thread: Some(thread), id, thread_id }
    }

    fn send(&self, text: &str) {
        if let Some(statements) = &self.statements {
            let _ = statements.send(text.to_string());
        }
    }
}

impl Drop for Actor {
    fn drop(&mut self) {
        self.statements = None;
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

fn has_cycle(waiting: &BTreeMap<usize, BTreeSet<usize>>) -> bool {
    waiting.keys().any(|start| {
        let mut seen = BTreeSet::new();
        let mut next: Vec<usize> = vec![*start];
        while let Some(session) = next.pop() {
            for blocker in waiting.get(&session).into_iter().flatten() {
                if blocker == start {
                    return true;
                }
                if seen.insert(*blocker) {
                    next.push(*blocker);
                }
            }
        }
        false
    })
}
