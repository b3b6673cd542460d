//! A lookup that no table owns holds what its streams follow: an entry for each row, and no other.
//!
//! The counterexample that it exists for. A stream claims a position whose changes it has not
//! applied:
//!
//! ```text
//!   a             update corder set sku = 'b' where order_id = 5     between two packets
//!   vreplication  pos='..:1-9' is saved, 'a' -> 166B stays
//! ```
//!
//! vtgate writes no entry of such a lookup, so nothing hides what a stream forgets. Judged at rest,
//! where all streams of its workflow run: one that has failed says so, and promises nothing.
//!
//! It knows nothing of how a stream works.

use sim::value::{Row, Value};

use crate::checker::entry::{Entry, TableKind};
use crate::checker::judge::Judge;
use crate::checker::ledger;
use crate::checker::no_missing;
use crate::checker::rows::Rows;
use crate::checker::value::{show, show_id};
use crate::checker::verdict::Invariant;
use crate::checker::vindex_values::VindexValues;
use crate::checker::watched::Watched;

/// Entries that are told of.
const TOLD: usize = 4;

impl Judge {
    /// Compares each lookup that no table owns with the rows that it is for.
    pub(super) fn judge_followed(&mut self) {
        if self.is_faulty() || !self.lost.is_empty() || !self.beheaded.is_empty() {
            return;
        }
        for watched in self.unowned.clone() {
            if !self.is_followed(&watched) {
                continue;
            }
            let subject = watched.full_name();
            let rows = self.not_as_followed(watched);
            if !rows.is_empty() {
                self.violate(Invariant::Filled, subject, String::new(), rows, None);
            }
        }
    }

    /// Whether all streams of its workflow run, one at least on each shard.
    fn is_followed(&self, watched: &Watched) -> bool {
        let workflow = format!("{}_vdx", watched.lookup.table);
        let of = |rows: &Rows| {
            let text = |row: &Row, name: &str| {
                let at = rows.schema.column(name)?;
                row.get(at).and_then(Value::to_wire).map(std::borrow::Cow::into_owned)
            };
            let own = rows.iter().map(|(_, row)| row);
            let states =
                own.filter(|row| text(row, "workflow").as_deref() == Some(workflow.as_bytes()));
            states
                .map(|row| text(row, "state").as_deref() == Some(b"Running"))
                .collect::<Vec<bool>>()
        };
        let mut shards = self.shards.iter().filter(|own| own.keyspace == watched.lookup.keyspace);
        shards.all(|shard| {
            let primary = shard.primary.as_ref().and_then(|primary| self.tablets.get(primary));
            let streams = primary.and_then(|tablet| tablet.copy.table("_vt", "vreplication"));
            let running = streams.map(of).unwrap_or_default();
            !running.is_empty() && running.iter().all(|runs| *runs)
        })
    }

    fn not_as_followed(&self, watched: Watched) -> Vec<String> {
        let owners = self.tables_of(&watched, TableKind::Owner);
        let lookups = self.tables_of(&watched, TableKind::Lookup);
        let schema = lookups.first().map(|(_, _, _, rows)| rows.schema.clone());
        let mut vindex = VindexValues::new(watched.clone());
        if let Some(schema) = schema {
            vindex.take_collations(TableKind::Lookup, &schema);
        }
        vindex.rebuild(owners.into_iter().chain(lookups));
        let mut lines = Vec::new();
        for entry in vindex.values.values_mut() {
            ledger::settle(entry);
            lines.extend(differences(entry, &watched));
        }
        lines.truncate(TOLD);
        lines
    }
}

fn differences(entry: &Entry, watched: &Watched) -> Vec<String> {
    let (table, value) = (&watched.lookup.table, show(&entry.values));
    let missing = no_missing::missing(entry).filter_map(|owner| owner.keyspace_id.as_ref());
    let missing = missing.map(|id| format!("{table} lacks {value} -> {}", show_id(id)));
    let may_be_of_null = watched.may_be_of_null(&entry.values);
    let left = entry.residues.iter().filter(|_| !may_be_of_null).map(|residue| {
        let id = show_id(&residue.keyspace_id);
        format!("{table} has {value} -> {id}, and no {} row has it", watched.owner.table)
    });
    missing.chain(left).collect()
}
