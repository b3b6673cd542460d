//! INSERT and REPLACE.
//!
//! Every vindex column's value leaves the text for a bind variable, `:_column_row`, because vtgate
//! must know it; so does the value that a sequence may give, as `:__seqrow`. Columns that the
//! statement leaves out are added: first the sequence's, then those of the vindexes. See
//! `operators/insert.go`.
//!
//! It knows nothing of where rows go.

use std::sync::Arc;

use sim::sql::ast::{ColumnName, Expr, Ident, Insert, InsertSource, Literal, Statement};

use super::directive::Directives;
use super::foreign_key::{self, Way};
use super::planning::Names;
use super::primitive::{Generate, Insert as InsertPrimitive, Keyspace, Primitive, VindexValues};
use super::select::Planned;
use super::target::Target;
use super::{Context, PlanError, evaluable, expression, insert_query, keyspace, shortcut};
use crate::key::Code;
use crate::vschema::find::TableOrVindex;
use crate::vschema::{Table, TableType};

pub fn plan(insert: &Insert, context: &Context<'_>) -> Result<Planned, PlanError> {
    let table = target(insert, context)?;
    let mut insert = insert.clone();
    insert.table.name = Ident::new(&table.name);
    insert.table.qualifier = Some(Ident::new(&table.keyspace));
    insert.alias = None;
    let of = keyspace(context, &table.keyspace)?;
    let statement = Statement::Insert(insert.clone());
    let mut names = Names::of(&statement);
    let mut way = Way::first(&mut names, &statement, context);
    if let Some(plan) = foreign_key::insert::around(context, &mut way, &insert, &table)? {
        return Ok(plan);
    }
    rows_apart(insert, &table, of, context)
}

/// Plans an INSERT whatever its keys are.
pub fn apart(insert: &Insert, context: &Context<'_>) -> Result<Planned, PlanError> {
    let table = target(insert, context)?;
    let of = keyspace(context, &table.keyspace)?;
    rows_apart(insert.clone(), &table, of, context)
}

fn rows_apart(
    insert: Insert,
    table: &Table,
    of: Keyspace,
    context: &Context<'_>,
) -> Result<Planned, PlanError> {
    let statement = Statement::Insert(insert.clone());
    if table.auto_increment.is_none()
        && !of.sharded
        && let Some(unsharded) = shortcut::unsharded(&statement, context)
    {
        let used = unsharded.used.into_iter().collect();
        return Ok((Some(Primitive::Insert(whole(insert, table, unsharded.keyspace))), used));
    }
    if let InsertSource::Query(query) = &insert.source {
        return insert_query::plan(&insert, query, table, of, context);
    }
    let used = vec![format!("{}.{}", table.keyspace, table.name)];
    let plan = values(insert, table, of, context)?;
    Ok((Some(Primitive::Insert(plan)), used))
}

/// The table that takes the rows: a reference table's source, if it has one.
fn target(insert: &Insert, context: &Context<'_>) -> Result<Arc<Table>, PlanError> {
    let name = &insert.table;
    let written = match &name.qualifier {
        Some(qualifier) => Some(
            Target::parse(qualifier.as_str())
                .map_err(|error| PlanError::new(Code::InvalidArgument, error.to_string()))?,
        ),
        None => None,
    };
    let of = written.as_ref().map(|target| target.keyspace.as_str()).or(context.keyspace);
    let found = context.vschema.find_table_or_vindex(
        of.unwrap_or(""),
        name.name.as_str(),
        context.tablet_type,
    );
    let table = match found.map_err(|error| PlanError::new(error.code, error.to_string()))? {
        TableOrVindex::Table(table) => table,
        TableOrVindex::Vindex(_) => {
            let text = "VT09014: vindex cannot be modified";
            return Err(PlanError::new(Code::FailedPrecondition, text));
        }
    };
    if insert.replace && keyspace(context, &table.keyspace)?.sharded {
        return Err(PlanError::unsupported("REPLACE INTO with sharded keyspace"));
    }
    if written.as_ref().is_some_and(|target| target.destination.is_some()) {
        let text = "VT09017: INSERT with a target destination is not allowed";
        return Err(PlanError::new(Code::FailedPrecondition, text));
    }
    let replica =
        |target: &Target| target.tablet_type.as_deref().is_some_and(|kind| kind != "primary");
    if written.as_ref().is_some_and(replica) {
        let text = "VT09002: insert statement with a replica target";
        return Err(PlanError::new(Code::FailedPrecondition, text));
    }
    let Some(source) = table.source.clone().filter(|_| table.table_type == TableType::Reference)
    else {
        return Ok(table);
    };
    let source = context.vschema.find_table(&source.keyspace, &source.name);
    source.map_err(|error| PlanError::new(error.code, error.to_string()))
}

/// The statement as it is, on the one shard of an unsharded keyspace.
fn whole(insert: Insert, table: &Table, keyspace: Keyspace) -> InsertPrimitive {
    let directives = Directives::of(&insert.comments);
    let mut statement = Statement::Insert(insert);
    expression::drop_keyspaces(&mut statement);
    InsertPrimitive {
        keyspace,
        table: table.name.as_str().into(),
        query: Arc::new(statement),
        vindex_values: Vec::new(),
        ignore: false,
        generate: None,
        multi_shard_autocommit: directives.multi_shard_autocommit,
        query_timeout_ms: directives.query_timeout_ms,
        fetch_last_insert_id: false,
    }
}

/// An INSERT whose rows vtgate looks into.
fn values(
    mut insert: Insert,
    table: &Table,
    keyspace: Keyspace,
    context: &Context<'_>,
) -> Result<InsertPrimitive, PlanError> {
    let empty = matches!(&insert.source, InsertSource::Values(rows)
        if rows.iter().all(Vec::is_empty));
    let mut columns = match insert.columns.take() {
        Some(columns) => columns,
        None if empty => Vec::new(),
        None => listed_columns(table)?,
    };
    let mut rows = rows(&mut insert, &columns)?;
    check_on_duplicate(&insert, table)?;
    let directives = Directives::of(&insert.comments);
    let generate = sequence(table, &mut columns, &mut rows, context)?;
    let vindex_values = vindex_values(table, &mut columns, &mut rows)?;
    let ignore = insert.ignore || !insert.on_duplicate.is_empty();
    insert.columns = Some(columns);
    insert.source = InsertSource::Values(rows);
    let mut statement = Statement::Insert(insert);
    expression::drop_keyspaces(&mut statement);
    Ok(InsertPrimitive {
        keyspace,
        table: table.name.as_str().into(),
        query: Arc::new(statement),
        vindex_values,
        ignore,
        generate,
        multi_shard_autocommit: directives.multi_shard_autocommit,
        query_timeout_ms: directives.query_timeout_ms,
        fetch_last_insert_id: false,
    })
}

pub fn listed_columns(table: &Table) -> Result<Vec<Ident>, PlanError> {
    if table.column_list_authoritative {
        return Ok(table.columns.iter().map(|column| Ident::new(&column.name)).collect());
    }
    Err(PlanError::new(
        Code::FailedPrecondition,
        "VT09004: INSERT should contain column list or the table should have authoritative columns in vschema",
    ))
}

fn rows(insert: &mut Insert, columns: &[Ident]) -> Result<Vec<Vec<Expr>>, PlanError> {
    let mismatch = || {
        let text = "VT03006: column count does not match value count with the row";
        PlanError::new(Code::InvalidArgument, text)
    };
    match &mut insert.source {
        InsertSource::Values(rows) => {
            if rows.iter().any(|row| row.len() != columns.len()) {
                return Err(mismatch());
            }
            Ok(std::mem::take(rows))
        }
        InsertSource::Query(_) => Err(PlanError::bug("rows of a query")),
    }
}

/// The values that a sequence may give leave the rows.
fn sequence(
    table: &Table,
    columns: &mut Vec<Ident>,
    rows: &mut [Vec<Expr>],
    context: &Context<'_>,
) -> Result<Option<Generate>, PlanError> {
    let Some(auto_increment) = &table.auto_increment else { return Ok(None) };
    let at = position_or_add(columns, rows, &auto_increment.column);
    let mut values = Vec::new();
    for (number, row) in rows.iter_mut().enumerate() {
        let argument = Expr::Argument { name: Ident::new(&format!("__seq{number}")), ty: None };
        let value = std::mem::replace(&mut row[at], argument);
        values.push(match value {
            Expr::Default(None) => Expr::Literal(Literal::Null),
            value => evaluable::translate(&value)?,
        });
    }
    let sequence = &auto_increment.sequence;
    let of = keyspace(context, &sequence.keyspace)?;
    let name = sim::sql::print::printed_name(&sequence.name).into_owned();
    Ok(Some(Generate {
        keyspace: of,
        sequence: format!("select next :n /* INT64 */ values from {name}").into(),
        values,
    }))
}

/// Where a column stands; it is added with NULL if it does not.
fn position_or_add(columns: &mut Vec<Ident>, rows: &mut [Vec<Expr>], name: &str) -> usize {
    if let Some(at) = columns.iter().position(|column| column.is(name)) {
        return at;
    }
    columns.push(Ident::new(name));
    rows.iter_mut().for_each(|row| row.push(Expr::Literal(Literal::Null)));
    columns.len() - 1
}

fn vindex_values(
    table: &Table,
    columns: &mut Vec<Ident>,
    rows: &mut [Vec<Expr>],
) -> Result<Vec<VindexValues>, PlanError> {
    let vindexes: Vec<_> = table.column_vindexes.iter().filter(|vindex| !vindex.partial).collect();
    for name in vindexes.iter().flat_map(|vindex| &vindex.columns) {
        position_or_add(columns, rows, name);
    }
    let mut all = Vec::new();
    for vindex in &vindexes {
        let mut values = Vec::new();
        for name in &vindex.columns {
            let at = position_or_add(columns, rows, name);
            let column = rows.iter().map(|row| evaluable::translate(&row[at]));
            values.push(column.collect::<Result<Vec<Expr>, _>>()?);
        }
        all.push(VindexValues {
            vindex: vindex.name.as_str().into(),
            columns: vindex.columns.iter().map(|name| name.as_str().into()).collect(),
            values,
        });
    }
    for name in vindexes.iter().flat_map(|vindex| &vindex.columns) {
        let at = position_or_add(columns, rows, name);
        for (number, row) in rows.iter_mut().enumerate() {
            let argument = Ident::new(&vindex_argument(name, number));
            row[at] = Expr::Argument { name: argument, ty: None };
        }
    }
    Ok(all)
}

/// `_column_row`, with what is neither letter nor digit made `_`.
pub fn vindex_argument(column: &str, row: usize) -> String {
    let word: String =
        column.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '_' }).collect();
    format!("_{word}_{row}")
}

/// A vindex column may only be set to what the row would have had.
pub fn check_on_duplicate(insert: &Insert, table: &Table) -> Result<(), PlanError> {
    let is_vindex_column = |column: &ColumnName| {
        let names = table.column_vindexes.iter().flat_map(|vindex| &vindex.columns);
        names.into_iter().any(|name| column.name.is(name))
    };
    for item in &insert.on_duplicate {
        let itself =
            matches!(&item.value, Expr::Values(of) if of.name.is(item.column.name.as_str()));
        if is_vindex_column(&item.column) && !itself {
            return Err(PlanError::unsupported("DML cannot update vindex column"));
        }
    }
    Ok(())
}
