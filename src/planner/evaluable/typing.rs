//! The type of an expression, as far as it is known before it runs.
//!
//! The planner needs it where vtgate compares, sorts and groups: text of a known collation needs
//! no weight string, and the argument that carries a column says its type. See
//! `planbuilder/plancontext/planning_context.go`, `TypeForExpr`, and the compiler of the
//! evalengine. A type is unknown as soon as a part's is, but for what has one type whatever its
//! parts are. It knows nothing of values.

use sim::sql::ast::{
    Aggregate, AggregateKind, ArgumentType, BinaryOp, CastType, ColumnName, Expr, Function,
    Literal, UnaryOp,
};

use super::function::{self, Outcome};
use crate::vindex::Kind;

/// A type as Vitess says it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Type {
    pub kind: Kind,
    /// MySQL's name, of texts; none where it is not known.
    pub collation: Option<String>,
    pub size: i32,
    pub scale: i32,
}

impl Type {
    pub fn new(kind: Kind) -> Type {
        Type { kind, collation: None, size: 0, scale: 0 }
    }

    pub fn text(collation: &str) -> Type {
        Type { collation: Some(collation.to_string()), ..Type::new(Kind::Varchar) }
    }
}

/// Finds the type of a column of a table by its number in the statement.
pub type ColumnTypes<'a> = &'a dyn Fn(&ColumnName, u32) -> Option<Type>;

/// Of text that is of no column.
pub const CONNECTION_COLLATION: &str = "utf8mb4_0900_ai_ci";

/// Of names that the server gives.
const SYSTEM_COLLATION: &str = "utf8mb3_general_ci";

/// The type of an expression; `column` knows those of the tables. Of an aggregate it is known only
/// where that is the whole expression: vtgate computes with none.
pub fn type_of(expr: &Expr, column: ColumnTypes<'_>) -> Option<Type> {
    match expr {
        Expr::Aggregate(aggregate) => of_aggregate(aggregate, column),
        Expr::Function(function) if function.over.is_some() => of_window_function(function, column),
        other => of_computed(other, column),
    }
}

fn of_computed(expr: &Expr, column: ColumnTypes<'_>) -> Option<Type> {
    let int = || Some(Type::new(Kind::Int64));
    let type_of = of_computed;
    let all_known = |exprs: &[&Expr]| exprs.iter().all(|expr| type_of(expr, column).is_some());
    match expr {
        Expr::Literal(literal) => Some(of_literal(literal)),
        Expr::Argument { ty, .. } => ty.as_ref().and_then(of_argument),
        Expr::ListArgument(_) => Some(Type::new(Kind::Tuple)),
        Expr::Bound(name, table) => column(name, *table),
        Expr::Tuple(items) => {
            all_known(&items.iter().collect::<Vec<_>>()).then(|| Type::new(Kind::Tuple))
        }
        Expr::And(_)
        | Expr::Or(_)
        | Expr::Xor(..)
        | Expr::Not(_)
        | Expr::Compare { .. }
        | Expr::Is { .. }
        | Expr::Between { .. } => {
            let parts = sim::sql::walk::children(expr);
            if all_known(&parts) { int() } else { None }
        }
        Expr::Binary { left, right, .. } if is_interval(left) || is_interval(right) => {
            let date = if is_interval(left) { right } else { left };
            Some(moved(&type_of(date, column)?))
        }
        Expr::Binary { op, left, right } => {
            of_binary(*op, &type_of(left, column)?, &type_of(right, column)?)
        }
        Expr::Unary { op, expr } => of_unary(*op, &type_of(expr, column)?),
        Expr::Case { operand, whens, otherwise } => {
            let conditions = whens.iter().map(|(condition, _)| condition).chain(operand.as_deref());
            if !all_known(&conditions.collect::<Vec<_>>()) {
                return None;
            }
            let results = whens.iter().map(|(_, result)| result).chain(otherwise.as_deref());
            common(&parts(results, column)?)
        }
        Expr::Interval { value, .. } => type_of(value, column),
        Expr::Cast { expr, ty, .. } => {
            type_of(expr, column)?;
            of_cast(ty)
        }
        Expr::ConvertUsing { expr, charset } => {
            type_of(expr, column)?;
            let collation = sim::collation::Collation::of_charset(charset.as_str())?;
            Some(Type::text(collation.name()))
        }
        Expr::Collate { expr, collation } => {
            let collation = collation.as_str().to_ascii_lowercase();
            let inner = type_of(expr, column)?.collation;
            let fits = inner.is_none_or(|inner| charset_of(&inner) == charset_of(&collation));
            fits.then(|| Type::text(&collation))
        }
        Expr::Trim { expr, .. } => type_of(expr, column).map(|ty| as_text(&ty)),
        Expr::Function(function) => of_function(function, column),
        _ => None,
    }
}

fn of_literal(literal: &Literal) -> Type {
    match literal {
        Literal::Null => Type::new(Kind::Null),
        Literal::Bool(_) => Type::new(Kind::Int64),
        Literal::Integer(digits) if digits.parse::<i64>().is_ok() => Type::new(Kind::Int64),
        Literal::Integer(digits) if digits.parse::<u64>().is_ok() => Type::new(Kind::Uint64),
        Literal::Integer(digits) => Type { size: length(digits), ..Type::new(Kind::Decimal) },
        Literal::Decimal(text) => {
            let scale = text.split_once('.').map_or(0, |(_, fraction)| length(fraction));
            let digits = text.bytes().filter(u8::is_ascii_digit).count();
            let size = i32::try_from(digits).unwrap_or(i32::MAX);
            Type { size, scale, ..Type::new(Kind::Decimal) }
        }
        Literal::Float(_) => Type::new(Kind::Float64),
        Literal::String(_) => Type::text(CONNECTION_COLLATION),
        Literal::HexNumber(_) | Literal::Hex(_) | Literal::Bit(_) => Type::new(Kind::Varbinary),
        Literal::Date(_) => Type::new(Kind::Date),
        Literal::Time(_) => Type::new(Kind::Time),
        Literal::Timestamp(_) => Type::new(Kind::Datetime),
        Literal::Introduced { charset, literal } => {
            let charset = charset.as_str().trim_start_matches('_');
            match sim::collation::Collation::of_charset(charset) {
                Some(sim::collation::Collation::Binary) => Type::new(Kind::Varbinary),
                Some(collation) => Type::text(collation.name()),
                None => of_literal(literal),
            }
        }
    }
}

fn length(text: &str) -> i32 {
    i32::try_from(text.len()).unwrap_or(i32::MAX)
}

fn of_argument(ty: &ArgumentType) -> Option<Type> {
    let number = |number: Option<u32>| number.and_then(|n| i32::try_from(n).ok()).unwrap_or(0);
    let kind = Kind::from_name(&ty.name)?;
    Some(Type { size: number(ty.size), scale: number(ty.scale), ..Type::new(kind) })
}

/// See `opcode.AggregateOpcode.ResolveType`. Only what is read as it is has a type here, and text
/// of it loses its collation.
fn of_aggregate(aggregate: &Aggregate, column: ColumnTypes<'_>) -> Option<Type> {
    let plain =
        |arg: &&Expr| matches!(arg, Expr::Bound(..) | Expr::Literal(_) | Expr::Argument { .. });
    let input = || aggregate.args.first().filter(plain).and_then(|arg| of_computed(arg, column));
    match aggregate.kind {
        AggregateKind::CountStar | AggregateKind::Count => Some(Type::new(Kind::Int64)),
        AggregateKind::Sum | AggregateKind::Avg => {
            let input = input()?;
            let is_exact = input.kind.is_integral() || input.kind == Kind::Decimal;
            let growth = if aggregate.kind == AggregateKind::Avg { 4 } else { 0 };
            Some(match is_exact {
                true => Type { scale: input.scale + growth, ..Type::new(Kind::Decimal) },
                false => Type::new(Kind::Float64),
            })
        }
        AggregateKind::Min | AggregateKind::Max | AggregateKind::AnyValue => {
            let input = input()?;
            let collation = input.kind.is_text().then(|| CONNECTION_COLLATION.to_owned());
            Some(Type { collation, ..input })
        }
        AggregateKind::GroupConcat => {
            let input = input()?;
            Some(match input.kind.is_binary() {
                true => Type::new(Kind::Blob),
                false => {
                    let collation = Some(CONNECTION_COLLATION.to_owned());
                    Type { collation, ..Type::new(Kind::Text) }
                }
            })
        }
        AggregateKind::BitAnd | AggregateKind::BitOr | AggregateKind::BitXor => {
            Some(Type::new(Kind::Uint64))
        }
        AggregateKind::Std
        | AggregateKind::Stddev
        | AggregateKind::StddevPop
        | AggregateKind::StddevSamp
        | AggregateKind::VarPop
        | AggregateKind::VarSamp
        | AggregateKind::Variance => Some(Type::new(Kind::Float64)),
        AggregateKind::JsonArrayAgg | AggregateKind::JsonObjectAgg => Some(Type::new(Kind::Json)),
    }
}

/// How a type takes part in arithmetic.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Number {
    Int,
    Uint,
    Decimal,
    Float,
}

fn number(ty: &Type) -> Number {
    match ty.kind {
        Kind::Null => Number::Int,
        Kind::Decimal => Number::Decimal,
        kind if kind.is_integral() && kind.is_signed() => Number::Int,
        kind if kind.is_integral() || kind == Kind::Bit => Number::Uint,
        // Times are numbers by their digits.
        Kind::Date => Number::Int,
        Kind::Datetime | Kind::Timestamp | Kind::Time if ty.size == 0 => Number::Int,
        Kind::Datetime | Kind::Timestamp | Kind::Time => Number::Decimal,
        _ => Number::Float,
    }
}

fn of_number(number: Number) -> Type {
    Type::new(match number {
        Number::Int => Kind::Int64,
        Number::Uint => Kind::Uint64,
        Number::Decimal => Kind::Decimal,
        Number::Float => Kind::Float64,
    })
}

fn of_binary(op: BinaryOp, left: &Type, right: &Type) -> Option<Type> {
    let widest = number(left).max(number(right));
    Some(match op {
        BinaryOp::Add | BinaryOp::Subtract | BinaryOp::Multiply => {
            let scale = match op {
                BinaryOp::Multiply => left.scale + right.scale,
                _ => left.scale.max(right.scale),
            };
            match widest {
                Number::Decimal => Type { scale, ..of_number(widest) },
                other => of_number(other),
            }
        }
        BinaryOp::Divide => match widest {
            Number::Float => of_number(Number::Float),
            _ => Type { scale: left.scale + 4, ..of_number(Number::Decimal) },
        },
        BinaryOp::IntegerDivide => match number(left).min(number(right)) {
            Number::Uint => of_number(Number::Uint),
            _ => of_number(Number::Int),
        },
        BinaryOp::Modulo => match widest {
            Number::Decimal | Number::Float => of_number(widest),
            _ => of_number(number(left)),
        },
        BinaryOp::BitAnd
        | BinaryOp::BitOr
        | BinaryOp::BitXor
        | BinaryOp::ShiftLeft
        | BinaryOp::ShiftRight => match (left.kind.is_binary(), right.kind.is_binary()) {
            (true, true) => Type::new(Kind::Varbinary),
            _ => of_number(Number::Uint),
        },
        BinaryOp::JsonExtract => Type::new(Kind::Json),
        BinaryOp::JsonUnquoteExtract => Type::new(Kind::Blob),
    })
}

fn of_unary(op: UnaryOp, inner: &Type) -> Option<Type> {
    Some(match op {
        UnaryOp::Plus => inner.clone(),
        UnaryOp::Minus => match number(inner) {
            Number::Uint => of_number(Number::Int),
            Number::Decimal => Type { scale: inner.scale, ..of_number(Number::Decimal) },
            other => of_number(other),
        },
        UnaryOp::Invert => of_number(Number::Uint),
        UnaryOp::Bang => of_number(Number::Int),
    })
}

fn of_cast(ty: &CastType) -> Option<Type> {
    let size = |length: Option<u32>| length.and_then(|n| i32::try_from(n).ok()).unwrap_or(0);
    let kind = match ty.name.to_ascii_lowercase().as_str() {
        "binary" => Kind::Varbinary,
        "char" | "nchar" => Kind::Varchar,
        "date" => Kind::Date,
        "datetime" => Kind::Datetime,
        "time" => Kind::Time,
        "year" => Kind::Year,
        "decimal" => Kind::Decimal,
        "double" | "real" => Kind::Float64,
        "float" => Kind::Float32,
        "json" => Kind::Json,
        "signed" | "signed integer" => Kind::Int64,
        "unsigned" | "unsigned integer" => Kind::Uint64,
        _ => return None,
    };
    let named = |charset: &sim::sql::ast::Ident| {
        let collation = sim::collation::Collation::of_charset(charset.as_str())?;
        Some(collation.name().to_string())
    };
    let collation = match &ty.charset {
        Some(charset) => named(charset),
        None => (kind == Kind::Varchar).then(|| CONNECTION_COLLATION.to_owned()),
    };
    Some(Type { kind, collation, size: size(ty.length), scale: size(ty.scale) })
}

/// See `Typer.setTypeForWindowFunction`.
fn of_window_function(function: &Function, column: ColumnTypes<'_>) -> Option<Type> {
    match function.name.as_str().to_ascii_lowercase().as_str() {
        "row_number" | "rank" | "dense_rank" | "ntile" => Some(Type::new(Kind::Int64)),
        "cume_dist" | "percent_rank" => Some(Type::new(Kind::Float64)),
        "lead" | "lag" | "first_value" | "last_value" | "nth_value" => {
            type_of(function.args.first()?, column)
        }
        _ => None,
    }
}

fn of_function(function: &Function, column: ColumnTypes<'_>) -> Option<Type> {
    let known = function::by_name(function.name.as_str())?;
    // What a weight string is made of doesn't matter.
    if known.name == "weight_string" {
        return Some(Type::new(Kind::Varbinary));
    }
    let args = parts(function.args.iter(), column)?;
    let first = || args.first().map(|part| &part.ty);
    match known.result {
        Outcome::Is(kind) => Some(Type::new(kind)),
        Outcome::Text => Some(Type::text(CONNECTION_COLLATION)),
        Outcome::Name => Some(Type::text(SYSTEM_COLLATION)),
        Outcome::Joined => Some(joined(&args)),
        Outcome::Bytewise => first().map(|ty| match ty.kind.is_text() || ty.kind.is_binary() {
            true => as_text(ty),
            false => Type::text("binary"),
        }),
        Outcome::Cased => {
            first().map(|ty| if ty.kind.is_text() { as_text(ty) } else { ty.clone() })
        }
        Outcome::LikeFirst => first().map(as_text),
        Outcome::First => first().cloned(),
        Outcome::Common => common(&args),
        Outcome::CommonOfResults => common(args.get(1..)?),
        Outcome::CommonReversed => {
            let args: Vec<Part> = args.into_iter().rev().collect();
            common(&args)
        }
        Outcome::Moved => first().map(moved),
        Outcome::TextOrTime => Some(match args.len() {
            1 => Type::new(Kind::Datetime),
            _ => Type::text(CONNECTION_COLLATION),
        }),
        Outcome::Number => first().map(|first| of_number(number(first))),
        Outcome::WholeNumber => first().map(|first| {
            of_number(match number(first) {
                Number::Decimal => Number::Int,
                other => other,
            })
        }),
        Outcome::Modulo => of_binary(BinaryOp::Modulo, first()?, &args.get(1)?.ty),
    }
}

fn as_text(ty: &Type) -> Type {
    let kind = if ty.kind.is_binary() { Kind::Varbinary } else { Kind::Varchar };
    let collation = match kind {
        Kind::Varbinary => None,
        _ if ty.kind.is_text() => ty.collation.clone(),
        _ => Some(CONNECTION_COLLATION.to_owned()),
    };
    Type { kind, collation, size: 0, scale: 0 }
}

fn is_interval(expr: &Expr) -> bool {
    matches!(expr, Expr::Interval { .. })
}

/// The type of a time to which something was added: one that is no time becomes text.
fn moved(ty: &Type) -> Type {
    match ty.kind {
        Kind::Date | Kind::Time | Kind::Datetime | Kind::Timestamp => ty.clone(),
        _ => Type::text(CONNECTION_COLLATION),
    }
}

// ---------------------------------------------------------------- several together

/// A part of an expression: its type, and whether it is written there.
#[derive(Clone, Debug)]
pub struct Part {
    pub ty: Type,
    pub is_literal: bool,
}

fn parts<'a>(exprs: impl Iterator<Item = &'a Expr>, column: ColumnTypes<'_>) -> Option<Vec<Part>> {
    let part = |expr: &Expr| {
        let ty = of_computed(expr, column)?;
        Some(Part { ty, is_literal: matches!(expr, Expr::Literal(_)) })
    };
    exprs.map(part).collect()
}

/// The type of a choice between several. See `evalengine/api_type_aggregation.go`.
pub fn common(parts: &[Part]) -> Option<Type> {
    let mut parts = parts.iter().filter(|part| part.ty.kind != Kind::Null);
    let Some(first) = parts.next() else { return Some(Type::new(Kind::Null)) };
    Some(parts.fold(first.ty.clone(), |left, right| pair(&left, right)))
}

/// Texts one behind the other; what is none doesn't count.
fn joined(parts: &[Part]) -> Type {
    let mut texts = parts.iter().filter(|part| part.ty.kind.is_text());
    let Some(first) = texts.next() else { return Type::text(CONNECTION_COLLATION) };
    texts.fold(as_text(&first.ty), |left, right| Type {
        collation: of_both(left.collation.as_deref(), right),
        ..left
    })
}

/// The collation of two texts: that of Unicode, unless a literal fits into the other. See
/// `mysql/collations/colldata/coercion.go`.
fn of_both(left: Option<&str>, right: &Part) -> Option<String> {
    let is_unicode = |name: &str| charset_of(name) == "utf8mb4";
    let (left, other) = (left?, right.ty.collation.as_deref()?);
    if left == other || is_unicode(left) {
        return Some(left.to_owned());
    }
    is_unicode(other).then(|| if right.is_literal { left } else { other }.to_owned())
}

fn charset_of(collation: &str) -> &str {
    collation.split_once('_').map_or(collation, |(charset, _)| charset)
}

fn pair(left: &Type, part: &Part) -> Type {
    let right = &part.ty;
    let is_number = |ty: &Type| {
        ty.kind.is_integral()
            || matches!(ty.kind, Kind::Decimal | Kind::Float32 | Kind::Float64 | Kind::Bit)
    };
    let is_time =
        |ty: &Type| matches!(ty.kind, Kind::Date | Kind::Time | Kind::Datetime | Kind::Timestamp);
    let collation = || match (left.kind.is_text(), right.kind.is_text()) {
        (true, true) => of_both(left.collation.as_deref(), part),
        (true, false) => left.collation.clone(),
        (false, true) => right.collation.clone(),
        (false, false) => Some(CONNECTION_COLLATION.to_owned()),
    };
    if left.kind == right.kind {
        let collation = if left.kind.is_text() { collation() } else { None };
        let (size, scale) = (left.size.max(right.size), left.scale.max(right.scale));
        return Type { kind: left.kind, collation, size, scale };
    }
    match (is_number(left), is_number(right)) {
        (true, true) => {
            let (a, b) = (number(left), number(right));
            // Signed and unsigned together fit neither.
            let is_mixed = a.min(b) == Number::Int && a.max(b) == Number::Uint;
            match is_mixed {
                true => of_number(Number::Decimal),
                false => Type { scale: left.scale.max(right.scale), ..of_number(a.max(b)) },
            }
        }
        _ if is_time(left) && is_time(right) => Type::new(Kind::Datetime),
        _ if left.kind.is_binary() || right.kind.is_binary() => Type::new(Kind::Varbinary),
        _ => Type { collation: collation(), ..Type::new(Kind::Varchar) },
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use sim::sql::ast::{Query, SelectItem, Statement};
    use sim::sql::walk::children_mut;

    fn bind(expr: &mut Expr) {
        children_mut(expr).into_iter().for_each(bind);
        if let Expr::Column(name) = expr {
            *expr = Expr::Bound(name.clone(), 0);
        }
    }

    fn check(text: &str, expected: &str) {
        let statement = sim::sql::parse(&format!("select {text} from t")).unwrap();
        let Statement::Query(Query::Select(select)) = statement else { panic!("{text}") };
        let Some(SelectItem::Expr { mut expr, .. }) = select.items.into_iter().next() else {
            panic!("{text}")
        };
        bind(&mut expr);
        let column = |name: &ColumnName, _: u32| match name.name.as_str() {
            "i" => Some(Type::new(Kind::Int16)),
            "u" => Some(Type::new(Kind::Uint32)),
            "d" => Some(Type { size: 10, scale: 2, ..Type::new(Kind::Decimal) }),
            "f" => Some(Type::new(Kind::Float32)),
            "v" => Some(Type::text("latin1_swedish_ci")),
            "b" => Some(Type::new(Kind::Varbinary)),
            _ => None,
        };
        let got = type_of(&expr, &column).map_or_else(
            || "unknown".to_string(),
            |ty| format!("{}{}", ty.kind, ty.collation.map_or(String::new(), |c| format!(" {c}"))),
        );
        assert_eq!(got, expected, "{text}");
    }

    #[test]
    fn types_follow_from_their_parts() {
        check("i", "INT16");
        check("x", "unknown");
        check("1", "INT64");
        check("18446744073709551615", "UINT64");
        check("1.5", "DECIMAL");
        check("'a'", "VARCHAR utf8mb4_0900_ai_ci");
        check("i + 1", "INT64");
        check("u + 1", "UINT64");
        check("i + d", "DECIMAL");
        check("i * f", "FLOAT64");
        check("i / 2", "DECIMAL");
        check("v + 1", "FLOAT64");
        check("x + 1", "unknown");
        check("i = 1 and v like 'a'", "INT64");
        check("x = 1", "unknown");
        check("count(x)", "INT64");
        check("sum(i)", "DECIMAL");
        check("sum(f)", "FLOAT64");
        check("sum(x)", "unknown");
        check("min(v)", "VARCHAR utf8mb4_0900_ai_ci");
        check("min(upper(v))", "unknown");
        check("count(x) + 1", "unknown");
        check("concat(v, 'a')", "VARCHAR latin1_swedish_ci");
        check("concat('a', v)", "VARCHAR utf8mb4_0900_ai_ci");
        check("ifnull(v, 'a')", "VARCHAR utf8mb4_0900_ai_ci");
        check("avg(i)", "DECIMAL");
        check("coalesce(i, 1)", "INT64");
        check("coalesce(i, u)", "DECIMAL");
        check("case when i then v else v end", "VARCHAR latin1_swedish_ci");
        check("cast(x as signed)", "unknown");
        check("cast(i as char)", "VARCHAR utf8mb4_0900_ai_ci");
        check("case when x = 1 then 1 end", "unknown");
        check("upper(v)", "VARCHAR latin1_swedish_ci");
        check("upper(b)", "VARBINARY");
        check("length(v)", "INT64");
        check("weight_string(x)", "VARBINARY");
        check("foo(i)", "unknown");
        check("v collate latin1_bin", "VARCHAR latin1_bin");
        check("v collate utf8mb4_bin", "unknown");
        check("-u", "INT64");
        check("i & 1", "UINT64");
        check("floor(d)", "INT64");
    }
}
