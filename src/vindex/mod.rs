//! Vindexes: how a column value becomes a keyspace id.
//!
//! A vindex is either a computation (hash, xxhash, ...) or a table that is looked up. Each type is
//! a file here; [`contract`] is what all implement, [`registry`] finds them by name. Texts of
//! errors and of statements are Vitess's own (v24). See `go/vt/vtgate/vindexes`.
//!
//! It knows nothing of the vschema that names the vindexes, nor of the planner that chooses among
//! them.

pub mod contract;
pub mod error;
pub mod lookup;
pub mod params;
pub mod registry;
mod sql;
pub mod value;

pub mod binary;
pub mod binary_md5;
pub mod cfc;
pub mod collation;
pub mod des;
pub mod hash;
pub mod multicol;
pub mod null;
pub mod number_map;
pub mod numeric;
pub mod numeric_static_map;
pub mod region_experimental;
pub mod region_json;
pub mod reverse_bits;
pub mod unicode_loose;
pub mod xxhash;

pub use contract::{Columns, Functional, LookupProperties, Owner, Properties, Vindex};
pub use error::VindexError;
pub use params::Params;
pub use registry::Registry;
pub use value::{Kind, Row, Value};

#[cfg(test)]
mod properties;
