//! Predicates: each goes down to the tables that it needs.

use sim::sql::ast::{CompareOp, Expr, IsTest, Query, SelectItem};

use super::super::operator::apply_join::JoinPredicate;
use super::super::operator::join::Kind;
use super::super::operator::{
    ApplyJoin, Filter, Horizon, Join, Operator, SubQueryContainer, Union,
};
use super::super::planning::Planning;
use super::super::semantics::table_set::TableSet;
use super::super::{PlanError, expression, predicate};
use super::sub_query;

/// Adds the conjuncts of a clause. Those that hold a subquery become one beside the operator.
pub fn add_all(
    planning: &mut Planning<'_>,
    operator: Operator,
    clause: Option<&Expr>,
) -> Result<Operator, PlanError> {
    let conjuncts = clause.cloned().map(expression::into_conjuncts).unwrap_or_default();
    add_each(planning, operator, conjuncts.into_iter().filter_map(predicate::simplify))
}

/// The same of a join's ON, which stays as it is written.
pub fn add_on(
    planning: &mut Planning<'_>,
    operator: Operator,
    on: Option<&Expr>,
) -> Result<Operator, PlanError> {
    let conjuncts = on.cloned().map(expression::into_conjuncts).unwrap_or_default();
    add_each(planning, operator, conjuncts.into_iter())
}

fn add_each(
    planning: &mut Planning<'_>,
    operator: Operator,
    conjuncts: impl Iterator<Item = Expr>,
) -> Result<Operator, PlanError> {
    let mut operator = operator;
    let outer = operator.tables();
    let mut subqueries = Vec::new();
    for conjunct in conjuncts {
        if expression::has_subquery(&conjunct) {
            subqueries.extend(sub_query::of_predicate(planning, &conjunct, outer)?);
            continue;
        }
        remember_equality(planning, &conjunct);
        operator = add(planning, operator, conjunct);
    }
    Ok(contained(operator, subqueries))
}

/// The operator with subqueries beside it, if there are any.
pub fn contained(outer: Operator, subqueries: Vec<super::super::operator::SubQuery>) -> Operator {
    if subqueries.is_empty() {
        return outer;
    }
    Operator::SubQueryContainer(Box::new(SubQueryContainer { outer, subqueries }))
}

fn remember_equality(planning: &mut Planning<'_>, conjunct: &Expr) {
    if let Expr::Compare { op: CompareOp::Equal, left, right, .. } = conjunct {
        planning.semantics.add_equality(left, right);
    }
}

/// Adds one predicate as far down as it may go.
pub fn add(planning: &mut Planning<'_>, operator: Operator, predicate: Expr) -> Operator {
    match operator {
        Operator::Table(mut table) => {
            table.add(predicate);
            Operator::Table(table)
        }
        Operator::QueryGraph(mut graph) => {
            graph.add(planning.semantics.tables_of(&predicate), predicate);
            Operator::QueryGraph(graph)
        }
        Operator::Join(join) => to_join(planning, join, predicate),
        Operator::ApplyJoin(join) => to_apply_join(planning, join, predicate),
        Operator::Route(mut route) => {
            route.source = add(planning, route.source.take(), predicate.clone());
            super::super::route::narrow(planning, &mut route, &predicate);
            Operator::Route(route)
        }
        Operator::VindexTable(mut table) => {
            table.learn(&predicate);
            Operator::VindexTable(table)
        }
        Operator::Horizon(horizon) => to_horizon(planning, horizon, predicate),
        Operator::Filter(mut filter) => {
            filter.source = add(planning, filter.source.take(), predicate);
            Operator::Filter(filter)
        }
        Operator::SubQueryContainer(mut container) => {
            container.outer = add(planning, container.outer.take(), predicate);
            Operator::SubQueryContainer(container)
        }
        Operator::LockAndComment(mut lock) => {
            lock.source = add(planning, lock.source.take(), predicate);
            Operator::LockAndComment(lock)
        }
        other => Filter::over(other, vec![predicate]),
    }
}

/// The side to which a predicate belongs.
enum Place {
    Left,
    Right,
    Both,
}

fn place(tables: TableSet, left: &Operator) -> Place {
    if tables.is_within(left.tables()) {
        Place::Left
    } else if !tables.overlaps(left.tables()) {
        Place::Right
    } else {
        Place::Both
    }
}

fn to_join(planning: &mut Planning<'_>, mut join: Box<Join>, predicate: Expr) -> Operator {
    let place = place(planning.semantics.tables_of(&predicate), &join.left);
    if matches!(place, Place::Left) {
        join.left = add(planning, join.left.take(), predicate);
        return Operator::Join(join);
    }
    if join.kind == Kind::Left && rejects_null(&predicate, join.right.tables()) {
        join.kind = Kind::Inner;
    }
    match place {
        _ if join.kind == Kind::Left => Filter::over(Operator::Join(join), vec![predicate]),
        Place::Right => {
            join.right = add(planning, join.right.take(), predicate);
            Operator::Join(join)
        }
        _ => {
            join.predicates.push(predicate);
            Operator::Join(join)
        }
    }
}

fn to_apply_join(
    planning: &mut Planning<'_>,
    mut join: Box<ApplyJoin>,
    predicate: Expr,
) -> Operator {
    let place = place(planning.semantics.tables_of(&predicate), &join.left);
    if matches!(place, Place::Left) {
        join.left = add(planning, join.left.take(), predicate);
        return Operator::ApplyJoin(join);
    }
    if join.kind == Kind::Left && rejects_null(&predicate, join.right.tables()) {
        join.kind = Kind::Inner;
    }
    match place {
        _ if join.kind == Kind::Left => Filter::over(Operator::ApplyJoin(join), vec![predicate]),
        Place::Right => {
            join.right = add(planning, join.right.take(), predicate);
            Operator::ApplyJoin(join)
        }
        _ if is_in_route(&join) => {
            join.predicates.push(JoinPredicate {
                original: predicate,
                left: Vec::new(),
                right: None,
            });
            Operator::ApplyJoin(join)
        }
        _ => {
            add_join_predicate(planning, &mut join, predicate);
            Operator::ApplyJoin(join)
        }
    }
}

/// Whether the join is text of a route: its sides are no routes themselves.
fn is_in_route(join: &ApplyJoin) -> bool {
    !join.left.any(&mut |operator| matches!(operator, Operator::Route(_)))
}

/// Adds a predicate over both sides: the right gets it with arguments for the left's columns.
pub fn add_join_predicate(planning: &mut Planning<'_>, join: &mut ApplyJoin, predicate: Expr) {
    let (left, right) = split(planning, &predicate, join.left.tables());
    join.right = add(planning, join.right.take(), right.clone());
    join.predicates.push(JoinPredicate { original: predicate, left, right: Some(right) });
}

/// Replaces what comes from these tables by arguments.
pub fn split(
    planning: &mut Planning<'_>,
    expr: &Expr,
    left: TableSet,
) -> (Vec<(std::sync::Arc<str>, Expr)>, Expr) {
    let mut taken = Vec::new();
    let mut right = expr.clone();
    take_left(planning, &mut right, left, &mut taken);
    (taken, right)
}

fn take_left(
    planning: &mut Planning<'_>,
    expr: &mut Expr,
    left: TableSet,
    taken: &mut Vec<(std::sync::Arc<str>, Expr)>,
) {
    let whole = matches!(expr, Expr::Bound(..)) || planning.semantics.is_aggregate(expr);
    if whole {
        let tables = planning.semantics.tables_of(expr);
        if tables.is_within(left) && !tables.is_empty() {
            let name = planning.names.argument_for(expr);
            let ty = planning.semantics.argument_type(expr);
            if !taken.iter().any(|(known, _)| *known == name) {
                taken.push((std::sync::Arc::clone(&name), expr.clone()));
            }
            *expr = Expr::Argument { name: sim::sql::ast::Ident(name), ty };
        }
        return;
    }
    for child in sim::sql::walk::children_mut(expr) {
        take_left(planning, child, left, taken);
    }
}

/// Whether a row whose right side is all NULL cannot pass.
fn rejects_null(predicate: &Expr, right: TableSet) -> bool {
    let of_right = |expr: &Expr| matches!(expr, Expr::Bound(_, number) if right.contains(*number));
    match predicate {
        Expr::Compare { op: CompareOp::NullSafeEqual, .. } => false,
        Expr::Compare { left, right: other, .. } => of_right(left) || of_right(other),
        Expr::Is { expr, test: IsTest::NotNull } => of_right(expr),
        _ => false,
    }
}

/// A predicate over a derived table goes inside, unless it would change which rows there are.
fn to_horizon(planning: &mut Planning<'_>, mut horizon: Box<Horizon>, predicate: Expr) -> Operator {
    let stays = |horizon, predicate| Filter::over(Operator::Horizon(horizon), vec![predicate]);
    let Some(derived) = horizon.derived.as_ref().map(|derived| derived.number) else {
        return stays(horizon, predicate);
    };
    let direct = planning.semantics.direct_tables_of(&predicate);
    let limited = match &horizon.query {
        Query::Select(select) => {
            select.limit.is_some()
                || select.items.iter().any(|item| {
                    matches!(item, SelectItem::Expr { expr, .. } if expression::has_window(expr))
                })
        }
        Query::Union(union) => union.limit.is_some(),
        Query::Values(_) => true,
    };
    if limited || direct != TableSet::one(derived) {
        return stays(horizon, predicate);
    }
    if let Operator::Union(union) = &horizon.source {
        if !all_columns_known(planning, derived, &predicate, union) {
            return stays(horizon, predicate);
        }
        horizon.source = to_union(planning, horizon.source.take(), derived, &predicate);
        return Operator::Horizon(horizon);
    }
    let mut inside = planning.semantics.expand_derived(&predicate, derived);
    if let Some(table) = only_table(&horizon.source).filter(|_| shows_all(&horizon.query)) {
        through_star(&mut inside, derived, table);
    }
    let same = predicate::same(&inside, &predicate);
    if same || planning.semantics.has_aggregate(&inside) || expression::has_subquery(&inside) {
        return stays(horizon, predicate);
    }
    horizon.source = add(planning, horizon.source.take(), inside);
    Operator::Horizon(horizon)
}

fn shows_all(query: &Query) -> bool {
    let items = match query {
        Query::Select(select) => select.items.as_slice(),
        _ => &[],
    };
    items.iter().any(|item| matches!(item, SelectItem::Star(_)))
}

/// The table that a query reads, if it is one.
fn only_table(source: &Operator) -> Option<u32> {
    match source {
        Operator::QueryGraph(graph) => match &graph.tables[..] {
            [table] => Some(table.number),
            _ => None,
        },
        Operator::Table(table) => Some(table.number),
        Operator::Horizon(horizon) => horizon.derived.as_ref().map(|derived| derived.number),
        Operator::Route(route) => only_table(&route.source),
        Operator::Filter(filter) => only_table(&filter.source),
        Operator::SubQueryContainer(container) => only_table(&container.outer),
        Operator::LockAndComment(lock) => only_table(&lock.source),
        _ => None,
    }
}

/// What a derived table has by its star is a column of that table.
fn through_star(expr: &mut Expr, derived: u32, table: u32) {
    expression::walk_mut(expr, &mut |expr| {
        if let Expr::Bound(column, number) = expr
            && *number == derived
        {
            column.table = None;
            *number = table;
        }
    });
}

fn all_columns_known(
    planning: &Planning<'_>,
    derived: u32,
    predicate: &Expr,
    union: &Union,
) -> bool {
    let Some(table) = planning.semantics.table(derived).derived() else { return false };
    let unknown = expression::any(predicate, &mut |expr| {
        matches!(expr, Expr::Bound(column, number)
            if *number == derived && table.column(column.name.as_str()).is_none())
    });
    !unknown && union.sources.iter().all(|source| horizon_in(source).is_some())
}

fn horizon_in(operator: &Operator) -> Option<&Horizon> {
    match operator {
        Operator::Horizon(horizon) => Some(horizon),
        Operator::LockAndComment(lock) => horizon_in(&lock.source),
        _ => None,
    }
}

/// Each SELECT of the union gets the predicate over its own expressions.
fn to_union(
    planning: &mut Planning<'_>,
    operator: Operator,
    derived: u32,
    predicate: &Expr,
) -> Operator {
    let Operator::Union(mut union) = operator else { return operator };
    let mut at = 0;
    for source in &mut union.sources {
        into_query(planning, source, derived, predicate, &mut at);
    }
    Operator::Union(union)
}

/// `at` counts the SELECTs from the left.
fn into_query(
    planning: &mut Planning<'_>,
    operator: &mut Operator,
    derived: u32,
    predicate: &Expr,
    at: &mut usize,
) {
    match operator {
        Operator::LockAndComment(lock) => {
            into_query(planning, &mut lock.source, derived, predicate, at);
        }
        Operator::Horizon(horizon) => match &mut horizon.source {
            Operator::Union(union) => {
                for source in &mut union.sources {
                    into_query(planning, source, derived, predicate, at);
                }
            }
            source => {
                let inside = by_position(planning, predicate, derived, *at);
                *at += 1;
                *source = add(planning, source.take(), inside);
            }
        },
        _ => {}
    }
}

fn by_position(planning: &Planning<'_>, predicate: &Expr, derived: u32, at: usize) -> Expr {
    let mut expr = predicate.clone();
    expression::walk_mut(&mut expr, &mut |expr| {
        if let Expr::Bound(column, number) = &*expr
            && *number == derived
            && let Some(table) = planning.semantics.table(derived).derived()
            && let Some(inner) = table.column(column.name.as_str())
            && let Some(inner) = inner.exprs.get(at)
        {
            *expr = inner.clone();
        }
    });
    expr
}
