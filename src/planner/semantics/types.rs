//! What is known of an expression's type without running it, and what follows for comparisons.
//!
//! The types of columns are those of the vschema; [`evaluable`] knows the rest. See
//! `semantics/typer.go`. It knows nothing of values.

use sim::sql::ast::{ArgumentType, ColumnName, Expr};

use super::super::PlanError;
use super::super::evaluable::{self, Part, Type};
use super::super::system_tables;
use super::Semantics;
use super::tables::Source;
use crate::vindex::Kind;

pub use super::super::evaluable::CONNECTION_COLLATION;

/// Whose several SELECTs are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Selects {
    OfRoute,
    OfRoutes,
}

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
            None => !self.is_of_values(expr),
            Some(ty) => is_text(ty.kind) && !ty.collation.is_some_and(|name| is_supported(&name)),
        }
    }

    pub fn collation_of(&self, expr: &Expr) -> Option<std::sync::Arc<str>> {
        match self.type_of(expr) {
            None if self.is_of_values(expr) => Some(CONNECTION_COLLATION.into()),
            ty => {
                let name = ty.filter(|ty| is_text(ty.kind))?.collation?;
                is_supported(&name).then(|| name.into())
            }
        }
    }

    /// The type of what several SELECTs give at one place; none unless each gives one. A value of
    /// the type `unknown` has no say.
    fn type_of_routes(&self, exprs: &[Expr]) -> Option<Type> {
        let mut all: Vec<Part> = Vec::new();
        for expr in exprs {
            match self.type_of(expr) {
                Some(ty) => all.insert(0, Part { ty, is_literal: false }),
                None if self.is_of_values(expr) => {}
                None => return None,
            }
        }
        if all.is_empty() { None } else { evaluable::common(&all) }
    }

    /// The same where the SELECTs are one route's, merged one by one. Where only one of two has a
    /// type, that is the type of both, and forgotten when the next one comes.
    fn type_of_route(&self, exprs: &[Expr]) -> Option<Type> {
        let own = |expr: &Expr| self.type_of(expr).filter(|ty| ty.kind != Kind::Null);
        let (first, rest) = exprs.split_first()?;
        let (mut kept, mut shown) = (own(first), own(first));
        for expr in rest {
            (kept, shown) = match (kept, own(expr)) {
                (Some(left), Some(right)) => {
                    let both = [right, left].map(|ty| Part { ty, is_literal: false });
                    let both = evaluable::common(&both);
                    (both.clone(), both)
                }
                (left, right) => (None, left.or(right)),
            };
        }
        shown
    }

    fn type_of_all(&self, exprs: &[Expr], of: Selects) -> Option<Type> {
        match of {
            Selects::OfRoutes => self.type_of_routes(exprs),
            Selects::OfRoute => self.type_of_route(exprs),
        }
    }

    pub fn all_need_weight_string(&self, exprs: &[Expr], of: Selects) -> bool {
        match self.type_of_all(exprs, of) {
            None => true,
            Some(ty) => is_text(ty.kind) && !ty.collation.is_some_and(|name| is_supported(&name)),
        }
    }

    pub fn collation_of_all(&self, exprs: &[Expr], of: Selects) -> Option<std::sync::Arc<str>> {
        let name = self.type_of_all(exprs, of).filter(|ty| is_text(ty.kind))?.collation?;
        is_supported(&name).then(|| name.into())
    }

    /// As a plan shows it behind a key: without a name where vtgate has none for it.
    pub fn shown_collation_of(&self, expr: &Expr) -> Option<std::sync::Arc<str>> {
        match self.is_of_unknown_collation(expr) {
            true => Some("".into()),
            false => self.collation_of(expr),
        }
    }

    /// An aggregate of values of unknown type has the type `unknown`, which is not text, with the
    /// connection's collation; so has a derived table's column that is one.
    fn is_of_values(&self, expr: &Expr) -> bool {
        use sim::sql::ast::AggregateKind::{AnyValue, Avg, GroupConcat, Max, Min, Sum};
        match expr {
            Expr::Aggregate(aggregate) => {
                matches!(aggregate.kind, AnyValue | Avg | GroupConcat | Max | Min | Sum)
            }
            Expr::Bound(column, number) => {
                let inner =
                    self.table(*number).derived().and_then(|it| it.column(column.name.as_str()));
                inner.is_some_and(
                    |inner| matches!(&inner.exprs[..], [only] if self.is_of_values(only)),
                )
            }
            _ => false,
        }
    }

    /// As what two values are compared: the type's name and the collation, if it is known by name;
    /// `-1` where nothing is known. See `evalengine.CoerceTypes`.
    pub fn comparison_of(&self, left: &Expr, right: &Expr) -> Result<Comparison, PlanError> {
        let binary = |kind: Kind| Ok((type_name(kind).into(), Some("binary".into())));
        let (one, other) = match (self.type_of(left), self.type_of(right)) {
            (Some(one), Some(other)) => (one, other),
            (Some(one), None) | (None, Some(one)) if is_time(one.kind) => return binary(one.kind),
            (Some(one), None) | (None, Some(one)) if is_number(one.kind) => {
                return binary(Kind::Float64);
            }
            _ => return Ok(("-1".into(), None)),
        };
        let text = |ty: &Type| is_text(ty.kind) || is_binary(ty.kind);
        let exact = |kind: Kind| kind.is_integral();
        match (&one, &other) {
            _ if text(&one) && text(&other) => {
                let kind = if one.kind == other.kind { one.kind } else { Kind::Varchar };
                let collation = match (one.collation, other.collation) {
                    (Some(one), Some(other)) if one == other => one,
                    (None, Some(_)) | (Some(_), None) | (None, None) => "binary".to_owned(),
                    (Some(one), Some(other)) => {
                        let text = format!("Illegal mix of collations ({one}) and ({other})");
                        return Err(PlanError::new(crate::key::Code::InvalidArgument, text));
                    }
                };
                let known = Some(collation.as_str().into()).filter(|_| is_supported(&collation));
                Ok((type_name(kind).into(), known))
            }
            _ if one.kind == other.kind => binary(one.kind),
            _ if is_time(one.kind) => binary(one.kind),
            _ if is_time(other.kind) => binary(other.kind),
            _ if exact(one.kind) && exact(other.kind) => {
                let signed = one.kind.is_signed() && other.kind.is_signed();
                binary(if signed { Kind::Int64 } else { Kind::Uint64 })
            }
            _ => binary(Kind::Float64),
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

fn is_text(kind: Kind) -> bool {
    matches!(kind, Kind::Text | Kind::Varchar | Kind::Char | Kind::Enum | Kind::Set)
}

/// A type's name and a collation.
pub type Comparison = (std::sync::Arc<str>, Option<std::sync::Arc<str>>);

fn is_binary(kind: Kind) -> bool {
    matches!(kind, Kind::Blob | Kind::Varbinary | Kind::Binary)
}

fn is_number(kind: Kind) -> bool {
    kind.is_integral() || matches!(kind, Kind::Decimal | Kind::Float32 | Kind::Float64)
}

fn is_time(kind: Kind) -> bool {
    matches!(kind, Kind::Date | Kind::Time | Kind::Datetime | Kind::Timestamp)
}

/// The name that the protocol gives a type.
fn type_name(kind: Kind) -> &'static str {
    use crate::vindex::value::KINDS;
    KINDS.iter().find(|(known, _)| *known == kind).map_or("NULL_TYPE", |(_, name)| name)
}
