//! Whether a plan's statements went to the shards that the plan names: to all of them, and to no
//! other.
//!
//! ```text
//!   plan begins ──> its sends: statements, opcode, vindex, values     (data of the plan)
//!   tablet answers ──> keyspace, shard, statement, bind variables     (who got something)
//!   plan ends ──> for each statement that a tablet got: the values in its own bind variables,
//!                 by the vindex to keyspace ids, by the topology to shards; compared
//! ```
//!
//! What vtgate computed on the way is not looked at: the values come from the plan and from what
//! arrived, vindexes are made anew from the vschema, and what a lookup gave is read off the answers
//! of its own statements. A statement that came by no plan, or that its plan does not have, is a
//! violation as well; only savepoints and settings belong to none.
//!
//! A plan that ended with an error need not have reached all shards; it must not have reached
//! others. Left out: which tablet of a shard, and whether a read came twice.
//!
//! It knows nothing of the engine.

mod expected;

use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;
use std::sync::Arc;

use sim::clock::Nanos;
use sim::sql::ast::Statement;

use crate::checker::verdict::{At, Invariant};
use crate::checker::violation::Violation;
use crate::history::{
    Event, PlanBegun, PlanId, PlannedSend, PlannedShards, PlannedStatement, ShardStatement,
};
use crate::topo::Topo;
use crate::vschema::VSchema;
use expected::{Answers, Expected, Lookups};

/// See the [module](self).
#[derive(Default)]
pub struct ShardsCheck {
    open: BTreeMap<PlanId, Run>,
    vschemas: BTreeMap<u64, Rc<VSchema>>,
    violations: Vec<Violation>,
    checked: u64,
}

/// A plan that runs.
struct Run {
    begun: Rc<PlanBegun>,
    received: Vec<Rc<ShardStatement>>,
    /// Its own, and those of the plans that run for it: what lookups gave.
    answers: Answers,
}

impl ShardsCheck {
    /// Takes a vschema that vtgates may plan by from now on.
    pub fn learn(&mut self, version: u64, vschema: &Rc<VSchema>) {
        self.vschemas.insert(version, Rc::clone(vschema));
    }

    pub fn observe(&mut self, event: &Event, topo: &Topo, now: Nanos) {
        match event {
            Event::Plan(begun) => {
                let begun = Rc::clone(begun);
                let run = Run { received: Vec::new(), answers: Answers::default(), begun };
                self.open.insert(run.begun.plan, run);
            }
            Event::ShardStatement(statement) => self.received(statement, now),
            Event::PlanEnded { plan, ok } => {
                if let Some(run) = self.open.remove(plan) {
                    self.ended(&run, *ok, topo, now);
                }
            }
            _ => {}
        }
    }

    pub fn violations(&self) -> &[Violation] {
        &self.violations
    }

    /// Statements that were compared.
    pub fn checked(&self) -> u64 {
        self.checked
    }

    fn received(&mut self, statement: &Rc<ShardStatement>, now: Nanos) {
        let Some(run) = self.open.get_mut(&statement.plan) else {
            // A plan that is over may still be answered: its vtgate has given up.
            if statement.plan == 0 && !is_of_session(&statement.statement) {
                let what = format!("{} got a statement of no plan", shard_name(statement));
                self.violate(now, "", &statement.statement.to_string(), vec![what]);
            }
            return;
        };
        run.received.push(Rc::clone(statement));
        run.answers.push(statement);
        let parent = run.begun.parent;
        if let Some(parent) = self.open.get_mut(&parent) {
            parent.answers.push(statement);
        }
    }

    fn ended(&mut self, run: &Run, ok: bool, topo: &Topo, now: Nanos) {
        let version = run.begun.vschema_version;
        let Some(vschema) = self.vschemas.get(&version).cloned() else {
            let what = format!("planned by vschema version {version}, which was never served");
            return self.violate(now, &run.begun.session, &run.begun.sql, vec![what]);
        };
        let lookups = Lookups { vschema: &vschema, topo, answers: &run.answers };
        let mut wrong: Vec<String> = Vec::new();
        for statement in &run.received {
            self.checked += 1;
            if !run.begun.sends.iter().any(|send| send.has(statement).is_some()) {
                let text = &statement.statement;
                wrong.push(format!(
                    "{} got `{text}`, which is not of the plan",
                    shard_name(statement)
                ));
            }
        }
        for send in &run.begun.sends {
            wrong.extend(compare(run, send, ok, &lookups));
        }
        if !wrong.is_empty() {
            let begun = &run.begun;
            self.violate(now, &begun.session, &begun.sql, wrong);
        }
    }

    fn violate(&mut self, now: Nanos, session: &str, sql: &str, rows: Vec<String>) {
        self.violations.push(Violation {
            invariant: Invariant::PlannedShards,
            at: At { time: now, seq: 0 },
            subject: format!("session {session}").into(),
            value: sql.to_owned(),
            rows,
            timeline: Vec::new(),
            lost_at: None,
            locks: Vec::new(),
            departure: None,
        });
    }
}

/// What one group of values reached: by statement the shards, by shard how often.
#[derive(Default)]
struct Reached {
    by_statement: BTreeMap<usize, BTreeSet<String>>,
    empty: BTreeSet<String>,
}

/// Compares what a send of the plan reached with where it was to go.
fn compare(run: &Run, send: &PlannedSend, ok: bool, lookups: &Lookups<'_>) -> Vec<String> {
    let mut wrong = Vec::new();
    // By the values that say where, as text: each is a group of its own.
    let mut groups: BTreeMap<String, (Expected, Reached)> = BTreeMap::new();
    for statement in &run.received {
        let Some(which) = send.has(statement) else { continue };
        if !send.sends(statement) && run.begun.sends.iter().any(|send| send.sends(statement)) {
            continue;
        }
        let expected = match lookups.expected(send, &statement.binds) {
            Ok(expected) => expected,
            Err(why) => {
                wrong.push(format!(
                    "the judge cannot tell the shards of `{}`: {why}",
                    statement.statement
                ));
                continue;
            }
        };
        if let Some(stray) = lookups.stray_row(send, statement) {
            wrong.push(stray);
        }
        let name = shard_name(statement);
        if *statement.keyspace != *send.keyspace || !expected.allows(&statement.shard, which) {
            wrong.push(format!("{name} got `{}`, planned for {expected}", statement.statement));
        }
        let group = groups.entry(expected.key.clone()).or_insert((expected, Reached::default()));
        let shard = statement.shard.to_string();
        match which {
            Which::Statement(at) => {
                group.1.by_statement.entry(at).or_default().insert(shard);
            }
            Which::Empty => {
                group.1.empty.insert(shard);
            }
        }
    }
    if !ok {
        return wrong;
    }
    if send.is_root
        && let Ok(expected) = lookups.expected(send, &run.begun.binds)
    {
        groups.entry(expected.key.clone()).or_insert((expected, Reached::default()));
    }
    for (expected, reached) in groups.values() {
        wrong.extend(missing(run, send, expected, reached));
    }
    wrong
}

/// The shards that a plan that succeeded did not reach.
fn missing(run: &Run, send: &PlannedSend, expected: &Expected, reached: &Reached) -> Vec<String> {
    let sql = &run.begun.sql;
    let mut wrong = Vec::new();
    let statements = 0..send.statements.len();
    for at in statements {
        let shards = reached.by_statement.get(&at).cloned().unwrap_or_default();
        if let Some(why) = expected.lacks(&shards, &reached.empty) {
            wrong.push(format!("statement {} of `{sql}`: {why}", at + 1));
        }
    }
    wrong
}

/// Which text of a send a tablet got.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Which {
    Statement(usize),
    /// That for no shard.
    Empty,
}

impl PlannedSend {
    /// Which of its texts this statement is; none if it is another's.
    fn has(&self, sent: &ShardStatement) -> Option<Which> {
        let is = |planned: &PlannedStatement| match planned {
            PlannedStatement::Exactly(statement) => same(statement, &sent.statement),
            PlannedStatement::Text(text) => sent.statement.to_string() == **text,
            PlannedStatement::RowsOf(table) => {
                matches!(&*sent.statement, Statement::Insert(insert) if insert.table.name.is(table))
            }
        };
        if let Some(at) = self.statements.iter().position(is) {
            return Some(Which::Statement(at));
        }
        let empty = self.empty.as_ref().is_some_and(|empty| same(empty, &sent.statement));
        empty.then_some(Which::Empty)
    }

    /// Whether it is this send's own: two routes may ask for the same columns in the same words.
    fn sends(&self, sent: &ShardStatement) -> bool {
        let own = self.statements.iter().filter_map(|planned| match planned {
            PlannedStatement::Exactly(statement) => Some(statement),
            PlannedStatement::Text(_) | PlannedStatement::RowsOf(_) => None,
        });
        own.chain(&self.empty).any(|own| Arc::ptr_eq(own, &sent.statement))
    }

    /// With nobody to go to, it goes to any one shard as it is.
    fn goes_anywhere(&self) -> bool {
        match (&self.empty, self.statements.first()) {
            (Some(empty), Some(PlannedStatement::Exactly(statement))) => same(empty, statement),
            _ => false,
        }
    }

    fn is_change(&self) -> bool {
        self.empty.is_none() && matches!(self.shards, PlannedShards::Vindex { .. })
    }
}

fn same(one: &Arc<Statement>, other: &Arc<Statement>) -> bool {
    Arc::ptr_eq(one, other) || one == other
}

/// What a session says on all of its shards, by no plan.
fn is_of_session(statement: &Statement) -> bool {
    matches!(
        statement,
        Statement::Savepoint(_)
            | Statement::RollbackTo(_)
            | Statement::Release(_)
            | Statement::Set(_)
    )
}

fn shard_name(statement: &ShardStatement) -> String {
    format!("{}/{}", statement.keyspace, statement.shard)
}

#[cfg(test)]
mod tests;
