//! Calls as connections.
//!
//! A call is a request and its reply over a connection, as gRPC and MySQL have them: it arrives
//! late, or the connection breaks before it ran, or after (it ran, the reply is lost), or it is
//! silent until the caller's deadline. It is never delivered twice. The caller cannot tell a
//! broken-before from a broken-after: both are [`CallError::Broken`].
//!
//! A deadline costs next to nothing: each slot has one entry in the heap, which re-arms itself
//! when it comes up early.
//!
//! It knows nothing of what a request asks.

use std::any::{Any, TypeId};
use std::fmt;
use std::future::{Future, poll_fn};
use std::marker::PhantomData;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};
use std::time::Duration;

use crate::clock::Nanos;
use crate::seed;
use crate::step::{self, Step};
use crate::wait::Token;
use crate::world::{Core, Kind, Process, Program, try_with, with};

/// A request of one kind. `NAME` is how rules and traces call it.
pub trait Request: 'static {
    type Reply: 'static;
    const NAME: &'static str;

    /// One line for the trace.
    fn describe(&self) -> String {
        Self::NAME.to_owned()
    }

    /// What of the content goes into the digest.
    fn fingerprint(&self) -> u64 {
        0
    }

    /// Whether it touches nothing, where it arrives, that other statements' messages touch, but
    /// numbers that are given in order.
    fn is_own(&self) -> bool {
        false
    }
}

/// Why a call has no reply.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CallError {
    /// Nobody listened: it did not run.
    Refused,
    /// The connection is gone: whether it ran is not known.
    Broken,
    /// The deadline passed: whether it ran, or will run, is not known.
    Deadline,
}

impl fmt::Display for CallError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            CallError::Refused => "connection refused",
            CallError::Broken => "connection broken",
            CallError::Deadline => "deadline exceeded",
        })
    }
}

/// The name's hash, once a type.
struct NameHash<R>(PhantomData<R>);

impl<R: Request> NameHash<R> {
    const HASH: u64 = const_hash(R::NAME.as_bytes());
}

const fn const_hash(bytes: &[u8]) -> u64 {
    let mut state = 0xcbf2_9ce4_8422_2325u64;
    let mut i = 0;
    while i < bytes.len() {
        state = (state ^ bytes[i] as u64).wrapping_mul(0x0000_0100_0000_01b3);
        i += 1;
    }
    state
}

/// A call that somebody waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct CallRef {
    pub slot: u32,
    pub generation: u32,
    pub caller: Program,
}

/// The caller's end of a call.
pub(crate) struct CallSlot {
    /// Raised whenever the slot is freed: replies to an earlier call miss.
    pub generation: u32,
    pub deadline: Option<Nanos>,
    /// When the slot's one heap entry comes up, if it has one.
    pub armed: Option<Nanos>,
    pid: u32,
    to: Program,
    pub caller: Program,
    pub token: Option<Token>,
    open: bool,
    waiting: bool,
    reply: Option<Result<Box<dyn Any>, CallError>>,
}

impl CallSlot {
    /// The caller, if this call waits for an answer of `program`.
    pub fn waits_for(&self, program: Program) -> Option<Program> {
        (self.open && self.reply.is_none() && self.to == program).then_some(self.caller)
    }
}

enum Body {
    Request { call: Option<CallRef>, payload: Rc<dyn Any>, describe: fn(&dyn Any) -> String },
    Reply { call: CallRef, reply: Result<Box<dyn Any>, CallError> },
}

/// What the network carries.
pub(crate) struct Message {
    pub from: Program,
    pub to: Program,
    /// The receiver's life that a request is meant for. A reply finds its call by generation.
    pub life: u32,
    pub token: Option<Token>,
    pub request: TypeId,
    pub name: &'static str,
    pub hash: u64,
    pub is_own: bool,
    body: Body,
}

impl Message {
    pub fn is_reply(&self) -> bool {
        matches!(self.body, Body::Reply { .. })
    }

    pub fn call_ref(&self) -> Option<CallRef> {
        match &self.body {
            Body::Request { call, .. } => *call,
            Body::Reply { call, .. } => Some(*call),
        }
    }

    pub fn describe(&self) -> String {
        match &self.body {
            Body::Request { payload, describe, .. } => describe(&**payload),
            Body::Reply { reply: Ok(_), .. } => format!("reply to {}", self.name),
            Body::Reply { reply: Err(error), .. } => format!("{error}"),
        }
    }

    /// The same single message once more; a call has no copy.
    pub fn copy(&self) -> Option<Message> {
        let Body::Request { call: None, payload, describe } = &self.body else { return None };
        let body = Body::Request { call: None, payload: Rc::clone(payload), describe: *describe };
        Some(Message { body, ..*self })
    }

    /// What tells the caller that this message's connection is gone; None if nobody waits.
    pub fn broken(&self, error: CallError) -> Option<Message> {
        let call = self.call_ref()?;
        let mut notice = Message::failure(self.to, call, error);
        notice.token = self.token;
        if self.is_reply() {
            notice.from = self.from;
        }
        Some(notice)
    }

    pub fn failure(from: Program, call: CallRef, error: CallError) -> Message {
        Message {
            from,
            to: call.caller,
            life: 0,
            token: None,
            request: TypeId::of::<CallError>(),
            name: "failure",
            hash: 1 + error as u64,
            is_own: false,
            body: Body::Reply { call, reply: Err(error) },
        }
    }

    pub fn with_token(mut self, token: Option<Token>) -> Message {
        self.token = token;
        self
    }

    pub fn into_incoming(self) -> Incoming {
        let from = self.from;
        match self.body {
            Body::Request { call, payload, .. } => Incoming { call, payload, from },
            Body::Reply { call, .. } => Incoming { call: Some(call), payload: Rc::new(()), from },
        }
    }
}

/// A request on a worker's desk.
pub(crate) struct Incoming {
    pub call: Option<CallRef>,
    pub payload: Rc<dyn Any>,
    pub from: Program,
}

/// Makes a worker of a service.
pub(crate) type ServiceFactory = Rc<dyn Fn(Process) -> Pin<Box<dyn Future<Output = ()>>>>;

impl Core {
    fn open_call(&mut self, process: Process, to: Program) -> CallRef {
        let token = self.token_of(process.pid);
        let (pid, caller) = (process.pid, process.program);
        if let Some(slot) = self.free_calls.pop() {
            let call = &mut self.calls[slot as usize];
            (call.pid, call.to, call.caller, call.token, call.open) =
                (pid, to, caller, token, true);
            return CallRef { slot, generation: call.generation, caller };
        }
        let (deadline, armed, reply) = (None, None, None);
        self.calls.push(CallSlot {
            generation: 0,
            deadline,
            armed,
            pid,
            to,
            caller,
            token,
            open: true,
            waiting: false,
            reply,
        });
        CallRef { slot: self.calls.len() as u32 - 1, generation: 0, caller }
    }

    fn close_call(&mut self, call: CallRef) -> Option<Result<Box<dyn Any>, CallError>> {
        let slot = &mut self.calls[call.slot as usize];
        if slot.generation != call.generation {
            return None;
        }
        slot.generation += 1;
        slot.open = false;
        slot.waiting = false;
        let reply = slot.reply.take();
        if slot.deadline.take().is_some()
            && let Some(token) = slot.token
        {
            self.tokens[token.0 as usize].deadlines -= 1;
        }
        self.free_calls.push(call.slot);
        reply
    }

    /// A reply has arrived; one that nobody waits for is dropped by the caller of this.
    pub fn take_reply(&mut self, message: Message) {
        let Body::Reply { call, reply } = message.body else { return };
        let slot = &mut self.calls[call.slot as usize];
        if slot.generation != call.generation || slot.reply.is_some() {
            return;
        }
        slot.reply = Some(reply);
        let (waiting, pid) = (slot.waiting, slot.pid);
        if waiting {
            self.wake(pid);
        }
    }

    pub fn fire_deadline(&mut self, index: u32) {
        let slot = &mut self.calls[index as usize];
        slot.deadline = None;
        if let Some(token) = slot.token {
            self.tokens[token.0 as usize].deadlines -= 1;
        }
        let slot = &mut self.calls[index as usize];
        if slot.reply.is_some() {
            return;
        }
        slot.reply = Some(Err(CallError::Deadline));
        let (waiting, pid) = (slot.waiting, slot.pid);
        self.event(Kind::Deadline, pid.into(), || format!("a call of process {pid} timed out"));
        if waiting {
            self.wake(pid);
        }
    }

    fn set_deadline(&mut self, call: CallRef, deadline: Nanos) {
        let slot = &mut self.calls[call.slot as usize];
        let first = slot.deadline.replace(deadline).is_none();
        let token = slot.token;
        let armed = slot.armed.is_some_and(|armed| armed <= deadline);
        if !armed {
            slot.armed = Some(deadline);
            self.push_deadline(deadline, call.slot);
        }
        if first && let Some(token) = token {
            self.tokens[token.0 as usize].deadlines += 1;
        }
    }
}

/// A call in progress; dropping it gives it up, and its reply finds nobody.
pub struct Call<R: Request> {
    call: CallRef,
    process: Process,
    request: PhantomData<R>,
}

impl<R: Request> Call<R> {
    /// Gives up after `timeout`, by the caller's clock.
    pub fn within(self, timeout: Duration) -> Call<R> {
        with(|core| {
            let transit = core.clock_of(self.process.program).true_nanos(timeout);
            let deadline = core.now.saturating_add(transit);
            core.set_deadline(self.call, deadline);
        });
        self
    }
}

impl<R: Request> Future for Call<R> {
    type Output = Result<R::Reply, CallError>;

    fn poll(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Self::Output> {
        let mut to = None;
        let reply = with(|core| {
            let slot = &mut core.calls[self.call.slot as usize];
            to = Some(slot.to);
            if slot.generation != self.call.generation {
                return Some(Err(CallError::Broken));
            }
            if slot.reply.is_none() {
                slot.waiting = true;
                return None;
            }
            core.close_call(self.call)
        });
        if let (Some(to), true) = (to, reply.is_some()) {
            step::tell(self.process.program, Step::Answered(R::NAME, to));
        }
        match reply {
            None => Poll::Pending,
            Some(Err(error)) => Poll::Ready(Err(error)),
            Some(Ok(reply)) => {
                let reply = reply.downcast::<R::Reply>().expect("a service replies by its type");
                Poll::Ready(Ok(*reply))
            }
        }
    }
}

impl<R: Request> Drop for Call<R> {
    fn drop(&mut self) {
        // The reply may hold what comes back into the World when dropped: not under the borrow.
        let reply = try_with(|core| core.close_call(self.call));
        drop(reply);
    }
}

fn describe<R: Request>(payload: &dyn Any) -> String {
    payload.downcast_ref::<R>().map_or_else(|| R::NAME.to_owned(), R::describe)
}

impl Process {
    /// Sends a request; the reply is awaited, or given up by dropping the call.
    pub fn call<R: Request>(self, to: Program, request: R) -> Call<R> {
        step::tell(self.program, Step::Calling(R::NAME, to));
        let call = with(|core| {
            let call = core.open_call(self, to);
            core.send(self.message::<R>(core, to, Some(call), request));
            call
        });
        Call { call, process: self, request: PhantomData }
    }

    /// Sends a single message, which can be lost and can arrive twice.
    pub fn send<R: Request>(self, to: Program, request: R) {
        step::tell(self.program, Step::Sending(R::NAME, to));
        with(|core| core.send(self.message::<R>(core, to, None, request)));
    }

    fn message<R: Request>(
        self,
        core: &Core,
        to: Program,
        call: Option<CallRef>,
        request: R,
    ) -> Message {
        Message {
            from: self.program,
            to,
            life: core.life(to),
            token: core.token_of(self.pid),
            request: TypeId::of::<R>(),
            name: R::NAME,
            hash: NameHash::<R>::HASH ^ request.fingerprint(),
            is_own: request.is_own(),
            body: Body::Request { call, payload: Rc::new(request), describe: describe::<R> },
        }
    }

    /// Answers requests of this kind from now on, each in a worker of its own. An idle worker is
    /// used again; a new one is made only when all are busy.
    pub fn serve<R, F>(self, handler: impl Fn(Process, Rc<R>) -> F + 'static)
    where
        R: Request,
        F: Future<Output = R::Reply> + 'static,
    {
        self.serve_from(move |process, _, request| handler(process, request));
    }

    /// As [`Process::serve`], for who must know which program asks.
    pub fn serve_from<R, F>(self, handler: impl Fn(Process, Program, Rc<R>) -> F + 'static)
    where
        R: Request,
        F: Future<Output = R::Reply> + 'static,
    {
        let handler = Rc::new(handler);
        let factory: ServiceFactory = Rc::new(move |process| {
            let handler = Rc::clone(&handler);
            Box::pin(async move { work::<R, F>(process, &*handler).await })
        });
        with(|core| core.add_service(self.program, TypeId::of::<R>(), factory));
    }
}

/// The life of a worker: take a request, answer it, be idle.
async fn work<R, F>(process: Process, handler: &dyn Fn(Process, Program, Rc<R>) -> F)
where
    R: Request,
    F: Future<Output = R::Reply> + 'static,
{
    loop {
        let incoming = poll_fn(|_| match with(|core| core.take_incoming(process.pid)) {
            Some(incoming) => Poll::Ready(incoming),
            None => Poll::Pending,
        })
        .await;
        let request = incoming.payload.downcast::<R>().expect("a service is found by its type");
        let reply = handler(process, incoming.from, request).await;
        with(|core| {
            if let Some(call) = incoming.call {
                core.send(reply_message::<R>(core, process, call, reply));
            }
            core.worker_is_idle(process.pid, TypeId::of::<R>());
        });
    }
}

fn reply_message<R: Request>(
    core: &Core,
    process: Process,
    call: CallRef,
    reply: R::Reply,
) -> Message {
    Message {
        from: process.program,
        to: call.caller,
        life: 0,
        token: core.token_of(process.pid),
        request: TypeId::of::<R>(),
        name: R::NAME,
        hash: seed::mix(NameHash::<R>::HASH, 2),
        is_own: false,
        body: Body::Reply { call, reply: Ok(Box::new(reply)) },
    }
}
