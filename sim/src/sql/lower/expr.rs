//! Expressions: from sqlparser's tree to ours.

use std::sync::Arc;

use sqlparser::ast as theirs;

use super::dialect::MARK;
use super::query::{Lowering, name_parts, object_column};
use super::{Parsed, Refused, refuse};
use crate::sql::ast::{
    Aggregate, AggregateKind, ArgumentType, BinaryOp, CastKind, CastType, ColumnName, CompareOp,
    Expr, Function, Ident, IsTest, Limit, Literal, OrderBy, Over, TableName, TrimSide, UnaryOp,
    Variable, VariableScope, WindowSpec,
};

impl Lowering<'_> {
    pub fn expr(&self, tree: theirs::Expr) -> Parsed<Expr> {
        use theirs::Expr as E;
        if let Some(name) = mark_of(&tree) {
            return self.marked(&name, args_of(tree));
        }
        Ok(match tree {
            E::Identifier(name) => self.name(vec![name])?,
            E::CompoundIdentifier(parts) => self.name(parts)?,
            E::Value(value) => literal(value.value)?,
            // Parentheses are not part of the tree.
            E::Nested(inner) => self.expr(*inner)?,
            E::Tuple(items) => Expr::Tuple(self.exprs(items)?),
            E::IsNull(expr) | E::IsUnknown(expr) => self.is(*expr, IsTest::Null)?,
            E::IsNotNull(expr) | E::IsNotUnknown(expr) => self.is(*expr, IsTest::NotNull)?,
            E::IsTrue(expr) => self.is(*expr, IsTest::True)?,
            E::IsNotTrue(expr) => self.is(*expr, IsTest::NotTrue)?,
            E::IsFalse(expr) => self.is(*expr, IsTest::False)?,
            E::IsNotFalse(expr) => self.is(*expr, IsTest::NotFalse)?,
            E::InList { expr, mut list, negated } => {
                let left = self.boxed(*expr)?;
                let op = if negated { CompareOp::NotIn } else { CompareOp::In };
                let is_list = matches!(list.as_slice(), [E::Value(value)]
                    if matches!(&value.value, theirs::Value::Placeholder(name)
                        if name.starts_with("::")));
                let right = match list.pop() {
                    Some(only) if is_list => self.expr(only)?,
                    Some(last) => {
                        list.push(last);
                        Expr::Tuple(self.exprs(list)?)
                    }
                    None => return refuse(),
                };
                Expr::Compare { op, left, right: Box::new(right), escape: None }
            }
            E::InSubquery { expr, subquery, negated } => Expr::Compare {
                op: if negated { CompareOp::NotIn } else { CompareOp::In },
                left: self.boxed(*expr)?,
                right: Box::new(Expr::Subquery(Box::new(self.query(*subquery)?))),
                escape: None,
            },
            E::Between { expr, negated, low, high } => Expr::Between {
                negated,
                expr: self.boxed(*expr)?,
                low: self.boxed(*low)?,
                high: self.boxed(*high)?,
            },
            E::BinaryOp { left, op, right } => self.binary(*left, op, *right)?,
            E::AllOp { left, compare_op, right } => {
                self.quantified(*left, compare_op, *right, true)?
            }
            E::AnyOp { left, compare_op, right, .. } => {
                self.quantified(*left, compare_op, *right, false)?
            }
            E::Like { negated, any: false, expr, pattern, escape_char } => Expr::Compare {
                op: if negated { CompareOp::NotLike } else { CompareOp::Like },
                left: self.boxed(*expr)?,
                right: self.boxed(*pattern)?,
                escape: escape_char.map(|escape| self.boxed(*escape)).transpose()?,
            },
            E::RLike { negated, expr, pattern, .. } => Expr::Compare {
                op: if negated { CompareOp::NotRegexp } else { CompareOp::Regexp },
                left: self.boxed(*expr)?,
                right: self.boxed(*pattern)?,
                escape: None,
            },
            E::UnaryOp { op, expr } => self.unary(op, *expr)?,
            E::Trim { trim_where, trim_what, expr, trim_characters: None } => Expr::Trim {
                side: trim_where.map(|side| match side {
                    theirs::TrimWhereField::Both => TrimSide::Both,
                    theirs::TrimWhereField::Leading => TrimSide::Leading,
                    theirs::TrimWhereField::Trailing => TrimSide::Trailing,
                }),
                what: trim_what.map(|what| self.boxed(*what)).transpose()?,
                expr: self.boxed(*expr)?,
            },
            E::Collate { expr, collation } => Expr::Collate {
                expr: self.boxed(*expr)?,
                collation: name_parts(collation)?.pop().ok_or(Refused { location: None })?,
            },
            E::Prefixed { prefix, value } => match self.expr(*value)? {
                Expr::Literal(text) => Expr::Literal(Literal::Introduced {
                    charset: ident(prefix),
                    literal: Box::new(text),
                }),
                _ => return refuse(),
            },
            E::Function(function) => self.function(function)?,
            E::Case { operand, conditions, else_result, .. } => Expr::Case {
                operand: operand.map(|operand| self.boxed(*operand)).transpose()?,
                whens: conditions
                    .into_iter()
                    .map(|when| Ok((self.expr(when.condition)?, self.expr(when.result)?)))
                    .collect::<Parsed<_>>()?,
                otherwise: else_result.map(|otherwise| self.boxed(*otherwise)).transpose()?,
            },
            E::Exists { subquery, negated } => {
                let exists = Expr::Exists(Box::new(self.query(*subquery)?));
                if negated { Expr::Not(Box::new(exists)) } else { exists }
            }
            E::Subquery(query) => Expr::Subquery(Box::new(self.query(*query)?)),
            E::MatchAgainst { columns, match_value, opt_search_modifier } => Expr::Match {
                columns: columns.into_iter().map(object_column).collect::<Parsed<_>>()?,
                against: Box::new(literal(match_value.value)?),
                modifier: opt_search_modifier.map(|modifier| modifier.to_string().to_lowercase()),
            },
            E::MemberOf(member) => Expr::MemberOf {
                value: self.boxed(*member.value)?,
                array: self.boxed(*member.array)?,
            },
            _ => return refuse(),
        })
    }

    fn boxed(&self, tree: theirs::Expr) -> Parsed<Box<Expr>> {
        self.expr(tree).map(Box::new)
    }

    fn is(&self, tree: theirs::Expr, test: IsTest) -> Parsed<Expr> {
        Ok(Expr::Is { expr: self.boxed(tree)?, test })
    }

    /// A column, a variable, or a word that is a value.
    fn name(&self, parts: Vec<theirs::Ident>) -> Parsed<Expr> {
        let quoted = parts.iter().any(|part| part.quote_style.is_some());
        let first = parts.first().map(|part| part.value.clone()).unwrap_or_default();
        if let Some(variable) = variable(&parts) {
            return Ok(Expr::Variable(variable));
        }
        if !quoted && parts.len() == 1 {
            match first.to_ascii_lowercase().as_str() {
                "default" => return Ok(Expr::Default(None)),
                "null" => return Ok(Expr::Literal(Literal::Null)),
                "current_user" | "utc_timestamp" | "utc_date" | "utc_time" => {
                    let name = Ident::new(&first);
                    let call = Function { qualifier: None, name, args: Vec::new(), over: None };
                    return Ok(Expr::Function(call));
                }
                _ => {}
            }
        }
        let parts = parts.into_iter().map(ident).collect();
        match column_name(parts) {
            Some(column) => Ok(Expr::Column(column)),
            None => refuse(),
        }
    }

    /// What the dialect and the scan put into a call with a marked name.
    fn marked(&self, name: &str, mut args: Vec<theirs::Expr>) -> Parsed<Expr> {
        let missing = Refused { location: None };
        Ok(match name {
            "and" => Expr::And(flattened(self.exprs(args)?, Operator::And)),
            "or" => Expr::Or(flattened(self.exprs(args)?, Operator::Or)),
            // `binary a` is read as the cast that it is, as in Vitess.
            "binary" => Expr::Cast {
                kind: CastKind::Convert,
                expr: self.boxed(args.pop().ok_or(missing)?)?,
                ty: CastType {
                    name: "binary".into(),
                    length: None,
                    scale: None,
                    charset: None,
                    array: false,
                },
            },
            "interval" => {
                let unit = word(args.pop())?;
                Expr::Interval { value: self.boxed(args.pop().ok_or(missing)?)?, unit }
            }
            "extract" => {
                let expr = self.boxed(args.pop().ok_or(missing)?)?;
                Expr::Extract { unit: word(args.pop())?, expr }
            }
            "date" | "time" | "timestamp" => {
                let Some(theirs::Expr::Value(value)) = args.pop() else { return refuse() };
                let text: Arc<str> = match value.value {
                    theirs::Value::SingleQuotedString(text) => text.into(),
                    _ => return refuse(),
                };
                Expr::Literal(match name {
                    "date" => Literal::Date(text),
                    "time" => Literal::Time(text),
                    _ => Literal::Timestamp(text),
                })
            }
            "cast" | "convert" => {
                let kind = if name == "cast" { CastKind::Cast } else { CastKind::Convert };
                let ty = cast_type(&mut args)?;
                Expr::Cast { kind, expr: self.boxed(args.pop().ok_or(missing)?)?, ty }
            }
            "using" => {
                let charset = word(args.pop())?;
                Expr::ConvertUsing { expr: self.boxed(args.pop().ok_or(missing)?)?, charset }
            }
            "introduced" => {
                let literal = match self.expr(args.pop().ok_or(missing)?)? {
                    Expr::Literal(literal) => Box::new(literal),
                    _ => return refuse(),
                };
                Expr::Literal(Literal::Introduced { charset: word(args.pop())?, literal })
            }
            "substr" | "locate" => Expr::Function(Function {
                qualifier: None,
                name: Ident::new(name),
                args: self.exprs(args)?,
                over: None,
            }),
            "group_concat" => self.group_concat(args)?,
            _ => return refuse(),
        })
    }

    fn group_concat(&self, trees: Vec<theirs::Expr>) -> Parsed<Expr> {
        let mut aggregate = Aggregate {
            kind: AggregateKind::GroupConcat,
            distinct: false,
            args: Vec::new(),
            order_by: Vec::new(),
            separator: None,
            limit: None,
            over: None,
        };
        for tree in trees {
            let Some(name) = mark_of(&tree) else {
                aggregate.args.push(self.expr(tree)?);
                continue;
            };
            let mut args = args_of(tree);
            match name.as_str() {
                "distinct" => aggregate.distinct = true,
                "asc" | "desc" => {
                    let expr = self.exprs(args)?.pop().ok_or(Refused { location: None })?;
                    aggregate.order_by.push(OrderBy { expr, descending: name == "desc" });
                }
                "separator" => match self.exprs(args)?.pop() {
                    Some(Expr::Literal(Literal::String(text))) => {
                        aggregate.separator = Some(text.to_string());
                    }
                    _ => return refuse(),
                },
                "limit" => {
                    let second = if args.len() == 2 { args.pop() } else { None };
                    let first = self.exprs(args)?.pop().ok_or(Refused { location: None })?;
                    aggregate.limit = Some(match second {
                        None => Limit { offset: None, count: first },
                        Some(count) => Limit { offset: Some(first), count: self.expr(count)? },
                    });
                }
                _ => aggregate.args.push(self.marked(&name, args)?),
            }
        }
        Ok(Expr::Aggregate(Box::new(aggregate)))
    }

    fn quantified(
        &self,
        left: theirs::Expr,
        op: theirs::BinaryOperator,
        right: theirs::Expr,
        all: bool,
    ) -> Parsed<Expr> {
        match (compare_op(&op), self.expr(right)?) {
            (Some(op), Expr::Subquery(query)) => {
                Ok(Expr::Quantified { op, left: self.boxed(left)?, all, query })
            }
            _ => refuse(),
        }
    }

    fn binary(
        &self,
        left: theirs::Expr,
        op: theirs::BinaryOperator,
        right: theirs::Expr,
    ) -> Parsed<Expr> {
        use theirs::BinaryOperator as Op;
        let compared = compare_op(&op);
        if op == Op::Assignment {
            let name = match left {
                theirs::Expr::Identifier(name) => name.value,
                _ => return refuse(),
            };
            let Some(name) = name.strip_prefix('@') else { return refuse() };
            return Ok(Expr::Assign { name: Ident::new(name), value: self.boxed(right)? });
        }
        let (left, right) = (self.boxed(left)?, self.boxed(right)?);
        if let Some(op) = compared {
            return Ok(Expr::Compare { op, left, right, escape: None });
        }
        let op = match op {
            Op::Xor => return Ok(Expr::Xor(left, right)),
            Op::Plus => BinaryOp::Add,
            Op::Minus => BinaryOp::Subtract,
            Op::Multiply => BinaryOp::Multiply,
            Op::Divide => BinaryOp::Divide,
            Op::Modulo => BinaryOp::Modulo,
            Op::MyIntegerDivide => BinaryOp::IntegerDivide,
            Op::BitwiseAnd => BinaryOp::BitAnd,
            Op::BitwiseOr => BinaryOp::BitOr,
            Op::BitwiseXor => BinaryOp::BitXor,
            Op::PGBitwiseShiftLeft => BinaryOp::ShiftLeft,
            Op::PGBitwiseShiftRight => BinaryOp::ShiftRight,
            Op::Arrow => BinaryOp::JsonExtract,
            Op::LongArrow => BinaryOp::JsonUnquoteExtract,
            _ => return refuse(),
        };
        Ok(Expr::Binary { op, left, right })
    }

    fn unary(&self, op: theirs::UnaryOperator, operand: theirs::Expr) -> Parsed<Expr> {
        use theirs::UnaryOperator as Op;
        let expr = self.boxed(operand)?;
        let op = match op {
            Op::Not => return Ok(Expr::Not(expr)),
            Op::Plus => UnaryOp::Plus,
            Op::Minus => UnaryOp::Minus,
            Op::BitwiseNot => UnaryOp::Invert,
            Op::BangNot => UnaryOp::Bang,
            _ => return refuse(),
        };
        Ok(Expr::Unary { op, expr })
    }

    fn function(&self, function: theirs::Function) -> Parsed<Expr> {
        if function.filter.is_some()
            || function.null_treatment.is_some()
            || !function.within_group.is_empty()
        {
            return refuse();
        }
        let mut parts = name_parts(function.name)?;
        let name = parts.pop().ok_or(Refused { location: None })?;
        let qualifier = parts.pop();
        let over = function.over.map(|over| self.over(over)).transpose()?;
        let (distinct, trees) = match function.args {
            theirs::FunctionArguments::None => (false, Vec::new()),
            theirs::FunctionArguments::List(list) if list.clauses.is_empty() => {
                let distinct =
                    list.duplicate_treatment == Some(theirs::DuplicateTreatment::Distinct);
                (distinct, list.args)
            }
            _ => return refuse(),
        };
        let lower = name.as_str().to_ascii_lowercase();
        let mut args = Vec::with_capacity(trees.len());
        let mut star = false;
        for tree in trees {
            match tree {
                theirs::FunctionArg::Unnamed(theirs::FunctionArgExpr::Expr(tree)) => {
                    args.push(self.expr(tree)?);
                }
                theirs::FunctionArg::Unnamed(theirs::FunctionArgExpr::Wildcard) => star = true,
                _ => return refuse(),
            }
        }
        if star && (lower != "count" || !args.is_empty()) {
            return refuse();
        }
        let unqualified = qualifier.is_none();
        match (lower.as_str(), args.as_slice()) {
            ("values", [Expr::Column(column)]) if unqualified => {
                return Ok(Expr::Values(column.clone()));
            }
            ("default", [Expr::Column(column)]) if unqualified => {
                return Ok(Expr::Default(Some(column.clone())));
            }
            _ => {}
        }
        if unqualified && let Some(kind) = aggregate_kind(&lower) {
            let kind = if star { AggregateKind::CountStar } else { kind };
            if args.is_empty() && !star {
                return refuse();
            }
            return Ok(Expr::Aggregate(Box::new(Aggregate {
                kind,
                distinct,
                args,
                order_by: Vec::new(),
                separator: None,
                limit: None,
                over,
            })));
        }
        if distinct {
            return refuse();
        }
        // One name for one node, as Vitess has it; `now(0)` is `now()`.
        let is_clock = matches!(
            lower.as_str(),
            "now"
                | "current_timestamp"
                | "localtime"
                | "localtimestamp"
                | "sysdate"
                | "curtime"
                | "current_time"
                | "utc_time"
                | "utc_timestamp"
        );
        if is_clock
            && matches!(args.as_slice(), [Expr::Literal(Literal::Integer(digits))]
                if &**digits == "0")
        {
            args.clear();
        }
        let name = if crate::sql::print::is_built_in(&lower) { Ident::new(&lower) } else { name };
        Ok(Expr::Function(Function { qualifier, name, args, over }))
    }

    fn over(&self, over: theirs::WindowType) -> Parsed<Over> {
        Ok(match over {
            theirs::WindowType::NamedWindow(name) => Over::Name(ident(name)),
            theirs::WindowType::WindowSpec(spec) => Over::Spec(self.window_spec(spec)?),
        })
    }

    pub fn window_spec(&self, spec: theirs::WindowSpec) -> Parsed<WindowSpec> {
        let order_by = spec.order_by.into_iter().map(|item| self.order_by(item));
        Ok(WindowSpec {
            name: spec.window_name.map(ident),
            partition_by: self.exprs(spec.partition_by)?,
            order_by: order_by.collect::<Parsed<_>>()?,
            frame: spec.window_frame.map(|frame| self.frame(frame)).transpose()?,
        })
    }

    fn frame(&self, frame: theirs::WindowFrame) -> Parsed<String> {
        let units = match frame.units {
            theirs::WindowFrameUnits::Rows => "rows",
            theirs::WindowFrameUnits::Range => "range",
            theirs::WindowFrameUnits::Groups => return refuse(),
        };
        let start = self.bound(frame.start_bound)?;
        Ok(match frame.end_bound {
            None => format!("{units} {start}"),
            Some(end) => format!("{units} between {start} and {}", self.bound(end)?),
        })
    }

    fn bound(&self, bound: theirs::WindowFrameBound) -> Parsed<String> {
        Ok(match bound {
            theirs::WindowFrameBound::CurrentRow => "current row".to_owned(),
            theirs::WindowFrameBound::Preceding(None) => "unbounded preceding".to_owned(),
            theirs::WindowFrameBound::Following(None) => "unbounded following".to_owned(),
            theirs::WindowFrameBound::Preceding(Some(expr)) => {
                format!("{} preceding", self.expr(*expr)?)
            }
            theirs::WindowFrameBound::Following(Some(expr)) => {
                format!("{} following", self.expr(*expr)?)
            }
        })
    }
}

fn compare_op(op: &theirs::BinaryOperator) -> Option<CompareOp> {
    use theirs::BinaryOperator as Op;
    Some(match op {
        Op::Eq => CompareOp::Equal,
        Op::NotEq => CompareOp::NotEqual,
        Op::Lt => CompareOp::Less,
        Op::Gt => CompareOp::Greater,
        Op::LtEq => CompareOp::LessEqual,
        Op::GtEq => CompareOp::GreaterEqual,
        Op::Spaceship => CompareOp::NullSafeEqual,
        _ => return None,
    })
}

pub fn ident(name: theirs::Ident) -> Ident {
    Ident::new(&name.value)
}

/// `c`, `t.c` or `ks.t.c`.
pub fn column_name(mut parts: Vec<Ident>) -> Option<ColumnName> {
    let name = parts.pop()?;
    let table = parts.pop();
    let qualifier = parts.pop();
    if !parts.is_empty() {
        return None;
    }
    Some(ColumnName { table: table.map(|name| TableName { qualifier, name }), name })
}

/// `@v`, `@@v`, `@@session.v`.
pub fn variable(parts: &[theirs::Ident]) -> Option<Variable> {
    let (first, rest) = parts.split_first()?;
    // `@@x . @v` is no name.
    if rest.iter().any(|part| part.value.starts_with('@')) {
        return None;
    }
    if let Some(name) = first.value.strip_prefix("@@") {
        let scope = match name.to_ascii_lowercase().as_str() {
            _ if parts.len() == 1 => None,
            "session" | "local" => Some(VariableScope::Session),
            "global" => Some(VariableScope::Global),
            "persist" => Some(VariableScope::Persist),
            "persist_only" => Some(VariableScope::PersistOnly),
            "vitess_metadata" => Some(VariableScope::VitessMetadata),
            _ => None,
        };
        let words: Vec<&str> = match scope {
            None => {
                std::iter::once(name).chain(parts[1..].iter().map(|p| p.value.as_str())).collect()
            }
            Some(_) => parts[1..].iter().map(|part| part.value.as_str()).collect(),
        };
        return Some(Variable::System { scope, name: Ident::new(&words.join(".")) });
    }
    let name = first.value.strip_prefix('@')?;
    let words: Vec<&str> =
        std::iter::once(name).chain(parts[1..].iter().map(|part| part.value.as_str())).collect();
    Some(Variable::User(Ident::new(&words.join("."))))
}

/// The name, without its mark, of a call that the dialect made.
pub fn mark_of(tree: &theirs::Expr) -> Option<String> {
    let theirs::Expr::Function(function) = tree else { return None };
    match function.name.0.as_slice() {
        [theirs::ObjectNamePart::Identifier(name)] => {
            name.value.strip_prefix(MARK).map(str::to_owned)
        }
        _ => None,
    }
}

/// The arguments of a call that the dialect made.
pub fn args_of(tree: theirs::Expr) -> Vec<theirs::Expr> {
    let theirs::Expr::Function(function) = tree else { return Vec::new() };
    let theirs::FunctionArguments::List(list) = function.args else { return Vec::new() };
    let args = list.args.into_iter().filter_map(|arg| match arg {
        theirs::FunctionArg::Unnamed(theirs::FunctionArgExpr::Expr(expr)) => Some(expr),
        _ => None,
    });
    args.collect()
}

#[derive(Clone, Copy)]
enum Operator {
    And,
    Or,
}

/// `(a or b) or c` is one chain; `a or (b or c)` keeps its parentheses, as it does in Vitess.
fn flattened(mut terms: Vec<Expr>, operator: Operator) -> Vec<Expr> {
    if terms.is_empty() {
        return terms;
    }
    let rest = terms.split_off(1);
    let mut flat = Vec::with_capacity(rest.len() + 1);
    for first in terms {
        match (operator, first) {
            (Operator::And, Expr::And(inner)) | (Operator::Or, Expr::Or(inner)) => {
                flat.extend(inner);
            }
            (_, term) => flat.push(term),
        }
    }
    flat.extend(rest);
    flat
}

fn word(tree: Option<theirs::Expr>) -> Parsed<Ident> {
    match tree {
        Some(theirs::Expr::Identifier(name)) => Ok(ident(name)),
        _ => refuse(),
    }
}

/// The five texts at the end of a cast's arguments.
fn cast_type(args: &mut Vec<theirs::Expr>) -> Parsed<CastType> {
    let mut text = || word(args.pop());
    let array = !text()?.as_str().is_empty();
    let charset = Some(text()?).filter(|charset| !charset.as_str().is_empty());
    let scale = text()?.as_str().parse().ok();
    let length = text()?.as_str().parse().ok();
    Ok(CastType { name: text()?.0, length, scale, charset, array })
}

fn aggregate_kind(name: &str) -> Option<AggregateKind> {
    Some(match name {
        "count" => AggregateKind::Count,
        "sum" => AggregateKind::Sum,
        "avg" => AggregateKind::Avg,
        "min" => AggregateKind::Min,
        "max" => AggregateKind::Max,
        "bit_and" => AggregateKind::BitAnd,
        "bit_or" => AggregateKind::BitOr,
        "bit_xor" => AggregateKind::BitXor,
        "std" => AggregateKind::Std,
        "stddev" => AggregateKind::Stddev,
        "stddev_pop" => AggregateKind::StddevPop,
        "stddev_samp" => AggregateKind::StddevSamp,
        "var_pop" => AggregateKind::VarPop,
        "var_samp" => AggregateKind::VarSamp,
        "variance" => AggregateKind::Variance,
        "any_value" => AggregateKind::AnyValue,
        "json_arrayagg" => AggregateKind::JsonArrayAgg,
        "json_objectagg" => AggregateKind::JsonObjectAgg,
        _ => return None,
    })
}

pub fn literal(value: theirs::Value) -> Parsed<Expr> {
    Ok(Expr::Literal(match value {
        theirs::Value::Number(text, false) => number(&text)?,
        theirs::Value::SingleQuotedString(text) => Literal::String(text.into()),
        theirs::Value::HexStringLiteral(digits) => {
            if !digits.bytes().all(|digit| digit.is_ascii_hexdigit()) || digits.len() % 2 == 1 {
                return refuse();
            }
            Literal::Hex(digits.into())
        }
        theirs::Value::SingleQuotedByteStringLiteral(digits) => {
            if !digits.bytes().all(|digit| matches!(digit, b'0' | b'1')) {
                return refuse();
            }
            Literal::Bit(digits.into())
        }
        theirs::Value::Boolean(truth) => Literal::Bool(truth),
        theirs::Value::Null => Literal::Null,
        theirs::Value::Placeholder(name) => {
            // Their parser takes any word after the colon, a quoted one too.
            let is_plain = |c: char| c.is_alphanumeric() || ":_.@$".contains(c);
            let (plain, _) = name.split_once(MARK).unwrap_or((&name, ""));
            if !plain.chars().all(is_plain) {
                return refuse();
            }
            return match (name.strip_prefix("::"), name.strip_prefix(':')) {
                (Some(list), _) => Ok(Expr::ListArgument(Ident::new(list))),
                (None, Some(name)) => Ok(argument(name)),
                _ => refuse(),
            };
        }
        _ => return refuse(),
    }))
}

/// A bind variable; behind a mark, the type that the scan found in the comment after it.
fn argument(name: &str) -> Expr {
    let (name, ty) = match name.split_once(MARK) {
        None => (name, None),
        Some((name, ty)) => {
            let (ty, size) = ty.split_once('(').unwrap_or((ty, ""));
            let mut sizes =
                size.trim_end_matches(')').split(',').map(|size| size.trim().parse().ok());
            let size = sizes.next().flatten();
            (name, Some(ArgumentType { name: ty.into(), size, scale: sizes.next().flatten() }))
        }
    };
    Expr::Argument { name: Ident::new(name), ty }
}

fn number(text: &str) -> Parsed<Literal> {
    if let Some(digits) = text.strip_prefix("0x") {
        let hex = !digits.is_empty() && digits.bytes().all(|digit| digit.is_ascii_hexdigit());
        return if hex { Ok(Literal::HexNumber(text.into())) } else { refuse() };
    }
    let is_digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    if is_digits(text) && !text.is_empty() {
        return Ok(Literal::Integer(text.into()));
    }
    if text.contains(['e', 'E']) {
        return if text.parse::<f64>().is_ok() {
            Ok(Literal::Float(text.into()))
        } else {
            refuse()
        };
    }
    match text.split_once('.') {
        Some((whole, fraction)) if is_digits(whole) && is_digits(fraction) && 1 < text.len() => {
            Ok(Literal::Decimal(text.into()))
        }
        _ => refuse(),
    }
}
