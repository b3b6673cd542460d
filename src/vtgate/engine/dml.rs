//! Update and Delete: the lookup entries of the rows first, then the rows.
//!
//! 1. The shards; none is 0 rows.
//! 2. Where the statement touches owned vindexes, the rows that it is about to change are read and
//!    locked, in the normal list.
//! 3. Row by row, vindex by vindex: old entries are deleted (post), new ones created (pre).
//! 4. The statement itself, normal list.

use std::sync::Arc;

use sim::collation::Collation;
use sim::eval::{Env, equal};
use sim::mysql::outcome::Outcome;
use sim::value::{Binds, Row, Value};

use super::super::executor::Run;
use super::super::scatter::Sending;
use super::route::Routed;
use crate::key::{Code, Destination, KeyspaceId};
use crate::mutant::{self, Mutant};
use crate::planner::primitive::{ChangedVindex, Delete, Dml, Opcode, Update};
use crate::rpc::Status;
use crate::topo::TabletType;
use crate::vindex;
use crate::vschema::{ColumnVindex, Table};

impl Run {
    pub(super) async fn update(
        &self,
        update: &Update,
        binds: &Arc<Binds>,
    ) -> Result<Outcome, Status> {
        let shards = self.routed(&update.dml.routing, binds).await?;
        self.only_on_primary()?;
        if shards.is_empty() {
            return Ok(Outcome::default());
        }
        if let Some(rows) = self.owned_rows(&update.dml, &shards, binds).await? {
            let table = self.table(&update.dml)?;
            for row in &rows {
                let told = match mutant::is(Mutant::SecondVindexNotTold) {
                    true => update.changed_vindexes.get(..1).unwrap_or_default(),
                    false => &update.changed_vindexes,
                };
                for changed in told {
                    self.update_entry(&update.dml, &table, changed, row, binds).await?;
                }
            }
        }
        self.change_rows(&update.dml, shards).await
    }

    pub(super) async fn delete(
        &self,
        delete: &Delete,
        binds: &Arc<Binds>,
    ) -> Result<Outcome, Status> {
        let shards = self.routed(&delete.dml.routing, binds).await?;
        self.only_on_primary()?;
        if shards.is_empty() {
            return Ok(Outcome::default());
        }
        if let Some(rows) = self.owned_rows(&delete.dml, &shards, binds).await? {
            let table = self.table(&delete.dml)?;
            for row in &rows {
                self.delete_entries(&delete.dml, &table, row).await?;
            }
        }
        self.change_rows(&delete.dml, shards).await
    }

    /// A session that aims at replicas changes nothing.
    pub(super) fn only_on_primary(&self) -> Result<(), Status> {
        let kind = self.session.borrow().target.kind;
        if kind == TabletType::Primary {
            return Ok(());
        }
        let text = format!("supported only for primary tablet type, current type: {}", kind.name());
        Err(Status::new(Code::FailedPrecondition, text))
    }

    /// The statement itself, once a shard.
    async fn change_rows(&self, dml: &Dml, shards: Vec<Routed>) -> Result<Outcome, Status> {
        let call = |(name, binds)| (name, Arc::clone(&dml.query), binds);
        let calls = shards.into_iter().map(call).collect();
        let sending = Sending::change(dml.multi_shard_autocommit);
        self.on_shards(&dml.routing.keyspace.name, calls, sending).await
    }

    /// The rows to be changed, locked; None where no owned vindex is touched.
    async fn owned_rows(
        &self,
        dml: &Dml,
        shards: &[Routed],
        binds: &Arc<Binds>,
    ) -> Result<Option<Vec<Row>>, Status> {
        let Some(query) = &dml.owned_vindex_query else { return Ok(None) };
        let by_destination = dml.routing.opcode == Opcode::ByDestination;
        if by_destination && mutant::is(Mutant::DestinationSkipsVindexes) {
            return Ok(None);
        }
        // Every shard gets the whole list: the query's text keeps it.
        let call = |(name, _): &Routed| (name.clone(), Arc::clone(query), Arc::clone(binds));
        let calls = shards.iter().map(call).collect();
        let keyspace = &dml.routing.keyspace.name;
        Ok(Some(self.on_shards(keyspace, calls, Sending::Read).await?.rows))
    }

    fn table(&self, dml: &Dml) -> Result<Arc<Table>, Status> {
        let keyspace = &dml.routing.keyspace.name;
        let table = self.snapshot.vschema.find_table(keyspace, &dml.table);
        table.map_err(|error| Status::new(error.code, error.to_string()))
    }

    async fn delete_entries(&self, dml: &Dml, table: &Table, row: &Row) -> Result<(), Status> {
        let ksid = self.ksid_of(dml, row).await?;
        for (at, column_vindex) in table.owned.iter().enumerate() {
            if 0 < at && mutant::is(Mutant::OneEntryDeleted) {
                continue;
            }
            let Some(lookup) = column_vindex.vindex.lookup() else { continue };
            if mutant::is(Mutant::OldEntriesStay) {
                continue;
            }
            let old = old_values(dml, table, column_vindex, row);
            self.converse(lookup.delete(self.vindex_context(false), &[old], &ksid)).await?;
        }
        Ok(())
    }

    async fn update_entry(
        &self,
        dml: &Dml,
        table: &Table,
        changed: &ChangedVindex,
        row: &Row,
        binds: &Binds,
    ) -> Result<(), Status> {
        // The server has compared: 1 says that the value stays.
        let compares = !mutant::is(Mutant::SameValueMoved);
        if compares && matches!(row.get(changed.offset), Some(Value::Int(1) | Value::Uint(1))) {
            return Ok(());
        }
        let found = table.column_vindexes.iter().find(|vindex| *vindex.name == *changed.vindex);
        let Some(column_vindex) = found else { return Ok(()) };
        let ksid = self.ksid_of(dml, row).await?;
        let old = old_values(dml, table, column_vindex, row);
        let mut new = match mutant::is(Mutant::UnsetColumnsAreNull) {
            true => old.iter().map(|_| vindex::Value::NULL).collect(),
            false => old.clone(),
        };
        for (value, assigned) in new.iter_mut().zip(&changed.values) {
            if let Some(expr) = assigned {
                *value = (&self.evaluate(expr, binds)?).into();
            }
        }
        if !column_vindex.owned {
            return self.check_new(column_vindex, new, ksid).await;
        }
        let Some(lookup) = column_vindex.vindex.lookup() else { return Ok(()) };
        let context = self.vindex_context(false);
        let same = |left: &_, right: &_| compares && same(left, right);
        self.converse(lookup.update(context, &old, &ksid, &new, &same)).await
    }

    /// A vindex that the table does not own is not written; the new value must belong here.
    async fn check_new(
        &self,
        column_vindex: &ColumnVindex,
        new: vindex::Row,
        ksid: KeyspaceId,
    ) -> Result<(), Status> {
        if new.iter().all(|value| value.kind == vindex::Kind::Null) {
            return Ok(());
        }
        let rows = [new];
        let verified = self.verify(&column_vindex.vindex, &rows, &[ksid], false).await?;
        if verified.first() == Some(&true) {
            return Ok(());
        }
        let columns: Vec<Arc<str>> =
            column_vindex.columns.iter().map(|column| column.as_str().into()).collect();
        Err(super::new_rows::mismatch(&super::new_rows::list(&rows[0]), &columns))
    }

    async fn ksid_of(&self, dml: &Dml, row: &Row) -> Result<KeyspaceId, Status> {
        let name = dml.ksid_vindex.as_deref().unwrap_or("");
        let vindex = self.vindex(&dml.routing.keyspace.name, name)?;
        let columns = row.iter().take(dml.ksid_length).map(vindex::Value::from).collect();
        let destinations = self.map(&vindex, &[columns]).await?;
        match destinations.into_iter().next() {
            Some(Destination::KeyspaceId(ksid)) => Ok(ksid),
            Some(Destination::None) | None => Ok(KeyspaceId::EMPTY),
            Some(other) => {
                let text = format!("cannot map vindex to unique keyspace id: {other}");
                Err(Status::new(Code::Unknown, text))
            }
        }
    }
}

/// The row's values of an owned vindex: they stand behind the primary vindex's, in VSchema order.
fn old_values(dml: &Dml, table: &Table, wanted: &ColumnVindex, row: &Row) -> vindex::Row {
    let mut at = dml.ksid_length;
    for owned in &table.owned {
        let end = at + owned.columns.len();
        if owned.name == wanted.name {
            return row[at.min(row.len())..end.min(row.len())].iter().map(Into::into).collect();
        }
        at = end;
    }
    wanted.columns.iter().map(|_| vindex::Value::NULL).collect()
}

/// Equal by the connection's collation.
fn same(left: &vindex::Value, right: &vindex::Value) -> bool {
    let mut env = Env::new(jiff::civil::DateTime::default());
    equal(&left.into(), &right.into(), Collation::Utf8mb40900AiCi, &mut env)
}
