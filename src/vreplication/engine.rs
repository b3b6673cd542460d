//! The engine of a tablet: its streams, while the tablet is primary.
//!
//! Opening reads `_vt.vreplication` and starts a controller for every stream; closing stops them
//! all. A statement on the stream tables goes through the engine, so that a changed stream is
//! stopped before and started after. See `go/vt/vttablet/tabletmanager/vreplication/engine.go`.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::rc::Rc;
use std::time::Duration;

use sim::mysql::outcome::Outcome;
use sim::mysql::session::ConnectionId;
use sim::mysqld;
use sim::sql::ast::{Expr, InsertSource, Query, Statement, TableExpr};
use sim::wait::Signal;
use sim::world::{Process, Program};

use super::Options;
use super::controller;
use super::row::{COLUMNS, StreamRow};
use super::source::{Source, run};
use crate::key::Code;
use crate::rpc::Status;
use crate::topo::Alias;

/// A tablet's place in the cluster, for its streams.
pub struct Home {
    pub alias: Alias,
    pub keyspace: Rc<str>,
    pub shard: Rc<str>,
    pub mysqld: Program,
    pub topo: Program,
    pub options: Options,
    /// Finds a tablet's program.
    pub address: Address,
}

/// The program of a tablet, by its alias.
pub type Address = Rc<dyn Fn(&Alias) -> Option<Program>>;

/// See the [module](self).
#[derive(Clone)]
pub struct Engine {
    home: Rc<Home>,
    open: Rc<Cell<bool>>,
    controllers: Rc<RefCell<BTreeMap<i64, Controller>>>,
}

/// A running controller: how to stop it, and how to know that it has.
#[derive(Clone)]
pub struct Controller {
    pub stop: Signal,
    pub stopped: Rc<Cell<bool>>,
    pub ended: Signal,
}

impl Engine {
    pub fn new(home: Home) -> Engine {
        Engine { home: Rc::new(home), open: Rc::default(), controllers: Rc::default() }
    }

    /// Serves as a source of streams, whatever the tablet's type.
    pub fn serve(&self, process: Process) {
        let Home { keyspace, alias, mysqld, topo, options, .. } = &*self.home;
        Source::new(keyspace, &alias.cell, *mysqld, *topo, options).serve(process);
    }

    /// The tablet has become primary.
    pub async fn open(&self, process: Process) {
        self.open.set(true);
        loop {
            match self.read(process, "").await {
                Ok(streams) => {
                    streams.into_iter().for_each(|stream| self.start(process, stream.id));
                    return;
                }
                Err(status) => {
                    process.note(format!("the streams cannot be read: {status}"));
                    process.sleep(Duration::from_secs(1)).await;
                }
            }
        }
    }

    /// The tablet is primary no more.
    pub async fn close(&self, _: Process) {
        self.open.set(false);
        let ids: Vec<i64> = self.controllers.borrow().keys().copied().collect();
        for id in ids {
            self.stop(id).await;
        }
    }

    fn start(&self, process: Process, id: i64) {
        let controller = Controller {
            stop: Signal::default(),
            stopped: Rc::default(),
            ended: Signal::default(),
        };
        self.controllers.borrow_mut().insert(id, controller.clone());
        let home = Rc::clone(&self.home);
        process.spawn_background(&format!("stream {id}"), move |process| async move {
            controller::control(process, &home, id, &controller.stop).await;
            controller.stopped.set(true);
            controller.ended.raise();
        });
    }

    async fn stop(&self, id: i64) {
        let Some(controller) = self.controllers.borrow_mut().remove(&id) else { return };
        let ended = controller.ended.raised();
        controller.stop.raise();
        if !controller.stopped.get() {
            ended.await;
        }
    }

    async fn read(&self, process: Process, filter: &str) -> Result<Vec<StreamRow>, Status> {
        let home = &self.home;
        let connection = connect(process, home, "vreplication engine").await?;
        let sql = format!("select {COLUMNS} from _vt.vreplication{filter}");
        let outcome = run(process, home.mysqld, connection, &sql).await;
        process.send(home.mysqld, mysqld::Quit { connection });
        Ok(StreamRow::read_all(&outcome?))
    }

    /// A statement on the stream tables.
    pub async fn exec(&self, process: Process, query: &str) -> Result<Outcome, Status> {
        if !self.open.get() {
            return Err(Status::new(Code::Unavailable, "vreplication engine is closed"));
        }
        let statement = sim::sql::parse(query)
            .map_err(|error| Status::new(Code::InvalidArgument, error.to_string()))?;
        match check(&statement)? {
            Kind::Select => self.run(process, query).await,
            Kind::Insert => {
                let known: Vec<i64> =
                    self.read(process, "").await?.into_iter().map(|stream| stream.id).collect();
                let outcome = self.run(process, query).await?;
                for stream in self.read(process, "").await? {
                    if !known.contains(&stream.id) {
                        self.start(process, stream.id);
                    }
                }
                Ok(outcome)
            }
            Kind::Update(filter) => {
                let streams = self.read(process, &filter).await?;
                for stream in &streams {
                    self.stop(stream.id).await;
                }
                let outcome = self.run(process, query).await;
                streams.iter().for_each(|stream| self.start(process, stream.id));
                outcome
            }
            Kind::Delete(filter) => {
                let streams = self.read(process, &filter).await?;
                for stream in &streams {
                    self.stop(stream.id).await;
                }
                self.delete(process, query, &streams).await
            }
        }
    }

    async fn run(&self, process: Process, query: &str) -> Result<Outcome, Status> {
        let home = &self.home;
        let connection = connect(process, home, "vreplication exec").await?;
        let outcome = run(process, home.mysqld, connection, query).await;
        process.send(home.mysqld, mysqld::Quit { connection });
        outcome
    }

    /// The streams and what they have copied go in one transaction.
    async fn delete(
        &self,
        process: Process,
        query: &str,
        streams: &[StreamRow],
    ) -> Result<Outcome, Status> {
        let home = &self.home;
        let connection = connect(process, home, "vreplication exec").await?;
        let mut statements = vec!["begin".to_owned(), query.to_owned()];
        for stream in streams {
            let id = stream.id;
            statements.push(format!("delete from _vt.copy_state where vrepl_id = {id}"));
        }
        statements.push("commit".to_owned());
        let mut result = Ok(Outcome::default());
        for (at, statement) in statements.iter().enumerate() {
            let outcome = run(process, home.mysqld, connection, statement).await;
            if at == 1 || outcome.is_err() {
                result = outcome;
            }
            if result.is_err() {
                break;
            }
        }
        process.send(home.mysqld, mysqld::Quit { connection });
        result
    }
}

/// A connection of the engine's own to the tablet's server.
pub async fn connect(process: Process, home: &Home, tag: &str) -> Result<ConnectionId, Status> {
    let connect = mysqld::Connect {
        user: "vt_filtered".into(),
        database: Some(format!("vt_{}", home.keyspace).into()),
        tag: tag.into(),
    };
    let connected = process.call(home.mysqld, connect).within(Duration::from_secs(5)).await;
    connected.map_err(|error| Status::new(Code::Unavailable, error.to_string()))
}

/// A statement that the engine accepts; a change with its filter.
enum Kind {
    Select,
    Insert,
    Update(String),
    Delete(String),
}

fn check(statement: &Statement) -> Result<Kind, Status> {
    let refuse = |text: String| Err::<Kind, _>(Status::new(Code::InvalidArgument, text));
    let table = |name: &sim::sql::ast::TableName| {
        let database = name.qualifier.as_ref().map_or("", |qualifier| qualifier.as_str());
        (database.to_owned(), name.name.as_str().to_owned())
    };
    let of = |tables: &[TableExpr]| match tables {
        [TableExpr::Table(only)] => Some(table(&only.name)),
        _ => None,
    };
    let stream_table = |(database, name): (String, String)| {
        let text = if database != "_vt" {
            format!("invalid database name: {database}")
        } else if name != "vreplication" {
            format!("invalid table name: {name}")
        } else {
            return Ok(());
        };
        Err(Status::new(Code::InvalidArgument, text))
    };
    match statement {
        Statement::Query(Query::Select(select)) => {
            const READABLE: [&str; 4] =
                ["vreplication", "copy_state", "resharding_journal", "vreplication_log"];
            match of(&select.from) {
                Some((database, _)) if database != "_vt" => {
                    refuse(format!("invalid database name: {database}"))
                }
                Some((_, name)) if READABLE.contains(&name.as_str()) => Ok(Kind::Select),
                Some((_, name)) => refuse(format!("invalid table name: {name}")),
                None => refuse(format!("unsupported construct: {statement}")),
            }
        }
        Statement::Insert(insert) => {
            stream_table(table(&insert.table))?;
            let plain = matches!(insert.source, InsertSource::Values(_))
                && !insert.replace
                && !insert.ignore
                && insert.on_duplicate.is_empty();
            if !plain {
                return refuse(format!("unsupported construct: {statement}"));
            }
            Ok(Kind::Insert)
        }
        Statement::Update(update) => {
            stream_table(of(&update.tables).unwrap_or_default())?;
            let filter = safe(update.filter.as_ref(), "update")?;
            Ok(Kind::Update(filter))
        }
        Statement::Delete(delete) => {
            stream_table(of(&delete.tables).unwrap_or_default())?;
            let filter = safe(delete.filter.as_ref(), "delete")?;
            Ok(Kind::Delete(filter))
        }
        other => refuse(format!("unsupported construct: {other}")),
    }
}

/// A change must say which streams it means.
fn safe(filter: Option<&Expr>, verb: &str) -> Result<String, Status> {
    let text = filter.map(|filter| format!(" where {filter}")).unwrap_or_default();
    let names = |expr: &Expr| {
        matches!(expr, Expr::Compare { left, .. }
            if matches!(&**left, Expr::Column(c) if c.name.is("id") || c.name.is("workflow")))
    };
    let named = match filter {
        Some(Expr::And(terms)) => terms.iter().any(names),
        Some(other) => names(other),
        None => false,
    };
    if named {
        return Ok(text);
    }
    let text = format!(
        "unsafe WHERE clause in {verb} without the /*vt+ ALLOW_UNSAFE_VREPLICATION_WRITE */ comment directive: {text}; should be using = or in with at least one of the following columns: id, workflow"
    );
    Err(Status::new(Code::InvalidArgument, text))
}
