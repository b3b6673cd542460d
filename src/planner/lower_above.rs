//! Primitives of operators above routes.
//!
//! It knows nothing of text.

use sim::sql::ast::{Expr, Ident, Literal};

use super::PlanError;
use super::lower::{lower, plain};
use super::operator::apply_join::Side;
use super::operator::projection::{self, Info};
use super::operator::sub_query::Kind;
use super::operator::{
    Aggregator, ApplyJoin, Distinct, Filter, HashJoin, Operator, Ordering, Projection, RecurseCte,
    SubQuery, VindexTable,
};
use super::planning::Planning;
use super::primitive::{
    self, Aggregate, AggregateColumn, AggregateOp, CheckColumn, JoinSide, Primitive, Pullout, Sort,
    SortKey, UncorrelatedSubquery,
};
use super::utility::{Utility, VindexFunction};

pub fn lower_above(
    planning: &mut Planning<'_>,
    operator: Operator,
) -> Result<Primitive, PlanError> {
    match operator {
        Operator::Aggregator(aggregator) => self::aggregator(planning, *aggregator),
        Operator::Ordering(ordering) => self::ordering(planning, *ordering),
        Operator::Filter(filter) => self::filter(planning, *filter),
        Operator::Distinct(distinct) => self::distinct(planning, *distinct),
        Operator::SubQuery(subquery) => sub_query(planning, *subquery),
        Operator::Union(union) => {
            let mut inputs = Vec::new();
            for source in union.sources {
                inputs.push(lower(planning, source)?);
            }
            Ok(Primitive::Utility(Utility::Concatenate(inputs)))
        }
        Operator::HashJoin(join) => hash_join(planning, *join),
        Operator::RecurseCte(cte) => recurse_cte(planning, *cte),
        Operator::ApplyJoin(join) => self::join(planning, *join),
        Operator::Projection(projection) => self::projection(planning, *projection),
        Operator::VindexTable(table) => vindex_function(&table),
        other => Err(PlanError::unsupported(format!("{} over several routes", other.name()))),
    }
}

fn vindex_function(table: &VindexTable) -> Result<Primitive, PlanError> {
    let function = VindexFunction {
        keyspace: table.keyspace.as_str().into(),
        vindex: table.vindex.as_str().into(),
        value: table.wanted()?.clone(),
        columns: table.columns.clone(),
    };
    Ok(Primitive::Utility(Utility::VindexFunction(function)))
}

fn aggregator(planning: &mut Planning<'_>, aggregator: Aggregator) -> Result<Primitive, PlanError> {
    let mut group_by = Vec::new();
    for group in &aggregator.groups {
        let column = group.column.ok_or_else(|| PlanError::bug("a group without a column"))?;
        group_by.push(SortKey {
            column,
            weight_column: group.weight_column,
            descending: false,
            collation: planning.semantics.shown_collation_of(&group.expr),
        });
    }
    let mut aggregates = Vec::new();
    for aggr in &aggregator.aggregates {
        aggregates.push(AggregateColumn {
            op: aggr.op,
            original: aggr.original_op,
            column: aggr.column,
            weight_column: aggr.weight_column,
            collation: aggr.collation.clone(),
            alias: Some(std::sync::Arc::clone(&aggr.alias.0)).filter(|name| !name.is_empty()),
            constant: (aggr.op == AggregateOp::Constant).then(|| plain(planning, &aggr.original)),
            separator: separator(&aggr.original),
        });
    }
    let result_columns = aggregator.result_columns.unwrap_or(0);
    let input = lower(planning, aggregator.source)?;
    Ok(Primitive::Aggregate(Box::new(Aggregate { group_by, aggregates, result_columns, input })))
}

fn separator(aggregate: &Expr) -> Option<std::sync::Arc<str>> {
    match aggregate {
        Expr::Aggregate(call) => call.separator.as_deref().map(Into::into),
        _ => None,
    }
}

fn keys(ordering: &Ordering) -> Vec<SortKey> {
    let key = |order: &super::operator::ordering::Order| SortKey {
        column: order.column,
        weight_column: order.weight_column,
        descending: order.descending,
        collation: order.collation.clone(),
    };
    ordering.order.iter().map(key).collect()
}

fn ordering(planning: &mut Planning<'_>, ordering: Ordering) -> Result<Primitive, PlanError> {
    let order_by = keys(&ordering);
    let result_columns = ordering.result_columns.unwrap_or(0);
    let input = lower(planning, ordering.source)?;
    Ok(Primitive::Sort(Box::new(Sort { order_by, result_columns, input })))
}

fn filter(planning: &mut Planning<'_>, filter: Filter) -> Result<Primitive, PlanError> {
    let written = super::expression::conjunction(filter.predicates)
        .ok_or_else(|| PlanError::bug("a filter without a predicate"))?;
    let evaluated = filter.evaluated.ok_or_else(|| PlanError::bug("a filter without offsets"))?;
    super::evaluable::translate(&evaluated).map_err(|_| refused(&written))?;
    let written = plain(planning, &written);
    let result_columns = filter.result_columns.unwrap_or(0);
    let input = lower(planning, filter.source)?;
    let filter = primitive::Filter { written, evaluated, result_columns, input };
    Ok(Primitive::Filter(Box::new(filter)))
}

fn refused(written: &Expr) -> PlanError {
    let text = format!("expr cannot be translated, not supported: {written}");
    PlanError::new(crate::key::Code::Unimplemented, text)
}

fn distinct(planning: &mut Planning<'_>, distinct: Distinct) -> Result<Primitive, PlanError> {
    let columns = distinct
        .columns
        .into_iter()
        .map(|(column, weight_column, collation)| CheckColumn { column, weight_column, collation });
    let columns = columns.collect();
    let result_columns = distinct.result_columns.unwrap_or(0);
    let input = lower(planning, distinct.source)?;
    let distinct = primitive::Distinct { columns, result_columns, input };
    Ok(Primitive::Distinct(Box::new(distinct)))
}

fn sub_query(planning: &mut Planning<'_>, subquery: SubQuery) -> Result<Primitive, PlanError> {
    if !subquery.outer_vars.is_empty() {
        let vars = subquery.vars.into_iter().collect();
        let inner = lower(planning, subquery.inner)?;
        let outer = lower(planning, subquery.outer)?;
        let join = primitive::SemiJoin { vars, outer, subquery: inner };
        return Ok(Primitive::SemiJoin(Box::new(join)));
    }
    let pullout = match subquery.kind {
        Kind::Value => Pullout::Value,
        Kind::In => Pullout::In,
        Kind::NotIn => Pullout::NotIn,
        Kind::Exists | Kind::NotExists if subquery.is_argument => Pullout::ExistsValue,
        Kind::Exists | Kind::NotExists => Pullout::Exists,
    };
    let inner = lower(planning, subquery.inner)?;
    let outer = lower(planning, subquery.outer)?;
    Ok(Primitive::UncorrelatedSubquery(Box::new(UncorrelatedSubquery {
        pullout,
        argument: subquery.argument,
        has_values: subquery.has_values,
        subquery: inner,
        outer,
    })))
}

fn join(planning: &mut Planning<'_>, join: ApplyJoin) -> Result<Primitive, PlanError> {
    let columns = join.output.iter().map(join_side).collect();
    let outer = !join.kind.is_inner();
    let left = lower(planning, without_identity(join.left))?;
    let right = lower(planning, without_identity(join.right))?;
    let vars = join.vars;
    Ok(Primitive::Join(Box::new(primitive::Join { outer, columns, vars, left, right })))
}

fn join_side(side: &Side) -> JoinSide {
    match side {
        Side::Left(at) => JoinSide::Left(*at),
        Side::Right(at) => JoinSide::Right(*at),
    }
}

fn hash_join(planning: &mut Planning<'_>, join: HashJoin) -> Result<Primitive, PlanError> {
    let ([comparison], [(left_key, right_key)]) = (&join.comparisons[..], &join.keys[..]) else {
        return Err(PlanError::unsupported("hash joins must have exactly one join predicate"));
    };
    let (one, other) = (&comparison.left, &comparison.right);
    let (comparison_type, collation) = planning.semantics.comparison_of(one, other)?;
    let predicate = Expr::Compare {
        op: comparison.op,
        left: Box::new(one.clone()),
        right: Box::new(other.clone()),
        escape: None,
    };
    Ok(Primitive::HashJoin(Box::new(primitive::HashJoin {
        outer: join.outer,
        columns: join.output.iter().map(join_side).collect(),
        left_key: *left_key,
        right_key: *right_key,
        predicate: plain(planning, &predicate),
        comparison_type,
        collation,
        left: lower(planning, join.left)?,
        right: lower(planning, join.right)?,
    })))
}

fn recurse_cte(planning: &mut Planning<'_>, cte: RecurseCte) -> Result<Primitive, PlanError> {
    super::offset_recurse::check(planning, &cte)?;
    let seed = lower(planning, cte.seed)?;
    let term = lower(planning, cte.term)?;
    let (distinct, vars, names) = (cte.distinct, cte.vars, cte.names);
    Ok(Primitive::RecurseCte(Box::new(primitive::RecurseCte { seed, term, vars, distinct, names })))
}

/// A union may give weights beside its columns; a join takes by place what it wants.
fn without_identity(operator: Operator) -> Operator {
    match operator {
        Operator::Projection(projection)
            if matches!(projection.source, Operator::Union(_)) && passes_on(&projection) =>
        {
            projection.source
        }
        other => other,
    }
}

/// vtgate's own value of a float prints as that.
fn shown(expr: Expr) -> Expr {
    match &expr {
        Expr::Literal(Literal::Float(text)) => match text.parse::<f64>() {
            Ok(number) => Expr::Literal(Literal::Float(number.to_string().as_str().into())),
            Err(_) => expr,
        },
        _ => expr,
    }
}

/// A projection that only passes its input on is none, though the input has more columns.
pub fn compact(operator: &mut Operator) {
    while let Operator::Projection(projection) = operator
        && passes_on(projection)
    {
        let names = projection.columns.iter().map(|column| column.name().0).collect();
        *operator = projection.source.take();
        name(operator, names);
    }
    if !matches!(operator, Operator::Route(_)) {
        operator.inputs_mut().into_iter().for_each(compact);
    }
}

/// Names for the columns of a recursion, whose seed has others.
fn name(operator: &mut Operator, names: Vec<std::sync::Arc<str>>) {
    match operator {
        Operator::RecurseCte(cte) => cte.names = names,
        Operator::Ordering(ordering) => name(&mut ordering.source, names),
        Operator::Limit(limit) => name(&mut limit.source, names),
        Operator::Filter(filter) => name(&mut filter.source, names),
        Operator::Distinct(distinct) => name(&mut distinct.source, names),
        _ => {}
    }
}

fn passes_on(projection: &Projection) -> bool {
    let mut columns = projection.columns.iter().enumerate();
    columns.all(|(at, column)| column.info == Info::Offset(at))
}

/// An alias, a column's own name, or the text.
fn name_of(planning: &Planning<'_>, column: &projection::Column) -> std::sync::Arc<str> {
    match (&column.alias, &column.original) {
        (Some(alias), _) => std::sync::Arc::clone(&alias.0),
        (None, Expr::Bound(name, _)) => std::sync::Arc::clone(&name.name.0),
        (None, original) => plain(planning, original).to_string().into(),
    }
}

fn projection(planning: &mut Planning<'_>, projection: Projection) -> Result<Primitive, PlanError> {
    let mut projection = projection;
    let offsets: Option<Vec<usize>> = projection
        .columns
        .iter()
        .map(|column| match column.info {
            Info::Offset(at) => Some(at),
            _ => None,
        })
        .collect();
    if let (Some(columns), Operator::ApplyJoin(join)) = (&offsets, &mut projection.source) {
        let sides = columns.iter().map(|at| join.output.get(*at).copied());
        let sides: Option<Vec<Side>> = sides.collect();
        join.output = sides.ok_or_else(|| PlanError::bug("a join without a column"))?;
        return lower(planning, projection.source);
    }
    if let Some(columns) = offsets {
        let input = lower(planning, projection.source)?;
        let names = Vec::new();
        let projection = primitive::SimpleProjection { columns, names, input };
        return Ok(Primitive::SimpleProjection(Box::new(projection)));
    }
    let mut columns = Vec::new();
    for column in &projection.columns {
        let evaluated = match &column.info {
            Info::Offset(at) => Expr::Argument { name: Ident::new(&at.to_string()), ty: None },
            Info::Evaluated(expr) => expr.clone(),
            Info::Unplanned => return Err(PlanError::bug("a column without an offset")),
        };
        let written = shown(plain(planning, &column.expr));
        super::evaluable::translate(&evaluated).map_err(|_| refused(&written))?;
        let name = name_of(planning, column);
        columns.push(primitive::ProjectedColumn { written, evaluated, name });
    }
    let input = lower(planning, projection.source)?;
    Ok(Primitive::Projection(Box::new(primitive::Projection { columns, input })))
}
