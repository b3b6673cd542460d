//! Statements whose tables all live in one unsharded keyspace go there as they are.
//!
//! It is decided before anything is analysed, so nothing of the text changes but keyspace names.
//! See `planbuilder/select.go` and `semantics.SingleUnshardedKeyspace`.
//!
//! It knows nothing of columns.

use std::collections::BTreeSet;

use sim::sql::ast::{Query, Statement, TableExpr, TableName, With};

use super::Context;
use super::mirror;
use super::primitive::Keyspace;
use super::semantics::analyse::is_system_schema;
use super::target::Target;
use super::walk::{self, Visit};
use crate::vschema::TableType;
use crate::vschema::find::TableOrVindex;

/// The keyspace, and all tables as `keyspace.table`.
pub struct Unsharded {
    pub keyspace: Keyspace,
    pub used: BTreeSet<String>,
}

/// Whether a statement may take the short way.
pub fn unsharded(statement: &Statement, context: &Context<'_>) -> Option<Unsharded> {
    let mut names = Names::default();
    walk::statement(statement, &mut names);
    if let Statement::Insert(insert) = statement {
        names.found.push(insert.table.clone());
    }
    let kind = match statement {
        Statement::Query(_) => Kind::Query,
        Statement::Update(_) | Statement::Delete(_) => Kind::Change,
        _ => Kind::Other,
    };
    of_names(&names, kind, context)
}

/// The same of a query.
pub fn unsharded_query(query: &Query, context: &Context<'_>) -> Option<Unsharded> {
    let mut names = Names::default();
    walk::query(query, &mut names);
    of_names(&names, Kind::Query, context)
}

fn of_names(names: &Names, kind: Kind, context: &Context<'_>) -> Option<Unsharded> {
    if names.blocked {
        return None;
    }
    let mut keyspace: Option<String> = None;
    let mut used = BTreeSet::new();
    for name in &names.found {
        let is_common = |common: &String| common == name.name.as_str();
        if name.qualifier.is_none() && names.common.iter().any(is_common) {
            continue;
        }
        let of = one(name, context, kind, &mut used)?;
        match (of, &keyspace) {
            (Some(of), None) => keyspace = Some(of),
            (Some(of), Some(known)) if of != *known => return None,
            _ => {}
        }
    }
    let keyspace = super::keyspace(context, &keyspace?).ok()?;
    // The copy of a reference table is the one that is there.
    let used = used.iter().map(|name| format!("{}.{name}", keyspace.name)).collect();
    (!keyspace.sharded).then_some(Unsharded { keyspace, used })
}

/// The keyspace of a table; none for what every keyspace has. Nothing at all where the table is in
/// the way.
fn one(
    name: &TableName,
    context: &Context<'_>,
    kind: Kind,
    used: &mut BTreeSet<String>,
) -> Option<Option<String>> {
    let target = match &name.qualifier {
        Some(qualifier) => Some(Target::parse(qualifier.as_str()).ok()?),
        None => None,
    };
    if target
        .as_ref()
        .is_some_and(|target| target.destination.is_some() || target.tablet_type.is_some())
    {
        return None;
    }
    let keyspace = target.as_ref().map(|target| target.keyspace.as_str()).or(context.keyspace);
    let keyspace = keyspace.unwrap_or("");
    if is_system_schema(keyspace) {
        return None;
    }
    if target.is_none() && name.name.is("dual") {
        used.insert("dual".to_owned());
        return Some(None);
    }
    let found =
        context.vschema.find_table_or_vindex(keyspace, name.name.as_str(), context.tablet_type);
    let Ok(TableOrVindex::Table(table)) = found else { return None };
    if kind == Kind::Query && mirror::rule(&table, context).is_some() {
        return None;
    }
    used.insert(table.name.clone());
    match table.table_type {
        TableType::Reference => Some(None),
        TableType::Sequence if kind != Kind::Change => None,
        _ if table.name != name.name.as_str() => None,
        _ => Some(Some(table.keyspace.clone())),
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// Whose tables may be mirrored.
    Query,
    /// To which a sequence is a table like any other.
    Change,
    Other,
}

/// The tables that a statement names, wherever.
#[derive(Default)]
struct Names {
    found: Vec<TableName>,
    common: Vec<String>,
    blocked: bool,
}

impl Names {
    fn with(&mut self, with: Option<&With>) {
        for table in with.iter().flat_map(|with| &with.tables) {
            self.common.push(table.name.as_str().to_owned());
        }
    }
}

impl Visit for Names {
    fn table(&mut self, table: &TableExpr) -> bool {
        match table {
            TableExpr::Table(table) => self.found.push(table.name.clone()),
            TableExpr::JsonTable { .. } => self.blocked = true,
            _ => {}
        }
        true
    }

    fn query(&mut self, query: &Query) -> bool {
        match query {
            Query::Select(select) => {
                self.with(select.with.as_ref());
                if select.from.is_empty() {
                    let name = sim::sql::ast::Ident::new("dual");
                    self.found.push(TableName { qualifier: None, name });
                }
            }
            Query::Union(union) => self.with(union.with.as_ref()),
            Query::Values(_) => self.blocked = true,
        }
        true
    }
}
