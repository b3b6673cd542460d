//! Whatever a lookup table has beside its owner's rows was left there by something.
//!
//! The counterexample that it exists for. A COMMIT forgets the normal list:
//!
//! ```text
//!   a: insert order 5     pre     product/0      'Product_5' -> 1 comes
//!                         normal  customer/-80   is open, and never hears of the end
//!   a is told             OK
//! ```
//!
//! Nothing is missing, nothing has failed and no promise is broken about rows that are there; only
//! an entry without a cause tells. The causes are the [`ledger`](super::ledger)'s. Judged at rest,
//! before anything that dangles is inserted anew.

use crate::checker::entry::Entry;
use crate::checker::judge::Judge;
use crate::checker::ledger::{Residue, Standing};
use crate::checker::value::{show, show_id};
use crate::checker::verdict::{Cause, Invariant};
use crate::checker::violation::{self, Violation};
use crate::checker::watched::Watched;

impl Judge {
    /// Looks at every entry that has no row.
    pub fn explain_what_is_left(&mut self) {
        self.judge_followed();
        let unexplained: Vec<Violation> = self
            .vindexes
            .iter()
            .flat_map(|vindex| {
                let entries = vindex.values.values();
                entries.filter_map(|entry| self.unexplained(&vindex.watched, entry))
            })
            .collect();
        self.violations.extend(unexplained);
    }

    fn unexplained(&self, watched: &Watched, entry: &Entry) -> Option<Violation> {
        let name = |shard: usize| self.shards[shard].full_name.to_string();
        let why = |residue: &Residue| match residue.standing(entry, watched, &name(residue.shard)) {
            Standing::Left { cause: Cause::Unknown, why } => Some(why),
            _ => None,
        };
        let of = entry.residues.iter().filter_map(|residue| Some((residue, why(residue)?)));
        let rows: Vec<String> = of
            .map(|(residue, why)| {
                let (shard, id) = (name(residue.shard), show_id(&residue.keyspace_id));
                let table = &watched.lookup.table;
                format!("{shard} has {table} {} -> {id} without a row: {why}", show(&entry.values))
            })
            .collect();
        (!rows.is_empty()).then(|| Violation {
            value: show(&entry.values),
            timeline: violation::timeline(entry, watched, &name, &self.faults),
            ..self.plain(Invariant::Explained, watched.full_name().into(), rows)
        })
    }
}
