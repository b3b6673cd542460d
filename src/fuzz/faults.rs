//! Which faults a run has: from a list of kinds, some of which a run switches on (a swarm).
//!
//! Each fault comes with what mends it; some are mended after a while, others only by `recover` at
//! the end of the run. None goes beyond what the durability of the case survives: a server that
//! dies has synced its logs, and comes back.

use std::time::Duration;

use sim::seed::Draw;

use super::case::{Step, millis};
use super::schema::Schema;

/// The kinds that a run may have, each with its name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    VtgateCrash,
    VtgatePause,
    TabletCrash,
    ServerCrash,
    MachineOff,
    TabletPause,
    BreakBefore,
    BreakAfter,
    Cut,
    Slow,
    AtStage,
    PlannedReparent,
}

impl Kind {
    pub const ALL: [Kind; 12] = [
        Kind::VtgateCrash,
        Kind::VtgatePause,
        Kind::TabletCrash,
        Kind::ServerCrash,
        Kind::MachineOff,
        Kind::TabletPause,
        Kind::BreakBefore,
        Kind::BreakAfter,
        Kind::Cut,
        Kind::Slow,
        Kind::AtStage,
        Kind::PlannedReparent,
    ];

    pub fn name(self) -> &'static str {
        match self {
            Kind::VtgateCrash => "vtgate-crash",
            Kind::VtgatePause => "vtgate-pause",
            Kind::TabletCrash => "tablet-crash",
            Kind::ServerCrash => "server-crash",
            Kind::MachineOff => "machine-off",
            Kind::TabletPause => "tablet-pause",
            Kind::BreakBefore => "break-before",
            Kind::BreakAfter => "break-after",
            Kind::Cut => "cut",
            Kind::Slow => "slow",
            Kind::AtStage => "at-stage",
            Kind::PlannedReparent => "planned-reparent",
        }
    }
}

/// What a case has that faults can hit.
pub struct Targets<'a> {
    pub schema: &'a Schema,
    pub sessions: &'a [String],
    pub vtgates: u64,
    /// Tablets a shard.
    pub tablets: u64,
}

const STAGES: [&str; 3] = ["pre-committed", "normal-committed", "post-committed"];
const MESSAGES: [&str; 4] = ["Commit", "Commit", "Execute", "Rollback"];

impl Targets<'_> {
    /// The steps of a fault: it strikes, lasts, and is mended or left to the end of the run.
    pub fn fault(&self, draw: &mut Draw, kind: Kind) -> Vec<Step> {
        let vtgate = format!("vtgate-{}", draw.between(1, self.vtgates));
        let shard = self.shard(draw);
        let tablet = format!("primary({shard})");
        match kind {
            Kind::VtgateCrash => self.lasting(draw, ("crash", "restart"), &vtgate),
            Kind::VtgatePause => self.lasting(draw, ("pause", "resume"), &vtgate),
            Kind::TabletCrash => self.lasting(draw, ("crash", "restart"), &tablet),
            Kind::ServerCrash => {
                self.lasting(draw, ("crash", "restart"), &format!("mysqld({shard})"))
            }
            Kind::MachineOff => self.lasting(draw, ("power-off", "power-on"), &tablet),
            Kind::TabletPause => self.lasting(draw, ("pause", "resume"), &tablet),
            Kind::BreakBefore | Kind::BreakAfter => {
                let when = if kind == Kind::BreakBefore { "before" } else { "after" };
                let name = draw.pick(&MESSAGES);
                let to = if draw.chance(50) { format!(" to={tablet}") } else { String::new() };
                vec![Step::Fault(format!("break {name} {when} from={vtgate}{}", quoted(&to)))]
            }
            Kind::Cut => {
                let ends = [vtgate, quoted(&tablet)].join(" ");
                vec![
                    Step::Fault(format!("cut {ends}")),
                    self.a_while(draw),
                    Step::Fault(format!("mend {ends}")),
                ]
            }
            Kind::Slow => {
                let (name, by) = (draw.pick(&MESSAGES), draw.between(1, 40));
                vec![Step::Fault(format!("delay {name} {by}ms from={vtgate}"))]
            }
            Kind::AtStage => {
                let session = draw.pick(self.sessions);
                let stage = draw.weighted(&[(3, STAGES[0]), (3, STAGES[1]), (1, STAGES[2])]);
                let what = match draw.below(4) {
                    0 => format!("crash {vtgate}"),
                    1 => format!("crash {tablet}"),
                    2 => "break Commit before".to_owned(),
                    _ => "break Commit after".to_owned(),
                };
                vec![Step::Fault(format!("at session={session} point={stage} do='{what}'"))]
            }
            Kind::PlannedReparent => {
                let other = draw.below(self.tablets);
                let alias = self.alias(&shard, other);
                let command = format!("PlannedReparentShard {shard} --new-primary {alias}");
                vec![Step::Send { session: "vtctl".to_owned(), sql: command }]
            }
        }
    }

    fn lasting(&self, draw: &mut Draw, (strike, mend): (&str, &str), target: &str) -> Vec<Step> {
        let target = quoted(target);
        let mut steps = vec![Step::Fault(format!("{strike} {target}"))];
        if draw.chance(70) {
            steps.push(self.a_while(draw));
            steps.push(Step::Fault(format!("{mend} {target}")));
        }
        steps
    }

    fn a_while(&self, draw: &mut Draw) -> Step {
        let lasts = draw.weighted(&[(6, 3), (3, 40), (1, 35_000)]);
        Step::Advance(Duration::from_millis(draw.between(1, lasts)))
    }

    fn shard(&self, draw: &mut Draw) -> String {
        let all = self.schema.keyspaces();
        let (keyspace, shards) = *draw.pick(&all);
        let shards: Vec<&str> = shards.split(',').collect();
        format!("{keyspace}/{}", draw.pick(&shards))
    }

    /// The alias of a shard's tablet: keyspaces are numbered in their order, shards by hundreds.
    fn alias(&self, shard: &str, number: u64) -> String {
        let mut uid = 300;
        for (keyspace, shards) in self.schema.keyspaces() {
            for name in shards.split(',') {
                if shard.split_once('/') == Some((keyspace, name)) {
                    return format!("zone1-{:010}", uid + number);
                }
                uid += 100;
            }
        }
        format!("zone1-{:010}", 300 + number)
    }
}

/// As a word of a scenario.
fn quoted(word: &str) -> String {
    match word.split_once('(') {
        Some(_) if !word.contains('=') => format!("'{word}'"),
        Some(_) => {
            let (key, value) = word.split_once('=').unwrap_or((word, ""));
            format!("{key}='{value}'")
        }
        None => word.to_owned(),
    }
}

/// What ends a run: everything is sound again, all come to rest, and what nobody waits for any more
/// is ended by its timeout.
pub fn end() -> Vec<Step> {
    vec![
        Step::Fault("recover".to_owned()),
        Step::Fault("settle".to_owned()),
        Step::Advance(millis(35_000)),
        Step::Fault("check".to_owned()),
    ]
}
