//! How vtgate prints what it evaluates: `Values`, `Count`, `Expressions` of a plan.
//!
//! Like SQL, with these differences: bind variables have no type behind them, binary literals show
//! their bytes, function names are in lower case. See `evalengine/format.go` and `expr_env.go`. It
//! knows nothing of plans.

use sim::sql::ast::{Expr, Ident, Literal};
use sim::sql::print::quoted;
use sim::sql::walk::children_mut;

use super::fold;

/// The text of an expression that vtgate evaluates.
pub fn text(expr: &Expr) -> String {
    match expr {
        Expr::Tuple(items) => {
            let items: Vec<String> = items.iter().map(text).collect();
            format!("({})", items.join(", "))
        }
        Expr::Literal(literal) if is_binary(literal) => match fold::constant(expr) {
            Some(value) => {
                let introducer = if is_written(literal) { "_binary" } else { "" };
                format!("{introducer}{}", quoted(&value.to_string()))
            }
            None => expr.to_string(),
        },
        other => plain(other).to_string(),
    }
}

/// The introducer of bytes that no statement wrote: the keyspace id of a pinned table.
pub const UNWRITTEN_BINARY: &str = "binary";

fn is_written(literal: &Literal) -> bool {
    !matches!(literal, Literal::Introduced { charset, .. } if charset.is(UNWRITTEN_BINARY))
}

fn is_binary(literal: &Literal) -> bool {
    match literal {
        Literal::HexNumber(_) | Literal::Hex(_) | Literal::Bit(_) => true,
        Literal::Introduced { charset, .. } => charset.is("_binary") || charset.is("binary"),
        _ => false,
    }
}

fn plain(expr: &Expr) -> Expr {
    let mut expr = expr.clone();
    make_plain(&mut expr);
    expr
}

fn make_plain(expr: &mut Expr) {
    match expr {
        Expr::Argument { ty, .. } => *ty = None,
        Expr::Function(function) => {
            function.name = Ident::new(&function.name.as_str().to_ascii_lowercase());
        }
        _ => {}
    }
    children_mut(expr).into_iter().for_each(make_plain);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::planner::evaluable::{translate, translate_over};
    use sim::sql::ast::{Query, SelectItem, Statement};

    fn expr(text: &str) -> Expr {
        let statement = sim::sql::parse(&format!("select {text} from t")).unwrap();
        let Statement::Query(Query::Select(select)) = statement else { panic!("{text}") };
        match select.items.into_iter().next() {
            Some(SelectItem::Expr { expr, .. }) => expr,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn what_vtgate_evaluates_prints_folded() {
        let check = |input: &str, expected: &str| {
            let got = translate(&expr(input));
            let got = got.map_or_else(|error| error.to_string(), |expr| text(&expr));
            assert_eq!(got, expected, "{input}");
        };
        check("1 + 1", "2");
        check("'abc'", "'abc'");
        check("null", "null");
        check("true", "1");
        check("-5", "-5");
        check("1 - 3", "-2");
        check("100.00", "100.00");
        check("5 / 2", "2.5000");
        check(":a + 1 + 1", ":a + 1 + 1");
        check(":a + (1 + 1)", ":a + 2");
        check("(:a + 1) * 2", "(:a + 1) * 2");
        check("::list", "::list");
        check("(1, 1 + 1)", "(1, 2)");
        check("(:a, 1)", "(:a, 1)");
        check("0x04", "_binary'\u{4}'");
        check("X'414243'", "_binary'ABC'");
        check("_utf8mb4 'x'", "'x'");
        check("CONCAT('a', 'b')", "'ab'");
        check("CONCAT(:a, 'b')", "concat(:a, 'b')");
        check("NOW()", "now()");
        check("case when :a = 1 then 2 else 1 + 2 end", "case when :a = 1 then 2 else 3 end");
        check("foo(1)", "expr cannot be translated, not supported: foo(1)");
        check("concat(foo(1), a)", "expr cannot be translated, not supported: foo(1)");
        check("id + 1", "cannot lookup column 'id' (column access not supported here)");
        check("foo(id)", "cannot lookup column 'id' (column access not supported here)");
        check("hex(1, 2)", "Incorrect parameter count in the call to native function 'hex'");
        check("@@sql_mode", "expr cannot be translated, not supported: @@sql_mode");
        check(
            "18446744073709551615 + 1",
            "BIGINT UNSIGNED value is out of range in '(18446744073709551615 + 1)'",
        );
    }

    #[test]
    fn a_row_holds_its_inputs() {
        let is_input = |expr: &Expr| matches!(expr, Expr::Aggregate(_) | Expr::Column(_));
        let check = |input: &str, expected: &str| {
            let got = translate_over(&expr(input), &is_input);
            let got = got.map_or_else(|error| error.to_string(), |expr| text(&expr));
            assert_eq!(got, expected, "{input}");
        };
        check("sum(a) / count(a)", "sum(a) / count(a)");
        check("least(500 + 500, sum(num))", "least(1000, sum(num))");
        check("t.a + (1 + 1)", "t.a + 2");
        check("foo(t.a)", "expr cannot be translated, not supported: foo(t.a)");
    }
}
