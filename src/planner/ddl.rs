//! DDL: to all shards of the table's keyspace, as it prints and without the keyspace's name.
//!
//! A table that no vschema knows belongs to the keyspace that the statement or the session names.
//! See `planbuilder/ddl.go`. It knows nothing of online schema changes.

use std::collections::BTreeSet;

use sim::sql::ast::{
    AlterChange, ColumnName, Constraint, CreateTable, CreateView, Expr, Ident, Query, Select,
    SelectItem, Statement, TableExpr, TableName,
};

use super::primitive::{Keyspace, Opcode, Primitive};
use super::utility::resolve::{self, send, used};
use super::walk::{self, VisitMut};
use super::{Context, PlanError, build, expression};
use crate::key::Code;
use crate::vschema::ForeignKeyMode;

const DIFFERENT_PLACES: &str =
    "Tables or Views specified in the query do not belong to the same destination";

pub fn plan(
    statement: &Statement,
    context: &Context<'_>,
) -> Result<(Option<Primitive>, Vec<String>), PlanError> {
    let mut statement = statement.clone();
    let keyspace = match &mut statement {
        Statement::RenameTable(pairs) => rename(pairs, context)?,
        Statement::DropTable(drop) => several(&mut drop.tables, context)?,
        Statement::DropView { names, .. } if context.environment.views => views(names, context)?,
        Statement::DropView { names, .. } => several(names, context)?,
        Statement::CreateView(view) | Statement::AlterView(view) => create_view(view, context)?,
        other => one(other, context)?,
    };
    check_foreign_keys(&statement, &keyspace, context)?;
    let tables = affected(&statement);
    let names: BTreeSet<String> =
        tables.iter().map(|table| used(&keyspace, table.name.as_str())).collect();
    drop_keyspaces(&mut statement, &keyspace, context);
    if is_temporary(&statement) && keyspace.sharded {
        let text = format!("Temporary table not supported in sharded database {}", keyspace.name);
        return Err(PlanError::new(Code::Unimplemented, text));
    }
    Ok((
        Some(Primitive::Ddl(send(keyspace, "AllShards()".to_owned(), statement))),
        names.into_iter().collect(),
    ))
}

/// Takes the keyspaces off all names; MySQL's database may be called otherwise. Views that vtgate
/// keeps are dropped by the names that were written.
fn drop_keyspaces(statement: &mut Statement, of: &Keyspace, context: &Context<'_>) {
    match statement {
        Statement::DropView { .. } if context.environment.views => {}
        Statement::CreateView(view) | Statement::AlterView(view) => {
            view.name.qualifier = None;
            walk::query_mut(&mut view.query, &mut Bare);
        }
        Statement::CreateTable(create) => {
            create.table.qualifier = None;
            if let Some(like) = &mut create.like {
                like.qualifier = None;
            }
            create.constraints.iter_mut().for_each(|constraint| make_bare(constraint, of));
        }
        Statement::AlterTable(alter) => {
            alter.table.qualifier = None;
            for change in &mut alter.changes {
                match change {
                    AlterChange::AddConstraint(constraint) => make_bare(constraint, of),
                    AlterChange::RenameTo(name) => name.qualifier = None,
                    _ => {}
                }
            }
        }
        other => expression::drop_keyspaces(other),
    }
}

/// A key may lead to another keyspace, which stays written.
fn make_bare(constraint: &mut Constraint, of: &Keyspace) {
    if let Constraint::ForeignKey { table, .. } = constraint {
        table.qualifier.take_if(|name| name.as_str() == &*of.name);
    }
}

struct Bare;

impl VisitMut for Bare {
    fn table(&mut self, node: &mut TableExpr) -> bool {
        if let TableExpr::Table(table) = node {
            table.name.qualifier = None;
        }
        true
    }

    fn expr(&mut self, node: &mut Expr) -> bool {
        if let Expr::Column(ColumnName { table: Some(table), .. }) = node {
            table.qualifier = None;
        }
        true
    }

    fn query(&mut self, node: &mut Query) -> bool {
        if let Query::Select(select) = node {
            for item in &mut select.items {
                if let SelectItem::Star(Some(table)) = item {
                    table.qualifier = None;
                }
            }
        }
        true
    }
}

fn is_temporary(statement: &Statement) -> bool {
    match statement {
        Statement::CreateTable(create) => create.temporary,
        Statement::DropTable(drop) => drop.temporary,
        _ => false,
    }
}

/// The keyspace of a table, which gets its real name; known or not.
pub(super) fn place(name: &mut TableName, context: &Context<'_>) -> Result<Keyspace, PlanError> {
    match resolve::table(name, context)? {
        Some((table, place)) => {
            *name = TableName { qualifier: None, name: Ident::new(&table.name) };
            Ok(place.keyspace)
        }
        None => {
            let place = resolve::place(name.qualifier.as_ref(), context)?;
            name.qualifier = None;
            Ok(place.keyspace)
        }
    }
}

fn one(statement: &mut Statement, context: &Context<'_>) -> Result<Keyspace, PlanError> {
    match statement {
        Statement::CreateTable(CreateTable { table, .. })
        | Statement::TruncateTable(table)
        | Statement::DropIndex { table, .. } => place(table, context),
        Statement::AlterTable(alter) => place(&mut alter.table, context),
        Statement::CreateIndex(create) => place(&mut create.table, context),
        other => Err(PlanError::unsupported(other)),
    }
}

fn several(names: &mut [TableName], context: &Context<'_>) -> Result<Keyspace, PlanError> {
    let mut only: Option<Keyspace> = None;
    for name in names {
        let keyspace = place(name, context)?;
        same(&mut only, keyspace)?;
    }
    only.ok_or_else(|| PlanError::unsupported("no table"))
}

fn same(only: &mut Option<Keyspace>, keyspace: Keyspace) -> Result<(), PlanError> {
    match only {
        Some(known) if *known != keyspace => Err(PlanError::unsupported(DIFFERENT_PLACES)),
        _ => {
            *only = Some(keyspace);
            Ok(())
        }
    }
}

/// Views that vtgate keeps: their names stay as they are.
fn views(names: &[TableName], context: &Context<'_>) -> Result<Keyspace, PlanError> {
    let mut only: Option<Keyspace> = None;
    for (at, name) in names.iter().enumerate() {
        let keyspace = resolve::place(name.qualifier.as_ref(), context)?.keyspace;
        if only.as_ref().is_some_and(|known| *known != keyspace) {
            let text = "cannot drop views from multiple keyspace in a single statement";
            return Err(PlanError::unsupported(text));
        }
        if names.iter().take(at).any(|other| other.name == name.name) {
            let text = format!("VT03013: not unique table/alias: '{}'", name.name.as_str());
            return Err(PlanError::new(Code::InvalidArgument, text));
        }
        only = Some(keyspace);
    }
    only.ok_or_else(|| PlanError::unsupported("no view"))
}

fn rename(
    pairs: &mut [(TableName, TableName)],
    context: &Context<'_>,
) -> Result<Keyspace, PlanError> {
    let mut only: Option<Keyspace> = None;
    for (from, to) in pairs {
        let keyspace = place(from, context)?;
        if let Some(qualifier) = &to.qualifier {
            let target = resolve::place(Some(qualifier), context)?.keyspace;
            if target.name != keyspace.name {
                let text = format!(
                    "VT03002: changing schema from '{}' to '{}' is not allowed",
                    keyspace.name, target.name
                );
                return Err(PlanError::new(Code::InvalidArgument, text));
            }
            to.qualifier = None;
        }
        same(&mut only, keyspace)?;
    }
    only.ok_or_else(|| PlanError::unsupported("no table"))
}

/// A view's select must be one that its keyspace's servers answer alone.
fn create_view(view: &mut CreateView, context: &Context<'_>) -> Result<Keyspace, PlanError> {
    let keyspace = place(&mut view.name, context)?;
    let select = build(&view.query.to_string(), context)?;
    let root = select.root.as_ref();
    let of = root.and_then(keyspace_of);
    if of.is_some_and(|of| of.name != keyspace.name) {
        let text = "Select query does not belong to the same keyspace as the view statement";
        return Err(PlanError::unsupported(text));
    }
    if context.environment.views {
        return Ok(keyspace);
    }
    let is_one_route = matches!(
        root,
        Some(Primitive::Route(route)) if matches!(
            route.routing.opcode,
            Opcode::Unsharded | Opcode::EqualUnique | Opcode::Scatter
        )
    );
    if !is_one_route {
        let text = "Complex select queries are not supported in create or alter view statements";
        return Err(PlanError::unsupported(text));
    }
    let is_analysed = matches!(
        root,
        Some(Primitive::Route(route)) if route.routing.opcode != Opcode::Unsharded
    );
    if is_analysed {
        resolve_order(&mut view.query);
    }
    Ok(keyspace)
}

/// Analysis writes for a name in ORDER BY the expression that it names, and it stays so.
fn resolve_order(query: &mut Query) {
    let Query::Select(select) = query else { return };
    let Select { items, order_by, from, .. } = &mut **select;
    for order in order_by {
        let Expr::Column(ColumnName { table: None, name }) = &order.expr else { continue };
        let named = items.iter().find_map(|item| match item {
            SelectItem::Expr { expr, alias: Some(alias) } if alias.is(name.as_str()) => Some(expr),
            SelectItem::Expr { expr: expr @ Expr::Column(column), alias: None }
                if column.name.is(name.as_str()) =>
            {
                Some(expr)
            }
            _ => None,
        });
        if let Some(expr) = named {
            order.expr = qualified(expr.clone(), from);
        }
    }
}

/// With the name of the only table that there is, where none is written.
fn qualified(mut expr: Expr, from: &[TableExpr]) -> Expr {
    let [TableExpr::Table(table)] = from else { return expr };
    let name = table.alias.as_ref().unwrap_or(&table.name.name);
    let mut fill_in = walk::EachExpr(|expr: &mut Expr| {
        if let Expr::Column(column) = expr {
            column.table.get_or_insert(TableName { qualifier: None, name: name.clone() });
        }
    });
    walk::expr_mut(&mut expr, &mut fill_in);
    expr
}

fn keyspace_of(primitive: &Primitive) -> Option<&Keyspace> {
    match primitive {
        Primitive::Route(route) => Some(&route.routing.keyspace),
        Primitive::VindexLookup(lookup) => Some(&lookup.routing.keyspace),
        _ => None,
    }
}

/// A keyspace may forbid foreign keys.
fn check_foreign_keys(
    statement: &Statement,
    keyspace: &Keyspace,
    context: &Context<'_>,
) -> Result<(), PlanError> {
    let known = context.vschema.keyspaces.get(&*keyspace.name);
    if !known.is_some_and(|known| known.foreign_key_mode == ForeignKeyMode::Disallow) {
        return Ok(());
    }
    let is_key = |constraint: &Constraint| matches!(constraint, Constraint::ForeignKey { .. });
    let has_key = match statement {
        Statement::CreateTable(create) => create.constraints.iter().any(is_key),
        Statement::AlterTable(alter) => alter.changes.iter().any(
            |change| matches!(change, AlterChange::AddConstraint(constraint) if is_key(constraint)),
        ),
        _ => false,
    };
    match has_key {
        true => {
            Err(PlanError::new(Code::Aborted, "VT10001: foreign key constraints are not allowed"))
        }
        false => Ok(()),
    }
}

fn affected(statement: &Statement) -> Vec<TableName> {
    match statement {
        Statement::CreateTable(create) => vec![create.table.clone()],
        Statement::AlterTable(alter) => {
            let renamed = alter.changes.iter().filter_map(|change| match change {
                AlterChange::RenameTo(name) => Some(name.clone()),
                _ => None,
            });
            std::iter::once(alter.table.clone()).chain(renamed).collect()
        }
        Statement::DropTable(drop) => drop.tables.clone(),
        Statement::TruncateTable(table) => vec![table.clone()],
        Statement::CreateIndex(create) => vec![create.table.clone()],
        Statement::DropIndex { table, .. } => vec![table.clone()],
        Statement::RenameTable(renames) => {
            renames.iter().flat_map(|(old, new)| [old.clone(), new.clone()]).collect()
        }
        Statement::CreateView(view) | Statement::AlterView(view) => vec![view.name.clone()],
        Statement::DropView { names, .. } => names.clone(),
        _ => Vec::new(),
    }
}
