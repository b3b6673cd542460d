//! The serving end of streams: any tablet.
//!
//! A row stream is a consistent snapshot: under a read lock on the table the executed GTIDs are
//! read and a transaction with a consistent snapshot begins, so the snapshot of that table is that
//! position exactly. Rows are read in primary key order, filtered and sent in packets. An event
//! stream reads the server's binlog behind a position and filters each row change. See
//! `go/vt/vttablet/tabletserver/vstreamer`.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use sim::mysql::binlog::{BinlogTransaction, Event};
use sim::mysql::gtid::GtidSet;
use sim::mysql::outcome::Outcome;
use sim::mysql::schema::Table;
use sim::mysql::session::ConnectionId;
use sim::mysqld;
use sim::sql::print;
use sim::value::{Binds, Row, Value};
use sim::world::{Process, Program};

use super::Options;
use super::rule::{Rule, SourcePlan};
use crate::key::Code;
use crate::rpc::{
    NextRows, RowPacket, RowStream, Status, StreamEvents, StreamRows, StreamedChange,
    StreamedTransaction,
};
use crate::topo;
use crate::vindex::Registry;
use crate::vschema::VSchema;

/// The streams that a tablet serves.
pub struct Source {
    keyspace: Rc<str>,
    mysqld: Program,
    topo: Program,
    cell: Rc<str>,
    options: Options,
    open: RefCell<BTreeMap<u64, Copy>>,
    next: Cell<u64>,
}

/// A row stream under way: what is still to be sent.
struct Copy {
    rows: std::vec::IntoIter<Row>,
    plan: SourcePlan,
    /// Offsets of the primary key's columns.
    pk: Vec<usize>,
}

impl Source {
    pub fn new(
        keyspace: &Rc<str>,
        cell: &Rc<str>,
        mysqld: Program,
        topo: Program,
        options: &Options,
    ) -> Rc<Source> {
        Rc::new(Source {
            keyspace: Rc::clone(keyspace),
            mysqld,
            topo,
            cell: Rc::clone(cell),
            options: options.clone(),
            open: RefCell::default(),
            next: Cell::new(1),
        })
    }

    pub fn serve(self: &Rc<Self>, process: Process) {
        let source = Rc::clone(self);
        process.serve(move |process, request: Rc<StreamRows>| {
            let source = Rc::clone(&source);
            async move { source.open_rows(process, &request).await }
        });
        let source = Rc::clone(self);
        process.serve(move |_, next: Rc<NextRows>| {
            let packet = source.next_rows(next.id);
            async move { packet }
        });
        let source = Rc::clone(self);
        process.serve(move |process, request: Rc<StreamEvents>| {
            let source = Rc::clone(&source);
            async move { source.events(process, &request).await }
        });
    }

    /// What is served in this tablet's cell; a source does not look at the keyspace's own record.
    async fn vschema(&self, process: Process) -> Result<VSchema, Status> {
        let read = process.call(self.topo, topo::Read).within(Duration::from_secs(5)).await;
        let topo = read.map_err(|error| Status::new(Code::Unavailable, error.to_string()))?;
        let served = topo.srv_vschema.get(&self.cell).map(|(_, served)| Rc::clone(served));
        Ok(VSchema::build(&served.unwrap_or_default(), &Registry::standard()))
    }

    async fn connect(&self, process: Process, tag: &str) -> Result<ConnectionId, Status> {
        let connect = mysqld::Connect {
            user: "vt_dba".into(),
            database: Some(format!("vt_{}", self.keyspace).into()),
            tag: tag.into(),
        };
        let connected = process.call(self.mysqld, connect).within(Duration::from_secs(5)).await;
        connected.map_err(|error| Status::new(Code::Unavailable, error.to_string()))
    }

    async fn query(
        &self,
        process: Process,
        connection: ConnectionId,
        sql: &str,
    ) -> Result<Outcome, Status> {
        run(process, self.mysqld, connection, sql).await
    }

    async fn open_rows(&self, process: Process, request: &StreamRows) -> Result<RowStream, Status> {
        let rule = Rule::parse(&request.query)?;
        let vschema = self.vschema(process).await?;
        let reader = self.connect(process, "vstreamer rows").await?;
        let opened = self.snapshot(process, reader, &rule, &vschema, request).await;
        process.send(self.mysqld, mysqld::Quit { connection: reader });
        opened
    }

    async fn snapshot(
        &self,
        process: Process,
        reader: ConnectionId,
        rule: &Rule,
        vschema: &VSchema,
        request: &StreamRows,
    ) -> Result<RowStream, Status> {
        let table = &rule.source_table;
        let locker = self.connect(process, "vstreamer lock").await?;
        let locked = self.begin_snapshot(process, reader, locker, table).await;
        process.send(self.mysqld, mysqld::Quit { connection: locker });
        let position = locked?;
        let schema = self.table(process, table).await?;
        let plan = SourcePlan::bind(rule, &schema, vschema, &self.keyspace)?;
        let pk: Vec<usize> = schema.columns_of(0).collect();
        let name = |at: &usize| print::quoted_name(&schema.columns[*at].name);
        let names: Vec<String> = (0..schema.columns.len()).map(|at| name(&at)).collect();
        let order: Vec<String> = pk.iter().map(name).collect();
        let resume = match &request.last_pk {
            Some(last) => format!(" where {}", behind(&order, last)),
            None => String::new(),
        };
        let sql = format!(
            "select {} from {}{resume} order by {}",
            names.join(", "),
            print::quoted_name(table),
            order.iter().map(|name| format!("{name} asc")).collect::<Vec<_>>().join(", ")
        );
        let rows = self.query(process, reader, &sql).await?.rows;
        let kind = |at: &usize| {
            let column = &schema.columns[*at];
            (Arc::clone(&column.name), vitess_type(&column.ty.name, column.ty.unsigned).into())
        };
        let pk_columns = pk.iter().map(kind).collect();
        let id = self.next.get();
        self.next.set(id + 1);
        self.open.borrow_mut().insert(id, Copy { rows: rows.into_iter(), plan, pk });
        let columns = rule.columns.iter().map(|(_, target)| target.as_str().into()).collect();
        Ok(RowStream { id, position, columns, pk_columns })
    }

    /// Between the lock and its release nobody commits to the table: the position is the
    /// snapshot's.
    async fn begin_snapshot(
        &self,
        process: Process,
        reader: ConnectionId,
        locker: ConnectionId,
        table: &str,
    ) -> Result<GtidSet, Status> {
        self.query(process, locker, "set session lock_wait_timeout = 30").await?;
        let lock = format!("lock tables {} read", print::quoted_name(table));
        self.query(process, locker, &lock).await?;
        let executed = process.call(self.mysqld, mysqld::Executed).within(Duration::from_secs(5));
        let position =
            executed.await.map_err(|error| Status::new(Code::Unavailable, error.to_string()))?;
        let isolation = "set session transaction isolation level repeatable read";
        self.query(process, reader, isolation).await?;
        let begin = "start transaction with consistent snapshot, read only";
        self.query(process, reader, begin).await?;
        self.query(process, locker, "unlock tables").await?;
        Ok(position)
    }

    async fn table(&self, process: Process, name: &str) -> Result<Arc<Table>, Status> {
        let describe = mysqld::DescribeTable {
            database: format!("vt_{}", self.keyspace).into(),
            table: name.into(),
        };
        let found = process.call(self.mysqld, describe).within(Duration::from_secs(5)).await;
        let found = found.map_err(|error| Status::new(Code::Unavailable, error.to_string()))?;
        found.ok_or_else(|| {
            let text = format!("table {name} not found in schema (errno 1146) (sqlstate 42S02)");
            Status::new(Code::NotFound, text)
        })
    }

    fn next_rows(&self, id: u64) -> Result<RowPacket, Status> {
        let mut open = self.open.borrow_mut();
        let Some(copy) = open.get_mut(&id) else {
            return Err(Status::new(Code::Unknown, "stream is gone"));
        };
        let mut packet = RowPacket { rows: Vec::new(), last_pk: None, end: false };
        let mut size = 0;
        while size < self.options.packet_size {
            let Some(row) = copy.rows.next() else {
                packet.end = true;
                break;
            };
            packet.last_pk = Some(copy.pk.iter().map(|at| row[*at].clone()).collect());
            if let Some(passed) = copy.plan.apply(&row)? {
                size += passed.iter().map(bytes_of).sum::<usize>();
                packet.rows.push(passed);
            }
        }
        // Rows that were read and filtered out at the end of the table send nothing.
        if packet.rows.is_empty() {
            packet.last_pk = None;
        }
        if packet.end {
            open.remove(&id);
        }
        Ok(packet)
    }

    async fn events(
        &self,
        process: Process,
        request: &StreamEvents,
    ) -> Result<Vec<StreamedTransaction>, Status> {
        let dump = mysqld::Dump { executed: request.position.clone(), replica: None };
        let dumped = process.call(self.mysqld, dump).within(Duration::from_secs(5)).await;
        let dumped = dumped.map_err(|error| Status::new(Code::Unavailable, error.to_string()))?;
        let dumped = dumped.map_err(|error| {
            let text =
                format!("{} (errno {}) (sqlstate {})", error.message, error.errno, error.state);
            Status::new(Code::Unknown, text)
        })?;
        let vschema = self.vschema(process).await?;
        let rules: Result<Vec<Rule>, Status> =
            request.rules.iter().map(|(_, query)| Rule::parse(query)).collect();
        let rules = rules?;
        let mut position = request.position.clone();
        let mut streamed = Vec::new();
        for transaction in dumped.transactions {
            position.add(transaction.gtid);
            streamed.push(StreamedTransaction {
                changes: self.filter(&transaction, &rules, &vschema)?,
                position: position.clone(),
                timestamp: transaction.committed_at,
            });
        }
        Ok(streamed)
    }

    /// The changes that pass: an image that leaves the key range arrives as a delete, one that
    /// enters it as an insert.
    fn filter(
        &self,
        transaction: &BinlogTransaction,
        rules: &[Rule],
        vschema: &VSchema,
    ) -> Result<Vec<StreamedChange>, Status> {
        let database = format!("vt_{}", self.keyspace);
        let mut changes = Vec::new();
        for event in &transaction.events {
            let Event::Rows(rows) = event else { continue };
            if *rows.table.database != *database {
                continue;
            }
            for (index, rule) in rules.iter().enumerate() {
                if *rule.source_table != *rows.table.name {
                    continue;
                }
                let plan = SourcePlan::bind(rule, &rows.table, vschema, &self.keyspace)?;
                let image = |row: &Option<Row>| match row {
                    Some(row) => plan.apply(row),
                    None => Ok(None),
                };
                for change in &rows.changes {
                    let (before, after) = (image(&change.before)?, image(&change.after)?);
                    let newest = change.after.as_ref().or(change.before.as_ref());
                    if let Some(row) = newest.filter(|_| before.is_some() || after.is_some()) {
                        let pk = rows.table.columns_of(0).map(|at| row[at].clone()).collect();
                        changes.push(StreamedChange { rule: index, pk, before, after });
                    }
                }
            }
        }
        Ok(changes)
    }
}

/// Runs a statement's text on a connection.
pub async fn run(
    process: Process,
    mysqld: Program,
    connection: ConnectionId,
    sql: &str,
) -> Result<Outcome, Status> {
    let statement = sim::sql::parse_once(sql)
        .map_err(|error| Status::new(Code::InvalidArgument, format!("{error}: {sql}")))?;
    let query = mysqld::Query { connection, statement, binds: Arc::new(Binds::new()) };
    match process.call(mysqld, query).within(Duration::from_secs(60)).await {
        Ok(Ok(outcome)) => Ok(outcome),
        Ok(Err(error)) => {
            let text =
                format!("{} (errno {}) (sqlstate {})", error.message, error.errno, error.state);
            Err(Status::new(code_of(error.errno), text))
        }
        Err(error) => Err(Status::new(Code::Unavailable, error.to_string())),
    }
}

fn code_of(errno: u16) -> Code {
    match errno {
        1205 => Code::DeadlineExceeded,
        1213 => Code::Aborted,
        _ => Code::Unknown,
    }
}

/// The rows behind a key, in key order: `(a = 1 and b > 2) or (a > 1)`.
fn behind(columns: &[String], last: &Row) -> String {
    let mut terms = Vec::new();
    for at in (0..columns.len()).rev() {
        let equal = (0..at).map(|i| format!("{} = {}", columns[i], print::literal(&last[i])));
        let mut parts: Vec<String> = equal.collect();
        parts.push(format!("{} > {}", columns[at], print::literal(&last[at])));
        terms.push(format!("({})", parts.join(" and ")));
    }
    terms.join(" or ")
}

fn bytes_of(value: &Value) -> usize {
    value.to_wire().map_or(0, |wire| wire.len())
}

/// Vitess's name of a column type.
pub fn vitess_type(name: &str, unsigned: bool) -> &'static str {
    match (name, unsigned) {
        ("tinyint", false) => "INT8",
        ("tinyint", true) => "UINT8",
        ("smallint", false) => "INT16",
        ("smallint", true) => "UINT16",
        ("mediumint", false) => "INT24",
        ("mediumint", true) => "UINT24",
        ("int", false) => "INT32",
        ("int", true) => "UINT32",
        ("bigint", false) => "INT64",
        ("bigint", true) => "UINT64",
        ("varbinary", _) => "VARBINARY",
        ("binary", _) => "BINARY",
        ("blob" | "tinyblob" | "mediumblob" | "longblob", _) => "BLOB",
        ("varchar", _) => "VARCHAR",
        ("char", _) => "CHAR",
        ("decimal", _) => "DECIMAL",
        ("float", _) => "FLOAT32",
        ("double", _) => "FLOAT64",
        ("date", _) => "DATE",
        ("datetime", _) => "DATETIME",
        ("timestamp", _) => "TIMESTAMP",
        ("time", _) => "TIME",
        ("year", _) => "YEAR",
        _ => "TEXT",
    }
}
