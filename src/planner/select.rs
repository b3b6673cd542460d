//! SELECT and UNION.
//!
//! See `planbuilder/select.go`. It knows nothing of operators' insides.

use std::collections::BTreeSet;
use std::sync::Arc;

use sim::sql::ast::{Query, SelectItem, Statement};

use super::directive::Directives;
use super::operator::Operator;
use super::planning::{Conditions, Names, Planning, RowsFor};
use super::primitive::{self, Opcode, Primitive, Projection, Routing};
use super::semantics::analyse::{analyse, analyse_rows, column_count};
use super::semantics::check::{first_select, is_dual, is_lock_function};
use super::semantics::item_name;
use super::{
    Context, PlanError, build, evaluable, expression, found_rows, lower, lower_above, mirror,
    offset, offset_above, offset_join, predicate, rewrite, shortcut, text,
    walk::{self, VisitMut},
};

/// A primitive with the tables that it uses.
pub type Planned = (Option<Primitive>, Vec<String>);

/// Plans a normalised query.
pub fn plan(query: &Query, context: &Context<'_>) -> Result<Planned, PlanError> {
    if let Some(found_rows) = found_rows::plan(query, context)? {
        return Ok(found_rows);
    }
    if let Query::Select(select) = query
        && found_rows::asks(select)
    {
        return plan(&found_rows::without_flag(select), context);
    }
    if let Some(root) = of_vtgate(query)? {
        return Ok((Some(root), vec![format!("{}.dual", dual_shortcut_keyspace(context))]));
    }
    if let Some(unsharded) = shortcut::unsharded_query(query, context) {
        return Ok(unchanged(query, unsharded));
    }
    let planned = apart(query, context)?;
    Ok(match again_by_clauses(query, &planned, context) {
        Some(better) => better,
        None => planned,
    })
}

/// What names no schema and no table of a system schema may do so as a conjunction of clauses.
fn again_by_clauses(query: &Query, planned: &Planned, context: &Context<'_>) -> Option<Planned> {
    let names_nothing = |planned: &Planned| {
        matches!(&planned.0, Some(Primitive::Route(route))
            if route.routing.opcode == Opcode::Dba
                && route.system.schemas.is_empty()
                && route.system.tables.is_empty())
    };
    if !names_nothing(planned) {
        return None;
    }
    let mut rewritten = query.clone();
    walk::query_mut(&mut rewritten, &mut Clauses);
    let again = apart(&rewritten, context).ok()?;
    (!names_nothing(&again)).then_some(again)
}

/// Every WHERE as a conjunction of clauses.
struct Clauses;

impl VisitMut for Clauses {
    fn query(&mut self, query: &mut Query) -> bool {
        if let Query::Select(select) = query {
            let conjuncts = expression::conjuncts(select.filter.as_ref()).into_iter();
            let rewritten = conjuncts.flat_map(predicate::rewrite).collect();
            select.filter = expression::conjunction(rewritten);
        }
        true
    }
}

/// The plan of a query that one unsharded keyspace answers.
pub fn unchanged(query: &Query, unsharded: shortcut::Unsharded) -> Planned {
    let used = unsharded.used.into_iter().collect();
    (Some(whole(query, unsharded.keyspace)), used)
}

/// Plans a query with its tables, wherever they are.
pub fn apart(query: &Query, context: &Context<'_>) -> Result<Planned, PlanError> {
    planned(query, context, Conditions::First, RowsFor::Client)
}

/// Plans the query that finds the rows of a change. All its columns are given.
pub fn for_change(query: &Query, context: &Context<'_>) -> Result<Planned, PlanError> {
    planned(query, context, Conditions::First, RowsFor::Change)
}

/// Plans the query of an INSERT .. SELECT.
pub fn for_insert(query: &Query, context: &Context<'_>) -> Result<Planned, PlanError> {
    planned(query, context, Conditions::First, RowsFor::Insert)
}

/// Plans a query that a foreign key leads to.
pub fn of_key(query: &Query, context: &Context<'_>) -> Result<Planned, PlanError> {
    planned(query, context, Conditions::Last, RowsFor::Client)
}

fn planned(
    query: &Query,
    context: &Context<'_>,
    conditions: Conditions,
    rows_for: RowsFor,
) -> Result<Planned, PlanError> {
    let mut statement = Statement::Query(query.clone());
    let mut planning = planning(&statement, context)?;
    planning.conditions = conditions;
    planning.rows_for = rows_for;
    planning.semantics = match rows_for {
        RowsFor::Change => analyse_rows(&mut statement, context)?,
        RowsFor::Client | RowsFor::Insert => analyse(&mut statement, context)?,
    };
    let Statement::Query(query) = statement else {
        return Err(PlanError::bug("a query that is none"));
    };
    if let Some(error) = planning.semantics.sharded_only.take() {
        return Err(error);
    }
    let Some(mirrored) = mirror::of(&planning.semantics, context) else {
        return analysed(planning, &query);
    };
    let mut other = self::planning(&Statement::Query(query.clone()), context)?;
    other.semantics = mirrored.semantics;
    let operator = operators(&mut planning, &query)?;
    other.names = planning.names.anew();
    let plan = finish(planning, operator, Some(&query))?;
    let operator = operators(&mut other, &query);
    // What was added behind the columns is not cut off: only the first plan's answer is given.
    match operator.and_then(|operator| finish(other, operator, None)) {
        Ok(other) => Ok(mirror::both(mirrored.percent, plan, other)),
        Err(_) => Ok(plan),
    }
}

fn analysed(mut planning: Planning<'_>, query: &Query) -> Result<Planned, PlanError> {
    let operator = operators(&mut planning, query)?;
    finish(planning, operator, Some(query))
}

fn operators(planning: &mut Planning<'_>, query: &Query) -> Result<Operator, PlanError> {
    let operator = build::query::query(planning, query)?;
    rewrite::plan_all(planning, operator)
}

pub fn planning<'a>(
    statement: &Statement,
    context: &'a Context<'a>,
) -> Result<Planning<'a>, PlanError> {
    Ok(Planning {
        context,
        semantics: Default::default(),
        names: Names::of(statement),
        merged_tables: BTreeSet::new(),
        merged: Vec::new(),
        phase: Default::default(),
        conditions: Default::default(),
        rows_for: Default::default(),
        iterations: Vec::new(),
    })
}

/// From the last operators to the plan. The query says which columns the client asked for.
pub fn finish(
    planning: Planning<'_>,
    operator: Operator,
    query: Option<&Query>,
) -> Result<Planned, PlanError> {
    let mut planning = planning;
    let mut operator = operator;
    let one_route = matches!(operator, Operator::Route(_));
    if !one_route && let Some(error) = planning.semantics.one_route_only.take() {
        return Err(error);
    }
    offset::plan(&mut planning, &mut operator)?;
    lower_above::compact(&mut operator);
    if planning.rows_for == RowsFor::Insert {
        offset::repeat(&mut operator);
    }
    let wanted = query.and_then(column_count).filter(|_| planning.rows_for != RowsFor::Change);
    let hidden =
        wanted.filter(|wanted| offset_above::width(&operator).is_some_and(|width| *wanted < width));
    let cut = hidden.filter(|wanted| !offset_above::cut_off(&mut operator, *wanted));
    let renamed = query.and_then(|query| renamed(&operator, query));
    let mut used = BTreeSet::new();
    lower::tables_used(&operator, &mut used);
    let mut root = lower::lower(&mut planning, operator)?;
    if let Some(wanted) = cut {
        let (columns, names) = ((0..wanted).collect(), Vec::new());
        let projection = primitive::SimpleProjection { columns, names, input: root };
        root = Primitive::SimpleProjection(Box::new(projection));
    }
    if let Some(columns) = renamed {
        let projection = primitive::SimpleProjection { columns, names: Vec::new(), input: root };
        root = Primitive::SimpleProjection(Box::new(projection));
    }
    if let (Primitive::SimpleProjection(projection), Some(query)) = (&mut root, query) {
        projection.names = names_of(query);
    }
    Ok((Some(root), used.into_iter().collect()))
}

/// Where a join has the columns that a query asks for, if it has them under other names.
fn renamed(operator: &Operator, query: &Query) -> Option<Vec<usize>> {
    let join = match operator {
        Operator::ApplyJoin(join) => join,
        // Its columns have no names but their own; they are in their places.
        Operator::HashJoin(join) => {
            let own = |at: usize| join.columns.get(at).map(|column| item_name(column, None));
            let names = names_of(query);
            let is_named = |(at, name): &(usize, Arc<str>)| own(*at).is_none_or(|own| own.is(name));
            return (!names.iter().all(is_named)).then(Vec::new);
        }
        Operator::VindexTable(table) => {
            let names = names_of(query);
            let is_named = |(at, name): &(usize, Arc<str>)| {
                table.names().nth(*at).is_none_or(|own| name.eq_ignore_ascii_case(own))
            };
            return (!names.iter().all(is_named)).then(Vec::new);
        }
        _ => return None,
    };
    if offset_join::is_named_as(join, &names_of(query)) {
        return None;
    }
    let place = |item: &SelectItem| match item {
        SelectItem::Expr { expr, .. } => {
            join.columns.iter().position(|column| predicate::same(&column.expr, expr))
        }
        _ => None,
    };
    first_select(query)?.items.iter().map(place).collect()
}

/// The output columns' names by position.
fn names_of(query: &Query) -> Vec<(usize, Arc<str>)> {
    let items = first_select(query).map(|select| select.items.as_slice()).unwrap_or_default();
    let name = |(at, item): (usize, &SelectItem)| match item {
        SelectItem::Expr { expr, alias } => Some((at, item_name(expr, alias.as_ref()).0)),
        _ => None,
    };
    items.iter().enumerate().filter_map(name).collect()
}

/// The plan of a text of our own.
pub fn plan_text(text: &str, context: &Context<'_>) -> Result<Primitive, PlanError> {
    let super::statement::Outer::Sql(Statement::Query(query)) = super::statement::parse(text)?
    else {
        return Err(PlanError::bug(format!("not a query: {text}")));
    };
    let (root, _) = plan(&query, context)?;
    root.ok_or_else(|| PlanError::bug(format!("a query without a plan: {text}")))
}

/// The query as it is, on the one shard of an unsharded keyspace.
fn whole(query: &Query, keyspace: primitive::Keyspace) -> Primitive {
    let comments = first_select(query).map(|select| select.comments.clone()).unwrap_or_default();
    let directives = Directives::of(&comments);
    let mut statement = Statement::Query(query.clone());
    expression::drop_keyspaces(&mut statement);
    let field_query = match &statement {
        Statement::Query(query) => Statement::Query(text::field_query(query)),
        other => other.clone(),
    };
    Primitive::Route(primitive::Route {
        routing: Routing {
            opcode: Opcode::Unsharded,
            keyspace,
            vindex: None,
            values: Vec::new(),
            needs_lookup: false,
            destination: None,
        },
        query: Arc::new(statement),
        field_query: Arc::new(field_query),
        order_by: Vec::new(),
        result_columns: 0,
        scatter_errors_as_warnings: directives.scatter_errors_as_warnings,
        query_timeout_ms: directives.query_timeout_ms,
        no_routes_special_handling: false,
        fetch_last_insert_id: false,
        system: Default::default(),
    })
}

/// A SELECT from dual that vtgate can evaluate by itself.
fn of_vtgate(query: &Query) -> Result<Option<Primitive>, PlanError> {
    let Query::Select(select) = query else { return Ok(None) };
    let bare = select.with.is_none()
        && select.filter.is_none()
        && select.group_by.is_empty()
        && select.having.is_none()
        && select.order_by.is_empty()
        && select.into.is_none()
        && !select.distinct
        && is_dual(&select.from);
    if !bare || !limit_keeps_a_row(select) {
        return Ok(None);
    }
    lock_functions(select)?;
    let mut columns = Vec::new();
    for item in &select.items {
        let SelectItem::Expr { expr, alias } = item else { return Ok(None) };
        let Ok(value) = evaluable::translate(expr) else { return Ok(None) };
        let name = match (alias, expr) {
            (Some(alias), _) => Arc::clone(&alias.0),
            // A text keeps its quotes here.
            (None, expr) => expr.to_string().into(),
        };
        columns.push(primitive::ProjectedColumn { written: value.clone(), evaluated: value, name });
    }
    let input = Primitive::SingleRow;
    Ok(Some(Primitive::Projection(Box::new(Projection { columns, input }))))
}

fn limit_keeps_a_row(select: &sim::sql::ast::Select) -> bool {
    use sim::sql::ast::{Expr, Literal};
    match &select.limit {
        None => true,
        Some(limit) => {
            limit.offset.is_none()
                && matches!(&limit.count, Expr::Literal(Literal::Integer(digits))
                    if digits.bytes().any(|digit| digit != b'0'))
        }
    }
}

/// A lock is its connection's: nothing else may be asked beside it.
fn lock_functions(select: &sim::sql::ast::Select) -> Result<(), PlanError> {
    let is_lock =
        |item: &SelectItem| matches!(item, SelectItem::Expr { expr, .. } if is_lock_function(expr));
    if !select.items.iter().any(is_lock) {
        return Ok(());
    }
    let other = select.items.iter().find(|item| !is_lock(item));
    match other {
        Some(SelectItem::Expr { expr, .. }) => Err(PlanError::unsupported(format!(
            "LOCK function and other expression: [{expr}] in same select query"
        ))),
        _ => Err(PlanError::unsupported("lock functions")),
    }
}

fn dual_shortcut_keyspace(context: &Context<'_>) -> String {
    super::any_keyspace(context).map(|keyspace| keyspace.name.to_string()).unwrap_or_default()
}
