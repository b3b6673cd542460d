//! The route of one table, before anything is joined to it.
//!
//! See `operators/route.go`, `createRoute`. It knows nothing of other tables.

use std::sync::Arc;

use sim::sql::ast::{Expr, Ident, Literal, TableExpr};

use super::option::VindexOption;
use super::sharded::Sharded;
use super::system::System;
use super::{AnyShard, Routing};
use crate::key::hex;
use crate::planner::operator::{Operator, Route, Table};
use crate::planner::planning::Planning;
use crate::planner::primitive::{Keyspace, Opcode};
use crate::planner::semantics::tables::{RealTable, Source};
use crate::planner::{Context, PlanError, evaluable, local, predicate};
use crate::vindex::binary::Binary;
use crate::vindex::{Params, Vindex};
use crate::vschema::{ColumnVindex, TableType};

pub fn of_table(
    planning: &mut Planning<'_>,
    number: u32,
    written: &TableExpr,
    predicates: Vec<Expr>,
) -> Result<Operator, PlanError> {
    let route = match planning.semantics.table(number).source.clone() {
        Source::Real(real) => of_real(planning, number, written, predicates, &real)?,
        _ => {
            let written = TableExpr::Bound(Box::new(written.clone()), number);
            let table = Table::new(number, written, Vec::new(), None);
            let source = Operator::Table(Box::new(table));
            let mut routing = Routing::System(System::default());
            let mut texts = Vec::new();
            for conjunct in predicates {
                let (narrowed, text) = super::system::take(planning, routing, conjunct);
                routing = narrowed;
                texts.push(text);
            }
            let mut route = Route::new(source, routing);
            if let Operator::Table(table) = &mut route.source {
                table.own = texts.len();
                table.predicates = texts;
            }
            route
        }
    };
    Ok(Operator::Route(Box::new(route)))
}

fn of_real(
    planning: &Planning<'_>,
    number: u32,
    written: &TableExpr,
    predicates: Vec<Expr>,
    real: &RealTable,
) -> Result<Route, PlanError> {
    let table = &real.table;
    let used = format!("{}.{}", table.keyspace, table.name);
    if table.name == "dual" && table.column_vindexes.is_empty() && written_dual(written) {
        return Ok(plain(planning, number, written, "dual", used, predicates, Routing::Dual));
    }
    let keyspace = planning.keyspace(&table.keyspace)?;
    let routing = routing_of(planning, number, real, keyspace, written, &predicates)?;
    let is_scatter = |routing: &Routing| routing.opcode() == Opcode::Scatter;
    let narrowed =
        predicates.iter().fold(routing.clone(), |routing, p| routing.narrowed(planning, p));
    if !is_scatter(&narrowed) || predicates.is_empty() {
        return Ok(plain(planning, number, written, &table.name, used, predicates, narrowed));
    }
    // It is worth a second look: the same in other words may name a vindex.
    let rewritten: Vec<Expr> = predicates.iter().flat_map(predicate::rewrite).collect();
    let again = rewritten.iter().fold(routing, |routing, p| routing.narrowed(planning, p));
    let again = match again {
        Routing::Sharded(sharded) if sharded.opcode == Opcode::Scatter => {
            Routing::Sharded(sharded.by_tuples(planning))
        }
        other => other,
    };
    Ok(plain(planning, number, written, &table.name, used, rewritten, again))
}

fn written_dual(written: &TableExpr) -> bool {
    matches!(written, TableExpr::Table(table)
        if table.name.qualifier.is_none() && table.name.name.is("dual"))
}

fn plain(
    planning: &Planning<'_>,
    number: u32,
    written: &TableExpr,
    name: &str,
    used: String,
    predicates: Vec<Expr>,
    routing: Routing,
) -> Route {
    let written = local::table(planning, written, number, name);
    let table = Table::new(number, written, predicates, Some(used));
    Route::new(Operator::Table(Box::new(table)), routing)
}

fn routing_of(
    planning: &Planning<'_>,
    number: u32,
    real: &RealTable,
    keyspace: Keyspace,
    written: &TableExpr,
    predicates: &[Expr],
) -> Result<Routing, PlanError> {
    let table = &real.table;
    if let Some(destination) = &real.destination {
        return Ok(Routing::Target(keyspace, destination.clone()));
    }
    if !keyspace.sharded && table.table_type == TableType::Sequence {
        return Ok(Routing::Next(keyspace));
    }
    if !keyspace.sharded || table.table_type == TableType::Reference {
        let alternates = alternates(planning, number, real, written, predicates)?;
        return Ok(Routing::AnyShard(AnyShard { keyspace, alternates }));
    }
    if table.table_type == TableType::Sequence {
        return Ok(Routing::Next(keyspace));
    }
    let hint = real.vindex_hint.as_ref();
    let mut sharded = Sharded::of(number, table, keyspace, hint);
    if let Some(pinned) = &table.pinned {
        let option = pinned_option(number, &hex::encode(pinned.as_bytes()));
        sharded.opcode = option.opcode;
        sharded.selected = Some(option);
    }
    Ok(Routing::Sharded(sharded))
}

/// All rows of a pinned table have one keyspace id, which is the value of a vindex that says it.
fn pinned_option(number: u32, ksid: &str) -> VindexOption {
    let binary: Arc<dyn Vindex> = Arc::new(Binary::new("binary", &Params::default()));
    let vindex = Arc::new(ColumnVindex {
        columns: Vec::new(),
        type_name: "binary".to_string(),
        name: "binary".to_string(),
        owned: false,
        unique: true,
        cost: 0,
        partial: false,
        backfill: false,
        vindex: Arc::clone(&binary),
    });
    VindexOption {
        table: number,
        vindex,
        mapping: binary,
        opcode: Opcode::EqualUnique,
        values: vec![Some(Expr::Literal(Literal::Introduced {
            charset: Ident::new(evaluable::UNWRITTEN_BINARY),
            literal: Box::new(Literal::Hex(ksid.into())),
        }))],
        predicates: Vec::new(),
    }
}

/// What a routing rule calls a table within its keyspace.
fn routed(planning: &Planning<'_>, keyspace: &str, name: &str) -> Option<String> {
    let Context { vschema, tablet_type, .. } = planning.context;
    let table = vschema.find_routed_table(keyspace, name, tablet_type).ok().flatten()?;
    (table.keyspace == keyspace).then(|| table.name.clone())
}

/// The same rows in other keyspaces: a reference table's source and its copies.
fn alternates(
    planning: &Planning<'_>,
    number: u32,
    real: &RealTable,
    written: &TableExpr,
    predicates: &[Expr],
) -> Result<Vec<(String, Route)>, PlanError> {
    let mut others: Vec<(String, String)> = Vec::new();
    if let Some(source) = &real.table.source {
        others.push((source.keyspace.clone(), source.name.clone()));
    }
    let copies = real.table.referenced_by.iter();
    others.extend(copies.map(|(keyspace, name)| {
        (keyspace.clone(), routed(planning, keyspace, name).unwrap_or_else(|| name.clone()))
    }));
    let mut alternates = Vec::new();
    for (keyspace, name) in others {
        let of = planning.keyspace(&keyspace)?;
        let used = format!("{keyspace}.{name}");
        let routing = Routing::AnyShard(AnyShard { keyspace: of, alternates: Vec::new() });
        let route = plain(planning, number, written, &name, used, predicates.to_vec(), routing);
        alternates.push((keyspace, route));
    }
    Ok(alternates)
}
