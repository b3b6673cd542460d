//! Tables as the servers of one keyspace know them: the real name, no keyspace, the written name as
//! alias where it differs.
//!
//! ```text
//!   user.route1 as a  ->  `user` as a      ks.route1  ->  `user` as route1
//! ```
//!
//! A reference table takes the name that it has in that keyspace. It knows nothing of routing.

use sim::sql::ast::{Expr, HintKind, Ident, Query, TableExpr, TableName};

use super::planning::Planning;
use super::semantics::tables::{RealTable, Source};
use super::walk::{self, VisitMut};

/// The name that a table has in a keyspace, and whether it is the table itself.
pub fn name_in(real: &RealTable, keyspace: Option<&str>) -> (String, String) {
    let table = &real.table;
    let own = || (table.keyspace.clone(), table.name.clone());
    let Some(keyspace) = keyspace.filter(|keyspace| *keyspace != table.keyspace) else {
        return own();
    };
    if let Some(source) = &table.source
        && source.keyspace == keyspace
    {
        return (source.keyspace.clone(), source.name.clone());
    }
    match table.referenced_by.get(keyspace) {
        Some(name) => (keyspace.to_string(), name.clone()),
        None => own(),
    }
}

/// A table as the shards' query has it.
pub fn table(planning: &Planning<'_>, written: &TableExpr, number: u32, real: &str) -> TableExpr {
    let mut written = written.clone();
    if let TableExpr::Table(table) = &mut written {
        let system = matches!(planning.semantics.table(number).source, Source::System(_));
        if !system {
            if table.alias.is_none() && table.name.name.as_str() != real {
                table.alias = Some(table.name.name.clone());
            }
            table.name = TableName { qualifier: None, name: Ident::new(real) };
        }
        let vindex = |kind| matches!(kind, HintKind::UseVindex | HintKind::IgnoreVindex);
        table.hints.retain(|hint| !vindex(hint.kind));
    }
    TableExpr::Bound(Box::new(written), number)
}

/// Every table of a query that becomes text, and all are used.
pub fn localize_query(planning: &mut Planning<'_>, query: &mut Query, keyspace: Option<&str>) {
    walk::query_mut(query, &mut Localize { planning, keyspace });
}

pub fn localize_expr(planning: &mut Planning<'_>, expr: &mut Expr, keyspace: Option<&str>) {
    walk::expr_mut(expr, &mut Localize { planning, keyspace });
}

struct Localize<'a, 'p> {
    planning: &'a mut Planning<'p>,
    keyspace: Option<&'a str>,
}

impl VisitMut for Localize<'_, '_> {
    fn table(&mut self, node: &mut TableExpr) -> bool {
        if let TableExpr::Bound(inner, number) = node
            && let Some(real) = self.planning.semantics.table(*number).real().cloned()
        {
            let (keyspace, name) = name_in(&real, self.keyspace);
            let written = table(self.planning, inner, *number, &name);
            self.planning.merged_tables.insert(format!("{keyspace}.{name}"));
            *node = written;
            return false;
        }
        true
    }
}
