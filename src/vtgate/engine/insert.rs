//! Insert: rows by the shards of their keyspace ids, after the vindexes have been told.
//!
//! 1. The values of all vindex columns.
//! 2. The primary vindex gives each row its keyspace id.
//! 3. Each further vindex in VSchema order: an owned one creates its entries, any other is filled
//!    in reverse or verified.
//! 4. One INSERT a shard, all at once. All lookup writes come before the rows.

use std::collections::BTreeMap;
use std::rc::Rc;
use std::sync::Arc;

use sim::mysql::outcome::Outcome;
use sim::sql::ast::{Insert as InsertStatement, InsertSource, Statement};
use sim::value::{Bind, Binds, Value};

use super::super::cursor;
use super::super::executor::Run;
use crate::key::{Code, Destination, KeyspaceId};
use crate::planner::primitive::{Insert, VindexValues};
use crate::rpc::Status;
use crate::vindex::{self, Vindex};
use crate::vschema::ColumnVindex;

/// Rows under way: by vindex its column values row by row, and each row's keyspace id; a row that
/// INSERT IGNORE drops has none.
struct Rows {
    /// `values[vindex][row][column]`.
    values: Vec<Vec<Vec<Value>>>,
    ksids: Vec<Option<KeyspaceId>>,
}

impl Run {
    pub(super) async fn insert(
        &self,
        insert: &Insert,
        binds: &Arc<Binds>,
    ) -> Result<Outcome, Status> {
        if insert.generate.is_some() {
            return Err(super::unsupported("sequences"));
        }
        let keyspace = &insert.keyspace.name;
        if !insert.keyspace.sharded {
            let shards = self.resolve(keyspace, &Destination::AnyShard)?;
            let call = |name: String| (Rc::from(name), Arc::clone(&insert.query), binds.clone());
            let calls = shards.into_iter().map(call).collect();
            return self.on_shards(keyspace, calls, true, true).await;
        }
        let mut rows = self.vindex_rows(insert, binds)?;
        let table = self.snapshot.vschema.find_table(keyspace, &insert.table);
        let table = table.map_err(|error| Status::new(error.code, error.to_string()))?;
        self.place(insert, &mut rows).await?;
        for (at, values) in insert.vindex_values.iter().enumerate().skip(1) {
            let column_vindex = table.column_vindexes.iter().find(|v| *v.name == *values.vindex);
            let Some(column_vindex) = column_vindex else { continue };
            match column_vindex.owned {
                true => self.create_entries(insert, column_vindex, at, &mut rows).await?,
                false => self.check_unowned(insert, values, column_vindex, at, &mut rows).await?,
            }
        }
        self.insert_rows(insert, &rows, binds).await
    }

    fn vindex_rows(&self, insert: &Insert, binds: &Binds) -> Result<Rows, Status> {
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
        Ok(Rows { values: all, ksids: Vec::new() })
    }

    /// The primary vindex says where each row goes.
    async fn place(&self, insert: &Insert, rows: &mut Rows) -> Result<(), Status> {
        let Some(primary) = insert.vindex_values.first() else {
            let text = format!(
                "table '{}' does not have a primary vindex (errno 1173) (sqlstate 42000)",
                insert.table
            );
            return Err(Status::new(Code::FailedPrecondition, text));
        };
        let vindex = self.vindex(&insert.keyspace.name, &primary.vindex)?;
        let inputs: Vec<vindex::Row> = rows.values[0].iter().map(|row| vindex_row(row)).collect();
        let destinations = self.map(&vindex, &inputs).await?;
        for (destination, input) in destinations.iter().zip(&inputs) {
            match destination {
                Destination::KeyspaceId(ksid) => rows.ksids.push(Some(ksid.clone())),
                Destination::None => {
                    let text = format!("VT09023: could not map {} to a keyspace id", list(input));
                    return Err(Status::new(Code::Unknown, text));
                }
                other => {
                    let text = format!(
                        "VT09024: could not map {} to a unique keyspace id: {other}",
                        list(input)
                    );
                    return Err(Status::new(Code::Unknown, text));
                }
            }
        }
        Ok(())
    }

    /// An owned lookup gets an entry for each row. With IGNORE, a row whose entry belongs to
    /// another row is dropped.
    async fn create_entries(
        &self,
        insert: &Insert,
        column_vindex: &ColumnVindex,
        at: usize,
        rows: &mut Rows,
    ) -> Result<(), Status> {
        let Some(lookup) = column_vindex.vindex.lookup() else { return Ok(()) };
        let alive: Vec<usize> =
            (0..rows.ksids.len()).filter(|row| rows.ksids[*row].is_some()).collect();
        let entries: Vec<vindex::Row> =
            alive.iter().map(|row| vindex_row(&rows.values[at][*row])).collect();
        let ksids: Vec<KeyspaceId> =
            alive.iter().filter_map(|row| rows.ksids[*row].clone()).collect();
        let context = self.vindex_context(insert.ignore);
        self.converse(lookup.create(context, &entries, &ksids)).await?;
        if !insert.ignore {
            return Ok(());
        }
        let firsts: Vec<vindex::Value> =
            entries.iter().filter_map(|entry| entry.first().cloned()).collect();
        let verified = self.converse(lookup.verify(context, &firsts, &ksids)).await?;
        for ((row, entry), verified) in alive.iter().zip(&entries).zip(verified) {
            let has_null = entry.iter().any(|value| value.kind == vindex::Kind::Null);
            if !verified && !has_null {
                rows.ksids[*row] = None;
            }
        }
        Ok(())
    }

    /// A vindex that the table does not own: NULL is filled in reverse where that is possible, a
    /// value must belong to the row's keyspace id.
    async fn check_unowned(
        &self,
        insert: &Insert,
        values: &VindexValues,
        column_vindex: &ColumnVindex,
        at: usize,
        rows: &mut Rows,
    ) -> Result<(), Status> {
        let vindex = &column_vindex.vindex;
        let mut given: Vec<usize> = Vec::new();
        for row in 0..rows.ksids.len() {
            let Some(ksid) = &rows.ksids[row] else { continue };
            let first_is_null = rows.values[at][row].first().is_none_or(Value::is_null);
            if !first_is_null {
                given.push(row);
            } else if vindex.properties().reversible
                && let Some(functional) = vindex.functional()
            {
                let reversed = functional.reverse_map(Some(ksid)).map_err(cursor::status)?;
                rows.values[at][row] = vec![Value::from(&reversed)];
            }
        }
        let inputs: Vec<vindex::Row> =
            given.iter().map(|row| vindex_row(&rows.values[at][*row])).collect();
        let ksids: Vec<KeyspaceId> =
            given.iter().filter_map(|row| rows.ksids[*row].clone()).collect();
        let verified = self.verify(vindex, &inputs, &ksids, insert.ignore).await?;
        let bad: Vec<usize> = (0..given.len()).filter(|i| !verified[*i]).collect();
        if bad.is_empty() {
            return Ok(());
        }
        if insert.ignore {
            bad.iter().for_each(|i| rows.ksids[given[*i]] = None);
            return Ok(());
        }
        let rows: Vec<String> = bad.iter().map(|i| list(&inputs[*i])).collect();
        Err(mismatch(&format!("[{}]", rows.join(" ")), &values.columns))
    }

    pub(super) async fn verify(
        &self,
        vindex: &Arc<dyn Vindex>,
        rows: &[vindex::Row],
        ksids: &[KeyspaceId],
        ignore: bool,
    ) -> Result<Vec<bool>, Status> {
        if rows.is_empty() {
            return Ok(Vec::new());
        }
        if let Some(functional) = vindex.functional() {
            return functional.verify(rows, ksids).map_err(cursor::status);
        }
        let Some(lookup) = vindex.lookup() else { return Ok(vec![true; rows.len()]) };
        let ids: Vec<vindex::Value> = rows.iter().filter_map(|row| row.first().cloned()).collect();
        self.converse(lookup.verify(self.vindex_context(ignore), &ids, ksids)).await
    }

    /// One INSERT a shard, in the order of the first row that goes to each.
    async fn insert_rows(
        &self,
        insert: &Insert,
        rows: &Rows,
        binds: &Arc<Binds>,
    ) -> Result<Outcome, Status> {
        let keyspace = &insert.keyspace.name;
        let mut order: Vec<String> = Vec::new();
        let mut by_shard: BTreeMap<String, Vec<usize>> = BTreeMap::new();
        for (row, ksid) in rows.ksids.iter().enumerate() {
            let Some(ksid) = ksid else { continue };
            for name in self.resolve(keyspace, &Destination::KeyspaceId(ksid.clone()))? {
                if !order.contains(&name) {
                    order.push(name.clone());
                }
                by_shard.entry(name).or_default().push(row);
            }
        }
        if order.is_empty() {
            return Ok(Outcome::default());
        }
        let calls = order.into_iter().map(|name| {
            let own = &by_shard[&name];
            let statement = Arc::new(with_rows(&insert.query, own));
            (Rc::from(name), statement, Arc::new(row_binds(insert, rows, own, binds)))
        });
        self.on_shards(keyspace, calls.collect(), true, true).await
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
fn row_binds(insert: &Insert, rows: &Rows, own: &[usize], binds: &Binds) -> Binds {
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

fn vindex_row(row: &[Value]) -> vindex::Row {
    row.iter().map(vindex::Value::from).collect()
}

/// `[INT64(1) VARCHAR("a")]`.
pub(super) fn list(row: &[vindex::Value]) -> String {
    let texts: Vec<String> = row.iter().map(ToString::to_string).collect();
    format!("[{}]", texts.join(" "))
}

pub(super) fn mismatch(values: &str, columns: &[Arc<str>]) -> Status {
    let text =
        format!("values {values} for column [{}] does not map to keyspace ids", columns.join(" "));
    Status::new(Code::Unknown, text)
}
