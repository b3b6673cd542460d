//! A lookup that is filled while clients work.
//!
//! ```text
//!   rows of before           clients insert; the vschema has no such lookup
//!   CreateLookupVindex       its streams begin to copy
//!   work under faults        vtgates write it, and the streams fill it
//!   recover, a while         streams that had failed have come back
//!   ExternalizeVindex        from here on it is read, and judged
//!   work
//! ```
//!
//! What Vitess is known to lose then is left out, since a search would find little else (bugs.md L1
//! to L4, vreplication.md 5.6): nobody writes while the streams begin and vtgates hear of the
//! vindex; nothing strikes before CreateLookupVindex is done, since one that fails half-way leaves
//! streams beside vtgates that hear of nothing; such a vtgate is there only beside streams that go
//! on after the copy, and has heard of it long before the end; rows of before have each a value of
//! their own; a lookup that is not unique has the row's key in it. Nor does anything strike between
//! vtgates and the topology, or at vtctld; and ExternalizeVindex comes too early only where it must
//! refuse.
//!
//! Some of the lookups that are made are nobody's: vtgate writes no entry of such a one, so what
//! its streams do shows in every entry, and not in those alone that no vtgate has written.

use std::time::Duration;

use sim::seed::Draw;

use super::case::{Case, Step, millis};
use super::faults::Kind;
use super::schema::Schema;
use super::tables::Table;
use super::workload::Workload;
use crate::vschema::source::{ColumnVindexSource, KeyspaceSource, TableSource, VindexSource};

/// See the [module](self).
#[derive(Clone, Debug)]
pub struct Backfill {
    /// Of the owner.
    keyspace: String,
    owner: String,
    vindex: String,
    /// Of the lookup table.
    table: String,
    /// What CreateLookupVindex is told.
    spec: KeyspaceSource,
    /// The streams go on after the copy, whoever owns it.
    follows: bool,
    /// The lookup's first column, where no table owns it.
    followed: Option<String>,
}

/// What the tablets of such a case are started with.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Streams {
    /// In bytes: how much a stream takes at a time. As by default where not said.
    pub packet_size: Option<u64>,
    /// A copy's state has one row for each table, as in Vitess 6.
    pub is_v6: bool,
}

/// Percent of lookups that no table owns: streams alone fill them, and go on.
const UNOWNED: u64 = 30;

/// A stream whose source was gone notices within half a minute, and then tries again.
const RESTED: Duration = Duration::from_secs(45);

impl Backfill {
    /// Takes a lookup out of a schema. None where no lookup can be made afterwards.
    pub fn take(draw: &mut Draw, schema: &mut Schema, tables: &[Table]) -> Option<Backfill> {
        let all: Vec<(usize, String)> = lookups(schema);
        if all.is_empty() {
            return None;
        }
        let (at, name) = draw.pick(&all).clone();
        let home = &mut schema.keyspaces[at];
        let keyspace = home.name.clone();
        let mut vindex = home.vschema.vindexes.remove(&name)?;
        let owner = vindex.owner.clone();
        let of_owner = &mut home.vschema.tables.get_mut(&owner)?.column_vindexes;
        let mut column_vindex = of_owner.remove(of_owner.iter().position(|own| own.name == name)?);
        let (lookup_keyspace, table) = vindex.lookup_table(&keyspace);
        let lookup = schema.keyspaces.iter_mut().find(|own| own.name == lookup_keyspace)?;
        lookup.vschema.tables.remove(&table);
        let begins = format!("create table {table} (");
        lookup.definitions.retain(|definition| !definition.starts_with(&begins));
        vindex.params.remove("write_only");
        // CreateLookupVindex takes the blanks for a part of the columns' names.
        if let Some(from) = vindex.params.get_mut("from") {
            from.retain(|char| char != ' ');
        }
        let table_of = |own: &&Table| own.keyspace == keyspace && own.bare == owner;
        let is_unowned = draw.chance(UNOWNED);
        if let Some(own) = tables.iter().find(table_of).filter(|_| is_unowned) {
            disown(&mut vindex, &mut column_vindex, own);
        }
        let followed = vindex.owner.is_empty().then(|| column_vindex.column_names()[0].clone());
        let spec = specification(&name, vindex, &owner, column_vindex);
        let follows = is_unowned || draw.chance(50);
        Some(Backfill { keyspace, owner, vindex: name, table, spec, follows, followed })
    }

    /// The tablets' flags.
    pub fn streams(&self, draw: &mut Draw) -> Streams {
        let packet_size = draw.chance(80).then(|| draw.between(20, 120));
        Streams { packet_size, is_v6: draw.chance(40) }
    }

    /// The steps of a case, with `work` and `later` of clients before and after the vindex is used.
    pub fn steps(
        &self,
        draw: &mut Draw,
        case: &Case,
        workload: &mut Workload,
        (work, later): (Vec<Step>, Vec<Step>),
    ) -> Vec<Step> {
        let session = draw.pick(&case.sessions).0.clone();
        let owner = (&*self.keyspace, &*self.owner);
        let (first, count) = (draw.between(1, 5), draw.between(3, 30));
        let mut insert = |draw: &mut Draw, numbers| {
            let sql = workload.rows_apart(draw, owner, numbers);
            sql.map(|sql| Step::Send { session: session.clone(), sql })
        };
        let mut steps: Vec<Step> = insert(draw, first..first + count).into_iter().collect();
        steps.push(command("settle"));
        let is_unaware = self.follows && draw.chance(60);
        if is_unaware {
            steps.push(command("cut topo vtgate-1"));
        }
        steps.push(self.create(draw, case.tablets));
        let is_struck = draw.chance(50);
        if is_struck {
            steps.push(self.strike(draw, case));
        }
        if let Some(column) = self.followed.as_ref().filter(|_| is_struck && draw.chance(70)) {
            // What is copied changes as well as what is not, while it is away.
            steps.push(Step::Advance(millis(draw.between(50, 2_000))));
            let change = workload.change_all(draw, owner, column);
            steps.extend(change.map(|sql| Step::Send { session: session.clone(), sql }));
            steps.push(Step::Advance(millis(draw.between(5_000, 9_000))));
        } else if is_unaware && is_struck && 1 < first && draw.chance(60) {
            // Behind what the copy has reached, while it is away, and then nothing more: the
            // streams alone can bring its entry.
            let number = draw.between(1, first - 1);
            steps.push(Step::Advance(millis(draw.between(50, 2_000))));
            steps.extend(insert(draw, number..number + 1));
            steps.push(Step::Advance(millis(draw.between(5_000, 9_000))));
        } else {
            steps.push(Step::Advance(millis(draw.between(1_000, 7_000))));
        }
        steps.extend(work);
        steps.push(command("recover"));
        steps.push(Step::Advance(RESTED));
        steps.push(command(&format!("vtctl:> {}", self.externalize())));
        steps.push(Step::Advance(millis(draw.between(1_000, 12_000))));
        steps.extend(later);
        steps
    }

    /// Faults of a case's work: none that keeps a vschema from a vtgate, or a stream from going on
    /// soon (a server looks once a minute whether its disk has space again).
    pub fn allows(kind: Kind) -> bool {
        match kind {
            Kind::Latency | Kind::Lose => true,
            Kind::VtgatePause
            | Kind::SlowNode
            | Kind::Isolate
            | Kind::TopoStale
            | Kind::FullDisk
            | Kind::Clock
            | Kind::PlannedReparent
            | Kind::EmergencyReparent
            | Kind::PlannedBehind
            | Kind::EmergencyBehind => false,
            other => !other.is_rare(),
        }
    }

    /// What strikes beside the faults of clients: between two shards' tablets, or an
    /// ExternalizeVindex that comes too early.
    pub fn fault(&self, draw: &mut Draw, case: &Case) -> Step {
        let (one, other) = (self.tablet(draw, case), self.tablet(draw, case));
        match draw.below(3) {
            0 if one != other => command(&format!("partition {one} {other}")),
            // Nobody waits for it: who would answer may be away until later. Of streams that go on
            // it would not see how far behind they are (T5).
            1 if !self.follows => {
                Step::Send { session: "vtctl".to_owned(), sql: self.externalize() }
            }
            _ => command(&format!("bounce {one} {}ms", draw.between(1, 3_000))),
        }
    }

    /// At a moment of a stream a tablet goes away.
    fn strike(&self, draw: &mut Draw, case: &Case) -> Step {
        let point = draw.pick(&["packet", "packet", "packet", "snapshot", "copied", "caught-up"]);
        let nth = draw.between(1, 8);
        let tablet = self.tablet(draw, case);
        let what = match draw.chance(60) {
            true => format!("bounce {tablet} {}ms", draw.between(100, 2_000)),
            false => format!("crash {tablet}"),
        };
        command(&format!("at stream={} point='{point} {nth}' do='{what}'", self.workflow()))
    }

    fn create(&self, draw: &mut Draw, tablets: u64) -> Step {
        let mut flags = String::new();
        if self.follows {
            flags.push_str(" -continue_after_copy_with_owner");
        }
        match draw.below(3) {
            0 if 1 < tablets => flags.push_str(" -tablet_types=REPLICA"),
            1 if 1 < tablets => {}
            _ => flags.push_str(" -tablet_types=PRIMARY"),
        }
        let (keyspace, spec) = (&self.keyspace, self.spec.print_line());
        command(&format!("vtctl:> CreateLookupVindex{flags} {keyspace} '{spec}'"))
    }

    fn externalize(&self) -> String {
        format!("ExternalizeVindex {}.{}", self.keyspace, self.vindex)
    }

    fn workflow(&self) -> String {
        format!("{}_vdx", self.table)
    }

    /// The primary of one of the case's shards: their tablets are numbered by hundreds.
    fn tablet(&self, draw: &mut Draw, case: &Case) -> String {
        let shards: usize = case.schema.keyspaces.iter().map(|own| own.shards().count()).sum();
        format!("zone1-{:010}", 300 + 100 * draw.below(shards as u64))
    }
}

fn command(line: &str) -> Step {
    Step::Command(line.to_owned())
}

/// Lookups that one table owns and no other uses, by the place of their keyspace.
fn lookups(schema: &Schema) -> Vec<(usize, String)> {
    let mut all = Vec::new();
    for (at, keyspace) in schema.keyspaces.iter().enumerate() {
        for (name, vindex) in &keyspace.vschema.vindexes {
            let tables = keyspace.vschema.tables.iter();
            let uses = |table: &TableSource| table.column_vindexes.iter().any(|v| v.name == *name);
            let users: Vec<&String> =
                tables.filter(|(_, table)| uses(table)).map(|(name, _)| name).collect();
            if vindex.type_name.contains("lookup") && users == [&vindex.owner] {
                all.push((at, name.clone()));
            }
        }
    }
    all
}

/// Nobody's, and with an entry for each row: the columns that tell rows apart are in it.
fn disown(vindex: &mut VindexSource, column_vindex: &mut ColumnVindexSource, table: &Table) {
    vindex.owner.clear();
    vindex.type_name = vindex.type_name.replace("_unique", "");
    let mut names = column_vindex.column_names().to_vec();
    let placing = table.vindexes.first().into_iter().flat_map(|first| &first.columns);
    for column in placing.chain(&table.key) {
        let name = &table.columns[*column].name;
        if !names.contains(name) {
            names.push(name.clone());
        }
    }
    vindex.params.insert("from".to_owned(), names.join(","));
    (column_vindex.column, column_vindex.columns) = (String::new(), names);
}

fn specification(
    name: &str,
    vindex: VindexSource,
    owner: &str,
    column_vindex: ColumnVindexSource,
) -> KeyspaceSource {
    let table = TableSource { column_vindexes: vec![column_vindex], ..TableSource::default() };
    KeyspaceSource {
        vindexes: [(name.to_owned(), vindex)].into(),
        tables: [(owner.to_owned(), table)].into(),
        ..KeyspaceSource::default()
    }
}
