//! Aggregation goes below what is no route: a join, a filter, subqueries.
//!
//! ```text
//!   count(*)              sum_count_star(0)
//!     Join         ->       Projection count(*) * count(*)
//!       t, u                  Join
//!                               count(*), the join columns, group by these
//!                                 t
//!                               count(*)
//!                                 u
//! ```
//!
//! After Galindo-Legaria and Joshi, "Orthogonal Optimization of Subqueries and Aggregation": each
//! side aggregates its own rows, and what a row of the join stands for is the product of both. The
//! columns that what is between the halves reads become groups of the lower one. See
//! `operators/aggregation_pushing.go` and `aggregation_pushing_helper.go`.

use sim::sql::ast::{BinaryOp, ColumnName, Expr, Function, Ident, Literal};

use super::super::build::predicate;
use super::super::operator::aggregator::{Aggr, Column, Group};
use super::super::operator::apply_join::{JoinColumn, Origin};
use super::super::operator::projection::{self, Info, Projection};
use super::super::operator::{Aggregator, ApplyJoin, Filter, Operator, SubQueryContainer};
use super::super::planning::Planning;
use super::super::predicate::same;
use super::super::primitive::AggregateOp;
use super::super::semantics::item_name;
use super::super::semantics::table_set::TableSet;
use super::super::{PlanError, aggregation, expression};
use super::Rewritten;
use super::aggregation::{aggregate_again, check_supported, distinct_of, several_arguments};

// ---------------------------------------------------------------- joins

/// Nothing happens where an aggregate needs rows of both sides, or all of them.
pub fn through_join(
    planning: &mut Planning<'_>,
    mut aggregator: Box<Aggregator>,
    mut join: Box<ApplyJoin>,
) -> Rewritten {
    // Vitess lets a side compute a distinct aggregate of its unique vindex' column, and counts it
    // once for every row of the other side.
    let (pushes, distinct) = distinct_of(planning, &aggregator, None)?;
    if !pushes {
        if 1 < distinct.len() {
            return Err(several_arguments(""));
        }
        aggregator.distinct_expr = distinct.into_iter().next();
    }
    // What is of both sides is not of one group of either.
    let mixes = |expr: &Expr| {
        expression::any(expr, &mut |expr| join.mixed.iter().any(|mixed| same(mixed, expr)))
    };
    let mixed = aggregator.aggregates.iter().any(|aggr| mixes(&aggr.original))
        || aggregator.groups.iter().any(|group| mixes(&group.expr));
    let split = match pushes && !mixed {
        true => Split::new(&aggregator, &join).aggregates(planning, &aggregator)?,
        false => None,
    };
    let Some(mut split) = split else {
        aggregator.source = Operator::ApplyJoin(join);
        return Ok((Operator::Aggregator(aggregator), None));
    };
    split.groups(planning, &aggregator);
    split.join_columns(&join);
    split.ask_for_rows(&aggregator);
    let Split { left, right, columns, mut projection, .. } = split;
    join.columns = columns;
    join.left = left.over(join.left.take());
    join.right = right.over(join.right.take());
    projection.source = Operator::ApplyJoin(join);
    let source = Operator::Projection(Box::new(projection));
    if !aggregator.original {
        return Ok((source, Some("push aggregation under join - remove original")));
    }
    aggregator.aggregates.iter_mut().for_each(aggregate_again);
    aggregator.pushed = true;
    aggregator.source = source;
    Ok((Operator::Aggregator(aggregator), Some("push aggregation under join - keep original")))
}

/// The halves of an aggregation, and how their columns make its own.
struct Split {
    left: Half,
    right: Half,
    is_outer: bool,
    columns: Vec<JoinColumn>,
    projection: Projection,
}

/// The aggregation of one side.
struct Half {
    aggregator: Aggregator,
    tables: TableSet,
    /// For each column of the whole, where this half has it.
    taken: Vec<Option<usize>>,
    /// The join's column of this half's `count(*)`.
    counted: Option<usize>,
}

impl Half {
    fn new(side: &Operator, columns: usize) -> Half {
        Half {
            aggregator: Aggregator::part(Operator::Taken),
            tables: side.tables(),
            taken: vec![None; columns],
            counted: None,
        }
    }

    fn over(self, side: Operator) -> Operator {
        Operator::Aggregator(Box::new(Aggregator { source: side, ..self.aggregator }))
    }

    fn add(&mut self, column: Column, aggr: Aggr) {
        let at = self.aggregator.columns.len();
        self.aggregator.columns.push(column);
        self.aggregator.aggregates.push(Aggr { column: at, ..aggr });
    }

    /// A group of the whole: by the same column, with its name, where it has one.
    fn group(&mut self, group: &Group, columns: &[Column]) {
        let at = self.aggregator.columns.len();
        if let Expr::Literal(_) = group.expr {
            return self.aggregator.groups.push(Group::new(group.expr.clone()));
        }
        let (column, at) = match group.column {
            Some(whole) => match self.taken.get(whole).copied().flatten() {
                Some(at) => (None, at),
                None => {
                    if let Some(taken) = self.taken.get_mut(whole) {
                        *taken = Some(at);
                    }
                    (columns.get(whole).cloned(), at)
                }
            },
            None => (Some(Column::new(group.expr.clone())), at),
        };
        self.aggregator.columns.extend(column);
        self.aggregator.groups.push(Group { column: Some(at), ..Group::new(group.expr.clone()) });
    }
}

impl Split {
    fn new(whole: &Aggregator, join: &ApplyJoin) -> Split {
        Split {
            left: Half::new(&join.left, whole.columns.len()),
            right: Half::new(&join.right, whole.columns.len()),
            is_outer: !join.kind.is_inner(),
            columns: Vec::new(),
            projection: Projection { fixed: true, ..Projection::new(Operator::Taken) },
        }
    }

    /// The halves' aggregates, in the order of the whole's columns; None where one cannot be split.
    fn aggregates(
        mut self,
        planning: &Planning<'_>,
        whole: &Aggregator,
    ) -> Result<Option<Split>, PlanError> {
        check_supported(whole)?;
        for (at, column) in whole.columns.iter().enumerate() {
            let aggr = whole.aggregates.iter().find(|aggr| aggr.column == at);
            match aggr {
                Some(aggr) if !self.aggregate(planning, aggr, column) => return Ok(None),
                Some(_) => {}
                None => {
                    let new = projection::Column::new(column.expr.clone(), column.alias.clone());
                    self.projection.columns.push(new);
                }
            }
        }
        Ok(Some(self))
    }

    fn aggregate(&mut self, planning: &Planning<'_>, aggr: &Aggr, column: &Column) -> bool {
        let side = self.side_of(planning, &aggr.original);
        // A row without a right side has a value of its own: Vitess leaves it out.
        let argument = aggr.argument.as_ref();
        if self.is_outer
            && side == Some(Origin::Right)
            && !argument.is_none_or(expression::is_null_of_nulls)
        {
            return false;
        }
        match aggr.op {
            AggregateOp::CountStar => {
                let left = self.count(Origin::Left);
                let right = self.count(Origin::Right);
                self.product(aggr, column, left, right, self.is_outer);
            }
            AggregateOp::Count | AggregateOp::Sum => match side {
                Some(Origin::Left) => {
                    let left = self.push(Origin::Left, aggr, column);
                    let right = self.count(Origin::Right);
                    self.product(aggr, column, left, right, self.is_outer);
                }
                Some(_) => {
                    let right = self.push(Origin::Right, aggr, column);
                    let left = self.count(Origin::Left);
                    self.product(aggr, column, left, right, false);
                }
                None => return false,
            },
            AggregateOp::GroupConcat => return false,
            _ => {
                let Some(side) = side else { return false };
                let at = self.push(side, aggr, column);
                let new = projection::Column::new(column.expr.clone(), column.alias.clone());
                self.projection.columns.push(projection::Column { info: Info::Offset(at), ..new });
            }
        }
        true
    }

    /// The side that has all tables of an expression.
    fn side_of(&self, planning: &Planning<'_>, expr: &Expr) -> Option<Origin> {
        let tables = planning.semantics.tables_of(expr);
        match tables.is_within(self.left.tables) {
            true => Some(Origin::Left),
            false => tables.is_within(self.right.tables).then_some(Origin::Right),
        }
    }

    fn half(&mut self, side: Origin) -> &mut Half {
        match side {
            Origin::Left => &mut self.left,
            _ => &mut self.right,
        }
    }

    /// An aggregate of one side; gives the join's column.
    fn push(&mut self, side: Origin, aggr: &Aggr, column: &Column) -> usize {
        self.half(side).add(column.clone(), aggr.clone());
        self.pass(side, aggr.original.clone())
    }

    /// `count(*)` of one side, once.
    fn count(&mut self, side: Origin) -> usize {
        if let Some(at) = self.half(side).counted {
            return at;
        }
        let star = expression::count_star();
        // Nobody asked for it, so it has no name.
        let mut aggr = aggregation::aggr_of(&star, &star, None, 0);
        aggr.alias = Ident::new("");
        self.half(side).add(Column::new(star.clone()), aggr);
        let at = self.pass(side, star);
        self.half(side).counted = Some(at);
        at
    }

    fn pass(&mut self, origin: Origin, expr: Expr) -> usize {
        self.columns.push(JoinColumn { origin, ..JoinColumn::new(expr) });
        self.columns.len() - 1
    }

    /// A row of an outer join without a right side counts once.
    fn product(
        &mut self,
        aggr: &Aggr,
        column: &Column,
        left: usize,
        right: usize,
        may_be_missing: bool,
    ) {
        let product = |left: Expr, right: Expr| {
            let right = match may_be_missing {
                true => coalesced(right),
                false => right,
            };
            Expr::Binary { op: BinaryOp::Multiply, left: Box::new(left), right: Box::new(right) }
        };
        let written = |at: usize| self.columns.get(at).map(|column| column.expr.clone());
        let (Some(one), Some(other)) = (written(left), written(right)) else { return };
        self.projection.columns.push(projection::Column {
            original: aggr.original.clone(),
            expr: product(one, other),
            alias: Some(item_name(&column.expr, column.alias.as_ref())),
            info: Info::Evaluated(product(offset(left), offset(right))),
        });
    }

    fn groups(&mut self, planning: &mut Planning<'_>, whole: &Aggregator) {
        for group in &whole.groups {
            if let Some(side) = self.side_of(planning, &group.expr) {
                self.half(side).group(group, &whole.columns);
                self.pass(side, group.expr.clone());
                continue;
            }
            let (taken, rest) = predicate::split(planning, &group.expr, self.left.tables);
            for (_, expr) in taken {
                self.left.group(&Group::new(expr), &whole.columns);
            }
            self.right.group(&Group::new(rest), &whole.columns);
            // The projection reads it whole.
            if group.column.is_some() {
                self.pass(Origin::ByTables, group.expr.clone());
            }
        }
    }

    /// A left side without groups answers something even where it has no rows: a count of 0, which
    /// makes the join's counts 0. A group of no rows would be wrong, and what the right then finds.
    /// (Vitess lets it answer in any case.)
    fn ask_for_rows(&mut self, whole: &Aggregator) {
        let counts = |aggr: &Aggr| matches!(aggr.op, AggregateOp::Count | AggregateOp::CountStar);
        let harmless =
            whole.groups.is_empty() && self.right.aggregator.aggregates.iter().all(counts);
        let left = &mut self.left.aggregator;
        if left.groups.is_empty() && !left.columns.is_empty() && !harmless {
            left.groups.push(Group::new(nothing()));
        }
    }

    /// What the right is told of the left's rows the left must give: it groups by it.
    fn join_columns(&mut self, join: &ApplyJoin) {
        let left = &mut self.left.aggregator;
        let told = join.predicates.iter().flat_map(|predicate| &predicate.left);
        for (_, expr) in told.chain(&join.extra) {
            let at = left.columns.iter().position(|column| same(&column.expr, expr));
            let at = at.unwrap_or_else(|| {
                left.columns.push(Column::new(expr.clone()));
                left.columns.len() - 1
            });
            if !left.groups.iter().any(|group| same(&group.expr, expr)) {
                left.groups.push(Group { column: Some(at), ..Group::new(expr.clone()) });
            }
        }
    }
}

/// What rows are grouped by that are one group, if there are any.
fn nothing() -> Expr {
    Expr::Literal(Literal::Float(".0".into()))
}

fn coalesced(expr: Expr) -> Expr {
    Expr::Function(Function {
        qualifier: None,
        name: Ident::new("coalesce"),
        args: vec![expr, Expr::Literal(Literal::Integer("1".into()))],
        over: None,
    })
}

fn offset(at: usize) -> Expr {
    Expr::Argument { name: Ident::new(&at.to_string()), ty: None }
}

/// The right of a join that has no groups answers nothing where it has no rows, as a join without
/// aggregation does. See `addGroupByOnRHSOfJoin`.
pub fn group_right_sides(operator: &mut Operator) {
    if matches!(operator, Operator::Route(_)) {
        return;
    }
    if let Operator::ApplyJoin(join) = operator {
        join.right.each_mut(&mut |operator| {
            if let Operator::Aggregator(aggregator) = operator
                && aggregator.groups.is_empty()
            {
                aggregator.groups.push(Group::new(nothing()));
            }
        });
    }
    operator.inputs_mut().into_iter().for_each(group_right_sides);
}

// ---------------------------------------------------------------- filters and subqueries

pub fn through_filter(
    mut aggregator: Box<Aggregator>,
    mut filter: Box<Filter>,
) -> (Operator, Option<&'static str>) {
    let mut needed = Vec::new();
    for predicate in &filter.predicates {
        columns_in(predicate, &mut needed);
    }
    let mut part = lower_part(&aggregator, filter.source.take());
    for column in needed {
        if !part.groups.iter().any(|group| same(&group.expr, &column)) {
            group_by(&mut part, column);
        }
    }
    filter.source = Operator::Aggregator(Box::new(part));
    if !aggregator.original {
        let rule = "push aggregation under filter - remove original";
        return (Operator::Filter(filter), Some(rule));
    }
    aggregator.aggregates.iter_mut().for_each(aggregate_again);
    aggregator.pushed = true;
    aggregator.source = Operator::Filter(filter);
    let rule = "push aggregation under filter - keep original";
    (Operator::Aggregator(aggregator), Some(rule))
}

pub fn through_subqueries(
    mut aggregator: Box<Aggregator>,
    mut container: Box<SubQueryContainer>,
) -> (Operator, Option<&'static str>) {
    // A route takes the predicates of the subqueries below its aggregation; elsewhere they are a
    // filter above it.
    let is_route = matches!(container.outer, Operator::Route(_));
    let mut part = lower_part(&aggregator, container.outer.take());
    let mut needed = Vec::new();
    for subquery in &container.subqueries {
        needed.extend(subquery.outer_vars.iter().map(|(_, expr)| expr.clone()));
        if !subquery.is_argument && !is_route {
            columns_in(&subquery.original, &mut needed);
        }
    }
    for column in needed {
        if !part.columns.iter().any(|known| same(&known.expr, &column)) {
            group_by(&mut part, column);
        }
    }
    container.outer = Operator::Aggregator(Box::new(part));
    if !aggregator.original {
        let rule = "push aggregation under subquery - remove original";
        return (Operator::SubQueryContainer(container), Some(rule));
    }
    aggregator.aggregates.iter_mut().for_each(aggregate_again);
    aggregator.pushed = true;
    aggregator.source = Operator::SubQueryContainer(container);
    let rule = "push aggregation under subquery - keep original";
    (Operator::Aggregator(aggregator), Some(rule))
}

/// The same aggregation, as a part of it.
fn lower_part(aggregator: &Aggregator, source: Operator) -> Aggregator {
    Aggregator {
        columns: aggregator.columns.clone(),
        groups: aggregator.groups.clone(),
        aggregates: aggregator.aggregates.clone(),
        ..Aggregator::part(source)
    }
}

fn group_by(part: &mut Aggregator, expr: Expr) {
    let column = Some(part.columns.len());
    part.columns.push(Column::new(expr.clone()));
    part.groups.push(Group { column, ..Group::new(expr) });
}

/// The columns that an expression names, each once, in the order of its text.
fn columns_in(expr: &Expr, found: &mut Vec<Expr>) {
    let is_column = matches!(expr, Expr::Bound(ColumnName { .. }, _));
    if is_column && !found.iter().any(|known| same(known, expr)) {
        found.push(expr.clone());
    }
    sim::sql::walk::children(expr).into_iter().for_each(|child| columns_in(child, found));
}
