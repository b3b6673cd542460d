//! A join whose right side must not be asked with values of the left, and whose sides cannot change
//! places: both are read, and compared by vtgate.
//!
//! See `operators/hash_join.go`.

use sim::sql::ast::{CompareOp, Expr};

use super::super::PlanError;
use super::super::operator::hash_join::Comparison;
use super::super::operator::join::Kind;
use super::super::operator::{HashJoin, Operator};
use super::super::planning::Planning;

pub fn hash_join(
    planning: &Planning<'_>,
    left: Operator,
    right: Operator,
    predicates: &[Expr],
    kind: Kind,
) -> Result<Operator, PlanError> {
    let comparisons = predicates.iter().map(|it| comparison(planning, &left, &right, it));
    let comparisons = comparisons.collect::<Result<Vec<Comparison>, PlanError>>()?;
    Ok(Operator::HashJoin(Box::new(HashJoin {
        left,
        right,
        outer: !kind.is_inner(),
        comparisons,
        columns: Vec::new(),
        output: Vec::new(),
        keys: Vec::new(),
    })))
}

/// An equality of a value of each side.
fn comparison(
    planning: &Planning<'_>,
    left: &Operator,
    right: &Operator,
    predicate: &Expr,
) -> Result<Comparison, PlanError> {
    let of = |operator: &Operator, expr: &Expr| {
        planning.semantics.tables_of(expr).is_within(operator.tables())
    };
    match predicate {
        Expr::Compare {
            op: op @ (CompareOp::Equal | CompareOp::NullSafeEqual),
            left: one,
            right: other,
            ..
        } => {
            let sides = [(one, other), (other, one)];
            let fits = sides.into_iter().find(|(one, other)| of(left, one) && of(right, other));
            let (one, other) = fits.ok_or_else(|| refused(predicate))?;
            Ok(Comparison { op: *op, left: (**one).clone(), right: (**other).clone() })
        }
        _ => Err(refused(predicate)),
    }
}

fn refused(predicate: &Expr) -> PlanError {
    PlanError::unsupported(format!("can't use [{predicate}] with hash joins"))
}
