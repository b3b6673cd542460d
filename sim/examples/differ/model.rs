//! A client's connection to the simulated server.

use std::cell::RefCell;
use std::rc::Rc;

use sim::mysql::execution::{Cancel, Step};
use sim::mysql::options::Options;
use sim::mysql::outcome::Outcome;
use sim::mysql::server::Server;
use sim::mysql::session::ConnectionId;
use sim::sql_error::SqlError;
use sim::value::Value;

use crate::answer::{Answer, Connection, Count, Diagnostic};

/// The server, shared by its connections; one thread.
#[derive(Clone)]
pub struct ModelServer(pub Rc<RefCell<Server>>);

pub struct Model {
    server: ModelServer,
    pub id: ConnectionId,
    count: Count,
}

impl ModelServer {
    pub fn with(options: Options) -> ModelServer {
        ModelServer(Rc::new(RefCell::new(Server::new(options))))
    }

    pub fn connect(&self, count: Count) -> Model {
        let id = self.0.borrow_mut().connect("root@localhost", None);
        Model { server: self.clone(), id, count }
    }
}

/// A statement that would wait for another connection gets 1205 at once: who wants to see it wait
/// steps the server itself.
impl Connection for Model {
    fn query(&mut self, text: &str) -> Answer {
        let mut server = self.server.0.borrow_mut();
        let mut execution = server.start_text(self.id, text, jiff::Timestamp::now());
        loop {
            match server.step(&mut execution) {
                Step::Done(result) => return answer_of(result, self.count),
                Step::Sync(_) => {}
                Step::Wait(_) => {
                    let result = server.cancel(execution, Cancel::Timeout);
                    return answer_of(result, self.count);
                }
            }
        }
    }
}

pub fn answer_of(result: Result<Outcome, SqlError>, count: Count) -> Answer {
    let outcome = match result {
        Ok(outcome) => outcome,
        Err(error) => return Answer::failed(error.errno, error.state, &error.message),
    };
    let diagnostic = |error: &SqlError| Diagnostic {
        errno: error.errno,
        state: String::new(),
        message: error.message.clone(),
    };
    Answer {
        columns: outcome.columns.iter().map(|column| column.name.to_string()).collect(),
        rows: outcome.rows.iter().map(|row| texts_of(&outcome, row)).collect(),
        affected: if count == Count::Matched { outcome.matched } else { outcome.affected },
        last_insert_id: outcome.last_insert_id,
        error: None,
        warnings: outcome.warnings.iter().map(diagnostic).collect(),
    }
}

fn texts_of(outcome: &Outcome, row: &[Value]) -> Vec<Option<Vec<u8>>> {
    outcome.columns.iter().zip(row).map(|(column, value)| column.wire(value)).collect()
}
