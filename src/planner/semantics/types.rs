//! What is known of an expression's type without running it, and what follows for comparisons.
//!
//! The types of columns are those of the vschema; [`evaluable`] knows the rest. See
//! `semantics/typer.go`. It knows nothing of values.

use sim::sql::ast::{ArgumentType, ColumnName, Expr};

use super::super::evaluable::{self, Type};
use super::super::system_tables;
use super::Semantics;
use super::tables::Source;
use crate::vindex::Kind;

/// Of text that is of no column.
pub const CONNECTION_COLLATION: &str = "utf8mb4_0900_ai_ci";

impl Semantics {
    pub fn type_of(&self, expr: &Expr) -> Option<Type> {
        evaluable::type_of(expr, &|column, number| self.type_of_column(column, number))
    }

    fn type_of_column(&self, name: &ColumnName, number: u32) -> Option<Type> {
        match &self.table(number).source {
            Source::Real(real) => {
                let listed = &real.table.columns;
                let column = listed.iter().find(|column| name.name.is(&column.name))?;
                if column.kind == Kind::Null {
                    return None;
                }
                let collation = match column.collation_name.as_str() {
                    _ if !is_text(column.kind) => None,
                    // Only the server knows: vtgate has to ask it for weights.
                    "" => None,
                    named => Some(named.to_owned()),
                };
                let (size, scale) = (column.size, column.scale);
                Some(Type { kind: column.kind, collation, size, scale })
            }
            Source::Derived(derived) => {
                let column = derived.column(name.name.as_str())?;
                let mut types = column.exprs.iter().filter_map(|expr| self.type_of(expr));
                let first = types.next()?;
                types.all(|other| other == first).then_some(first)
            }
            // The two queries' types may differ, and Vitess does not look.
            Source::Recursive(_) | Source::Iteration(_) => None,
            Source::Vindex { .. } => Some(Type::new(Kind::Varbinary)),
            Source::System(table) => {
                let column = table.as_ref()?.column(name.name.as_str())?;
                let collation = is_text(column.kind).then(|| system_tables::COLLATION.to_owned());
                Some(Type { kind: column.kind, collation, size: column.size, scale: 0 })
            }
        }
    }

    /// Whether values must be compared by their weights, which only a server can tell.
    pub fn needs_weight_string(&self, expr: &Expr) -> bool {
        if matches!(expr, Expr::Literal(_)) {
            return false;
        }
        match self.type_of(expr) {
            None => !is_of_values(expr),
            Some(ty) => is_text(ty.kind) && !ty.collation.is_some_and(|name| is_supported(&name)),
        }
    }

    pub fn collation_of(&self, expr: &Expr) -> Option<std::sync::Arc<str>> {
        match self.type_of(expr) {
            None if is_of_values(expr) => Some(CONNECTION_COLLATION.into()),
            ty => {
                let name = ty.filter(|ty| is_text(ty.kind))?.collation?;
                is_supported(&name).then(|| name.into())
            }
        }
    }

    /// As a plan shows it behind a key: without a name where vtgate has none for it.
    pub fn shown_collation_of(&self, expr: &Expr) -> Option<std::sync::Arc<str>> {
        match self.is_of_unknown_collation(expr) {
            true => Some("".into()),
            false => self.collation_of(expr),
        }
    }

    /// Whether an expression is text of a collation that vtgate does not know by name.
    pub fn is_of_unknown_collation(&self, expr: &Expr) -> bool {
        let ty = self.type_of(expr).filter(|ty| is_text(ty.kind));
        ty.and_then(|ty| ty.collation).is_some_and(|name| !is_supported(&name))
    }

    /// The type that an argument for this expression is written with.
    pub fn argument_type(&self, expr: &Expr) -> Option<ArgumentType> {
        let ty = self.type_of(expr)?;
        let positive = |number: i32| u32::try_from(number).ok().filter(|number| 0 < *number);
        Some(ArgumentType {
            name: type_name(ty.kind).into(),
            size: positive(ty.size),
            scale: positive(ty.scale),
        })
    }
}

/// Whether vtgate itself can compare text of a collation: not of the character sets that it has no
/// tables for. (Derived from `go/mysql/collations/colldata`; only `big5_bin` is known from a plan.)
fn is_supported(collation: &str) -> bool {
    let charset = collation.split_once('_').map_or(collation, |(charset, _)| charset);
    !matches!(charset, "big5" | "gb2312" | "gbk" | "tis620")
}

/// An aggregate of values of unknown type has the type `unknown`, which is not text, with the
/// connection's collation.
fn is_of_values(expr: &Expr) -> bool {
    use sim::sql::ast::AggregateKind::{AnyValue, Avg, Max, Min, Sum};
    matches!(expr, Expr::Aggregate(aggregate)
        if matches!(aggregate.kind, AnyValue | Avg | Max | Min | Sum))
}

fn is_text(kind: Kind) -> bool {
    matches!(kind, Kind::Text | Kind::Varchar | Kind::Char | Kind::Enum | Kind::Set)
}

/// The name that the protocol gives a type.
fn type_name(kind: Kind) -> &'static str {
    use crate::vindex::value::KINDS;
    KINDS.iter().find(|(known, _)| *known == kind).map_or("NULL_TYPE", |(_, name)| name)
}
