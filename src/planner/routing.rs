//! Which shards a statement over one table goes to.
//!
//! Each conjunct of the filter may give a vindex a value. Of all options the lowest opcode wins;
//! then a unique vindex before others; then the lower cost, and of equals the later one. A vindex
//! that is being filled (`write_only`) is never an option. See facts of
//! `go/vt/vtgate/planbuilder/operators` (`sharded_routing.go`).
//!
//! It knows nothing of the statement around the filter.

use std::sync::Arc;

use sim::sql::ast::{CompareOp, Expr, Ident, IsTest, Literal};

use super::primitive::{Keyspace, Opcode, Routing};
use super::{PlanError, expression, is_value};
use crate::vschema::{ColumnVindex, Table};

/// A choice of vindex, with what chose it.
#[derive(Clone, Debug)]
pub struct Choice {
    pub opcode: Opcode,
    /// None where no vindex helps, or nothing can match.
    pub vindex: Option<Arc<ColumnVindex>>,
    pub values: Vec<Expr>,
    /// The conjunct whose IN list each shard gets its part of.
    pub in_conjunct: Option<usize>,
}

impl Choice {
    const SCATTER: Choice =
        Choice { opcode: Opcode::Scatter, vindex: None, values: Vec::new(), in_conjunct: None };

    pub fn routing(&self, keyspace: &Keyspace) -> Routing {
        Routing {
            opcode: self.opcode,
            keyspace: keyspace.clone(),
            vindex: self.vindex.as_ref().map(|vindex| vindex.name.as_str().into()),
            values: self.values.clone(),
            destination: None,
        }
    }

    /// Whether at most one shard is meant.
    pub fn is_single_shard(&self) -> bool {
        self.opcode == Opcode::EqualUnique
    }

    /// Whether the vindex runs statements to map.
    pub fn needs_lookup(&self) -> bool {
        self.vindex.as_ref().is_some_and(|vindex| vindex.vindex.properties().needs_vcursor)
    }
}

/// Chooses by the conjuncts of a filter.
pub fn choose(table: &Table, conjuncts: &[&Expr]) -> Result<Choice, PlanError> {
    if let Some(ksid) = &table.pinned {
        let hex = crate::key::hex::encode(ksid.as_bytes());
        return Err(PlanError::unsupported(format!("pinned tables ({hex})")));
    }
    let mut best = Choice::SCATTER;
    for (at, conjunct) in conjuncts.iter().enumerate() {
        if never_matches(conjunct) {
            return Ok(Choice { opcode: Opcode::None, ..Choice::SCATTER });
        }
        for vindex in table.column_vindexes.iter().filter(|vindex| !vindex.backfill) {
            if let Some(option) = option(vindex, conjunct, at)
                && better(&option, &best)
            {
                best = option;
            }
        }
    }
    Ok(best)
}

/// What one conjunct gives a vindex. A vindex of several columns that takes one column's value to
/// map (a lookup) routes by its first.
fn option(vindex: &Arc<ColumnVindex>, conjunct: &Expr, at: usize) -> Option<Choice> {
    if vindex.vindex.properties().is_multi_column() {
        return None;
    }
    let column = vindex.columns.first()?;
    let equal = |value: &Expr| Choice {
        opcode: if vindex.unique { Opcode::EqualUnique } else { Opcode::Equal },
        vindex: Some(Arc::clone(vindex)),
        values: vec![value.clone()],
        in_conjunct: None,
    };
    match conjunct {
        Expr::Compare { op: CompareOp::Equal, left, right, .. } => {
            let value = if is_column(left, column) {
                right
            } else if is_column(right, column) {
                left
            } else {
                return None;
            };
            let single = !matches!(**value, Expr::Tuple(_) | Expr::ListArgument(_));
            (single && is_value(value)).then(|| equal(value))
        }
        Expr::Compare { op: CompareOp::In, left, right, .. } if is_column(left, column) => {
            let list = Choice { opcode: Opcode::In, in_conjunct: Some(at), ..equal(right) };
            match &**right {
                Expr::Tuple(items) if items.len() == 1 => {
                    is_value(&items[0]).then(|| equal(&items[0]))
                }
                Expr::Tuple(items) => items.iter().all(is_value).then_some(list),
                Expr::ListArgument(_) => Some(list),
                _ => None,
            }
        }
        Expr::Is { expr, test: IsTest::Null } if is_column(expr, column) => {
            let lookup = vindex.vindex.properties().is_lookup();
            (!lookup).then(|| equal(&Expr::Literal(Literal::Null)))
        }
        _ => None,
    }
}

fn better(option: &Choice, best: &Choice) -> bool {
    let Some(have) = &best.vindex else { return option.opcode <= best.opcode };
    let Some(new) = &option.vindex else { return false };
    if option.opcode != best.opcode {
        return option.opcode < best.opcode;
    }
    if new.unique != have.unique {
        return new.unique;
    }
    new.cost <= have.cost
}

/// `= null`, `in (null)`, `not in (.., null, ..)`, a constant that is false: no row passes.
fn never_matches(conjunct: &Expr) -> bool {
    let is_null = |expr: &Expr| matches!(expr, Expr::Literal(Literal::Null));
    match conjunct {
        Expr::Compare { op: CompareOp::NullSafeEqual, .. } => false,
        Expr::Compare { op: CompareOp::In, right, .. } => {
            matches!(&**right, Expr::Tuple(items) if items.iter().all(is_null))
        }
        Expr::Compare { op: CompareOp::NotIn, right, .. } => {
            matches!(&**right, Expr::Tuple(items) if items.iter().any(is_null))
        }
        Expr::Compare { left, right, .. } => is_null(left) || is_null(right),
        Expr::Literal(Literal::Bool(false)) => true,
        Expr::Literal(Literal::Integer(digits)) => digits.bytes().all(|digit| digit == b'0'),
        _ => false,
    }
}

pub fn is_column(expr: &Expr, name: &str) -> bool {
    matches!(expr, Expr::Column(column) if column.name.is(name))
}

/// The conjuncts as the routed text has them: the chosen IN list becomes `::__vals`, a literal on
/// the left of its column moves to the right.
pub fn routed_conjuncts(conjuncts: &[&Expr], choice: &Choice, turn: bool) -> Vec<Expr> {
    let rewrite = |(at, conjunct): (usize, &&Expr)| {
        let mut conjunct = (*conjunct).clone();
        if choice.in_conjunct == Some(at)
            && let Expr::Compare { right, .. } = &mut conjunct
            && !matches!(&**right, Expr::ListArgument(name) if name.is("dml_vals"))
        {
            **right = Expr::ListArgument(Ident::new("__vals"));
        }
        if turn {
            turn_round(&mut conjunct);
        }
        expression::drop_column_keyspaces(&mut conjunct);
        conjunct
    };
    conjuncts.iter().enumerate().map(rewrite).collect()
}

fn turn_round(conjunct: &mut Expr) {
    if let Expr::Compare { op: CompareOp::Equal, left, right, .. } = conjunct
        && !matches!(**left, Expr::Column(_))
        && matches!(**right, Expr::Column(_))
    {
        std::mem::swap(left, right);
    }
}
