//! Recursive common table expressions.
//!
//! The term is planned as the query of one row of the iteration before: what names that row gets
//! arguments, in ON at once, elsewhere when it is known that no single route carries both queries.
//! See `operators/ast_to_op.go`, `joins.go`.

use sim::sql::ast::{Expr, TableExpr};

use super::super::operator::{Horizon, LockAndComment, Operator, RecurseCte, Route, Table};
use super::super::planning::{Iteration, IterationPredicate, Planning};
use super::super::route::Routing;
use super::super::semantics::table_set::TableSet;
use super::super::{PlanError, expression};
use super::predicate::split;
use super::query;

/// A table that is all rows of a recursion.
pub fn recursive(
    planning: &mut Planning<'_>,
    number: u32,
    written: &TableExpr,
    cte: usize,
) -> Result<Operator, PlanError> {
    let def = planning.semantics.recursive.get(cte).cloned();
    let def = def.ok_or_else(|| PlanError::bug("a recursion that is none"))?;
    let iteration = def.iteration.ok_or_else(|| PlanError::bug("a recursion without a table"))?;
    if def.query.limit.is_some() || !def.query.order_by.is_empty() {
        return Err(PlanError::unsupported("ORDER BY or LIMIT over a recursive CTE"));
    }
    let seed = query::query(planning, &def.query.left)?;
    planning.iterations.push(Iteration { table: iteration, bound: Vec::new() });
    let term = query::query(planning, &def.query.right);
    let predicates = planning.iterations.pop().map(|iteration| iteration.bound);
    let (term, horizon) = apart(term?)?;
    Ok(Operator::RecurseCte(Box::new(RecurseCte {
        seed,
        term,
        number,
        written: written.clone(),
        name: def.name,
        columns: def.columns,
        distinct: def.query.distinct,
        iteration,
        horizon: Some(horizon),
        predicates: predicates.unwrap_or_default(),
        projected: Vec::new(),
        vars: Default::default(),
        names: Vec::new(),
    })))
}

/// FROM and WHERE of the term, and the rest of it.
fn apart(term: Operator) -> Result<(Operator, sim::sql::ast::Query), PlanError> {
    match term {
        Operator::Horizon(horizon) => {
            let Horizon { source, query, .. } = *horizon;
            Ok((source, query))
        }
        Operator::LockAndComment(lock) => {
            let LockAndComment { source, comments, lock } = *lock;
            let (source, query) = apart(source)?;
            Ok((query::with_lock(source, comments, lock), query))
        }
        other => Err(PlanError::bug(format!("{} as a recursive query", other.name()))),
    }
}

/// The table that stands for the iteration before: a row, which any shard can make.
pub fn iteration(planning: &Planning<'_>, number: u32, written: &TableExpr) -> Operator {
    let used = format!("{}.dual", super::super::dual_keyspace(planning.context));
    let table = Table::new(number, written.clone(), Vec::new(), Some(used));
    Operator::Route(Box::new(Route::new(Operator::Table(Box::new(table)), Routing::Dual)))
}

/// ON with arguments for what it names of the iteration before.
pub fn bound(planning: &mut Planning<'_>, clause: Option<&Expr>) -> Option<Expr> {
    let clause = clause.cloned()?;
    if planning.iterations.is_empty() {
        return Some(clause);
    }
    let conjuncts = expression::into_conjuncts(clause).into_iter();
    expression::conjunction(conjuncts.map(|it| bound_conjunct(planning, it)).collect())
}

fn bound_conjunct(planning: &mut Planning<'_>, conjunct: Expr) -> Expr {
    let Some(table) = planning.iterations.last().map(|iteration| iteration.table) else {
        return conjunct;
    };
    let table = TableSet::one(table);
    if expression::has_subquery(&conjunct)
        || !planning.semantics.direct_tables_of(&conjunct).overlaps(table)
    {
        return conjunct;
    }
    let (vars, bound) = split(planning, &conjunct, table);
    if let Some(iteration) = planning.iterations.last_mut() {
        let bound = bound.clone();
        iteration.bound.push(IterationPredicate { original: conjunct, bound, vars });
    }
    bound
}
