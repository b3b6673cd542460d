//! The card at the end of a campaign: how hard it has searched, on one screen.
//!
//! A line for each kind of fault that struck, with how often it did in each phase of the protocol
//! and how many outcomes it alone can have changed; a dot is a corner where nobody has looked. Then
//! the goals, and those that no run has reached.
//!
//! It knows nothing of how anything is counted.

use std::fmt::Write;

use serde_json::{Map, Value, json};
use sim::order::Counted;

use crate::checker::coverage::fault;
use crate::checker::coverage::goal::Goal;
use crate::checker::coverage::phase::Phase;
use crate::fuzz::card::Card;

/// What a search by priorities promises.
#[derive(Clone, Copy)]
pub(super) struct Bound {
    pub depth: u64,
    /// The most of any run.
    pub counted: Counted,
    /// How likely one run finds a bug of that depth, at least.
    pub probability: f64,
}

const WIDTH: usize = 100;

pub(super) fn text(card: &Card, bound: Option<Bound>) -> String {
    let mut text = String::from("how hard this has searched\n");
    let _ = writeln!(text, "  {} runs did {} different things", card.runs, card.behaviours());
    let _ = writeln!(
        text,
        "  statements went {} ways, {} of them first in the last tenth of the runs",
        card.ways(),
        card.late_ways()
    );
    text.push_str(&grid(card));
    text.push_str(&goals(card));
    if let Some(Bound { depth, counted: Counted { steps, chains }, probability }) = bound {
        let _ = writeln!(
            text,
            "  pct    depth {depth}, at most {chains} chains and {steps} steps: one run finds a bug of that \
             depth\n         with a probability of at least {probability:.1e}"
        );
    }
    text
}

fn grid(card: &Card) -> String {
    let kinds = card.grid.kinds();
    let mut text = String::new();
    if !kinds.is_empty() {
        let _ = write!(text, "  {:<16}", "fault struck in");
        for phase in Phase::ALL {
            let _ = write!(text, " {}", phase.name());
        }
        text.push_str("  changed outcomes\n");
    }
    // In the order in which they are defined: those that belong together side by side.
    for kind in fault::KINDS.into_iter().filter(|kind| kinds.contains(kind)) {
        let _ = write!(text, "  {kind:<16}");
        for phase in Phase::ALL {
            let _ = write!(text, " {:>1$}", cell(card.grid.count(kind, phase)), phase.name().len());
        }
        let _ = writeln!(text, "  {:>16}", cell(card.goals.count(Goal::Changed(kind))));
    }
    let never = fault::KINDS.into_iter().filter(|kind| !kinds.contains(kind));
    text + &wrapped("  no strike of ", never)
}

fn goals(card: &Card) -> String {
    let mut text = String::new();
    for goal in Goal::OWN {
        let _ = match card.goals.count(goal) {
            0 => writeln!(text, "  never: {goal}"),
            count => writeln!(text, "  {count:>6} {goal}"),
        };
    }
    text
}

/// An empty cell is a dot.
fn cell(count: u64) -> String {
    match count {
        0 => ".".to_owned(),
        1..10_000 => count.to_string(),
        10_000..10_000_000 => format!("{}k", count / 1_000),
        _ => format!("{}M", count / 1_000_000),
    }
}

/// Words behind a start, in lines that are not too long; nothing where there are none.
fn wrapped<'a>(start: &str, words: impl Iterator<Item = &'a str>) -> String {
    let mut lines: Vec<String> = Vec::new();
    for word in words {
        match lines.last_mut() {
            None => lines.push(format!("{start}{word}")),
            Some(line) => {
                line.push(',');
                match line.len() + 2 + word.len() <= WIDTH {
                    true => line.push_str(&format!(" {word}")),
                    false => lines.push(format!("{}{word}", " ".repeat(start.len()))),
                }
            }
        }
    }
    lines.iter().map(|line| format!("{line}\n")).collect()
}

pub(super) fn json(card: &Card) -> Value {
    let row = |kind: &'static str| {
        let cells = Phase::ALL.map(|phase| {
            let count = card.grid.count(kind, phase);
            (phase.name().replace(' ', "_"), Value::from(count))
        });
        Map::from_iter(cells)
    };
    let grid = card.grid.kinds().into_iter().map(|kind| (kind.to_owned(), row(kind).into()));
    let goals = card.goals.reached().map(|(goal, count)| (goal.name(), Value::from(count)));
    json!({
        "runs": card.runs,
        "behaviours": card.behaviours(),
        "ways": card.ways(),
        "late_ways": card.late_ways(),
        "grid": Map::from_iter(grid),
        "goals": Map::from_iter(goals),
        "missed": card.missed().map(Goal::name).collect::<Vec<String>>(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checker::coverage::Seen;

    fn card() -> Card {
        let mut seen = Seen::default();
        seen.grid.strike("crash", Phase::Pre);
        seen.grid.strike("crash", Phase::Pre);
        (0..12_345).for_each(|_| seen.grid.strike("cut", Phase::Idle));
        seen.goals.reach(Goal::Changed("crash"));
        seen.goals.reach(Goal::Deadlock);
        let mut card = Card::default();
        card.take(&seen);
        card
    }

    #[test]
    fn an_empty_cell_is_a_dot_and_a_missed_goal_is_said() {
        let text = text(&card(), None);
        for line in [
            "  fault struck in  idle statement pre commit normal commit post commit rolled back  changed outcomes",
            "  crash               .         .          2             .           .           .                 1",
            "  cut               12k         .          .             .           .           .                 .",
            "  never: a wait cycle across two servers",
            "       1 a deadlock inside one server",
        ] {
            assert!(text.lines().any(|shown| shown == line), "{line}\n{text}");
        }
        assert!(text.lines().all(|line| line.chars().count() <= WIDTH), "{text}");
        assert!(text.lines().count() <= 16, "{text}");
    }

    #[test]
    fn without_faults_there_is_no_grid() {
        let mut card = Card::default();
        card.take(&Seen::default());
        let counted = Counted { steps: 400, chains: 30 };
        let text = text(&card, Some(Bound { depth: 3, counted, probability: 1e-6 }));
        assert!(!text.contains("fault struck in"), "{text}");
        assert!(text.ends_with("with a probability of at least 1.0e-6\n"), "{text}");
        assert!(text.lines().all(|line| line.chars().count() <= WIDTH), "{text}");
    }

    #[test]
    fn programs_read_the_same() {
        let json = json(&card());
        assert_eq!(json["grid"]["crash"]["pre_commit"], 2);
        assert_eq!(json["goals"]["deadlock"], 1);
        assert_eq!(json["goals"]["changed_by crash"], 1);
        let missed = json["missed"].as_array().map_or(0, Vec::len);
        assert_eq!(missed, Goal::all().count() - 2);
    }
}
