//! Insert of a query's rows: all are read, then they go where they belong like any others.
//!
//! ```text
//!   insert into t(id, a) select a, b from u
//!     select a, b from u lock in share mode     -> (1, x), (2, y)
//!     what vindexes are told, then by shard:
//!     insert into t(id, a) values (:_c0_0, :_c0_1)
//! ```
//!
//! See `engine/insert_select.go`. Left out: streaming, which only OLAP sessions do.

use std::rc::Rc;
use std::sync::Arc;

use sim::mysql::outcome::Outcome;
use sim::sql::ast::{Expr, Ident, Insert as InsertStatement, InsertSource, Statement};
use sim::value::{Bind, Binds, Value};

use super::super::executor::Run;
use super::super::scatter::Sending;
use super::generate::is_wanted;
use super::new_rows::NewRows;
use crate::key::Destination;
use crate::planner::insert_query::InsertQuery;
use crate::rpc::Status;

impl Run {
    pub(super) async fn insert_query(
        &self,
        insert: &InsertQuery,
        binds: &Arc<Binds>,
    ) -> Result<Outcome, Status> {
        let input = self.primitive(&insert.input, binds).await?;
        if input.rows.is_empty() {
            return Ok(Outcome::default());
        }
        let mut rows: Vec<Vec<Value>> = input.rows.iter().map(|row| row.to_vec()).collect();
        let first = self.generate_at(insert, &mut rows).await?;
        let mut outcome = self.insert_queried(insert, &rows, binds).await?;
        if first != 0 {
            outcome.last_insert_id = first;
        }
        Ok(outcome)
    }

    /// Numbers of a sequence, where the query has none or no column for them.
    async fn generate_at(
        &self,
        insert: &InsertQuery,
        rows: &mut [Vec<Value>],
    ) -> Result<u64, Status> {
        let Some(generate) = &insert.generate else { return Ok(0) };
        for row in rows.iter_mut().filter(|row| row.len() <= generate.column) {
            row.push(Value::Null);
        }
        let places = rows.iter_mut().filter_map(|row| row.get_mut(generate.column));
        let wanted = places.filter(|value| is_wanted(value)).collect();
        self.fill(&generate.keyspace.name, &generate.sequence, wanted).await
    }

    async fn insert_queried(
        &self,
        insert: &InsertQuery,
        rows: &[Vec<Value>],
        binds: &Arc<Binds>,
    ) -> Result<Outcome, Status> {
        self.only_on_primary()?;
        let keyspace = &insert.keyspace.name;
        let sending = Sending::change(insert.multi_shard_autocommit);
        let by_shard = match insert.keyspace.sharded {
            true => {
                let mut new = new_rows(insert, rows);
                self.tell_vindexes(&mut new).await?;
                self.by_shard(&new)?
            }
            false => {
                let shards = self.resolve(keyspace, &Destination::AnyShard)?;
                shards.into_iter().map(|shard| (shard, (0..rows.len()).collect())).collect()
            }
        };
        if by_shard.is_empty() {
            return Ok(Outcome::default());
        }
        let calls = by_shard.into_iter().map(|(shard, own)| {
            let (statement, binds) = with_rows(&insert.insert, rows, &own, binds);
            (Rc::from(shard), Arc::new(statement), Arc::new(binds))
        });
        self.on_shards(keyspace, calls.collect(), sending).await
    }
}

/// The vindexes' columns, NULL where the query has none.
fn new_rows<'a>(insert: &'a InsertQuery, rows: &[Vec<Value>]) -> NewRows<'a> {
    let values = |(_, places): &(Arc<str>, Vec<Option<usize>>)| {
        let value = |row: &Vec<Value>, place: &Option<usize>| {
            place.and_then(|at| row.get(at)).cloned().unwrap_or(Value::Null)
        };
        rows.iter().map(|row| places.iter().map(|place| value(row, place)).collect()).collect()
    };
    NewRows {
        keyspace: &insert.keyspace,
        table: &insert.table,
        ignore: insert.ignore,
        vindexes: insert.vindexes.iter().map(|(name, _)| &**name).collect(),
        values: insert.vindexes.iter().map(values).collect(),
        ksids: Vec::new(),
    }
}

/// The statement with these rows, each value as `:_c<row>_<column>`.
fn with_rows(
    statement: &Statement,
    rows: &[Vec<Value>],
    own: &[usize],
    binds: &Binds,
) -> (Statement, Binds) {
    let mut binds = binds.clone();
    let mut values = Vec::new();
    for (number, row) in own.iter().filter_map(|number| Some((number, rows.get(*number)?))) {
        let argument = |(column, value): (usize, &Value)| {
            let name = format!("_c{number}_{column}");
            binds.insert(name.as_str().into(), Bind::Value(value.clone()));
            Expr::Argument { name: Ident::new(&name), ty: None }
        };
        values.push(row.iter().enumerate().map(argument).collect());
    }
    let statement = match statement {
        Statement::Insert(insert) => {
            let source = InsertSource::Values(values);
            Statement::Insert(InsertStatement { source, ..insert.clone() })
        }
        other => other.clone(),
    };
    (statement, binds)
}
