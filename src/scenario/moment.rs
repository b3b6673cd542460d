//! Moments that a fault can wait for: a closed list of points.
//!
//! ```text
//!   at session=a point='normal-committed 2' do='crash vtgate-1'
//!   at stream=corder_lookup point=copied do='power-off primary(customer/80-)'
//!   at vtctl point=promoted do='crash vtctld'
//!   at program=mysqld-zone1-0000000300 point='syncing 12' do='bounce mysqld-zone1-0000000300 1s'
//! ```
//!
//! A number says at which of them, counted from where the fault is armed; 1 where it is left out.
//! `all` is the last shard of a list. A session's are those of all connections that it has had. It
//! knows nothing of faults.

use std::fmt;

use sim::step::Step;
use sim::world::fault::name_of;

use super::words::{Bad, Read, Words};
use crate::history::{Event, List, LookupStep, Outcome, Sent, StreamStep, client_of};

/// See the [module](self).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Moment {
    whose: Whose,
    nth: Nth,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Whose {
    Session { name: String, point: SessionPoint },
    Stream { workflow: String, point: StreamStep },
    Vtctl(&'static VtctlPoint),
    Program { name: String, point: ProgramPoint },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Nth {
    Number(u32),
    /// No other shard of the list is left.
    All,
}

/// Where a session's statement, commit or rollback is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum SessionPoint {
    Listed(List, Stage),
    RollingBack,
    RolledBack,
    Savepoint,
    Lookup(LookupStep),
}

/// Where a list's shard is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    /// A shard transaction was opened.
    Begun,
    /// A statement leaves for a shard.
    Sent,
    /// It is answered, well or with an error.
    Answered,
    /// A shard's commit leaves.
    Committing,
    /// It is answered: committed.
    Committed,
}

const STAGES: [(Stage, &str); 5] = [
    (Stage::Begun, "begun"),
    (Stage::Sent, "sent"),
    (Stage::Answered, "answered"),
    (Stage::Committing, "committing"),
    (Stage::Committed, "committed"),
];

const OTHERS: [(SessionPoint, &str); 5] = [
    (SessionPoint::Savepoint, "savepoint"),
    (SessionPoint::Lookup(LookupStep::DuplicateFound), "duplicate-found"),
    (SessionPoint::Lookup(LookupStep::OwnerChecked), "owner-checked"),
    (SessionPoint::RollingBack, "rolling-back"),
    (SessionPoint::RolledBack, "rolled-back"),
];

/// A step of an operator's command, by words that the history has of it.
#[derive(Debug, PartialEq, Eq)]
struct VtctlPoint {
    name: &'static str,
    words: &'static str,
}

const VTCTL: [VtctlPoint; 15] = [
    VtctlPoint { name: "begins", words: " begins" },
    // Reparents.
    VtctlPoint { name: "caught-up", words: " caught up" },
    VtctlPoint { name: "demoted", words: " demoted" },
    VtctlPoint { name: "stands-still", words: " stands still" },
    VtctlPoint { name: "errant-found", words: " has errant GTIDs" },
    VtctlPoint { name: "promoted", words: " promoted" },
    VtctlPoint { name: "follows", words: " follows " },
    // Schemas, vschemas, and lookups for tables that have rows.
    VtctlPoint { name: "schema-applied", words: "ApplySchema " },
    VtctlPoint { name: "vschema-saved", words: " saved" },
    VtctlPoint { name: "table-created", words: "lookup table on " },
    VtctlPoint { name: "streams-created", words: "streams on " },
    VtctlPoint { name: "streams-run", words: "streams run on " },
    VtctlPoint { name: "streams-deleted", words: " deleted on " },
    VtctlPoint { name: "vschema-rebuilt", words: "SrvVSchema rebuilt" },
    VtctlPoint { name: "ends", words: " ends" },
];

/// A step of a program. Calls are named as traces name them: `Commit`, `mysql.Query`.
#[derive(Clone, Debug, PartialEq, Eq)]
enum ProgramPoint {
    Syncing,
    Synced,
    Calling(String),
    Called(String),
}

impl Moment {
    /// Reads `session=`, `stream=`, `program=` or `vtctl`, and `point=`.
    pub fn read(words: &mut Words) -> Read<Moment> {
        let text = words.needed("point")?;
        let mut parts: Vec<&str> = text.split_whitespace().collect();
        let nth = match parts.last() {
            Some(&"all") => Some(Nth::All),
            Some(last) => last.parse().ok().filter(|number| 0 < *number).map(Nth::Number),
            None => None,
        };
        if nth.is_some() {
            parts.pop();
        }
        let nth = nth.unwrap_or(Nth::Number(1));
        let point = parts.join(" ");
        let whose = if let Some(name) = words.key("session") {
            let point =
                SessionPoint::parse(&point).ok_or_else(|| unknown(&text, &session_points()))?;
            Whose::Session { name, point }
        } else if let Some(workflow) = words.key("stream") {
            let point =
                StreamStep::parse(&point).ok_or_else(|| unknown(&text, &stream_points()))?;
            Whose::Stream { workflow, point }
        } else if let Some(name) = words.key("program") {
            let point = ProgramPoint::parse(&point).ok_or_else(|| unknown(&text, PROGRAM))?;
            Whose::Program { name, point }
        } else {
            let word = words.next("session=, stream=, program= or vtctl")?;
            if word != "vtctl" {
                let text = format!("expected session=, stream=, program= or vtctl, found `{word}`");
                return Err(Bad::new(text, &word));
            }
            let found = VTCTL.iter().find(|known| known.name == point);
            Whose::Vtctl(found.ok_or_else(|| unknown(&text, &vtctl_points()))?)
        };
        let is_listed = matches!(
            whose,
            Whose::Session { point: SessionPoint::Listed(_, Stage::Committed), .. }
        );
        if nth == Nth::All && !is_listed {
            return Err(Bad::new(format!("`{text}`: only a list's commits have an `all`"), &text));
        }
        Ok(Moment { whose, nth })
    }

    /// Whether it is one of these moments: which of them it must be is [`Moment::is_nth`]'s.
    pub fn matches(&self, event: &Event) -> bool {
        match &self.whose {
            Whose::Session { name, point } => point.matches(name, event),
            Whose::Stream { workflow, point } => matches!(
                event,
                Event::Stream { workflow: of, step, .. } if **of == **workflow && step == point
            ),
            Whose::Vtctl(point) => {
                matches!(event, Event::Operator(text) if text.contains(point.words))
            }
            Whose::Program { .. } => false,
        }
    }

    pub fn matches_step(&self, program: sim::world::Program, step: Step) -> bool {
        let Whose::Program { name, point } = &self.whose else { return false };
        let is_due = match (point, step) {
            (ProgramPoint::Syncing, Step::Syncing) | (ProgramPoint::Synced, Step::Synced) => true,
            (ProgramPoint::Calling(name), Step::Calling(of, _))
            | (ProgramPoint::Called(name), Step::Answered(of, _)) => name == of,
            _ => false,
        };
        is_due && *name == name_of(program)
    }

    pub fn waits_for_steps(&self) -> bool {
        matches!(self.whose, Whose::Program { .. })
    }

    /// Of moments that match, this is the `seen`th; `left` says whether the list has more shards.
    pub fn is_nth(&self, seen: u32, left: bool) -> bool {
        match self.nth {
            Nth::Number(number) => number == seen,
            Nth::All => !left,
        }
    }

    /// Whose list it is about, for `all`.
    pub fn list(&self) -> Option<(&str, List)> {
        match &self.whose {
            Whose::Session { name, point: SessionPoint::Listed(list, _) } => Some((name, *list)),
            _ => None,
        }
    }
}

impl fmt::Display for Moment {
    /// Who, as errors name it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.whose {
            Whose::Session { name, .. } => write!(f, "session {name}"),
            Whose::Stream { workflow, .. } => write!(f, "stream {workflow}"),
            Whose::Vtctl(point) => write!(f, "vtctl, {}", point.name),
            Whose::Program { name, .. } => write!(f, "program {name}"),
        }
    }
}

impl SessionPoint {
    fn parse(text: &str) -> Option<SessionPoint> {
        if let Some((point, _)) = OTHERS.into_iter().find(|(_, name)| *name == text) {
            return Some(point);
        }
        let (list, stage) = text.split_once('-')?;
        let (stage, _) = STAGES.into_iter().find(|(_, name)| *name == stage)?;
        Some(SessionPoint::Listed(List::parse(list)?, stage))
    }

    fn matches(self, name: &str, event: &Event) -> bool {
        let is_own = |session: &str| client_of(session) == name;
        match (self, event) {
            (SessionPoint::Listed(own, stage), event) => {
                listed(own, stage, event).is_some_and(is_own)
            }
            (SessionPoint::RollingBack, Event::ShardSend { session, what: Sent::Rollback, .. })
            | (SessionPoint::RolledBack, Event::ShardRollback { session, .. }) => is_own(session),
            (SessionPoint::Savepoint, Event::ShardSend { session, what: Sent::Savepoint, .. }) => {
                is_own(session)
            }
            (SessionPoint::Lookup(own), Event::Lookup { session, step }) => {
                own == *step && is_own(session)
            }
            _ => false,
        }
    }
}

/// Whose event this is, if it is this stage of this list.
fn listed(own: List, stage: Stage, event: &Event) -> Option<&str> {
    let (session, list) = match (stage, event) {
        (Stage::Begun, Event::ShardBegin { session, list, .. })
        | (Stage::Sent, Event::ShardSend { session, list, what: Sent::Statement, .. })
        | (Stage::Answered, Event::ShardAnswer { session, list, .. })
        | (Stage::Committing, Event::ShardSend { session, list, what: Sent::Commit, .. })
        | (Stage::Committed, Event::ShardCommit { session, list, outcome: Outcome::Ok, .. }) => {
            (session, list)
        }
        _ => return None,
    };
    (*list == own).then_some(session)
}

impl ProgramPoint {
    fn parse(text: &str) -> Option<ProgramPoint> {
        match (text, text.split_once(' ')) {
            ("syncing", _) => Some(ProgramPoint::Syncing),
            ("synced", _) => Some(ProgramPoint::Synced),
            (_, Some(("calling", name))) => Some(ProgramPoint::Calling(name.to_owned())),
            (_, Some(("called", name))) => Some(ProgramPoint::Called(name.to_owned())),
            _ => None,
        }
    }
}

fn unknown(text: &str, known: &str) -> Bad {
    Bad::new(format!("unknown point `{text}`"), text).hint(format!("points are {known}"))
}

const PROGRAM: &str = "syncing, synced, calling NAME, called NAME";

fn session_points() -> String {
    let listed = List::ALL
        .into_iter()
        .flat_map(|list| STAGES.into_iter().map(move |(_, stage)| format!("{list}-{stage}")));
    let others = OTHERS.into_iter().map(|(_, name)| name.to_owned());
    listed.chain(others).collect::<Vec<_>>().join(", ")
}

fn stream_points() -> String {
    StreamStep::ALL.map(|(_, name)| name).join(", ")
}

fn vtctl_points() -> String {
    VTCTL.iter().map(|point| point.name).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str, point: &str) -> Read<Moment> {
        let mut words = Words::of_text(text);
        words.keys.push(("point".to_owned(), point.to_owned()));
        let moment = Moment::read(&mut words)?;
        words.finish(moment)
    }

    #[test]
    fn every_point_is_read() {
        for point in session_points().split(", ") {
            assert!(read("session=a", point).is_ok(), "{point}");
            assert!(read("session=a", &format!("{point} 2")).is_ok(), "{point}");
        }
        for point in stream_points().split(", ") {
            assert!(read("stream=lookup", point).is_ok(), "{point}");
        }
        for point in vtctl_points().split(", ") {
            assert!(read("vtctl", point).is_ok(), "{point}");
        }
        for point in ["syncing", "synced 3", "calling Commit 2", "called mysql.Query"] {
            assert!(read("program=vtgate-1", point).is_ok(), "{point}");
        }
        assert!(read("session=a", "normal-committed all").is_ok());
    }

    #[test]
    fn a_point_that_is_none_is_told_with_those_that_are() {
        for (text, point) in [
            ("session=a", "committed"),
            ("session=a", "pre-committed 0"),
            ("session=a", "pre-sent all"),
            ("stream=a", "promoted"),
            ("vtctl", "copied"),
            ("operator", "promoted"),
            ("program=a", "calling"),
        ] {
            assert!(read(text, point).is_err(), "{text} {point}");
        }
        let error = read("session=a", "committed").unwrap_err();
        assert!(error.hint.unwrap().contains("normal-committed"));
    }
}
