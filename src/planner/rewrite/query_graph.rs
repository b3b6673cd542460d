//! A query graph becomes routes and joins of them.
//!
//! Greedily: every table is a route; the first pair that merges is merged, or else the cheapest
//! pair is joined, those with a predicate between them first. See `operators/route_planning.go`.

use super::super::operator::query_graph::{QueryGraph, QueryTable};
use super::super::operator::{Filter, Operator, join::Kind};
use super::super::planning::Planning;
use super::super::{PlanError, build, expression};
use super::Rewritten;
use super::join::merge_or_join;

pub fn solve(planning: &mut Planning<'_>, graph: QueryGraph) -> Rewritten {
    let QueryGraph { tables, joins, without_tables } = graph;
    let mut operators = Vec::new();
    let all = tables
        .iter()
        .map(|table| super::super::semantics::table_set::TableSet::one(table.number))
        .collect();
    for QueryTable { number, written, predicates } in tables {
        let mut operator =
            super::super::route::table::of_table(planning, number, &written, predicates)?;
        if let Some(predicate) = expression::conjunction(without_tables.clone()) {
            operator = build::predicate::add(planning, operator, predicate);
        }
        operators.push(operator);
    }
    let graph = QueryGraph { joins, ..QueryGraph::default() };
    let mut operator = join_all(planning, operators, &graph)?;
    let unsolved = graph.joins.iter().filter(|(needs, _)| !needs.is_within(all));
    let unsolved: Vec<_> = unsolved.flat_map(|(_, exprs)| exprs.iter().cloned()).collect();
    if !unsolved.is_empty() {
        operator = Filter::over(operator, unsolved);
    }
    Ok((operator, Some("solve query graph")))
}

fn join_all(
    planning: &mut Planning<'_>,
    mut operators: Vec<Operator>,
    graph: &QueryGraph,
) -> Result<Operator, PlanError> {
    let mut cross_joins = false;
    while 1 < operators.len() {
        match best_pair(planning, &operators, graph, cross_joins)? {
            Some((left, right, joined)) => {
                operators.remove(left.max(right));
                operators.remove(left.min(right));
                operators.push(joined);
            }
            None if cross_joins => return Err(PlanError::bug("tables that cannot be joined")),
            None => cross_joins = true,
        }
    }
    operators.pop().ok_or_else(|| PlanError::bug("a query graph without tables"))
}

type Pair = (usize, usize, Operator);

fn best_pair(
    planning: &mut Planning<'_>,
    operators: &[Operator],
    graph: &QueryGraph,
    cross_joins: bool,
) -> Result<Option<Pair>, PlanError> {
    let mut best: Option<(u64, Pair)> = None;
    for (i, left) in operators.iter().enumerate() {
        for (j, right) in operators.iter().enumerate() {
            if i == j {
                continue;
            }
            let predicates = graph.between(left.tables(), right.tables());
            if predicates.is_empty() && !cross_joins {
                continue;
            }
            let names = planning.names.clone();
            let joined =
                merge_or_join(planning, left.clone(), right.clone(), predicates, Kind::Inner)?;
            if matches!(joined, Operator::Route(_)) {
                return Ok(Some((i, j, joined)));
            }
            let cost = joined.cost();
            if best.as_ref().is_none_or(|(least, _)| cost < *least) {
                best = Some((cost, (i, j, joined)));
            } else {
                planning.names = names;
            }
        }
    }
    Ok(best.map(|(_, pair)| pair))
}
