//! Which shards a route goes to.
//!
//! Each predicate may narrow a routing down; two routings may merge into one. See
//! `operators/route.go` and its `*_routing.go`.
//!
//! It knows nothing of the query that goes there.

pub mod merge;
pub mod option;
pub mod sharded;
pub mod system;
pub mod table;

use sim::sql::ast::{CompareOp, Expr, Literal};

use super::operator::{Operator, Route};
use super::planning::Planning;
use super::primitive::{Keyspace, Opcode};
use crate::key::Destination;
use sharded::Sharded;
use system::System;

#[derive(Clone, Debug)]
pub enum Routing {
    /// A keyspace where any shard will do: an unsharded one, or reference tables.
    AnyShard(AnyShard),
    /// `dual`: any shard of any keyspace.
    Dual,
    /// Nothing can match.
    None(Keyspace),
    Sharded(Sharded),
    /// A sequence.
    Next(Keyspace),
    /// What every server has.
    System(System),
    /// Shards that the statement names.
    Target(Keyspace, Destination),
}

#[derive(Clone, Debug)]
pub struct AnyShard {
    pub keyspace: Keyspace,
    /// The same table in other keyspaces: a reference table and its source.
    pub alternates: Vec<(String, Route)>,
}

/// Narrows a route by a predicate over its rows. What a row of an outer join lacks has no shard: a
/// predicate of the outer side says nothing. See `isOuterTable`.
pub fn narrow(planning: &Planning<'_>, route: &mut Route, predicate: &Expr) {
    let tables = planning.semantics.tables_of(predicate);
    let is_outer = route.source.any(&mut |operator| match operator {
        Operator::ApplyJoin(join) => !join.kind.is_inner() && join.right.tables().overlaps(tables),
        _ => false,
    });
    if !is_outer {
        let routing = std::mem::replace(&mut route.routing, Routing::Dual);
        route.routing = routing.narrowed(planning, predicate);
    }
}

impl Routing {
    pub fn opcode(&self) -> Opcode {
        match self {
            Routing::AnyShard(any) if any.keyspace.sharded => Opcode::Reference,
            Routing::AnyShard(_) => Opcode::Unsharded,
            Routing::Dual => Opcode::Reference,
            Routing::None(_) => Opcode::None,
            Routing::Sharded(sharded) => sharded.opcode,
            Routing::Next(_) => Opcode::Next,
            Routing::System(_) => Opcode::Dba,
            Routing::Target(..) => Opcode::ByDestination,
        }
    }

    /// None for dual and system tables, which any keyspace has.
    pub fn keyspace(&self) -> Option<&Keyspace> {
        match self {
            Routing::AnyShard(AnyShard { keyspace, .. })
            | Routing::None(keyspace)
            | Routing::Sharded(Sharded { keyspace, .. })
            | Routing::Next(keyspace)
            | Routing::Target(keyspace, _) => Some(keyspace),
            Routing::Dual | Routing::System(_) => None,
        }
    }

    pub fn is_single_shard(&self) -> bool {
        matches!(
            self.opcode(),
            Opcode::Unsharded
                | Opcode::EqualUnique
                | Opcode::Dba
                | Opcode::Next
                | Opcode::Reference
        )
    }

    /// What a join's choice counts; no measure of time.
    pub fn cost(&self) -> u64 {
        match self.opcode() {
            Opcode::EqualUnique => 1,
            Opcode::Equal | Opcode::SubShard => 5,
            Opcode::In | Opcode::Between | Opcode::MultiEqual => 10,
            Opcode::Scatter => 20,
            _ => 0,
        }
    }

    /// The routing once a predicate is known to hold.
    pub fn narrowed(self, planning: &Planning<'_>, predicate: &Expr) -> Routing {
        let nowhere = self.keyspace().cloned().or_else(|| planning.any_keyspace());
        if let Some(keyspace) = nowhere
            && never_true(predicate)
        {
            return Routing::None(keyspace);
        }
        match self {
            Routing::Sharded(sharded) => sharded.narrowed(planning, predicate),
            Routing::System(system) => system.narrowed(planning, predicate),
            Routing::AnyShard(mut any) => {
                for (_, route) in &mut any.alternates {
                    let taken = std::mem::replace(&mut route.routing, Routing::Dual);
                    route.routing = taken.narrowed(planning, predicate);
                }
                Routing::AnyShard(any)
            }
            other => other,
        }
    }
}

/// `= null`, `in (null)`, `not in (.., null, ..)`, a constant that is false: no row passes.
pub fn never_true(predicate: &Expr) -> bool {
    match predicate {
        Expr::Literal(Literal::Bool(value)) => !value,
        Expr::Literal(Literal::Integer(digits)) => digits.bytes().all(|digit| digit == b'0'),
        Expr::Compare { op: CompareOp::NullSafeEqual, .. } => false,
        Expr::Compare { op, left, right, .. } => {
            let nulls = |items: &[Expr]| items.iter().filter(|item| is_null(item)).count();
            match &**right {
                _ if is_null(left) || is_null(right) => true,
                Expr::Tuple(items) if *op == CompareOp::In => nulls(items) == items.len(),
                Expr::Tuple(items) if *op == CompareOp::NotIn => 0 < nulls(items),
                _ => false,
            }
        }
        _ => false,
    }
}

fn is_null(expr: &Expr) -> bool {
    matches!(expr, Expr::Literal(Literal::Null))
}
