//! INSERT.
//!
//! Every vindex column's value leaves the text for a bind variable, `:_column_row`, because vtgate
//! must know it; columns that the statement leaves out are added with NULL.

use std::sync::Arc;

use sim::sql::ast::{ColumnName, Expr, Ident, Insert, InsertSource, Literal, Statement};

use super::primitive::{Insert as InsertPrimitive, Keyspace, Primitive, VindexValues};
use super::{Context, PlanError, expression, is_value, keyspace};
use crate::key::Code;
use crate::vschema::{Table, TableType};

pub fn plan(
    insert: &Insert,
    context: &Context<'_>,
) -> Result<(Option<Primitive>, Vec<String>), PlanError> {
    let table = super::find_table(&insert.table, context)?;
    let of = keyspace(context, &table.keyspace)?;
    let used = vec![format!("{}.{}", table.keyspace, table.name)];
    if table.table_type != TableType::Normal {
        return Err(PlanError::unsupported("sequence and reference tables"));
    }
    if table.auto_increment.is_some() && names_auto_increment(insert, &table) {
        return Err(PlanError::unsupported("sequences"));
    }
    if !of.sharded {
        return Ok((Some(unsharded(insert, &table, of)), used));
    }
    if insert.replace {
        return Err(PlanError::unsupported("REPLACE INTO with sharded keyspace"));
    }
    Ok((Some(sharded(insert, &table, of)?), used))
}

/// A sequence is asked only where the statement leaves its column open.
fn names_auto_increment(insert: &Insert, table: &Table) -> bool {
    let Some(auto_increment) = &table.auto_increment else { return false };
    let given = insert.columns.iter().flatten().position(|name| name.is(&auto_increment.column));
    let Some(at) = given else { return true };
    let open = |expr: Option<&Expr>| match expr {
        Some(Expr::Literal(Literal::Null)) | Some(Expr::Default(None)) => true,
        Some(Expr::Literal(Literal::Integer(digits))) => &**digits == "0",
        _ => false,
    };
    match &insert.source {
        InsertSource::Values(rows) => rows.iter().any(|row| open(row.get(at))),
        InsertSource::Query(_) => true,
    }
}

fn unsharded(insert: &Insert, table: &Table, keyspace: Keyspace) -> Primitive {
    let mut statement = Statement::Insert(insert.clone());
    expression::drop_keyspaces(&mut statement);
    Primitive::Insert(InsertPrimitive {
        keyspace,
        table: table.name.as_str().into(),
        query: Arc::new(statement),
        vindex_values: Vec::new(),
        ignore: false,
        generate: None,
        multi_shard_autocommit: false,
        query_timeout_ms: 0,
    })
}

fn sharded(insert: &Insert, table: &Table, keyspace: Keyspace) -> Result<Primitive, PlanError> {
    let InsertSource::Values(rows) = &insert.source else {
        return Err(PlanError::unsupported("insert with a query in a sharded keyspace"));
    };
    let mut rows = rows.clone();
    let mut columns = columns_of(insert, table)?;
    check_arity(&columns, &rows)?;
    check_on_duplicate(insert, table)?;
    let vindexes = table.column_vindexes.iter().filter(|vindex| !vindex.partial);
    for name in vindexes.clone().flat_map(|vindex| &vindex.columns) {
        if !columns.iter().any(|column| column.is(name)) {
            columns.push(Ident::new(name));
            rows.iter_mut().for_each(|row| row.push(Expr::Literal(Literal::Null)));
        }
    }
    let mut vindex_values = Vec::new();
    for vindex in vindexes {
        let mut values = Vec::new();
        for name in &vindex.columns {
            let at = position(&columns, name);
            values.push(take_values(&rows, at, name)?);
        }
        vindex_values.push(VindexValues {
            vindex: vindex.name.as_str().into(),
            columns: vindex.columns.iter().map(|name| name.as_str().into()).collect(),
            values,
        });
    }
    for vindex in &vindex_values {
        for name in &vindex.columns {
            let at = position(&columns, name);
            for (row, values) in rows.iter_mut().enumerate() {
                let argument = Ident::new(&vindex_argument(name, row));
                values[at] = Expr::Argument { name: argument, ty: None };
            }
        }
    }
    let mut statement = Statement::Insert(Insert {
        columns: Some(columns),
        source: InsertSource::Values(rows),
        ..insert.clone()
    });
    expression::drop_keyspaces(&mut statement);
    Ok(Primitive::Insert(InsertPrimitive {
        keyspace,
        table: table.name.as_str().into(),
        query: Arc::new(statement),
        vindex_values,
        ignore: insert.ignore || !insert.on_duplicate.is_empty(),
        generate: None,
        multi_shard_autocommit: false,
        query_timeout_ms: 0,
    }))
}

/// `_column_row`, with what is neither letter nor digit made `_`.
pub fn vindex_argument(column: &str, row: usize) -> String {
    let word: String =
        column.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '_' }).collect();
    format!("_{word}_{row}")
}

fn columns_of(insert: &Insert, table: &Table) -> Result<Vec<Ident>, PlanError> {
    match &insert.columns {
        Some(columns) => Ok(columns.clone()),
        None if table.column_list_authoritative => {
            Ok(table.columns.iter().map(|column| Ident::new(&column.name)).collect())
        }
        None => Err(PlanError::new(
            Code::FailedPrecondition,
            "VT09004: INSERT should contain column list or the table should have authoritative columns in vschema",
        )),
    }
}

fn check_arity(columns: &[Ident], rows: &[Vec<Expr>]) -> Result<(), PlanError> {
    if rows.iter().all(|row| row.len() == columns.len()) {
        return Ok(());
    }
    let text = "VT03006: column count does not match value count with the row";
    Err(PlanError::new(Code::InvalidArgument, text))
}

/// A vindex column may only be set to what the row would have had.
fn check_on_duplicate(insert: &Insert, table: &Table) -> Result<(), PlanError> {
    let is_vindex_column = |column: &ColumnName| {
        let names = table.column_vindexes.iter().flat_map(|vindex| &vindex.columns);
        names.into_iter().any(|name| column.name.is(name))
    };
    for item in &insert.on_duplicate {
        let itself = matches!(&item.value, Expr::Values(of) if of.name == item.column.name);
        if is_vindex_column(&item.column) && !itself {
            return Err(PlanError::unsupported("DML cannot update vindex column"));
        }
    }
    Ok(())
}

fn position(columns: &[Ident], name: &str) -> usize {
    let found = columns.iter().position(|column| column.is(name));
    found.expect("columns that were missing have been added")
}

fn take_values(rows: &[Vec<Expr>], at: usize, name: &str) -> Result<Vec<Expr>, PlanError> {
    let value = |row: &Vec<Expr>| {
        if is_value(&row[at]) {
            return Ok(row[at].clone());
        }
        let text = match &row[at] {
            Expr::Column(column) => format!(
                "cannot lookup column '{}' (column access not supported here)",
                column.name.as_str()
            ),
            other => format!("expr cannot be translated, not supported: {other} for {name}"),
        };
        Err(PlanError::new(Code::Unimplemented, text))
    };
    rows.iter().map(value).collect()
}
