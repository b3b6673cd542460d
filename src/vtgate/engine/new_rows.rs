//! What vindexes are told of new rows, before the rows are written.
//!
//! 1. The primary vindex gives each row its keyspace id.
//! 2. Each further vindex in VSchema order: an owned one creates its entries, any other is filled
//!    in reverse or verified.
//!
//! See `engine/insert_common.go`, `processVindexes`. It knows nothing of where the values come from
//! and of the statement that writes the rows.

use std::collections::BTreeMap;
use std::sync::Arc;

use sim::value::Value;

use super::super::cursor;
use super::super::executor::Run;
use crate::key::{Code, Destination, KeyspaceId};
use crate::mutant::{self, Mutant};
use crate::planner::primitive::Keyspace;
use crate::rpc::Status;
use crate::vindex::{self, Vindex};
use crate::vschema::ColumnVindex;

/// Rows on their way into a table.
pub(super) struct NewRows<'a> {
    pub keyspace: &'a Keyspace,
    pub table: &'a str,
    /// IGNORE or ON DUPLICATE KEY UPDATE.
    pub ignore: bool,
    /// The names of the vindexes that are told, the primary one first.
    pub vindexes: Vec<&'a str>,
    /// `values[vindex][row][column]`.
    pub values: Vec<Vec<Vec<Value>>>,
    /// Of each row; none for one that IGNORE drops.
    pub ksids: Vec<Option<KeyspaceId>>,
}

impl Run {
    /// Tells the vindexes of rows whose values are known.
    pub(super) async fn tell_vindexes(&self, rows: &mut NewRows<'_>) -> Result<(), Status> {
        let table = self.snapshot.vschema.find_table(&rows.keyspace.name, rows.table);
        let table = table.map_err(|error| Status::new(error.code, error.to_string()))?;
        self.place(rows).await?;
        for at in 1..rows.vindexes.len() {
            // One vindex may be that of several columns.
            let is_same = |name: &&&str| **name == rows.vindexes[at];
            let before = rows.vindexes[..at].iter().filter(is_same).count();
            let named = |vindex: &&Arc<ColumnVindex>| *vindex.name == *rows.vindexes[at];
            let mut columns = table.column_vindexes.iter().filter(named);
            let Some(column_vindex) = columns.nth(before) else { continue };
            match column_vindex.owned {
                true => self.create_entries(rows, column_vindex, at).await?,
                false => self.check_unowned(rows, column_vindex, at).await?,
            }
        }
        Ok(())
    }

    /// The primary vindex says where each row goes.
    async fn place(&self, rows: &mut NewRows<'_>) -> Result<(), Status> {
        let Some(primary) = rows.vindexes.first() else {
            let text = format!("table '{}' does not have a primary vindex", rows.table);
            return Err(Status::new(Code::FailedPrecondition, text));
        };
        let vindex = self.vindex(&rows.keyspace.name, primary)?;
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
        rows: &mut NewRows<'_>,
        column_vindex: &ColumnVindex,
        at: usize,
    ) -> Result<(), Status> {
        let Some(lookup) = column_vindex.vindex.lookup() else { return Ok(()) };
        let alive: Vec<usize> =
            (0..rows.ksids.len()).filter(|row| rows.ksids[*row].is_some()).collect();
        let entries: Vec<vindex::Row> =
            alive.iter().map(|row| vindex_row(&rows.values[at][*row])).collect();
        let ksids: Vec<KeyspaceId> =
            alive.iter().filter_map(|row| rows.ksids[*row].clone()).collect();
        let context = self.vindex_context(rows.ignore);
        self.converse(lookup.create(context, &entries, &ksids)).await?;
        if !rows.ignore {
            return Ok(());
        }
        let firsts: Vec<vindex::Value> =
            entries.iter().filter_map(|entry| entry.first().cloned()).collect();
        let verified = self.converse(lookup.verify(context, &firsts, &ksids)).await?;
        for ((row, entry), verified) in alive.iter().zip(&entries).zip(verified) {
            let has_null = entry.iter().any(|value| value.kind == vindex::Kind::Null);
            if !verified && (!has_null || mutant::is(Mutant::IgnoreDropsNulls)) {
                rows.ksids[*row] = None;
            }
        }
        Ok(())
    }

    /// A vindex that the table does not own: NULL is filled in reverse where that is possible, a
    /// value must belong to the row's keyspace id.
    async fn check_unowned(
        &self,
        rows: &mut NewRows<'_>,
        column_vindex: &ColumnVindex,
        at: usize,
    ) -> Result<(), Status> {
        let vindex = &column_vindex.vindex;
        let mut given: Vec<usize> = Vec::new();
        for row in 0..rows.ksids.len() {
            let Some(ksid) = &rows.ksids[row] else { continue };
            let first_is_null = rows.values[at][row].first().is_none_or(Value::is_null);
            if !first_is_null || mutant::is(Mutant::UnownedNullVerified) {
                given.push(row);
            } else if vindex.properties().reversible
                && !mutant::is(Mutant::ReverseFillForgotten)
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
        let verified = self.verify(vindex, &inputs, &ksids, rows.ignore).await?;
        let bad: Vec<usize> = (0..given.len()).filter(|i| !verified[*i]).collect();
        if bad.is_empty() || mutant::is(Mutant::UnownedUnchecked) {
            return Ok(());
        }
        if rows.ignore {
            bad.iter().for_each(|i| rows.ksids[given[*i]] = None);
            return Ok(());
        }
        let bad: Vec<String> = bad.iter().map(|i| list(&inputs[*i])).collect();
        let columns: Vec<Arc<str>> =
            column_vindex.columns.iter().map(|name| name.as_str().into()).collect();
        Err(mismatch(&format!("[{}]", bad.join(" ")), &columns))
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
            if mutant::is(Mutant::FunctionalUnchecked) {
                return Ok(vec![true; rows.len()]);
            }
            return functional.verify(rows, ksids).map_err(cursor::status);
        }
        let Some(lookup) = vindex.lookup() else { return Ok(vec![true; rows.len()]) };
        let ids: Vec<vindex::Value> = rows.iter().filter_map(|row| row.first().cloned()).collect();
        self.converse(lookup.verify(self.vindex_context(ignore), &ids, ksids)).await
    }

    /// The rows by shard, in the order of the first row that goes to each.
    pub(super) fn by_shard(&self, rows: &NewRows<'_>) -> Result<Vec<(String, Vec<usize>)>, Status> {
        let mut order: Vec<String> = Vec::new();
        let mut by_shard: BTreeMap<String, Vec<usize>> = BTreeMap::new();
        for (row, ksid) in rows.ksids.iter().enumerate() {
            let Some(ksid) = ksid else { continue };
            let destination = Destination::KeyspaceId(ksid.clone());
            for name in self.resolve(&rows.keyspace.name, &destination)? {
                if !order.contains(&name) {
                    order.push(name.clone());
                }
                by_shard.entry(name).or_default().push(row);
            }
        }
        let own = |name: String| {
            let rows = by_shard.remove(&name).unwrap_or_default();
            (name, rows)
        };
        Ok(order.into_iter().map(own).collect())
    }
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
