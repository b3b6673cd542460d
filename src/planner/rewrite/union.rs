//! Sources of a union that can be one route become one.
//!
//! See `operators/union_merging.go`.

use std::sync::Arc;

use super::super::PlanError;
use super::super::operator::{Distinct, Operator, Route, Union};
use super::super::planning::{Phase, Planning};
use super::super::primitive::Opcode;
use super::super::route::Routing;
use super::super::route::merge::{equal_values, merged};
use super::Rewritten;

pub fn merge(planning: &mut Planning<'_>, mut union: Box<Union>) -> Rewritten {
    if !planning.reached(Phase::InitialPlanning) {
        return Ok((Operator::Union(union), None));
    }
    if flatten(&mut union) {
        return Ok((Operator::Union(union), Some("flatten union")));
    }
    let before = union.sources.len();
    if union.distinct {
        merge_any(&mut union)
    } else {
        merge_adjacent(&mut union)
    }
    if union.sources.len() == 1 {
        let only = union.sources.pop().ok_or_else(|| PlanError::bug("a union of nothing"))?;
        let single = matches!(&only, Operator::Route(route) if route.routing.is_single_shard());
        let only = if union.distinct && !single { distinct(only) } else { only };
        return Ok((only, Some("merged all sources of the union")));
    }
    let rule = (union.sources.len() < before).then_some("merged sources of the union");
    Ok((Operator::Union(union), rule))
}

/// Each shard takes out its own duplicates; those of different shards are left.
fn distinct(source: Operator) -> Operator {
    Operator::Distinct(Box::new(Distinct { pushed: true, ..Distinct::required(source) }))
}

/// What is left of a union over several routes keeps all rows; duplicates go above it, and each
/// source sends its own once.
pub fn pull_distinct(operator: Operator) -> Operator {
    let mut operator = operator;
    if !matches!(operator, Operator::Route(_)) {
        for input in operator.inputs_mut() {
            *input = pull_distinct(input.take());
        }
    }
    let Operator::Union(mut union) = operator else { return operator };
    if !union.distinct {
        return Operator::Union(union);
    }
    union.distinct = false;
    for source in &mut union.sources {
        *source = Operator::Distinct(Box::new(Distinct::new(source.take())));
    }
    distinct(Operator::Union(union))
}

/// A union in a union, where the duplicates that it keeps are taken out above.
fn flatten(union: &mut Union) -> bool {
    if union.distinct {
        for source in &mut union.sources {
            if let Operator::Distinct(distinct) = source {
                *source = distinct.source.take();
            }
        }
    }
    let inner = |source: &Operator| match source {
        Operator::Union(inner) => union.distinct || !inner.distinct,
        _ => false,
    };
    if !union.sources.iter().any(inner) {
        return false;
    }
    let sources = std::mem::take(&mut union.sources);
    let items = std::mem::take(&mut union.items);
    for (source, own) in sources.into_iter().zip(items) {
        match source {
            Operator::Union(inner) if union.distinct || !inner.distinct => {
                union.sources.extend(inner.sources);
                union.items.extend(inner.items);
            }
            other => {
                union.sources.push(other);
                union.items.push(own);
            }
        }
    }
    true
}

fn merge_any(union: &mut Union) {
    let mut at = 0;
    while at < union.sources.len() {
        let mut other = at + 1;
        while other < union.sources.len() {
            match try_merge(union, at, other) {
                true => {
                    union.sources.remove(other);
                    union.items.remove(other);
                }
                false => other += 1,
            }
        }
        at += 1;
    }
}

fn merge_adjacent(union: &mut Union) {
    let mut at = 0;
    while at + 1 < union.sources.len() {
        match try_merge(union, at, at + 1) {
            true => {
                union.sources.remove(at + 1);
                union.items.remove(at + 1);
                // What is merged may go with what stands before it.
                at = at.saturating_sub(1);
            }
            false => at += 1,
        }
    }
}

/// Merges the second into the first: a new route, which has no lock and no directives.
fn try_merge(union: &mut Union, first: usize, second: usize) -> bool {
    let (Operator::Route(one), Operator::Route(other)) =
        (&union.sources[first], &union.sources[second])
    else {
        return false;
    };
    let Some(routing) = merged_routing(one, other, union.distinct) else { return false };
    let (Operator::Route(one), Operator::Route(other)) =
        (union.sources[first].take(), union.sources[second].take())
    else {
        return false;
    };
    let (one, other) = (*one, *other);
    let of_any_shard =
        |route: &Route| matches!(route.routing, Routing::Dual | Routing::AnyShard(_));
    let runs_once = [&one, &other].into_iter().any(|part| part.runs_once || of_any_shard(part));
    let mut source = Union {
        sources: vec![one.source, other.source],
        items: vec![union.items[first].clone(), union.items[second].clone()],
        distinct: union.distinct,
    };
    if !union.distinct {
        flatten(&mut source);
    }
    let source = Operator::Union(Box::new(source));
    let mut route = Route::new(source, routing);
    route.runs_once = runs_once;
    route.merged_tables = other.merged_tables;
    union.sources[first] = Operator::Route(Box::new(route));
    true
}

fn merged_routing(one: &Route, other: &Route, distinct: bool) -> Option<Routing> {
    let same_keyspace = match (one.routing.keyspace(), other.routing.keyspace()) {
        (Some(one), Some(other)) => Arc::ptr_eq(&one.name, &other.name) || one == other,
        _ => false,
    };
    let runs_once = one.runs_once || other.runs_once;
    match (&one.routing, &other.routing) {
        // Duplicates of every shard's own dual row are one row only where they are taken out.
        (Routing::Dual, Routing::Dual) => Some(Routing::Dual),
        (Routing::Dual, routing) | (routing, Routing::Dual)
            if distinct || routing.is_single_shard() =>
        {
            Some(routing.clone())
        }
        (Routing::AnyShard(_), Routing::AnyShard(_)) if same_keyspace => Some(one.routing.clone()),
        (Routing::AnyShard(_), routing) | (routing, Routing::AnyShard(_))
            if same_keyspace && (distinct || routing.is_single_shard()) =>
        {
            Some(routing.clone())
        }
        (Routing::None(_), routing) | (routing, Routing::None(_)) if same_keyspace => {
            Some(routing.clone())
        }
        (Routing::Sharded(one), Routing::Sharded(other)) if same_keyspace => {
            let scatter = |opcode| opcode == Opcode::Scatter;
            let scatters = scatter(one.opcode) || scatter(other.opcode);
            if scatters && !distinct && runs_once {
                return None;
            }
            if scatter(one.opcode) {
                return Some(Routing::Sharded(one.clone()));
            }
            if scatter(other.opcode) {
                return Some(Routing::Sharded(other.clone()));
            }
            let exact = matches!(one.opcode, Opcode::EqualUnique | Opcode::Equal | Opcode::In);
            (exact && one.opcode == other.opcode && equal_values(one, other))
                .then(|| Routing::Sharded(merged(one, other)))
        }
        _ => None,
    }
}
