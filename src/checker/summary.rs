//! What a check says: one line of counts a vindex, and one line for each row that dangles and for
//! each commit that was lost.

use std::collections::BTreeMap;
use std::fmt;

use crate::checker::ledger::{Dangling, Standing};
use crate::checker::lost::{ErrantCommit, LostCommit};
use crate::checker::verdict::Cause;

/// All judged vindexes, at one moment.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Summary {
    pub vindexes: Vec<VindexSummary>,
    /// What a failover or a crash took away.
    pub lost: Vec<LostCommit>,
    pub errant: Vec<ErrantCommit>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VindexSummary {
    /// With its keyspace.
    pub name: String,
    pub write_only: bool,
    /// Those with a value: a NULL needs no entry.
    pub owner_rows: usize,
    pub lookup_rows: usize,
    pub missing: usize,
    /// Of the missing ones, those of values for which an assumption is broken.
    pub excused: usize,
    /// Values of a unique lookup with several owner rows.
    pub duplicates: usize,
    pub dangling: Vec<Dangling>,
}

impl Summary {
    pub fn missing(&self) -> usize {
        self.vindexes.iter().map(|vindex| vindex.missing).sum()
    }

    /// Residue by cause; rows in flight are none.
    pub fn causes(&self) -> BTreeMap<Cause, usize> {
        let mut causes = BTreeMap::new();
        for cause in self.vindexes.iter().flat_map(VindexSummary::causes) {
            *causes.entry(cause).or_default() += 1;
        }
        causes
    }

    pub fn dangling(&self) -> usize {
        self.causes().values().sum()
    }
}

impl VindexSummary {
    fn causes(&self) -> impl Iterator<Item = Cause> {
        self.dangling.iter().filter_map(|row| match row.standing {
            Standing::Left { cause, .. } => Some(cause),
            Standing::InFlight { .. } => None,
        })
    }

    fn counts(&self) -> String {
        let mut by_cause: BTreeMap<&str, usize> = BTreeMap::new();
        self.causes().for_each(|cause| *by_cause.entry(cause.name()).or_default() += 1);
        let dangling: usize = by_cause.values().sum();
        let missing = match (self.write_only, self.excused) {
            (true, _) => format!("{} not filled yet", self.missing),
            (false, 0) => format!("{} missing", self.missing),
            (false, excused) => format!("{} missing (excused {excused})", self.missing),
        };
        let mut text = format!(
            "{} owner rows, {} lookup rows, {missing}, {dangling} dangling",
            self.owner_rows, self.lookup_rows
        );
        if !by_cause.is_empty() {
            let causes: Vec<String> =
                by_cause.iter().map(|(cause, count)| format!("{cause} {count}")).collect();
            text += &format!(" ({})", causes.join(", "));
        }
        let in_flight = self.dangling.len() - dangling;
        if 0 < in_flight {
            text += &format!(", {in_flight} in flight");
        }
        if 0 < self.duplicates {
            text += &format!(", {} values with several owners", self.duplicates);
        }
        text
    }
}

impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.vindexes.as_slice() {
            [] => writeln!(f, "check: nothing to judge")?,
            [only] => writeln!(f, "check: {}", only.counts())?,
            several => {
                for vindex in several {
                    writeln!(f, "check {}: {}", vindex.name, vindex.counts())?;
                }
            }
        }
        let rows = self.vindexes.iter().flat_map(|vindex| &vindex.dangling);
        rows.into_iter().try_for_each(|row| writeln!(f, "{row}"))?;
        self.lost.iter().try_for_each(|commit| writeln!(f, "{commit}"))?;
        self.errant.iter().try_for_each(|commit| writeln!(f, "{commit}"))
    }
}
