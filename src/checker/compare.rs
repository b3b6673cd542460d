//! The judge's own tables against the servers' own, at a check.
//!
//! The counterexample that it exists for: a server that changes a row and writes no binlog event,
//! or an event of another row. All other verdicts rest on row images; this one says whether they
//! may. Where a server differs, its rows are taken over, so that a difference is told of once.

use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;
use std::sync::Arc;

use sim::mysql::server::TableImage;
use sim::value::Row;

use crate::checker::judge::Judge;
use crate::checker::replica_prefix::{self, Broken};
use crate::checker::rows::{Copy, Difference, Rows};
use crate::checker::value::show;
use crate::checker::verdict::{Assumption, Excuse, Invariant};
use crate::checker::violation::Violation;
use crate::topo::Alias;

/// A table, with its database.
type Name = (Arc<str>, Arc<str>);

impl Judge {
    /// Compares with all tables of the servers given, and replicas with their primaries. Gives what
    /// was found, which is kept among the violations too.
    pub fn compare(&mut self, images: impl Iterator<Item = (Alias, TableImage)>) -> Vec<Violation> {
        let before = self.violations.len();
        let mut seen: BTreeMap<Alias, BTreeSet<Name>> = BTreeMap::new();
        let mut taken_over = false;
        for (alias, image) in images {
            let name = (image.schema.database.clone(), image.schema.name.clone());
            seen.entry(alias.clone()).or_default().insert(name);
            taken_over |= self.compare_table(&alias, &image);
        }
        for (alias, names) in &seen {
            taken_over |= self.forget_others(alias, names);
        }
        self.compare_replicas();
        if taken_over {
            for index in 0..self.vindex_count() {
                self.rebuild(index);
                self.judge_all(index);
            }
        }
        self.violations[before..].to_vec()
    }

    /// Says whether the server's rows were taken over.
    fn compare_table(&mut self, alias: &Alias, image: &TableImage) -> bool {
        let Some(tablet) = self.tablets.get_mut(alias) else { return false };
        if !is_of_a_keyspace(&image.schema.database) {
            return false;
        }
        let (rows, _) = tablet.copy.table_in_shape(&image.schema);
        let theirs = Rows::of_image(image);
        let difference = rows.difference(&theirs);
        let was_stale = rows.stale;
        let differs = difference.is_some();
        if differs || was_stale {
            *rows = theirs;
        }
        if let Some(difference) = difference.filter(|_| !was_stale) {
            let violation = self.differs(alias, &image.schema.name, &difference);
            self.violations.push(violation);
        }
        differs
    }

    /// Tables that the server doesn't have any more.
    fn forget_others(&mut self, alias: &Alias, names: &BTreeSet<Name>) -> bool {
        let Some(tablet) = self.tablets.get_mut(alias) else { return false };
        let gone: Vec<(Name, Difference)> = tablet
            .copy
            .tables()
            .filter(|rows| is_of_a_keyspace(&rows.schema.database))
            .filter(|rows| {
                !names.contains(&(rows.schema.database.clone(), rows.schema.name.clone()))
            })
            .filter_map(|rows| {
                let difference = rows.difference(&Rows::new(&rows.schema))?;
                Some(((rows.schema.database.clone(), rows.schema.name.clone()), difference))
            })
            .collect();
        for ((database, name), _) in &gone {
            tablet.copy.forget(database, Some(name));
        }
        for ((_, name), difference) in &gone {
            let violation = self.differs(alias, name, difference);
            self.violations.push(violation);
        }
        !gone.is_empty()
    }

    fn compare_replicas(&mut self) {
        let mut found: Vec<(Alias, Vec<String>)> = Vec::new();
        for (alias, tablet) in self.tablets.iter().filter(|(_, tablet)| !tablet.diverged) {
            let primary = self.shards[tablet.shard].primary.as_ref().filter(|p| *p != alias);
            let Some((name, primary)) = primary.and_then(|p| self.tablets.get_key_value(p)) else {
                continue;
            };
            let in_flight = self.in_flight(tablet);
            let wrong = match replica_prefix::check(&primary.copy, &tablet.copy, &in_flight) {
                Some(Broken::Errant(gtid)) => format!("it has {gtid}, which {name} lacks"),
                Some(Broken::Gap(gtid)) => format!("it lacks {gtid} and has what came later"),
                None => match different_rows(&primary.copy, &tablet.copy) {
                    Some(wrong) => format!("{name} has executed the same; {wrong}"),
                    None => continue,
                },
            };
            found.push((alias.clone(), vec![wrong]));
        }
        for (alias, rows) in found {
            let Some(tablet) = self.tablets.get_mut(&alias) else { continue };
            tablet.diverged = true;
            let shard = &self.shards[tablet.shard];
            let subject: Rc<str> = format!("{alias}, a replica of {}", shard.full_name).into();
            let was_primary = shard.former.contains(&alias);
            let is_ahead = self.beheaded.contains(&tablet.shard);
            let violation = self.plain(Invariant::ReplicaPrefix, subject, rows);
            let because = match (was_primary, is_ahead) {
                // What it has committed and the others never got.
                (true, _) => "a failover left its last commits behind",
                // What it got and its source has lost.
                (false, true) => "a crash took commits from its primary",
                (false, false) => {
                    self.violations.push(violation);
                    continue;
                }
            };
            let (assumption, because) = (Assumption::DurableCommits, because.into());
            self.excuses.push(Excuse { assumption, because, violation });
        }
    }

    fn differs(&self, alias: &Alias, table: &str, difference: &Difference) -> Violation {
        let row =
            |row: &Option<Row>| row.as_ref().map_or("no such row".to_owned(), |row| show(row));
        let rows = vec![
            format!("its binlog gives {}", row(&difference.own)),
            format!("it holds {}", row(&difference.theirs)),
        ];
        self.plain(Invariant::RowImages, format!("{alias}, table {table}").into(), rows)
    }

    pub(super) fn plain(
        &self,
        invariant: Invariant,
        subject: Rc<str>,
        rows: Vec<String>,
    ) -> Violation {
        Violation {
            invariant,
            at: self.at,
            subject,
            value: String::new(),
            rows,
            timeline: Vec::new(),
            lost_at: None,
            locks: Vec::new(),
            departure: None,
        }
    }
}

/// Where both have executed the same: the first table in which they differ.
fn different_rows(primary: &Copy, replica: &Copy) -> Option<String> {
    if primary.executed != replica.executed {
        return None;
    }
    let tables =
        primary.tables().filter(|rows| is_of_a_keyspace(&rows.schema.database) && !rows.stale);
    tables
        .filter(|rows| !rows.is_empty())
        .find(|rows| {
            let other = replica.table(&rows.schema.database, &rows.schema.name);
            other.is_none_or(|other| !other.stale && rows.difference(other).is_some())
        })
        .map(|rows| format!("they differ in table {}", rows.schema.name))
}

fn is_of_a_keyspace(database: &str) -> bool {
    database.starts_with("vt_")
}
