//! Whether vtgate can evaluate an expression.
//!
//! See `evalengine/translate.go`: parts before the whole, from left to right, and the first part
//! that cannot be is the one that the error names. It knows nothing of values.

use std::fmt;

use sim::sql::ast::{BinaryOp, CastType, CompareOp, Expr, Literal};
use sim::sql::walk::{children, children_mut};

use super::{fold, function};
use crate::key::Code;

/// Why vtgate cannot evaluate an expression, in its words.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Untranslatable {
    #[error("expr cannot be translated, not supported: {0}")]
    NotSupported(String),
    #[error("cannot lookup column '{0}' (column access not supported here)")]
    Column(String),
    #[error("Incorrect parameter count in the call to native function '{0}'")]
    ArgumentCount(String),
    #[error("Unsupported type conversion: {0}")]
    Conversion(String),
    /// What is constant in it has no value.
    #[error("{0}")]
    Value(String),
}

impl Untranslatable {
    pub fn code(&self) -> Code {
        match self {
            Untranslatable::NotSupported(_)
            | Untranslatable::Column(_)
            | Untranslatable::Conversion(_) => Code::Unimplemented,
            Untranslatable::ArgumentCount(_) | Untranslatable::Value(_) => Code::InvalidArgument,
        }
    }

    fn not_supported(what: &dyn fmt::Display) -> Untranslatable {
        Untranslatable::NotSupported(what.to_string())
    }
}

impl From<Untranslatable> for crate::planner::PlanError {
    fn from(error: Untranslatable) -> crate::planner::PlanError {
        crate::planner::PlanError::new(error.code(), error.to_string())
    }
}

/// The expression with its constants folded, where vtgate can evaluate it without any row.
pub fn translate(expr: &Expr) -> Result<Expr, Untranslatable> {
    let refuse = |expr: &Expr| match expr {
        Expr::Column(_) | Expr::Bound(..) => Err(Untranslatable::Column(expr.to_string())),
        _ => Ok(false),
    };
    check(expr, &refuse)?;
    folded(expr)
}

/// The same over a row: what `is_input` says is in it is there, and no column else.
pub fn translate_over(
    expr: &Expr,
    is_input: &dyn Fn(&Expr) -> bool,
) -> Result<Expr, Untranslatable> {
    let known = |expr: &Expr| match expr {
        _ if is_input(expr) => Ok(true),
        Expr::Column(_) | Expr::Bound(..) => Err(Untranslatable::Column(expr.to_string())),
        _ => Ok(false),
    };
    check(expr, &known)?;
    folded(expr)
}

type Known<'a> = &'a dyn Fn(&Expr) -> Result<bool, Untranslatable>;

fn check(expr: &Expr, known: Known<'_>) -> Result<(), Untranslatable> {
    if known(expr)? {
        return Ok(());
    }
    // A function's arguments are looked at first, whatever the function is.
    for child in children(expr) {
        check(child, known)?;
    }
    check_node(expr)
}

fn check_node(expr: &Expr) -> Result<(), Untranslatable> {
    let refused = || Err(Untranslatable::not_supported(expr));
    match expr {
        Expr::Literal(_)
        | Expr::Argument { .. }
        | Expr::ListArgument(_)
        | Expr::And(_)
        | Expr::Or(_)
        | Expr::Xor(..)
        | Expr::Not(_)
        | Expr::Is { .. }
        | Expr::Between { .. }
        | Expr::Tuple(_)
        | Expr::Case { .. }
        | Expr::ConvertUsing { .. }
        | Expr::Collate { .. }
        // Within a function of dates; it stands nowhere else.
        | Expr::Interval { .. }
        | Expr::Trim { .. } => Ok(()),
        // The pattern's escape has no place at vtgate.
        Expr::Compare { op: CompareOp::Like | CompareOp::NotLike, escape: Some(_), .. } => {
            refused()
        }
        Expr::Compare { .. } => Ok(()),
        Expr::Binary { op: BinaryOp::JsonExtract | BinaryOp::JsonUnquoteExtract, left, .. } => {
            match **left {
                Expr::Column(_) | Expr::Bound(..) => Ok(()),
                _ => Err(Untranslatable::Value(
                    "lhs of a JSON extract operator must be a column".to_string(),
                )),
            }
        }
        Expr::Binary { .. } => Ok(()),
        Expr::Unary { .. } => Ok(()),
        Expr::Cast { ty, .. } => check_cast(ty),
        Expr::Function(call) if call.over.is_none() && call.qualifier.is_none() => {
            match function::by_name(call.name.as_str()) {
                None => refused(),
                Some(known) if (known.args_min..=known.args_max).contains(&call.args.len()) => {
                    Ok(())
                }
                Some(known) => Err(Untranslatable::ArgumentCount(known.name.to_string())),
            }
        }
        _ => refused(),
    }
}

fn check_cast(ty: &CastType) -> Result<(), Untranslatable> {
    const KNOWN: &[&str] = &[
        "binary",
        "char",
        "date",
        "datetime",
        "decimal",
        "double",
        "float",
        "json",
        "nchar",
        "real",
        "signed",
        "signed integer",
        "time",
        "unsigned",
        "unsigned integer",
        "year",
    ];
    let name = ty.name.to_ascii_lowercase();
    match KNOWN.binary_search(&name.as_str()) {
        Ok(_) if !ty.array => Ok(()),
        _ => Err(Untranslatable::Conversion(ty.name.to_ascii_uppercase())),
    }
}

/// Folds whatever is constant, the largest parts first.
fn folded(expr: &Expr) -> Result<Expr, Untranslatable> {
    if let Some(literal) = folded_literal(expr) {
        return Ok(literal);
    }
    if let Some(value) = fold::evaluate(expr) {
        let value = value.map_err(|error| Untranslatable::Value(error.message.to_string()))?;
        if let Some(literal) = fold::literal(&value) {
            return Ok(literal);
        }
    }
    let mut expr = expr.clone();
    for child in children_mut(&mut expr) {
        *child = folded(child)?;
    }
    Ok(expr)
}

/// Literals stay as they are, but for those that are numbers by another name.
fn folded_literal(expr: &Expr) -> Option<Expr> {
    match expr {
        Expr::Literal(Literal::Bool(value)) => {
            let digit = if *value { "1" } else { "0" };
            Some(Expr::Literal(Literal::Integer(digit.into())))
        }
        Expr::Literal(Literal::Introduced { charset, literal })
            if !charset.is("_binary") && !charset.is("binary") =>
        {
            Some(Expr::Literal((**literal).clone()))
        }
        Expr::Literal(_) => Some(expr.clone()),
        // A tuple's items stand for themselves.
        Expr::Tuple(_) | Expr::Interval { .. } => None,
        _ => None,
    }
}
