//! Doing a scenario's commands.
//!
//! The runner owns the cluster and drives it: a statement is started in its session, and the world
//! runs until every statement is done or blocked. What resumes later is told at the end of the
//! block. Faults that wait for a moment watch the history, and strike as the event happens.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::error::Error;
use std::fmt::Write;
use std::rc::Rc;
use std::time::Duration;

use goldenscript::{Block, Command, Context};
use sim::mysqld::{before_commit, lock_wait};
use sim::order::Order;
use sim::order::explore::Explorer;
use sim::wait::{Token, TokenState};
use sim::world::{self, Goal, Stop};

use super::action::{Action, ClusterOptions, Queue};
use super::armed::Waiting as WaitingFaults;
use super::client::{self, Client};
use super::fault::Fault;
use super::inject::Hand;
use super::interleave;
use super::judge::Shared;
use super::moment::Moment;
use super::planted::Planted;
use super::result;
use super::steps::Extra;
use super::{Options, Part, Residue, Story, Verdict};
use crate::cluster::{self, Cluster};
use crate::history::{self, Answer, Event};
use crate::report::vtctl_table::vtctl_table;
use crate::rpc::{Vtctl, VtctlOutput};
use crate::vtgate::Edition;
use crate::vttablet;

/// See the [module](self).
pub struct Runner {
    options: Options,
    head: Head,
    cluster: Option<Cluster>,
    pub(super) watch: Shared,
    armed: WaitingFaults,
    hand: Option<Hand>,
    extra: Extra,
    sessions: BTreeMap<String, Session>,
    /// Where the trace of the last statement begins.
    mark: usize,
    pub verdict: Verdict,
    /// Violations that the scenario has declared.
    declared: Vec<String>,
    /// What the scenario says of mutants.
    pub planted: Vec<Planted>,
    /// The residue that `verify` found.
    pub left: Residue,
    /// What a mutant or a seed leaves out of the output.
    judged_only: bool,
    /// A search needs no more of this run.
    pub is_pruned: bool,
}

/// What is said before the cluster starts.
#[derive(Default)]
struct Head {
    cluster: Option<ClusterOptions>,
    keyspaces: Vec<cluster::Keyspace>,
    servers: Vec<(String, String, Option<sim::mysql::gtid::ServerUuid>, u64)>,
    vschemas: Vec<(String, crate::vschema::KeyspaceSource)>,
    schemas: Vec<(String, String)>,
    tape: sim::decide::Tape,
}

struct Session {
    client: Client,
    pending: Option<Pending>,
}

impl Session {
    /// Says whether everything that was asked is answered.
    fn has_answers(&self) -> Rc<dyn Fn() -> bool> {
        let pending = self.pending.as_ref().map(|pending| pending.answer.clone());
        let is_sending = self.client.is_sending();
        Rc::new(move || {
            pending.as_ref().is_none_or(|answer| answer.said().is_some()) && !is_sending()
        })
    }
}

/// A statement of a session, or an operator's command, that is under way.
struct Pending {
    token: Token,
    sql: String,
    began: u64,
    told: bool,
    answer: Waiting,
}

/// Where the answer will be.
#[derive(Clone)]
enum Waiting {
    Sql(client::Answered),
    Vtctl(Operator),
}

type Operator = Rc<RefCell<Option<Result<VtctlOutput, String>>>>;

impl Waiting {
    fn said(&self) -> Option<Said> {
        match self {
            Waiting::Sql(cell) => cell.borrow().clone().map(Said::Sql),
            Waiting::Vtctl(cell) => cell.borrow().clone().map(Said::Vtctl),
        }
    }
}

/// What came back: a session's answer, or an operator's.
#[derive(Clone)]
enum Said {
    Sql(Answer),
    Vtctl(Result<VtctlOutput, String>),
}

impl Runner {
    pub fn new(options: Options, extra: Extra) -> Runner {
        let judged_only =
            options.judge_only || options.seed.is_some() || !options.mutants.is_empty();
        Runner {
            options,
            head: Head::default(),
            cluster: None,
            watch: Rc::default(),
            armed: WaitingFaults::default(),
            hand: None,
            extra,
            sessions: BTreeMap::new(),
            mark: 0,
            verdict: Verdict::Held,
            declared: Vec::new(),
            planted: Vec::new(),
            left: Residue::new(),
            judged_only,
            is_pruned: false,
        }
    }

    /// What sessions were told of statements that they sent, since this was last asked.
    pub(super) fn told(&self) -> Vec<(String, Rc<str>, Answer)> {
        let of = |(name, session): (&String, &Session)| {
            let answers = session.client.take_answers().into_iter();
            answers.map(|(sql, answer)| (name.clone(), sql, answer)).collect::<Vec<_>>()
        };
        self.sessions.iter().flat_map(of).collect()
    }

    pub fn cluster(&self) -> Option<&Cluster> {
        self.cluster.as_ref()
    }

    /// What comes behind the scenario's own commands. As in a scenario under a seed, one that finds
    /// nothing to do does nothing.
    pub fn end(&mut self) {
        // What the end does is not the scenario's: its steps are neither counted nor struck.
        if self.extra.counter.is_some() {
            sim::step::observe(None);
        }
        for action in std::mem::take(&mut self.extra.end) {
            if self.verdict == Verdict::Held {
                let _ = self.act(&action);
            }
        }
    }

    /// The last look: everything healed and at rest, every fault used, nothing undeclared.
    pub fn finish(&mut self) -> Result<(), String> {
        if self.cluster.is_some() {
            let unused = self.armed.unused();
            if !unused.is_empty() && !self.judged_only {
                return Err(unused.join("; "));
            }
            self.check()?;
            self.watch.borrow_mut().at_end();
        }
        let violations = self.watch.borrow().undeclared(&self.declared);
        let absent = self.watch.borrow().absent(&self.declared);
        if self.verdict == Verdict::Held && !violations.is_empty() {
            self.verdict = Verdict::Violated(violations);
        } else if self.verdict == Verdict::Held && !absent.is_empty() && !self.judged_only {
            let text = format!("declared and absent: violated {}", absent.join(", "));
            let (departure, rows) = (None, Vec::new());
            self.verdict =
                Verdict::Violated(vec![Story { invariant: "declared", departure, rows, text }]);
        }
        if let Some(cluster) = &self.cluster {
            let panics = cluster.world.panics();
            if !panics.is_empty() {
                self.verdict = Verdict::Panicked(panics);
            }
        }
        Ok(())
    }

    // ------------------------------------------------------------ the cluster

    pub(super) fn ready(&mut self) -> Result<&mut Cluster, String> {
        if self.cluster.is_none() {
            self.build()?;
        }
        self.cluster.as_mut().ok_or_else(|| "there is no cluster".to_owned())
    }

    fn build(&mut self) -> Result<(), String> {
        let head = std::mem::take(&mut self.head);
        let Some(flags) = head.cluster else {
            return Err("the scenario has no `cluster` command".to_owned());
        };
        let mut tape = self.options.tape.clone();
        tape.extend(&head.tape);
        let (has_tape, has_waits) = (!tape.is_empty(), tape.has_waits());
        let policy = match self.options.seed {
            Some(seed) => sim::decide::Policy::Random(seed),
            None => sim::decide::Policy::Calm,
        };
        let mut world =
            world::Options { host: self.options.host, policy, tape, ..Default::default() };
        if let Some(start) = flags.start {
            world.epoch = start;
        }
        let mut tablet = vttablet::Options::default();
        tablet.vreplication.v6 = flags.edition == Edition::V6;
        if let Some(size) = flags.packet_size {
            tablet.vreplication.packet_size = size;
        }
        if let Some(timeout) = flags.transaction_timeout {
            tablet.transaction_timeout = timeout;
        }
        tablet.query_timeout = flags.query_timeout.unwrap_or(tablet.query_timeout);
        tablet.tx_pool_size = flags.tx_pool_size.unwrap_or(tablet.tx_pool_size);
        tablet.rows_max = flags.max_result_size.unwrap_or(tablet.rows_max);
        let options = cluster::Options {
            cells: flags.cells,
            edition: flags.edition,
            vtgates: flags.vtgates,
            buffer: flags.buffer,
            schema_change_signal: flags.schema_change_signal,
            tablet,
            durability: flags.durability,
            durability_policy: flags.durability_policy.unwrap_or_default(),
            first_stream: flags.first_stream.unwrap_or(1),
        };
        let watch = Rc::clone(&self.watch);
        let of_waits = Rc::clone(&self.watch);
        lock_wait::observe(Some(Box::new(move |began| {
            of_waits.borrow_mut().lock_wait_began(began);
        })));
        let (armed, explorer) = (self.armed.clone(), self.extra.explorer.clone());
        history::begin(Some(Box::new(move |event| {
            // The judge looks at each state that a commit makes, and holds answers against them.
            if let (Event::Commit { .. } | Event::Answered { .. }, Some(explorer)) =
                (event, &explorer)
            {
                explorer.seen();
            }
            watch.borrow_mut().observe(event);
            for fault in armed.observe(event) {
                watch.borrow_mut().observe(&Event::Fault(fault.into()));
            }
        })));
        let mut cluster = Cluster::new(world, options).map_err(|error| error.to_string())?;
        // The output shows messages, so the calm run keeps them.
        let is_shown = self.options.seed.is_none() && !self.options.judge_only;
        if self.options.record || is_shown {
            cluster.world.record();
        }
        for mut keyspace in head.keyspaces {
            keyspace.tablets = flags.tablets.clone();
            for (of, shard, uuid, executed) in &head.servers {
                if *of == keyspace.name {
                    keyspace.servers.insert(shard.clone(), (*uuid, *executed));
                }
            }
            cluster.add_keyspace(&keyspace).map_err(|error| error.to_string())?;
        }
        for (keyspace, vschema) in head.vschemas {
            cluster.set_vschema(&keyspace, vschema).map_err(|error| error.to_string())?;
        }
        for (keyspace, sql) in head.schemas {
            cluster.set_schema(&keyspace, &sql).map_err(|error| error.to_string())?;
        }
        if let Some(time) = flags.term_start {
            cluster.set_term_start(time);
        }
        self.watch.borrow_mut().begin(&cluster);
        if self.options.notes_locks {
            let (watch, tablets) = (Rc::clone(&self.watch), cluster.tablets.clone());
            before_commit::observe(Some(Rc::new(move |server, tag| {
                watch.borrow_mut().before_commit(&tablets, server, tag);
            })));
        }
        let hand = Hand::new(&cluster);
        self.armed.set_hand(hand.clone());
        self.armed.tell(self.extra.explorer.clone());
        self.hand = Some(hand);
        let stop = cluster.start();
        // Who is late to begin with is a matter of its own; here all have met. A tape says how late
        // messages were.
        let noise = if has_tape { super::WIDEST } else { self.options.noise };
        if self.options.seed.is_some() || has_tape {
            cluster.world.network(|network| network.noise = noise);
        }
        if let Some(order) = self.order(has_waits) {
            cluster.world.set_order(order);
        }
        self.cluster = Some(cluster);
        self.note_stop(stop);
        self.begin_extra()
    }

    /// The order of events, where it is not that of their times alone.
    fn order(&self, has_waits: bool) -> Option<Order> {
        let explored = self.extra.explorer.clone().map(Order::Explore);
        let by_priorities = self.options.priorities.clone().map(Order::Pct);
        explored.or(by_priorities).or(has_waits.then_some(Order::Time))
    }

    /// The cluster stands: what goes otherwise begins to wait, and steps are counted.
    fn begin_extra(&mut self) -> Result<(), String> {
        if self.extra.counter.is_some() {
            self.observe_steps();
        }
        let deviations = std::mem::take(&mut self.extra.deviations);
        deviations.iter().try_for_each(|action| self.act(action).map(|_| ()))
    }

    fn observe_steps(&self) {
        let (armed, watch) = (self.armed.clone(), Rc::clone(&self.watch));
        let counter = self.extra.counter.clone();
        sim::step::observe(Some(Box::new(move |program, step| {
            if let Some(counter) = &counter {
                counter.observe(program, step);
            }
            for fault in armed.observe_step(program, step) {
                watch.borrow_mut().observe(&Event::Fault(fault.into()));
            }
        })));
    }

    fn note_stop(&mut self, stop: Stop) {
        if let Some(cluster) = &self.cluster {
            self.watch.borrow_mut().look(cluster);
        }
        if self.verdict != Verdict::Held {
            return;
        }
        match stop {
            Stop::Goal => {}
            Stop::Pruned => self.is_pruned = true,
            Stop::Stuck(who) => self.verdict = Verdict::Stuck(who),
            Stop::Limit(why) => self.verdict = Verdict::Stuck(vec![why]),
        }
    }

    pub(super) fn run_until(&mut self, goal: Goal) -> Result<(), String> {
        let stop = self.ready()?.world.run(goal);
        self.note_stop(stop);
        Ok(())
    }

    // ------------------------------------------------------------ sessions

    fn session(&mut self, name: &str) -> Result<&mut Session, String> {
        if !self.sessions.contains_key(name) {
            self.open(name, 1, None)?;
        }
        self.sessions.get_mut(name).ok_or_else(|| format!("no session {name}"))
    }

    fn open(&mut self, name: &str, vtgate: usize, target: Option<String>) -> Result<(), String> {
        if name.contains(history::NTH) {
            return Err(format!("{name} is the name of a connection, not of a session"));
        }
        let cluster = self.ready()?;
        let gate = vtgate.checked_sub(1).and_then(|at| cluster.vtgates.get(at)).copied();
        let gate = gate.ok_or_else(|| format!("there is no vtgate-{vtgate}"))?;
        let default = cluster.topo().keyspaces.keys().next_back().map(ToString::to_string);
        let host = format!("client-{name}");
        let machine = cluster.world.machine(&host);
        let client = cluster.world.client(machine, &host);
        let target = target.or(default).unwrap_or_default();
        let client = Client::new(name, client, gate, &target);
        if let Some(hand) = &self.hand {
            hand.clients.borrow_mut().insert(name.to_owned(), client.clone());
        }
        self.sessions.insert(name.to_owned(), Session { client, pending: None });
        Ok(())
    }

    fn statement(&mut self, name: &str, sql: &str) -> Result<String, String> {
        self.mark = self.ready()?.world.trace().lines().len();
        self.session(name)?;
        let (Some(cluster), Some(session)) = (&mut self.cluster, self.sessions.get(name)) else {
            return Err(format!("no session {name}"));
        };
        if session.pending.is_some() || session.client.is_sending()() {
            return Err(format!("session {name} is still busy with its last statement"));
        }
        let began = cluster.world.now();
        let (token, answer) = session.client.ask(sql);
        let answer = Waiting::Sql(answer);
        let pending = Pending { token, sql: sql.to_owned(), began, told: false, answer };
        self.session(name)?.pending = Some(pending);
        self.run_until(Goal::Declared)?;
        Ok(self.tell(name))
    }

    /// Asks something, and lets nothing happen.
    pub(super) fn ask(&mut self, name: &str, sql: &str) -> Result<client::Answered, String> {
        self.session(name).map(|session| session.client.ask(sql).1)
    }

    /// Lets so much time pass.
    pub(super) fn pass(&mut self, duration: Duration) -> Result<(), String> {
        let stop = self.ready()?.world.advance(duration);
        self.note_stop(stop);
        Ok(())
    }

    /// Sends a statement, and lets nothing happen: the next command that takes time does.
    fn send(&mut self, name: &str, sql: &str) -> Result<String, String> {
        if name == "vtctl" {
            return self.begin_vtctl(sql).map(|()| String::new());
        }
        self.session(name)?;
        let session = self.sessions.get(name).ok_or_else(|| format!("no session {name}"))?;
        session.client.send(sql);
        Ok(String::new())
    }

    fn vtctl(&mut self, line: &str) -> Result<String, String> {
        self.begin_vtctl(line)?;
        self.run_until(Goal::Declared)?;
        Ok(self.tell("vtctl"))
    }

    /// All at once; a search picks the order from here to where all are answered or blocked.
    fn concurrently(&mut self, queues: &[Queue]) -> Result<String, String> {
        for Queue { session, statements } in queues {
            for statement in statements {
                self.send(session, statement)?;
            }
        }
        let apart = interleave::apart(self.ready()?, queues);
        let explorer = self.extra.explorer.clone();
        explorer.iter().for_each(|explorer| explorer.begin(apart.clone()));
        let ran = self.run_until(Goal::Declared);
        explorer.iter().for_each(Explorer::end);
        ran.map(|()| String::new())
    }

    fn begin_vtctl(&mut self, line: &str) -> Result<(), String> {
        let (command, grep) = super::shell::command(line, &self.options.folder)?;
        if !self.sessions.contains_key("vtctl") {
            self.open("vtctl", 1, None)?;
        }
        if self.session("vtctl")?.pending.is_some() {
            return Err("vtctl is still busy with its last command".to_owned());
        }
        self.mark = self.ready()?.world.trace().lines().len();
        let answer: Operator = Rc::default();
        let cell = Rc::clone(&answer);
        let client = self.session("vtctl")?.client.program;
        let cluster = self.ready()?;
        let vtctld = cluster.vtctld;
        let token = cluster.world.token(&format!("vtctl: {line}"));
        let began = cluster.world.now();
        cluster.world.spawn(client, Some(token), "vtctl", move |process| {
            Box::pin(async move {
                // vtctldclient's --action_timeout.
                let timeout = Duration::from_secs(3600);
                let name = command.first().map(|name| Rc::from(name.as_str()));
                let reply = process.call(vtctld, Vtctl { args: command }).within(timeout).await;
                let said = reply.unwrap_or_else(|error| Err(error.to_string()));
                if let (Ok(_), Some(command)) = (&said, name) {
                    history::emit(Event::Commanded { command });
                }
                *cell.borrow_mut() = Some(match (said, grep) {
                    (Ok(VtctlOutput::Text(text)), Some(word)) => {
                        let lines: Vec<&str> =
                            text.lines().filter(|line| line.contains(&word)).collect();
                        Ok(VtctlOutput::Text(lines.join("\n")))
                    }
                    (other, _) => other,
                });
            })
        });
        let answer = Waiting::Vtctl(answer);
        let pending = Pending { token, sql: line.to_owned(), began, told: false, answer };
        self.session("vtctl")?.pending = Some(pending);
        Ok(())
    }

    /// What there is to say of a session's statement: its answer, or that it is blocked.
    fn tell(&mut self, name: &str) -> String {
        let v6 = self.cluster.as_ref().is_some_and(|c| c.options.edition == Edition::V6);
        let now = self.cluster.as_ref().map_or(0, |cluster| cluster.world.now());
        let Some(session) = self.sessions.get_mut(name) else { return String::new() };
        let Some(pending) = &mut session.pending else { return String::new() };
        let said = pending.answer.said();
        match said {
            Some(said) => {
                let elapsed = Duration::from_nanos(now - pending.began);
                let text = match &said {
                    Said::Sql(answer) => result::print(&pending.sql, answer, v6.then_some(elapsed)),
                    Said::Vtctl(Ok(VtctlOutput::Text(text))) if text.is_empty() => String::new(),
                    Said::Vtctl(Ok(VtctlOutput::Text(text))) => format!("{text}\n"),
                    Said::Vtctl(Ok(VtctlOutput::Table { columns, rows })) => {
                        let names: Vec<&str> = columns.iter().map(String::as_str).collect();
                        vtctl_table(&names, rows)
                    }
                    Said::Vtctl(Err(error)) => format!("E: {error}\n"),
                };
                session.pending = None;
                text
            }
            None if pending.told => String::new(),
            None => {
                pending.told = true;
                let token = pending.token;
                let state = self.cluster.as_ref().map(|c| c.world.token_state(token));
                match state {
                    Some(TokenState::Blocked(waits)) => {
                        format!("(blocked: waits for {})\n", waits.join(" and "))
                    }
                    _ => "(under way)\n".to_owned(),
                }
            }
        }
    }

    /// Statements that have ended since, each with its session.
    fn tell_resumed(&mut self) -> String {
        let names: Vec<String> = self
            .sessions
            .iter()
            .filter(|(_, session)| {
                session.pending.as_ref().is_some_and(|p| p.answer.said().is_some())
            })
            .map(|(name, _)| name.clone())
            .collect();
        let mut text = String::new();
        for name in names {
            for line in self.tell(&name).lines() {
                let _ = writeln!(text, "[{name}] {line}");
            }
        }
        for (name, session) in &self.sessions {
            for (sql, answer) in session.client.take_answers() {
                let _ = writeln!(text, "[{name}] > {sql}");
                for line in result::print(&sql, &answer, None).lines() {
                    let _ = writeln!(text, "[{name}] {line}");
                }
            }
        }
        text
    }

    // ------------------------------------------------------------ time

    fn settle(&mut self) -> Result<String, String> {
        let cluster = self.ready()?;
        let at_rest = cluster.at_rest();
        let asked: Vec<Rc<dyn Fn() -> bool>> =
            self.sessions.values().map(|session| session.has_answers()).collect();
        // With something gone wrong there may be no rest before `recover`.
        let end = match self.extra.end.is_empty() {
            true => None,
            false => Some(sim::world::now().saturating_add(RESTLESS.as_nanos() as u64)),
        };
        let all = move || {
            asked.iter().all(|answered| answered()) && at_rest()
                || end.is_some_and(|end| end <= sim::world::now())
        };
        self.run_until(Goal::When(Rc::new(all)))?;
        Ok(String::new())
    }

    fn until(&mut self, workflow: &str, state: &str, within: Duration) -> Result<String, String> {
        let cluster = self.ready()?;
        let states = cluster.stream_states();
        let (wanted, name) = (state.to_owned(), workflow.to_owned());
        let reached = move || {
            let all = states(&name);
            !all.is_empty() && all.iter().all(|state| *state == wanted)
        };
        let end = cluster.world.now() + within.as_nanos() as u64;
        // Looked at every 10 ms: a stream's state is a row that a commit has written.
        while !reached() {
            if end <= self.ready()?.world.now() {
                return Err(format!("no stream of {workflow} was {state} within {within:?}"));
            }
            let stop = self.ready()?.world.advance(Duration::from_millis(10));
            self.note_stop(stop);
            if self.verdict != Verdict::Held {
                break;
            }
        }
        Ok(String::new())
    }

    // ------------------------------------------------------------ faults

    pub(super) fn hand(&self) -> Option<Hand> {
        self.hand.clone()
    }

    fn fault(&mut self, fault: &Fault) -> Result<String, String> {
        self.ready()?;
        let Some(hand) = self.hand.clone() else { return Err("there is no cluster".to_owned()) };
        history::emit(Event::Fault(fault.to_string().into()));
        let asks = fault.asks();
        let token = asks.then(|| sim::world::fault::token(&fault.to_string()));
        hand.strike(fault, token)?;
        // What it asks somebody for takes its time; who stands still may never answer.
        match token {
            Some(token) => self.run_until(at_rest(token, Some(ASKED))).map(|()| String::new()),
            None => Ok(String::new()),
        }
    }

    fn arm(&mut self, moment: &Moment, fault: &Fault) -> Result<String, String> {
        self.ready()?;
        self.armed.arm(moment.clone(), fault.clone());
        if moment.waits_for_steps() {
            self.observe_steps();
        }
        Ok(String::new())
    }

    // ------------------------------------------------------------ judging and showing

    fn check(&mut self) -> Result<String, String> {
        let cluster = self.cluster.as_ref().ok_or("there is no cluster")?;
        Ok(self.watch.borrow_mut().check(cluster))
    }

    fn expect_rows(&mut self, query: &str, rows: usize) -> Result<String, String> {
        let text = self.statement("expect", query)?;
        if self.judged_only {
            return Ok(String::new());
        }
        let found = match text.lines().last().and_then(|line| line.split(' ').next()) {
            Some("Empty") => 0,
            Some(number) => number.parse().unwrap_or(usize::MAX),
            None => usize::MAX,
        };
        match found == rows {
            true => Ok(String::new()),
            false => Err(format!("expected {rows} rows, found:\n{text}")),
        }
    }

    fn expect_dangling(&mut self, count: usize) -> Result<String, String> {
        self.check()?;
        let found = self.watch.borrow().dangling();
        match found == count || self.judged_only {
            true => Ok(String::new()),
            false => Err(format!("expected {count} dangling lookup rows, found {found}")),
        }
    }

    /// The messages of the last statement between vtgates and tablets.
    fn trace(&mut self) -> Result<String, String> {
        let mark = self.mark;
        let cluster = self.ready()?;
        let mut text = String::new();
        for line in &cluster.world.trace().lines()[mark..] {
            if let Some(message) = super::show::message(&line.text) {
                let _ = writeln!(text, "{message}");
            }
        }
        Ok(text)
    }

    fn dump(&mut self, table: &str) -> Result<String, String> {
        let cluster = self.ready()?;
        super::show::dump(cluster, table)
    }

    fn locks(&mut self) -> Result<String, String> {
        self.ready()?;
        match (&self.cluster, &self.hand) {
            (Some(cluster), Some(hand)) => Ok(super::locks::describe(cluster, hand)),
            _ => Err("there is no cluster".to_owned()),
        }
    }

    /// Does a part of a scenario of which nothing is printed. A step may find what it names gone;
    /// the judge goes on looking.
    pub(super) fn follow(&mut self, part: &Part) {
        match part {
            Part::Action(action) => {
                let _ = self.act(action);
            }
            Part::BlockEnd => {
                let _ = self.tell_resumed();
            }
        }
    }

    pub(super) fn act(&mut self, action: &Action) -> Result<String, String> {
        match action {
            Action::Cluster(options) => {
                self.head.cluster = Some(options.clone());
                Ok(String::new())
            }
            Action::Keyspace { name, shards, uid } => {
                let last = self.head.keyspaces.last();
                let next = last.map_or(300, |k| k.uid + 100 * k.shards.len() as u32);
                self.head.keyspaces.push(cluster::Keyspace {
                    name: name.clone(),
                    shards: shards.clone(),
                    tablets: Vec::new(),
                    uid: uid.unwrap_or(next),
                    servers: BTreeMap::new(),
                });
                Ok(String::new())
            }
            Action::Server { keyspace, shard, uuid, executed } => {
                let server = (keyspace.clone(), shard.clone(), *uuid, *executed);
                self.head.servers.push(server);
                Ok(String::new())
            }
            Action::VSchema { keyspace, vschema } => {
                self.head.vschemas.push((keyspace.clone(), (**vschema).clone()));
                Ok(String::new())
            }
            Action::Schema { keyspace, sql } => {
                self.head.schemas.push((keyspace.clone(), sql.clone()));
                Ok(String::new())
            }
            Action::Decide(tape) => {
                self.head.tape.extend(tape);
                Ok(String::new())
            }
            Action::Session { name, vtgate, target } => {
                self.open(name, *vtgate, target.clone()).map(|()| String::new())
            }
            Action::Statement { session, sql } => self.statement(session, sql),
            Action::Send { session, sql } => self.send(session, sql),
            Action::Concurrently(queues) => self.concurrently(queues),
            Action::Wait => self.run_until(Goal::Declared).map(|()| String::new()),
            Action::Vtctl { line } => self.vtctl(line),
            Action::Advance(duration) => self.pass(*duration).map(|()| String::new()),
            Action::Settle => self.settle(),
            Action::UntilStreams { workflow, state, within } => {
                self.until(workflow, state, *within)
            }
            Action::Fault(fault) => self.fault(fault),
            Action::Recover => self.recover(),
            Action::At { moment, fault } => self.arm(moment, fault),
            Action::Check => self.check(),
            // With something gone wrong, what `recover` heals must have come first: see the end.
            Action::Verify if !self.extra.end.is_empty() => Ok(String::new()),
            Action::Verify => self.verify(),
            Action::ExpectRows { query, rows } => self.expect_rows(query, *rows),
            Action::ExpectDangling(count) => self.expect_dangling(*count),
            Action::ExpectViolated(invariant) => {
                self.declared.push(invariant.clone());
                Ok(String::new())
            }
            Action::Trace => self.trace(),
            Action::Dump { table } => self.dump(table),
            Action::Locks => self.locks(),
            Action::Mutant(planted) => {
                self.planted.push(*planted);
                Ok(String::new())
            }
        }
    }
}

/// How long a scenario waits for rest where something goes otherwise than it says.
const RESTLESS: Duration = Duration::from_secs(60);

/// How long the runner waits for what a fault asks of somebody.
const ASKED: Duration = Duration::from_secs(5);

/// What one token is for is done or blocked, whatever else is under way; or so much time is over.
pub(super) fn at_rest(token: Token, within: Option<Duration>) -> Goal {
    let end = within.map(|within| sim::world::now().saturating_add(within.as_nanos() as u64));
    Goal::When(Rc::new(move || {
        sim::world::fault::is_at_rest(token) || end.is_some_and(|end| end <= sim::world::now())
    }))
}

impl goldenscript::Runner for Runner {
    type Command = Command;

    fn run(&mut self, command: &Command, context: &Context) -> Result<String, Box<dyn Error>> {
        let action =
            Action::read(command, context, &self.options.folder).map_err(|bad| bad.message)?;
        let result = self.act(&action);
        // Under a seed or a mutant a step may find what it names gone; the judge goes on looking.
        match result {
            Err(_) if self.judged_only => Ok(String::new()),
            other => Ok(other?),
        }
    }

    fn end_block(&mut self, _: &Block) -> Result<String, Box<dyn Error>> {
        Ok(self.tell_resumed())
    }
}
