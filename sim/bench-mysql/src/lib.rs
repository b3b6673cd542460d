//! The same prepared statements on the MySQL model and on SQLite in memory, for `benches/mysql.rs`.
//!
//! The model is driven as mysqld drives it: a parsed statement and its binds, started and stepped
//! until it is done. SQLite has prepared statements and a B-tree and no rows that are locked one by
//! one; where it has nothing to compare, the bench says what it does instead.

use std::sync::Arc;

use sim::mysql::execution::{Execution, Step};
use sim::mysql::gtid::ServerUuid;
use sim::mysql::options::Options;
use sim::mysql::outcome::Outcome;
use sim::mysql::server::Server;
use sim::mysql::session::ConnectionId;
use sim::sql::ast::Statement;
use sim::sql::parse;
use sim::value::{Bind, Binds, Value};

/// The number of rows in `t`.
pub const ROWS: i64 = 10_000;

pub const CREATE: &str = "create table t (id integer primary key, k integer, v varchar(40))";

pub struct Model {
    pub server: Server,
}

/// A statement as a client has prepared it, with the values that are bound to it.
pub struct Prepared {
    statement: Arc<Statement>,
    binds: Arc<Binds>,
}

impl Prepared {
    pub fn new(text: &str) -> Prepared {
        let statement = Arc::new(parse(text).expect("a statement of the bench parses"));
        Prepared { statement, binds: Arc::default() }
    }

    /// Binds `:a`, `:b` .. in order. As in SQLite, a statement keeps its parameters and is given
    /// new values.
    pub fn bind(&mut self, values: &[i64]) -> &Prepared {
        let binds = Arc::make_mut(&mut self.binds);
        for (name, value) in ["a", "b"].into_iter().zip(values) {
            let value = Bind::Value(Value::Int(*value));
            match binds.get_mut(name) {
                Some(own) => *own = value,
                None => drop(binds.insert(name.into(), value)),
            }
        }
        self
    }
}

impl Model {
    /// A server with the table and its rows.
    pub fn new() -> Model {
        let server = Server::new(Options::new(ServerUuid([1; 16]), 1));
        let mut model = Model { server };
        let setup = model.connect(None);
        model.run(setup, &Prepared::new("create database d"));
        let setup = model.connect(Some("d"));
        model.run(setup, &Prepared::new(CREATE));
        let mut insert = Prepared::new("insert into t values (:a, :b, 'a value of twenty four.')");
        model.run(setup, &Prepared::new("begin"));
        for id in 1..=ROWS {
            model.run(setup, insert.bind(&[id, id % 100]));
        }
        model.run(setup, &Prepared::new("commit"));
        model.purge();
        model
    }

    /// What a server's background threads do: old versions go, and the binlog's old files.
    pub fn purge(&mut self) {
        self.server.purge();
        self.server.durable_mut().rotate_binlog();
        if let Some(last) = self.server.durable().files.all().last().map(|file| file.name()) {
            self.server.purge_binlog_to(&last).expect("the file is there");
        }
    }

    pub fn connect(&mut self, database: Option<&str>) -> ConnectionId {
        self.server.connect("root", database)
    }

    /// Runs a statement that waits for nobody.
    pub fn run(&mut self, connection: ConnectionId, prepared: &Prepared) -> Outcome {
        let mut execution = self.start(connection, prepared);
        self.finish(&mut execution)
    }

    pub fn start(&mut self, connection: ConnectionId, prepared: &Prepared) -> Execution {
        let now = jiff::Timestamp::UNIX_EPOCH;
        self.server.start(connection, &prepared.statement, &prepared.binds, now)
    }

    /// Steps to the end; syncs take no time.
    pub fn finish(&mut self, execution: &mut Execution) -> Outcome {
        loop {
            match self.server.step(execution) {
                Step::Done(result) => return result.expect("a statement of the bench succeeds"),
                Step::Sync(_) => {}
                Step::Wait(wait) => panic!("nobody is in the way: {}", wait.describe()),
            }
        }
    }

    /// Steps into a wait.
    pub fn block(&mut self, execution: &mut Execution) {
        match self.server.step(execution) {
            Step::Wait(_) => {}
            _ => panic!("the statement should wait"),
        }
    }
}

impl Default for Model {
    fn default() -> Model {
        Model::new()
    }
}

/// SQLite with the same table and rows, for one connection.
pub fn sqlite() -> rusqlite::Connection {
    filled(rusqlite::Connection::open_in_memory().expect("SQLite opens a database in memory"))
}

/// Two connections to the same. They share a cache, which costs each a little more.
pub fn sqlite_for_two() -> (rusqlite::Connection, rusqlite::Connection) {
    let open = || {
        let uri = "file:two?mode=memory&cache=shared";
        rusqlite::Connection::open(uri).expect("SQLite opens a database in memory")
    };
    (filled(open()), open())
}

fn filled(connection: rusqlite::Connection) -> rusqlite::Connection {
    connection.execute_batch(CREATE).expect("a new database");
    connection.execute_batch("begin").expect("no transaction");
    {
        let mut insert = connection
            .prepare("insert into t values (?1, ?2, 'a value of twenty four.')")
            .expect("the table is there");
        for id in 1..=ROWS {
            insert.execute([id, id % 100]).expect("a new row");
        }
    }
    connection.execute_batch("commit").expect("a transaction");
    connection
}
