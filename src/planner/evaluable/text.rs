//! How vtgate prints what it evaluates: `Values`, `Count`, `Expressions` of a plan.
//!
//! Like SQL, with these differences: bind variables have no type behind them, binary literals show
//! their bytes, function names are in lower case. See `evalengine/format.go` and `expr_env.go`. It
//! knows nothing of plans.

use sim::sql::ast::{
    CastKind, ColumnName, CompareOp, Expr, Function, Ident, IsTest, Literal, UnaryOp,
};
use sim::sql::print::quoted;
use sim::sql::walk::{children, children_mut};

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
        other => plain(other),
    }
}

/// The same of one over a row: what `evaluated` takes out of the row is shown as it was written.
pub fn text_over(written: &Expr, evaluated: &Expr) -> String {
    let mut inputs = Texts::marked('\u{2}');
    let mut expr = written.clone();
    hide_inputs(&mut expr, evaluated, &mut inputs);
    inputs.put_back(text(&expr))
}

/// Puts something else in the place of every input.
fn hide_inputs(written: &mut Expr, evaluated: &Expr, inputs: &mut Texts) {
    let is_input = |expr: &Expr| {
        matches!(expr, Expr::Argument { name, .. }
            if name.as_str().bytes().all(|byte| byte.is_ascii_digit()))
    };
    if is_input(evaluated) {
        if !is_input(written) {
            *written = inputs.take(written.to_string());
        }
        return;
    }
    let parts = children_mut(written);
    let others = children(evaluated);
    if parts.len() == others.len() {
        parts.into_iter().zip(others).for_each(|(part, other)| hide_inputs(part, other, inputs));
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

/// Functions as what vtgate computes them by; choices without their `end`, as Vitess prints them.
fn plain(expr: &Expr) -> String {
    let mut expr = expr.clone();
    let mut choices = Texts::marked('\u{1}');
    make_plain(&mut expr, &mut choices);
    choices.put_back(expr.to_string())
}

/// Texts that no expression has, each with what stands in for it.
struct Texts {
    texts: Vec<String>,
    /// Tells the stand-ins of several apart.
    mark: char,
}

impl Texts {
    fn marked(mark: char) -> Texts {
        Texts { texts: Vec::new(), mark }
    }

    fn stand_in(&self, at: usize) -> ColumnName {
        ColumnName { table: None, name: Ident::new(&format!("{}{at}", self.mark)) }
    }

    /// Takes an expression's text; gives what stands in for it.
    fn take(&mut self, text: String) -> Expr {
        self.texts.push(text);
        Expr::Column(self.stand_in(self.texts.len() - 1))
    }

    /// The outer ones first: they hold the inner ones.
    fn put_back(&self, text: String) -> String {
        self.texts
            .iter()
            .enumerate()
            .rev()
            .fold(text, |text, (at, taken)| text.replace(&self.stand_in(at).to_string(), taken))
    }
}

fn make_plain(expr: &mut Expr, choices: &mut Texts) {
    // What an input gives is shown as it was written.
    if matches!(expr, Expr::Aggregate(_)) {
        return;
    }
    children_mut(expr).into_iter().for_each(|child| make_plain(child, choices));
    match expr {
        Expr::Argument { ty, .. } => *ty = None,
        Expr::Unary { op: UnaryOp::Plus, expr: inner } => *expr = (**inner).clone(),
        Expr::Between { negated, expr: of, low, high } => {
            *expr = ends_of(*negated, of, low, high);
        }
        Expr::Compare { op: CompareOp::Regexp, left, right, .. } => {
            let args = vec![(**left).clone(), (**right).clone()];
            *expr = Expr::Function(function("REGEXP_LIKE", args));
        }
        Expr::Cast { kind, ty, .. } => {
            *kind = CastKind::Convert;
            ty.name = ty.name.to_ascii_uppercase().into();
        }
        Expr::Function(function) => {
            let name = function.name.as_str().to_ascii_lowercase();
            // Two are called by what Vitess's parser names them.
            function.name = Ident::new(match name.as_str() {
                "substr" | "substring" | "mid" => "SUBSTRING",
                "json_extract" => "JSON_EXTRACT",
                other => other,
            });
            if let Some(choice) = choice_of(function) {
                *expr = choice;
            }
        }
        _ => {}
    }
    if let Expr::Case { operand, whens, .. } = expr {
        if let Some(operand) = operand.take() {
            for (condition, _) in whens {
                *condition = equal((*operand).clone(), condition.clone());
            }
        }
        let text = expr.to_string();
        *expr = choices.take(text.strip_suffix(" end").unwrap_or(&text).to_owned());
    }
}

/// A function of a choice as that choice.
fn choice_of(function: &Function) -> Option<Expr> {
    let choice = |condition: Expr, then: &Expr, otherwise: &Expr| Expr::Case {
        operand: None,
        whens: vec![(condition, then.clone())],
        otherwise: Some(Box::new(otherwise.clone())),
    };
    let is_null = |of: &Expr| Expr::Is { expr: Box::new(of.clone()), test: IsTest::Null };
    match (function.name.as_str(), &function.args[..]) {
        ("if", [condition, then, otherwise]) => {
            let condition = Expr::Is { expr: Box::new(condition.clone()), test: IsTest::True };
            Some(choice(condition, then, otherwise))
        }
        ("ifnull", [value, otherwise]) => Some(choice(is_null(value), otherwise, value)),
        ("nullif", [value, other]) => {
            let null = Expr::Literal(Literal::Null);
            Some(choice(equal(value.clone(), other.clone()), &null, value))
        }
        ("isnull", [value]) => Some(is_null(value)),
        _ => None,
    }
}

fn equal(left: Expr, right: Expr) -> Expr {
    compare(CompareOp::Equal, left, right)
}

fn compare(op: CompareOp, left: Expr, right: Expr) -> Expr {
    Expr::Compare { op, left: Box::new(left), right: Box::new(right), escape: None }
}

/// BETWEEN as the comparisons with its ends.
fn ends_of(negated: bool, of: &Expr, low: &Expr, high: &Expr) -> Expr {
    let both = |first: CompareOp, second: CompareOp| {
        vec![compare(first, of.clone(), low.clone()), compare(second, of.clone(), high.clone())]
    };
    match negated {
        true => Expr::Or(both(CompareOp::Less, CompareOp::Greater)),
        false => Expr::And(both(CompareOp::GreaterEqual, CompareOp::LessEqual)),
    }
}

fn function(name: &str, args: Vec<Expr>) -> Function {
    Function { name: Ident::new(name), qualifier: None, args, over: None }
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
        check("case when :a = 1 then 2 else 1 + 2 end", "case when :a = 1 then 2 else 3");
        check("case :a when 1 then 2 end + 1", "case when :a = 1 then 2 + 1");
        check(
            "ifnull(:a, if(:b, 1, 2))",
            "case when :a is null then case when :b is true then 1 else 2 else :a",
        );
        check("cast(:a as signed)", "convert(:a, SIGNED)");
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
