//! Rewriting operators until nothing changes, phase by phase.
//!
//! Each rule is a function from an operator to an operator that says whether it did something.
//! Rules run bottom-up and never enter a route. See `operators/query_planning.go` and `phases.go`.

mod aggregation;
mod aggregation_through;
mod hash_join;
mod horizon;
mod join;
mod lock;
mod push;
mod query_graph;
mod recurse_cte;
mod split_projection;
mod sub_query;
mod union;

pub use aggregation::aggregate_again;

use super::PlanError;
use super::operator::Operator;
use super::planning::{Phase, Planning, Step};

/// What a rule made, and the name of what it did; None where it did nothing.
pub type Rewritten = Result<(Operator, Option<&'static str>), PlanError>;

/// From the first operators to those that become primitives.
pub fn plan_all(planning: &mut Planning<'_>, operator: Operator) -> Result<Operator, PlanError> {
    let mut operator = operator;
    for phase in Phase::ALL {
        planning.phase = phase;
        operator = act(planning, operator)?;
        operator = to_fixed_point(planning, operator)?;
    }
    let mut operator = super::operator::window::strip(operator);
    sub_query::check_stars(&operator)?;
    aggregation_through::group_right_sides(&mut operator);
    Ok(operator)
}

/// What a phase does once, before its rules run.
fn act(planning: &mut Planning<'_>, operator: Operator) -> Result<Operator, PlanError> {
    match planning.phase {
        Phase::PullDistinctFromUnion => Ok(union::pull_distinct(operator)),
        Phase::RecursiveCteHorizons => recurse_cte::expand_all(planning, operator),
        Phase::AddAggregationOrdering => Ok(aggregation::add_ordering(planning, operator)),
        Phase::SettleSubqueries => sub_query::settle_all(planning, operator),
        _ => Ok(operator),
    }
}

/// A limit for rewriting that does not come to rest, which is a fault of a rule.
const PASSES_MAX: usize = 1000;

fn to_fixed_point(planning: &mut Planning<'_>, operator: Operator) -> Result<Operator, PlanError> {
    let mut operator = operator;
    for _ in 0..PASSES_MAX {
        let (next, changed) = bottom_up(planning, operator)?;
        operator = next;
        if !changed {
            return Ok(operator);
        }
    }
    Err(PlanError::bug("rewriting does not come to an end"))
}

/// One pass: inputs before what reads them.
fn bottom_up(
    planning: &mut Planning<'_>,
    operator: Operator,
) -> Result<(Operator, bool), PlanError> {
    let mut operator = operator;
    let mut changed = false;
    if !matches!(operator, Operator::Route(_)) {
        for input in operator.inputs_mut() {
            let (next, did) = bottom_up(planning, input.take())?;
            *input = next;
            changed |= did;
        }
    }
    let name = operator.name();
    let (operator, rule) = rule_of(planning, operator)?;
    if let (Some(rule), Some(trace)) = (rule, planning.context.trace) {
        trace.borrow_mut().push(Step { phase: planning.phase, operator: name, rule });
    }
    Ok((operator, changed || rule.is_some()))
}

fn rule_of(planning: &mut Planning<'_>, operator: Operator) -> Rewritten {
    match operator {
        Operator::Horizon(horizon) => horizon::push_or_expand(planning, horizon),
        Operator::QueryGraph(graph) => query_graph::solve(planning, *graph),
        Operator::Join(join) => join::choose(planning, join),
        Operator::ApplyJoin(join) => join::merge_again(planning, join),
        Operator::LockAndComment(lock) => lock::push(lock),
        Operator::SubQueryContainer(container) => sub_query::push_or_merge(planning, container),
        Operator::Union(union) => union::merge(planning, union),
        Operator::RecurseCte(cte) => recurse_cte::merge(planning, cte),
        Operator::Aggregator(aggregator) => aggregation::push(planning, aggregator),
        Operator::Projection(_)
        | Operator::Filter(_)
        | Operator::Ordering(_)
        | Operator::Limit(_)
        | Operator::Distinct(_)
        | Operator::Update(_)
        | Operator::Delete(_) => push::push(planning, operator),
        other => Ok((other, None)),
    }
}
