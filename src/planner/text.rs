//! From the operators below a route to the query that goes to the shards.
//!
//! ```text
//!   ApplyJoin(Table a {a.x = 1}, Table b)  on a.y = b.z
//!   select .. from a, b where a.x = 1 and a.y = b.z
//! ```
//!
//! Inner joins become a comma list in the order of the statement, with their predicates in WHERE.
//! See `operators/SQL_builder.go`. It knows nothing of shards.

use std::collections::BTreeMap;

use sim::sql::ast::{
    ColumnName, Comments, CommonTable, CompareOp, Expr, Ident, Join as JoinNode, JoinKind, Literal,
    Lock, OrderBy, Query, Select, SelectItem, Statement, TableExpr, TableName, Union as UnionNode,
    With,
};

use super::operator::horizon::Derived;
use super::operator::join::Kind;
use super::operator::{
    Aggregator, ApplyJoin, Horizon, Operator, Projection, RecurseCte, Route, Union,
};
use super::planning::Planning;
use super::predicate::{self, same};
use super::semantics::analyse::is_system_schema;
use super::semantics::{item_name, names};
use super::walk::{self, VisitMut};
use super::{PlanError, expression};

/// The query of a route, still bound.
pub fn of_route(planning: &Planning<'_>, route: &Route) -> Result<Query, PlanError> {
    let mut query = build(planning, &route.source)?;
    fill_list(&mut query);
    dress(&mut query, &route.comments, route.lock);
    Ok(query)
}

/// FROM and WHERE of a route, for a data change.
pub fn tables_and_filter(
    planning: &Planning<'_>,
    source: &Operator,
) -> Result<(Vec<TableExpr>, Option<Expr>), PlanError> {
    match build(planning, source)? {
        Query::Select(select) => Ok((select.from, select.filter)),
        _ => Err(PlanError::bug("a data change over a union")),
    }
}

/// A side of a join of which nothing is read still says whether there is a row.
fn fill_list(query: &mut Query) {
    if let Query::Select(select) = query
        && select.items.is_empty()
    {
        let expr = Expr::Literal(Literal::Integer("1".into()));
        select.items.push(SelectItem::Expr { expr, alias: None });
    }
}

/// Comments and a lock clause, on the first SELECT.
fn dress(query: &mut Query, comments: &Comments, lock: Lock) {
    match query {
        Query::Select(select) => select.lock = lock,
        Query::Union(union) => union.lock = lock,
        Query::Values(_) => {}
    }
    if !comments.0.is_empty() {
        comment_first(query, comments);
    }
}

fn comment_first(query: &mut Query, comments: &Comments) {
    match query {
        Query::Select(select) => select.comments = comments.clone(),
        Query::Union(union) => comment_first(&mut union.left, comments),
        Query::Values(_) => {}
    }
}

/// A route's query made plain: merged subqueries in place, columns on the left of equalities, no
/// keyspaces, no numbers.
pub fn finish_route(planning: &Planning<'_>, query: &mut Query) {
    restore(planning, |merged| walk::query_mut(query, merged));
    walk::query_mut(query, &mut Turn);
    walk::query_mut(query, &mut Plain);
    walk::query_mut(query, &mut names::Unbind);
}

/// The same for the query of a data change, which turns nothing.
pub fn finish(planning: &Planning<'_>, query: &mut Query) {
    restore(planning, |merged| walk::query_mut(query, merged));
    walk::query_mut(query, &mut Plain);
    walk::query_mut(query, &mut names::Unbind);
}

pub fn finish_statement(planning: &Planning<'_>, statement: &mut Statement) {
    restore(planning, |merged| walk::statement_mut(statement, merged));
    expression::drop_keyspaces(statement);
    walk::statement_mut(statement, &mut names::Unbind);
}

pub fn finish_expr(planning: &Planning<'_>, expr: &mut Expr) {
    restore(planning, |merged| walk::expr_mut(expr, merged));
    walk::expr_mut(expr, &mut Plain);
    walk::expr_mut(expr, &mut names::Unbind);
}

/// Puts merged subqueries in place, if there are any.
fn restore(planning: &Planning<'_>, walk: impl FnOnce(&mut Restore<'_>)) {
    if !planning.merged.is_empty() {
        walk(&mut Restore { merged: &planning.merged });
    }
}

/// The query of what is below a route, and nothing put on it.
pub fn of_source(planning: &Planning<'_>, source: &Operator) -> Result<Query, PlanError> {
    let mut query = build(planning, source)?;
    fill_list(&mut query);
    Ok(query)
}

// ---------------------------------------------------------------- operators

fn build(planning: &Planning<'_>, operator: &Operator) -> Result<Query, PlanError> {
    match operator {
        Operator::Table(table) => {
            let mut select = expression::empty_select();
            // An iteration of a recursion is no table where vtgate keeps its rows.
            if !matches!(&table.written, TableExpr::Parens(list) if list.is_empty()) {
                select.from.push(table.written.clone());
            }
            add_predicates(planning, &mut select, &table.predicates);
            Ok(Query::Select(Box::new(select)))
        }
        Operator::ApplyJoin(join) => self::join(planning, join),
        Operator::Filter(filter) => {
            let mut query = build(planning, &filter.source)?;
            let Query::Select(select) = &mut query else {
                return Err(PlanError::bug("a filter over a union"));
            };
            let mut predicates = filter.predicates.clone();
            if is_table(&filter.source) {
                predicates
                    .iter_mut()
                    .try_for_each(|predicate| from_outside(planning, select, predicate))?;
            }
            add_predicates(planning, select, &predicates);
            Ok(query)
        }
        Operator::Horizon(horizon) => self::horizon(planning, horizon),
        Operator::Projection(projection) => self::projection(planning, projection),
        Operator::Aggregator(aggregator) => self::aggregator(planning, aggregator),
        Operator::Ordering(ordering) => {
            let mut query = build(planning, &ordering.source)?;
            let order = ordering
                .order
                .iter()
                .map(|order| OrderBy { expr: order.expr.clone(), descending: order.descending });
            let mut order: Vec<OrderBy> = order.collect();
            if let Query::Select(select) = &mut query
                && is_table(&ordering.source)
            {
                order.iter_mut().try_for_each(|by| from_outside(planning, select, &mut by.expr))?;
            }
            let known = match &mut query {
                Query::Select(select) => &mut select.order_by,
                Query::Union(union) => &mut union.order_by,
                Query::Values(_) => return Ok(query),
            };
            for by in order {
                if !known.iter().any(|other| same(&other.expr, &by.expr)) {
                    known.push(by);
                }
            }
            Ok(query)
        }
        Operator::Limit(limit) => {
            let mut query = build(planning, &limit.source)?;
            match &mut query {
                Query::Select(select) => select.limit = Some(limit.limit.clone()),
                Query::Union(union) => union.limit = Some(limit.limit.clone()),
                Query::Values(_) => {}
            }
            Ok(query)
        }
        Operator::Distinct(distinct) => {
            let mut query = build(planning, &distinct.source)?;
            match &mut query {
                Query::Select(select) => select.distinct = true,
                Query::Union(union) => union.distinct = true,
                Query::Values(_) => {}
            }
            Ok(query)
        }
        Operator::Union(union) => self::union(planning, union),
        Operator::RecurseCte(cte) => recursion(planning, cte),
        other => Err(PlanError::bug(format!("{} below a route", other.name()))),
    }
}

/// Adds conjuncts to WHERE, or to HAVING where they aggregate, each once: columns are compared by
/// what they are bound to. What names a schema looks alike and is not: the values were different.
fn add_predicates(planning: &Planning<'_>, select: &mut Select, predicates: &[Expr]) {
    let all = predicates.iter().flat_map(|predicate| expression::conjuncts(Some(predicate)));
    let (having, filter): (Vec<&Expr>, Vec<&Expr>) =
        all.partition(|predicate| planning.semantics.has_aggregate(predicate));
    add_to_clause(&mut select.filter, &filter);
    add_to_clause(&mut select.having, &having);
}

fn add_to_clause(clause: &mut Option<Expr>, new: &[&Expr]) {
    if new.is_empty() {
        return;
    }
    let mut conjuncts = clause.take().map(expression::into_conjuncts).unwrap_or_default();
    let mut known: BTreeMap<u64, Vec<usize>> = BTreeMap::new();
    for (at, conjunct) in conjuncts.iter().enumerate() {
        known.entry(predicate::key(conjunct)).or_default().push(at);
    }
    for new in new {
        let alike = known.entry(predicate::key(new)).or_default();
        if super::route::system::names_schema(new)
            || !alike.iter().any(|at| same(&conjuncts[*at], new))
        {
            alike.push(conjuncts.len());
            conjuncts.push((*new).clone());
        }
    }
    *clause = expression::conjunction(conjuncts);
}

fn join(planning: &Planning<'_>, join: &ApplyJoin) -> Result<Query, PlanError> {
    let (left, right) = (build(planning, &join.left)?, build(planning, &join.right)?);
    let (Query::Select(mut left), Query::Select(right)) = (left, right) else {
        return Err(PlanError::bug("a join of unions"));
    };
    left.items.extend(right.items);
    merge_with(&mut left.with, right.with);
    let on = join.predicates.iter().map(|p| p.original.clone());
    // An iteration of a recursion is a row that is no table.
    let is_row = left.from.is_empty() || right.from.is_empty();
    match join.kind {
        Kind::Inner | Kind::Straight if join.kind == Kind::Inner || is_row => {
            left.from.extend(right.from);
            add_predicates(planning, &mut left, right.filter.as_slice());
            add_predicates(planning, &mut left, &on.collect::<Vec<_>>());
        }
        kind => {
            // Vitess has what joins the right's own tables in WHERE, and loses the left's rows.
            let on = on.chain(right.filter.map(expression::into_conjuncts).into_iter().flatten());
            let kind = match kind {
                Kind::Straight => JoinKind::Straight,
                _ => JoinKind::Left,
            };
            let node = JoinNode {
                kind,
                left: one_table(left.from),
                right: one_table(right.from),
                on: expression::conjunction(on.collect()),
                using: Vec::new(),
            };
            left.from = vec![TableExpr::Join(Box::new(node))];
        }
    }
    Ok(Query::Select(left))
}

/// The recursions of both sides; one that both read stands there once.
fn merge_with(own: &mut Option<With>, other: Option<With>) {
    let Some(other) = other else { return };
    let with = own.get_or_insert_with(|| With { recursive: other.recursive, tables: Vec::new() });
    for table in other.tables {
        if !with.tables.iter().any(|known| known.name == table.name) {
            with.tables.push(table);
        }
    }
}

/// The recursion in a WITH, and the table that it is in FROM.
fn recursion(planning: &Planning<'_>, cte: &RecurseCte) -> Result<Query, PlanError> {
    let mut seed = build(planning, &cte.seed)?;
    let mut term = build(planning, &cte.term)?;
    sort_tables(&mut seed);
    sort_tables(&mut term);
    let query = Query::Union(Box::new(UnionNode {
        distinct: cte.distinct,
        ..expression::union_all(seed, term)
    }));
    let table = CommonTable { name: cte.name.clone(), columns: cte.columns.clone(), query };
    let mut select = expression::empty_select();
    select.with = Some(With { recursive: true, tables: vec![table] });
    select.from.push(cte.written.clone());
    Ok(Query::Select(Box::new(select)))
}

fn one_table(mut from: Vec<TableExpr>) -> TableExpr {
    match from.len() {
        1 => from.swap_remove(0),
        _ => TableExpr::Parens(from),
    }
}

fn horizon(planning: &Planning<'_>, horizon: &Horizon) -> Result<Query, PlanError> {
    let source = build(planning, &horizon.source)?;
    let query = match (&horizon.query, source) {
        (Query::Select(select), Query::Select(source)) => {
            let mut select = select.clone();
            select.from = source.from;
            select.filter = source.filter;
            select.with = source.with;
            // What a server is told of how to work is not passed on.
            select.flags.clear();
            if horizon.derived.is_some() {
                select.comments = Comments::default();
            }
            Query::Select(select)
        }
        (Query::Union(union), Query::Union(mut source)) => {
            source.order_by.extend(union.order_by.iter().cloned());
            if union.limit.is_some() {
                source.limit = union.limit.clone();
            }
            Query::Union(source)
        }
        // A union whose sources are all one SELECT.
        (Query::Union(_), other) => other,
        _ => return Err(PlanError::bug("a horizon over another kind of query")),
    };
    Ok(derived(query, horizon.derived.as_ref()))
}

/// A query as a table of the query above it.
fn derived(query: Query, derived: Option<&Derived>) -> Query {
    let Some(Derived { number, alias, columns }) = derived else { return query };
    let mut query = query;
    sort_tables(&mut query);
    let table = TableExpr::Derived {
        lateral: false,
        query,
        alias: alias.clone(),
        columns: columns.clone(),
    };
    let mut select = expression::empty_select();
    select.from.push(TableExpr::Bound(Box::new(table), *number));
    Query::Select(Box::new(select))
}

/// Whether what stands above names an operator's columns as those of a derived table.
fn is_table(operator: &Operator) -> bool {
    match operator {
        Operator::Projection(projection) => {
            projection.derived.is_some() || is_table(&projection.source)
        }
        Operator::Aggregator(aggregator) => aggregator.derived.is_some(),
        Operator::Filter(filter) => is_table(&filter.source),
        Operator::Ordering(ordering) => is_table(&ordering.source),
        Operator::Limit(limit) => is_table(&limit.source),
        Operator::Distinct(distinct) => is_table(&distinct.source),
        _ => false,
    }
}

/// ORDER BY and HAVING of a derived table that stand outside of it now name its columns; it gets
/// those that it has not.
fn from_outside(
    planning: &Planning<'_>,
    select: &mut Select,
    expr: &mut Expr,
) -> Result<(), PlanError> {
    let [TableExpr::Bound(table, number)] = &mut select.from[..] else { return Ok(()) };
    let number = *number;
    let TableExpr::Derived { query: Query::Select(inner), alias, .. } = &mut **table else {
        return Ok(());
    };
    if expression::any(expr, &mut |expr| walk::own_query(expr).is_some()) {
        return Ok(());
    }
    let mut refused = None;
    walk::expr_mut(
        expr,
        &mut walk::EachExpr(|expr: &mut Expr| {
            let is_own = matches!(expr, Expr::Bound(_, own) if *own == number);
            if is_own || !matches!(expr, Expr::Bound(..)) && given(inner, expr).is_none() {
                if matches!(expr, Expr::Aggregate(_)) {
                    refused = Some(outside(expr));
                }
                return;
            }
            let known = given(inner, expr);
            let Some(name) = known.clone().or_else(|| added(inner, expr)) else {
                refused = Some(outside(expr));
                return;
            };
            let offered = planning.semantics.table(number).derived();
            let as_is = offered.is_some_and(|table| table.column(name.as_str()).is_some())
                && matches!(expr, Expr::Bound(own, _)
                    if own.table.is_none() && own.name.is(name.as_str()));
            let table = TableName { qualifier: None, name: alias.clone() };
            let table = Some(table).filter(|_| !as_is);
            *expr = Expr::Bound(ColumnName { table, name }, number);
        }),
    );
    refused.map_or(Ok(()), Err)
}

/// The name under which a query gives an expression.
fn given(query: &Select, expr: &Expr) -> Option<Ident> {
    query.items.iter().find_map(|item| match item {
        SelectItem::Expr { expr: own, alias } if same(own, expr) => {
            Some(item_name(own, alias.as_ref()))
        }
        _ => None,
    })
}

/// The same for one more column of it, if its rows stay the same.
fn added(query: &mut Select, expr: &Expr) -> Option<Ident> {
    let name = item_name(expr, None);
    let grows = !query.distinct
        && query.group_by.is_empty()
        && !query.items.iter().any(|item| match item {
            SelectItem::Expr { expr, alias } => item_name(expr, alias.as_ref()) == name,
            _ => true,
        });
    grows.then(|| query.items.push(SelectItem::Expr { expr: expr.clone(), alias: None }))?;
    Some(name)
}

fn outside(expr: &Expr) -> PlanError {
    PlanError::unsupported(format!("{expr} outside of the derived table that it is of"))
}

fn projection(planning: &Planning<'_>, projection: &Projection) -> Result<Query, PlanError> {
    let mut query = build(planning, &projection.source)?;
    let Query::Select(select) = &mut query else {
        return Err(PlanError::bug("a projection over a union"));
    };
    let mut items: Vec<SelectItem> = match &projection.star {
        Some(items) => items.clone(),
        None => projection.columns.iter().map(|column| item_of(planning, column)).collect(),
    };
    if is_table(&projection.source) {
        let exprs = items.iter_mut().filter_map(|item| match item {
            SelectItem::Expr { expr, .. } => Some(expr),
            _ => None,
        });
        let mut exprs = exprs;
        exprs.try_for_each(|expr| from_outside(planning, select, expr))?;
    }
    select.items = items;
    Ok(derived(query, projection.derived.as_ref()))
}

/// Where a subquery was pulled out or its values were taken, the client still sees the name that it
/// wrote.
fn item_of(planning: &Planning<'_>, column: &super::operator::projection::Column) -> SelectItem {
    let pulled_out = expression::any(&column.expr, &mut |expr| match expr {
        Expr::Argument { name, .. } | Expr::ListArgument(name) => {
            name.as_str().starts_with("__sq")
                && !planning.merged.iter().any(|(merged, _)| **merged == *name.0)
        }
        _ => false,
    });
    let changed = || {
        let merged = planning.merged.iter().filter(|(_, expr)| super::route::system::takes(expr));
        let names: Vec<&str> = merged.map(|(name, _)| &**name).collect();
        expression::any(&column.expr, &mut |expr| match expr {
            Expr::Argument { name, .. } => names.contains(&name.as_str()),
            _ => false,
        })
    };
    let named = || !super::offset_above::is_weight_string(&column.expr);
    let alias = match (&column.alias, (pulled_out || changed()) && named()) {
        (None, true) => {
            let mut original = column.original.clone();
            finish_expr(planning, &mut original);
            Some(Ident::new(&original.to_string()))
        }
        (alias, _) => alias.clone(),
    };
    SelectItem::Expr { expr: column.expr.clone(), alias }
}

fn aggregator(planning: &Planning<'_>, aggregator: &Aggregator) -> Result<Query, PlanError> {
    let mut query = build(planning, &aggregator.source)?;
    let Query::Select(select) = &mut query else {
        return Err(PlanError::bug("an aggregation over a union"));
    };
    let item = |column: &super::operator::aggregator::Column| SelectItem::Expr {
        expr: column.expr.clone(),
        alias: column.alias.clone(),
    };
    select.items = aggregator.columns.iter().map(item).collect();
    select.group_by = aggregator.groups.iter().map(|group| group.expr.clone()).collect();
    select.rollup = aggregator.rollup;
    Ok(derived(query, aggregator.derived.as_ref()))
}

fn union(planning: &Planning<'_>, union: &Union) -> Result<Query, PlanError> {
    let mut queries = Vec::new();
    for source in &union.sources {
        let mut query = build(planning, source)?;
        sort_tables(&mut query);
        queries.push(query);
    }
    let mut queries = queries.into_iter();
    let first = queries.next().ok_or_else(|| PlanError::bug("a union of nothing"))?;
    Ok(queries.fold(first, |left, right| {
        let union = UnionNode { distinct: union.distinct, ..expression::union_all(left, right) };
        Query::Union(Box::new(union))
    }))
}

// ---------------------------------------------------------------- the whole text

/// FROM in the order of the statement; derived tables, which have no place in it, come first.
pub fn sort_tables(query: &mut Query) {
    match query {
        Query::Select(select) => select.from.sort_by_key(first_number),
        Query::Union(union) => {
            sort_tables(&mut union.left);
            sort_tables(&mut union.right);
        }
        Query::Values(_) => {}
    }
}

fn first_number(table: &TableExpr) -> Option<u32> {
    match table {
        TableExpr::Bound(written, _) if matches!(**written, TableExpr::Derived { .. }) => None,
        TableExpr::Bound(_, number) => Some(*number),
        TableExpr::Join(join) => first_number(&join.left).min(first_number(&join.right)),
        TableExpr::Parens(list) => list.iter().filter_map(first_number).min(),
        _ => None,
    }
}

/// Puts merged subqueries back in the place of their arguments.
struct Restore<'a> {
    merged: &'a [(std::sync::Arc<str>, Expr)],
}

impl Restore<'_> {
    fn find(&self, name: &Ident) -> Option<&Expr> {
        self.merged.iter().find(|(known, _)| **known == *name.0).map(|(_, expr)| expr)
    }

    /// `:__sq_has_values`, which a merged IN needs no more.
    fn is_spent(&self, expr: &Expr) -> bool {
        let name = match expr {
            Expr::Argument { name, .. } => name,
            Expr::Not(inner) => match &**inner {
                Expr::Argument { name, .. } => name,
                _ => return false,
            },
            _ => return false,
        };
        name.as_str().starts_with("__sq_has_values") && self.find(name).is_none()
    }
}

impl VisitMut for Restore<'_> {
    fn expr(&mut self, expr: &mut Expr) -> bool {
        if self.merged.is_empty() {
            return false;
        }
        if let Expr::And(terms) | Expr::Or(terms) = expr
            && let [first, second] = &terms[..]
            && self.is_spent(first)
            && matches!(second, Expr::Compare { right, .. }
                if matches!(&**right, Expr::ListArgument(name) if self.find(name).is_some()))
        {
            *expr = second.clone();
        }
        if let Expr::Argument { name, .. } | Expr::ListArgument(name) = expr
            && let Some(merged) = self.find(name)
        {
            *expr = merged.clone();
        }
        true
    }
}

/// Takes keyspaces off columns and tables, system schemas excepted.
struct Plain;

impl VisitMut for Plain {
    fn expr(&mut self, expr: &mut Expr) -> bool {
        match expr {
            Expr::Bound(column, _) | Expr::Column(column) => {
                if let Some(table) = &mut column.table {
                    table.qualifier.take_if(|name| !is_system_schema(name.as_str()));
                }
            }
            _ => {}
        }
        true
    }

    fn query(&mut self, query: &mut Query) -> bool {
        if let Query::Select(select) = query {
            for item in &mut select.items {
                if let SelectItem::Star(Some(table)) = item {
                    table.qualifier = None;
                }
            }
            // `from dual` and no FROM at all are one, and print alike.
            if matches!(&select.from[..], [table] if is_bare_dual(table)) {
                select.from.clear();
            }
        }
        true
    }
}

fn is_bare_dual(table: &TableExpr) -> bool {
    match table {
        TableExpr::Bound(inner, _) => is_bare_dual(inner),
        TableExpr::Table(table) => {
            let name = &table.name;
            name.qualifier.is_none() && name.name.is("dual") && table.alias.is_none()
        }
        _ => false,
    }
}

/// What stands on the left of its column moves to the right.
struct Turn;

impl VisitMut for Turn {
    fn expr(&mut self, expr: &mut Expr) -> bool {
        if let Expr::Compare {
            op: CompareOp::Equal | CompareOp::NotEqual | CompareOp::NullSafeEqual,
            left,
            right,
            ..
        } = expr
        {
            let column = |expr: &Expr| matches!(expr, Expr::Bound(..) | Expr::Column(_));
            if !column(left) && column(right) {
                std::mem::swap(left, right);
            }
        }
        true
    }
}

/// The conjunct of the chosen IN gets only the values of the shard that it goes to.
pub fn with_list_arguments(query: &mut Query, routing: &super::route::Routing) {
    let super::route::Routing::Sharded(sharded) = routing else { return };
    let Some(selected) = &sharded.selected else { return };
    replace_in_first(query, selected);
}

/// Of the SELECTs of a union, and of those in FROM, the first that has the conjunct.
fn replace_in_first(query: &mut Query, selected: &super::route::option::VindexOption) -> bool {
    match query {
        Query::Select(select) => {
            replace_in_with(select.with.as_mut(), selected)
                || replace_lists(&mut select.filter, selected)
                || select.from.iter_mut().any(|table| replace_in_table(table, selected))
        }
        Query::Union(union) => {
            replace_in_first(&mut union.left, selected)
                || replace_in_first(&mut union.right, selected)
        }
        Query::Values(_) => false,
    }
}

fn replace_in_with(with: Option<&mut With>, selected: &super::route::option::VindexOption) -> bool {
    let mut tables = with.into_iter().flat_map(|with| &mut with.tables);
    tables.any(|table| replace_in_first(&mut table.query, selected))
}

fn replace_in_table(table: &mut TableExpr, selected: &super::route::option::VindexOption) -> bool {
    match table {
        TableExpr::Derived { query, .. } => replace_in_first(query, selected),
        TableExpr::Join(join) => {
            replace_in_table(&mut join.left, selected)
                || replace_in_table(&mut join.right, selected)
        }
        TableExpr::Parens(list) => list.iter_mut().any(|inner| replace_in_table(inner, selected)),
        TableExpr::Bound(inner, _) => replace_in_table(inner, selected),
        TableExpr::Table(_) | TableExpr::JsonTable { .. } => false,
    }
}

/// Says whether there was a list to replace.
pub fn replace_lists(
    filter: &mut Option<Expr>,
    selected: &super::route::option::VindexOption,
) -> bool {
    let multi = selected.mapping.properties().is_multi_column();
    let Some(whole) = filter.take() else { return false };
    let mut found = false;
    let replaced = expression::into_conjuncts(whole).into_iter().map(|mut conjunct| {
        let chosen = selected.predicates.iter().any(|predicate| same(predicate, &conjunct));
        if chosen
            && let Expr::Compare { op: CompareOp::In, left, right, .. } = &mut conjunct
            && let Expr::Bound(column, _) = &**left
            && !matches!(&**right, Expr::ListArgument(name) if name.as_str() == "dml_vals")
        {
            let at = selected.vindex.columns.iter().position(|name| column.name.is(name));
            let name = match at {
                Some(at) if multi => format!("__vals{at}"),
                _ => "__vals".to_owned(),
            };
            **right = Expr::ListArgument(Ident::new(&name));
            found = true;
        }
        conjunct
    });
    *filter = expression::conjunction(replaced.collect());
    found
}

/// The query's columns without its rows: `where 1 != 1`, no order, limit, lock.
pub fn field_query(query: &Query) -> Query {
    let mut fields = query.clone();
    to_fields(&mut fields);
    fields
}

fn to_fields(query: &mut Query) {
    match query {
        Query::Select(select) => {
            let one = || Box::new(Expr::Literal(Literal::Integer("1".into())));
            let (left, right) = (one(), one());
            fields_of_with(select.with.as_mut());
            select.parens = !select.order_by.is_empty()
                || select.limit.is_some()
                || select.lock != Lock::None
                || select.into.is_some();
            select.comments = Comments::default();
            select.distinct = false;
            select.flags.clear();
            select.filter =
                Some(Expr::Compare { op: CompareOp::NotEqual, left, right, escape: None });
            select.having = None;
            select.order_by.clear();
            select.limit = None;
            select.lock = Lock::None;
            select.into = None;
            select.from.iter_mut().for_each(|table| walk::table_mut(table, &mut Fields));
            for item in &mut select.items {
                if let SelectItem::Expr { expr, .. } = item {
                    walk::expr_mut(expr, &mut Fields);
                }
            }
            select.group_by.iter_mut().for_each(|expr| walk::expr_mut(expr, &mut Fields));
        }
        Query::Union(union) => {
            fields_of_with(union.with.as_mut());
            to_fields(&mut union.left);
            to_fields(&mut union.right);
            union.order_by.clear();
            union.limit = None;
            union.lock = Lock::None;
        }
        Query::Values(_) => {}
    }
}

fn fields_of_with(with: Option<&mut sim::sql::ast::With>) {
    with.into_iter()
        .flat_map(|with| &mut with.tables)
        .for_each(|table| to_fields(&mut table.query));
}

/// Nested queries are asked for their columns alone as well.
struct Fields;

impl VisitMut for Fields {
    fn query(&mut self, query: &mut Query) -> bool {
        to_fields(query);
        false
    }
}
