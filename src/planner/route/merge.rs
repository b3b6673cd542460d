//! When two routes can be one.
//!
//! ```text
//!   dual                          with anything
//!   one unsharded keyspace        with itself; a reference table with any route of its keyspace
//!   no shard at all               with any route of its keyspace
//!   one keyspace id twice         with itself
//!   sharded, joined by a vindex   rows that meet live on one shard
//! ```
//!
//! See `operators/route_planning.go` and `join_merging.go`. It knows nothing of what the merged
//! query looks like: joins, unions and subqueries ask.

use sim::sql::ast::{AggregateKind, CompareOp, Expr, Literal};

use super::super::operator::Route;
use super::super::operator::join::Kind;
use super::super::planning::Planning;
use super::super::predicate::same;
use super::super::primitive::Opcode;
use super::super::semantics::table_set::TableSet;
use super::super::semantics::tables::Source;
use super::sharded::Sharded;
use super::system::System;
use super::{AnyShard, Routing};

/// How two routes become one.
#[derive(Clone, Debug)]
pub struct Merge {
    /// An alternate of the left or the right that stands in for it, by its keyspace.
    pub left_alternate: Option<String>,
    pub right_alternate: Option<String>,
    pub routing: Routing,
}

impl Merge {
    /// The routes that are merged: the given ones or their alternates.
    pub fn routes(&self, left: Route, right: Route) -> (Route, Route) {
        let left = pick(left, self.left_alternate.as_deref());
        let right = pick(right, self.right_alternate.as_deref());
        (left, right)
    }
}

fn pick(mut route: Route, keyspace: Option<&str>) -> Route {
    let Some(keyspace) = keyspace else { return route };
    let Routing::AnyShard(any) = &mut route.routing else { return route };
    match any.alternates.iter().position(|(name, _)| name == keyspace) {
        Some(at) => any.alternates.swap_remove(at).1,
        None => route,
    }
}

/// Decides for two routes that these predicates join.
pub fn merge(
    planning: &Planning<'_>,
    left: &Route,
    right: &Route,
    predicates: &[Expr],
    kind: Kind,
) -> Option<Merge> {
    let direct = decide(planning, left, right, predicates, kind);
    if direct.is_some() {
        let routing = direct?;
        return Some(Merge { left_alternate: None, right_alternate: None, routing });
    }
    let keyspaces = (left.routing.keyspace()?, right.routing.keyspace()?);
    if keyspaces.0 == keyspaces.1 {
        return None;
    }
    if let Some(alternate) = alternate_in(left, &keyspaces.1.name)
        && let Some(routing) = decide(planning, alternate, right, predicates, kind)
    {
        let left_alternate = Some(keyspaces.1.name.to_string());
        return Some(Merge { left_alternate, right_alternate: None, routing });
    }
    let alternate = alternate_in(right, &keyspaces.0.name)?;
    let routing = decide(planning, left, alternate, predicates, kind)?;
    let right_alternate = Some(keyspaces.0.name.to_string());
    Some(Merge { left_alternate: None, right_alternate, routing })
}

fn alternate_in<'a>(route: &'a Route, keyspace: &str) -> Option<&'a Route> {
    let Routing::AnyShard(any) = &route.routing else { return None };
    any.alternates.iter().find(|(name, _)| name == keyspace).map(|(_, route)| route)
}

fn decide(
    planning: &Planning<'_>,
    left: &Route,
    right: &Route,
    predicates: &[Expr],
    kind: Kind,
) -> Option<Routing> {
    let same_keyspace = match (left.routing.keyspace(), right.routing.keyspace()) {
        (Some(one), Some(other)) => one == other,
        _ => false,
    };
    match (&left.routing, &right.routing) {
        // Where the outer side is dual, a shard without a match would give its own row.
        (Routing::Dual, other) if kind.is_inner() || other.is_single_shard() => Some(other.clone()),
        (Routing::Dual, _) => None,
        (other, Routing::Dual) => Some(other.clone()),
        (Routing::AnyShard(_), other) if same_keyspace => {
            let safe = kind.is_inner() || other.is_single_shard();
            safe.then(|| without_alternates(other))
        }
        (other, Routing::AnyShard(_)) if same_keyspace => Some(without_alternates(other)),
        (Routing::None(_), _) if same_keyspace => Some(left.routing.clone()),
        (_, Routing::None(_)) if same_keyspace => Some(right.routing.clone()),
        (Routing::System(one), Routing::System(other)) => systems(one, other).map(Routing::System),
        (Routing::Sharded(one), Routing::Sharded(other)) if same_keyspace => {
            let joined = || {
                joined_by_vindex(planning, predicates, left.source.tables(), right.source.tables())
            };
            let whole = shardeds(one, other, joined)?;
            // What the right is routed by says nothing of the rows on the left: Vitess loses them.
            Some(Routing::Sharded(if kind.is_inner() { whole } else { one.clone() }))
        }
        _ => None,
    }
}

/// Merged, it is no longer the reference table alone, which others could stand in for.
fn without_alternates(routing: &Routing) -> Routing {
    match routing {
        Routing::AnyShard(any) => {
            Routing::AnyShard(AnyShard { keyspace: any.keyspace.clone(), alternates: Vec::new() })
        }
        other => other.clone(),
    }
}

fn shardeds(one: &Sharded, other: &Sharded, joined: impl Fn() -> bool) -> Option<Sharded> {
    match one.opcode {
        Opcode::EqualUnique if other.opcode == Opcode::EqualUnique && equal_values(one, other) => {
            Some(merged(one, other))
        }
        Opcode::EqualUnique | Opcode::Scatter | Opcode::In | Opcode::None => {
            joined().then(|| merged(one, other))
        }
        _ => None,
    }
}

/// Two routings of one keyspace as one: the left's, with the options of both.
pub fn merged(one: &Sharded, other: &Sharded) -> Sharded {
    let both = |left: &[Expr], right: &[Expr]| left.iter().chain(right).cloned().collect();
    let same_vindex = match (&one.selected, &other.selected) {
        (Some(one), Some(other)) => one.same_vindex(other),
        (None, None) => true,
        _ => false,
    };
    let mut routing = Sharded {
        keyspace: one.keyspace.clone(),
        opcode: one.opcode,
        vindexes: one.vindexes.iter().chain(&other.vindexes).cloned().collect(),
        selected: one.selected.clone().filter(|_| same_vindex),
        seen: both(&one.seen, &other.seen),
    };
    if !same_vindex {
        routing.pick();
    }
    routing
}

/// Whether both go to the one keyspace id of equal values.
pub fn equal_values(one: &Sharded, other: &Sharded) -> bool {
    let (Some(one), Some(other)) = (&one.selected, &other.selected) else { return false };
    one.same_vindex(other)
        && one.values.iter().zip(&other.values).all(|pair| match pair {
            (Some(left), Some(right)) => equal_value(left, right),
            _ => false,
        })
}

fn equal_value(left: &Expr, right: &Expr) -> bool {
    let bytes = |expr: &Expr| match expr {
        Expr::Literal(Literal::String(text)) => Some(text.as_bytes().to_vec()),
        Expr::Literal(Literal::Hex(digits)) => crate::key::hex::decode(digits.as_bytes()).ok(),
        _ => None,
    };
    same(left, right) || bytes(left).is_some_and(|left| Some(left) == bytes(right))
}

/// Whether an equality of two columns, each with the same unique vindex, stands between.
fn joined_by_vindex(
    planning: &Planning<'_>,
    predicates: &[Expr],
    left: TableSet,
    right: TableSet,
) -> bool {
    predicates.iter().any(|predicate| {
        let Expr::Compare { op: CompareOp::Equal, left: one, right: other, .. } = predicate else {
            return false;
        };
        let both = |one: &Expr, other: &Expr| {
            let one = unique_vindex(planning, one, left);
            one.is_some() && one == unique_vindex(planning, other, right)
        };
        both(one, other) || both(other, one)
    })
}

/// The unique vindex over this column alone, of one of these tables.
pub fn unique_vindex(planning: &Planning<'_>, expr: &Expr, tables: TableSet) -> Option<String> {
    planning.semantics.equals_of(expr).iter().find_map(|expr| own_vindex(planning, expr, tables))
}

/// Whether all rows that have one value of an expression are on one shard. NULLs are on any where a
/// lookup leaves them out; Vitess takes them for one value all the same.
pub fn is_of_one_shard(planning: &Planning<'_>, expr: &Expr, tables: TableSet) -> bool {
    let Some(name) = unique_vindex(planning, expr, tables) else { return false };
    let Some((keyspace, name)) = name.split_once('.') else { return false };
    let found = planning.context.vschema.find_vindex(keyspace, name);
    let vindex = found.ok().flatten();
    !vindex.is_some_and(|vindex| vindex.lookup().is_some_and(|lookup| lookup.ignores_nulls()))
}

fn own_vindex(planning: &Planning<'_>, expr: &Expr, tables: TableSet) -> Option<String> {
    match expr {
        // The least and the greatest of a column are values of it.
        Expr::Aggregate(aggregate)
            if matches!(aggregate.kind, AggregateKind::Min | AggregateKind::Max) =>
        {
            own_vindex(planning, aggregate.args.first()?, tables)
        }
        Expr::Bound(column, number) => match &planning.semantics.table(*number).source {
            Source::Derived(derived) => {
                let inner = derived.column(column.name.as_str())?;
                let [only] = &inner.exprs[..] else { return None };
                unique_vindex(planning, only, tables)
            }
            Source::Real(real) if tables.contains(*number) => {
                let single = real.table.column_vindexes.iter().find(|vindex| {
                    !vindex.vindex.properties().is_multi_column()
                        && vindex.columns.first().is_some_and(|first| column.name.is(first))
                })?;
                single.unique.then(|| format!("{}.{}", real.table.keyspace, single.name))
            }
            _ => None,
        },
        _ => None,
    }
}

/// What two routes to system tables know together.
pub fn both(one: &System, other: &System) -> System {
    let mut merged = one.clone();
    let new = |schema: &&Expr| !one.schemas.iter().any(|known| same(known, schema));
    merged.schemas.extend(other.schemas.iter().filter(new).cloned());
    merged.tables.extend(other.tables.clone());
    merged
}

/// Two routes to system tables merge unless they are known to mean different keyspaces.
fn systems(one: &System, other: &System) -> Option<System> {
    let unknown = |system: &System| system.schemas.is_empty() && system.tables.is_empty();
    let both = || both(one, other);
    if unknown(one) || unknown(other) {
        return Some(both());
    }
    let equal = one.schemas.len() == other.schemas.len()
        && one.schemas.iter().zip(&other.schemas).all(|(left, right)| same(left, right));
    if !one.schemas.is_empty() && equal {
        return Some(both());
    }
    let contradict = one
        .tables
        .iter()
        .any(|(name, value)| other.tables.get(name).is_some_and(|other| !same(other, value)));
    (one.schemas.is_empty() && other.schemas.is_empty() && !contradict).then(both)
}
