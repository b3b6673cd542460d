//! Constant expressions and their values.
//!
//! See `evalengine/translate_simplify.go`. It knows nothing of what vtgate cannot translate.

use sim::eval::{Env, NoColumns, Program};
use sim::sql::ast::{Expr, Function, Literal, UnaryOp};
use sim::sql::walk::children;
use sim::sql_error::SqlError;
use sim::value::Value;

use super::function::{self, Determinism};

/// The value of an expression that depends on no row, no bind variable, no session; none where it
/// has none that is known before it runs.
pub fn constant(expr: &Expr) -> Option<Value> {
    evaluate(expr)?.ok()
}

/// The same, with the error that evaluation ends in.
pub(super) fn evaluate(expr: &Expr) -> Option<Result<Value, SqlError>> {
    if !is_constant(expr) {
        return None;
    }
    let program = Program::compile(expr, &NoColumns).ok()?;
    // Nothing constant asks for the time.
    let mut env = Env::new(jiff::civil::DateTime::default());
    Some(program.run(&[], &mut env))
}

/// Whether nothing but literals has a say.
pub(super) fn is_constant(expr: &Expr) -> bool {
    let is_pure = match expr {
        Expr::Literal(_)
        | Expr::And(_)
        | Expr::Or(_)
        | Expr::Xor(..)
        | Expr::Not(_)
        | Expr::Compare { .. }
        | Expr::Is { .. }
        | Expr::Between { .. }
        | Expr::Binary { .. }
        | Expr::Unary { .. }
        | Expr::Tuple(_)
        | Expr::Case { .. }
        | Expr::Cast { .. }
        | Expr::ConvertUsing { .. }
        | Expr::Collate { .. }
        | Expr::Interval { .. }
        | Expr::Trim { .. } => true,
        Expr::Function(function) => is_pure(function),
        _ => false,
    };
    is_pure && children(expr).into_iter().all(is_constant)
}

fn is_pure(function: &Function) -> bool {
    function.qualifier.is_none()
        && function.over.is_none()
        && function::by_name(function.name.as_str())
            .is_some_and(|known| known.determinism == Determinism::Pure)
}

/// A value as a literal; none for what no literal says as exactly (times).
pub(super) fn literal(value: &Value) -> Option<Expr> {
    let number =
        |text: String, literal: fn(std::sync::Arc<str>) -> Literal| match text.strip_prefix('-') {
            Some(digits) => Expr::Unary {
                op: UnaryOp::Minus,
                expr: Box::new(Expr::Literal(literal(digits.into()))),
            },
            None => Expr::Literal(literal(text.as_str().into())),
        };
    match value {
        Value::Null => Some(Expr::Literal(Literal::Null)),
        Value::Int(_) | Value::Uint(_) => Some(number(value.to_string(), Literal::Integer)),
        Value::Decimal(_) => Some(number(value.to_string(), Literal::Decimal)),
        Value::Float(_) => Some(number(value.to_string(), Literal::Float)),
        Value::Text(text) => Some(Expr::Literal(Literal::String(text.clone()))),
        Value::Bytes(bytes) => {
            let digits = crate::key::hex::encode(bytes);
            Some(Expr::Literal(Literal::Hex(digits.as_str().into())))
        }
        Value::Date(_) | Value::DateTime(_) | Value::Time(_) => None,
    }
}
