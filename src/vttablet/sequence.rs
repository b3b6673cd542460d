//! Sequences: tables of one row, `(id 0, next_id, cache)`, that give numbers out.
//!
//! A tablet takes `cache` numbers at a time, in a transaction of its own that commits at once, and
//! gives them from memory. A number is never given back: a rollback, a restart and a failover burn
//! what was taken.
//!
//! ```text
//!   select next 5 values from seq   in memory: 998 .. 1000, too few
//!     begin; select next_id, cache from seq where id = 0 for update     -> 1001, 1000
//!     update seq set next_id = 2001 where id = 0; commit
//!   gives 998 (and with it 999 to 1002); in memory: 1003 .. 2000
//! ```
//!
//! See `tabletserver/query_executor.go`, `execNextval`. It knows nothing of the tables whose
//! columns the numbers go to.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::rc::Rc;
use std::sync::Arc;

use sim::eval::{ColumnKind, Env, Kind, NoColumns, Program};
use sim::mysql::outcome::{Column, Outcome};
use sim::mysql::session::ConnectionId;
use sim::mysqld;
use sim::sql::ast::{Expr, Query, SelectItem, Statement, TableExpr};
use sim::value::{Binds, Value};
use sim::wait::Signal;
use sim::world::Process;

use super::{QueryError, Tablet, errors};
use crate::key::Code;
use crate::mutant::{self, Mutant};
use crate::rpc::Status;

/// The comment that makes a table a sequence.
const COMMENT: &str = "vitess_sequence";

/// What a tablet holds of its sequences, by the table.
#[derive(Default)]
pub struct Sequences(RefCell<BTreeMap<Rc<str>, Rc<Sequence>>>);

#[derive(Default)]
struct Sequence {
    is_taken: Cell<bool>,
    left: Signal,
    next: Cell<i64>,
    /// The first number that is not in memory; 0 where none has been read.
    last: Cell<i64>,
}

/// `next n values` of a table.
pub struct Next {
    table: Rc<str>,
    count: Expr,
}

impl Next {
    /// None where a statement asks for no numbers.
    pub fn of(statement: &Statement) -> Option<Next> {
        let Statement::Query(Query::Select(select)) = statement else { return None };
        let [SelectItem::Next(count)] = &select.items[..] else { return None };
        let [table] = &select.from[..] else { return None };
        let table = match table {
            TableExpr::Bound(table, _) => &**table,
            table => table,
        };
        let TableExpr::Table(table) = table else { return None };
        Some(Next { table: table.name.name.as_str().into(), count: count.clone() })
    }
}

impl Sequences {
    /// One that is no primary any more holds no numbers: another goes on from the table.
    pub fn forget(&self) {
        self.0.borrow_mut().clear();
    }
}

impl Tablet {
    /// The first of the numbers asked for; the others follow it.
    pub(super) async fn next_values(
        &self,
        process: Process,
        next: &Next,
        binds: &Arc<Binds>,
    ) -> Result<Outcome, Status> {
        let table = &next.table;
        let count = count_of(process, next, binds)?;
        let sequence = self.sequence(process, table).await?;
        let _turn = sequence.turn(process, table).await;
        let (first, last) = (sequence.next.get(), sequence.last.get());
        if first == 0 || last < first.saturating_add(count) {
            self.take_numbers(process, table, &sequence, count).await?;
        }
        let first = sequence.next.get();
        let count = if mutant::is(Mutant::NumbersNotCounted) { 1 } else { count };
        sequence.next.set(first.saturating_add(count));
        Ok(one_number(first))
    }

    /// What is in memory of a sequence; only a table that says so is one.
    async fn sequence(&self, process: Process, table: &Rc<str>) -> Result<Rc<Sequence>, Status> {
        let known = self.sequences.0.borrow().get(table).cloned();
        if let Some(sequence) = known {
            return Ok(sequence);
        }
        let database = self.database().as_str().into();
        let describe = mysqld::DescribeTable { database, table: Rc::clone(table) };
        let described = process.call(self.mysqld, describe).within(self.options.query_timeout);
        let described = described.await.map_err(|_| errors::server_gone())?;
        let is_sequence = described
            .is_some_and(|table| table.comment.as_deref().is_some_and(|text| text == COMMENT));
        if !is_sequence {
            let text = format!("vttablet: {table} is not a sequence");
            return Err(Status::new(Code::InvalidArgument, text));
        }
        let mut sequences = self.sequences.0.borrow_mut();
        Ok(Rc::clone(sequences.entry(Rc::clone(table)).or_default()))
    }

    /// Takes numbers from the table, in a transaction that nothing else sees.
    async fn take_numbers(
        &self,
        process: Process,
        table: &str,
        sequence: &Sequence,
        count: i64,
    ) -> Result<(), Status> {
        let connection = self.pooled(process, &format!("sequence {table}").into(), None).await?;
        let taken = self.take_numbers_on(process, connection, table, sequence, count).await;
        match &taken {
            Ok(()) => self.idle.borrow_mut().push(connection),
            // Whatever is open on it is rolled back.
            Err(_) => process.send(self.mysqld, mysqld::Quit { connection }),
        }
        taken
    }

    async fn take_numbers_on(
        &self,
        process: Process,
        connection: ConnectionId,
        table: &str,
        sequence: &Sequence,
        count: i64,
    ) -> Result<(), Status> {
        let run = async |text: String| self.query_text(process, connection, &text).await;
        let name = sim::sql::print::printed_name(table);
        run("begin".to_owned()).await?;
        let read = format!("select next_id, cache from {name} where id = 0 for update");
        let rows = run(read).await?.rows;
        let [row] = &rows[..] else {
            let text = format!(
                "vttablet: unexpected rows from reading sequence {name} (possible mis-route): {}",
                rows.len()
            );
            return Err(Status::new(Code::Unknown, text));
        };
        let [Value::Int(next_id), Value::Int(cache)] = row[..] else {
            let text = format!("vttablet: error loading sequence {name}");
            return Err(Status::new(Code::Unknown, text));
        };
        // The first time, or after somebody has set the number: up is believed, down is not.
        let is_known = next_id == sequence.last.get();
        let next_id = next_id.max(sequence.last.get());
        if !is_known {
            sequence.next.set(next_id);
            sequence.last.set(next_id);
        }
        if cache < 1 {
            let text = format!("vttablet: invalid cache value for sequence {name}: {cache}");
            return Err(Status::new(Code::FailedPrecondition, text));
        }
        let wanted = sequence.next.get().saturating_add(count);
        // As many whole caches as are needed, and one at least.
        let caches = (wanted.saturating_sub(next_id).saturating_add(cache - 1) / cache).max(1);
        let last = next_id.saturating_add(caches.saturating_mul(cache));
        run(format!("update {name} set next_id = {last} where id = 0")).await?;
        // Known before it is committed, as in Vitess: a commit that fails burns the numbers.
        sequence.last.set(last);
        run("commit".to_owned()).await.map(|_| ())
    }

    async fn query_text(
        &self,
        process: Process,
        connection: ConnectionId,
        text: &str,
    ) -> Result<Outcome, Status> {
        let statement = sim::sql::parse(text)
            .map_err(|error| Status::new(Code::Internal, error.to_string()))?;
        let (statement, timeout) = (Arc::new(statement), self.options.query_timeout);
        let result = self.query(process, connection, &statement, &Arc::default(), timeout).await;
        result.map_err(|error| match error {
            QueryError::Sql(sql) => errors::of_statement(&sql, &statement, &Arc::default(), false),
            QueryError::TimedOut | QueryError::Gone => errors::connection_lost(),
        })
    }
}

impl Sequence {
    /// Waits for its turn: one at a time takes numbers.
    async fn turn(&self, process: Process, table: &str) -> Turn<'_> {
        while self.is_taken.get() {
            let what = format!("numbers of sequence {table}");
            let _ = process.wait(what, None, self.left.raised()).await;
        }
        self.is_taken.set(true);
        Turn(self)
    }
}

struct Turn<'a>(&'a Sequence);

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        self.0.is_taken.set(false);
        self.0.left.raise();
    }
}

fn count_of(process: Process, next: &Next, binds: &Arc<Binds>) -> Result<i64, Status> {
    let now = process.now().to_zoned(jiff::tz::TimeZone::UTC).datetime();
    let mut env = Env::new(now);
    env.binds = Arc::clone(binds);
    let program = Program::compile(&next.count, &NoColumns);
    let count = program.and_then(|program| program.run(&[], &mut env));
    let count = count.map_err(|error| errors::plain(&error).wrap("vttablet"))?;
    let number = match count {
        Value::Int(number) => Some(number),
        Value::Uint(number) => i64::try_from(number).ok(),
        _ => None,
    };
    number.filter(|number| 1 <= *number).ok_or_else(|| {
        let value = crate::vindex::Value::from(&count);
        let text = format!("vttablet: invalid increment for sequence {}: {value}", next.table);
        Status::new(Code::InvalidArgument, text)
    })
}

fn one_number(number: i64) -> Outcome {
    let column = Column {
        name: "nextval".into(),
        table: None,
        original_table: None,
        kind: ColumnKind::new(Kind::Int),
        ty: None,
        not_null: true,
    };
    let rows = vec![vec![Value::Int(number)].into()];
    Outcome { columns: vec![column].into(), rows, ..Outcome::default() }
}
