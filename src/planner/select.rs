//! SELECT.
//!
//! All tables in one unsharded keyspace: the statement as it is. One table of a sharded keyspace: a
//! Route; below a lookup a VindexLookup; on several shards, what the shards cannot finish is
//! finished above them: order is merged, limits and counts are taken again.

use std::sync::Arc;

use sim::sql::ast::{
    Aggregate as AggregateExpr, AggregateKind, ColumnName, CompareOp, Expr, Function, Ident, Limit,
    Literal, Lock, OrderBy, Query, Select, SelectItem, Statement, TableExpr, TableName,
};

use super::primitive::{
    Aggregate, AggregateColumn, AggregateOp, Keyspace, Limit as LimitPrimitive, Opcode, Primitive,
    Route, Routing, SortKey, VindexLookup,
};
use super::routing::{self, Choice};
use super::{Context, PlanError, expression, keyspace, statement};
use crate::vschema::{Table, TableType};

type Planned = (Option<Primitive>, Vec<String>);

pub fn plan(query: &Query, context: &Context<'_>) -> Result<Planned, PlanError> {
    let mut names = Vec::new();
    super::tables_of_query(query, &mut names)?;
    if names.is_empty() {
        return dual(query, context);
    }
    if let Some((keyspace, used)) = super::all_unsharded(&names, context)? {
        return Ok((Some(Primitive::Route(unsharded(query, &keyspace))), used));
    }
    let Query::Select(select) = query else { return Err(PlanError::unsupported("union")) };
    let [TableExpr::Table(written)] = select.from.as_slice() else {
        return Err(PlanError::unsupported("joins and derived tables in a sharded keyspace"));
    };
    if names.len() != 1 {
        return Err(PlanError::unsupported("subqueries in a sharded keyspace"));
    }
    if !written.hints.is_empty() || !select.windows.is_empty() {
        return Err(PlanError::unsupported("hints and windows"));
    }
    let table = super::find_table(&written.name, context)?;
    let used = vec![format!("{}.{}", table.keyspace, table.name)];
    let of = keyspace(context, &table.keyspace)?;
    if table.table_type != TableType::Normal {
        return Err(PlanError::unsupported("sequence and reference tables"));
    }
    let mut select = (**select).clone();
    analyse(&mut select, &table);
    let shape = Shape { table: &table, keyspace: of, context };
    Ok((Some(shape.plan(select)?), used))
}

/// `select 1`: any shard of the session's keyspace answers.
fn dual(query: &Query, context: &Context<'_>) -> Result<Planned, PlanError> {
    let mut of = super::current_keyspace(context)?;
    let used = vec![format!("{}.dual", of.name)];
    let opcode = if of.sharded { Opcode::Reference } else { Opcode::Unsharded };
    of.sharded = matches!(opcode, Opcode::Reference);
    let mut route = unsharded(query, &of);
    route.routing.opcode = opcode;
    Ok((Some(Primitive::Route(route)), used))
}

fn unsharded(query: &Query, keyspace: &Keyspace) -> Route {
    let mut statement = Statement::Query(query.clone());
    expression::drop_keyspaces(&mut statement);
    let Statement::Query(query) = &statement else { unreachable!("it was a query") };
    let field_query = Statement::Query(field_query(query));
    let routing = Routing {
        opcode: Opcode::Unsharded,
        keyspace: keyspace.clone(),
        vindex: None,
        values: Vec::new(),
        destination: None,
    };
    route(routing, statement, field_query)
}

fn route(routing: Routing, query: Statement, field_query: Statement) -> Route {
    Route {
        routing,
        query: Arc::new(query),
        field_query: Arc::new(field_query),
        order_by: Vec::new(),
        result_columns: 0,
        scatter_errors_as_warnings: false,
        query_timeout_ms: 0,
        no_routes_special_handling: false,
    }
}

/// The query's columns without its rows: `where 1 != 1`, no order, limit, lock.
pub fn field_query(query: &Query) -> Query {
    match query {
        Query::Select(select) => {
            let never = Expr::Compare {
                op: CompareOp::NotEqual,
                left: Box::new(integer("1")),
                right: Box::new(integer("1")),
                escape: None,
            };
            Query::Select(Box::new(Select {
                comments: Default::default(),
                distinct: false,
                flags: Vec::new(),
                filter: Some(never),
                having: None,
                order_by: Vec::new(),
                limit: None,
                lock: Lock::None,
                into: None,
                ..(**select).clone()
            }))
        }
        Query::Union(union) => {
            let mut union = union.clone();
            union.left = field_query(&union.left);
            union.right = field_query(&union.right);
            union.order_by.clear();
            union.limit = None;
            Query::Union(union)
        }
        Query::Values(values) => Query::Values(values.clone()),
    }
}

fn integer(digits: &str) -> Expr {
    Expr::Literal(Literal::Integer(digits.into()))
}

// ---------------------------------------------------------------- analysis

/// Names become what they mean: a star is expanded where all columns are known, ORDER BY takes what
/// the select list offers.
fn analyse(select: &mut Select, table: &Table) {
    if let TableExpr::Table(written) = &mut select.from[0] {
        if written.alias.is_none() && !written.name.name.is(&table.name) {
            written.alias = Some(written.name.name.clone());
            written.name.name = Ident::new(&table.name);
        }
        written.name.qualifier = None;
    }
    expand_star(select, table);
    let qualifier = qualifier(select);
    for order in &mut select.order_by {
        resolve_order(&mut order.expr, &select.items, &qualifier);
    }
    expression::of_select_mut(select).into_iter().for_each(expression::drop_column_keyspaces);
    let constant = |order: &OrderBy| matches!(order.expr, Expr::Literal(_));
    select.order_by.retain(|order| !constant(order));
}

/// The name by which columns of the one table are qualified.
fn qualifier(select: &Select) -> TableName {
    let name = match &select.from[0] {
        TableExpr::Table(table) => table.alias.clone().unwrap_or_else(|| table.name.name.clone()),
        _ => Ident::new(""),
    };
    TableName { qualifier: None, name }
}

fn expand_star(select: &mut Select, table: &Table) {
    if !table.column_list_authoritative {
        return;
    }
    let column = |name: &str| SelectItem::Expr {
        expr: Expr::Column(ColumnName { table: None, name: Ident::new(name) }),
        alias: None,
    };
    let visible = table.columns.iter().filter(|column| !column.invisible);
    let names: Vec<&str> = visible.map(|column| column.name.as_str()).collect();
    let items = std::mem::take(&mut select.items);
    select.items = items
        .into_iter()
        .flat_map(|item| match item {
            SelectItem::Star(_) => names.iter().map(|name| column(name)).collect(),
            other => vec![other],
        })
        .collect();
}

/// A position is the select expression as written; a name is an alias' expression or a selected
/// column's, with its table's name filled in.
fn resolve_order(order: &mut Expr, items: &[SelectItem], qualifier: &TableName) {
    if let Expr::Literal(Literal::Integer(digits)) = order {
        let position = digits.parse::<usize>().ok().and_then(|position| position.checked_sub(1));
        if let Some(SelectItem::Expr { expr, .. }) = position.and_then(|at| items.get(at)) {
            *order = expr.clone();
        }
        return;
    }
    let Expr::Column(ColumnName { table: None, name }) = order else { return };
    let selected = items.iter().find_map(|item| match item {
        SelectItem::Expr { expr, alias: Some(alias) } if alias.is(name.as_str()) => Some(expr),
        SelectItem::Expr { expr: expr @ Expr::Column(column), alias: None }
            if column.name.is(name.as_str()) =>
        {
            Some(expr)
        }
        _ => None,
    });
    if let Some(expr) = selected {
        let mut expr = expr.clone();
        expression::walk_mut(&mut expr, &mut |expr| {
            if let Expr::Column(column) = expr {
                column.table.get_or_insert_with(|| qualifier.clone());
            }
        });
        *order = expr;
    }
}

// ---------------------------------------------------------------- over shards

struct Shape<'a> {
    table: &'a Table,
    keyspace: Keyspace,
    context: &'a Context<'a>,
}

impl Shape<'_> {
    fn plan(&self, mut select: Select) -> Result<Primitive, PlanError> {
        let filter = select.filter.take();
        let conjuncts = expression::conjuncts(filter.as_ref());
        let choice = routing::choose(self.table, &conjuncts)?;
        let conjuncts = routing::routed_conjuncts(&conjuncts, &choice, true);
        select.filter = expression::conjunction(conjuncts);
        if choice.is_single_shard() {
            return self.source(select, &choice, Vec::new(), 0);
        }
        if select.distinct || !select.group_by.is_empty() || select.having.is_some() {
            return Err(PlanError::unsupported("grouping over several shards"));
        }
        let aggregates = select.items.iter().any(
            |item| matches!(item, SelectItem::Expr { expr, .. } if expression::has_aggregate(expr)),
        );
        let limit = select.limit.take();
        let inner = match aggregates {
            true => self.scalar_aggregate(select, &choice)?,
            false => {
                if let Some(limit) = &limit {
                    select.limit = Some(pushed_limit(limit));
                }
                self.ordered(select, &choice)?
            }
        };
        Ok(match limit {
            None => inner,
            Some(Limit { count, offset }) => {
                Primitive::Limit(Box::new(LimitPrimitive { count, offset, input: inner }))
            }
        })
    }

    /// Each shard sorts; the answers are merged by columns that must be there.
    fn ordered(&self, mut select: Select, choice: &Choice) -> Result<Primitive, PlanError> {
        let wanted = select.items.len();
        let mut keys = Vec::new();
        let mut weights = Vec::new();
        for order in select.order_by.clone() {
            let column = self.offset(&mut select, &order.expr)?;
            let collation = self.collation(&order.expr);
            let weight = (collation.is_none() && !self.is_number(&order.expr))
                .then(|| weight_string(select_expr(&select, column)));
            keys.push(SortKey {
                column,
                weight_column: None,
                descending: order.descending,
                collation,
            });
            weights.push(weight);
        }
        for (key, weight) in keys.iter_mut().zip(weights) {
            if let Some(expr) = weight {
                key.weight_column = Some(select.items.len());
                select.items.push(SelectItem::Expr { expr, alias: None });
            }
        }
        let result_columns = if wanted < select.items.len() { wanted } else { 0 };
        self.source(select, choice, keys, result_columns)
    }

    /// Where an expression stands in the select list; it is added if it is not there.
    fn offset(&self, select: &mut Select, wanted: &Expr) -> Result<usize, PlanError> {
        let same = |expr: &Expr| without_table(expr) == without_table(wanted);
        let found = select
            .items
            .iter()
            .position(|item| matches!(item, SelectItem::Expr { expr, .. } if same(expr)));
        if let Some(at) = found {
            return Ok(at);
        }
        if select.items.iter().any(|item| matches!(item, SelectItem::Star(_))) {
            let text = "VT09015: schema tracking required";
            return Err(PlanError::new(crate::key::Code::FailedPrecondition, text));
        }
        select.items.push(SelectItem::Expr { expr: wanted.clone(), alias: None });
        Ok(select.items.len() - 1)
    }

    fn known_column(&self, expr: &Expr) -> Option<&crate::vschema::Column> {
        let Expr::Column(column) = expr else { return None };
        self.table.columns.iter().find(|known| column.name.is(&known.name))
    }

    fn collation(&self, expr: &Expr) -> Option<Arc<str>> {
        let column = self.known_column(expr)?;
        let text = matches!(
            column.kind,
            crate::vindex::Kind::Varchar | crate::vindex::Kind::Char | crate::vindex::Kind::Text
        );
        let name = match column.collation_name.as_str() {
            "" => "latin1_swedish_ci",
            name => name,
        };
        text.then(|| name.into())
    }

    fn is_number(&self, expr: &Expr) -> bool {
        self.known_column(expr).is_some_and(|column| column.kind.is_integral())
    }

    /// Aggregates without GROUP BY: each shard gives a row, and the rows become one.
    fn scalar_aggregate(&self, select: Select, choice: &Choice) -> Result<Primitive, PlanError> {
        if !select.order_by.is_empty() {
            return Err(PlanError::unsupported("order by with aggregates over several shards"));
        }
        let mut aggregates = Vec::new();
        for (column, item) in select.items.iter().enumerate() {
            let SelectItem::Expr { expr, alias } = item else {
                return Err(PlanError::unsupported("`*` with aggregates over several shards"));
            };
            let name: Arc<str> = match alias {
                Some(alias) => alias.as_str().into(),
                None => expr.to_string().into(),
            };
            let (op, original) = match expression::as_aggregate(expr) {
                Some(aggregate) => partial(aggregate)?,
                None if expression::has_aggregate(expr) => {
                    return Err(PlanError::unsupported("expressions of aggregates over shards"));
                }
                None => (AggregateOp::AnyValue, None),
            };
            aggregates.push(AggregateColumn {
                op,
                original,
                column,
                weight_column: None,
                collation: None,
                alias: Some(name),
            });
        }
        let mut input = self.source(select, choice, Vec::new(), 0)?;
        if let Primitive::Route(route) = &mut input {
            route.no_routes_special_handling = true;
        }
        let aggregate = Aggregate { group_by: Vec::new(), aggregates, result_columns: 0, input };
        Ok(Primitive::Aggregate(Box::new(aggregate)))
    }

    /// The route itself; below a lookup, the lookup's query beside it.
    fn source(
        &self,
        select: Select,
        choice: &Choice,
        order_by: Vec<SortKey>,
        result_columns: usize,
    ) -> Result<Primitive, PlanError> {
        let query = Query::Select(Box::new(select));
        let field_query = Statement::Query(field_query(&query));
        let mut route = route(choice.routing(&self.keyspace), Statement::Query(query), field_query);
        route.order_by = order_by;
        route.result_columns = result_columns;
        if !choice.needs_lookup() {
            return Ok(Primitive::Route(route));
        }
        self.lookup(route, choice)
    }

    fn lookup(&self, mut route: Route, choice: &Choice) -> Result<Primitive, PlanError> {
        let vindex = choice.vindex.as_ref().and_then(|vindex| vindex.vindex.lookup());
        let Some(lookup) = vindex else { return Ok(Primitive::Route(route)) };
        let planable = choice.vindex.as_ref().and_then(|vindex| vindex.vindex.properties().lookup);
        if !planable.is_some_and(|properties| properties.planable) {
            return Ok(Primitive::Route(route));
        }
        let (text, argument) = lookup.query();
        let statement::Outer::Sql(Statement::Query(query)) = statement::parse(text)? else {
            return Err(PlanError::unsupported(format!("lookup query {text}")));
        };
        let (Some(below), _) = plan(&query, self.context)? else {
            return Err(PlanError::unsupported(format!("lookup query {text}")));
        };
        let routing = route.routing.clone();
        route.routing = Routing {
            opcode: Opcode::ByDestination,
            vindex: None,
            values: Vec::new(),
            ..routing.clone()
        };
        Ok(Primitive::VindexLookup(Box::new(VindexLookup {
            routing,
            lookup: below,
            argument: argument.into(),
            route,
        })))
    }
}

/// A shard must give as many rows as could be wanted of it alone.
fn pushed_limit(limit: &Limit) -> Limit {
    match limit.offset {
        None => limit.clone(),
        Some(_) => Limit {
            offset: None,
            count: Expr::Argument { name: Ident::new("__upper_limit"), ty: None },
        },
    }
}

fn select_expr(select: &Select, column: usize) -> Expr {
    match &select.items[column] {
        SelectItem::Expr { expr, .. } => expr.clone(),
        _ => Expr::Literal(Literal::Null),
    }
}

fn weight_string(expr: Expr) -> Expr {
    Expr::Function(Function {
        qualifier: None,
        name: Ident::new("weight_string"),
        args: vec![expr],
        over: None,
    })
}

fn without_table(expr: &Expr) -> Expr {
    let mut expr = expr.clone();
    expression::walk_mut(&mut expr, &mut |expr| {
        if let Expr::Column(column) = expr {
            column.table = None;
        }
    });
    expr
}

/// What the shards give for an aggregate, and what vtgate does with it.
fn partial(aggregate: &AggregateExpr) -> Result<(AggregateOp, Option<AggregateOp>), PlanError> {
    if aggregate.distinct {
        return Err(PlanError::unsupported("distinct aggregates over several shards"));
    }
    match aggregate.kind {
        AggregateKind::CountStar => Ok((AggregateOp::Sum, Some(AggregateOp::CountStar))),
        AggregateKind::Count => Ok((AggregateOp::Sum, Some(AggregateOp::Count))),
        AggregateKind::Sum => Ok((AggregateOp::Sum, None)),
        AggregateKind::Min => Ok((AggregateOp::Min, None)),
        AggregateKind::Max => Ok((AggregateOp::Max, None)),
        AggregateKind::AnyValue => Ok((AggregateOp::AnyValue, None)),
        _ => {
            let text = format!("in scatter query: aggregation function '{:?}'", aggregate.kind);
            Err(PlanError::unsupported(text))
        }
    }
}
