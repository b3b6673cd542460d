//! One order of the messages of a scenario's concurrent statements, and what it came to.
//!
//! The scenario has one `concurrently a='..' b='..'`; what stands before it is the prelude. It is
//! read once and done again for each order, from an empty world on. Nothing is printed: what counts
//! is what the clients were told, what rows are there at the end, and what the judge says.
//!
//! ```text
//!   prelude ──> concurrently: the explorer picks ──> the scenario's rest ──> rest, a check
//! ```
//!
//! Statements of different sessions do not meet in clients, vtgates and vttablets: those hold
//! nothing in common for two sessions but caches whose content decides nothing, connections that
//! are alike, and numbers. They do where a sequence hands out values, where a pool is small, and
//! where a statement is none of those that read and write rows.
//!
//! It knows nothing of which order is next.

use std::collections::BTreeSet;
use std::fmt::Write;
use std::rc::Rc;

use sim::decide::Tape;
use sim::order::explore::Explorer;
use sim::world::Program;

use super::action::{Action, Queue};
use super::runner::Runner;
use super::steps::{self, Counter, Deeds, Extra};
use super::{Options, ScenarioError, Verdict, result};
use crate::cluster::Cluster;
use crate::history::Answer;
use crate::{history, mutant};

/// A scenario that was read. See the [module](self).
#[derive(Clone, Debug)]
pub struct Script {
    actions: Vec<Action>,
    pub options: Options,
}

/// What can be told of a run from outside, at its end.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Outcome {
    /// What clients were told, a line each.
    pub told: Vec<String>,
    /// Rows of the users' tables, committed, a line each.
    pub rows: Vec<String>,
}

/// What an order came to.
#[derive(Clone, Debug)]
pub struct Played {
    pub verdict: Verdict,
    pub outcome: Outcome,
    pub digest: u64,
    /// Empty unless recorded.
    pub tape: Tape,
    pub deeds: Deeds,
    /// It ended early: all that could follow had been run.
    pub is_pruned: bool,
}

/// Who picks.
#[derive(Clone, Debug)]
pub enum By {
    Explorer(Explorer),
    Tape(Tape),
}

impl Script {
    /// Reads a scenario with one `concurrently`.
    pub fn read(text: &str, options: Options) -> Result<Script, ScenarioError> {
        let actions = steps::read_all(text, &options.folder)?;
        let is_concurrent = |action: &&Action| matches!(action, Action::Concurrently(_));
        match actions.iter().filter(is_concurrent).count() {
            1 => Ok(Script { actions, options }),
            count => {
                let message = format!("expected one `concurrently`, found {count}");
                let hint = "concurrently a='insert ..' b='delete ..'".to_owned();
                Err(ScenarioError { message, line: 1, part: String::new(), hint: Some(hint) })
            }
        }
    }

    /// What stands before the statements.
    pub fn prelude(&self) -> Script {
        let is_before = |action: &&Action| !matches!(action, Action::Concurrently(_));
        let actions = self.actions.iter().take_while(is_before).cloned().collect();
        Script { actions, options: self.options.clone() }
    }

    /// One run, with a line behind the head for each thing that goes otherwise.
    pub fn play(&self, by: &By, lines: &[String], record: bool) -> Result<Played, ScenarioError> {
        let counter = Counter::default();
        let mut extra = Extra { end: vec![Action::Settle], ..Extra::default() };
        if !lines.is_empty() {
            let folder = &self.options.folder;
            extra.deviations =
                lines.iter().map(|line| steps::read(line, folder)).collect::<Result<_, _>>()?;
            extra.end = steps::common_end(folder)?;
        }
        // Steps are told to who waits for one, or counts them.
        extra.counter = (!lines.is_empty() || record).then(|| counter.clone());
        let mut options = Options { judge_only: true, record, ..self.options.clone() };
        match by {
            By::Explorer(explorer) => extra.explorer = Some(explorer.clone()),
            By::Tape(tape) => options.tape = tape.clone(),
        }
        let _mutants = mutant::switch_on(&options.mutants);
        let mut runner = Runner::new(options, extra);
        let played = self.run(&mut runner, &counter);
        history::end();
        sim::step::observe(None);
        played
    }

    fn run(&self, runner: &mut Runner, counter: &Counter) -> Result<Played, ScenarioError> {
        for action in &self.actions {
            // As under a seed: what finds nothing to do does nothing.
            let _ = runner.act(action);
            if runner.is_pruned || matches!(runner.verdict, Verdict::Stuck(_)) {
                break;
            }
        }
        if !runner.is_pruned {
            runner.end();
            runner.finish().map_err(|error| ScenarioError::of_script(&error))?;
        }
        let outcome = match runner.is_pruned {
            true => Outcome::default(),
            false => {
                Outcome { told: told(runner), rows: runner.cluster().map_or_else(Vec::new, rows) }
            }
        };
        let Some(cluster) = runner.cluster() else {
            return Err(ScenarioError::of_script("the scenario starts no cluster"));
        };
        Ok(Played {
            verdict: runner.verdict.clone(),
            outcome,
            digest: cluster.world.digest(),
            tape: cluster.world.tape(),
            deeds: counter.deeds(),
            is_pruned: runner.is_pruned,
        })
    }
}

fn told(runner: &Runner) -> Vec<String> {
    let one = |(session, sql, answer): (String, Rc<str>, Answer)| {
        let text = result::print(&sql, &answer, None);
        // What stands behind it are the statement and its values.
        let text = text.split(" (CallerID").next().unwrap_or_default();
        format!("{session}: {}", text.trim_end().replace('\n', "; "))
    };
    runner.told().into_iter().map(one).collect()
}

/// The rows of the keyspaces' tables, on their shards' primaries.
fn rows(cluster: &Cluster) -> Vec<String> {
    let topo = cluster.topo();
    let mut lines = Vec::new();
    for (keyspace, record) in &topo.keyspaces {
        let database = format!("vt_{keyspace}");
        for shard in &record.shard_order {
            let Some(primary) = topo.primary(keyspace, shard) else { continue };
            for image in cluster.images(primary) {
                if *image.schema.database != *database {
                    continue;
                }
                for row in &image.rows {
                    let mut line = format!("{keyspace}/{shard} {}", image.schema.name);
                    for value in row.iter() {
                        let text = result::text(value).unwrap_or_else(|| "NULL".to_owned());
                        let _ = write!(line, " {text}");
                    }
                    lines.push(line);
                }
            }
        }
    }
    lines
}

/// Programs where these statements don't meet.
pub(super) fn apart(cluster: &Cluster, queues: &[Queue]) -> BTreeSet<Program> {
    let topo = cluster.topo();
    let mut tables = topo.keyspaces.values().flat_map(|keyspace| keyspace.vschema.tables.values());
    let has_sequence = tables.any(|table| table.type_name == "sequence");
    let has_small_pool = cluster.options.tablet.tx_pool_size <= queues.len() * 2;
    let mut statements = queues.iter().flat_map(|queue| &queue.statements);
    if has_sequence || has_small_pool || !statements.all(|sql| is_of_rows(sql)) {
        return BTreeSet::new();
    }
    let vttablets = cluster.tablets.iter().map(|tablet| tablet.vttablet);
    cluster.vtgates.iter().copied().chain(vttablets).collect()
}

fn is_of_rows(sql: &str) -> bool {
    const WORDS: [&str; 8] =
        ["select", "insert", "replace", "update", "delete", "begin", "commit", "rollback"];
    let first = sql.split(|c: char| !c.is_ascii_alphabetic()).next().unwrap_or_default();
    WORDS.iter().any(|word| first.eq_ignore_ascii_case(word))
}
