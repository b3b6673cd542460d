//! What is known of an expression's type without running it.
//!
//! Vitess knows the types of columns that the vschema lists, of literals, of arguments that it made
//! itself and of aggregates over these; nothing else. See `semantics/typer.go`.
//!
//! It knows nothing of values.

use sim::sql::ast::{Aggregate, AggregateKind, ArgumentType, Expr, Literal};

use super::Semantics;
use super::tables::Source;
use crate::vindex::Kind;
use crate::vindex::value::KINDS;

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Type {
    pub kind: Kind,
    /// Of text alone.
    pub collation: Option<String>,
    pub size: i32,
    pub scale: i32,
}

impl Type {
    pub fn of_kind(kind: Kind) -> Type {
        Type { kind, collation: None, size: 0, scale: 0 }
    }

    /// The name that the protocol gives it.
    pub fn name(&self) -> &'static str {
        KINDS.iter().find(|(kind, _)| *kind == self.kind).map_or("NULL_TYPE", |(_, name)| name)
    }

    pub fn is_text(&self) -> bool {
        matches!(self.kind, Kind::Text | Kind::Varchar | Kind::Char | Kind::Enum | Kind::Set)
    }
}

impl Semantics {
    pub fn type_of(&self, expr: &Expr) -> Option<Type> {
        match expr {
            Expr::Bound(column, number) => self.type_of_column(column.name.as_str(), *number),
            Expr::Literal(literal) => Some(type_of_literal(literal)),
            Expr::Argument { ty: Some(ty), .. } => {
                let kind = KINDS.iter().find(|(_, name)| **name == *ty.name)?.0;
                Some(Type::of_kind(kind))
            }
            Expr::Aggregate(aggregate) => self.type_of_aggregate(aggregate),
            Expr::Function(function) if function.name.is("weight_string") => {
                Some(Type::of_kind(Kind::Varbinary))
            }
            _ => None,
        }
    }

    fn type_of_column(&self, name: &str, number: u32) -> Option<Type> {
        match &self.table(number).source {
            Source::Real(real) => {
                let listed = &real.table.columns;
                let column = listed.iter().find(|c| c.name.eq_ignore_ascii_case(name))?;
                if column.kind == Kind::Null {
                    return None;
                }
                let mut ty = Type {
                    kind: column.kind,
                    collation: None,
                    size: column.size,
                    scale: column.scale,
                };
                if ty.is_text() {
                    let named = column.collation_name.as_str();
                    let default = "utf8mb4_0900_ai_ci";
                    ty.collation = Some(if named.is_empty() { default } else { named }.to_owned());
                }
                Some(ty)
            }
            Source::Derived(derived) => {
                let mut types = derived.column(name)?.exprs.iter().filter_map(|e| self.type_of(e));
                let first = types.next()?;
                types.all(|other| other == first).then_some(first)
            }
            Source::Vindex { .. } => Some(Type::of_kind(Kind::Varbinary)),
            Source::System => None,
        }
    }

    fn type_of_aggregate(&self, aggregate: &Aggregate) -> Option<Type> {
        let argument = || aggregate.args.first().and_then(|argument| self.type_of(argument));
        match aggregate.kind {
            AggregateKind::Count | AggregateKind::CountStar => Some(Type::of_kind(Kind::Int64)),
            AggregateKind::Min | AggregateKind::Max | AggregateKind::AnyValue => argument(),
            AggregateKind::Sum | AggregateKind::Avg => {
                let exact = argument()?.kind;
                let exact = exact.is_integral() || exact == Kind::Decimal;
                Some(Type::of_kind(if exact { Kind::Decimal } else { Kind::Float64 }))
            }
            AggregateKind::GroupConcat => {
                let kind = argument()?.kind;
                let binary = matches!(kind, Kind::Blob | Kind::Varbinary | Kind::Binary);
                let mut ty = Type::of_kind(if binary { Kind::Blob } else { Kind::Text });
                ty.collation = (!binary).then(|| "utf8mb4_0900_ai_ci".to_owned());
                Some(ty)
            }
            _ => None,
        }
    }

    /// Whether values must be compared by their weights, which only a server can tell.
    pub fn needs_weight_string(&self, expr: &Expr) -> bool {
        if matches!(expr, Expr::Literal(_)) {
            return false;
        }
        match self.type_of(expr) {
            None => true,
            Some(ty) => ty.is_text() && ty.collation.is_none(),
        }
    }

    pub fn collation_of(&self, expr: &Expr) -> Option<std::sync::Arc<str>> {
        self.type_of(expr)?.collation.map(Into::into)
    }

    /// The type that an argument for this expression is written with.
    pub fn argument_type(&self, expr: &Expr) -> Option<ArgumentType> {
        let ty = self.type_of(expr)?;
        let positive = |number: i32| u32::try_from(number).ok().filter(|number| 0 < *number);
        Some(ArgumentType {
            name: ty.name().into(),
            size: positive(ty.size),
            scale: positive(ty.scale),
        })
    }
}

fn type_of_literal(literal: &Literal) -> Type {
    let kind = match literal {
        Literal::Null => Kind::Null,
        Literal::Bool(_) | Literal::Integer(_) => Kind::Int64,
        Literal::Decimal(_) => Kind::Decimal,
        Literal::Float(_) => Kind::Float64,
        Literal::String(_) => Kind::Varchar,
        Literal::HexNumber(_) => Kind::Hexnum,
        Literal::Hex(_) => Kind::Hexval,
        Literal::Bit(_) => Kind::Bitnum,
        Literal::Date(_) => Kind::Date,
        Literal::Time(_) => Kind::Time,
        Literal::Timestamp(_) => Kind::Datetime,
        Literal::Introduced { literal, .. } => return type_of_literal(literal),
    };
    let collation = (kind == Kind::Varchar).then(|| "utf8mb4_0900_ai_ci".to_owned());
    Type { kind, collation, size: 0, scale: 0 }
}
