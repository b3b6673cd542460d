//! Insert: rows by the shards of their keyspace ids, after the vindexes have been told.
//!
//! 1. Numbers of a sequence, where the table has one.
//! 2. The values of all vindex columns.
//! 3. What the vindexes are told of them ([`super::new_rows`]). All lookup writes come before the
//!    rows.
//! 4. One INSERT a shard, all at once.

use std::rc::Rc;
use std::sync::Arc;

use sim::mysql::outcome::Outcome;
use sim::sql::ast::{Insert as InsertStatement, InsertSource, Statement};
use sim::value::{Bind, Binds};

use super::super::executor::Run;
use super::super::scatter::Sending;
use super::new_rows::NewRows;
use crate::key::Destination;
use crate::planner::primitive::{Insert, VindexValues};
use crate::rpc::Status;

impl Run {
    pub(super) async fn insert(
        &self,
        insert: &Insert,
        binds: &Arc<Binds>,
    ) -> Result<Outcome, Status> {
        let Some(generate) = &insert.generate else {
            return self.insert_values(insert, binds).await;
        };
        let (first, binds) = self.generate_for_rows(generate, binds).await?;
        let mut outcome = self.insert_values(insert, &binds).await?;
        if first != 0 {
            outcome.last_insert_id = first;
        }
        Ok(outcome)
    }

    async fn insert_values(&self, insert: &Insert, binds: &Arc<Binds>) -> Result<Outcome, Status> {
        self.only_on_primary()?;
        let keyspace = &insert.keyspace.name;
        let sending = Sending::change(insert.multi_shard_autocommit);
        if !insert.keyspace.sharded {
            let shards = self.resolve(keyspace, &Destination::AnyShard)?;
            let call = |name: String| (Rc::from(name), Arc::clone(&insert.query), binds.clone());
            let calls = shards.into_iter().map(call).collect();
            return self.on_shards(keyspace, calls, sending).await;
        }
        let mut rows = self.vindex_rows(insert, binds)?;
        self.tell_vindexes(&mut rows).await?;
        let by_shard = self.by_shard(&rows)?;
        if by_shard.is_empty() {
            return Ok(Outcome::default());
        }
        let calls = by_shard.into_iter().map(|(name, own)| {
            let statement = Arc::new(with_rows(&insert.query, &own));
            (Rc::from(name), statement, Arc::new(row_binds(insert, &rows, &own, binds)))
        });
        self.on_shards(keyspace, calls.collect(), sending).await
    }

    fn vindex_rows<'a>(&self, insert: &'a Insert, binds: &Binds) -> Result<NewRows<'a>, Status> {
        let mut all = Vec::new();
        for VindexValues { values, .. } in &insert.vindex_values {
            let count = values.first().map_or(0, Vec::len);
            let mut rows = vec![Vec::with_capacity(values.len()); count];
            for column in values {
                for (row, expr) in rows.iter_mut().zip(column) {
                    row.push(self.evaluate(expr, binds)?);
                }
            }
            all.push(rows);
        }
        Ok(NewRows {
            keyspace: &insert.keyspace,
            table: &insert.table,
            ignore: insert.ignore,
            vindexes: insert.vindex_values.iter().map(|values| &*values.vindex).collect(),
            values: all,
            ksids: Vec::new(),
        })
    }
}

/// The statement with these rows alone.
fn with_rows(statement: &Statement, rows: &[usize]) -> Statement {
    let Statement::Insert(insert) = statement else { return statement.clone() };
    let InsertSource::Values(all) = &insert.source else { return statement.clone() };
    let own = rows.iter().filter_map(|row| all.get(*row).cloned()).collect();
    Statement::Insert(InsertStatement { source: InsertSource::Values(own), ..insert.clone() })
}

/// `:_column_row` for every vindex column of these rows.
fn row_binds(insert: &Insert, rows: &NewRows<'_>, own: &[usize], binds: &Binds) -> Binds {
    let mut all = binds.clone();
    for (vindex, values) in insert.vindex_values.iter().zip(&rows.values) {
        for (column, name) in vindex.columns.iter().enumerate() {
            for row in own {
                if let Some(value) = values[*row].get(column) {
                    let name = crate::planner::insert::vindex_argument(name, *row);
                    all.insert(name.as_str().into(), Bind::Value(value.clone()));
                }
            }
        }
    }
    all
}
