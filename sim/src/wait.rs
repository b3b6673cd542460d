//! Tokens, sleeps and declared waits: how it is known that a statement is blocked.
//!
//! A foreground statement carries a [`Token`]. Its messages and sleeps in flight are counted, also
//! those of the workers that serve it. "Nothing more will happen for it by itself" is then exact:
//! no process that carries it is ready, nothing of it is in flight, and it stands in a wait that
//! was declared (a row lock, say) with words for what it waits for. Deadlines do not count: they
//! are what time would bring, not what is under way.
//!
//! It knows nothing of what is waited for but its words.

use std::cell::RefCell;
use std::future::Future;
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use crate::clock::Nanos;
use crate::disk::SyncFailed;
use crate::step::{self, Step};
use crate::world::{Core, Process, try_with, with};

/// A foreground statement, for counting what is under way for it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Token(pub(crate) u32);

/// Where a statement stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TokenState {
    /// No process carries it any more.
    Done,
    /// Something is under way, or a deadline will bring something.
    Running,
    /// It stands in declared waits, each in words.
    Blocked(Vec<String>),
    /// Nothing is under way, nothing is declared and no deadline will end it.
    Stuck,
}

pub(crate) struct TokenCore {
    name: String,
    /// Messages and sleeps.
    pub in_flight: u32,
    pub deadlines: u32,
    /// Processes that carry it.
    pub processes: u32,
    waits: Vec<(u64, String)>,
    next_wait: u64,
}

impl TokenCore {
    pub fn new(name: &str) -> TokenCore {
        TokenCore {
            name: name.to_owned(),
            in_flight: 0,
            deadlines: 0,
            processes: 0,
            waits: Vec::new(),
            next_wait: 0,
        }
    }

    pub fn state(&self) -> TokenState {
        if self.processes == 0 && self.in_flight == 0 {
            TokenState::Done
        } else if self.in_flight > 0 {
            TokenState::Running
        } else if !self.waits.is_empty() {
            TokenState::Blocked(self.waits.iter().map(|(_, what)| what.clone()).collect())
        } else if self.deadlines > 0 {
            TokenState::Running
        } else {
            TokenState::Stuck
        }
    }

    /// Whether time must go on for it. One that is stuck keeps the run going too: only a run that
    /// can do nothing else is stuck.
    pub fn is_running(&self) -> bool {
        let over = self.processes == 0 && self.in_flight == 0;
        !over && (self.in_flight > 0 || self.waits.is_empty())
    }

    /// A line for each thing that it waits for; nothing if it is done. `paused` is the program that
    /// stands still with a part of it.
    pub fn report(&self, paused: Option<&str>) -> Vec<String> {
        match (self.state(), paused) {
            (TokenState::Done, _) => Vec::new(),
            (TokenState::Running, _) => vec![format!("{} is under way", self.name)],
            (TokenState::Stuck, Some(program)) => {
                vec![format!("{} stands still in {program}, which is paused", self.name)]
            }
            (TokenState::Stuck, None) => {
                vec![format!("{} waits for an answer that never comes", self.name)]
            }
            (TokenState::Blocked(waits), _) => {
                waits.iter().map(|what| format!("{} waits for {what}", self.name)).collect()
            }
        }
    }
}

/// A timer; its one heap entry re-arms itself when it comes up early.
pub(crate) struct TimerSlot {
    pub deadline: Option<Nanos>,
    pub armed: bool,
    /// Nobody waits for it any more: free as soon as its heap entry has come up.
    pub given_up: bool,
    pub pid: u32,
    pub token: Option<Token>,
    /// A sleep is work under way, a limit is only a deadline.
    pub is_sleep: bool,
}

impl Core {
    fn open_timer(&mut self, process: Process, duration: Duration, is_sleep: bool) -> u32 {
        let transit = self.clock_of(process.program).true_nanos(duration);
        let deadline = self.now.saturating_add(transit);
        let token = self.token_of(process.pid);
        if let Some(token) = token {
            let token = &mut self.tokens[token.0 as usize];
            if is_sleep { token.in_flight += 1 } else { token.deadlines += 1 }
        }
        let slot = TimerSlot {
            deadline: Some(deadline),
            armed: true,
            given_up: false,
            pid: process.pid,
            token,
            is_sleep,
        };
        let timer = match self.free_timers.pop() {
            Some(timer) => {
                self.timers[timer as usize] = slot;
                timer
            }
            None => {
                self.timers.push(slot);
                self.timers.len() as u32 - 1
            }
        };
        self.push_timer(deadline, timer);
        timer
    }

    fn settle_timer(&mut self, timer: u32) {
        let slot = &mut self.timers[timer as usize];
        if slot.deadline.take().is_some()
            && let Some(token) = slot.token
        {
            let token = &mut self.tokens[token.0 as usize];
            if slot.is_sleep { token.in_flight -= 1 } else { token.deadlines -= 1 }
        }
    }

    /// The timer has come up; whom to wake.
    pub fn fire_timer(&mut self, timer: u32) -> u32 {
        self.settle_timer(timer);
        self.timers[timer as usize].pid
    }
}

/// A sleep in progress; dropping it gives it up.
pub struct Sleep {
    timer: u32,
}

impl Future for Sleep {
    type Output = ();

    fn poll(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<()> {
        let over = with(|core| core.timers[self.timer as usize].deadline.is_none());
        if over { Poll::Ready(()) } else { Poll::Pending }
    }
}

impl Drop for Sleep {
    fn drop(&mut self) {
        try_with(|core| {
            core.settle_timer(self.timer);
            let slot = &mut core.timers[self.timer as usize];
            slot.given_up = true;
            if !slot.armed {
                core.free_timers.push(self.timer);
            }
        });
    }
}

/// A wait's limit passed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Elapsed;

/// Takes the words of a declared wait back when the wait ends, however it ends.
struct Declared {
    token: Option<Token>,
    wait: u64,
}

impl Declared {
    fn new(process: Process, what: String) -> Declared {
        with(|core| {
            let token = core.token_of(process.pid);
            let mut wait = 0;
            if let Some(token) = token {
                let token = &mut core.tokens[token.0 as usize];
                wait = token.next_wait;
                token.next_wait += 1;
                token.waits.push((wait, what));
            }
            Declared { token, wait }
        })
    }
}

impl Drop for Declared {
    fn drop(&mut self) {
        let Some(token) = self.token else { return };
        try_with(|core| core.tokens[token.0 as usize].waits.retain(|(w, _)| *w != self.wait));
    }
}

impl Process {
    /// Work that takes this long, by the machine's clock.
    pub fn sleep(self, duration: Duration) -> Sleep {
        Sleep { timer: with(|core| core.open_timer(self, duration, true)) }
    }

    /// Waits for `future`, at most `limit`. In a report the statement waits for `what`.
    pub async fn wait<T>(
        self,
        what: impl Into<String>,
        limit: Option<Duration>,
        future: impl Future<Output = T>,
    ) -> Result<T, Elapsed> {
        let _declared = Declared::new(self, what.into());
        self.limit(limit, future).await
    }

    /// Waits for `future`, at most `limit`, without saying so in reports.
    pub async fn limit<T>(
        self,
        limit: Option<Duration>,
        future: impl Future<Output = T>,
    ) -> Result<T, Elapsed> {
        let mut future = pin!(future);
        let open = |limit| Sleep { timer: with(|core| core.open_timer(self, limit, false)) };
        let mut timer = limit.map(open);
        std::future::poll_fn(|cx| {
            if let Poll::Ready(value) = future.as_mut().poll(cx) {
                return Poll::Ready(Ok(value));
            }
            match &mut timer {
                Some(timer) => Pin::new(timer).poll(cx).map(|()| Err(Elapsed)),
                None => Poll::Pending,
            }
        })
        .await
    }

    /// The machine's disk writes all that was written so far; returns when it has answered.
    pub async fn sync(self) {
        let _ = self.try_sync().await;
    }

    /// The same, for who asks whether it succeeded.
    pub async fn try_sync(self) -> Result<(), SyncFailed> {
        step::tell(self.program, Step::Syncing);
        let time = std::future::poll_fn(|_| self.sync_time()).await;
        self.sleep(Duration::from_nanos(time)).await;
        step::tell(self.program, Step::Synced);
        if self.disk_fails() { Err(SyncFailed) } else { Ok(()) }
    }
}

/// Something that processes wait for and others bring about. Waking is in the order of waiting.
#[derive(Clone, Default)]
pub struct Signal(Rc<RefCell<SignalCore>>);

#[derive(Default)]
struct SignalCore {
    raised: u64,
    wakers: Vec<Waker>,
}

impl Signal {
    /// Wakes everyone who waits now.
    pub fn raise(&self) {
        let wakers = {
            let mut core = self.0.borrow_mut();
            core.raised += 1;
            std::mem::take(&mut core.wakers)
        };
        for waker in wakers {
            waker.wake();
        }
    }

    /// Waits for the next [`Signal::raise`].
    pub fn raised(&self) -> impl Future<Output = ()> + use<> {
        let core = Rc::clone(&self.0);
        let seen = core.borrow().raised;
        std::future::poll_fn(move |cx| {
            let mut core = core.borrow_mut();
            if core.raised > seen {
                return Poll::Ready(());
            }
            if !core.wakers.iter().any(|waker| waker.will_wake(cx.waker())) {
                core.wakers.push(cx.waker().clone());
            }
            Poll::Pending
        })
    }
}

/// Runs futures of one process side by side; their results, in the order given.
pub async fn join_all<F: Future>(futures: impl IntoIterator<Item = F>) -> Vec<F::Output> {
    let mut running: Vec<_> =
        futures.into_iter().map(|future| (Some(Box::pin(future)), None)).collect();
    std::future::poll_fn(|cx| {
        let mut pending = false;
        for (future, output) in &mut running {
            let Some(polled) = future.as_mut().map(|future| future.as_mut().poll(cx)) else {
                continue;
            };
            match polled {
                Poll::Ready(value) => {
                    *output = Some(value);
                    *future = None;
                }
                Poll::Pending => pending = true,
            }
        }
        if pending { Poll::Pending } else { Poll::Ready(()) }
    })
    .await;
    running.into_iter().map(|(_, output)| output.expect("all futures have ended")).collect()
}

/// Runs two futures of one process side by side.
pub async fn join<A, B>(a: impl Future<Output = A>, b: impl Future<Output = B>) -> (A, B) {
    let (mut a, mut b) = (pin!(a), pin!(b));
    let (mut first, mut second) = (None, None);
    std::future::poll_fn(|cx| {
        if first.is_none()
            && let Poll::Ready(value) = a.as_mut().poll(cx)
        {
            first = Some(value);
        }
        if second.is_none()
            && let Poll::Ready(value) = b.as_mut().poll(cx)
        {
            second = Some(value);
        }
        if first.is_some() && second.is_some() { Poll::Ready(()) } else { Poll::Pending }
    })
    .await;
    let both = "both have ended";
    (first.expect(both), second.expect(both))
}

/// Runs futures of one process side by side until those that have ended are `enough`; what had
/// not ended is dropped, and None.
pub async fn join_until<F: Future>(
    futures: impl IntoIterator<Item = F>,
    enough: impl Fn(&[Option<F::Output>]) -> bool,
) -> Vec<Option<F::Output>> {
    let mut running: Vec<_> = futures.into_iter().map(|future| Some(Box::pin(future))).collect();
    let mut ended: Vec<Option<F::Output>> = running.iter().map(|_| None).collect();
    std::future::poll_fn(|cx| {
        for (future, output) in running.iter_mut().zip(&mut ended) {
            let Some(polled) = future.as_mut().map(|future| future.as_mut().poll(cx)) else {
                continue;
            };
            if let Poll::Ready(value) = polled {
                *output = Some(value);
                *future = None;
            }
        }
        let all = running.iter().all(Option::is_none);
        if all || enough(&ended) { Poll::Ready(()) } else { Poll::Pending }
    })
    .await;
    ended
}

/// Runs `work` until it ends or `stop` does; None if it was stopped. What is stopped is dropped.
pub async fn until<T>(stop: impl Future<Output = ()>, work: impl Future<Output = T>) -> Option<T> {
    let (mut stop, mut work) = (pin!(stop), pin!(work));
    std::future::poll_fn(|cx| {
        if stop.as_mut().poll(cx).is_ready() {
            return Poll::Ready(None);
        }
        work.as_mut().poll(cx).map(Some)
    })
    .await
}
