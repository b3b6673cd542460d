//! Plays a case on the model, against what a real server made of it.
//!
//! The model is a function of the case and of a tape of choices: in which order the sessions that
//! one step has woken go on, and what [`Options::choose`] is asked. The tapes are searched depth
//! first, the default before all others, until one gives the record.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

use sim::mysql::execution::{Cancel, Execution, Step as Paused};
use sim::mysql::gtid::ServerUuid;
use sim::mysql::lock::queue::GrantOrder;
use sim::mysql::options::Options;
use sim::mysql::session::ConnectionId;

use super::generate::Case;
use super::locks::{self, Lock};
use super::record::{Act, Observed, Record, Step};
use crate::answer::{Answer, Connection, Count};
use crate::differences;
use crate::model::{Model, ModelServer, answer_of};
use crate::server::Product;

/// More tapes than this are not tried.
const TAPES_MAX: usize = 500;

/// Agrees, or tells what differs under the default tape.
pub fn compare(case: &Case, record: &Record, product: Product) -> Result<(), String> {
    let tape = Rc::new(RefCell::new(Tape::default()));
    let mut first = None;
    for _ in 0..TAPES_MAX {
        tape.borrow_mut().at = 0;
        let result = Play::new(case, tape.clone(), product).against(record);
        let Err(told) = result else { return Ok(()) };
        let depth = told.len();
        match &first {
            // The tape that comes furthest tells most.
            Some((best, _)) if depth <= *best => {}
            _ => first = Some((depth, told)),
        }
        if !tape.borrow_mut().advance() {
            break;
        }
    }
    Err(first.map_or_else(String::new, |(_, told)| told.join("\n")))
}

/// Choices made: which, of how many.
#[derive(Default)]
struct Tape {
    choices: Vec<(usize, usize)>,
    at: usize,
}

impl Tape {
    fn choose(&mut self, n: usize) -> usize {
        if n < 2 {
            return 0;
        }
        if self.at == self.choices.len() {
            self.choices.push((0, n));
        }
        self.at += 1;
        self.choices[self.at - 1].0
    }

    /// The next tape; false where there is none.
    fn advance(&mut self) -> bool {
        self.choices.truncate(self.at);
        while let Some((chosen, n)) = self.choices.pop() {
            if chosen + 1 < n {
                self.choices.push((chosen + 1, n));
                return true;
            }
        }
        false
    }
}

struct Play {
    server: ModelServer,
    product: Product,
    /// Sets up, and reads what is left at the end.
    control: Model,
    connections: Vec<ConnectionId>,
    waiting: BTreeMap<usize, (Execution, String)>,
    tape: Rc<RefCell<Tape>>,
    told: Vec<String>,
}

impl Play {
    fn new(case: &Case, tape: Rc<RefCell<Tape>>, product: Product) -> Play {
        let mut options = Options::new(ServerUuid([1; 16]), 1);
        if product == Product::MariaDb {
            options.grant_order = GrantOrder::Fifo;
        }
        let chooser = tape.clone();
        options.choose = Some(Box::new(move |_, n| chooser.borrow_mut().choose(n)));
        let server = ModelServer::with(options);
        let control = server.connect(Count::Matched);
        let mut play = Play {
            server,
            product,
            control,
            connections: Vec::new(),
            waiting: BTreeMap::new(),
            tape,
            told: Vec::new(),
        };
        for text in ["create database differ", "use differ"] {
            play.control.query(text);
        }
        for text in &case.setup {
            play.control.query(text);
        }
        for isolation in &case.isolations {
            let mut session = play.server.connect(Count::Matched);
            session.query("use differ");
            session.query(&format!("set session transaction isolation level {isolation}"));
            play.connections.push(session.id);
        }
        play
    }

    fn against(mut self, record: &Record) -> Result<(), Vec<String>> {
        for (step, real) in &record.steps {
            if real.skipped {
                continue;
            }
            let model = self.act(step);
            self.told.push(format!("{step}   -> {}", real.describe(step.session)));
            let differs = self.differs(step, real, &model);
            if !differs.is_empty() {
                self.told.extend(differs);
                return Err(self.told);
            }
        }
        let texts = super::generate::contents();
        let contents: Vec<String> =
            texts.iter().map(|text| self.control.query(text).to_string()).collect();
        if contents != record.contents {
            self.told.push(format!("contents: real  {:?}", record.contents));
            self.told.push(format!("          model {contents:?}"));
            return Err(self.told);
        }
        let complaint = self.server.0.borrow().check_tables().into_iter().next();
        if let Some(complaint) = complaint {
            self.told.push(format!("the model's own check: {complaint}"));
            return Err(self.told);
        }
        Ok(())
    }

    fn differs(&self, step: &Step, real: &Observed, model: &Observed) -> Vec<String> {
        let mut told = Vec::new();
        let blocked = |observed: &Observed| observed.waiting.keys().copied().collect::<Vec<_>>();
        if real.answers != model.answers || blocked(real) != blocked(model) {
            told.push(format!("    model: {}", model.describe(step.session)));
        } else if real.locks.is_some() {
            // Who waits for a definition waits for nobody by name.
            let rows = model.waiting.iter().filter(|(waiter, _)| !real.waiting[waiter].is_empty());
            for (waiter, blockers) in rows {
                if blockers.is_empty() || !blockers.is_subset(&real.waiting[waiter]) {
                    told.push(format!("    model: {}", model.describe(step.session)));
                }
            }
        }
        if let (Some(real), Some(model)) = (&real.locks, &model.locks)
            && *real != *model
        {
            // An ALTER that copies holds all rows shared while it waits, as nobody can notice.
            let copying: Vec<String> = self
                .waiting
                .iter()
                .filter(|(_, (_, text))| text.starts_with("alter table"))
                .map(|(session, _)| format!("S{} ", session + 1))
                .collect();
            let is_copied = |lock: &&String| copying.iter().any(|own| lock.starts_with(own));
            for lock in missing(real, model).into_iter().filter(|lock| !is_copied(lock)) {
                told.push(format!("    real only:  {lock}"));
            }
            for lock in missing(model, real) {
                told.push(format!("    model only: {lock}"));
            }
        }
        told
    }

    fn act(&mut self, step: &Step) -> Observed {
        let mut answers = BTreeMap::new();
        match &step.act {
            Act::Run(text) | Act::RunOut(text) => {
                let connection = self.connections[step.session];
                let execution = self.server.0.borrow_mut().start_text(
                    connection,
                    text,
                    jiff::Timestamp::UNIX_EPOCH,
                );
                self.step(step.session, execution, text, &mut answers);
                self.wake(&mut answers);
                if matches!(step.act, Act::RunOut(_)) {
                    self.cancel(step.session, Cancel::Timeout, &mut answers);
                }
            }
            Act::Kill => self.cancel(step.session, Cancel::Killed, &mut answers),
        }
        let waits = self.server.0.borrow().waits();
        let waiting = self.waiting.keys().map(|session| {
            let connection = self.connections[*session];
            let holders = waits.iter().filter(|(waiter, _)| *waiter == connection);
            let holders: BTreeSet<usize> = holders
                .flat_map(|(_, wait)| &wait.holders)
                .filter_map(|holder| self.session_of(*holder))
                .collect();
            (*session, holders)
        });
        let waiting = waiting.collect();
        Observed { skipped: false, answers, waiting, locks: Some(self.locks()) }
    }

    fn cancel(&mut self, session: usize, reason: Cancel, answers: &mut BTreeMap<usize, String>) {
        let Some((execution, text)) = self.waiting.remove(&session) else { return };
        let result = self.server.0.borrow_mut().cancel(execution, reason);
        let answer = answer_of(result, Count::Matched);
        answers.insert(session, self.shown(&text, &answer));
        self.wake(answers);
    }

    /// Lets everybody go on whose wait has ended, one at a time, in any order.
    fn wake(&mut self, answers: &mut BTreeMap<usize, String>) {
        let mut ready: Vec<usize> = Vec::new();
        loop {
            let granted = self.server.0.borrow_mut().take_granted();
            for connection in granted {
                let session = self.session_of(connection);
                ready.extend(session.filter(|session| !ready.contains(session)));
            }
            ready.retain(|session| self.waiting.contains_key(session));
            if ready.is_empty() {
                return;
            }
            let chosen = self.tape.borrow_mut().choose(ready.len());
            let session = ready.remove(chosen);
            let Some((execution, text)) = self.waiting.remove(&session) else { continue };
            self.step(session, execution, &text, answers);
        }
    }

    fn step(
        &mut self,
        session: usize,
        mut execution: Execution,
        text: &str,
        answers: &mut BTreeMap<usize, String>,
    ) {
        loop {
            let paused = self.server.0.borrow_mut().step(&mut execution);
            match paused {
                Paused::Sync(_) => {}
                Paused::Wait(_) => {
                    self.waiting.insert(session, (execution, text.to_string()));
                    return;
                }
                Paused::Done(result) => {
                    let answer = answer_of(result, Count::Matched);
                    answers.insert(session, self.shown(text, &answer));
                    return;
                }
            }
        }
    }

    fn shown(&self, text: &str, answer: &Answer) -> String {
        differences::shown(self.product, text, answer)
    }

    fn session_of(&self, connection: ConnectionId) -> Option<usize> {
        self.connections.iter().position(|own| *own == connection)
    }

    fn locks(&self) -> Vec<String> {
        let report = self.server.0.borrow().lock_report();
        let text = |row: &sim::mysql::server::LockRow| {
            let lock = Lock {
                session: self.session_of(row.connection)?,
                table: &row.table,
                index: &row.index,
                mode: &row.mode,
                record: &row.record,
                waiting: row.waiting,
            };
            Some(lock.text())
        };
        let mut locks: Vec<String> = report.iter().filter_map(text).collect();
        for (connection, table, mode) in self.server.0.borrow().intention_report() {
            let session = self.session_of(connection);
            locks.extend(session.map(|session| locks::of_table(session, &table, mode)));
        }
        locks::sorted(locks)
    }
}

/// What of `these` is not among `those`, counted.
fn missing<'a>(these: &'a [String], those: &[String]) -> Vec<&'a String> {
    let mut left: Vec<&String> = those.iter().collect();
    let mut missing = Vec::new();
    for item in these {
        match left.iter().position(|other| *other == item) {
            Some(at) => {
                left.remove(at);
            }
            None => missing.push(item),
        }
    }
    missing
}
