//! The tables that a statement's names mean, and the columns that each is known to have.
//!
//! A column is *certain* where the vschema lists it, a vindex uses it, or a query gives it; it is
//! *possible* where the table may have columns that nobody listed. See `semantics/table.go`.
//!
//! It knows nothing of which of several tables a column belongs to.

use std::sync::Arc;

use sim::sql::ast::{Expr, Ident, IndexHint, TableName};

use super::table_set::TableSet;
use crate::key::Destination;
use crate::planner::system_tables::SystemTable;
use crate::vschema::Table;

/// A table of a statement.
#[derive(Clone, Debug)]
pub struct TableInfo {
    /// By which columns name it: the alias, or the name as it is written.
    pub name: Ident,
    /// The keyspace that columns may put before the name; None where there is an alias.
    pub keyspace: Option<Ident>,
    /// The keyspace that stands before the table where it is named, and no alias behind it.
    pub written_keyspace: Option<Ident>,
    pub source: Source,
}

#[derive(Clone, Debug)]
pub enum Source {
    Real(RealTable),
    Derived(DerivedTable),
    /// A recursive common table expression, where it is read.
    Recursive(Recursion),
    /// The same inside of its own recursive query: the rows of the iteration before.
    Iteration(Recursion),
    /// A vindex that is read like a table.
    Vindex {
        keyspace: String,
        name: String,
    },
    /// A table of information_schema and the like; any server has it. Its columns are known or
    /// not.
    System(Option<SystemTable>),
}

#[derive(Clone, Debug)]
pub struct RealTable {
    pub table: Arc<Table>,
    /// Where the name has shards in it.
    pub destination: Option<Destination>,
    /// `use vindex`, `ignore vindex`; at most one.
    pub vindex_hint: Option<IndexHint>,
}

/// A query in FROM, a view, a common table expression.
#[derive(Clone, Debug)]
pub struct DerivedTable {
    pub columns: Vec<DerivedColumn>,
    /// Whether these are all columns: there is no unexpanded star among them.
    pub authoritative: bool,
    /// The tables that it reads.
    pub tables: TableSet,
}

/// A use of a recursive common table expression.
#[derive(Clone, Debug)]
pub struct Recursion {
    /// Which of the statement's.
    pub cte: usize,
    pub columns: Vec<Ident>,
    /// Whether these are all columns.
    pub authoritative: bool,
}

/// A column of a query: by position one expression for each SELECT of a union.
#[derive(Clone, Debug)]
pub struct DerivedColumn {
    pub name: Ident,
    pub exprs: Vec<Expr>,
    /// Where a column that names no table is computed, once the derived table is split over a join.
    pub place: Option<TableSet>,
}

impl DerivedColumn {
    pub fn new(name: Ident, exprs: Vec<Expr>) -> DerivedColumn {
        DerivedColumn { name, exprs, place: None }
    }
}

/// The columns of a vindex that is read like a table.
pub const VINDEX_COLUMNS: [&str; 6] =
    ["id", "keyspace_id", "range_start", "range_end", "hex_keyspace_id", "shard"];

/// Whether a table has a column.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Has {
    No,
    Possibly,
    Certainly,
}

impl TableInfo {
    /// The alias, or the name with what stands before it.
    pub fn written(&self) -> TableName {
        TableName { qualifier: self.written_keyspace.clone(), name: self.name.clone() }
    }

    pub fn has(&self, column: &str) -> Has {
        let unless_complete = |complete: bool| if complete { Has::No } else { Has::Possibly };
        let listed = match &self.source {
            Source::Real(real) => real.knows(column),
            Source::Derived(derived) => derived.column(column).is_some(),
            Source::Recursive(of) | Source::Iteration(of) => of.position(column).is_some(),
            Source::Vindex { .. } => VINDEX_COLUMNS.iter().any(|c| c.eq_ignore_ascii_case(column)),
            Source::System(table) => table.is_some_and(|table| table.column(column).is_some()),
        };
        match listed {
            true => Has::Certainly,
            false => unless_complete(self.is_complete()),
        }
    }

    /// Whether all its columns are known, so that a star can be written out.
    pub fn is_complete(&self) -> bool {
        match &self.source {
            Source::Real(real) => real.table.column_list_authoritative,
            Source::Derived(derived) => derived.authoritative,
            Source::Recursive(of) | Source::Iteration(of) => of.authoritative,
            Source::Vindex { .. } => true,
            Source::System(table) => table.is_some(),
        }
    }

    /// The columns that a star means, where they are known.
    pub fn star(&self) -> Option<Vec<Ident>> {
        if !self.is_complete() {
            return None;
        }
        Some(match &self.source {
            Source::Real(real) => {
                let visible = real.table.columns.iter().filter(|column| !column.invisible);
                visible.map(|column| Ident::new(&column.name)).collect()
            }
            Source::Derived(derived) => {
                derived.columns.iter().map(|column| column.name.clone()).collect()
            }
            Source::Recursive(of) | Source::Iteration(of) => of.columns.clone(),
            Source::Vindex { .. } => VINDEX_COLUMNS.iter().map(|name| Ident::new(name)).collect(),
            Source::System(table) => {
                let columns = table.iter().flat_map(|table| table.columns());
                columns.map(|column| Ident::new(column.name)).collect()
            }
        })
    }

    pub fn real(&self) -> Option<&RealTable> {
        match &self.source {
            Source::Real(real) => Some(real),
            _ => None,
        }
    }

    pub fn derived_mut(&mut self) -> Option<&mut DerivedTable> {
        match &mut self.source {
            Source::Derived(derived) => Some(derived),
            _ => None,
        }
    }

    pub fn derived(&self) -> Option<&DerivedTable> {
        match &self.source {
            Source::Derived(derived) => Some(derived),
            _ => None,
        }
    }
}

impl RealTable {
    fn knows(&self, column: &str) -> bool {
        let same = |name: &String| name.eq_ignore_ascii_case(column);
        let table = &self.table;
        let by_vindex =
            || table.column_vindexes.iter().any(|vindex| vindex.columns.iter().any(same));
        table.columns.iter().any(|known| same(&known.name))
            || !table.column_list_authoritative && by_vindex()
    }
}

impl Recursion {
    pub fn position(&self, name: &str) -> Option<usize> {
        self.columns.iter().position(|column| column.is(name))
    }
}

impl DerivedTable {
    pub fn column(&self, name: &str) -> Option<&DerivedColumn> {
        self.columns.iter().find(|column| column.name.is(name))
    }
}
