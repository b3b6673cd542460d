//! What a vindex is: the one trait that every type implements, and what may be asked of it.
//!
//! ```text
//!   Vindex ── properties()   all that the planner reads
//!          ├─ functional()   computes: map, verify, and where it can hash, reverse_map, range_map
//!          └─ lookup()       asks a table: conversations that vtgate drives
//! ```
//!
//! A functional vindex is a pure function of its parameters and the values given. A lookup vindex
//! executes nothing itself ([`crate::vindex::lookup`]). A custom vindex implements [`Vindex`] and
//! [`Functional`] and registers a constructor ([`crate::vindex::Registry`]). In Vitess these are a
//! dozen Go interfaces (`go/vt/vtgate/vindexes/vindex.go`).
//!
//! It knows nothing of tables, owners' columns, or plans.

use std::fmt;
use std::sync::Arc;

use crate::key::{Destination, KeyRange, KeyspaceId};
use crate::vindex::lookup::Lookup;
use crate::vindex::{Row, Value, VindexError};

/// A vindex, as a vschema holds it.
pub trait Vindex: fmt::Debug + Send + Sync {
    /// The name in the vschema, which need not be the name of the type.
    fn name(&self) -> &str;

    fn properties(&self) -> Properties;

    /// The parameters that mean nothing to this type, sorted.
    fn unknown_params(&self) -> &[String] {
        &[]
    }

    /// This vindex as a computation.
    fn functional(&self) -> Option<&dyn Functional> {
        None
    }

    /// This vindex as a lookup in a table.
    fn lookup(&self) -> Option<&Lookup> {
        None
    }

    /// This vindex with its owner known, or none where it doesn't want to know
    /// (`WantOwnerInfo.SetOwnerInfo`).
    fn owned_by(&self, _: &Owner) -> Option<Result<Arc<dyn Vindex>, VindexError>> {
        None
    }
}

/// The computation of a functional vindex. One row of column values gives one destination.
pub trait Functional {
    /// Maps one row. A unique vindex gives a keyspace id, a key range, all shards or none.
    fn map_one(&self, row: &[Value]) -> Result<Destination, VindexError>;

    /// Maps rows in order; the first error ends it.
    fn map(&self, rows: &[Row]) -> Result<Vec<Destination>, VindexError> {
        let mut mapped = Vec::with_capacity(rows.len());
        for row in rows {
            mapped.push(self.map_one(row)?);
        }
        Ok(mapped)
    }

    /// Maps rows of one column, given as that column's values.
    fn map_column(&self, values: &[Value]) -> Result<Vec<Destination>, VindexError> {
        let mut mapped = Vec::with_capacity(values.len());
        for value in values {
            mapped.push(self.map_one(std::slice::from_ref(value))?);
        }
        Ok(mapped)
    }

    /// Whether a row belongs to a keyspace id, which is compared byte for byte.
    fn verify_one(&self, row: &[Value], ksid: &KeyspaceId) -> Result<bool, VindexError> {
        Ok(matches!(self.map_one(row)?, Destination::KeyspaceId(mapped) if mapped == *ksid))
    }

    /// Verifies rows in order; the first error ends it.
    fn verify(&self, rows: &[Row], ksids: &[KeyspaceId]) -> Result<Vec<bool>, VindexError> {
        rows.iter().zip(ksids).map(|(row, ksid)| self.verify_one(row, ksid)).collect()
    }

    /// Maps one value for a multicol vindex; where [`Properties::hashing`] holds.
    fn hash(&self, _: &Value) -> Result<KeyspaceId, VindexError> {
        Err(unsupported("Hash"))
    }

    /// The value that maps to this id; where [`Properties::reversible`] holds. An absent id is not
    /// the empty one.
    fn reverse_map(&self, _: Option<&KeyspaceId>) -> Result<Value, VindexError> {
        Err(unsupported("ReverseMap"))
    }

    /// The range for `between start and end`, its end exclusive; where [`Properties::sequential`]
    /// holds.
    fn range_map(&self, _start: &Value, _end: &Value) -> Result<KeyRange, VindexError> {
        Err(unsupported("RangeMap"))
    }

    /// The vindex that maps LIKE patterns; where [`Properties::prefixable`] holds.
    fn prefix_vindex(&self) -> Option<Arc<dyn Vindex>> {
        None
    }
}

fn unsupported(function: &str) -> VindexError {
    VindexError::internal(format!("vindex does not have {function} function"))
}

/// The first column's value, which is all that a single-column vindex looks at.
pub fn first_column(row: &[Value]) -> &Value {
    static NULL: Value = Value::NULL;
    row.first().unwrap_or(&NULL)
}

/// Where a value goes that has a keyspace id only if it is a number: else nowhere.
pub fn or_none(ksid: Result<KeyspaceId, VindexError>) -> Destination {
    ksid.map_or(Destination::None, Destination::KeyspaceId)
}

/// What the planner knows a vindex by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Properties {
    pub cost: i64,
    /// Whether a value maps to at most one keyspace id.
    pub unique: bool,
    /// Whether mapping runs statements.
    pub needs_vcursor: bool,
    pub columns: Columns,
    /// Whether [`Functional::hash`] works, so that multicol can use it.
    pub hashing: bool,
    pub reversible: bool,
    /// Whether BETWEEN maps to a range.
    pub sequential: bool,
    /// Whether LIKE maps to a range.
    pub prefixable: bool,
    /// Present for lookup vindexes.
    pub lookup: Option<LookupProperties>,
    /// Whether parameters are checked, so that unknown ones are reported.
    pub validates_params: bool,
}

/// How many columns of a table a vindex takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Columns {
    /// One; more may be declared, which only an owner's entries hold.
    Single,
    /// Up to so many; with `partial`, the first few suffice to narrow the shards down.
    Multi { max: usize, partial: bool },
}

/// What the planner knows a lookup vindex by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LookupProperties {
    /// Whether the lookup can be planned as a query (`LookupPlanable`).
    pub planable: bool,
    /// Whether the vindex says that it is being filled, so that routing leaves it alone.
    pub backfilling: bool,
    /// Whether it must be told its owner (`WantOwnerInfo`).
    pub wants_owner: bool,
}

impl Properties {
    /// A unique functional vindex over one column; the others differ from it in a few fields.
    pub const FUNCTIONAL: Properties = Properties {
        cost: 1,
        unique: true,
        needs_vcursor: false,
        columns: Columns::Single,
        hashing: false,
        reversible: false,
        sequential: false,
        prefixable: false,
        lookup: None,
        validates_params: true,
    };

    /// Whether several columns may take part in mapping.
    pub fn is_multi_column(&self) -> bool {
        matches!(self.columns, Columns::Multi { .. })
    }

    /// Whether the first few columns suffice (`PartialVindex`).
    pub fn is_partial(&self) -> bool {
        matches!(self.columns, Columns::Multi { partial: true, .. })
    }

    /// Whether entries are written and removed as rows of the owner come and go.
    pub fn is_lookup(&self) -> bool {
        self.lookup.is_some()
    }

    /// Whether it is being filled and says so.
    pub fn is_backfilling(&self) -> bool {
        self.lookup.is_some_and(|lookup| lookup.backfilling)
    }
}

/// The table whose rows a lookup vindex indexes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Owner {
    pub keyspace: String,
    /// Without a keyspace.
    pub table: String,
    /// The owner's columns, in the order of the lookup's from columns.
    pub columns: Vec<String>,
}
