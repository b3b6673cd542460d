//! The one server: a simulated MySQL with a session for each client.
//!
//! A statement runs to its end at once. One that waits for a lock, as only a second transaction
//! makes it, is given up.

use std::collections::BTreeMap;
use std::rc::Rc;
use std::sync::Arc;

use sim::mysql::execution::{Cancel, Step};
use sim::mysql::options::Options;
use sim::mysql::outcome::Outcome;
use sim::mysql::server::Server;
use sim::mysql::session::ConnectionId;
use sim::mysql::statement::show::create_text;
use sim::sql::ast::Statement;
use sim::sql_error::SqlError;
use sim::value::{Bind, Binds, Row};

use super::tables::TwinTable;

/// See the [module](self).
pub struct OneServer {
    server: Server,
    connections: BTreeMap<Rc<str>, ConnectionId>,
}

/// Why a statement has no result here: it waits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Waits;

impl OneServer {
    pub fn new() -> OneServer {
        // Nobody follows it.
        let options = Options { log_bin: false, ..Options::defaults() };
        OneServer { server: Server::new(options), connections: BTreeMap::new() }
    }

    /// Makes a table and fills it; an error where the server would not have it.
    pub fn add(&mut self, table: &TwinTable, rows: &[Row]) -> Result<(), SqlError> {
        let own: Rc<str> = "".into();
        let (keyspace, name) = (&table.keyspace, &table.schema.name);
        let mut definition = create_text(&table.schema, 1);
        for (number, columns) in table.unique.iter().enumerate() {
            let columns: Vec<String> = columns.iter().map(|name| format!("`{name}`")).collect();
            let index = format!(",\n  unique key `twin_{number}` ({})\n)", columns.join(", "));
            if let Some(end) = definition.rfind("\n)") {
                definition.replace_range(end..end + 2, &index);
            }
        }
        self.text(&own, &format!("create database if not exists `{keyspace}`"))?;
        self.text(&own, &format!("use `{keyspace}`"))?;
        self.text(&own, &definition)?;
        for row in rows {
            let names: Vec<String> = (0..row.len()).map(|at| format!(":v{at}")).collect();
            let sql = format!("insert into `{keyspace}`.`{name}` values ({})", names.join(", "));
            let named = |(at, value): (usize, &sim::value::Value)| {
                (format!("v{at}").into(), Bind::Value(value.clone()))
            };
            let binds: Binds = row.iter().enumerate().map(named).collect();
            let statement = parse(&sql)?;
            self.run(&own, &statement, &Arc::new(binds))
                .unwrap_or_else(|Waits| Ok(Outcome::default()))?;
        }
        Ok(())
    }

    /// Runs what is written; what waits has an empty result.
    pub fn text(&mut self, session: &Rc<str>, sql: &str) -> Result<Outcome, SqlError> {
        let statement = parse(sql)?;
        self.run(session, &statement, &Arc::default())
            .unwrap_or_else(|Waits| Ok(Outcome::default()))
    }

    pub fn run(
        &mut self,
        session: &Rc<str>,
        statement: &Arc<Statement>,
        binds: &Arc<Binds>,
    ) -> Result<Result<Outcome, SqlError>, Waits> {
        let connection = self.connection(session);
        let now = jiff::Timestamp::UNIX_EPOCH;
        let mut execution = self.server.start(connection, statement, binds, now);
        loop {
            match self.server.step(&mut execution) {
                Step::Done(result) => return Ok(result),
                Step::Sync(_) => {}
                Step::Wait(_) => {
                    let _ = self.server.cancel(execution, Cancel::Killed);
                    return Err(Waits);
                }
            }
        }
    }

    /// Nothing is open in a session.
    pub fn is_at_rest(&mut self, session: &Rc<str>) -> bool {
        let connection = self.connection(session);
        !self.server.in_transaction(connection)
    }

    /// A table's rows.
    pub fn rows(&self, keyspace: &str, table: &str) -> Vec<Row> {
        let mut tables = self.server.tables();
        let is = |schema: &sim::mysql::schema::Table| {
            *schema.database == *keyspace && *schema.name == *table
        };
        tables.find(|image| is(&image.schema)).map(|image| image.rows).unwrap_or_default()
    }

    fn connection(&mut self, session: &Rc<str>) -> ConnectionId {
        if let Some(known) = self.connections.get(session) {
            return *known;
        }
        let connection = self.server.connect("twin", None);
        self.connections.insert(Rc::clone(session), connection);
        connection
    }
}

fn parse(sql: &str) -> Result<Arc<Statement>, SqlError> {
    sim::sql::parse_once(sql).map_err(|error| SqlError::new(1064, "42000", error.to_string()))
}
