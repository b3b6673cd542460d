//! A client: a session on a vtgate, and the statements that it sends, one after the other.
//!
//! The session is opened with the first statement, and again with the next one where the connection
//! was lost. What is sent while a statement is under way waits in the client, as in an application
//! with one connection.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::rc::Rc;

use sim::wait::Token;
use sim::world::{Process, Program, World};

use super::result;
use crate::history::{self, Answer, Event};
use crate::rpc::{OpenSession, Query};

/// See the [module](self).
pub struct Client {
    pub program: Program,
    connection: Connection,
    queue: Rc<RefCell<Queue>>,
}

/// Where a client's statements go.
#[derive(Clone)]
struct Connection {
    name: Rc<str>,
    vtgate: Program,
    target: Rc<str>,
    /// At the vtgate; none before the first statement and after a lost connection.
    id: Rc<RefCell<Option<u64>>>,
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
pub type Cell = Rc<RefCell<Option<Answer>>>;

impl Client {
    pub fn new(name: &str, program: Program, vtgate: Program, target: &str) -> Client {
        let id = Rc::default();
        let connection = Connection { name: name.into(), vtgate, target: target.into(), id };
        Client { program, connection, queue: Rc::default() }
    }

    /// Sends a statement now.
    pub fn ask(&self, world: &mut World, sql: &str) -> (Token, Cell) {
        let token = world.token(&format!("session {}: {sql}", self.connection.name));
        let answer: Cell = Rc::default();
        let (connection, cell) = (self.connection.clone(), Rc::clone(&answer));
        let sql: Rc<str> = sql.into();
        world.spawn(self.program, Some(token), "statement", move |process| {
            Box::pin(async move {
                let said = connection.ask(process, &sql).await;
                *cell.borrow_mut() = Some(said);
            })
        });
        (token, answer)
    }

    /// Sends a statement as soon as those before it are answered.
    pub fn send(&self, world: &mut World, sql: &str) {
        let mut queue = self.queue.borrow_mut();
        queue.waiting.push_back(sql.into());
        if queue.token.is_some() {
            return;
        }
        let token = world.token(&format!("session {}", self.connection.name));
        queue.token = Some(token);
        let (connection, queue) = (self.connection.clone(), Rc::clone(&self.queue));
        world.spawn(self.program, Some(token), "statements", move |process| {
            Box::pin(async move {
                loop {
                    let next = queue.borrow_mut().waiting.pop_front();
                    let Some(sql) = next else { break };
                    let answer = connection.ask(process, &sql).await;
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
}

impl Connection {
    async fn ask(&self, process: Process, sql: &Rc<str>) -> Answer {
        let ask = history::next_ask();
        let session = Rc::clone(&self.name);
        history::emit(Event::Asked { session, ask, sql: Rc::clone(sql) });
        let answer = self.answer(process, sql).await;
        let session = Rc::clone(&self.name);
        history::emit(Event::Answered { session, ask, answer: answer.clone() });
        answer
    }

    async fn answer(&self, process: Process, sql: &Rc<str>) -> Answer {
        let known = *self.id.borrow();
        let session = match known {
            Some(session) => session,
            None => {
                let open =
                    OpenSession { name: Rc::clone(&self.name), target: Rc::clone(&self.target) };
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
            Ok(Err(error)) => Answer::Error(error),
            Err(_) => {
                *self.id.borrow_mut() = None;
                Answer::Unknown("connection lost".into())
            }
        }
    }
}
