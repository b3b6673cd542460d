//! Which faults a run has: from a list of kinds, some of which a run switches on (a swarm).
//!
//! Each fault comes with what mends it; some are mended after a while, others only by `recover` at
//! the end of the run. None goes beyond what the durability of the case survives: a server that
//! dies has synced its logs, and comes back.

use std::time::Duration;

use sim::seed::Draw;

use super::case::{Step, millis};
use super::schema::Schema;

/// The kinds that a run may have.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    Disconnect,
    ClientTimeout,
    KillQuery,
    KillConnection,
    KillTransaction,
    VtgateCrash,
    VtgatePause,
    TabletCrash,
    TabletPause,
    ServerCrash,
    MachineOff,
    SlowNode,
    Cut,
    Partition,
    Isolate,
    Break,
    Silent,
    Delay,
    Latency,
    Lose,
    TopoStale,
    TopoDown,
    TopoSlow,
    TopoLostEvent,
    SlowDisk,
    SilentDisk,
    FullDisk,
    FailingDisk,
    FailSync,
    Clock,
    ClockDrift,
    ClockFreeze,
    ReadOnly,
    FillPool,
    AtStage,
    PlannedReparent,
    EmergencyReparent,
    StopReplication,
    Lag,
    PlannedBehind,
    EmergencyBehind,
}

impl Kind {
    pub const ALL: [Kind; 41] = [
        Kind::Disconnect,
        Kind::ClientTimeout,
        Kind::KillQuery,
        Kind::KillConnection,
        Kind::KillTransaction,
        Kind::VtgateCrash,
        Kind::VtgatePause,
        Kind::TabletCrash,
        Kind::TabletPause,
        Kind::ServerCrash,
        Kind::MachineOff,
        Kind::SlowNode,
        Kind::Cut,
        Kind::Partition,
        Kind::Isolate,
        Kind::Break,
        Kind::Silent,
        Kind::Delay,
        Kind::Latency,
        Kind::Lose,
        Kind::TopoStale,
        Kind::TopoDown,
        Kind::TopoSlow,
        Kind::TopoLostEvent,
        Kind::SlowDisk,
        Kind::SilentDisk,
        Kind::FullDisk,
        Kind::FailingDisk,
        Kind::FailSync,
        Kind::Clock,
        Kind::ClockDrift,
        Kind::ClockFreeze,
        Kind::ReadOnly,
        Kind::FillPool,
        Kind::AtStage,
        Kind::PlannedReparent,
        Kind::EmergencyReparent,
        Kind::StopReplication,
        Kind::Lag,
        Kind::PlannedBehind,
        Kind::EmergencyBehind,
    ];

    /// Percent of runs that may have it.
    pub fn percent(self) -> u64 {
        if self.is_rare() { 8 } else { 40 }
    }

    /// Whether it changes the course of few runs: then it is drawn less, so that others are not.
    pub fn is_rare(self) -> bool {
        matches!(
            self,
            Kind::Latency
                | Kind::Lose
                | Kind::TopoDown
                | Kind::TopoSlow
                | Kind::TopoLostEvent
                | Kind::SilentDisk
                | Kind::FailingDisk
                | Kind::FailSync
                | Kind::ClockDrift
                | Kind::ClockFreeze
                | Kind::Lag
        )
    }

    /// Whether it needs replicas.
    pub fn needs_replicas(self) -> bool {
        matches!(
            self,
            Kind::PlannedReparent
                | Kind::EmergencyReparent
                | Kind::StopReplication
                | Kind::Lag
                | Kind::PlannedBehind
                | Kind::EmergencyBehind
                | Kind::Lose
        )
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
const LISTS: [&str; 4] = ["", " list=pre", " list=normal", " list=post"];

impl Targets<'_> {
    /// The steps of a fault: it strikes, lasts, and is mended or left to the end of the run.
    pub fn fault(&self, draw: &mut Draw, kind: Kind) -> Vec<Step> {
        let vtgate = format!("vtgate-{}", draw.between(1, self.vtgates));
        let shard = self.shard(draw);
        let (tablet, server) = (format!("primary({shard})"), format!("mysqld({shard})"));
        let session = draw.pick(self.sessions).clone();
        match kind {
            Kind::Disconnect => vec![Step::Command(format!("disconnect {session}"))],
            Kind::ClientTimeout => {
                let after = draw.between(1, 40);
                vec![Step::Command(format!("client-timeout {session} {after}ms"))]
            }
            Kind::KillQuery => kill(draw, "kill-query", &session),
            Kind::KillConnection => kill(draw, "kill-connection", &session),
            Kind::KillTransaction => kill(draw, "kill-transaction", &session),
            Kind::VtgateCrash => self.lasting(draw, ("crash", "restart"), &vtgate, ""),
            Kind::VtgatePause => self.lasting(draw, ("pause", "resume"), &vtgate, ""),
            Kind::TabletCrash => self.lasting(draw, ("crash", "restart"), &tablet, ""),
            Kind::TabletPause => self.lasting(draw, ("pause", "resume"), &tablet, ""),
            Kind::ServerCrash => self.lasting(draw, ("crash", "restart"), &server, ""),
            Kind::MachineOff => {
                let torn = if draw.chance(30) {
                    format!(" torn={}", draw.between(1, 4))
                } else {
                    String::new()
                };
                self.lasting(draw, ("power-off", "power-on"), &tablet, &torn)
            }
            Kind::SlowNode => {
                let by = format!(" {}ms", draw.between(1, 60));
                self.lasting(draw, ("slow-node", "heal"), &tablet, &by)
            }
            Kind::Cut => {
                let ends = match draw.chance(50) {
                    true => [vtgate, quoted(&tablet)],
                    false => [quoted(&tablet), vtgate],
                };
                self.lasting(draw, ("cut", "mend"), &ends.join(" "), "")
            }
            Kind::Partition => {
                let ends = [vtgate, quoted(&tablet)].join(" ");
                self.lasting(draw, ("partition", "heal"), &ends, "")
            }
            Kind::Isolate => {
                let who = if draw.chance(50) { vtgate } else { tablet };
                self.lasting(draw, ("isolate", "heal"), &who, "")
            }
            Kind::Break => self.fate(draw, "break", &vtgate, &tablet),
            Kind::Silent => self.fate(draw, "silent", &vtgate, &tablet),
            Kind::Delay => {
                let (name, by) = (draw.pick(&MESSAGES), draw.between(1, 40));
                let calls = self.calls(draw, &vtgate, &tablet);
                vec![Step::Command(format!("delay {name} {by}ms{calls}"))]
            }
            Kind::Latency => {
                let by = format!(" {}ms", draw.between(1, 40));
                self.lasting(draw, ("latency", "heal"), &[vtgate, quoted(&tablet)].join(" "), &by)
            }
            Kind::Lose => {
                let times = draw.between(1, 3);
                vec![Step::Command(format!("lose mysql.Acknowledge to='{tablet}' times={times}"))]
            }
            Kind::TopoDown => {
                let reader = self.reader(draw, &vtgate);
                self.lasting(draw, ("topo-down", "recover"), reader, "")
            }
            Kind::TopoSlow => {
                let by = format!(" {}ms", draw.between(1, 3_000));
                let reader = self.reader(draw, &vtgate);
                self.lasting(draw, ("topo-slow", "recover"), reader, &by)
            }
            Kind::TopoLostEvent => vec![Step::Command(format!("topo-lost-event {vtgate}"))],
            Kind::TopoStale => self.lasting(draw, ("topo-stale", "recover"), &vtgate, ""),
            Kind::SlowDisk => {
                let by = format!(" {}ms", draw.between(1, 60));
                self.lasting(draw, ("slow-disk", "mend-disk"), &tablet, &by)
            }
            Kind::SilentDisk => self.lasting(draw, ("silent-disk", "mend-disk"), &tablet, ""),
            Kind::FailingDisk => self.lasting(draw, ("failing-disk", "mend-disk"), &tablet, ""),
            Kind::FailSync => vec![Step::Command(format!("fail-sync '{tablet}'"))],
            Kind::FullDisk => self.lasting(draw, ("full-disk", "mend-disk"), &tablet, ""),
            Kind::Clock => {
                let who = if draw.chance(50) { vtgate } else { tablet };
                let sign = draw.pick(&["+", "-"]);
                let seconds = draw.between(1, 60);
                let how = draw.pick(&["clock-offset", "clock-step"]);
                vec![Step::Command(format!("{how} {} '{sign}{seconds}s'", quoted(&who)))]
            }
            Kind::ClockDrift => {
                let who = if draw.chance(50) { vtgate } else { tablet };
                let sign = draw.pick(&["", "-"]);
                let ppm = draw.between(1, 4) * 100_000;
                vec![Step::Command(format!("clock-drift {} '{sign}{ppm}ppm'", quoted(&who)))]
            }
            Kind::ClockFreeze => {
                let who = if draw.chance(50) { vtgate } else { tablet };
                self.lasting(draw, ("clock-freeze", "clock-right"), &who, "")
            }
            Kind::ReadOnly => self.lasting(draw, ("read-only", "read-write"), &tablet, ""),
            Kind::FillPool => self.lasting(draw, ("fill-pool", "free-pool"), &tablet, ""),
            Kind::AtStage => {
                let stage = draw.weighted(&[(3, STAGES[0]), (3, STAGES[1]), (1, STAGES[2])]);
                let what = match draw.below(5) {
                    0 => format!("crash {vtgate}"),
                    1 => format!("crash {tablet}"),
                    2 => format!("crash {server}"),
                    3 => "break Commit before".to_owned(),
                    _ => "break Commit after".to_owned(),
                };
                vec![Step::Command(format!("at session={session} point={stage} do='{what}'"))]
            }
            Kind::PlannedReparent => {
                let alias = self.alias(&shard, draw.below(self.tablets));
                let command = format!("PlannedReparentShard {shard} --new-primary {alias}");
                vec![Step::Send { session: "vtctl".to_owned(), sql: command }]
            }
            Kind::EmergencyReparent => self.emergency(draw, &shard),
            // The new primary lacks what the old one has, and must get it first.
            Kind::PlannedBehind => {
                let alias = self.alias(&shard, draw.between(1, self.tablets.max(2) - 1));
                let command = format!("PlannedReparentShard {shard} --new-primary {alias}");
                let reparent = Step::Send { session: "vtctl".to_owned(), sql: command };
                vec![self.behind(draw, &alias), reparent]
            }
            // One replica lacks it, or all.
            Kind::EmergencyBehind => {
                let all = 1..self.tablets.max(2);
                let one = draw.between(1, self.tablets.max(2) - 1);
                let behind = if draw.chance(50) { all } else { one..one + 1 };
                let mut steps: Vec<Step> =
                    behind.map(|nth| self.behind(draw, &self.alias(&shard, nth))).collect();
                steps.push(Step::Advance(millis(draw.between(5, 60))));
                steps.extend(self.emergency(draw, &shard));
                steps
            }
            Kind::StopReplication => {
                let alias = self.alias(&shard, draw.between(1, self.tablets.max(2) - 1));
                let thread = draw.pick(&["", " thread=io", " thread=sql"]);
                self.lasting(draw, ("stop-replication", "start-replication"), &alias, thread)
            }
            Kind::Lag => {
                let alias = self.alias(&shard, draw.between(1, self.tablets.max(2) - 1));
                let by = format!(" {}ms", draw.between(1, 10_000));
                self.lasting(draw, ("lag", "recover"), &alias, &by)
            }
        }
    }

    /// A replica gets nothing more, or applies it later.
    fn behind(&self, draw: &mut Draw, alias: &str) -> Step {
        Step::Command(match draw.below(4) {
            0 => format!("stop-replication {alias} thread=sql"),
            1 => format!("lag {alias} {}ms", draw.between(100, 10_000)),
            _ => format!("stop-replication {alias} thread=io"),
        })
    }

    /// A primary is lost, and another one made.
    fn emergency(&self, draw: &mut Draw, shard: &str) -> Vec<Step> {
        let lost = match draw.chance(50) {
            true => format!("power-off {}", quoted(&format!("primary({shard})"))),
            false => format!("crash {}", quoted(&format!("mysqld({shard})"))),
        };
        let command = format!("EmergencyReparentShard {shard}");
        vec![
            Step::Command(lost),
            Step::Advance(millis(draw.between(1, 3_000))),
            Step::Send { session: "vtctl".to_owned(), sql: command },
        ]
    }

    /// Who asks the topology.
    fn reader<'a>(&self, draw: &mut Draw, vtgate: &'a str) -> &'a str {
        if draw.chance(50) { vtgate } else { "vtctld" }
    }

    /// The connection of a call breaks, or is silent.
    fn fate(&self, draw: &mut Draw, word: &str, vtgate: &str, tablet: &str) -> Vec<Step> {
        let when = draw.pick(&["before", "after"]);
        let (name, calls) = (draw.pick(&MESSAGES), self.calls(draw, vtgate, tablet));
        vec![Step::Command(format!("{word} {name} {when}{calls}"))]
    }

    /// Which calls a rule is for.
    fn calls(&self, draw: &mut Draw, vtgate: &str, tablet: &str) -> String {
        let mut calls = String::new();
        if draw.chance(50) {
            calls.push_str(&format!(" from={vtgate}"));
        }
        if draw.chance(40) {
            calls.push_str(&format!(" to='{tablet}'"));
        }
        if draw.chance(30) {
            calls.push_str(&format!(" skip={}", draw.between(1, 4)));
        }
        calls
    }

    fn lasting(
        &self,
        draw: &mut Draw,
        (strike, mend): (&str, &str),
        target: &str,
        how: &str,
    ) -> Vec<Step> {
        let target = if target.contains('\'') { target.to_owned() } else { quoted(target) };
        let mut steps = vec![Step::Command(format!("{strike} {target}{how}"))];
        if draw.chance(70) {
            steps.push(self.a_while(draw));
            // These end all of their kind.
            let mend = match mend {
                "heal" | "recover" => mend.to_owned(),
                _ => format!("{mend} {target}"),
            };
            steps.push(Step::Command(mend));
        }
        steps
    }

    fn a_while(&self, draw: &mut Draw) -> Step {
        let lasts = draw.weighted(&[(6, 3), (3, 40), (1, 35_000)]);
        Step::Advance(Duration::from_millis(draw.between(1, lasts)))
    }

    fn shard(&self, draw: &mut Draw) -> String {
        let keyspace = draw.pick(&self.schema.keyspaces);
        let shards: Vec<&str> = keyspace.shards().collect();
        format!("{}/{}", keyspace.name, draw.pick(&shards))
    }

    /// The alias of a shard's tablet: keyspaces are numbered in their order, shards by hundreds.
    fn alias(&self, shard: &str, number: u64) -> String {
        let mut uid = 300;
        for keyspace in &self.schema.keyspaces {
            for name in keyspace.shards() {
                if shard.split_once('/') == Some((&keyspace.name, name)) {
                    return format!("zone1-{:010}", uid + number);
                }
                uid += 100;
            }
        }
        format!("zone1-{:010}", 300 + number)
    }
}

fn kill(draw: &mut Draw, word: &str, session: &str) -> Vec<Step> {
    let list = draw.pick(&LISTS);
    vec![Step::Command(format!("{word} {session}{list}"))]
}

/// As a word of a scenario.
fn quoted(word: &str) -> String {
    if word.contains('(') { format!("'{word}'") } else { word.to_owned() }
}

/// What ends a run: everything is sound again, all come to rest, and what nobody waits for any more
/// is ended by its timeout.
pub fn end() -> Vec<Step> {
    vec![
        Step::Command("recover".to_owned()),
        Step::Command("settle".to_owned()),
        Step::Advance(millis(35_000)),
        Step::Command("verify".to_owned()),
    ]
}
