//! What one planning of one statement carries along.
//!
//! It knows nothing of operators.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::sync::Arc;

use sim::sql::ast::{Expr, Statement};

use super::primitive::Keyspace;
use super::semantics::Semantics;
use super::{Context, PlanError, predicate, walk};

pub struct Planning<'a> {
    pub context: &'a Context<'a>,
    pub semantics: Semantics,
    pub names: Names,
    /// Tables of the subqueries that became text just now.
    pub merged_tables: BTreeSet<String>,
    /// Arguments of subqueries that became text again, with that text.
    pub merged: Vec<(Arc<str>, Expr)>,
    pub phase: Phase,
    pub conditions: Conditions,
    pub rows_for: RowsFor,
    /// The recursions whose terms are being read, the innermost last.
    pub iterations: Vec<Iteration>,
}

/// Who reads the rows of a query.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum RowsFor {
    #[default]
    Client,
    /// A change of the rows that are found: Vitess sends its limits as an argument.
    Change,
    /// INSERT .. SELECT: so are its limits, and Vitess plans its offsets twice.
    Insert,
}

/// A recursive query under way: what of it depends on the iteration before.
#[derive(Clone, Debug)]
pub struct Iteration {
    /// The table that stands for the iteration before.
    pub table: u32,
    pub bound: Vec<IterationPredicate>,
}

/// A predicate of a recursive query, with arguments for the columns of the iteration before.
#[derive(Clone, Debug)]
pub struct IterationPredicate {
    pub original: Expr,
    pub bound: Expr,
    pub vars: Vec<(Arc<str>, Expr)>,
}

/// When WHERE goes to the tables that it names.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Conditions {
    #[default]
    First,
    /// Once it is known which routes there are; a route keeps it as it was written. That is how the
    /// queries of foreign keys are planned.
    Last,
}

/// The phases of rewriting, in order. See `operators/phases.go`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Phase {
    #[default]
    PhysicalTransform,
    InitialPlanning,
    PullDistinctFromUnion,
    DelegateAggregation,
    RecursiveCteHorizons,
    AddAggregationOrdering,
    CleanOutPerformanceDistinct,
    DmlWithInput,
    SettleSubqueries,
}

impl Phase {
    pub const ALL: [Phase; 9] = [
        Phase::PhysicalTransform,
        Phase::InitialPlanning,
        Phase::PullDistinctFromUnion,
        Phase::DelegateAggregation,
        Phase::RecursiveCteHorizons,
        Phase::AddAggregationOrdering,
        Phase::CleanOutPerformanceDistinct,
        Phase::DmlWithInput,
        Phase::SettleSubqueries,
    ];

    /// As a trace names it.
    pub fn name(self) -> &'static str {
        match self {
            Phase::PhysicalTransform => "physical transform",
            Phase::InitialPlanning => "initial horizon planning",
            Phase::PullDistinctFromUnion => "pull distinct from union",
            Phase::DelegateAggregation => "delegate aggregation",
            Phase::RecursiveCteHorizons => "expand recursive CTE horizons",
            Phase::AddAggregationOrdering => "add ordering for aggregation",
            Phase::CleanOutPerformanceDistinct => "clean out performance distinct",
            Phase::DmlWithInput => "dml with input",
            Phase::SettleSubqueries => "settle subqueries",
        }
    }
}

/// One rewrite.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Step {
    pub phase: Phase,
    pub operator: &'static str,
    pub rule: &'static str,
}

/// The rewrites of a statement, and of the queries that planning it has planned, in order.
pub type Trace = RefCell<Vec<Step>>;

impl Planning<'_> {
    pub fn reached(&self, phase: Phase) -> bool {
        phase <= self.phase
    }

    pub fn keyspace(&self, name: &str) -> Result<Keyspace, PlanError> {
        super::keyspace(self.context, name)
    }

    /// The keyspace that stands in where none is named.
    pub fn any_keyspace(&self) -> Option<Keyspace> {
        super::any_keyspace(self.context)
    }
}

/// Names of the arguments that planning makes.
#[derive(Clone, Debug, Default)]
pub struct Names {
    taken: BTreeSet<String>,
    /// Expressions that already have a name, with it.
    of: Vec<(Expr, Arc<str>)>,
    subqueries: usize,
}

impl Names {
    /// Those that the statement itself uses are taken.
    pub fn of(statement: &Statement) -> Names {
        let mut names = Names::default();
        let mut each = walk::EachExpr(|expr: &Expr| match expr {
            Expr::Argument { name, .. } | Expr::ListArgument(name) => {
                names.taken.insert(name.as_str().to_owned());
            }
            _ => {}
        });
        walk::statement(statement, &mut each);
        names
    }

    /// The name for an expression's value; the same expression keeps its name.
    pub fn argument_for(&mut self, expr: &Expr) -> Arc<str> {
        if let Some((_, name)) = self.of.iter().find(|(known, _)| predicate::same(known, expr)) {
            return Arc::clone(name);
        }
        let wanted = compliant(expr);
        let name: Arc<str> = self.reserve(&wanted).into();
        self.of.push((expr.clone(), Arc::clone(&name)));
        name
    }

    /// As a second plan of the same statement begins: no name is free again.
    pub fn anew(&self) -> Names {
        Names { of: Vec::new(), ..self.clone() }
    }

    pub fn is_free(&self, name: &str) -> bool {
        !self.taken.contains(name)
    }

    /// The name, or with the first number behind it that is free.
    pub fn reserve(&mut self, wanted: &str) -> String {
        let mut name = wanted.to_owned();
        let mut number = 1;
        while !self.taken.insert(name.clone()) {
            name = format!("{wanted}{number}");
            number += 1;
        }
        name
    }

    /// `__sq1`, `__sq2` ..
    pub fn subquery(&mut self) -> Arc<str> {
        loop {
            self.subqueries += 1;
            let name = format!("__sq{}", self.subqueries);
            if self.taken.insert(name.clone()) {
                return name.into();
            }
        }
    }

    /// `__sq_has_values`, `__sq_has_values1` ..
    pub fn has_values(&mut self) -> Arc<str> {
        self.reserve("__sq_has_values").into()
    }
}

/// An expression's text as a name: `qualifier_column`, other characters as `_`.
fn compliant(expr: &Expr) -> String {
    let text = match expr {
        Expr::Bound(column, _) | Expr::Column(column) => match &column.table {
            Some(table) => format!("{}_{}", table.name.as_str(), column.name.as_str()),
            None => column.name.as_str().to_owned(),
        },
        other => other.to_string(),
    };
    let plain = |c: char| if c.is_ascii_alphanumeric() || c == '_' { c } else { '_' };
    text.chars().map(plain).collect()
}
