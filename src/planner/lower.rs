//! From operators to primitives.
//!
//! See `planbuilder/operator_transformers.go`. It knows nothing of how operators came about.

use std::collections::BTreeSet;
use std::sync::Arc;

use sim::sql::ast::{self, Expr, Query, Statement};

use super::directive::Directives;
use super::operator::{Operator, Route};
use super::planning::Planning;
use super::primitive::{self, Limit, Opcode, Primitive, SortKey, VindexLookup};
use super::route::Routing;
use super::route::option::VindexOption;
use super::{PlanError, change, evaluable, select, text};

pub fn lower(planning: &mut Planning<'_>, operator: Operator) -> Result<Primitive, PlanError> {
    match operator {
        Operator::Route(route) => self::route(planning, *route),
        Operator::Limit(limit) => {
            let input = lower(planning, limit.source)?;
            let folded = |expr: Expr| evaluable::translate(&expr).unwrap_or(expr);
            Ok(Primitive::Limit(Box::new(Limit {
                count: folded(limit.limit.count),
                offset: limit.limit.offset.map(folded),
                require_complete_input: limit.top && planning.semantics.signature.last_insert_id,
                input,
            })))
        }
        other => super::lower_above::lower_above(planning, other),
    }
}

fn route(planning: &mut Planning<'_>, mut route: Route) -> Result<Primitive, PlanError> {
    match route.source.take() {
        Operator::Update(update) => return change::lower_update(planning, *update, &route.routing),
        Operator::Delete(delete) => return change::lower_delete(planning, *delete, &route.routing),
        source => route.source = source,
    }
    let mut query = text::of_route(planning, &route)?;
    text::sort_tables(&mut query);
    text::with_list_arguments(&mut query, &route.routing);
    text::finish_route(planning, &mut query);
    if let Routing::Target(..) = &route.routing {
        let text = "VT09017: SELECT with a target destination is not allowed";
        return Err(PlanError::new(crate::key::Code::FailedPrecondition, text));
    }
    let field_query = text::field_query(&query);
    let directives = Directives::of(&route.comments);
    let order_by = route.ordering.iter().map(|order| SortKey {
        column: order.column,
        weight_column: order.weight_column,
        descending: order.descending,
        collation: order.collation.clone(),
    });
    let primitive = primitive::Route {
        routing: routing(planning, &route.routing)?,
        order_by: order_by.collect(),
        result_columns: route.result_columns.unwrap_or(0),
        scatter_errors_as_warnings: directives.scatter_errors_as_warnings,
        query_timeout_ms: directives.query_timeout_ms,
        // The part of a union that any shard can answer has its rows wherever the others have none.
        no_routes_special_handling: route.runs_once || needs_row(&query),
        fetch_last_insert_id: planning.semantics.signature.last_insert_id,
        system: system_names(&route.routing),
        query: Arc::new(Statement::Query(query)),
        field_query: Arc::new(Statement::Query(field_query)),
    };
    match planable_lookup(&route.routing) {
        Some(option) => lookup(planning, primitive, option),
        None => Ok(Primitive::Route(primitive)),
    }
}

/// An aggregate without groups gives a row of no rows.
fn needs_row(query: &Query) -> bool {
    let Query::Select(select) = query else { return false };
    let aggregate = |item: &ast::SelectItem| match item {
        ast::SelectItem::Expr { expr, .. } => {
            super::expression::any(expr, &mut |e| super::expression::as_aggregate(e).is_some())
        }
        _ => false,
    };
    select.group_by.is_empty() && select.items.iter().any(aggregate)
}

fn system_names(routing: &Routing) -> primitive::SystemNames {
    let Routing::System(system) = routing else { return primitive::SystemNames::default() };
    let tables = system.tables.iter().map(|(name, value)| (name.as_str().into(), value.clone()));
    primitive::SystemNames { schemas: system.schemas.clone(), tables: tables.collect() }
}

pub fn routing(
    planning: &Planning<'_>,
    routing: &Routing,
) -> Result<primitive::Routing, PlanError> {
    let keyspace = routing.keyspace().cloned().or_else(|| planning.any_keyspace());
    let keyspace = keyspace.ok_or_else(|| {
        PlanError::new(crate::key::Code::FailedPrecondition, "no keyspaces available")
    })?;
    let selected = match routing {
        Routing::Sharded(sharded) => sharded.selected.as_ref(),
        _ => None,
    };
    let values = selected.map(|option| option.values.iter().flatten().cloned().collect());
    let destination = match routing {
        Routing::Target(_, destination) => Some(destination.clone()),
        _ => None,
    };
    Ok(primitive::Routing {
        needs_lookup: selected.is_some_and(|option| option.mapping.properties().needs_vcursor),
        opcode: routing.opcode(),
        keyspace,
        vindex: selected.map(|option| option.mapping.name().into()),
        values: values.unwrap_or_default(),
        destination,
    })
}

/// The lookup that a SELECT is routed by, if it can be planned as a query of its own.
fn planable_lookup(routing: &Routing) -> Option<&VindexOption> {
    let Routing::Sharded(sharded) = routing else { return None };
    let option = sharded.selected.as_ref()?;
    option.mapping.properties().lookup.filter(|lookup| lookup.planable)?;
    Some(option)
}

fn lookup(
    planning: &mut Planning<'_>,
    mut route: primitive::Route,
    option: &VindexOption,
) -> Result<Primitive, PlanError> {
    // A stand-in for planning has no table.
    let Some(lookup) = option.mapping.lookup() else { return Ok(Primitive::Route(route)) };
    let (text, argument) = lookup.query();
    let below = select::plan_text(text, planning.context)?;
    let routing = route.routing.clone();
    route.routing = by_destination(&routing);
    Ok(Primitive::VindexLookup(Box::new(VindexLookup {
        routing,
        lookup: below,
        argument: argument.into(),
        route,
    })))
}

fn by_destination(routing: &primitive::Routing) -> primitive::Routing {
    primitive::Routing {
        opcode: Opcode::ByDestination,
        keyspace: routing.keyspace.clone(),
        vindex: None,
        values: Vec::new(),
        needs_lookup: false,
        destination: None,
    }
}

/// The tables of all routes, and of what has become their text.
pub fn tables_used(operator: &Operator, used: &mut BTreeSet<String>) {
    operator.each(&mut |operator| {
        if let Operator::Table(table) = operator
            && let Some(name) = &table.used
        {
            used.insert(name.clone());
        }
        if let Operator::Route(route) = operator {
            used.extend(route.merged_tables.iter().cloned());
        }
        if let Operator::VindexTable(table) = operator {
            used.insert(table.vindex.clone());
        }
    });
}

/// An expression as a primitive keeps it.
pub fn plain(planning: &Planning<'_>, expr: &Expr) -> Expr {
    let mut expr = expr.clone();
    text::finish_expr(planning, &mut expr);
    expr
}
