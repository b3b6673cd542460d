//! INSERT where rows that are there already change, and their children's with them.
//!
//! ON DUPLICATE KEY UPDATE becomes by row an INSERT and, where that finds the row, an UPDATE by its
//! primary key. REPLACE becomes a DELETE and an INSERT. See `operators/upsert.go` and
//! `operators/insert.go`.
//!
//! It knows nothing of sequences and vindexes.

use sim::sql::ast::{
    ColumnName, CompareOp, Delete, Expr, Ident, Insert, InsertSource, TableName as WrittenName,
    Update, UpdateItem,
};

use super::super::select::Planned;
use super::super::{Context, PlanError, change, expression, insert, walk};
use super::primitive::{Keyed, Upsert};
use super::update::{keyed, merged};
use super::{Way, piece};
use crate::vschema::Table;

/// The plan of an INSERT whose rows may be there, or None where no key minds.
pub fn around(
    context: &Context<'_>,
    way: &mut Way<'_>,
    written: &Insert,
    table: &Table,
) -> Result<Option<Planned>, PlanError> {
    if let Some(key) = super::of_insert(context, way, table).first() {
        let own = crate::vschema::TableName::new(&table.keyspace, &table.name);
        return Err(super::cross_shard(&own.to_string(), &key.parent.to_string()));
    }
    if written.replace {
        return match super::of_delete(context, way, table).is_empty() {
            true => Ok(None),
            false => replace(context, way, written, table).map(Some),
        };
    }
    let set: Vec<&UpdateItem> = written.on_duplicate.iter().collect();
    let verify_all = way.verify_all;
    let keys = super::of_update(context, way, table, &set);
    way.verify_all = verify_all;
    if keys.restricting.is_empty() && keys.cascading.is_empty() {
        return Ok(None);
    }
    upsert(context, way, written, table).map(Some)
}

fn rows<'a>(written: &'a Insert, what: &str) -> Result<&'a [Vec<Expr>], PlanError> {
    match &written.source {
        InsertSource::Values(rows) => Ok(rows),
        InsertSource::Query(_) => Err(PlanError::unsupported(what)),
    }
}

/// By column of the primary key where a row has its value.
fn key_places(
    context: &Context<'_>,
    written: &Insert,
    table: &Table,
) -> Result<Vec<(String, usize)>, PlanError> {
    let key = context.vschema.primary_key(&table.keyspace, &table.name).unwrap_or_default();
    let columns = written.columns.as_deref().unwrap_or_default();
    let place = |name: &String| {
        let at = columns.iter().position(|column| column.is(name))?;
        Some((name.clone(), at))
    };
    let places: Option<Vec<(String, usize)>> = key.iter().map(place).collect();
    places.filter(|places| !places.is_empty()).ok_or_else(|| {
        PlanError::unsupported("foreign keys of rows without a value for the primary key")
    })
}

/// Where the values of a unique key stand; every row that has one of them is in the way.
fn unique_places(written: &Insert, parts: &[Expr]) -> Result<Vec<(String, usize)>, PlanError> {
    let columns = written.columns.as_deref().unwrap_or_default();
    let place = |part: &Expr| {
        let Expr::Column(column) = part else { return None };
        let at = columns.iter().position(|other| *other == column.name)?;
        Some((column.name.as_str().to_string(), at))
    };
    let places: Option<Vec<(String, usize)>> = parts.iter().map(place).collect();
    places.ok_or_else(|| {
        PlanError::unsupported("foreign keys of rows without a value for a unique key")
    })
}

fn upsert(
    context: &Context<'_>,
    way: &mut Way<'_>,
    written: &Insert,
    table: &Table,
) -> Result<Planned, PlanError> {
    if !context.vschema.unique_keys(&table.keyspace, &table.name).is_empty() {
        let text = "ON DUPLICATE KEY UPDATE with foreign keys with unique keys";
        return Err(PlanError::unsupported(text));
    }
    let rows = rows(written, "ON DUPLICATE KEY UPDATE with foreign keys with select statement")?;
    let places = key_places(context, written, table)?;
    let mut plans = Vec::new();
    let mut used = Vec::new();
    for row in rows {
        let single = Insert {
            source: InsertSource::Values(vec![row.clone()]),
            on_duplicate: Vec::new(),
            ..written.clone()
        };
        let (inserted, more) = insert::apart(&single, context)?;
        used = merged(used, more);
        let update = Update {
            set: on_duplicate(written, row),
            ..super::update::empty(
                written.comments.clone(),
                vec![piece::aliased(own_name(table), None)],
                by_key(&places, row),
            )
        };
        let mut on = way.on(super::Verify::Needed, None);
        let (updated, more) = change::update_on(&update, context, &mut on)?;
        used = merged(used, more);
        plans.extend(inserted.zip(updated));
    }
    Ok((Some(keyed(Keyed::Upsert(Upsert { rows: plans }))), used))
}

fn own_name(table: &Table) -> WrittenName {
    WrittenName { qualifier: Some(Ident::new(&table.keyspace)), name: Ident::new(&table.name) }
}

/// `id = 1`
fn by_key(places: &[(String, usize)], row: &[Expr]) -> Option<Expr> {
    let equal = |(name, at): &(String, usize)| {
        let value = row.get(*at)?.clone();
        Some(piece::compare(CompareOp::Equal, piece::column(None, name), value))
    };
    expression::conjunction(places.iter().filter_map(equal).collect())
}

/// The assignments with `values(column)` replaced by the row's value.
fn on_duplicate(written: &Insert, row: &[Expr]) -> Vec<UpdateItem> {
    let columns = written.columns.as_deref().unwrap_or_default();
    let value_of = |name: &ColumnName| {
        let at = columns.iter().position(|column| *column == name.name)?;
        row.get(at).cloned()
    };
    let mut replace = walk::EachExpr(|expr: &mut Expr| {
        if let Expr::Values(name) = expr
            && let Some(value) = value_of(name)
        {
            *expr = value;
        }
    });
    let mut items = written.on_duplicate.clone();
    items.iter_mut().for_each(|item| walk::expr_mut(&mut item.value, &mut replace));
    items
}

fn replace(
    context: &Context<'_>,
    way: &mut Way<'_>,
    written: &Insert,
    table: &Table,
) -> Result<Planned, PlanError> {
    let rows = rows(written, "REPLACE INTO using select statement")?;
    let mut keys = vec![key_places(context, written, table)?];
    for parts in context.vschema.unique_keys(&table.keyspace, &table.name) {
        keys.push(unique_places(written, parts)?);
    }
    let in_rows = |places: &Vec<(String, usize)>| {
        let columns = places.iter().map(|(name, _)| piece::column(None, name)).collect();
        let of_row = |row: &Vec<Expr>| {
            Expr::Tuple(places.iter().filter_map(|(_, at)| row.get(*at).cloned()).collect())
        };
        let list = Expr::Tuple(rows.iter().map(of_row).collect());
        piece::compare(CompareOp::In, Expr::Tuple(columns), list)
    };
    let mut filters: Vec<Expr> = keys.iter().map(in_rows).collect();
    let filter = match filters.len() {
        1 => filters.remove(0),
        _ => Expr::Or(filters),
    };
    let delete = Delete {
        with: None,
        comments: written.comments.clone(),
        ignore: false,
        targets: Vec::new(),
        tables: vec![piece::aliased(own_name(table), None)],
        filter: Some(filter),
        order_by: Vec::new(),
        limit: None,
    };
    let mut on = way.on(super::Verify::Needed, None);
    let (deleted, used) = change::delete_on(&delete, context, &mut on)?;
    let insert = Insert { replace: false, ..written.clone() };
    let (inserted, more) = insert::apart(&insert, context)?;
    let plans = deleted.into_iter().chain(inserted).collect();
    Ok((Some(keyed(Keyed::Sequential(plans))), merged(used, more)))
}
