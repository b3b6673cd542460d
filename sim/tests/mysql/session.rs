//! Named sessions on one server, driven a step at a time.

use std::collections::BTreeMap;

use sim::mysql::execution::{Cancel, Execution, Step};
use sim::mysql::gtid::ServerUuid;
use sim::mysql::lock::queue::GrantOrder;
use sim::mysql::options::Options;
use sim::mysql::outcome::Outcome;
use sim::mysql::server::Server;
use sim::mysql::session::ConnectionId;
use sim::sql_error::SqlError;

pub struct Sessions {
    pub server: Server,
    connections: BTreeMap<String, ConnectionId>,
    waiting: BTreeMap<String, (Execution, String)>,
}

const A: &str =
    "create table a (id int primary key, u int, k int, v int, unique key uu (u), key kk (k));
    insert into a values (10,10,10,0), (20,20,20,0), (30,30,30,0), (40,40,40,0), (50,50,50,0), \
    (60,null,60,0), (1000,1000,1000,0), (2000,2000,2000,0), (3000,3000,3000,0)";
const L: &str = "create table lk (f int primary key, t varchar(8)); \
    insert into lk values (10,'a'), (20,'b'), (30,'c')";
const B: &str = "create table b (id int primary key, v int); \
    insert into b values (10,0), (20,1), (30,0)";
const C: &str = "create table c (x int, y int, p int, q int, primary key (x, y), \
    unique key pq (p, q)); \
    insert into c values (10,1,10,1), (20,1,20,1), (20,5,20,5), (30,1,30,1)";
/// Hermitage's table.
const H: &str = "create table test (id int primary key, value int); \
    insert into test (id, value) values (1, 10), (2, 20)";

impl Sessions {
    /// A fresh server with these fixtures in database `te`.
    pub fn new(fixtures: &str) -> Sessions {
        Sessions::with(fixtures, GrantOrder::Cats)
    }

    pub fn with(fixtures: &str, grant_order: GrantOrder) -> Sessions {
        let options = Options::new(ServerUuid([1; 16]), 1);
        let server = Server::new(Options { grant_order, ..options });
        let mut sessions =
            Sessions { server, connections: BTreeMap::new(), waiting: BTreeMap::new() };
        sessions.run("setup", "create database te");
        sessions.run("setup", "use te");
        for letter in fixtures.chars() {
            let text = match letter {
                'A' => A,
                'L' => L,
                'B' => B,
                'C' => C,
                'H' => H,
                other => panic!("no fixture {other}"),
            };
            for statement in text.split(';') {
                let result = sessions.run("setup", statement.trim());
                assert!(!result.contains("ERROR"), "{statement}: {result}");
            }
        }
        sessions
    }

    /// Runs a statement to its end or its wait, and then everybody whom that woke. Says what came
    /// of it: `ok(1); S2< ERROR 1062`.
    pub fn run(&mut self, session: &str, text: &str) -> String {
        let connection = self.connection(session);
        if self.waiting.contains_key(session) {
            return "is waiting already".to_string();
        }
        let execution = self.server.start_text(connection, text, jiff::Timestamp::UNIX_EPOCH);
        let mut results = vec![self.step(session, execution, text.to_string())];
        self.wake(&mut results);
        // Who waited only for a deadlock's victim has not waited for a user.
        let own = format!("{session}< ");
        if let Some(at) = results.iter().position(|result| result.starts_with(&own)) {
            results[0] = results.remove(at)[own.len()..].to_string();
        }
        results.join("; ")
    }

    /// Ends a session's wait from outside.
    pub fn cancel(&mut self, session: &str, reason: Cancel) -> String {
        let (execution, text) = self.waiting.remove(session).expect("the session waits");
        let result = self.server.cancel(execution, reason);
        let mut results = vec![format!("{session}< {}", show(&text, &result))];
        self.wake(&mut results);
        results.join("; ")
    }

    pub fn is_waiting(&self, session: &str) -> bool {
        self.waiting.contains_key(session)
    }

    pub fn connection(&mut self, session: &str) -> ConnectionId {
        if let Some(connection) = self.connections.get(session) {
            return *connection;
        }
        let database = self.server.tables().next().map(|_| "te");
        let connection = self.server.connect("root", database);
        self.connections.insert(session.to_string(), connection);
        connection
    }

    pub fn name(&self, connection: ConnectionId) -> String {
        let found = self.connections.iter().find(|(_, own)| **own == connection);
        found.map_or_else(|| connection.to_string(), |(name, _)| name.clone())
    }

    fn wake(&mut self, results: &mut Vec<String>) {
        loop {
            let granted = self.server.take_granted();
            if granted.is_empty() {
                return;
            }
            for connection in granted {
                let name = self.name(connection);
                let Some((execution, text)) = self.waiting.remove(&name) else { continue };
                let result = self.step(&name, execution, text);
                if !self.is_waiting(&name) {
                    results.push(format!("{name}< {result}"));
                }
            }
        }
    }

    fn step(&mut self, session: &str, mut execution: Execution, text: String) -> String {
        loop {
            match self.server.step(&mut execution) {
                Step::Done(result) => return show(&text, &result),
                Step::Sync(_) => {}
                Step::Wait(wait) => {
                    let mut holders: Vec<String> =
                        wait.holders.iter().map(|holder| self.name(*holder)).collect();
                    holders.sort();
                    self.waiting.insert(session.to_string(), (execution, text));
                    return format!("blocked by {}", holders.join(","));
                }
            }
        }
    }
}

fn show(text: &str, result: &Result<Outcome, SqlError>) -> String {
    let outcome = match result {
        Err(error) => return format!("ERROR {}", error.errno),
        Ok(outcome) => outcome,
    };
    if outcome.is_result_set() {
        if outcome.rows.is_empty() {
            return "empty".to_string();
        }
        let row = |row: &sim::value::Row| {
            let values: Vec<String> = row.iter().map(|value| value.to_string()).collect();
            format!("({})", values.join(","))
        };
        let rows: Vec<String> = outcome.rows.iter().map(row).collect();
        return format!("rows {}", rows.join(" "));
    }
    match text.split_whitespace().next() {
        Some("update") => format!("ok({})", outcome.matched),
        Some("insert" | "delete" | "replace") => format!("ok({})", outcome.affected),
        _ => "ok".to_string(),
    }
}
