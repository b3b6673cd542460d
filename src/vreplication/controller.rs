//! One stream: pick a source, copy, play; on an error wait and begin again.
//!
//! Data and progress are saved in one transaction, always: rows with the key up to which they are
//! copied, changes with the position behind them. So whatever dies, the stream goes on exactly
//! where it was. `stop_after_copy` stops at the position of the last snapshot, with nothing caught
//! up after it. See
//! `go/vt/vttablet/tabletmanager/vreplication/{controller,vreplicator,vcopier,vplayer}.go`.
//!
//! Departures: what is behind the copied key is left out here rather than by a predicate in the
//! statement; there is one insert worker; statements are not batched.

use std::cell::Cell;
use std::cmp::Ordering;
use std::rc::Rc;
use std::time::Duration;

use sim::collation::Collation;
use sim::eval::Env;
use sim::eval::aggregate::sort_order;

use sim::mysql::gtid::GtidSet;
use sim::mysql::session::ConnectionId;
use sim::mysqld;
use sim::sql::print;
use sim::value::{Row, Value};
use sim::wait::{Signal, until};
use sim::world::{Process, Program};

use super::engine::{Home, connect};
use super::picker::{self, Wanted};
use super::row::{COLUMNS, State, StreamRow, parse_last_pk, print_last_pk, text_of};
use super::rule::Rule;
use super::source::run;
use super::tables;
use crate::history::{self, Event, StreamStep};
use crate::key::Code;
use crate::mutant::{self, Mutant};
use crate::rpc::{
    NextRows, RowPacket, RowStream, Status, StreamEvents, StreamRows, StreamedChange,
    StreamedTransaction, Target,
};
use crate::topo::{self, Alias, Topo};

/// An idle stream saves its position this often.
const IDLE_SAVE: Duration = Duration::from_millis(1100);
const CALL: Duration = Duration::from_secs(30);

/// Runs a stream until it stops or is stopped.
pub async fn control(process: Process, home: &Rc<Home>, id: i64, stop: &Signal) {
    let stopped = stop.raised();
    let open = Cell::new(None);
    until(stopped, async {
        loop {
            match attempt(process, home, id, &open).await {
                Ok(()) => return,
                Err(Failure::Terminal(status)) => {
                    let message = format!("terminal error: {status}");
                    if record(process, home, id, Some(State::Error), &message).await.is_ok() {
                        return;
                    }
                    // A server that takes no writes, as while it is demoted, does not take this
                    // one either: so the stream does not end there, and tries again.
                    process.sleep(home.options.retry_delay).await;
                }
                Err(Failure::Retry(status)) => {
                    let _ = record(process, home, id, None, &status.message).await;
                    process.sleep(home.options.retry_delay).await;
                }
                // What the controller itself finds is in the message already.
                Err(Failure::Waiting) => process.sleep(home.options.retry_delay).await,
            }
        }
    })
    .await;
    // Stopped in the middle, it must not leave a transaction behind, and its locks.
    if let Some(connection) = open.take() {
        process.send(home.mysqld, mysqld::Quit { connection });
    }
}

enum Failure {
    Retry(Status),
    Terminal(Status),
    Waiting,
}

impl From<Status> for Failure {
    fn from(status: Status) -> Failure {
        let text = &status.message;
        let wrong_type = text.contains("wrong tablet type") || text.contains("invalid tablet type");
        if status.code == Code::FailedPrecondition && !wrong_type {
            return Failure::Terminal(status);
        }
        const UNRECOVERABLE: [u16; 14] =
            [1045, 1044, 1054, 1048, 1406, 1264, 1062, 1061, 1146, 1051, 1064, 1136, 1364, 1290];
        let number = errno_in(text);
        match number.is_some_and(|number| UNRECOVERABLE.contains(&number)) {
            true => Failure::Terminal(status),
            false => Failure::Retry(status),
        }
    }
}

fn errno_in(text: &str) -> Option<u16> {
    let (_, rest) = text.split_once("(errno ")?;
    rest.split_once(')')?.0.parse().ok()
}

/// Writes state and message.
async fn record(
    process: Process,
    home: &Home,
    id: i64,
    state: Option<State>,
    message: &str,
) -> Result<(), Status> {
    let message = tables::message(message, home.options.v6);
    let message = print::literal(&Value::text(&message));
    let state = state.map(|state| format!("state='{}', ", state.name())).unwrap_or_default();
    let sql = format!("update _vt.vreplication set {state}message={message} where id={id}");
    let connection = connect(process, home, "vreplication control").await?;
    let written = run(process, home.mysqld, connection, &sql).await;
    process.send(home.mysqld, mysqld::Quit { connection });
    written.map(|_| ())
}

/// `open` has the connection for as long as there is one.
async fn attempt(
    process: Process,
    home: &Rc<Home>,
    id: i64,
    open: &Cell<Option<ConnectionId>>,
) -> Result<(), Failure> {
    let connection = connect(process, home, &format!("vreplication {id}")).await?;
    open.set(Some(connection));
    let result = attempt_on(process, home, id, connection).await;
    open.set(None);
    process.send(home.mysqld, mysqld::Quit { connection });
    result
}

async fn attempt_on(
    process: Process,
    home: &Rc<Home>,
    id: i64,
    connection: ConnectionId,
) -> Result<(), Failure> {
    let first = read(process, home, connection, id).await?;
    let Some(row) = first else { return Ok(()) };
    if matches!(row.state, State::Stopped | State::Error) {
        return Ok(());
    }
    let tag = mysqld::Tag { connection, tag: format!("vreplication {} {id}", row.workflow).into() };
    let _ = process.call(home.mysqld, tag).within(CALL).await;
    let source = pick(process, home, connection, &row).await?;
    let settings = ["set session sql_mode = 'NO_AUTO_VALUE_ON_ZERO'"];
    for statement in settings {
        run(process, home.mysqld, connection, statement).await?;
    }
    let rule = Rule::parse(&row.source.filter)?;
    let workflow: Rc<str> = row.workflow.as_str().into();
    let stream = Stream { process, home, connection, id, source, rule, row };
    stream.tell(StreamStep::Picked);
    let result = stream.replicate().await;
    if result.is_err() {
        tell(home, &workflow, StreamStep::Failed);
    }
    result
}

fn tell(home: &Home, workflow: &Rc<str>, step: StreamStep) {
    let (workflow, tablet) = (Rc::clone(workflow), home.alias.clone());
    history::emit(Event::Stream { workflow, tablet, step });
}

async fn read(
    process: Process,
    home: &Home,
    connection: ConnectionId,
    id: i64,
) -> Result<Option<StreamRow>, Status> {
    let sql = format!("select {COLUMNS} from _vt.vreplication where id={id}");
    let outcome = run(process, home.mysqld, connection, &sql).await?;
    Ok(StreamRow::read_all(&outcome).pop())
}

/// The source, as the run chooses it among those that serve; where there is none the stream waits,
/// its state as it was.
async fn pick(
    process: Process,
    home: &Rc<Home>,
    connection: ConnectionId,
    row: &StreamRow,
) -> Result<(Program, Alias, Rc<Topo>), Failure> {
    let options = &home.options;
    let types = match row.tablet_types.is_empty() {
        true => &options.tablet_types,
        false => &row.tablet_types,
    };
    let wanted = Wanted {
        keyspace: &row.source.keyspace,
        shard: &row.source.shard,
        cells: &row.cell,
        local_cell: &home.alias.cell,
        tablet_types: types,
    };
    let attempts = if options.v6 { 1 } else { options.picker_attempts };
    for attempt in 0..attempts {
        let read = process.call(home.topo, topo::Read).within(CALL).await;
        let topo = read.map_err(|error| Status::new(Code::Unavailable, error.to_string()))?;
        let picked = picker::pick(process, &topo, &wanted, |alias| (home.address)(alias)).await?;
        if let Some(alias) = picked
            && let Some(program) = (home.address)(&alias)
        {
            if !options.v6 {
                let message =
                    format!("Picked source tablet: cell:\"{}\" uid:{}", alias.cell, alias.uid);
                save_message(process, home, connection, row.id, &message).await?;
            }
            return Ok((program, alias, topo));
        }
        let (log, _) = picker::no_tablet(&wanted, options.v6);
        process.note(log);
        if attempt + 1 < attempts || !options.v6 {
            process.sleep(options.picker_delay).await;
        }
    }
    // The guide's time left this in the server's log alone.
    let (_, message) = picker::no_tablet(&wanted, options.v6);
    if !options.v6 {
        save_message(process, home, connection, row.id, &message).await?;
    }
    Err(Failure::Waiting)
}

async fn save_message(
    process: Process,
    home: &Home,
    connection: ConnectionId,
    id: i64,
    message: &str,
) -> Result<(), Status> {
    let message = print::literal(&Value::text(message));
    let sql = format!("update _vt.vreplication set message={message} where id={id}");
    run(process, home.mysqld, connection, &sql).await.map(|_| ())
}

/// A stream that has its source.
struct Stream<'a> {
    process: Process,
    home: &'a Home,
    connection: ConnectionId,
    id: i64,
    source: (Program, Alias, Rc<Topo>),
    rule: Rule,
    row: StreamRow,
}

impl Stream<'_> {
    async fn run(&self, sql: &str) -> Result<sim::mysql::outcome::Outcome, Status> {
        run(self.process, self.home.mysqld, self.connection, sql).await
    }

    fn tell(&self, step: StreamStep) {
        tell(self.home, &self.row.workflow.as_str().into(), step);
    }

    async fn replicate(mut self) -> Result<(), Failure> {
        loop {
            let Some(row) = read(self.process, self.home, self.connection, self.id).await? else {
                return Ok(());
            };
            self.row = row;
            if matches!(self.row.state, State::Stopped | State::Error) {
                return Ok(());
            }
            if self.tables_to_copy().await? {
                self.copy().await?;
            } else if self.row.position.is_empty() {
                self.init().await?;
            } else if self.row.source.stop_after_copy {
                let set = "state='Stopped', message='Stopped after copy.'";
                self.update(set).await?;
                return Ok(());
            } else {
                self.update("state='Running', message=''").await?;
                self.tell(StreamStep::Running);
                self.play(&Copied::All, None).await?;
            }
        }
    }

    async fn update(&self, set: &str) -> Result<(), Status> {
        let sql = format!("update _vt.vreplication set {set} where id={}", self.id);
        self.run(&sql).await.map(|_| ())
    }

    async fn tables_to_copy(&self) -> Result<bool, Status> {
        let sql = format!("select table_name from _vt.copy_state where vrepl_id={}", self.id);
        Ok(!self.run(&sql).await?.rows.is_empty())
    }

    async fn in_transaction(&self, statements: &[String]) -> Result<(), Status> {
        self.run("begin").await?;
        for statement in statements {
            if let Err(status) = self.run(statement).await {
                let _ = self.run("rollback").await;
                return Err(status);
            }
        }
        self.run("commit").await.map(|_| ())
    }

    /// Everything is still to be copied.
    async fn init(&self) -> Result<(), Status> {
        let (id, table) = (self.id, print::literal(&Value::text(&self.row.source.table)));
        self.in_transaction(&[
            format!("insert into _vt.copy_state(vrepl_id, table_name) values ({id}, {table})"),
            format!("update _vt.vreplication set state='Copying', message='' where id={id}"),
        ])
        .await
    }

    // ------------------------------------------------------------ copy

    async fn copy(&self) -> Result<(), Failure> {
        if self.row.state != State::Copying {
            self.update("state='Copying'").await?;
        }
        let last_pk = self.last_pk().await?;
        let copied = match mutant::is(Mutant::PositionClaimed) {
            true => Copied::UpTo(None),
            false => Copied::UpTo(last_pk.clone()),
        };
        if !self.row.position.is_empty() {
            self.play(&copied, Some(Until::CaughtUp)).await?;
            self.tell(StreamStep::CaughtUp);
        }
        let stream = self.open_rows(last_pk).await?;
        self.tell(StreamStep::Snapshot);
        self.fast_forward(&copied, &stream.position).await?;
        if mutant::is(Mutant::CopyStateDroppedEarly) {
            self.drop_copy_state().await?;
        }
        loop {
            let packet = self.next_packet(stream.id).await?;
            let end = packet.end;
            self.save_packet(&stream, packet).await?;
            self.tell(StreamStep::Packet);
            if end {
                break;
            }
        }
        Ok(self.drop_copy_state().await?)
    }

    /// The table is copied.
    async fn drop_copy_state(&self) -> Result<(), Status> {
        let (id, table) = (self.id, print::literal(&Value::text(&self.row.source.table)));
        let sql = format!("delete from _vt.copy_state where vrepl_id={id} and table_name={table}");
        self.run(&sql).await?;
        self.tell(StreamStep::Copied);
        Ok(())
    }

    /// The last saved one: the old layout updates it in place, the new one appends.
    async fn last_pk(&self) -> Result<Option<Row>, Status> {
        let order = if self.home.options.v6 { "" } else { " order by id desc" };
        let sql =
            format!("select lastpk from _vt.copy_state where vrepl_id={}{order} limit 1", self.id);
        let outcome = self.run(&sql).await?;
        let text = outcome.rows.first().and_then(|row| row.first()).map(text_of);
        Ok(text.and_then(|text| parse_last_pk(&text)))
    }

    fn target(&self) -> Target {
        let (_, alias, topo) = &self.source;
        let kind = topo.tablets.get(alias).map(|tablet| tablet.kind);
        Target {
            keyspace: self.row.source.keyspace.as_str().into(),
            shard: self.row.source.shard.as_str().into(),
            kind: kind.unwrap_or(crate::topo::TabletType::Replica),
        }
    }

    async fn open_rows(&self, last_pk: Option<Row>) -> Result<RowStream, Status> {
        let query = self.row.source.filter.as_str().into();
        let request = StreamRows { target: self.target(), query, last_pk };
        let opened = self.process.call(self.source.0, request).within(CALL * 2).await;
        opened.map_err(|error| Status::new(Code::Unavailable, error.to_string()))?
    }

    async fn next_packet(&self, id: u64) -> Result<RowPacket, Status> {
        let packet = self.process.call(self.source.0, NextRows { id }).within(CALL).await;
        packet.map_err(|error| Status::new(Code::Unavailable, error.to_string()))?
    }

    /// To the snapshot's position exactly, before its rows come.
    async fn fast_forward(&self, copied: &Copied, to: &GtidSet) -> Result<(), Failure> {
        let Some(row) = read(self.process, self.home, self.connection, self.id).await? else {
            return Ok(());
        };
        if row.position.is_empty() {
            let position = to.encode_position();
            let now = self.now();
            let set = format!("pos='{position}', time_updated={now}, message=''");
            return Ok(self.update(&set).await?);
        }
        self.play(copied, Some(Until::Position(to.clone()))).await
    }

    fn now(&self) -> i64 {
        self.process.now().as_second()
    }

    /// The rows and the key behind them, in one transaction.
    async fn save_packet(&self, stream: &RowStream, packet: RowPacket) -> Result<(), Failure> {
        let Some(last_pk) = &packet.last_pk else { return Ok(()) };
        let mut statements = Vec::new();
        if !packet.rows.is_empty() {
            statements.push(self.insert(&packet.rows));
        }
        let (id, table) = (self.id, print::literal(&Value::text(&self.row.source.table)));
        let v6 = self.home.options.v6;
        let last = print_last_pk(&stream.pk_columns, last_pk, v6);
        let last = print::literal(&Value::text(&last));
        statements.push(match v6 {
            true => format!(
                "update _vt.copy_state set lastpk={last} where vrepl_id={id} and table_name={table}"
            ),
            false => format!(
                "insert into _vt.copy_state (lastpk, vrepl_id, table_name) values ({last}, {id}, {table})"
            ),
        });
        loop {
            match self.in_transaction(&statements).await {
                Err(status) if matches!(errno_in(&status.message), Some(1205 | 1213)) => {
                    self.process.sleep(Duration::from_secs(1)).await;
                }
                other => return Ok(other?),
            }
        }
    }

    fn insert(&self, rows: &[Row]) -> String {
        let names: Vec<String> = self.target_columns();
        let values: Vec<String> = rows
            .iter()
            .map(|row| {
                let texts: Vec<String> = row.iter().map(print::literal).collect();
                format!("({})", texts.join(", "))
            })
            .collect();
        let ignore = if self.rule.insert_ignore { "ignore " } else { "" };
        format!(
            "insert {ignore}into {}({}) values {}",
            print::quoted_name(&self.row.source.table),
            names.join(", "),
            values.join(", ")
        )
    }

    fn target_columns(&self) -> Vec<String> {
        self.rule.columns.iter().map(|(_, name)| print::quoted_name(name.as_str())).collect()
    }

    // ------------------------------------------------------------ play

    /// Applies the source's transactions from the saved position on; for ever where there is no
    /// end.
    async fn play(&self, copied: &Copied, end: Option<Until>) -> Result<(), Failure> {
        let Some(row) = read(self.process, self.home, self.connection, self.id).await? else {
            return Ok(());
        };
        let mut position = row.position;
        let mut saved_at = self.process.now();
        let mut unsaved: Option<StreamedTransaction> = None;
        loop {
            if let Some(Until::Position(to)) = &end
                && position.contains_set(to)
            {
                return Ok(());
            }
            let transactions = self.events(&position).await?;
            if transactions.is_empty() && matches!(end, Some(Until::CaughtUp)) {
                return Ok(());
            }
            for transaction in transactions {
                if let Some(Until::Position(to)) = &end
                    && position.contains_set(to)
                {
                    return Ok(());
                }
                position = transaction.position.clone();
                let reached =
                    matches!(&end, Some(Until::Position(to)) if position.contains_set(to));
                let idle = self.process.now().duration_since(saved_at).unsigned_abs();
                let changes = self.statements(&transaction.changes, copied);
                if changes.is_empty() && !reached && idle < IDLE_SAVE {
                    unsaved = Some(transaction);
                    continue;
                }
                self.save_changes(changes, &transaction).await?;
                self.tell(StreamStep::Applied);
                (saved_at, unsaved) = (self.process.now(), None);
            }
            let idle = self.process.now().duration_since(saved_at).unsigned_abs();
            if let Some(transaction) = unsaved.take_if(|_| IDLE_SAVE <= idle) {
                self.save_changes(Vec::new(), &transaction).await?;
                saved_at = self.process.now();
            }
        }
    }

    async fn events(&self, position: &GtidSet) -> Result<Vec<StreamedTransaction>, Status> {
        let source = &self.row.source;
        let rule = (source.table.as_str().into(), source.filter.as_str().into());
        let request =
            StreamEvents { target: self.target(), position: position.clone(), rules: vec![rule] };
        let events = self.process.call(self.source.0, request).within(CALL).await;
        events.map_err(|error| Status::new(Code::Unavailable, error.to_string()))?
    }

    /// Changes with the position behind them, in one transaction.
    async fn save_changes(
        &self,
        mut statements: Vec<String>,
        transaction: &StreamedTransaction,
    ) -> Result<(), Status> {
        statements.push(format!(
            "update _vt.vreplication set pos='{}', time_updated={}, transaction_timestamp={}, message='' where id={}",
            transaction.position.encode_position(),
            self.now(),
            transaction.timestamp.as_second(),
            self.id
        ));
        loop {
            match self.in_transaction(&statements).await {
                Err(status) if matches!(errno_in(&status.message), Some(1205 | 1213)) => {
                    self.process.sleep(Duration::from_secs(1)).await;
                }
                other => return other,
            }
        }
    }

    /// First value wins: inserts and updates become INSERT IGNORE and deletes nothing. Else the
    /// target follows the source row by row, by all of its columns.
    fn statements(&self, changes: &[StreamedChange], copied: &Copied) -> Vec<String> {
        let mut statements = Vec::new();
        for change in changes.iter().filter(|change| copied.has(&change.pk)) {
            match (&change.before, &change.after) {
                (_, Some(after)) if self.rule.insert_ignore => {
                    statements.push(self.insert(std::slice::from_ref(after)));
                }
                (_, _) if self.rule.insert_ignore && !mutant::is(Mutant::GroupedDeletes) => {}
                (before, after) => {
                    if let Some(before) = before
                        && !mutant::is(Mutant::StreamKeepsOldEntries)
                    {
                        statements.push(self.delete(before));
                    }
                    if let Some(after) = after {
                        statements.push(self.insert(std::slice::from_ref(after)));
                    }
                }
            }
        }
        statements
    }

    fn delete(&self, row: &Row) -> String {
        let names = self.target_columns();
        let equal = |(name, value): (&String, &Value)| match value {
            Value::Null => format!("{name} is null"),
            value => format!("{name} = {}", print::literal(value)),
        };
        let terms: Vec<String> = names.iter().zip(row.iter()).map(equal).collect();
        format!(
            "delete from {} where {}",
            print::quoted_name(&self.row.source.table),
            terms.join(" and ")
        )
    }
}

/// How much of a table is copied: changes behind that come with their rows.
enum Copied {
    All,
    /// Up to this key, which is included; nothing where there is none.
    UpTo(Option<Row>),
}

impl Copied {
    fn has(&self, pk: &Row) -> bool {
        let Copied::UpTo(last) = self else { return true };
        let Some(last) = last else { return false };
        let mut env = Env::new(jiff::civil::DateTime::default());
        for (left, right) in pk.iter().zip(last.iter()) {
            match sort_order(left, right, Collation::Utf8mb40900AiCi, &mut env) {
                Ordering::Less => return true,
                Ordering::Greater => return false,
                Ordering::Equal => {}
            }
        }
        true
    }
}

/// Where playing ends.
enum Until {
    /// The source has nothing newer.
    CaughtUp,
    Position(GtidSet),
}
