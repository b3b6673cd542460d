//! An expression as the server prints it itself: in range errors, and in SHOW CREATE TABLE.
//!
//! Names in backquotes, parentheses around every operator.

use crate::sql::ast::{BinaryOp, ColumnName, CompareOp, Expr, IsTest, Literal, UnaryOp};

/// How a column is named.
pub type Naming<'a> = &'a dyn Fn(&ColumnName) -> String;

pub fn item_text(expr: &Expr, named: Naming<'_>) -> String {
    let item_text = |expr: &Expr| item_text(expr, named);
    let joined = |terms: &[Expr], word: &str| {
        let terms: Vec<String> = terms.iter().map(item_text).collect();
        format!("({})", terms.join(word))
    };
    match expr {
        Expr::Column(column) => named(column),
        Expr::Literal(Literal::String(text)) => {
            format!("_utf8mb4'{}'", text.replace('\\', "\\\\").replace('\'', "\\'"))
        }
        Expr::Literal(Literal::Null) => "NULL".to_string(),
        Expr::Literal(Literal::Bool(on)) => if *on { "true" } else { "false" }.to_string(),
        Expr::And(terms) => joined(terms, " and "),
        Expr::Or(terms) => joined(terms, " or "),
        Expr::Xor(left, right) => format!("({} xor {})", item_text(left), item_text(right)),
        Expr::Not(inner) | Expr::Unary { op: UnaryOp::Bang, expr: inner } => negated(inner, named),
        Expr::Compare { op, left, right, .. } => compared(*op, left, right, named),
        Expr::Is { expr, test } => {
            let test = match test {
                IsTest::Null => "is null",
                IsTest::NotNull => "is not null",
                IsTest::True => "is true",
                IsTest::NotTrue => "is not true",
                IsTest::False => "is false",
                IsTest::NotFalse => "is not false",
            };
            format!("({} {test})", item_text(expr))
        }
        Expr::Between { negated, expr, low, high } => {
            let not = if *negated { "not " } else { "" };
            let (expr, low, high) = (item_text(expr), item_text(low), item_text(high));
            format!("({expr} {not}between {low} and {high})")
        }
        Expr::Binary { op, left, right } => {
            let op = match op {
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
            };
            format!("({} {op} {})", item_text(left), item_text(right))
        }
        Expr::Unary { op: UnaryOp::Minus, expr } => format!("-({})", item_text(expr)),
        Expr::Function(call) => {
            let args: Vec<String> = call.args.iter().map(item_text).collect();
            format!("{}({})", call.name.as_str().to_ascii_lowercase(), args.join(","))
        }
        Expr::Tuple(items) => {
            let items: Vec<String> = items.iter().map(item_text).collect();
            format!("({})", items.join(","))
        }
        other => other.to_string(),
    }
}

fn negated(inner: &Expr, named: Naming<'_>) -> String {
    let item_text = |expr: &Expr| item_text(expr, named);
    match inner {
        Expr::Compare { op: op @ (CompareOp::Like | CompareOp::In), left, right, .. } => {
            let word = if *op == CompareOp::Like { "like" } else { "in" };
            format!("({} not {word} {})", item_text(left), item_text(right))
        }
        _ => format!("(0 = {})", item_text(inner)),
    }
}

fn compared(op: CompareOp, left: &Expr, right: &Expr, named: Naming<'_>) -> String {
    let item_text = |expr: &Expr| item_text(expr, named);
    format!("({} {} {})", item_text(left), symbol(op), item_text(right))
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
