//! VEXPLAIN of a statement that runs: what it sent, and what each node of its plan did.
//!
//! ```text
//!   queries   a row a statement on a shard, in the order of the answers; BEGIN has the number of
//!             the statement that it came with
//!   all       the plan, with what MySQL's EXPLAIN says of each node's first query
//!   trace     the plan; with each node its calls and rows, with each route its shards
//! ```
//!
//! A log is of one client statement; the nested ones of its vindexes write into it too. Commits
//! appear where a lookup commits by itself: the statement's own comes after the answer. See
//! `engine/vexplain.go`, `executorcontext/logging.go`.
//!
//! Servers explain what they model ([`sim::mysql`]): which index is read, and how. What they refuse
//! to explain is the answer to `vexplain all`, after the statement has run.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::{Map, Value as Json, json};
use sim::eval::{ColumnKind, Kind};
use sim::mysql::outcome::Outcome;
use sim::sql::ast::Statement;
use sim::value::{Binds, Value};

use super::executor::Run;
use super::sends;
use super::session::ShardSession;
use crate::key::Code;
use crate::planner::node::{Node, NodeId, annotate, append};
use crate::planner::primitive::Primitive;
use crate::planner::statement::VExplainKind;
use crate::planner::{json, table};
use crate::rpc::{Status, Target};

/// See the [module](self).
#[derive(Default)]
pub struct Log {
    is_on: Cell<bool>,
    entries: RefCell<Vec<Entry>>,
    /// The nodes that run, the innermost last.
    running: RefCell<Vec<NodeId>>,
    /// By node the rows of each call. Looked up, never walked.
    calls: RefCell<BTreeMap<NodeId, Vec<usize>>>,
    shards: RefCell<BTreeMap<NodeId, usize>>,
}

/// A statement on a shard.
struct Entry {
    number: usize,
    target: Target,
    query: String,
    /// The node that sent it.
    node: Option<NodeId>,
}

impl Log {
    /// A node begins to run.
    pub fn begin(&self, node: Node<'_>) {
        if self.is_on.get() {
            self.running.borrow_mut().push(node.id());
        }
    }

    /// A node has run, and gave so many rows or an error.
    pub fn end(&self, node: Node<'_>, result: &Result<Outcome, Status>) {
        if !self.is_on.get() {
            return;
        }
        self.running.borrow_mut().retain(|running| *running != node.id());
        if let Ok(outcome) = result {
            self.calls.borrow_mut().entry(node.id()).or_default().push(outcome.rows.len());
        }
    }

    /// The running node sends to so many shards.
    pub fn sends(&self, shards: usize) {
        if let (true, Some(node)) = (self.is_on.get(), self.running.borrow().last()) {
            *self.shards.borrow_mut().entry(*node).or_default() += shards;
        }
    }

    /// A statement came back from a shard.
    pub fn sent(
        &self,
        target: &Target,
        statement: &Arc<Statement>,
        binds: &Arc<Binds>,
        began: bool,
    ) {
        if !self.is_on.get() {
            return;
        }
        let number = self.next_number();
        let node = self.running.borrow().last().copied();
        let entry = |query: String| Entry { number, target: target.clone(), query, node };
        if began {
            self.entries.borrow_mut().push(entry("begin".to_owned()));
        }
        self.entries.borrow_mut().push(entry(sim::sql::print::inline(statement, binds)));
    }

    /// Shard transactions were committed.
    pub fn committed(&self, shards: &[(crate::history::List, ShardSession)]) {
        if !self.is_on.get() {
            return;
        }
        for (_, shard) in shards {
            let number = self.next_number();
            let query = "commit".to_owned();
            let target = shard.target.clone();
            self.entries.borrow_mut().push(Entry { number, target, query, node: None });
        }
    }

    fn next_number(&self) -> usize {
        self.entries.borrow().last().map_or(0, |last| last.number + 1)
    }

    /// The first query of each node that MySQL can explain, where it went, and the question.
    fn to_explain(&self) -> Vec<(NodeId, Target, String, Statement)> {
        let mut found: Vec<(NodeId, Target, String, Statement)> = Vec::new();
        for entry in self.entries.borrow().iter() {
            let Some(node) = entry.node else { continue };
            let sql = format!("explain format = json {}", entry.query);
            let Ok(Statement::Explain(explain)) = sim::sql::parse(&sql) else { continue };
            let explains = matches!(
                *explain.statement,
                Statement::Query(_)
                    | Statement::Insert(_)
                    | Statement::Update(_)
                    | Statement::Delete(_)
            );
            if explains && found.iter().all(|(known, ..)| *known != node) {
                found.push((node, entry.target.clone(), sql, Statement::Explain(explain)));
            }
        }
        found
    }

    fn queries(&self) -> Outcome {
        let entries = self.entries.borrow();
        let row = |entry: &Entry| {
            vec![
                Value::Int(entry.number as i64),
                Value::text(&entry.target.keyspace),
                Value::text(&entry.target.shard),
                Value::text(&entry.query),
            ]
            .into()
        };
        let rows = entries.iter().map(row).collect();
        let mut outcome = table::outcome(&["#", "keyspace", "shard", "query"], rows);
        if let Some(number) = Arc::make_mut(&mut outcome.columns).first_mut() {
            number.kind = ColumnKind::new(Kind::Int);
        }
        outcome
    }

    /// What trace says of a node.
    fn stats(&self, node: Node<'_>) -> Map<String, Json> {
        let calls = self.calls.borrow();
        let rows = calls.get(&node.id()).map(Vec::as_slice).unwrap_or_default();
        let mut stats = Map::new();
        stats.insert("NoOfCalls".into(), json!(rows.len()));
        stats.insert("AvgNumberOfRows".into(), average(rows));
        stats.insert("MedianNumberOfRows".into(), median(rows));
        if let Node::Route(_) = node {
            let shards = self.shards.borrow().get(&node.id()).copied().unwrap_or(0);
            stats.insert("ShardsQueried".into(), json!(shards));
        }
        stats
    }
}

fn average(rows: &[usize]) -> Json {
    match rows.len() {
        0 => json!(0),
        count => number(rows.iter().sum::<usize>() as f64 / count as f64),
    }
}

fn median(rows: &[usize]) -> Json {
    let mut sorted = rows.to_vec();
    sorted.sort_unstable();
    let middle = sorted.len() / 2;
    match (sorted.get(middle), middle.checked_sub(1).and_then(|below| sorted.get(below))) {
        (None, _) => json!(0),
        (Some(upper), Some(lower)) if sorted.len().is_multiple_of(2) => {
            number((lower + upper) as f64 / 2.0)
        }
        (Some(upper), _) => json!(upper),
    }
}

/// A whole number prints without a fraction, as Go prints it.
fn number(value: f64) -> Json {
    if value.fract() == 0.0 { json!(value as u64) } else { json!(value) }
}

impl Run {
    /// `explain format=vitess`, as old editions have it.
    pub(super) fn explain_vitess(&self, text: &str) -> Result<Outcome, Status> {
        let v6 = self.gate.options.edition == super::Edition::V6;
        let plan = self.plan_as_written(text)?;
        Ok(table::explain(&plan, v6))
    }

    /// Runs a plan and tells of it.
    pub(super) async fn vexplain(
        &self,
        kind: VExplainKind,
        input: &Primitive,
        binds: &Arc<Binds>,
    ) -> Result<Outcome, Status> {
        self.log.is_on.set(true);
        self.primitive(input, binds).await?;
        match kind {
            VExplainKind::Queries => Ok(self.log.queries()),
            VExplainKind::Trace => {
                let mut plan = json::describe(input);
                annotate(&mut plan, Node::of(input), &|node| self.log.stats(node));
                Ok(one_text("Trace", &json::indented(&plan)))
            }
            VExplainKind::All => {
                let explained = self.explained().await?;
                let mut plan = json::describe(input);
                append(&mut plan, Node::of(input), &|node| {
                    let of_node = explained.get(&node.id()).cloned();
                    of_node
                        .map(|json| ("mysql_explain_json".to_owned(), json))
                        .into_iter()
                        .collect()
                });
                Ok(one_text("VExplain", &json::indented(&plan)))
            }
            VExplainKind::Keys => Ok(Outcome::default()),
        }
    }

    /// What the shards' servers say of what was sent, outside of the session's transaction.
    async fn explained(&self) -> Result<BTreeMap<NodeId, Json>, Status> {
        let mut explained = BTreeMap::new();
        for (node, target, sql, explain) in self.log.to_explain() {
            let (explain, binds) = (Arc::new(explain), Arc::default());
            let shard = format!("Shard({})", target.shard).into();
            let sends = || vec![sends::to(&target.keyspace, &explain, shard)];
            let alone = self.on_shard_alone(&target, None, Arc::clone(&explain), Arc::default());
            let answer = self.told(sends, &sql, &binds, alone).await?;
            let cell = answer.rows.first().and_then(|row| row.first());
            let text = cell.map(Value::to_string).unwrap_or_default();
            let json = serde_json::from_str(&text)
                .map_err(|error| Status::new(Code::Internal, error.to_string()))?;
            explained.insert(node, json);
        }
        Ok(explained)
    }
}

fn one_text(column: &str, text: &str) -> Outcome {
    table::outcome(&[column], vec![vec![Value::text(text)].into()])
}
