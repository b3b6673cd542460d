//! A client: a session on a vtgate, and the statements that it sends, one after the other.
//!
//! The session is opened with the first statement, and again with the next one where the connection
//! was lost: under another name, since its vtgate may not have done with the one before. What is
//! sent while a statement is under way waits in the client, as in an application
//! with one connection. A client may have a limit for an answer; when it has passed, the client
//! closes the connection, and never learns what came of the statement.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::rc::Rc;
use std::time::Duration;

use sim::wait::Token;
use sim::world::{Process, Program, fault};

use super::result;
use crate::history::{self, Answer, AskId, Event};
use crate::rpc::{CloseSession, OpenSession, Query};

/// `CR_SERVER_GONE_ERROR`.
const GONE: u16 = 2006;

/// See the [module](self).
#[derive(Clone)]
pub struct Client {
    pub program: Program,
    connection: Connection,
    queue: Rc<RefCell<Queue>>,
}

/// Where a client's statements go.
#[derive(Clone)]
struct Connection {
    client: Rc<str>,
    vtgate: Program,
    target: Rc<str>,
    /// The name of the last one that was opened.
    session: Rc<RefCell<Rc<str>>>,
    /// How many were.
    opened: Rc<Cell<u32>>,
    /// At the vtgate; none before the first statement and after a lost connection.
    id: Rc<RefCell<Option<u64>>>,
    /// How long it waits for an answer.
    limit: Rc<Cell<Option<Duration>>>,
    asked: Rc<RefCell<Option<Asked>>>,
}

/// The statement that is under way.
struct Asked {
    ask: AskId,
    sql: Rc<str>,
    /// Where somebody waits for the answer.
    cell: Option<Answered>,
}

/// Statements that were sent and wait for those before them, and what the others came to.
#[derive(Default)]
struct Queue {
    waiting: VecDeque<Rc<str>>,
    answers: VecDeque<(Rc<str>, Answer)>,
    /// Of the process that sends them, while there is one.
    token: Option<Token>,
}

/// Where an answer will be.
pub type Answered = Rc<RefCell<Option<Answer>>>;

impl Client {
    pub fn new(name: &str, program: Program, vtgate: Program, target: &str) -> Client {
        let connection = Connection {
            client: name.into(),
            vtgate,
            target: target.into(),
            session: Rc::new(RefCell::new(name.into())),
            opened: Rc::default(),
            id: Rc::default(),
            limit: Rc::default(),
            asked: Rc::default(),
        };
        Client { program, connection, queue: Rc::default() }
    }

    /// Sends a statement now.
    pub fn ask(&self, sql: &str) -> (Token, Answered) {
        let token = fault::token(&format!("session {}: {sql}", self.connection.client));
        let answer: Answered = Rc::default();
        let (connection, cell) = (self.connection.clone(), Rc::clone(&answer));
        let sql: Rc<str> = sql.into();
        fault::spawn(self.program, Some(token), "statement", move |process| {
            Box::pin(async move {
                let said = connection.ask(process, &sql, Some(Rc::clone(&cell))).await;
                *cell.borrow_mut() = Some(said);
            })
        });
        (token, answer)
    }

    /// Sends a statement as soon as those before it are answered.
    pub fn send(&self, sql: &str) {
        self.queue.borrow_mut().waiting.push_back(sql.into());
        if self.queue.borrow().token.is_none() {
            self.send_waiting();
        }
    }

    fn send_waiting(&self) {
        let token = fault::token(&format!("session {}", self.connection.client));
        self.queue.borrow_mut().token = Some(token);
        let (connection, queue) = (self.connection.clone(), Rc::clone(&self.queue));
        fault::spawn(self.program, Some(token), "statements", move |process| {
            Box::pin(async move {
                loop {
                    let next = queue.borrow_mut().waiting.pop_front();
                    let Some(sql) = next else { break };
                    let answer = connection.ask(process, &sql, None).await;
                    queue.borrow_mut().answers.push_back((sql, answer));
                }
                queue.borrow_mut().token = None;
            })
        });
    }

    /// Says whether statements that were sent are not answered yet.
    pub fn is_sending(&self) -> impl Fn() -> bool + use<> {
        let queue = Rc::clone(&self.queue);
        move || queue.borrow().token.is_some()
    }

    /// Answers to what was sent, since they were last taken.
    pub fn take_answers(&self) -> Vec<(Rc<str>, Answer)> {
        self.queue.borrow_mut().answers.drain(..).collect()
    }

    /// The name of its present connection in the history; between two, that of the last.
    pub fn session(&self) -> Rc<str> {
        self.connection.session()
    }

    /// The statement that is under way.
    pub fn asked(&self) -> Option<Rc<str>> {
        self.connection.asked.borrow().as_ref().map(|asked| Rc::clone(&asked.sql))
    }

    /// How long it waits for an answer from now on.
    pub fn set_limit(&self, limit: Option<Duration>) {
        self.connection.limit.set(limit);
    }

    /// Its connection is gone, in the middle of whatever it did. What it has not sent yet goes over
    /// the next one.
    pub fn disconnect(&self) {
        fault::crash(self.program);
        fault::restart(self.program);
        *self.connection.id.borrow_mut() = None;
        let answer = Answer::Unknown("the client has closed the connection".into());
        if let Some(Asked { ask, sql, cell }) = self.connection.asked.borrow_mut().take() {
            let session = self.session();
            history::emit(Event::Answered { session, ask, answer: answer.clone() });
            match cell {
                Some(cell) => *cell.borrow_mut() = Some(answer),
                None => self.queue.borrow_mut().answers.push_back((sql, answer)),
            }
        }
        // Before its first statement there is nobody to miss.
        if 0 < self.connection.opened.get() {
            history::emit(Event::Disconnected { session: self.session() });
        }
        let is_sending = self.queue.borrow_mut().token.take().is_some();
        if is_sending && !self.queue.borrow().waiting.is_empty() {
            self.send_waiting();
        }
    }
}

impl Connection {
    fn session(&self) -> Rc<str> {
        Rc::clone(&self.session.borrow())
    }

    /// The session that a statement is sent in: where there is none, the next one.
    fn session_now(&self) -> Rc<str> {
        if self.id.borrow().is_none() {
            self.opened.set(self.opened.get() + 1);
            let session = history::session_name(&self.client, self.opened.get());
            *self.session.borrow_mut() = Rc::clone(&session);
            let vtgate = fault::name_of(self.vtgate).into();
            history::emit(Event::Opened { session, vtgate, target: Rc::clone(&self.target) });
        }
        self.session()
    }

    async fn ask(&self, process: Process, sql: &Rc<str>, cell: Option<Answered>) -> Answer {
        let (session, ask) = (self.session_now(), history::next_ask());
        history::emit(Event::Asked { session: Rc::clone(&session), ask, sql: Rc::clone(sql) });
        *self.asked.borrow_mut() = Some(Asked { ask, sql: Rc::clone(sql), cell });
        let answer = match process.limit(self.limit.get(), self.answer(process, sql)).await {
            Ok(answer) => answer,
            Err(_) => self.give_up(process),
        };
        *self.asked.borrow_mut() = None;
        history::emit(Event::Answered { session, ask, answer: answer.clone() });
        answer
    }

    /// Nobody waits for the answer any more.
    fn give_up(&self, process: Process) -> Answer {
        if let Some(session) = self.id.borrow_mut().take() {
            process.send(self.vtgate, CloseSession { session });
        }
        Answer::Unknown("no answer within the client's timeout".into())
    }

    async fn answer(&self, process: Process, sql: &Rc<str>) -> Answer {
        let known = *self.id.borrow();
        let session = match known {
            Some(session) => session,
            None => {
                let open = OpenSession { name: self.session(), target: Rc::clone(&self.target) };
                match process.call(self.vtgate, open).await {
                    Ok(session) => session,
                    Err(error) => {
                        return Answer::Unknown(format!("connection lost: {error}").into());
                    }
                }
            }
        };
        *self.id.borrow_mut() = Some(session);
        let sql = result::vertical(sql).unwrap_or(sql).into();
        match process.call(self.vtgate, Query { session, sql }).await {
            Ok(Ok(outcome)) => Answer::Ok(Rc::new(outcome)),
            Ok(Err(error)) => {
                // Its vtgate has begun anew since.
                if error.errno == GONE {
                    *self.id.borrow_mut() = None;
                }
                Answer::Error(error)
            }
            Err(_) => {
                *self.id.borrow_mut() = None;
                Answer::Unknown("connection lost".into())
            }
        }
    }
}
