//! A table of a vschema, with its vindexes resolved.
//!
//! It knows nothing of rows, nor of the columns that MySQL has and the vschema does not list.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::key::KeyspaceId;
use crate::vindex::{Kind, Vindex};
use crate::vschema::TableName;

/// A table.
#[derive(Clone, Debug)]
pub struct Table {
    pub keyspace: String,
    pub name: String,
    pub table_type: TableType,
    /// In declared order, each followed by those over its first columns where it allows them. The
    /// first is the primary vindex.
    pub column_vindexes: Vec<Arc<ColumnVindex>>,
    /// All of them, the cheapest first.
    pub ordered: Vec<Arc<ColumnVindex>>,
    /// Those whose entries follow this table's rows, in declared order.
    pub owned: Vec<Arc<ColumnVindex>>,
    pub auto_increment: Option<AutoIncrement>,
    pub columns: Vec<Column>,
    /// The keyspace id of every row.
    pub pinned: Option<KeyspaceId>,
    /// Whether `columns` is all the columns there are.
    pub column_list_authoritative: bool,
    /// The table that a reference table copies.
    pub source: Option<TableName>,
    /// The reference tables that copy this one: keyspace to name.
    pub referenced_by: BTreeMap<String, String>,
}

/// What a table is for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum TableType {
    #[default]
    Normal,
    Sequence,
    Reference,
}

/// A vindex over columns of a table.
#[derive(Clone, Debug)]
pub struct ColumnVindex {
    pub columns: Vec<String>,
    pub type_name: String,
    pub name: String,
    /// Whether the vindex's entries follow this table's rows.
    pub owned: bool,
    /// That of the vindex, but never where only some of its columns are here.
    pub unique: bool,
    pub cost: i64,
    /// Whether only the first few columns of the vindex are here.
    pub partial: bool,
    /// Whether the vindex is being filled, and says so.
    pub backfill: bool,
    pub vindex: Arc<dyn Vindex>,
}

/// A column that a sequence fills.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AutoIncrement {
    pub column: String,
    pub sequence: TableName,
}

/// A column that the vschema lists.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Column {
    pub name: String,
    pub kind: Kind,
    pub invisible: bool,
    /// An SQL expression, or nothing.
    pub default: String,
    pub collation_name: String,
    pub size: i32,
    pub scale: i32,
    pub nullable: bool,
    pub values: Vec<String>,
}

impl Table {
    /// A table of which only the name is known, as any table of an unsharded keyspace may be.
    pub fn bare(keyspace: &str, name: &str) -> Table {
        Table {
            keyspace: keyspace.to_string(),
            name: name.to_string(),
            table_type: TableType::Normal,
            column_vindexes: Vec::new(),
            ordered: Vec::new(),
            owned: Vec::new(),
            auto_increment: None,
            columns: Vec::new(),
            pinned: None,
            column_list_authoritative: false,
            source: None,
            referenced_by: BTreeMap::new(),
        }
    }

    /// Sets the vindexes, and with them those that are owned and the order by cost.
    pub(super) fn set_column_vindexes(&mut self, column_vindexes: Vec<Arc<ColumnVindex>>) {
        self.owned = column_vindexes.iter().filter(|vindex| vindex.owned).cloned().collect();
        self.ordered = column_vindexes.clone();
        self.ordered.sort_by_key(|vindex| vindex.cost);
        self.column_vindexes = column_vindexes;
    }
}
