//! From the tree to a program: names become offsets, types and collations are settled.

use std::cell::Cell;
use std::sync::Arc;

use jiff::civil::DateTime;

use super::cast::Target;
use super::function;
use super::item_text::{item_text, symbol};
use super::kind::{Facts, Strength};
use super::node::{Collated, Items, Node};
use super::number::{SCALE_MAX, parse_decimal};
use super::{ColumnKind, Env, Kind, Scope, temporal};
use crate::collation::Collation;
use crate::sql::ast::{BinaryOp, CompareOp, Expr, Function, Literal, TrimSide, UnaryOp, Variable};
use crate::sql_error::SqlError;
use crate::value::Value;

type Compiled = Result<(Node, Facts), SqlError>;

pub fn compile(expr: &Expr, scope: &dyn Scope) -> Compiled {
    Compiler { scope, negated: Cell::new(false) }.expr(expr)
}

struct Compiler<'a> {
    scope: &'a dyn Scope,
    /// The condition at hand stands under a NOT.
    negated: Cell<bool>,
}

impl Compiler<'_> {
    fn expr(&self, expr: &Expr) -> Compiled {
        let negated = self.negated.take();
        if let Expr::Literal(literal) = expr {
            return literal_node(literal);
        }
        if let Some((offset, kind)) = self.scope.computed(expr) {
            return Ok(column(offset, kind));
        }
        match expr {
            Expr::Literal(literal) => literal_node(literal),
            Expr::Argument { name, .. } => {
                Ok((Node::Argument(name.0.clone()), Facts::new(Kind::Unknown)))
            }
            Expr::ListArgument(_) => Err(SqlError::operand_columns(1)),
            Expr::Column(name) | Expr::Bound(name, _) => {
                let (offset, kind) = self.scope.resolve(name)?;
                Ok(column(offset, kind))
            }
            Expr::And(terms) => Ok((Node::And(self.terms(terms, negated)?), Facts::new(Kind::Int))),
            Expr::Or(terms) => Ok((Node::Or(self.terms(terms, negated)?), Facts::new(Kind::Int))),
            Expr::Xor(left, right) => {
                let (left, right) = (self.node(left)?, self.node(right)?);
                Ok((Node::Xor(left, right), Facts::new(Kind::Int)))
            }
            Expr::Not(expr) => {
                self.negated.set(!negated);
                Ok((Node::Not(self.node(expr)?), Facts::new(Kind::Int)))
            }
            Expr::Compare { op, left, right, escape } => {
                let compared = self.comparison(*op, left, right, escape.as_deref());
                // Under NOT it is the opposite that is compared.
                match negated {
                    true => compared.map_err(|error| opposite_mix(error, *op)),
                    false => compared,
                }
            }
            Expr::Is { expr, test } => {
                let expr = self.node(expr)?;
                Ok((Node::Is { expr, test: *test }, Facts::new(Kind::Int)))
            }
            Expr::Between { negated, expr, low, high } => {
                let (expr, facts) = self.expr(expr)?;
                let (low, low_facts) = self.expr(low)?;
                let (high, high_facts) = self.expr(high)?;
                let collations = match collate_texts("between", &[facts, low_facts, high_facts])? {
                    Some(collation) => [Some(collation); 2],
                    None => [facts.collate_with(&low_facts).0, facts.collate_with(&high_facts).0],
                };
                // A text beside numbers is one.
                let all = [facts, low_facts, high_facts];
                let mixed = all.iter().any(|own| is_number(&[*own]));
                let as_texts = times_are_texts(&expr, &all);
                let [expr, low, high] =
                    [(expr, facts), (low, low_facts), (high, high_facts)].map(|(node, own)| {
                        let expr = Box::new(node);
                        let (kind, decimals) = (own.kind, own.decimals);
                        match kind {
                            Kind::Text | Kind::Bytes if mixed => {
                                Box::new(Node::Unify { expr, kind: Kind::Float, decimals: 0 })
                            }
                            Kind::Time if as_texts => {
                                Box::new(Node::AsText { expr, kind, decimals })
                            }
                            _ => expr,
                        }
                    });
                let node = Node::Between { negated: *negated, expr, low, high, collations };
                Ok((node, Facts::new(Kind::Int)))
            }
            Expr::Binary { op, left, right } => self.binary(*op, left, right, expr),
            Expr::Unary { op, expr: operand } => self.unary(*op, operand, expr),
            Expr::Tuple(items) => match items.as_slice() {
                [one] => self.expr(one),
                _ => Err(SqlError::operand_columns(1)),
            },
            Expr::Subquery(query) => {
                let (id, kinds) = self.scope.subquery(query)?;
                match kinds.as_slice() {
                    [kind] => Ok((Node::Subquery(id, 0), Facts::of_column(*kind))),
                    _ => Err(SqlError::operand_columns(1)),
                }
            }
            Expr::Exists(query) => {
                let id = self.scope.exists(query)?;
                Ok((Node::Exists(id), Facts::new(Kind::Int)))
            }
            Expr::Quantified { op, left, all, query } => {
                let (left, left_facts) = self.operand(left)?;
                let (id, kinds) = self.scope.subquery(query)?;
                same_width(left.len(), kinds.len())?;
                let facts: Vec<Facts> = kinds.into_iter().map(Facts::of_column).collect();
                // ALL is NOT of the opposite's ANY.
                let operation = if *all { opposite(*op).unwrap_or(*op) } else { *op };
                let collations = collate_all(symbol(operation), &left_facts, &facts)?;
                let node = Node::Quantified { op: *op, left, all: *all, id, collations };
                Ok((node, Facts::new(Kind::Int)))
            }
            Expr::Case { operand, whens, otherwise } => {
                self.case(operand.as_deref(), whens, otherwise.as_deref())
            }
            Expr::Function(call) => self.function(call),
            Expr::Aggregate(aggregate) => {
                let (offset, kind) = self.scope.aggregate(aggregate)?;
                Ok(column(offset, kind))
            }
            Expr::Cast { expr, ty, .. } => {
                if ty.array {
                    return Err(SqlError::not_supported("CAST to an array"));
                }
                let (expr, known) = self.expr(expr)?;
                let target = Target::parse(ty)?;
                let expr = as_texts(vec![expr], &[known], target.kind()).remove(0);
                let mut facts = Facts::new(target.kind());
                match target {
                    Target::Decimal { scale, .. } => facts.decimals = scale as u8,
                    Target::DateTime { digits } | Target::Time { digits } => {
                        facts.decimals = digits.min(6) as u8;
                    }
                    _ => {}
                }
                if let Target::Char { .. } = &target {
                    facts.strength = Strength::Column;
                    let charset = ty.charset.as_ref();
                    facts.collation =
                        charset.map(|name| charset_collation(name.as_str())).transpose()?;
                }
                Ok((Node::Cast { expr: Box::new(expr), target }, facts))
            }
            Expr::ConvertUsing { expr, charset } => {
                let (expr, _) = self.expr(expr)?;
                let collation = charset_collation(charset.as_str())?;
                let binary = collation == Collation::Binary;
                let target = if binary {
                    Target::Binary { length: None }
                } else {
                    Target::Char { length: None }
                };
                let strength = Strength::Column;
                let facts =
                    Facts { collation: Some(collation), strength, ..Facts::new(target.kind()) };
                Ok((Node::Cast { expr: Box::new(expr), target }, facts))
            }
            Expr::Collate { expr, collation } => {
                let (node, facts) = self.expr(expr)?;
                let collation = named_collation(collation.as_str())?;
                let charset = match facts.kind {
                    Kind::Text | Kind::Bytes => facts.collation.unwrap_or_default().charset(),
                    _ => collation.charset(),
                };
                if charset != collation.charset() {
                    let message = format!(
                        "COLLATION '{}' is not valid for CHARACTER SET '{charset}'",
                        collation.name()
                    );
                    return Err(SqlError::new(1253, "42000", message));
                }
                let facts =
                    Facts { collation: Some(collation), strength: Strength::Explicit, ..facts };
                Ok((node, facts))
            }
            Expr::Variable(Variable::User(name)) => {
                let name = name.as_str().to_lowercase().into();
                Ok((Node::UserVariable(name), Facts::new(Kind::Unknown)))
            }
            Expr::Variable(Variable::System { scope, name }) => {
                let name = name.as_str().to_lowercase().into();
                Ok((Node::SystemVariable { scope: *scope, name }, Facts::new(Kind::Unknown)))
            }
            Expr::Default(column) => {
                let value = self.scope.default_of(column.as_ref())?;
                let facts = Facts::new(kind_of(&value));
                Ok((Node::Constant(value), facts))
            }
            Expr::Values(name) => {
                let (offset, kind) = self.scope.inserted(name)?;
                Ok(column(offset, kind))
            }
            Expr::Assign { name, value } => {
                let (value, facts) = self.expr(value)?;
                let name = name.as_str().to_lowercase().into();
                Ok((Node::Assign { name, value: Box::new(value) }, facts))
            }
            Expr::Extract { unit, expr } => {
                let expr = self.node(expr)?;
                Ok((Node::Extract { unit: unit.0.clone(), expr }, Facts::new(Kind::Int)))
            }
            Expr::Trim { side, what, expr } => self.trim(*side, what.as_deref(), expr),
            Expr::Interval { .. } => Err(SqlError::not_supported("INTERVAL as a function")),
            Expr::Match { .. } => Err(SqlError::not_supported("MATCH .. AGAINST")),
            Expr::MemberOf { .. } => Err(SqlError::not_supported("MEMBER OF")),
        }
    }

    /// The expression as MySQL puts it into a range error.
    fn expression_text(&self, expr: &Expr) -> Arc<str> {
        item_text(expr, &|column| self.scope.column_text(column)).into()
    }

    fn node(&self, expr: &Expr) -> Result<Box<Node>, SqlError> {
        Ok(Box::new(self.expr(expr)?.0))
    }

    fn terms(&self, terms: &[Expr], negated: bool) -> Result<Vec<Node>, SqlError> {
        let term = |term| {
            self.negated.set(negated);
            Ok(self.expr(term)?.0)
        };
        terms.iter().map(term).collect()
    }

    fn all(&self, exprs: &[Expr]) -> Result<(Vec<Node>, Vec<Facts>), SqlError> {
        let mut nodes = Vec::with_capacity(exprs.len());
        let mut facts = Vec::with_capacity(exprs.len());
        for expr in exprs {
            let (node, known) = self.expr(expr)?;
            nodes.push(node);
            facts.push(known);
        }
        Ok((nodes, facts))
    }

    /// An operand of arithmetic: a hex or bit literal is a number there.
    fn number(&self, expr: &Expr) -> Compiled {
        match expr {
            Expr::Literal(literal) => match hex_number(literal) {
                Some(number) => constant(Value::Uint(number)),
                None => literal_node(literal),
            },
            other => self.expr(other),
        }
    }

    /// A side of a comparison: one value, or the values of a row.
    fn operand(&self, expr: &Expr) -> Result<(Vec<Node>, Vec<Facts>), SqlError> {
        match expr {
            Expr::Tuple(items) => self.all(items),
            Expr::Function(call) if call.qualifier.is_none() && call.name.is("row") => {
                self.all(&call.args)
            }
            Expr::Subquery(query) => {
                let (id, kinds) = self.scope.subquery(query)?;
                let nodes = (0..kinds.len()).map(|column| Node::Subquery(id, column)).collect();
                Ok((nodes, kinds.into_iter().map(Facts::of_column).collect()))
            }
            _ => {
                let (node, facts) = self.expr(expr)?;
                Ok((vec![node], vec![facts]))
            }
        }
    }

    fn comparison(
        &self,
        op: CompareOp,
        left: &Expr,
        right: &Expr,
        escape: Option<&Expr>,
    ) -> Compiled {
        let node = match op {
            CompareOp::In | CompareOp::NotIn => {
                self.membership(op == CompareOp::NotIn, left, right)?
            }
            CompareOp::Like | CompareOp::NotLike => {
                let (text, text_facts) = self.expr(left)?;
                let (pattern, facts) = self.expr(right)?;
                Node::Like {
                    negated: op == CompareOp::NotLike,
                    text: Box::new(text),
                    pattern: Box::new(pattern),
                    escape: escape.map(|escape| self.node(escape)).transpose()?,
                    collation: collate("like", &text_facts, &facts)?,
                }
            }
            CompareOp::Regexp | CompareOp::NotRegexp => {
                return Err(SqlError::not_supported("REGEXP"));
            }
            _ => {
                let (mut left_nodes, left_facts) = self.operand(left)?;
                let (mut right_nodes, right_facts) = self.operand(right)?;
                same_width(left_nodes.len(), right_nodes.len())?;
                // A hex literal beside a number is one.
                if is_number(&left_facts) {
                    right_nodes = self.number_operand(right, right_nodes)?;
                } else if is_number(&right_facts) {
                    left_nodes = self.number_operand(left, left_nodes)?;
                }
                let collations = collate_all(symbol(op), &left_facts, &right_facts)?;
                if let ([of_left], [of_right]) = (&left_facts[..], &right_facts[..]) {
                    let (left_is, right_is) = (is_column(left), is_column(right));
                    let (a, b) = (&mut left_nodes[0], &mut right_nodes[0]);
                    time_beside_text((a, of_left, left_is), (b, of_right));
                    time_beside_text((b, of_right, right_is), (a, of_left));
                }
                Node::Compare { op, left: left_nodes, right: right_nodes, collations }
            }
        };
        Ok((node, Facts::new(Kind::Int)))
    }

    fn number_operand(&self, expr: &Expr, nodes: Vec<Node>) -> Result<Vec<Node>, SqlError> {
        match expr {
            Expr::Literal(literal) if hex_number(literal).is_some() => {
                Ok(vec![self.number(expr)?.0])
            }
            _ => Ok(nodes),
        }
    }

    fn membership(&self, negated: bool, left: &Expr, right: &Expr) -> Result<Node, SqlError> {
        let (left, left_facts) = self.operand(left)?;
        let (items, collations) = match right {
            Expr::ListArgument(name) => {
                let unknown = vec![Facts::new(Kind::Unknown); left.len()];
                let collations = collate_all("=", &left_facts, &unknown)?;
                (Items::Argument(name.0.clone()), collations)
            }
            Expr::Subquery(query) => {
                let (id, kinds) = self.scope.subquery(query)?;
                same_width(left.len(), kinds.len())?;
                let facts: Vec<Facts> = kinds.into_iter().map(Facts::of_column).collect();
                (Items::Subquery(id), collate_all("=", &left_facts, &facts)?)
            }
            Expr::Tuple(items) => {
                let mut rows = Vec::with_capacity(items.len());
                let mut columns: Vec<Vec<Facts>> =
                    left_facts.iter().map(|own| vec![*own]).collect();
                for item in items {
                    let (nodes, known) = self.operand(item)?;
                    same_width(left.len(), nodes.len())?;
                    columns.iter_mut().zip(known).for_each(|(column, known)| column.push(known));
                    rows.push(nodes);
                }
                // A list of one is a comparison.
                let operation = match (items.len(), negated) {
                    (1, false) => "=",
                    (1, true) => "<>",
                    _ => " IN ",
                };
                let collations = columns.iter().map(|column| collate_list(operation, column));
                (Items::Rows(rows), collations.collect::<Result<_, _>>()?)
            }
            other => {
                let (node, facts) = self.expr(other)?;
                same_width(left.len(), 1)?;
                let operation = if negated { "<>" } else { "=" };
                let collations = collate_all(operation, &left_facts, &[facts])?;
                (Items::Rows(vec![vec![node]]), collations)
            }
        };
        Ok(Node::In { negated, left, items, collations })
    }

    fn binary(&self, op: BinaryOp, left: &Expr, right: &Expr, whole: &Expr) -> Compiled {
        match (op, left, right) {
            (BinaryOp::Add | BinaryOp::Subtract, base, Expr::Interval { value, unit }) => {
                return self.add_interval(base, value, unit.0.clone(), op == BinaryOp::Subtract);
            }
            (BinaryOp::Add, Expr::Interval { value, unit }, base) => {
                return self.add_interval(base, value, unit.0.clone(), false);
            }
            (BinaryOp::JsonExtract | BinaryOp::JsonUnquoteExtract, _, _) => {
                return Err(SqlError::not_supported("JSON functions"));
            }
            _ => {}
        }
        let (left, a) = self.number(left)?;
        let (right, b) = self.number(right)?;
        let (left, right) = (Box::new(left), Box::new(right));
        match op {
            BinaryOp::BitAnd
            | BinaryOp::BitOr
            | BinaryOp::BitXor
            | BinaryOp::ShiftLeft
            | BinaryOp::ShiftRight => Ok((Node::Bits { op, left, right }, Facts::new(Kind::Uint))),
            _ => {
                let facts = arithmetic_facts(op, &a, &b);
                let text = self.expression_text(whole);
                let node = Node::Arithmetic { op, left, right, text };
                let timed = |own: &Facts| {
                    matches!(own.kind, Kind::DateTime | Kind::Time) && 0 < own.decimals
                };
                match facts.kind {
                    Kind::Decimal if timed(&a) || timed(&b) => {
                        let (kind, decimals) = (facts.kind, facts.decimals);
                        Ok((Node::Unify { expr: Box::new(node), kind, decimals }, facts))
                    }
                    _ => Ok((node, facts)),
                }
            }
        }
    }

    fn unary(&self, op: UnaryOp, operand: &Expr, whole: &Expr) -> Compiled {
        if let (UnaryOp::Minus, Expr::Literal(Literal::Integer(digits))) = (op, operand) {
            return integer_literal(&format!("-{digits}"));
        }
        let number = matches!(op, UnaryOp::Minus | UnaryOp::Invert);
        let (node, facts) = if number { self.number(operand)? } else { self.expr(operand)? };
        let node = Box::new(node);
        Ok(match op {
            UnaryOp::Plus => (*node, facts),
            UnaryOp::Minus => {
                let kind = match facts.kind {
                    Kind::Uint => Kind::Int,
                    other => numeric_kind(other),
                };
                let facts = Facts { decimals: facts.decimals, ..Facts::new(kind) };
                (Node::Negate { expr: node, text: self.expression_text(whole) }, facts)
            }
            UnaryOp::Invert => (Node::Invert(node), Facts::new(Kind::Uint)),
            UnaryOp::Bang => (Node::Not(node), Facts::new(Kind::Int)),
        })
    }

    fn case(
        &self,
        operand: Option<&Expr>,
        whens: &[(Expr, Expr)],
        otherwise: Option<&Expr>,
    ) -> Compiled {
        let operand = operand.map(|operand| self.expr(operand)).transpose()?;
        let mut results = Vec::new();
        let mut compared: Vec<Facts> = operand.iter().map(|(_, facts)| *facts).collect();
        let mut nodes = Vec::with_capacity(whens.len());
        for (when, then) in whens {
            let (when, when_facts) = self.expr(when)?;
            compared.push(when_facts);
            let (then, facts) = self.expr(then)?;
            results.push(facts);
            nodes.push((when, then));
        }
        let otherwise = match otherwise {
            None => Node::Constant(Value::Null),
            Some(otherwise) => {
                let (node, facts) = self.expr(otherwise)?;
                results.push(facts);
                node
            }
        };
        let collation = match &operand {
            Some(_) => collate_list("case", &compared)?,
            None => None,
        };
        let union = Facts::union(&results).kind;
        let mut branches: Vec<Node> = Vec::with_capacity(results.len());
        let mut conditions = Vec::with_capacity(nodes.len());
        for (when, then) in nodes {
            conditions.push(when);
            branches.push(then);
        }
        let has_else = branches.len() < results.len();
        branches.push(otherwise);
        let mut facts = results.clone();
        if !has_else {
            facts.push(Facts::new(Kind::Null));
        }
        let mut branches = as_texts(branches, &facts, union);
        let otherwise = branches.pop().unwrap_or(Node::Constant(Value::Null));
        let nodes = conditions.into_iter().zip(branches).collect();
        let node = Node::Case {
            operand: operand.map(|(node, _)| Box::new(node)),
            whens: nodes,
            otherwise: Box::new(otherwise),
            collation,
        };
        // CASE and IF leave a decimal the digits that it has, unlike COALESCE.
        match Facts::union(&results) {
            facts if facts.kind == Kind::Decimal => Ok((node, facts)),
            _ => Ok(unify(node, &results)),
        }
    }

    fn function(&self, call: &Function) -> Compiled {
        let name = call.name.as_str().to_ascii_lowercase();
        if call.over.is_some() {
            return Err(SqlError::not_supported("window functions"));
        }
        if let Some(qualifier) = &call.qualifier {
            return Err(no_such_function(&format!("{}.{name}", qualifier.as_str())));
        }
        match (name.as_str(), call.args.as_slice()) {
            ("if", [condition, then, otherwise]) => {
                let whens = [(condition.clone(), then.clone())];
                self.case(None, &whens, Some(otherwise))
            }
            ("ifnull", [_, _]) | ("coalesce", [_, ..]) => {
                let (nodes, facts) = self.all(&call.args)?;
                let nodes = as_texts(nodes, &facts, Facts::union(&facts).kind);
                Ok(unify(Node::Coalesce(nodes), &facts))
            }
            ("nullif", [left, right]) => {
                let (left, facts) = self.expr(left)?;
                let (right, right_facts) = self.expr(right)?;
                let collation = collate("nullif", &facts, &right_facts)?;
                let (left, right) = (Box::new(left), Box::new(right));
                Ok((Node::NullIf { left, right, collation }, facts))
            }
            ("date_add" | "adddate", [base, Expr::Interval { value, unit }]) => {
                self.add_interval(base, value, unit.0.clone(), false)
            }
            ("date_sub" | "subdate", [base, Expr::Interval { value, unit }]) => {
                self.add_interval(base, value, unit.0.clone(), true)
            }
            ("adddate", [base, days]) => self.add_interval(base, days, "DAY".into(), false),
            ("subdate", [base, days]) => self.add_interval(base, days, "DAY".into(), true),
            ("timestampadd", [Expr::Column(unit), value, base]) => {
                self.add_interval(base, value, unit.name.0.clone(), false)
            }
            ("timestampdiff", [Expr::Column(unit), from, to]) => {
                let unit = Expr::Literal(Literal::String(unit.name.0.clone()));
                self.call(&name, &[unit, from.clone(), to.clone()])
            }
            ("if" | "ifnull" | "coalesce" | "nullif", _) => {
                Err(SqlError::wrong_parameter_count(&name))
            }
            _ => self.call(&name, &call.args),
        }
    }

    fn call(&self, name: &str, args: &[Expr]) -> Compiled {
        let function = match function::by_name(name) {
            Some(function) => function,
            None if function::is_native(name) => return Err(SqlError::not_supported(name)),
            None => return Err(no_such_function(name)),
        };
        if !(function.args_min..=function.args_max).contains(&args.len()) {
            return Err(SqlError::wrong_parameter_count(name));
        }
        let (nodes, facts) = self.all(args)?;
        if matches!(name, "find_in_set" | "strcmp") {
            collate_list(name, &facts)?;
        }
        let known = Facts::union(&facts);
        let mut result = (function.facts)(&facts);
        if result.kind == Kind::Unknown && result.collation.is_none() {
            result = Facts { collation: known.collation, strength: known.strength, ..result };
        }
        if result.strength == Strength::None && result.kind == Kind::Text {
            result.strength = Strength::Literal;
        }
        let target = match choice_of(name) {
            true => known.kind,
            false if function::takes_texts(name) => Kind::Text,
            false => result.kind,
        };
        let mut nodes = as_texts(nodes, &facts, target);
        if function::names_its_argument(name) && nodes.len() == 1 {
            let text = self.expression_text(&args[0]).replace("_utf8mb4'", "'");
            nodes.push(Node::Constant(Value::text(&text)));
        }
        let call = |args| Node::Call { function, args, collation: known.collation };
        if choice_of(name) {
            return Ok(match moments_of(&nodes, &facts) {
                Some((kind, decimals)) => {
                    let moment = Node::Cast {
                        expr: Box::new(call(nodes)),
                        target: match kind {
                            Kind::Date => Target::Date,
                            _ => Target::DateTime { digits: u32::from(decimals) },
                        },
                    };
                    let expr = Box::new(moment);
                    (Node::AsText { expr, kind, decimals }, Facts { decimals: 0, ..known })
                }
                None => unify(call(nodes), &facts),
            });
        }
        if DIGITS_OF_ARGUMENTS.contains(&name) {
            return Ok(with_digits(name, call(nodes.clone()), &nodes, &facts));
        }
        Ok((call(nodes), result))
    }

    fn trim(&self, side: Option<TrimSide>, what: Option<&Expr>, expr: &Expr) -> Compiled {
        let name = match side {
            None | Some(TrimSide::Both) => "trim",
            Some(TrimSide::Leading) => "ltrim",
            Some(TrimSide::Trailing) => "rtrim",
        };
        let args: Vec<Expr> = std::iter::once(expr).chain(what).cloned().collect();
        let (nodes, facts) = self.all(&args)?;
        let function = function::by_name(name).ok_or_else(|| no_such_function(name))?;
        let node = Node::Call { function, args: nodes, collation: facts[0].collation };
        Ok((node, Facts { kind: Kind::Text, ..facts[0] }))
    }

    fn add_interval(&self, base: &Expr, value: &Expr, unit: Arc<str>, subtract: bool) -> Compiled {
        let (base, facts) = self.expr(base)?;
        let (value, value_facts) = self.expr(value)?;
        if temporal::Interval::parse(&Value::Int(0), &unit).is_none() {
            return Err(SqlError::not_supported(format!("INTERVAL .. {unit}")));
        }
        let kind = match facts.kind {
            Kind::Date | Kind::DateTime | Kind::Time | Kind::Unknown => facts.kind,
            _ => Kind::Text,
        };
        // A date plus hours is a datetime; which of both is only certain when it runs.
        let kind = if kind == Kind::Date { Kind::Unknown } else { kind };
        let decimals = match kind {
            Kind::DateTime | Kind::Time if unit.to_ascii_uppercase().contains("MICROSECOND") => 6,
            Kind::DateTime | Kind::Time => facts.decimals.max(value_facts.decimals.min(6)),
            _ => 0,
        };
        let node =
            Node::AddInterval { base: Box::new(base), value: Box::new(value), unit, subtract };
        Ok((node, Facts { decimals, ..Facts::new(kind) }))
    }
}

fn column(offset: usize, kind: ColumnKind) -> (Node, Facts) {
    (Node::Column(offset), Facts::of_column(kind))
}

fn choice_of(name: &str) -> bool {
    matches!(name, "greatest" | "least")
}

/// Times and singles that become texts keep the digits behind the second that their type has.
fn as_texts(nodes: Vec<Node>, facts: &[Facts], target: Kind) -> Vec<Node> {
    let convert = |(node, facts): (Node, &Facts)| match facts.kind {
        Kind::DateTime | Kind::Time if target == Kind::Text && 0 < facts.decimals => {
            Node::AsText { expr: Box::new(node), kind: facts.kind, decimals: facts.decimals }
        }
        Kind::Single if matches!(target, Kind::Text | Kind::Bytes) => {
            Node::AsText { expr: Box::new(node), kind: facts.kind, decimals: 0 }
        }
        _ => node,
    };
    nodes.into_iter().zip(facts).map(convert).collect()
}

const DIGITS_OF_ARGUMENTS: [&str; 7] =
    ["unix_timestamp", "timediff", "addtime", "subtime", "time", "timestamp", "sec_to_time"];

/// Functions whose result has the digits behind the second that their arguments have. A text that
/// is the same for every row has those that it shows, any other six, as has a double.
fn with_digits(name: &str, node: Node, args: &[Node], facts: &[Facts]) -> (Node, Facts) {
    let decimals = most_digits(name, args, facts);
    let first = facts.first().map_or(Kind::Null, |facts| facts.kind);
    let kind = match (name, first) {
        ("unix_timestamp", _) if decimals == 0 => Kind::Int,
        ("unix_timestamp", _) => Kind::Decimal,
        ("timediff" | "time" | "sec_to_time", _) => Kind::Time,
        ("timestamp", _) => Kind::DateTime,
        (_, Kind::Time) => Kind::Time,
        (_, Kind::DateTime) => Kind::DateTime,
        _ => return (node, Facts::new(Kind::Text)),
    };
    let facts = Facts { decimals, ..Facts::new(kind) };
    match kind {
        Kind::Decimal => (Node::Unify { expr: Box::new(node), kind, decimals }, facts),
        _ => (node, facts),
    }
}

/// What GREATEST and LEAST of moments and texts make of each: a text that shows one, with as many
/// digits behind the second as any has.
fn moments_of(args: &[Node], facts: &[Facts]) -> Option<(Kind, u8)> {
    let has = |kind: Kind| facts.iter().any(|own| own.kind == kind);
    let others = |own: &Facts| !matches!(own.kind, Kind::Date | Kind::DateTime | Kind::Text);
    if !has(Kind::Text) || facts.iter().any(others) {
        return None;
    }
    match (has(Kind::DateTime), has(Kind::Date)) {
        (true, _) => Some((Kind::DateTime, most_digits("", args, facts))),
        (false, true) => Some((Kind::Date, 0)),
        (false, false) => None,
    }
}

fn most_digits(name: &str, args: &[Node], facts: &[Facts]) -> u8 {
    let digits = |(arg, facts): (&Node, &Facts)| match facts.kind {
        Kind::Text if name != "sec_to_time" && arg.is_constant() => shown_digits(arg),
        Kind::Text | Kind::Bytes | Kind::Unknown | Kind::Float | Kind::Single => 6,
        Kind::DateTime | Kind::Time | Kind::Decimal => facts.decimals.min(6),
        _ => 0,
    };
    args.iter().zip(facts).map(digits).max().unwrap_or(0)
}

/// The digits behind the second of a text that no row changes.
fn shown_digits(constant: &Node) -> u8 {
    let mut env = Env::new(DateTime::constant(1970, 1, 1, 0, 0, 0, 0));
    match constant.run(&[], &mut env) {
        Ok(Value::Text(text)) => {
            text.rsplit_once('.').map_or(0, |(_, fraction)| fraction.trim_end().len().min(6)) as u8
        }
        _ => 0,
    }
}

fn unify(node: Node, results: &[Facts]) -> (Node, Facts) {
    let facts = Facts::union(results);
    match facts.kind {
        Kind::Decimal | Kind::Single | Kind::Float | Kind::Text | Kind::Bytes | Kind::DateTime => {
            let node =
                Node::Unify { expr: Box::new(node), kind: facts.kind, decimals: facts.decimals };
            (node, facts)
        }
        _ => (node, facts),
    }
}

fn no_such_function(name: &str) -> SqlError {
    SqlError::new(1305, "42000", format!("FUNCTION {name} does not exist"))
}

fn is_column(expr: &Expr) -> bool {
    matches!(expr, Expr::Column(_) | Expr::Bound(..))
}

/// A time is compared with a text as one, unless it is a column's and the text is the same for
/// every row.
fn time_beside_text(
    (node, own, is_column): (&mut Node, &Facts, bool),
    (other, facts): (&Node, &Facts),
) {
    let (kind, decimals) = (own.kind, own.decimals);
    let is_time = is_column && (other.is_constant() || matches!(other, Node::Argument(_)));
    if kind == Kind::Time && facts.kind == Kind::Text && !is_time {
        let expr = Box::new(std::mem::replace(node, Node::Constant(Value::Null)));
        *node = Node::AsText { expr, kind, decimals };
    }
}

/// BETWEEN of times and texts compares texts, unless it is a column's time that is looked for.
fn times_are_texts(expr: &Node, all: &[Facts; 3]) -> bool {
    let has = |kind: Kind| all.iter().any(|own| own.kind == kind);
    let is_column = matches!(expr, Node::Column(_)) && all[0].kind == Kind::Time;
    has(Kind::Time)
        && has(Kind::Text)
        && !is_column
        && all.iter().all(|own| matches!(own.kind, Kind::Time | Kind::Text))
}

fn same_width(left: usize, right: usize) -> Result<(), SqlError> {
    if left == right { Ok(()) } else { Err(SqlError::operand_columns(left)) }
}

fn opposite(op: CompareOp) -> Option<CompareOp> {
    Some(match op {
        CompareOp::Equal => CompareOp::NotEqual,
        CompareOp::NotEqual => CompareOp::Equal,
        CompareOp::Less => CompareOp::GreaterEqual,
        CompareOp::LessEqual => CompareOp::Greater,
        CompareOp::Greater => CompareOp::LessEqual,
        CompareOp::GreaterEqual => CompareOp::Less,
        _ => return None,
    })
}

/// 1267 of a comparison that NOT has turned around.
fn opposite_mix(error: SqlError, op: CompareOp) -> SqlError {
    let Some(opposite) = opposite(op) else { return error };
    let own = format!("operation '{}'", symbol(op));
    match error.message.strip_suffix(&own) {
        Some(start) if error.errno == 1267 => {
            let message = format!("{start}operation '{}'", symbol(opposite));
            SqlError::new(1267, "HY000", message)
        }
        _ => error,
    }
}

fn collate(operation: &str, left: &Facts, right: &Facts) -> Result<Collated, SqlError> {
    collate_list(operation, &[*left, *right])
}

fn collate_all(
    operation: &str,
    left: &[Facts],
    right: &[Facts],
) -> Result<Vec<Collated>, SqlError> {
    left.iter().zip(right).map(|(left, right)| collate(operation, left, right)).collect()
}

/// The collation that operands are compared in; among others than texts, the first two's.
fn collate_list(operation: &str, facts: &[Facts]) -> Result<Collated, SqlError> {
    match collate_texts(operation, facts)? {
        Some(collation) => Ok(Some(collation)),
        None => Ok(facts.iter().skip(1).fold(facts.first().copied(), together).and_then(own)),
    }
}

fn together(left: Option<Facts>, right: &Facts) -> Option<Facts> {
    let left = left?;
    let (collation, strength) = left.collate_with(right);
    Some(Facts { collation, strength, ..left })
}

fn own(facts: Facts) -> Collated {
    facts.collation
}

/// The collation of texts together, if all are; 1267 where they exclude each other.
fn collate_texts(operation: &str, facts: &[Facts]) -> Result<Collated, SqlError> {
    let text = |facts: &Facts| matches!(facts.kind, Kind::Text | Kind::Bytes | Kind::Null);
    if !facts.iter().all(text) {
        return Ok(None);
    }
    // A literal beside what has no collation decides alone.
    if let [left, right] = facts {
        for (none, own) in [(left, right), (right, left)] {
            if none.strength == Strength::Conflict && own.strength == Strength::Literal {
                return Ok(Some(own.collation.unwrap_or_default()));
            }
        }
    }
    let all = facts.iter().skip(1).fold(facts.first().copied(), together);
    match all {
        Some(Facts { strength: Strength::Conflict, .. }) => Err(illegal_mix(operation, facts)),
        all => Ok(all.and_then(own)),
    }
}

/// 1267 of two, 1270 of three, 1271 of more.
fn illegal_mix(operation: &str, facts: &[Facts]) -> SqlError {
    let names: Vec<String> = facts
        .iter()
        .map(|facts| {
            let collation = facts.collation.unwrap_or_default();
            format!("({},{})", collation.name(), facts.strength.name())
        })
        .collect();
    let (errno, names) = match &names[..] {
        [one, other] => (1267, format!(" {one} and {other}")),
        [_, _, _] => (1270, format!(" {}", names.join(", "))),
        _ => (1271, String::new()),
    };
    let message = format!("Illegal mix of collations{names} for operation '{operation}'");
    SqlError::new(errno, "HY000", message)
}

fn named_collation(name: &str) -> Result<Collation, SqlError> {
    Collation::by_name(name)
        .ok_or_else(|| SqlError::new(1273, "HY000", format!("Unknown collation: '{name}'")))
}

fn charset_collation(name: &str) -> Result<Collation, SqlError> {
    Collation::of_charset(name)
        .ok_or_else(|| SqlError::new(1115, "42000", format!("Unknown character set: '{name}'")))
}

fn numeric_kind(kind: Kind) -> Kind {
    match kind {
        Kind::Text | Kind::Bytes | Kind::Single => Kind::Float,
        // With a fraction of a second these are decimals, known when it runs.
        Kind::DateTime | Kind::Time => Kind::Unknown,
        Kind::Date => Kind::Int,
        other => other,
    }
}

/// With digits behind the second a time is a decimal in arithmetic.
fn numeric_kind_of(facts: &Facts) -> Kind {
    match facts.kind {
        Kind::DateTime | Kind::Time if 0 < facts.decimals => Kind::Decimal,
        other => numeric_kind(other),
    }
}

fn arithmetic_facts(op: BinaryOp, left: &Facts, right: &Facts) -> Facts {
    let (a, b) = (numeric_kind_of(left), numeric_kind_of(right));
    let kind = match (a, b) {
        (Kind::Unknown, _) | (_, Kind::Unknown) => Kind::Unknown,
        _ if op == BinaryOp::IntegerDivide && (a == Kind::Uint || b == Kind::Uint) => Kind::Uint,
        _ if op == BinaryOp::IntegerDivide => Kind::Int,
        (Kind::Float, _) | (_, Kind::Float) => Kind::Float,
        _ if op == BinaryOp::Divide => Kind::Decimal,
        (Kind::Decimal, _) | (_, Kind::Decimal) => Kind::Decimal,
        (Kind::Uint, _) => Kind::Uint,
        (_, Kind::Uint) if op != BinaryOp::Modulo => Kind::Uint,
        _ => Kind::Int,
    };
    let decimals = match op {
        BinaryOp::Multiply => u64::from(left.decimals) + u64::from(right.decimals),
        BinaryOp::Divide => u64::from(left.decimals) + 4,
        _ => u64::from(left.decimals.max(right.decimals)),
    };
    let decimals = decimals.min(SCALE_MAX as u64) as u8;
    if kind == Kind::Decimal { Facts::decimal(decimals) } else { Facts::new(kind) }
}

pub fn kind_of(value: &Value) -> Kind {
    match value {
        Value::Null => Kind::Null,
        Value::Int(_) => Kind::Int,
        Value::Uint(_) => Kind::Uint,
        Value::Decimal(_) => Kind::Decimal,
        Value::Float(_) => Kind::Float,
        Value::Text(_) => Kind::Text,
        Value::Bytes(_) => Kind::Bytes,
        Value::Date(_) => Kind::Date,
        Value::DateTime(_) => Kind::DateTime,
        Value::Time(_) => Kind::Time,
    }
}

fn constant(value: Value) -> Compiled {
    let facts = match &value {
        Value::Decimal(number) => {
            Facts::decimal(number.fractional_digit_count().clamp(0, SCALE_MAX) as u8)
        }
        other => Facts::new(kind_of(other)),
    };
    Ok((Node::Constant(value), facts))
}

// Not recursive: the parser puts no introducer behind another.
fn literal_node(literal: &Literal) -> Compiled {
    let Literal::Introduced { charset, literal } = literal else {
        return constant_of(literal).and_then(constant);
    };
    let collation = charset_collation(charset.as_str().trim_start_matches('_'))?;
    let bytes = super::cast::bytes_of(&constant_of(literal)?);
    if collation == Collation::Binary {
        return constant(Value::Bytes(bytes));
    }
    let text = String::from_utf8_lossy(&bytes);
    let facts = Facts { collation: Some(collation), ..Facts::new(Kind::Text) };
    Ok((Node::Constant(Value::text(&text)), facts))
}

/// A literal's value.
pub fn constant_of(literal: &Literal) -> Result<Value, SqlError> {
    let wrong = |kind: &str, text: &str| {
        SqlError::new(1525, "HY000", format!("Incorrect {kind} value: '{text}'"))
    };
    Ok(match literal {
        Literal::Null => Value::Null,
        Literal::Bool(truth) => Value::Int(i64::from(*truth)),
        Literal::Integer(digits) => match integer_literal(digits)?.0 {
            Node::Constant(value) => value,
            _ => Value::Null,
        },
        Literal::Decimal(text) => match parse_decimal(text) {
            Some(number) => Value::Decimal(number),
            None => return Err(wrong("DECIMAL", text)),
        },
        Literal::Float(text) => match text.parse::<f64>() {
            Ok(number) if number.is_finite() => Value::Float(number),
            _ => {
                let message = format!("Illegal double '{text}' value found during parsing");
                return Err(SqlError::new(1367, "22007", message));
            }
        },
        Literal::String(text) => Value::Text(text.clone()),
        Literal::HexNumber(text) => {
            let digits = text.get(2..).unwrap_or("");
            let padded =
                if digits.len() % 2 == 1 { format!("0{digits}") } else { digits.to_owned() };
            Value::bytes(&function::unhex(&padded).ok_or_else(|| wrong("HEX", text))?)
        }
        Literal::Hex(digits) => {
            Value::bytes(&function::unhex(digits).ok_or_else(|| wrong("HEX", digits))?)
        }
        Literal::Bit(digits) => Value::bytes(&bits(digits)),
        Literal::Date(text) => {
            Value::Date(temporal::parse_date(text).ok_or_else(|| wrong("DATE", text))?)
        }
        Literal::Time(text) => {
            Value::Time(temporal::parse_time(text).ok_or_else(|| wrong("TIME", text))?)
        }
        Literal::Timestamp(text) => {
            Value::DateTime(temporal::parse_datetime(text).ok_or_else(|| wrong("DATETIME", text))?)
        }
        Literal::Introduced { literal, .. } => constant_of(literal)?,
    })
}

/// A hex or bit literal's number, if 64 bits hold it.
fn hex_number(literal: &Literal) -> Option<u64> {
    if !matches!(literal, Literal::HexNumber(_) | Literal::Hex(_) | Literal::Bit(_)) {
        return None;
    }
    let Ok(Value::Bytes(bytes)) = constant_of(literal) else { return None };
    let significant = bytes.iter().skip_while(|&&byte| byte == 0);
    if 8 < significant.clone().count() {
        return None;
    }
    Some(significant.fold(0, |number, &byte| number << 8 | u64::from(byte)))
}

fn is_number(facts: &[Facts]) -> bool {
    use Kind::*;
    matches!(facts, [Facts { kind: Int | Uint | Decimal | Single | Float, .. }])
}

/// A number too large for 64 bits is a decimal.
fn integer_literal(digits: &str) -> Compiled {
    if let Ok(number) = digits.parse::<i64>() {
        return constant(Value::Int(number));
    }
    if let Ok(number) = digits.parse::<u64>() {
        return constant(Value::Uint(number));
    }
    match parse_decimal(digits) {
        Some(number) => constant(Value::Decimal(number)),
        None => Err(SqlError::new(1064, "42000", format!("not a number: {digits}"))),
    }
}

fn bits(digits: &str) -> Vec<u8> {
    let padding = (8 - digits.len() % 8) % 8;
    let padded = format!("{}{digits}", "0".repeat(padding));
    padded
        .as_bytes()
        .chunks(8)
        .map(|byte| byte.iter().fold(0, |bits, &digit| bits << 1 | u8::from(digit == b'1')))
        .collect()
}
