//! An expression as the server prints it itself: in range errors, and in SHOW CREATE TABLE.
//!
//! Names in backquotes, parentheses around every operator.

use crate::sql::ast::{
    BinaryOp, CastType, ColumnName, CompareOp, Expr, Function, IsTest, Literal, TrimSide, UnaryOp,
};

/// How a column is named.
pub type Naming<'a> = &'a dyn Fn(&ColumnName) -> String;

pub fn item_text(expr: &Expr, named: Naming<'_>) -> String {
    let item_text = |expr: &Expr| item_text(expr, named);
    let listed = |items: &[Expr]| {
        let items: Vec<String> = items.iter().map(item_text).collect();
        items.join(",")
    };
    match expr {
        Expr::Column(column) => named(column),
        Expr::Literal(literal) => literal_text(literal),
        Expr::And(terms) => joined(terms, " and ", &|term| {
            let text = condition(term, named);
            // The columns of a row join the terms before it.
            match is_row_equality(term) && !std::ptr::eq(term, &terms[0]) {
                true => text[1..text.len() - 1].to_string(),
                false => text,
            }
        }),
        Expr::Or(terms) => joined(terms, " or ", &|term| condition(term, named)),
        Expr::Xor(left, right) => {
            format!("({} xor {})", condition(left, named), condition(right, named))
        }
        Expr::Not(inner) | Expr::Unary { op: UnaryOp::Bang, expr: inner } => negated(inner, named),
        Expr::Compare { op: CompareOp::NotLike, left, right, .. } => {
            format!("(not(({} like {})))", item_text(left), item_text(right))
        }
        Expr::Compare { op, left, right, .. } => compared(*op, left, right, named),
        Expr::Is { expr, test } => {
            let (test, is_null) = match test {
                IsTest::Null => ("is null", true),
                IsTest::NotNull => ("is not null", true),
                IsTest::True => ("is true", false),
                IsTest::NotTrue => ("is not true", false),
                IsTest::False => ("is false", false),
                IsTest::NotFalse => ("is not false", false),
            };
            let expr = if is_null { item_text(expr) } else { condition(expr, named) };
            format!("({expr} {test})")
        }
        Expr::Between { negated, expr, low, high } => {
            let not = if *negated { "not " } else { "" };
            let (expr, low, high) = (item_text(expr), item_text(low), item_text(high));
            format!("({expr} {not}between {low} and {high})")
        }
        Expr::Binary { op, left, right } => {
            format!("({} {} {})", item_text(left), operator(*op), item_text(right))
        }
        Expr::Interval { value, unit } => {
            format!("interval {} {}", item_text(value), unit.0.to_ascii_lowercase())
        }
        Expr::Unary { op: UnaryOp::Minus, expr } => format!("-({})", item_text(expr)),
        Expr::Unary { op: UnaryOp::Invert, expr } => format!("~({})", item_text(expr)),
        Expr::Collate { expr, collation } => {
            format!("({} collate {})", item_text(expr), collation.as_str().to_ascii_lowercase())
        }
        Expr::Cast { expr, ty, .. } => format!("cast({} as {})", item_text(expr), cast_text(ty)),
        Expr::ConvertUsing { expr, charset } => {
            format!("convert({} using {})", item_text(expr), charset.as_str())
        }
        Expr::Case { operand, whens, otherwise } => {
            let mut text = String::from("(case ");
            text.extend(operand.as_ref().map(|operand| item_text(operand) + " "));
            for (when, then) in whens {
                text.push_str(&format!("when {} then {} ", item_text(when), item_text(then)));
            }
            text.extend(otherwise.as_ref().map(|value| format!("else {} ", item_text(value))));
            text + "end)"
        }
        Expr::Extract { unit, expr } => {
            format!("extract({} from {})", unit.0.to_ascii_lowercase(), item_text(expr))
        }
        Expr::Trim { side, what, expr } => {
            let side = match side {
                Some(TrimSide::Leading) => "leading ",
                Some(TrimSide::Trailing) => "trailing ",
                Some(TrimSide::Both) => "both ",
                None => "",
            };
            match what {
                Some(what) => format!("trim({side}{} from {})", item_text(what), item_text(expr)),
                None => format!("trim({})", item_text(expr)),
            }
        }
        Expr::Function(call) => called(call, named),
        Expr::Tuple(items) => format!("({})", listed(items)),
        other => other.to_string(),
    }
}

fn joined(terms: &[Expr], word: &str, text: &dyn Fn(&Expr) -> String) -> String {
    let terms: Vec<String> = terms.iter().map(text).collect();
    format!("({})", terms.join(word))
}

fn literal_text(literal: &Literal) -> String {
    match literal {
        Literal::String(text) => {
            format!("_utf8mb4'{}'", text.replace('\\', "\\\\").replace('\'', "\\'"))
        }
        Literal::Null => "NULL".to_string(),
        Literal::Bool(on) => if *on { "true" } else { "false" }.to_string(),
        Literal::Hex(digits) => format!("0x{}", digits.to_ascii_lowercase()),
        other => Expr::Literal(other.clone()).to_string(),
    }
}

/// What AND and OR join: a value that is none of a condition is compared with zero.
fn condition(expr: &Expr, named: Naming<'_>) -> String {
    match is_condition(expr) {
        true => item_text(expr, named),
        false => format!("(0 <> {})", item_text(expr, named)),
    }
}

/// Is an expression true or false by what it is?
pub fn is_condition(expr: &Expr) -> bool {
    match expr {
        Expr::Function(call) => call.name.is("isnull") || call.name.is("is_ipv4"),
        Expr::And(_) | Expr::Or(_) | Expr::Xor(..) | Expr::Not(_) => true,
        Expr::Compare { .. } | Expr::Is { .. } | Expr::Between { .. } => true,
        Expr::Unary { op: UnaryOp::Bang, .. } | Expr::Exists(_) | Expr::Quantified { .. } => true,
        Expr::Literal(Literal::Bool(_)) => true,
        _ => false,
    }
}

/// NOT is no operator where its opposite can be said.
fn negated(inner: &Expr, named: Naming<'_>) -> String {
    let opposite = |op: CompareOp| {
        Some(match op {
            CompareOp::Equal => CompareOp::NotEqual,
            CompareOp::NotEqual => CompareOp::Equal,
            CompareOp::Less => CompareOp::GreaterEqual,
            CompareOp::LessEqual => CompareOp::Greater,
            CompareOp::Greater => CompareOp::LessEqual,
            CompareOp::GreaterEqual => CompareOp::Less,
            CompareOp::In => CompareOp::NotIn,
            CompareOp::NotIn => CompareOp::In,
            CompareOp::NotLike => CompareOp::Like,
            _ => return None,
        })
    };
    match inner {
        Expr::Compare { op, left, right, .. } => match opposite(*op) {
            Some(op) => compared(op, left, right, named),
            None => format!("(not({}))", item_text(inner, named)),
        },
        Expr::Between { negated, expr, low, high } => {
            let (expr, low, high) = (expr.clone(), low.clone(), high.clone());
            item_text(&Expr::Between { negated: !negated, expr, low, high }, named)
        }
        Expr::Is { expr, test } => {
            let test = match test {
                IsTest::Null => IsTest::NotNull,
                IsTest::NotNull => IsTest::Null,
                IsTest::True => IsTest::NotTrue,
                IsTest::NotTrue => IsTest::True,
                IsTest::False => IsTest::NotFalse,
                IsTest::NotFalse => IsTest::False,
            };
            item_text(&Expr::Is { expr: expr.clone(), test }, named)
        }
        Expr::And(terms) => joined(terms, " or ", &|term| negated(term, named)),
        Expr::Or(terms) => joined(terms, " and ", &|term| negated(term, named)),
        Expr::Xor(left, right) => {
            format!("({} xor {})", negated(left, named), condition(right, named))
        }
        Expr::Not(inner) | Expr::Unary { op: UnaryOp::Bang, expr: inner } => {
            condition(inner, named)
        }
        other => format!("(0 = {})", item_text(other, named)),
    }
}

/// A row is compared column by column.
fn compared(op: CompareOp, left: &Expr, right: &Expr, named: Naming<'_>) -> String {
    if let (Expr::Tuple(left), Expr::Tuple(right)) = (left, right)
        && matches!(op, CompareOp::Equal | CompareOp::NotEqual)
        && 1 < left.len()
        && left.len() == right.len()
    {
        let pairs: Vec<String> =
            left.iter().zip(right).map(|(left, right)| compared(op, left, right, named)).collect();
        let word = if op == CompareOp::Equal { " and " } else { " or " };
        return format!("({})", pairs.join(word));
    }
    format!("({} {} {})", item_text(left, named), symbol(op), item_text(right, named))
}

fn is_row_equality(expr: &Expr) -> bool {
    matches!(expr, Expr::Compare { op: CompareOp::Equal, left, right, .. }
        if matches!((&**left, &**right), (Expr::Tuple(left), Expr::Tuple(right))
            if 1 < left.len() && left.len() == right.len()))
}

fn operator(op: BinaryOp) -> &'static str {
    match op {
        BinaryOp::Add => "+",
        BinaryOp::Subtract => "-",
        BinaryOp::Multiply => "*",
        BinaryOp::Divide => "/",
        BinaryOp::IntegerDivide => "DIV",
        BinaryOp::Modulo => "%",
        BinaryOp::BitAnd => "&",
        BinaryOp::BitOr => "|",
        BinaryOp::BitXor => "^",
        BinaryOp::ShiftLeft => "<<",
        BinaryOp::ShiftRight => ">>",
        BinaryOp::JsonExtract => "->",
        BinaryOp::JsonUnquoteExtract => "->>",
    }
}

fn cast_text(ty: &CastType) -> String {
    let name = ty.name.to_ascii_lowercase();
    let length = |text: &str| match (ty.length, ty.scale) {
        (Some(length), Some(scale)) => format!("{text}({length},{scale})"),
        (Some(length), None) => format!("{text}({length})"),
        (None, _) => text.to_string(),
    };
    match &*name {
        "binary" => length("char") + " charset binary",
        "char" => {
            let charset = ty.charset.as_ref().map_or("utf8mb4", |charset| charset.as_str());
            length("char") + " charset " + charset
        }
        "decimal" if ty.length.is_none() => "decimal(10,0)".to_string(),
        "decimal" if ty.scale.is_none() => {
            format!("decimal({},0)", ty.length.unwrap_or(10))
        }
        other => length(other),
    }
}

/// A call under the name that the server has for it.
fn called(call: &Function, named: Naming<'_>) -> String {
    let item_text = |expr: &Expr| item_text(expr, named);
    let name = call.name.as_str().to_ascii_lowercase();
    let args: Vec<String> = call.args.iter().map(item_text).collect();
    match (&*name, &args[..]) {
        ("date_add" | "adddate", [base, interval]) if interval.starts_with("interval ") => {
            format!("({base} + {interval})")
        }
        ("date_sub" | "subdate", [base, interval]) if interval.starts_with("interval ") => {
            format!("({base} - {interval})")
        }
        ("adddate", [base, days]) => format!("({base} + interval {days} day)"),
        ("subdate", [base, days]) => format!("({base} - interval {days} day)"),
        ("mod", [left, right]) => format!("({left} % {right})"),
        ("datediff", [left, right]) => format!("(to_days({left}) - to_days({right}))"),
        ("week", [date]) => format!("week({date},0)"),
        ("timestampdiff" | "timestampadd", [unit, rest @ ..]) => match &call.args[0] {
            Expr::Column(unit) => {
                let unit = unit.name.as_str().to_ascii_uppercase();
                format!("{name}({unit},{})", rest.join(","))
            }
            _ => format!("{name}({unit},{})", rest.join(",")),
        },
        _ => {
            let name = match &*name {
                "substring" | "mid" => "substr",
                "position" => "locate",
                "lcase" => "lower",
                "ucase" => "upper",
                "power" => "pow",
                "ceil" => "ceiling",
                "character_length" => "char_length",
                "octet_length" => "length",
                "day" => "dayofmonth",
                "sha1" => "sha",
                other => other,
            };
            format!("{name}({})", args.join(","))
        }
    }
}

/// How an operator is written.
pub fn symbol(op: CompareOp) -> &'static str {
    match op {
        CompareOp::Equal => "=",
        CompareOp::NotEqual => "<>",
        CompareOp::Less => "<",
        CompareOp::Greater => ">",
        CompareOp::LessEqual => "<=",
        CompareOp::GreaterEqual => ">=",
        CompareOp::NullSafeEqual => "<=>",
        CompareOp::In => "in",
        CompareOp::NotIn => "not in",
        CompareOp::Like => "like",
        CompareOp::NotLike => "not like",
        CompareOp::Regexp => "regexp",
        CompareOp::NotRegexp => "not regexp",
    }
}

/// A name in backquotes.
pub fn backquoted(name: &str) -> String {
    format!("`{}`", name.replace('`', "``"))
}
