//! Machines, programs and processes; the ready list, the event heap, the run loop.
//!
//! The World owns order and time; a [host](crate::host) only polls. There is one World a thread,
//! and handles into it are plain numbers, so that a process borrows nothing:
//!
//! ```text
//!   World ── machines ── programs ── processes (futures)
//!     │          │           └ services: what a call reaches
//!     │          └ clock, disk
//!     ├ ready list     processes to poll, in the order of their wakes
//!     ├ event heap     (time, seq): deliveries, timers
//!     ├ network        the fate of each message
//!     ├ decider        every choice
//!     └ trace          every event
//! ```
//!
//! The loop: poll whatever is ready; when nothing is, ask whether the goal is reached; if not,
//! take the next event, which moves the clock. Idle time costs nothing.
//!
//! Two states never overlap: user code (a poll, a drop, a wake) runs only while the core is not
//! borrowed, because it may come back into it.
//!
//! It knows nothing of what the processes do.

pub mod fault;
mod line;

use std::any::{Any, TypeId};
use std::cell::RefCell;
use std::cmp::Ordering;
use std::collections::{BTreeMap, BinaryHeap, VecDeque};
use std::fmt;
use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering as Memory};
use std::task::{Context, Poll, Wake, Waker};
use std::time::Duration;

use jiff::Timestamp;

use crate::call::{CallError, CallRef, CallSlot, Incoming, Message, ServiceFactory};
use crate::clock::{self, Clock, Nanos, nanos};
use crate::decide::{Choice, Decider, Policy, Tape};
use crate::disk::{Disk, DiskState};
use crate::host::{Host, HostKind};
use crate::network::{Fate, Leg, Network};
use crate::order::{self, Candidate, Counted, Line, Open, Order};
use crate::seed;
use crate::trace::{Milliseconds, Trace};
use crate::wait::{TimerSlot, Token, TokenCore};

/// A machine: a host with its own clock and disk.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Machine(pub(crate) u32);

/// A program on a machine: what crashes and restarts as one, and what a call is sent to.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Program(pub(crate) u32);

/// A process of a program; the handle that its code gets to act in the World.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Process {
    pub(crate) pid: u32,
    pub(crate) program: Program,
}

/// What a run may spend.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Virtual time of one `run`.
    pub time: Duration,
    /// Events of one `run`.
    pub steps: u64,
    /// Polls between two events: a process that yields for ever stops time.
    pub polls: u64,
}

impl Default for Limits {
    fn default() -> Limits {
        Limits { time: Duration::from_secs(24 * 3600), steps: 50_000_000, polls: 1_000_000 }
    }
}

/// How a World is made.
#[derive(Clone, Debug)]
pub struct Options {
    pub host: HostKind,
    pub policy: Policy,
    pub tape: Tape,
    pub epoch: Timestamp,
    pub limits: Limits,
}

impl Default for Options {
    fn default() -> Options {
        Options {
            host: HostKind::default(),
            policy: Policy::Calm,
            tape: Tape::default(),
            epoch: clock::default_epoch(),
            limits: Limits::default(),
        }
    }
}

/// When a run has reached what it was for; asked only when no process is ready.
#[derive(Clone)]
pub enum Goal {
    /// A true time, in nanoseconds since the run began.
    Time(Nanos),
    /// Every foreground token is done or blocked in a declared wait.
    Declared,
    /// Whatever the caller says.
    When(Rc<dyn Fn() -> bool>),
}

/// Why a run stopped.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Stop {
    Goal,
    /// Nothing can move any more; who waits for what, a line each.
    Stuck(Vec<String>),
    /// A limit was reached; which, and who was last polled.
    Limit(String),
    /// A search has seen all that can follow.
    Pruned,
}

thread_local! {
    static CORE: RefCell<Option<Core>> = const { RefCell::new(None) };
    /// Apart from the core: a waker may be called while the core is borrowed.
    static READY: RefCell<VecDeque<u32>> = const { RefCell::new(VecDeque::new()) };
}

/// The state behind all handles.
pub(crate) struct Core {
    pub now: Nanos,
    epoch: Timestamp,
    seq: u64,
    heap: BinaryHeap<Entry>,
    /// Events that may wait for others, where somebody picks.
    line: Option<Line>,
    processes: Vec<ProcessSlot>,
    free_processes: Vec<u32>,
    machines: Vec<MachineCore>,
    programs: Vec<ProgramCore>,
    by_name: BTreeMap<String, Program>,
    pub calls: Vec<CallSlot>,
    pub free_calls: Vec<u32>,
    pub timers: Vec<TimerSlot>,
    pub free_timers: Vec<u32>,
    messages: Vec<Option<Message>>,
    free_messages: Vec<u32>,
    held: Vec<u32>,
    /// What callers of messages that were lost would be told, had the connection been reset.
    lost: Vec<Message>,
    pub tokens: Vec<TokenCore>,
    pub network: Network,
    pub decider: Decider,
    pub trace: Trace,
    limits: Limits,
    steps_left: u64,
    end: Nanos,
    polls: u64,
    last_polled: u32,
    goal: Goal,
    panics: Vec<String>,
    torn: Choice,
    ready: Choice,
}

/// Makes a program's main process, at every start.
type Boot = Rc<dyn Fn(Process) -> Pin<Box<dyn Future<Output = ()>>>>;

struct MachineCore {
    name: String,
    clock: Clock,
    disk: Disk,
    up: bool,
    paused: bool,
    /// Processes that wait for a silent disk.
    syncing: Vec<u32>,
}

struct ProgramCore {
    name: String,
    machine: Machine,
    boot: Boot,
    up: bool,
    paused: bool,
    /// Counts its lives: what an older life sent or was sent vanishes.
    life: u32,
    services: Vec<Service>,
    /// Processes that became ready while it was paused.
    parked: Vec<u32>,
    /// Processes that want to know when this life ends.
    watchers: Vec<u32>,
    /// The point that says how often others come before a sleep of its; named when first asked.
    waits: Option<Choice>,
}

struct Service {
    request: TypeId,
    idle: Vec<u32>,
    factory: ServiceFactory,
}

struct ProcessSlot {
    future: Option<Pin<Box<dyn Future<Output = ()>>>>,
    waker: Arc<ProcessWaker>,
    program: Program,
    name: Rc<str>,
    token: Option<Token>,
    alive: bool,
    /// The request that a worker serves.
    serving: Option<CallRef>,
    inbox: Option<Incoming>,
}

/// One a process, never reused: a stale wake of a dead process finds `queued` true and does
/// nothing.
struct ProcessWaker {
    pid: u32,
    queued: AtomicBool,
}

impl Wake for ProcessWaker {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        if !self.queued.swap(true, Memory::Relaxed) {
            // At the end of a thread the list may be gone already.
            let _ = READY.try_with(|ready| ready.borrow_mut().push_back(self.pid));
        }
    }
}

/// What the heap holds, ordered by (time, seq).
struct Entry {
    time: Nanos,
    seq: u64,
    what: What,
}

#[derive(Clone, Copy)]
pub(crate) enum What {
    Deliver(u32),
    Timer(u32),
    Deadline(u32),
    /// A supervisor starts a program again.
    Start(u32),
}

impl PartialEq for Entry {
    fn eq(&self, other: &Entry) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for Entry {}

impl PartialOrd for Entry {
    fn partial_cmp(&self, other: &Entry) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Entry {
    /// The earliest is the greatest: `BinaryHeap` pops the greatest.
    fn cmp(&self, other: &Entry) -> Ordering {
        (other.time, other.seq).cmp(&(self.time, self.seq))
    }
}

/// The kinds of traced events, as numbers of the digest.
#[derive(Clone, Copy)]
pub(crate) enum Kind {
    Send = 1,
    Deliver,
    Lost,
    Broken,
    Deadline,
    Down,
    Up,
    Pause,
    Resume,
    Panic,
    Note,
    Timer,
    Held,
}

/// Runs `f` on the core of this thread's World.
pub(crate) fn with<R>(f: impl FnOnce(&mut Core) -> R) -> R {
    CORE.with(|core| f(core.borrow_mut().as_mut().expect("a World is open on this thread")))
}

/// As [`with`], for a `Drop` that may run when the World or the thread is gone.
pub(crate) fn try_with<R>(f: impl FnOnce(&mut Core) -> R) -> Option<R> {
    CORE.try_with(|core| core.try_borrow_mut().ok()?.as_mut().map(f)).ok().flatten()
}

impl Core {
    fn new(options: &Options) -> Core {
        let mut decider = Decider::new(options.policy, options.tape.clone());
        let torn = decider.point("disk/torn");
        let ready = decider.point(order::READY);
        Core {
            now: 0,
            epoch: options.epoch,
            seq: 0,
            heap: BinaryHeap::new(),
            line: None,
            processes: Vec::new(),
            free_processes: Vec::new(),
            machines: Vec::new(),
            programs: Vec::new(),
            by_name: BTreeMap::new(),
            calls: Vec::new(),
            free_calls: Vec::new(),
            timers: Vec::new(),
            free_timers: Vec::new(),
            messages: Vec::new(),
            free_messages: Vec::new(),
            held: Vec::new(),
            lost: Vec::new(),
            tokens: Vec::new(),
            network: Network::new(),
            decider,
            trace: Trace::default(),
            limits: options.limits,
            steps_left: 0,
            end: 0,
            polls: 0,
            last_polled: 0,
            goal: Goal::Declared,
            panics: Vec::new(),
            torn,
            ready,
        }
    }

    // ------------------------------------------------------------ events

    fn push(&mut self, time: Nanos, what: What) {
        self.seq += 1;
        self.insert(Entry { time, seq: self.seq, what });
    }

    fn insert(&mut self, entry: Entry) {
        match self.line.is_some() && self.may_wait(entry.what) {
            true => self.stand_in_line(entry),
            false => self.heap.push(entry),
        }
    }

    pub fn push_timer(&mut self, time: Nanos, timer: u32) {
        self.push(time, What::Timer(timer));
    }

    pub fn push_deadline(&mut self, time: Nanos, call: u32) {
        self.push(time, What::Deadline(call));
    }

    pub fn wake(&mut self, pid: u32) {
        Wake::wake_by_ref(&self.processes[pid as usize].waker);
    }

    /// Hands a message to the network.
    pub fn send(&mut self, message: Message) {
        // A process that has just crashed its own program runs on to its next await.
        if !self.is_up(message.from) {
            return;
        }
        let from = self.machine_of(message.from);
        let to = self.machine_of(message.to);
        let fate = self.network.fate(from.0, to.0, message.leg(), message.name, &mut self.decider);
        if self.network.take_counted() {
            self.line.iter().for_each(Line::counted_message);
        }
        let kind = match fate {
            Fate::Deliver(_) | Fate::Twice(..) => Kind::Send,
            Fate::Hold => Kind::Held,
            Fate::Drop => Kind::Lost,
            Fate::Break(_) => Kind::Broken,
        };
        self.trace_message(kind, &message);
        match fate {
            Fate::Deliver(transit) => self.post(message, transit),
            Fate::Twice(first, second) => {
                if let Some(copy) = message.copy() {
                    self.post(copy, second);
                }
                self.post(message, first);
            }
            Fate::Hold => {
                let index = self.store(message);
                self.held.push(index);
            }
            Fate::Drop => self.lost.extend(message.broken(CallError::Broken)),
            Fate::Break(transit) => self.break_connection(&message, transit),
        }
    }

    /// The caller learns that the connection is gone. A broken request never ran; of a broken
    /// reply nobody learns what it was.
    fn break_connection(&mut self, message: &Message, transit: Nanos) {
        if let Some(notice) = message.broken(CallError::Broken) {
            self.post(notice, transit);
        }
    }

    fn post(&mut self, message: Message, transit: Nanos) {
        let time = self.now.saturating_add(transit);
        let index = self.store(message);
        self.push(time, What::Deliver(index));
    }

    fn store(&mut self, message: Message) -> u32 {
        if let Some(token) = message.token {
            self.tokens[token.0 as usize].in_flight += 1;
        }
        if let Some(index) = self.free_messages.pop() {
            self.messages[index as usize] = Some(message);
            return index;
        }
        self.messages.push(Some(message));
        self.messages.len() as u32 - 1
    }

    fn take_message(&mut self, index: u32) -> Message {
        let message = self.messages[index as usize].take().expect("a message is delivered once");
        self.free_messages.push(index);
        if let Some(token) = message.token {
            self.tokens[token.0 as usize].in_flight -= 1;
        }
        message
    }

    pub fn trace_message(&mut self, kind: Kind, message: &Message) {
        let (from, to) = (message.from, message.to);
        let parts = [kind as u64, u64::from(from.0), u64::from(to.0), message.hash];
        let (programs, trace) = (&self.programs, &mut self.trace);
        trace.event(self.now, &parts, || {
            let (from, to) = (&programs[from.0 as usize].name, &programs[to.0 as usize].name);
            let what = message.describe();
            match kind {
                Kind::Send => format!("{from} -> {to}: {what}"),
                Kind::Deliver => format!("{from} => {to}: {what}"),
                Kind::Lost => format!("{from} -x {to}: {what} (lost)"),
                Kind::Broken => format!("{from} -x {to}: {what} (connection broken)"),
                Kind::Held => format!("{from} -| {to}: {what} (held)"),
                _ => format!("{from} .. {to}: {what}"),
            }
        });
    }

    pub fn event(&mut self, kind: Kind, number: u64, text: impl FnOnce() -> String) {
        self.trace.event(self.now, &[kind as u64, number], text);
    }

    // ------------------------------------------------------------ names

    pub fn machine_of(&self, program: Program) -> Machine {
        self.programs[program.0 as usize].machine
    }

    pub fn clock_of(&self, program: Program) -> Clock {
        self.machines[self.machine_of(program).0 as usize].clock
    }

    pub fn read_clock(&self, program: Program) -> Timestamp {
        self.clock_of(program).read(self.epoch, self.now)
    }

    pub fn life(&self, program: Program) -> u32 {
        self.programs[program.0 as usize].life
    }

    fn is_up(&self, program: Program) -> bool {
        let program = &self.programs[program.0 as usize];
        program.up && self.machines[program.machine.0 as usize].up
    }

    fn is_paused(&self, program: Program) -> bool {
        let program = &self.programs[program.0 as usize];
        program.paused || self.machines[program.machine.0 as usize].paused
    }

    pub fn token_of(&self, pid: u32) -> Option<Token> {
        self.processes[pid as usize].token
    }

    pub fn process_name(&self, pid: u32) -> String {
        let process = &self.processes[pid as usize];
        format!("{}/{}", self.programs[process.program.0 as usize].name, process.name)
    }

    // ------------------------------------------------------------ processes

    fn new_process(&mut self, program: Program, name: Rc<str>, token: Option<Token>) -> u32 {
        if let Some(token) = token {
            self.tokens[token.0 as usize].processes += 1;
        }
        let slot = |pid| ProcessSlot {
            future: None,
            waker: Arc::new(ProcessWaker { pid, queued: AtomicBool::new(false) }),
            program,
            name,
            token,
            alive: true,
            serving: None,
            inbox: None,
        };
        if let Some(pid) = self.free_processes.pop() {
            self.processes[pid as usize] = slot(pid);
            return pid;
        }
        let pid = self.processes.len() as u32;
        self.processes.push(slot(pid));
        pid
    }

    /// The process is over; its future has been taken out already.
    fn end_process(&mut self, pid: u32) {
        self.set_token(pid, None);
        let process = &mut self.processes[pid as usize];
        process.alive = false;
        process.serving = None;
        process.inbox = None;
        // A late wake finds it queued.
        process.waker.queued.store(true, Memory::Relaxed);
        self.free_processes.push(pid);
    }

    pub fn set_token(&mut self, pid: u32, token: Option<Token>) {
        let old = std::mem::replace(&mut self.processes[pid as usize].token, token);
        if let Some(old) = old {
            self.tokens[old.0 as usize].processes -= 1;
        }
        if let Some(new) = token {
            self.tokens[new.0 as usize].processes += 1;
        }
    }

    // ------------------------------------------------------------ services

    pub fn add_service(&mut self, program: Program, request: TypeId, factory: ServiceFactory) {
        let services = &mut self.programs[program.0 as usize].services;
        services.retain(|service| service.request != request);
        services.push(Service { request, idle: Vec::new(), factory });
    }

    pub fn take_incoming(&mut self, pid: u32) -> Option<Incoming> {
        let incoming = self.processes[pid as usize].inbox.take()?;
        self.processes[pid as usize].serving = incoming.call;
        Some(incoming)
    }

    /// A worker has answered and waits for the next request.
    pub fn worker_is_idle(&mut self, pid: u32, request: TypeId) {
        self.set_token(pid, None);
        let process = &mut self.processes[pid as usize];
        process.serving = None;
        let services = &mut self.programs[process.program.0 as usize].services;
        if let Some(service) = services.iter_mut().find(|service| service.request == request) {
            service.idle.push(pid);
        }
    }

    fn report(&self) -> Vec<String> {
        let reports = self.tokens.iter().zip(0..).map(|(token, number)| {
            let standing = self.processes.iter().find(|process| {
                process.token == Some(Token(number)) && self.is_paused(process.program)
            });
            let standing = standing.map(|process| &self.programs[process.program.0 as usize].name);
            token.report(standing.map(String::as_str))
        });
        reports.flatten().collect()
    }
}

/// What a host is to do next.
pub(crate) enum Next {
    Poll(u32, Machine),
    Stop(Stop),
}

/// The next process to poll, after as many events as it takes to make one ready.
pub(crate) fn next() -> Next {
    loop {
        if let Some(next) = next_ready() {
            return next;
        }
        if let Some(stop) = goal_reached() {
            return Next::Stop(stop);
        }
        if let Some(stop) = take_event() {
            return Next::Stop(stop);
        }
    }
}

fn next_ready() -> Option<Next> {
    loop {
        let at = pick_ready();
        let pid = READY.with(|ready| ready.borrow_mut().remove(at))?;
        let next = with(|core| {
            let program = core.processes[pid as usize].program;
            if core.is_paused(program) {
                core.programs[program.0 as usize].parked.push(pid);
                return None;
            }
            core.polls += 1;
            core.last_polled = pid;
            if core.polls > core.limits.polls {
                let who = core.process_name(pid);
                let stop = format!("{} polls without an event, the last of {who}", core.polls);
                core.wake_again(pid);
                return Some(Next::Stop(Stop::Limit(stop)));
            }
            Some(Next::Poll(pid, core.machine_of(program)))
        });
        if next.is_some() {
            return next;
        }
    }
}

/// The place on the ready list of the process that is polled next.
fn pick_ready() -> usize {
    READY.with(|ready| {
        let ready = ready.borrow();
        if ready.len() < 2 {
            return 0;
        }
        with(|core| core.pick_ready(ready.iter().copied()))
    })
}

impl Core {
    /// Puts back a process that was taken off the ready list and not polled.
    fn wake_again(&mut self, pid: u32) {
        self.processes[pid as usize].waker.queued.store(false, Memory::Relaxed);
        self.wake(pid);
    }
}

fn goal_reached() -> Option<Stop> {
    let goal = with(|core| match &core.goal {
        Goal::Declared => {
            if core.tokens.iter().any(|token| token.is_running()) {
                return None;
            }
            Some(Goal::Declared)
        }
        Goal::Time(time) if *time <= core.now => Some(Goal::Declared),
        Goal::Time(_) => None,
        Goal::When(when) => Some(Goal::When(Rc::clone(when))),
    })?;
    match goal {
        Goal::When(when) => when().then_some(Stop::Goal),
        Goal::Declared | Goal::Time(_) => Some(Stop::Goal),
    }
}

/// Takes the next event; it may make processes ready. Dead entries (timers that were given up)
/// are passed over and don't move the clock.
fn take_event() -> Option<Stop> {
    let spawn = with(|core| {
        if core.line.is_some() {
            return core.take_in_line();
        }
        loop {
            if let Goal::Time(time) = core.goal
                && core.heap.peek().is_none_or(|entry| entry.time > time)
            {
                core.now = time;
                return Err(Stop::Goal);
            }
            let Some(entry) = core.heap.pop() else { return Err(Stop::Stuck(core.report())) };
            if !core.is_live(&entry) {
                continue;
            }
            if let Some(limit) = core.limit(entry.time) {
                core.heap.push(entry);
                return Err(limit);
            }
            return Ok(core.come(entry.time, entry.what));
        }
    });
    match spawn {
        Err(stop) => Some(stop),
        Ok(next) => {
            match next {
                Some(Fired::Spawn(spawn)) => spawn.run(),
                Some(Fired::Start(program)) => fault::restart(program),
                None => {}
            }
            None
        }
    }
}

/// What an event leads to, outside the borrow of the core.
enum Fired {
    Spawn(Spawn),
    Start(Program),
}

/// A worker to be made.
struct Spawn {
    process: Process,
    factory: ServiceFactory,
}

impl Spawn {
    fn run(self) {
        let future = (self.factory)(self.process);
        with(|core| {
            core.processes[self.process.pid as usize].future = Some(future);
            core.wake(self.process.pid);
        });
    }
}

impl Core {
    /// Re-arms a lazy timer whose deadline has moved; false if the entry means nothing any more.
    fn is_live(&mut self, entry: &Entry) -> bool {
        match entry.what {
            What::Deliver(_) | What::Start(_) => true,
            What::Timer(timer) => {
                let slot = &mut self.timers[timer as usize];
                slot.armed = false;
                match slot.deadline {
                    Some(deadline) if deadline <= entry.time => true,
                    Some(deadline) => {
                        slot.armed = true;
                        self.push_timer(deadline, timer);
                        false
                    }
                    None => {
                        if slot.given_up {
                            self.free_timers.push(timer);
                        }
                        false
                    }
                }
            }
            What::Deadline(call) => {
                let slot = &mut self.calls[call as usize];
                slot.armed = None;
                match slot.deadline {
                    Some(deadline) if deadline <= entry.time => true,
                    Some(deadline) => {
                        slot.armed = Some(deadline);
                        self.push_deadline(deadline, call);
                        false
                    }
                    None => false,
                }
            }
        }
    }

    /// The limit that an event at this time would break.
    fn limit(&self, time: Nanos) -> Option<Stop> {
        if time <= self.end && self.steps_left != 0 {
            return None;
        }
        let what = if self.steps_left == 0 { "events" } else { "virtual time" };
        Some(Stop::Limit(format!("the limit of {what}, at {}", Milliseconds(self.now))))
    }

    /// An event comes to pass.
    fn come(&mut self, time: Nanos, what: What) -> Option<Fired> {
        self.now = self.now.max(time);
        self.steps_left -= 1;
        self.polls = 0;
        self.fire(what)
    }

    fn fire(&mut self, what: What) -> Option<Fired> {
        match what {
            What::Deliver(index) => {
                let message = self.take_message(index);
                self.deliver(message).map(Fired::Spawn)
            }
            What::Start(program) => Some(Fired::Start(Program(program))),
            What::Timer(timer) => {
                let pid = self.fire_timer(timer);
                self.event(Kind::Timer, pid.into(), || format!("timer of process {pid}"));
                self.wake(pid);
                None
            }
            What::Deadline(call) => {
                self.fire_deadline(call);
                None
            }
        }
    }

    fn deliver(&mut self, message: Message) -> Option<Spawn> {
        let to = message.to;
        if message.is_reply() {
            // A reply to a caller that died, or to a call given up, finds nobody.
            self.trace_message(Kind::Deliver, &message);
            self.take_reply(message);
            return None;
        }
        if !self.is_up(to) || self.life(to) != message.life {
            return self.bounce(&message);
        }
        self.trace_message(Kind::Deliver, &message);
        let services = &mut self.programs[to.0 as usize].services;
        let Some(service) = services.iter_mut().find(|s| s.request == message.request) else {
            return self.bounce(&message);
        };
        let token = message.token;
        if let Some(pid) = service.idle.pop() {
            self.processes[pid as usize].inbox = Some(message.into_incoming());
            self.set_token(pid, token);
            self.wake(pid);
            return None;
        }
        let factory = Rc::clone(&service.factory);
        let pid = self.new_process(to, message.name.into(), token);
        self.processes[pid as usize].inbox = Some(message.into_incoming());
        Some(Spawn { process: Process { pid, program: to }, factory })
    }

    /// Nobody takes the request. A machine that is up answers so; one that is down is silent.
    fn bounce(&mut self, message: &Message) -> Option<Spawn> {
        let machine = self.machine_of(message.to);
        if self.machines[machine.0 as usize].up {
            self.trace_message(Kind::Broken, message);
            let from = self.machine_of(message.from);
            let transit = self.network.latency(machine.0, from.0);
            if let Some(notice) = message.broken(CallError::Refused) {
                self.post(notice, transit);
            }
        } else {
            self.trace_message(Kind::Lost, message);
        }
        None
    }
}

/// Polls one process. A panic ends that process, not the run.
pub(crate) fn poll(pid: u32) {
    let taken = with(|core| {
        let process = &mut core.processes[pid as usize];
        process.waker.queued.store(false, Memory::Relaxed);
        let future = process.future.take()?;
        let life = core.programs[process.program.0 as usize].life;
        Some((future, Waker::from(Arc::clone(&process.waker)), process.program, life))
    });
    let Some((mut future, waker, program, life)) = taken else { return };
    let polled =
        catch_unwind(AssertUnwindSafe(|| future.as_mut().poll(&mut Context::from_waker(&waker))));
    let over = with(|core| {
        if core.life(program) != life {
            // It crashed its own program; crash() has ended the process.
            return Some(future);
        }
        match polled {
            Ok(Poll::Pending) => {
                core.processes[pid as usize].future = Some(future);
                None
            }
            Ok(Poll::Ready(())) => {
                core.end_process(pid);
                Some(future)
            }
            Err(panic) => {
                core.panicked(pid, &*panic);
                core.end_process(pid);
                Some(future)
            }
        }
    });
    drop_futures(over.into_iter().collect());
}

/// Dropping runs user code: never while the core is borrowed. A panic in it is one more event.
fn drop_futures(futures: Vec<Pin<Box<dyn Future<Output = ()>>>>) {
    for future in futures {
        if let Err(panic) = catch_unwind(AssertUnwindSafe(|| drop(future))) {
            try_with(|core| core.panics.push(format!("in a drop: {}", message_of(&*panic))));
        }
    }
}

fn message_of(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
    text.or_else(|| panic.downcast_ref::<String>().cloned()).unwrap_or_else(|| "panic".to_owned())
}

impl Core {
    fn panicked(&mut self, pid: u32, panic: &(dyn Any + Send)) {
        let text = format!("{} panicked: {}", self.process_name(pid), message_of(panic));
        let hash = seed::hash(text.as_bytes());
        self.event(Kind::Panic, hash, || text.clone());
        self.panics.push(text);
        // Whoever called it finds the connection broken.
        if let Some(call) = self.processes[pid as usize].serving.take() {
            let program = self.processes[pid as usize].program;
            let token = self.calls[call.slot as usize].token;
            let notice = Message::failure(program, call, CallError::Broken).with_token(token);
            self.post(notice, 1);
        }
    }

    fn take_down(&mut self, program: Program) -> Vec<Pin<Box<dyn Future<Output = ()>>>> {
        let core = &mut self.programs[program.0 as usize];
        core.up = false;
        core.paused = false;
        core.life += 1;
        core.services.clear();
        core.parked.clear();
        let watchers = std::mem::take(&mut core.watchers);
        let mut futures = Vec::new();
        let mut dead = Vec::new();
        for (pid, process) in self.processes.iter_mut().enumerate() {
            if process.alive && process.program == program {
                futures.extend(process.future.take());
                dead.push(pid as u32);
            }
        }
        READY.with(|ready| ready.borrow_mut().retain(|pid| !dead.contains(pid)));
        for pid in dead {
            self.end_process(pid);
        }
        for pid in watchers {
            self.wake(pid);
        }
        futures
    }

    /// The callers of a program that died on a machine that lives find their connections reset.
    fn reset_callers(&mut self, program: Program) {
        let machine = self.machine_of(program);
        for index in 0..self.calls.len() {
            let slot = &self.calls[index];
            let Some(caller) = slot.waits_for(program) else { continue };
            let call = CallRef { slot: index as u32, generation: slot.generation, caller };
            let from = self.machine_of(caller);
            let transit = self.network.latency(machine.0, from.0);
            let token = self.calls[index].token;
            let notice = Message::failure(program, call, CallError::Broken).with_token(token);
            self.post(notice, transit);
        }
    }
}

/// A World, open on this thread until it is dropped.
pub struct World {
    host: Box<dyn Host>,
}

/// A World cannot be opened.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum OpenError {
    #[error("a World is open on this thread already: close it first")]
    Open,
    #[error(
        "the host `nodes` needs madsim, which exists only where the flag is set: \
         build with RUSTFLAGS='--cfg madsim', or ask for the host `plain`"
    )]
    NoMadsim,
}

impl World {
    pub fn open(options: Options) -> Result<World, OpenError> {
        if CORE.with(|core| core.borrow().is_some()) {
            return Err(OpenError::Open);
        }
        let host = options.host.open().ok_or(OpenError::NoMadsim)?;
        READY.with(|ready| ready.borrow_mut().clear());
        CORE.with(|core| *core.borrow_mut() = Some(Core::new(&options)));
        Ok(World { host })
    }

    // ------------------------------------------------------------ building

    pub fn machine(&mut self, name: &str) -> Machine {
        let machine = with(|core| {
            core.network.add_machine(name);
            core.machines.push(MachineCore {
                name: name.to_owned(),
                clock: Clock::default(),
                disk: Disk::new(),
                up: true,
                paused: false,
                syncing: Vec::new(),
            });
            Machine(core.machines.len() as u32 - 1)
        });
        self.host.add_machine(machine, name);
        machine
    }

    /// Installs a program without starting it.
    pub fn install<F>(
        &mut self,
        machine: Machine,
        name: &str,
        boot: impl Fn(Process) -> F + 'static,
    ) -> Program
    where
        F: Future<Output = ()> + 'static,
    {
        install(machine, name, boot)
    }

    /// Installs a program and starts it. `boot` runs at every start.
    pub fn program<F>(
        &mut self,
        machine: Machine,
        name: &str,
        boot: impl Fn(Process) -> F + 'static,
    ) -> Program
    where
        F: Future<Output = ()> + 'static,
    {
        let program = install(machine, name, boot);
        start(program);
        program
    }

    /// The machine's file of this name, made by `make` if there is none; None if it is a file of
    /// another type. For who builds a world before it runs, and for judges.
    pub fn open_file<T: crate::disk::Stored>(
        &mut self,
        machine: Machine,
        name: &str,
        make: impl FnOnce() -> T,
    ) -> Option<Rc<RefCell<T>>> {
        with(|core| core.machines[machine.0 as usize].disk.open(name, make))
    }

    /// A program that only sends: a client, a scenario's own hand.
    pub fn client(&mut self, machine: Machine, name: &str) -> Program {
        self.program(machine, name, |_| async {})
    }

    pub fn find(&self, name: &str) -> Option<Program> {
        with(|core| core.by_name.get(name).copied())
    }

    /// A foreground statement's token, by a name that reports print.
    pub fn token(&mut self, name: &str) -> Token {
        with(|core| {
            core.tokens.push(TokenCore::new(name));
            Token(core.tokens.len() as u32 - 1)
        })
    }

    /// Starts a process of a program from outside; nothing, where the program is down.
    pub fn spawn(
        &mut self,
        program: Program,
        token: Option<Token>,
        name: &str,
        make: impl FnOnce(Process) -> Pin<Box<dyn Future<Output = ()>>>,
    ) {
        spawn(program, token, name, make);
    }

    // ------------------------------------------------------------ running

    pub fn run(&mut self, goal: Goal) -> Stop {
        with(|core| {
            core.goal = goal;
            core.steps_left = core.limits.steps;
            core.end = core.now.saturating_add(nanos(core.limits.time));
            core.polls = 0;
            core.line.iter_mut().for_each(Line::begin);
        });
        self.host.run()
    }

    /// From now on events come in this order.
    pub fn set_order(&mut self, order: Order) {
        with(|core| core.set_order(order));
    }

    /// What there was to pick since an order was set.
    pub fn counted(&self) -> Counted {
        with(|core| core.line.as_ref().map(Line::counted).unwrap_or_default())
    }

    /// Lets this much time pass.
    pub fn advance(&mut self, duration: Duration) -> Stop {
        let time = with(|core| core.now.saturating_add(nanos(duration)));
        self.run(Goal::Time(time))
    }

    pub fn now(&self) -> Nanos {
        with(|core| core.now)
    }

    pub fn token_state(&self, token: Token) -> crate::wait::TokenState {
        with(|core| core.tokens[token.0 as usize].state())
    }

    /// Number of calls that somebody still waits for; 0 in a run at rest.
    pub fn open_calls(&self) -> usize {
        with(|core| core.calls.len() - core.free_calls.len())
    }

    // ------------------------------------------------------------ faults

    /// Ends a program at once; nothing of it runs any more. Its callers find the connection broken.
    pub fn crash(&mut self, program: Program) {
        fault::crash(program);
    }

    /// Starts a program that is down; does nothing to one that is up.
    pub fn restart(&mut self, program: Program) {
        fault::restart(program);
    }

    /// See [`fault::power_off`].
    pub fn power_off(&mut self, machine: Machine) {
        fault::power_off(machine, None);
    }

    /// Power is back: all programs of the machine start.
    pub fn power_on(&mut self, machine: Machine) {
        fault::power_on(machine);
    }

    /// Stops a program as SIGSTOP does: messages and timers pile up until it goes on.
    pub fn pause(&mut self, program: Program) {
        fault::pause(program);
    }

    pub fn resume(&mut self, program: Program) {
        fault::resume(program);
    }

    /// A call to the machine or from it finds no way, in one direction.
    pub fn cut(&mut self, from: Machine, to: Machine) {
        fault::cut(from, to);
    }

    /// Rules, noise and the default latency.
    pub fn network<R>(&mut self, f: impl FnOnce(&mut Network) -> R) -> R {
        with(|core| f(&mut core.network))
    }

    /// See [`fault::heal_network`].
    pub fn heal_network(&mut self) {
        fault::heal_network();
    }

    /// Lets go all held messages, in the order of their sending.
    pub fn release(&mut self) {
        fault::release();
    }

    pub fn set_clock(&mut self, machine: Machine, clock: Clock) {
        fault::set_clock(machine, clock);
    }

    pub fn slow_disk(&mut self, machine: Machine, sync: Duration) {
        fault::set_disk(machine, DiskState::Slow(nanos(sync)));
    }

    /// Syncs of this machine's disk never answer until it is mended.
    pub fn silence_disk(&mut self, machine: Machine) {
        fault::set_disk(machine, DiskState::Silent);
    }

    /// Nothing more can be written to this machine's disk until it is mended.
    pub fn fill_disk(&mut self, machine: Machine) {
        fault::set_disk(machine, DiskState::Full);
    }

    /// Syncs of this machine's disk fail until it is mended.
    pub fn fail_disk(&mut self, machine: Machine) {
        fault::set_disk(machine, DiskState::Failing);
    }

    pub fn mend_disk(&mut self, machine: Machine) {
        fault::set_disk(machine, DiskState::Sound);
    }

    pub fn is_up(&self, program: Program) -> bool {
        with(|core| core.is_up(program))
    }

    pub fn machine_of(&self, program: Program) -> Machine {
        with(|core| core.machine_of(program))
    }

    // ------------------------------------------------------------ results

    pub fn record(&mut self) {
        with(|core| {
            core.trace.record();
            core.decider.record();
        });
    }

    pub fn trace(&self) -> Trace {
        with(|core| core.trace.clone())
    }

    pub fn digest(&self) -> u64 {
        with(|core| core.trace.digest())
    }

    pub fn events(&self) -> u64 {
        with(|core| core.trace.events())
    }

    pub fn tape(&self) -> Tape {
        with(|core| core.decider.tape())
    }

    /// The panics of processes so far, each with its process and message.
    pub fn panics(&self) -> Vec<String> {
        with(|core| core.panics.clone())
    }
}

impl Drop for World {
    /// Ends every program, then the host's tasks, then the core; also when unwinding.
    fn drop(&mut self) {
        let programs = try_with(|core| core.programs.len() as u32).unwrap_or(0);
        for program in (0..programs).map(Program) {
            let futures = try_with(|core| core.take_down(program)).unwrap_or_default();
            drop_futures(futures);
        }
        self.host.close();
        let core = CORE.try_with(|core| core.borrow_mut().take());
        drop(core);
        let _ = READY.try_with(|ready| ready.borrow_mut().clear());
    }
}

fn install<F>(machine: Machine, name: &str, boot: impl Fn(Process) -> F + 'static) -> Program
where
    F: Future<Output = ()> + 'static,
{
    let boot: Boot = Rc::new(move |process| Box::pin(boot(process)));
    with(|core| {
        core.programs.push(ProgramCore {
            name: name.to_owned(),
            machine,
            boot,
            up: false,
            paused: false,
            life: 0,
            services: Vec::new(),
            parked: Vec::new(),
            watchers: Vec::new(),
            waits: None,
        });
        let program = Program(core.programs.len() as u32 - 1);
        core.by_name.insert(name.to_owned(), program);
        program
    })
}

fn start(program: Program) {
    let boot = with(|core| {
        if core.programs[program.0 as usize].up {
            return None;
        }
        core.programs[program.0 as usize].up = true;
        let name = core.programs[program.0 as usize].name.clone();
        core.event(Kind::Up, program.0.into(), || format!("{name} starts"));
        Some(Rc::clone(&core.programs[program.0 as usize].boot))
    });
    if let Some(boot) = boot {
        spawn(program, None, "main", |process| boot(process));
    }
}

/// True time of this thread's run; 0 where none is open.
pub fn now() -> Nanos {
    try_with(|core| core.now).unwrap_or(0)
}

/// Whether a program of this thread's run is up, and its machine.
pub fn is_up(program: Program) -> bool {
    try_with(|core| core.is_up(program)).unwrap_or(false)
}

pub(crate) fn spawn(
    program: Program,
    token: Option<Token>,
    name: &str,
    make: impl FnOnce(Process) -> Pin<Box<dyn Future<Output = ()>>>,
) {
    // A program that is down runs nothing.
    let up =
        with(|core| core.is_up(program).then(|| core.new_process(program, name.into(), token)));
    let Some(pid) = up else { return };
    let future = make(Process { pid, program });
    with(|core| {
        core.processes[pid as usize].future = Some(future);
        core.wake(pid);
    });
}

impl Process {
    pub fn program(self) -> Program {
        self.program
    }

    pub fn name_of(self, program: Program) -> String {
        with(|core| core.programs[program.0 as usize].name.clone())
    }

    /// What the machine's clock shows.
    pub fn now(self) -> Timestamp {
        with(|core| core.read_clock(self.program))
    }

    /// Starts another process of this program, working for the same statement.
    pub fn spawn<F: Future<Output = ()> + 'static>(
        self,
        name: &str,
        make: impl FnOnce(Process) -> F,
    ) {
        let token = with(|core| core.token_of(self.pid));
        spawn(self.program, token, name, |process| Box::pin(make(process)));
    }

    /// Starts a process that works for no statement: a ticker, a stream.
    pub fn spawn_background<F: Future<Output = ()> + 'static>(
        self,
        name: &str,
        make: impl FnOnce(Process) -> F,
    ) {
        spawn(self.program, None, name, |process| Box::pin(make(process)));
    }

    /// Adds an event of the program's own to the trace.
    pub fn note(self, text: impl fmt::Display) {
        with(|core| {
            let text = text.to_string();
            let hash = seed::hash(text.as_bytes());
            let name = &core.programs[self.program.0 as usize].name;
            core.trace.event(core.now, &[Kind::Note as u64, hash], || format!("{name}: {text}"));
        });
    }

    /// A choice of this program's, `purpose` under its name.
    pub fn choose(self, purpose: &str, default: u64, range: std::ops::RangeInclusive<u64>) -> u64 {
        with(|core| {
            let name = format!("{}/{purpose}", core.programs[self.program.0 as usize].name);
            let choice = core.decider.point(&name);
            core.decider.choose(choice, default, range)
        })
    }

    /// The machine's file of this name; None if it is a file of another type.
    pub fn open<T: crate::disk::Stored>(
        self,
        name: &str,
        make: impl FnOnce() -> T,
    ) -> Option<Rc<RefCell<T>>> {
        with(|core| {
            let machine = core.machine_of(self.program);
            core.machines[machine.0 as usize].disk.open(name, make)
        })
    }

    /// Whether the machine's disk has no room left.
    pub fn disk_is_full(self) -> bool {
        with(|core| {
            let machine = core.machine_of(self.program);
            core.machines[machine.0 as usize].disk.state == DiskState::Full
        })
    }

    /// Whether the sync that ends now has failed.
    pub(crate) fn disk_fails(self) -> bool {
        with(|core| {
            let machine = core.machine_of(self.program);
            let state = &mut core.machines[machine.0 as usize].disk.state;
            match *state {
                DiskState::Failing => true,
                DiskState::FailsOnce => {
                    *state = DiskState::Sound;
                    true
                }
                _ => false,
            }
        })
    }

    /// How long the machine's disk takes for a sync; pending until it will answer.
    pub(crate) fn sync_time(self) -> Poll<Nanos> {
        const SYNC: Nanos = 100_000;
        with(|core| {
            let machine = core.machine_of(self.program);
            match core.machines[machine.0 as usize].disk.state {
                DiskState::Sound
                | DiskState::Full
                | DiskState::Failing
                | DiskState::FailsOnce
                | DiskState::Lying => Poll::Ready(SYNC),
                DiskState::Slow(more) => Poll::Ready(SYNC + more),
                DiskState::Silent => {
                    core.machines[machine.0 as usize].syncing.push(self.pid);
                    Poll::Pending
                }
            }
        })
    }

    /// Whether the program is in the life that this process saw begin.
    pub fn life_of(self, program: Program) -> u32 {
        with(|core| core.life(program))
    }

    /// Waits until the given life of a program is over.
    pub async fn life_over(self, program: Program, life: u32) {
        std::future::poll_fn(|_| {
            with(|core| {
                if core.life(program) != life {
                    return Poll::Ready(());
                }
                let watchers = &mut core.programs[program.0 as usize].watchers;
                if !watchers.contains(&self.pid) {
                    watchers.push(self.pid);
                }
                Poll::Pending
            })
        })
        .await;
    }

    /// Ends this process's own program.
    pub fn crash_self(self) {
        fault::crash(self.program);
    }
}

/// Which leg a message is on decides what noise it feels.
impl Message {
    fn leg(&self) -> Leg {
        if self.is_reply() {
            Leg::Reply
        } else if self.call_ref().is_some() {
            Leg::Request
        } else {
            Leg::Single
        }
    }
}
