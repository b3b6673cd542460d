//! What is known of an expression before it runs: its type and its collation.

use super::Env;
use crate::collation::Collation;
use crate::sql::ast::ColumnType;
use crate::value::Value;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Null,
    Int,
    Uint,
    Decimal,
    /// FLOAT: its values are doubles, and are shown with the digits that a single has.
    Single,
    Float,
    Text,
    Bytes,
    Date,
    DateTime,
    Time,
    /// A bind or a user variable: known when it runs.
    Unknown,
}

/// A column's type as expressions feel it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ColumnKind {
    pub kind: Kind,
    /// Of texts; `binary` for everything else.
    pub collation: Collation,
    /// The collation is the connection's, whichever that is when it runs.
    pub of_connection: bool,
    /// How much the collation weighs against another one.
    pub strength: Strength,
    /// Digits behind the point, of decimals; behind the second, of times.
    pub decimals: u8,
}

impl ColumnKind {
    pub fn new(kind: Kind) -> ColumnKind {
        let collation = if kind == Kind::Text { Collation::default() } else { Collation::Binary };
        let strength = Strength::of_column(kind);
        ColumnKind { kind, collation, of_connection: false, strength, decimals: 0 }
    }

    /// Of a column that has values of both kinds: UNION.
    #[inline(never)]
    pub fn union(left: ColumnKind, right: ColumnKind) -> ColumnKind {
        Facts::union(&[Facts::of_column(left), Facts::of_column(right)]).column_kind()
    }

    /// The collation that values of this kind are sorted and grouped by.
    pub fn collation_in(&self, env: &Env) -> Collation {
        if self.of_connection { env.collation } else { self.collation }
    }

    /// A value of this kind as a text shows it.
    pub fn text_of(&self, value: Value) -> Value {
        super::cast::to_text(value, self.kind, self.decimals)
    }

    /// A value as a column of this kind has it.
    pub fn convert(&self, value: Value, env: &mut Env) -> Value {
        match self.kind {
            Kind::Decimal
            | Kind::Single
            | Kind::Float
            | Kind::Text
            | Kind::Bytes
            | Kind::DateTime => super::cast::to_kind(value, self.kind, self.decimals, env),
            _ => value,
        }
    }

    /// Of a defined column; `default` is the table's collation.
    pub fn of(ty: &ColumnType, default: Collation) -> ColumnKind {
        let kind = match &*ty.name {
            "tinyint" | "smallint" | "mediumint" | "int" | "bigint" if ty.unsigned => Kind::Uint,
            "tinyint" | "smallint" | "mediumint" | "int" | "bigint" | "year" => Kind::Int,
            "bit" => Kind::Uint,
            "decimal" => Kind::Decimal,
            "float" => Kind::Single,
            "double" => Kind::Float,
            "date" => Kind::Date,
            "datetime" | "timestamp" => Kind::DateTime,
            "time" => Kind::Time,
            "binary" | "varbinary" | "blob" | "tinyblob" | "mediumblob" | "longblob" => Kind::Bytes,
            _ => Kind::Text,
        };
        let collation = match (kind, &ty.collation, &ty.charset) {
            (Kind::Text, Some(name), _) => Collation::by_name(name.as_str()).unwrap_or(default),
            (Kind::Text, None, Some(name)) => {
                Collation::of_charset(name.as_str()).unwrap_or(default)
            }
            (Kind::Text, None, None) => default,
            _ => Collation::Binary,
        };
        let kind = if kind == Kind::Text && collation == Collation::Binary && &*ty.name != "json" {
            Kind::Bytes
        } else {
            kind
        };
        let decimals = match kind {
            Kind::Decimal => ty.scale.unwrap_or(0).min(30) as u8,
            Kind::DateTime | Kind::Time => ty.length.unwrap_or(0).min(6) as u8,
            _ => 0,
        };
        let strength = Strength::of_column(kind);
        ColumnKind { kind, collation, of_connection: false, strength, decimals }
    }
}

/// What the compiler knows of a subexpression. The lowest strength decides a comparison's
/// collation (MySQL's coercibility).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Facts {
    pub kind: Kind,
    pub decimals: u8,
    /// None: the connection's.
    pub collation: Option<Collation>,
    pub strength: Strength,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Strength {
    /// A COLLATE clause.
    Explicit,
    /// Made of texts whose collations exclude each other: it has none.
    Conflict,
    /// A column, and what is cast.
    Column,
    Literal,
    /// Numbers and NULL.
    None,
}

impl Strength {
    fn of_column(kind: Kind) -> Strength {
        match kind {
            Kind::Text | Kind::Bytes => Strength::Column,
            _ => Strength::None,
        }
    }

    /// As MySQL names it.
    pub fn name(self) -> &'static str {
        match self {
            Strength::Explicit => "EXPLICIT",
            Strength::Conflict => "NONE",
            Strength::Column => "IMPLICIT",
            Strength::Literal => "COERCIBLE",
            Strength::None => "NUMERIC",
        }
    }
}

impl Facts {
    // Where it is inlined, LLVM 22's SLP vectorizer crashes or runs out of memory.
    #[inline(never)]
    pub fn new(kind: Kind) -> Facts {
        let strength = match kind {
            Kind::Text | Kind::Bytes | Kind::Unknown => Strength::Literal,
            _ => Strength::None,
        };
        let collation = (kind == Kind::Bytes).then_some(Collation::Binary);
        Facts { kind, decimals: 0, collation, strength }
    }

    pub fn decimal(decimals: u8) -> Facts {
        Facts { decimals, ..Facts::new(Kind::Decimal) }
    }

    #[inline(never)]
    pub fn of_column(kind: ColumnKind) -> Facts {
        let text = matches!(kind.kind, Kind::Text | Kind::Bytes);
        Facts {
            kind: kind.kind,
            decimals: kind.decimals,
            collation: (text && !kind.of_connection).then_some(kind.collation),
            strength: if text { kind.strength } else { Strength::None },
        }
    }

    #[inline(never)]
    pub fn column_kind(&self) -> ColumnKind {
        let collation = match self.kind {
            Kind::Text | Kind::Unknown => self.collation.unwrap_or_default(),
            _ => Collation::Binary,
        };
        let (kind, strength, decimals) = (self.kind, self.strength, self.decimals);
        let of_connection = self.collation.is_none() && collation != Collation::Binary;
        ColumnKind { kind, collation, of_connection, strength, decimals }
    }

    /// The collation of two operands together: the stronger one's; among equals binary, then the
    /// larger character set's, then a `_bin`. Two others exclude each other. See MySQL's
    /// `DTCollation::aggregate`.
    #[inline(never)]
    pub fn collate_with(&self, other: &Facts) -> (Option<Collation>, Strength) {
        // What has no collation takes that of a column, unless it is a `_bin`.
        for (none, own) in [(self, other), (other, self)] {
            let bin = own.collation == Some(Collation::Utf8mb4Bin);
            if none.strength == Strength::Conflict && own.strength == Strength::Column && !bin {
                return (own.collation, own.strength);
            }
        }
        if self.strength != other.strength {
            let (stronger, weaker) =
                if self.strength < other.strength { (self, other) } else { (other, self) };
            // A column of the larger character set cannot become one of the smaller.
            let loses = |wide: Collation, narrow: Collation| {
                narrow.charset() == "latin1" && wide.charset() == "utf8mb4"
            };
            return match (weaker.collation, stronger.collation) {
                (Some(wide), Some(narrow))
                    if weaker.strength <= Strength::Column && loses(wide, narrow) =>
                {
                    (Some(Collation::Utf8mb4Bin), Strength::Conflict)
                }
                _ => (stronger.collation, stronger.strength),
            };
        }
        let (left, right) = match (self.collation, other.collation) {
            (Some(left), Some(right)) if left != right => (left, right),
            (left, right) => return (left.or(right), self.strength),
        };
        let wins = |a: Collation, b: Collation| {
            a == Collation::Binary || (b.charset() == "latin1" && a.charset() == "utf8mb4")
        };
        if wins(left, right) {
            return (Some(left), self.strength);
        }
        if wins(right, left) {
            return (Some(right), self.strength);
        }
        let strength = match self.strength {
            Strength::Explicit => Strength::Conflict,
            _ if left == Collation::Utf8mb4Bin || right == Collation::Utf8mb4Bin => self.strength,
            _ => Strength::Conflict,
        };
        (Some(Collation::Utf8mb4Bin), strength)
    }

    /// The type of a choice between several results (CASE, IF, COALESCE).
    #[inline(never)]
    pub fn union(all: &[Facts]) -> Facts {
        let mut result = Facts::new(Kind::Null);
        for facts in all {
            let (collation, strength) = result.collate_with(facts);
            result = Facts {
                kind: union_kind(result.kind, facts.kind),
                decimals: result.decimals.max(facts.decimals),
                collation,
                strength,
            };
        }
        result
    }
}

fn union_kind(left: Kind, right: Kind) -> Kind {
    use Kind::*;
    match (left, right) {
        (a, b) if a == b => a,
        (Null, other) | (other, Null) => other,
        (Unknown, _) | (_, Unknown) => Unknown,
        (Bytes, _) | (_, Bytes) => Bytes,
        (Text, _) | (_, Text) => Text,
        (Int, Uint) | (Uint, Int) => Decimal,
        (Decimal, Int | Uint) | (Int | Uint, Decimal) => Decimal,
        (Single, Int | Uint) | (Int | Uint, Single) => Single,
        (Float | Single, Int | Uint | Decimal) | (Int | Uint | Decimal, Float | Single) => Float,
        (Float, Single) | (Single, Float) => Float,
        (Date, DateTime) | (DateTime, Date) => DateTime,
        (Time, Date | DateTime) | (Date | DateTime, Time) => DateTime,
        _ => Text,
    }
}
