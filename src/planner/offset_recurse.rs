//! Offsets of recursions.
//!
//! A column is the seed's and the term's at the same place. See `operators/recurse_cte.go`.

use std::collections::BTreeSet;
use std::sync::Arc;

use sim::sql::ast::{Expr, Query};

use super::offset_above::weight_of as weight_of_input;
use super::operator::{Operator, RecurseCte, Route};
use super::planning::Planning;
use super::predicate::same;
use super::semantics::tables::Source;
use super::walk::{self, EachExpr};
use super::{PlanError, offset, offset_union, text};

/// What the term must be told of a row.
pub fn plan(planning: &Planning<'_>, cte: &mut RecurseCte) -> Result<(), PlanError> {
    let vars = cte.predicates.iter().flat_map(|predicate| &predicate.vars);
    let mut offsets = Vec::new();
    for (name, expr) in vars.chain(&cte.projected) {
        offsets.push((Arc::clone(name), position(planning, cte.iteration, expr)?));
    }
    for (name, at) in offsets {
        cte.vars.entry(name).or_insert(at);
    }
    Ok(())
}

pub fn column_of(
    planning: &Planning<'_>,
    cte: &RecurseCte,
    expr: &Expr,
) -> Result<usize, PlanError> {
    position(planning, cte.number, expr)
}

fn position(planning: &Planning<'_>, table: u32, expr: &Expr) -> Result<usize, PlanError> {
    let found = match (expr, &planning.semantics.table(table).source) {
        (Expr::Bound(column, number), Source::Recursive(of) | Source::Iteration(of))
            if *number == table =>
        {
            of.position(column.name.as_str())
        }
        _ => None,
    };
    found.ok_or_else(|| PlanError::bug("CTE column not found"))
}

/// A column of the seed that is this very expression.
pub fn find(operator: &Operator, expr: &Expr) -> Option<usize> {
    match operator {
        Operator::RecurseCte(cte) => match &cte.seed {
            Operator::Route(route) => {
                offset::columns_in_text(&route.source)?.iter().position(|column| same(column, expr))
            }
            _ => None,
        },
        Operator::Ordering(ordering) => find(&ordering.source, expr),
        Operator::Filter(filter) => find(&filter.source, expr),
        _ => None,
    }
}

/// Both queries get the weight, each of its own column.
pub fn weight_of(
    planning: &mut Planning<'_>,
    cte: &mut RecurseCte,
    at: usize,
    expr: &Expr,
) -> Result<usize, PlanError> {
    let mut own = |operator: &mut Operator| {
        let given = offset_union::exprs_at(operator, at).into_iter().next();
        weight_of_input(planning, operator, at, given.as_ref().unwrap_or(expr))
    };
    let (seed, term) = (own(&mut cte.seed)?, own(&mut cte.term)?);
    if seed != term {
        return Err(PlanError::bug("CTE columns don't match"));
    }
    Ok(seed)
}

/// No query of the term may name the table that the iteration before is no more.
pub fn check(planning: &Planning<'_>, cte: &RecurseCte) -> Result<(), PlanError> {
    let mut named = BTreeSet::new();
    let mut failed = None;
    cte.term.each(&mut |operator| {
        if let Operator::Route(route) = operator
            && let Err(error) = names_in(planning, route, &mut named)
        {
            failed = Some(error);
        }
    });
    match failed {
        Some(error) => Err(error),
        None if named.contains(&cte.iteration) => {
            Err(PlanError::unsupported("recursive table in a subquery or an outer join"))
        }
        None => Ok(()),
    }
}

fn names_in(
    planning: &Planning<'_>,
    route: &Route,
    named: &mut BTreeSet<u32>,
) -> Result<(), PlanError> {
    let query: Query = text::of_route(planning, route)?;
    let mut each = EachExpr(|expr: &Expr| {
        if let Expr::Bound(_, number) = expr {
            named.insert(*number);
        }
    });
    walk::query(&query, &mut each);
    Ok(())
}
