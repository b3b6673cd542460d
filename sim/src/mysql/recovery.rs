//! Definitions put into the engine, and a crashed server's logs replayed.
//!
//! Redo is replayed in order. A prepared transaction counts if the engine wrote its commit or the
//! binlog has it; every other one is rolled back, which here means that its record is not
//! replayed.
//!
//! The binlog's GTIDs are what the server has executed, and those that the engine's own commits
//! name. A commit that the engine has and the binlog lost counts as purged, so that a replica which
//! lacks it is refused. The other way round, the binlog has it and redo does not, is a
//! GTID without its rows: nothing notices, as in MySQL. A start begins a new binlog file.
//!
//! Left out: transactions that were running at the crash hold their rows for a while in MySQL
//! until the background rollback ends; here they are gone at once.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::durable::{Change, Durable, RedoRecord};
use super::engine::{Database, Engine};
use super::gtid::{Gtid, GtidSet};
use super::key::{IndexId, Key, TableId};
use super::options::Options;
use super::schema;
use super::table::{Table, Version};
use super::transaction::TrxId;
use crate::collation::Collation;
use crate::value::Row;

/// The writer of rows that are older than every transaction.
const ANCIENT: TrxId = TrxId(0);

impl Engine {
    pub fn recover(options: Options, durable: Durable) -> Engine {
        let mut engine = Engine::new(options);
        let mut executed = durable.purged.clone();
        let mut committed: BTreeSet<u64> = BTreeSet::new();
        for transaction in &durable.binlog {
            committed.insert(transaction.xid);
            executed.add(transaction.gtid);
            engine.reserve_trx_ids(transaction.xid);
        }
        for record in &durable.redo {
            if let RedoRecord::Commit { xid, gtid } = record {
                committed.insert(*xid);
                gtid.iter().for_each(|gtid| executed.add(*gtid));
            }
        }
        for record in &durable.redo {
            match record {
                RedoRecord::Prepare { xid, changes } => {
                    engine.reserve_trx_ids(*xid);
                    if committed.contains(xid) {
                        changes.iter().for_each(|change| engine.apply_change(change));
                    }
                }
                RedoRecord::AutoIncrement { table, next } => {
                    if let Some(table) = engine.tables.get_mut(table) {
                        table.auto_increment = table.auto_increment.max(*next);
                    }
                }
                RedoRecord::Commit { .. } => {}
            }
        }
        engine.executed = Arc::new(executed);
        engine.last_sequence = engine.executed.last(engine.options.server_uuid);
        engine.durable = durable;
        let mut logged = GtidSet::new();
        engine.durable.binlog.iter().for_each(|transaction| logged.add(transaction.gtid));
        engine.durable.purged = engine.executed.subtract(&logged);
        engine.finish_prepared(&committed);
        engine
    }

    /// Writes down what recovery decided, so that a second crash decides the same.
    fn finish_prepared(&mut self, committed: &BTreeSet<u64>) {
        let written: BTreeSet<u64> = self
            .durable
            .redo
            .iter()
            .filter_map(|record| match record {
                RedoRecord::Commit { xid, .. } => Some(*xid),
                _ => None,
            })
            .collect();
        // A transaction that is rolled back loses its record: its binlog slot may be used again.
        self.durable.redo.retain(|record| match record {
            RedoRecord::Prepare { xid, .. } => committed.contains(xid),
            _ => true,
        });
        let named: BTreeMap<u64, Gtid> =
            self.durable.binlog.iter().map(|logged| (logged.xid, logged.gtid)).collect();
        let missing = committed.difference(&written);
        let commit = |xid: &u64| RedoRecord::Commit { xid: *xid, gtid: named.get(xid).copied() };
        self.durable.redo.extend(missing.map(commit));
        self.durable.sync_all();
        self.durable.files.rotate(self.durable.binlog.len());
    }

    /// Makes a change of DDL or a replayed one.
    pub fn apply_change(&mut self, change: &Change) {
        if !matches!(change, Change::Row { .. }) {
            self.plans.outdate();
        }
        match change {
            Change::Row { table, key, row } => self.replay_row(*table, key, row.as_ref()),
            Change::CreateDatabase { name, collation } => {
                let database = Database { tables: BTreeMap::new(), collation: *collation };
                self.databases.entry(name.clone()).or_insert(database);
            }
            Change::DropDatabase { name } => {
                let dropped = self.databases.remove(name);
                for id in dropped.into_iter().flat_map(|database| database.tables.into_values()) {
                    self.drop_table(id);
                }
            }
            Change::PutTable { id, schema, rows, auto_increment } => {
                self.put_table(*id, schema.clone(), rows, *auto_increment);
            }
            Change::DropTable { id } => self.drop_table(*id),
        }
    }

    /// A definition has put these tables as they are.
    pub fn note_built(&mut self, changes: &[Change], trx: TrxId) {
        for change in changes {
            if let Change::PutTable { id, .. } = change
                && let Some(table) = self.tables.get_mut(id)
            {
                table.since = trx;
            }
        }
    }

    pub fn has_database(&self, name: &str) -> bool {
        self.databases.contains_key(name)
    }

    pub fn new_table_id(&mut self) -> TableId {
        let id = TableId(self.next_table);
        self.next_table += 1;
        id
    }

    fn put_table(
        &mut self,
        id: TableId,
        schema: Arc<schema::Table>,
        rows: &[Row],
        auto_increment: u64,
    ) {
        self.next_table = self.next_table.max(id.0 + 1);
        let mut table = Table::new(schema.clone());
        table.auto_increment = auto_increment;
        for row in rows {
            let key = table.clustered_key(row);
            put_row(&mut table, &key, row);
        }
        self.tables.insert(id, table);
        let database = self.databases.entry(schema.database.clone()).or_insert_with(|| Database {
            tables: BTreeMap::new(),
            collation: Collation::default(),
        });
        database.tables.insert(schema.name.clone(), id);
    }

    fn drop_table(&mut self, id: TableId) {
        let Some(table) = self.tables.remove(&id) else { return };
        for index in 0..table.schema.indexes.len() {
            self.locks.drop_index(IndexId { table: id, index: index as u32 });
        }
        if let Some(database) = self.databases.get_mut(&table.schema.database)
            && database.tables.get(&table.schema.name) == Some(&id)
        {
            database.tables.remove(&table.schema.name);
        }
    }

    fn replay_row(&mut self, id: TableId, key: &Key, row: Option<&Row>) {
        let Some(table) = self.tables.get_mut(&id) else { return };
        if let Some(old) = table.record(key).map(|record| record.newest().row.clone()) {
            for index in 1..table.schema.indexes.len() {
                let entry = table.entry_key(index, &old, key);
                table.remove_entry(index, &entry);
            }
            table.remove_record(key);
        }
        if let Some(row) = row {
            table.note_row_id(key);
            put_row(table, key, row);
        }
    }
}

fn put_row(table: &mut Table, key: &Key, row: &Row) {
    table.push_version(key, Version { trx: ANCIENT, deleted: false, row: row.clone() });
    for index in 1..table.schema.indexes.len() {
        let entry = table.entry_key(index, row, key);
        table.insert_entry(index, entry, row, key);
    }
}
