//! A compiled expression and its run.

use std::cmp::Ordering;
use std::sync::Arc;

use super::arithmetic;
use super::cast::{self, Target};
use super::compare::{compare, equal};
use super::function::Function;
use super::like::like;
use super::number::{self, Number, number, truth};
use super::temporal::{self, Interval};
use super::{Env, Kind};
use crate::collation::Collation;
use crate::sql::ast::{BinaryOp, CompareOp, IsTest, VariableScope};
use crate::sql_error::SqlError;
use crate::value::{Bind, Row, Value};

/// None stands for the connection's collation.
pub type Collated = Option<Collation>;

#[derive(Clone, Debug)]
pub enum Node {
    Constant(Value),
    Column(usize),
    Argument(Arc<str>),
    UserVariable(Arc<str>),
    SystemVariable {
        scope: Option<VariableScope>,
        name: Arc<str>,
    },
    Assign {
        name: Arc<str>,
        value: Box<Node>,
    },
    And(Vec<Node>),
    Or(Vec<Node>),
    Xor(Box<Node>, Box<Node>),
    Not(Box<Node>),
    /// Operands are rows of the same width; most are one value wide.
    Compare {
        op: CompareOp,
        left: Vec<Node>,
        right: Vec<Node>,
        collations: Vec<Collated>,
    },
    In {
        negated: bool,
        left: Vec<Node>,
        items: Items,
        collations: Vec<Collated>,
    },
    Like {
        negated: bool,
        text: Box<Node>,
        pattern: Box<Node>,
        escape: Option<Box<Node>>,
        collation: Collated,
    },
    Is {
        expr: Box<Node>,
        test: IsTest,
    },
    Between {
        negated: bool,
        expr: Box<Node>,
        low: Box<Node>,
        high: Box<Node>,
        collations: [Collated; 2],
    },
    Arithmetic {
        op: BinaryOp,
        left: Box<Node>,
        right: Box<Node>,
        text: Arc<str>,
    },
    Bits {
        op: BinaryOp,
        left: Box<Node>,
        right: Box<Node>,
    },
    Negate {
        expr: Box<Node>,
        text: Arc<str>,
    },
    Invert(Box<Node>),
    Case {
        operand: Option<Box<Node>>,
        whens: Vec<(Node, Node)>,
        otherwise: Box<Node>,
        collation: Collated,
    },
    Coalesce(Vec<Node>),
    NullIf {
        left: Box<Node>,
        right: Box<Node>,
        collation: Collated,
    },
    /// The result of a choice in the type of all of its branches.
    Unify {
        expr: Box<Node>,
        kind: Kind,
        decimals: u8,
    },
    /// As a text shows a value of a kind.
    AsText {
        expr: Box<Node>,
        kind: Kind,
        decimals: u8,
    },
    Call {
        function: &'static Function,
        args: Vec<Node>,
        collation: Collated,
    },
    Cast {
        expr: Box<Node>,
        target: Target,
    },
    AddInterval {
        base: Box<Node>,
        value: Box<Node>,
        unit: Arc<str>,
        subtract: bool,
    },
    Extract {
        unit: Arc<str>,
        expr: Box<Node>,
    },
    /// A column of a subquery's one row.
    Subquery(usize, usize),
    Exists(usize),
    /// `x < all (select ..)`.
    Quantified {
        op: CompareOp,
        left: Vec<Node>,
        all: bool,
        id: usize,
        collations: Vec<Collated>,
    },
}

/// The right side of IN.
#[derive(Clone, Debug)]
pub enum Items {
    Rows(Vec<Vec<Node>>),
    Argument(Arc<str>),
    Subquery(usize),
}

impl Node {
    pub fn run(&self, row: &[Value], env: &mut Env) -> Result<Value, SqlError> {
        match self {
            Node::Constant(value) => Ok(value.clone()),
            Node::Column(offset) => {
                row.get(*offset).cloned().ok_or_else(|| missing_column(*offset))
            }
            Node::Argument(name) => argument(name, env),
            Node::UserVariable(name) => {
                Ok(env.user_variables.get(name).cloned().unwrap_or(Value::Null))
            }
            Node::SystemVariable { scope, name } => env.system_variable(*scope, name),
            Node::Assign { name, value } => {
                let value = value.run(row, env)?;
                env.user_variables.insert(name.clone(), value.clone());
                Ok(value)
            }
            Node::And(terms) => all_of(terms, false, row, env),
            Node::Or(terms) => all_of(terms, true, row, env),
            Node::Xor(left, right) => {
                let left = left.run(row, env)?;
                let right = right.run(row, env)?;
                let sides = (truth(&left, env), truth(&right, env));
                Ok(boolean(sides.0.zip(sides.1).map(|(a, b)| a != b)))
            }
            Node::Not(expr) => {
                let value = expr.run(row, env)?;
                Ok(boolean(truth(&value, env).map(|truth| !truth)))
            }
            Node::Compare { op, left, right, collations } => {
                let left = run_all(left, row, env)?;
                // MySQL does not look at the right side then.
                if matches!(left[..], [Value::Null]) && *op != CompareOp::NullSafeEqual {
                    return Ok(Value::Null);
                }
                let right = run_all(right, row, env)?;
                Ok(boolean(compare_rows(*op, &left, &right, collations, env)))
            }
            Node::In { negated, left, items, collations } => {
                let left = run_all(left, row, env)?;
                if matches!((&left[..], items), ([Value::Null], Items::Rows(_))) {
                    return Ok(Value::Null);
                }
                let found = items.contain(&left, collations, row, env)?;
                Ok(boolean(found.map(|found| found != *negated)))
            }
            Node::Like { negated, text, pattern, escape, collation } => {
                let text = text.run(row, env)?;
                if text.is_null() {
                    return Ok(Value::Null);
                }
                let pattern = pattern.run(row, env)?;
                let escape = escape.as_ref().map(|escape| escape.run(row, env)).transpose()?;
                Ok(boolean(
                    matches_like(&text, &pattern, escape.as_ref(), *collation, env)?
                        .map(|found| found != *negated),
                ))
            }
            Node::Is { expr, test } => {
                let value = expr.run(row, env)?;
                let holds = match test {
                    IsTest::Null => value.is_null(),
                    IsTest::NotNull => !value.is_null(),
                    IsTest::True => truth(&value, env) == Some(true),
                    IsTest::NotTrue => truth(&value, env) != Some(true),
                    IsTest::False => truth(&value, env) == Some(false),
                    IsTest::NotFalse => truth(&value, env) != Some(false),
                };
                Ok(boolean(Some(holds)))
            }
            Node::Between { negated, expr, low, high, collations } => {
                let value = expr.run(row, env)?;
                if value.is_null() {
                    return Ok(Value::Null);
                }
                let low = low.run(row, env)?;
                let high = high.run(row, env)?;
                let collations = collations.map(|collation| collation.unwrap_or(env.collation));
                let above = compare(&low, &value, collations[0], env).map(Ordering::is_le);
                let below = compare(&value, &high, collations[1], env).map(Ordering::is_le);
                Ok(boolean(and(above, below).map(|within| within != *negated)))
            }
            Node::Arithmetic { .. } | Node::Negate { .. } => match self.quick(row) {
                Some(result) => Ok(result),
                None => Ok(self.number(row, env)?.map_or(Value::Null, Number::into_value)),
            },
            Node::Bits { op, left, right } => {
                let left = left.run(row, env)?;
                let right = right.run(row, env)?;
                let sides = (number::integer(&left, env), number::integer(&right, env));
                Ok(match sides {
                    (Some(left), Some(right)) => Value::Uint(arithmetic::bits(*op, left, right)),
                    _ => Value::Null,
                })
            }
            Node::Invert(expr) => {
                let value = expr.run(row, env)?;
                let number = number::integer(&value, env);
                Ok(number.map_or(Value::Null, |n| Value::Uint(!arithmetic::to_bits(n))))
            }
            Node::Case { operand, whens, otherwise, collation } => {
                let chosen = chosen(operand.as_deref(), whens, otherwise, *collation, row, env)?;
                chosen.run(row, env)
            }
            Node::Coalesce(args) => {
                for arg in args {
                    let value = arg.run(row, env)?;
                    if !value.is_null() {
                        return Ok(value);
                    }
                }
                Ok(Value::Null)
            }
            Node::NullIf { left, right, collation } => {
                let left = left.run(row, env)?;
                let right = right.run(row, env)?;
                let collation = collation.unwrap_or(env.collation);
                let same = compare(&left, &right, collation, env) == Some(Ordering::Equal);
                Ok(if same { Value::Null } else { left })
            }
            Node::Unify { expr, kind, decimals } => {
                let value = expr.run(row, env)?;
                Ok(cast::to_kind(value, *kind, *decimals, env))
            }
            Node::AsText { expr, kind, decimals } => {
                Ok(cast::to_text(expr.run(row, env)?, *kind, *decimals))
            }
            Node::Call { function, args, collation } => {
                let args = run_all(args, row, env)?;
                if function.null_in_null_out && args.iter().any(Value::is_null) {
                    return Ok(Value::Null);
                }
                let collation = collation.unwrap_or(env.collation);
                (function.run)(&args, collation, env)
            }
            Node::Cast { expr, target } => {
                let value = expr.run(row, env)?;
                cast::cast(&value, target, env)
            }
            Node::AddInterval { base, value, unit, subtract } => {
                let base = dated_base(base, row, env)?;
                let value = value.run(row, env)?;
                add_interval(&base, &value, unit, *subtract, env)
            }
            Node::Extract { unit, expr } => {
                let value = expr.run(row, env)?;
                super::function::extract(unit, &value, env)
            }
            Node::Subquery(id, column) => match &*subquery_rows(*id, env)? {
                [] => Ok(Value::Null),
                [row] => Ok(row.get(*column).cloned().unwrap_or(Value::Null)),
                _ => Err(SqlError::new(1242, "21000", "Subquery returns more than 1 row")),
            },
            Node::Exists(id) => Ok(boolean(Some(!subquery_rows(*id, env)?.is_empty()))),
            Node::Quantified { op, left, all, id, collations } => {
                let rows = subquery_rows(*id, env)?;
                let left = run_all(left, row, env)?;
                // ALL is true of no row, ANY false.
                let mut result = Some(*all);
                for item in rows.iter() {
                    let answer = compare_rows(*op, &left, item, collations, env);
                    result = if *all { and(result, answer) } else { or(result, answer) };
                    if result == Some(!*all) {
                        break;
                    }
                }
                Ok(boolean(result))
            }
        }
    }

    /// Whether it is known without a row. Not every node that is so says it.
    pub fn is_constant(&self) -> bool {
        match self {
            Node::Constant(_) => true,
            Node::Coalesce(args) | Node::Call { args, .. } => args.iter().all(Node::is_constant),
            Node::Unify { expr, .. } | Node::AsText { expr, .. } | Node::Cast { expr, .. } => {
                expr.is_constant()
            }
            Node::AddInterval { base, value, .. } => base.is_constant() && value.is_constant(),
            _ => false,
        }
    }

    /// The result where it is one of signed integers and no message comes with it.
    pub fn quick(&self, row: &[Value]) -> Option<Value> {
        match self {
            Node::Arithmetic { op, left, right, .. } => {
                arithmetic::small(*op, left.small(row)?, right.small(row)?).map(Value::Int)
            }
            _ => self.small(row).map(Value::Int),
        }
    }

    /// A signed integer that stands there already.
    fn small(&self, row: &[Value]) -> Option<i64> {
        match self {
            Node::Constant(Value::Int(int)) => Some(*int),
            Node::Column(offset) => match row.get(*offset) {
                Some(Value::Int(int)) => Some(*int),
                _ => None,
            },
            _ => None,
        }
    }

    /// The result as a number, a quotient with all the digits that MySQL carries on.
    fn number(&self, row: &[Value], env: &mut Env) -> Result<Option<Number>, SqlError> {
        match self {
            Node::Arithmetic { op, left, right, text } => {
                let left = left.number(row, env)?;
                let right = right.number(row, env)?;
                match (left, right) {
                    (Some(left), Some(right)) => arithmetic::binary(*op, &left, &right, text, env),
                    _ => Ok(None),
                }
            }
            Node::Negate { expr, text } => match expr.number(row, env)? {
                Some(operand) => arithmetic::negate(&operand, text).map(Some),
                None => Ok(None),
            },
            // A date that is shown as a text still counts as one.
            Node::AddInterval { .. } => {
                let value = match self.run(row, env)? {
                    Value::Text(text) => {
                        let at = temporal::parse_datetime(&text);
                        let at = at.map(|at| match text.contains(':') {
                            true => Value::DateTime(at),
                            false => Value::Date(at.date()),
                        });
                        at.unwrap_or(Value::Text(text))
                    }
                    other => other,
                };
                Ok(number(&value, env))
            }
            // A choice counts by what is chosen, whatever all of its branches would be as texts.
            Node::AsText { expr, .. } => expr.number(row, env),
            Node::Unify { expr, kind: Kind::Text, .. } if matches!(**expr, Node::Case { .. }) => {
                expr.number(row, env)
            }
            Node::Case { operand, whens, otherwise, collation } => {
                let chosen = chosen(operand.as_deref(), whens, otherwise, *collation, row, env)?;
                chosen.number(row, env)
            }
            other => {
                let value = other.run(row, env)?;
                Ok(number(&value, env))
            }
        }
    }
}

/// The branch of a CASE that a row takes.
fn chosen<'a>(
    operand: Option<&Node>,
    whens: &'a [(Node, Node)],
    otherwise: &'a Node,
    collation: Collated,
    row: &[Value],
    env: &mut Env,
) -> Result<&'a Node, SqlError> {
    let operand = operand.map(|operand| operand.run(row, env)).transpose()?;
    let collation = collation.unwrap_or(env.collation);
    for (when, then) in whens {
        let when = when.run(row, env)?;
        let taken = match &operand {
            Some(operand) => compare(operand, &when, collation, env) == Some(Ordering::Equal),
            None => truth(&when, env) == Some(true),
        };
        if taken {
            return Ok(then);
        }
    }
    Ok(otherwise)
}

impl Items {
    /// True if an item is equal, NULL if none is and one might be.
    fn contain(
        &self,
        left: &[Value],
        collations: &[Collated],
        row: &[Value],
        env: &mut Env,
    ) -> Result<Option<bool>, SqlError> {
        let mut result = Some(false);
        let mut consider = |item: &[Value], env: &mut Env| {
            let answer = compare_rows(CompareOp::Equal, left, item, collations, env);
            result = or(result, answer);
            result == Some(true)
        };
        match self {
            Items::Rows(items) => {
                for item in items {
                    let item = run_all(item, row, env)?;
                    if consider(&item, env) {
                        break;
                    }
                }
            }
            Items::Argument(name) => {
                let bind = env.binds.get(name).cloned().ok_or_else(|| missing_bind(name))?;
                let Bind::List(items) = bind else { return Err(missing_bind(name)) };
                for item in &items {
                    let item = row_of(item, left.len())?;
                    if consider(&item, env) {
                        break;
                    }
                }
            }
            Items::Subquery(id) => {
                let rows = subquery_rows(*id, env)?;
                for item in rows.iter() {
                    if consider(item, env) {
                        break;
                    }
                }
            }
        }
        Ok(result)
    }
}

fn row_of(item: &Bind, width: usize) -> Result<Vec<Value>, SqlError> {
    let values: Vec<Value> = match item {
        Bind::Value(value) => vec![value.clone()],
        Bind::List(items) => items
            .iter()
            .map(|item| match item {
                Bind::Value(value) => Ok(value.clone()),
                Bind::List(_) => Err(SqlError::operand_columns(1)),
            })
            .collect::<Result<_, _>>()?,
    };
    if values.len() == width { Ok(values) } else { Err(SqlError::operand_columns(width)) }
}

pub fn boolean(truth: Option<bool>) -> Value {
    truth.map_or(Value::Null, |truth| Value::Int(i64::from(truth)))
}

fn and(left: Option<bool>, right: Option<bool>) -> Option<bool> {
    match (left, right) {
        (Some(false), _) | (_, Some(false)) => Some(false),
        (Some(true), Some(true)) => Some(true),
        _ => None,
    }
}

fn or(left: Option<bool>, right: Option<bool>) -> Option<bool> {
    and(left.map(|left| !left), right.map(|right| !right)).map(|neither| !neither)
}

/// AND stops at the first false, OR (`stop` is true) at the first true.
fn all_of(terms: &[Node], stop: bool, row: &[Value], env: &mut Env) -> Result<Value, SqlError> {
    let mut unknown = false;
    for term in terms {
        let value = term.run(row, env)?;
        match truth(&value, env) {
            Some(truth) if truth == stop => return Ok(boolean(Some(stop))),
            Some(_) => {}
            None => unknown = true,
        }
    }
    Ok(boolean(if unknown { None } else { Some(!stop) }))
}

fn run_all(nodes: &[Node], row: &[Value], env: &mut Env) -> Result<Vec<Value>, SqlError> {
    nodes.iter().map(|node| node.run(row, env)).collect()
}

fn compare_rows(
    op: CompareOp,
    left: &[Value],
    right: &[Value],
    collations: &[Collated],
    env: &mut Env,
) -> Option<bool> {
    let connection = env.collation;
    let collation = |at: usize| collations.get(at).copied().flatten().unwrap_or(connection);
    let pairs = left.iter().zip(right).enumerate();
    match op {
        CompareOp::NullSafeEqual => {
            for (at, (left, right)) in pairs {
                if !equal(left, right, collation(at), env) {
                    return Some(false);
                }
            }
            Some(true)
        }
        CompareOp::Equal | CompareOp::NotEqual => {
            let mut same = Some(true);
            for (at, (left, right)) in pairs {
                let order = compare(left, right, collation(at), env);
                same = and(same, order.map(Ordering::is_eq));
                if same == Some(false) {
                    break;
                }
            }
            same.map(|same| same == (op == CompareOp::Equal))
        }
        _ => {
            let mut order = Ordering::Equal;
            for (at, (left, right)) in pairs {
                order = compare(left, right, collation(at), env)?;
                if order != Ordering::Equal {
                    break;
                }
            }
            Some(match op {
                CompareOp::Less => order.is_lt(),
                CompareOp::LessEqual => order.is_le(),
                CompareOp::Greater => order.is_gt(),
                _ => order.is_ge(),
            })
        }
    }
}

fn matches_like(
    text: &Value,
    pattern: &Value,
    escape: Option<&Value>,
    collation: Collated,
    env: &mut Env,
) -> Result<Option<bool>, SqlError> {
    if text.is_null() || pattern.is_null() {
        return Ok(None);
    }
    let escape = match escape.map(Value::to_string) {
        None => Some('\\'),
        Some(escape) => {
            let mut chars = escape.chars();
            let first = chars.next();
            if chars.next().is_some() {
                return Err(SqlError::new(1210, "HY000", "Incorrect arguments to ESCAPE"));
            }
            first
        }
    };
    let binary = matches!(text, Value::Bytes(_)) || matches!(pattern, Value::Bytes(_));
    let collation = if binary { Collation::Binary } else { collation.unwrap_or(env.collation) };
    let as_text = |value: &Value| match value {
        // Bytes stand as characters one to one, so that `_` is a byte.
        _ if binary => cast::bytes_of(value).iter().map(|&byte| char::from(byte)).collect(),
        other => other.to_string(),
    };
    Ok(Some(like(&as_text(text), &as_text(pattern), escape, collation)))
}

/// What an interval is added to. A text that another interval was added to has a time of the day,
/// as has a date that IF or CASE have chosen among texts.
fn dated_base(base: &Node, row: &[Value], env: &mut Env) -> Result<Value, SqlError> {
    let at_midnight = |date: &dyn std::fmt::Display| Value::text(&format!("{date} 00:00:00"));
    if let Node::Unify { expr, kind: Kind::Text, .. } = base
        && matches!(**expr, Node::Case { .. })
        && let Value::Date(date) = expr.run(row, env)?
    {
        return Ok(at_midnight(&date));
    }
    Ok(match base.run(row, env)? {
        Value::Text(date) if matches!(base, Node::AddInterval { .. }) && !date.contains(':') => {
            at_midnight(&date)
        }
        base => base,
    })
}

fn add_interval(
    base: &Value,
    value: &Value,
    unit: &str,
    subtract: bool,
    env: &mut Env,
) -> Result<Value, SqlError> {
    if base.is_null() || value.is_null() {
        return Ok(Value::Null);
    }
    let interval = Interval::parse(value, unit)
        .and_then(|interval| if subtract { interval.negated() } else { Some(interval) });
    let Some(interval) = interval else { return Ok(overflow(env)) };
    if let Value::Time(micros) = base {
        let sum = micros.checked_add(interval.micros).filter(|sum| sum.abs() <= temporal::TIME_MAX);
        return Ok(sum.map_or(Value::Null, Value::Time));
    }
    let Some(at) = temporal::to_datetime(base, env.now) else {
        let message = format!("Incorrect datetime value: '{base}'");
        env.warnings.push(SqlError::new(1292, "22007", message));
        return Ok(Value::Null);
    };
    let Some(sum) = interval.add_to(at) else { return Ok(overflow(env)) };
    Ok(match base {
        Value::Date(_) if !interval.has_time => Value::Date(sum.date()),
        Value::Date(_) | Value::DateTime(_) => Value::DateTime(sum),
        // A text keeps being one, as long as it was.
        other
            if !interval.has_time
                && !other.to_string().contains(':')
                && other.to_string().len() <= 10 =>
        {
            Value::text(&Value::Date(sum.date()).to_string())
        }
        _ => Value::text(&Value::DateTime(sum).to_string()),
    })
}

fn overflow(env: &mut Env) -> Value {
    let message = "Datetime function: datetime field overflow";
    env.warnings.push(SqlError::new(1441, "22008", message));
    Value::Null
}

fn argument(name: &str, env: &Env) -> Result<Value, SqlError> {
    match env.binds.get(name) {
        Some(Bind::Value(value)) => Ok(value.clone()),
        _ => Err(missing_bind(name)),
    }
}

fn missing_bind(name: &str) -> SqlError {
    SqlError::new(1105, "HY000", format!("missing bind var {name}"))
}

/// A subquery's rows; where it has not run, that is noted, and the error is for nobody to see.
fn subquery_rows(id: usize, env: &mut Env) -> Result<Arc<[Row]>, SqlError> {
    match env.subqueries.get(id) {
        Some(Some(rows)) => Ok(rows.clone()),
        Some(None) => {
            env.wanted = Some(id);
            Err(missing_subquery())
        }
        None => Err(missing_subquery()),
    }
}

fn missing_subquery() -> SqlError {
    SqlError::not_supported("subquery")
}

fn missing_column(offset: usize) -> SqlError {
    SqlError::new(1105, "HY000", format!("row has no column {offset}"))
}
