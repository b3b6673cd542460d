//! Subqueries of predicates and of values.
//!
//! Predicates of the subquery that name tables of the outer query get arguments for them, so that
//! the subquery is planned as a query of its own; the predicates themselves are kept, since they
//! decide whether both are one route.

use sim::sql::ast::{CompareOp, Expr, Ident, Query, SelectItem, TableExpr};
use sim::sql::walk::{children, children_mut};

use super::super::operator::sub_query::Kind;
use super::super::operator::{Operator, SubQuery};
use super::super::planning::{Planning, RowsFor};
use super::super::semantics::check::first_select;
use super::super::semantics::table_set::TableSet;
use super::super::{PlanError, expression};
use super::{predicate, query};

/// The subqueries of a conjunct, each with the whole conjunct as its original.
pub fn of_predicate(
    planning: &mut Planning<'_>,
    conjunct: &Expr,
    outer: TableSet,
) -> Result<Vec<SubQuery>, PlanError> {
    let mut found = Vec::new();
    find(conjunct, None, &mut found);
    let alone = found.len() == 1;
    let mut subqueries = Vec::new();
    for Found { query, kind, parent, compared } in found {
        let top_level = alone && std::ptr::eq(parent, conjunct);
        let mut subquery = create(planning, query, kind, outer)?;
        subquery.original = conjunct.clone();
        subquery.top_level = top_level;
        subquery.outer_expr = compared.and_then(|outside| {
            let first = first_select(query)?.items.first()?;
            match first {
                SelectItem::Expr { expr, .. } => Some((outside.clone(), expr.clone())),
                _ => None,
            }
        });
        subqueries.push(subquery);
    }
    Ok(subqueries)
}

/// A value's subqueries are replaced by arguments; None where there are none.
pub fn of_value(
    planning: &mut Planning<'_>,
    value: &Expr,
    outer: TableSet,
) -> Result<Option<(Expr, Vec<SubQuery>)>, PlanError> {
    if !expression::has_subquery(value) {
        return Ok(None);
    }
    let mut replaced = value.clone();
    let mut subqueries = Vec::new();
    replace(planning, &mut replaced, value, outer, &mut subqueries)?;
    Ok(Some((replaced, subqueries)))
}

struct Found<'a> {
    query: &'a Query,
    kind: Kind,
    /// The expression that says what is asked of it.
    parent: &'a Expr,
    /// What an IN or an equality puts beside it.
    compared: Option<&'a Expr>,
}

fn find<'a>(expr: &'a Expr, parent: Option<&'a Expr>, found: &mut Vec<Found<'a>>) {
    match expr {
        Expr::Not(inner) if matches!(**inner, Expr::Exists(_)) => {
            if let Expr::Exists(query) = &**inner {
                found.push(Found { query, kind: Kind::NotExists, parent: expr, compared: None });
            }
        }
        Expr::Exists(query) => {
            found.push(Found { query, kind: Kind::Exists, parent: expr, compared: None });
        }
        Expr::Subquery(query) => {
            let parent = parent.unwrap_or(expr);
            let (kind, compared) = asked_by(parent, expr);
            found.push(Found { query, kind, parent, compared });
        }
        Expr::Quantified { query, .. } => {
            found.push(Found { query, kind: Kind::Value, parent: expr, compared: None });
        }
        _ => children(expr).into_iter().for_each(|child| find(child, Some(expr), found)),
    }
}

fn asked_by<'a>(parent: &'a Expr, subquery: &Expr) -> (Kind, Option<&'a Expr>) {
    let Expr::Compare { op, left, right, .. } = parent else { return (Kind::Value, None) };
    let other = if std::ptr::eq(&**left, subquery) { right } else { left };
    match op {
        CompareOp::In => (Kind::In, Some(&**other)),
        CompareOp::NotIn => (Kind::NotIn, Some(&**other)),
        CompareOp::Equal => (Kind::Value, Some(&**other)),
        _ => (Kind::Value, None),
    }
}

fn replace(
    planning: &mut Planning<'_>,
    expr: &mut Expr,
    whole: &Expr,
    outer: TableSet,
    subqueries: &mut Vec<SubQuery>,
) -> Result<(), PlanError> {
    if let Expr::Exists(query) = expr {
        let mut subquery = value(planning, query, Kind::Exists, whole, outer)?;
        // Vitess takes a name three times, and drops the first two.
        planning.names.has_values();
        planning.names.has_values();
        let name = planning.names.has_values();
        subquery.has_values = Some(std::sync::Arc::clone(&name));
        subqueries.push(subquery);
        *expr = Expr::Argument { name: Ident(name), ty: None };
        return Ok(());
    }
    if let Expr::Compare { op: op @ (CompareOp::In | CompareOp::NotIn), left, right, .. } = expr
        && let Expr::Subquery(query) = &**right
    {
        let kind = if *op == CompareOp::In { Kind::In } else { Kind::NotIn };
        let mut subquery = value(planning, query, kind, whole, outer)?;
        let has_values = planning.names.has_values();
        subquery.has_values = Some(std::sync::Arc::clone(&has_values));
        replace(planning, left, whole, outer, subqueries)?;
        **right = Expr::ListArgument(Ident(std::sync::Arc::clone(&subquery.argument)));
        subqueries.push(subquery);
        let compare = std::mem::replace(expr, Expr::And(Vec::new()));
        *expr = with_has_values(compare, kind, has_values);
        return Ok(());
    }
    if let Expr::Subquery(query) = expr {
        let subquery = value(planning, query, Kind::Value, whole, outer)?;
        let name = Ident(std::sync::Arc::clone(&subquery.argument));
        let first = first_select(query).and_then(|select| select.items.first());
        let ty = match first {
            Some(SelectItem::Expr { expr, .. }) if planning.rows_for == RowsFor::Client => {
                planning.semantics.argument_type(expr)
            }
            _ => None,
        };
        subqueries.push(subquery);
        *expr = Expr::Argument { name, ty };
        return Ok(());
    }
    for child in children_mut(expr) {
        replace(planning, child, whole, outer, subqueries)?;
    }
    Ok(())
}

/// A conjunct with arguments in place of its only subquery; with the name of whether there are
/// rows, and what is asked of them.
pub fn replaced(
    planning: &mut Planning<'_>,
    subquery: &SubQuery,
) -> (Expr, Option<std::sync::Arc<str>>, Kind) {
    let mut predicate = subquery.original.clone();
    let mut pulled = Pulled { argument: &subquery.argument, has_values: None, kind: Kind::Value };
    pulled.replace(planning, &mut predicate);
    let Pulled { has_values, kind, .. } = pulled;
    (predicate, has_values, kind)
}

struct Pulled<'a> {
    argument: &'a std::sync::Arc<str>,
    has_values: Option<std::sync::Arc<str>>,
    kind: Kind,
}

impl Pulled<'_> {
    fn replace(&mut self, planning: &mut Planning<'_>, expr: &mut Expr) {
        let name = Ident(std::sync::Arc::clone(self.argument));
        match expr {
            Expr::Exists(_) => {
                self.kind = Kind::Exists;
                let has_values = planning.names.has_values();
                self.has_values = Some(std::sync::Arc::clone(&has_values));
                *expr = Expr::Argument { name: Ident(has_values), ty: None };
            }
            Expr::Compare { op: op @ (CompareOp::In | CompareOp::NotIn), right, .. }
                if matches!(**right, Expr::Subquery(_)) =>
            {
                self.kind = if *op == CompareOp::In { Kind::In } else { Kind::NotIn };
                **right = Expr::ListArgument(name);
                let has_values = planning.names.has_values();
                self.has_values = Some(std::sync::Arc::clone(&has_values));
                let compare = std::mem::replace(expr, Expr::And(Vec::new()));
                *expr = with_has_values(compare, self.kind, has_values);
            }
            Expr::Subquery(_) => *expr = Expr::Argument { name, ty: None },
            other => children_mut(other).into_iter().for_each(|it| self.replace(planning, it)),
        }
    }
}

/// `:has_values and x in ::list`, `not :has_values or x not in ::list`.
pub fn with_has_values(compare: Expr, kind: Kind, has_values: std::sync::Arc<str>) -> Expr {
    let has = Expr::Argument { name: Ident(has_values), ty: None };
    match kind {
        Kind::NotIn => Expr::Or(vec![Expr::Not(Box::new(has)), compare]),
        _ => Expr::And(vec![has, compare]),
    }
}

fn value(
    planning: &mut Planning<'_>,
    query: &Query,
    kind: Kind,
    whole: &Expr,
    outer: TableSet,
) -> Result<SubQuery, PlanError> {
    let mut subquery = create(planning, query, kind, outer)?;
    subquery.original = whole.clone();
    subquery.is_argument = true;
    subquery.top_level = true;
    Ok(subquery)
}

fn create(
    planning: &mut Planning<'_>,
    query: &Query,
    kind: Kind,
    outer: TableSet,
) -> Result<SubQuery, PlanError> {
    let argument = planning.names.subquery();
    let mut inner = query.clone();
    let mut correlation = Correlation {
        own: planning.semantics.tables_in(query),
        outer,
        conjuncts: Vec::new(),
        vars: Vec::new(),
    };
    correlation.of_query(planning, &mut inner);
    let inner = query::query(planning, &inner)?;
    Ok(SubQuery {
        outer: Operator::Taken,
        inner,
        kind,
        original: Expr::And(Vec::new()),
        query: query.clone(),
        correlation: correlation.conjuncts,
        outer_expr: None,
        argument,
        has_values: None,
        is_argument: false,
        top_level: false,
        outer_vars: correlation.vars,
        vars: Vec::new(),
    })
}

/// Finds the conjuncts that name tables of the outer query.
struct Correlation {
    own: TableSet,
    outer: TableSet,
    conjuncts: Vec<Expr>,
    vars: Vec<(std::sync::Arc<str>, Expr)>,
}

impl Correlation {
    fn of_query(&mut self, planning: &mut Planning<'_>, query: &mut Query) {
        match query {
            Query::Select(select) => {
                select.from.iter_mut().for_each(|table| self.of_table(planning, table));
                self.of_clause(planning, &mut select.filter);
                self.of_clause(planning, &mut select.having);
            }
            Query::Union(union) => {
                self.of_query(planning, &mut union.left);
                self.of_query(planning, &mut union.right);
            }
            Query::Values(_) => {}
        }
    }

    fn of_table(&mut self, planning: &mut Planning<'_>, table: &mut TableExpr) {
        match table {
            TableExpr::Join(join) => {
                self.of_table(planning, &mut join.left);
                self.of_table(planning, &mut join.right);
                self.of_clause(planning, &mut join.on);
            }
            TableExpr::Parens(list) => {
                list.iter_mut().for_each(|inner| self.of_table(planning, inner));
            }
            TableExpr::Bound(inner, _) => self.of_table(planning, inner),
            TableExpr::Table(_) | TableExpr::Derived { .. } | TableExpr::JsonTable { .. } => {}
        }
    }

    fn of_clause(&mut self, planning: &mut Planning<'_>, clause: &mut Option<Expr>) {
        let Some(whole) = clause.take() else { return };
        let conjuncts = expression::into_conjuncts(whole).into_iter();
        let conjuncts = conjuncts.map(|conjunct| self.of_conjunct(planning, conjunct)).collect();
        *clause = expression::conjunction(conjuncts);
    }

    fn of_conjunct(&mut self, planning: &mut Planning<'_>, conjunct: Expr) -> Expr {
        let tables = planning.semantics.tables_of(&conjunct);
        if tables.is_within(self.own) || !tables.is_within(self.own | self.outer) {
            return conjunct;
        }
        let (vars, inside) = predicate::split(planning, &conjunct, self.outer);
        for (name, expr) in vars {
            if !self.vars.iter().any(|(known, _)| *known == name) {
                self.vars.push((name, expr));
            }
        }
        self.conjuncts.push(conjunct);
        inside
    }
}
