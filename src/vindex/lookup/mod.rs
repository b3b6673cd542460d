//! Lookup vindexes: a table says which keyspace ids a value has.
//!
//! The nine types differ in a few traits ([`Profile`]): unique or not, what the table stores, and
//! whether entries are kept consistent with their owner's rows by the order of commits:
//!
//! ```text
//!                    map      verify   create   delete
//!   lookup*          normal   normal   normal   normal     or autocommit, and then no delete
//!   consistent_*     pre      pre      pre      post       map in update and delete: post
//! ```
//!
//! A consistent lookup commits a new entry before the row and removes an old one after it. What a
//! crash in between leaves is an entry without a row, which the next insert of the value recognises
//! ([`duplicate`]). See `go/vt/vtgate/vindexes/lookup*.go` and `consistent_lookup.go`.
//!
//! No operation executes anything: each is a [`Conversation`] that vtgate drives. It knows nothing
//! of sessions, plans or shards.

pub mod conversation;
pub mod create;
pub mod delete;
pub mod duplicate;
pub mod map;
pub mod profile;
mod statements;
pub mod update;
pub mod verify;

use std::sync::Arc;

pub use conversation::{
    Ask, Bind, Binds, CommitOrder, Context, Conversation, Method, Reply, Rows, Statement, Step,
    Target,
};
pub use create::Create;
pub use delete::Delete;
pub use map::Map;
pub use profile::{From, PROFILES, Profile, Stored};
pub use update::Update;
pub use verify::Verify;

use crate::key::{Destination, KeyspaceId};
use crate::mutant::{self, Mutant};
use crate::vindex::contract::{Columns, LookupProperties};
use crate::vindex::des::NullKeyDes;
use crate::vindex::params::{self, Params};
use crate::vindex::unicode_loose::KeyHash;
use crate::vindex::{Owner, Properties, Row, Value, Vindex, VindexError};
use statements::{DuplicateStatements, Statements};

/// A lookup vindex.
#[derive(Clone, Debug)]
pub struct Lookup {
    name: String,
    unknown_params: Vec<String>,
    table: Arc<LookupTable>,
}

/// What all conversations of a vindex share: its table, its parameters, its statements.
#[derive(Clone, Debug)]
pub(crate) struct LookupTable {
    profile: Profile,
    table: String,
    from: Vec<String>,
    to: String,
    cost: i64,
    ignore_nulls: bool,
    batch_lookup: bool,
    read_lock: &'static str,
    autocommit: bool,
    multi_shard_autocommit: bool,
    write_only: bool,
    no_verify: bool,
    owner: Option<Owner>,
    statements: Statements,
    des: NullKeyDes,
}

impl Lookup {
    /// Makes a vindex of a type. The table is not required, as upstream.
    pub fn new(name: &str, profile: &Profile, params: &Params) -> Result<Lookup, VindexError> {
        let is_plain = !profile.consistent;
        let flag = |name: &str, applies: bool| match applies {
            true => params::boolean(params, name),
            false => Ok(false),
        };
        // The first bad parameter is reported, in the order that upstream reads them.
        let autocommit = flag("autocommit", is_plain)?;
        let multi_shard_autocommit = flag("multi_shard_autocommit", is_plain)?;
        let write_only = flag("write_only", true)? && !mutant::is(Mutant::WriteOnlyIsRead);
        let no_verify = flag("no_verify", profile.no_verify)?;
        let ignore_nulls = flag("ignore_nulls", true)?;
        let batch_lookup = flag("batch_lookup", true)?;
        let read_lock = read_lock_clause(params)?;
        let table = params::text(params, "table").to_string();
        let from: Vec<String> =
            params::text(params, "from").split(',').map(|name| name.trim().to_string()).collect();
        let to = params::text(params, "to").to_string();
        let cost_param = params::atoi(params::text(params, "cost")).unwrap_or(profile.cost);
        let table = LookupTable {
            statements: Statements::new(&table, &from, &to),
            table,
            from,
            to,
            cost: if profile.cost_from_params { cost_param } else { profile.cost },
            ignore_nulls,
            batch_lookup,
            read_lock,
            autocommit: autocommit || multi_shard_autocommit,
            multi_shard_autocommit,
            write_only,
            no_verify,
            owner: None,
            profile: *profile,
            des: NullKeyDes::new(),
        };
        let unknown_params = params::unknown_params(params, &profile.known_params());
        Ok(Lookup { name: name.to_string(), unknown_params, table: Arc::new(table) })
    }

    /// The lookup table, with its keyspace where the vschema gives one.
    pub fn table(&self) -> &str {
        &self.table.table
    }

    pub fn from_columns(&self) -> &[String] {
        &self.table.from
    }

    pub fn to_column(&self) -> &str {
        &self.table.to
    }

    pub fn owner(&self) -> Option<&Owner> {
        self.table.owner.as_ref()
    }

    pub fn profile(&self) -> &Profile {
        &self.table.profile
    }

    /// Whether the table is still being filled, so that it is written and not read.
    pub fn is_write_only(&self) -> bool {
        self.table.write_only
    }

    /// Whether an entry with a NULL is left out rather than refused.
    pub fn ignores_nulls(&self) -> bool {
        self.table.ignore_nulls
    }

    /// The query by which a planned lookup maps, and the name of its bind variable.
    pub fn query(&self) -> (&str, &str) {
        let first = self.table.from.first().map_or("", String::as_str);
        (&self.table.statements.select, first)
    }

    /// Whether a planned lookup maps all values with one query, whatever their type.
    pub fn allows_batch(&self) -> bool {
        self.table.batch_lookup
    }

    pub fn is_autocommit(&self) -> bool {
        self.table.autocommit
    }

    /// The list that a planned lookup's query runs in; not that of [`Map`].
    pub fn planned_commit_order(&self) -> CommitOrder {
        match self.table.profile.consistent {
            true => CommitOrder::Pre,
            false => CommitOrder::Normal,
        }
    }

    /// Maps values to destinations.
    pub fn map(&self, context: Context, ids: &[Value]) -> Map {
        Map::new(self.table.clone(), context, ids)
    }

    /// Makes destinations of what the query gave for each value: rows with the keyspace id first.
    pub fn map_result(
        &self,
        ids: &[Value],
        results: &[Rows],
    ) -> Result<Vec<Destination>, VindexError> {
        // Upstream's lookup_unique forgets to look; its planner never comes here then.
        if self.table.write_only && self.table.profile.write_only_in_map_result {
            return Ok(vec![map::SCATTER; results.len()]);
        }
        self.table.map_result(ids, results)
    }

    /// Asks for each value whether the table has it with that keyspace id.
    pub fn verify(&self, context: Context, ids: &[Value], ksids: &[KeyspaceId]) -> Verify {
        Verify::new(self.table.clone(), context, ids, ksids)
    }

    /// Writes an entry for each row. `ksids` are as many as `rows`.
    pub fn create(&self, context: Context, rows: &[Row], ksids: &[KeyspaceId]) -> Create {
        Create::new(self.table.clone(), context, rows, ksids)
    }

    /// Removes the entries of rows that have one keyspace id.
    pub fn delete(&self, context: Context, rows: &[Row], ksid: &KeyspaceId) -> Delete {
        Delete::new(self.table.clone(), context, rows, ksid)
    }

    /// Replaces the entry of one row. `equal` compares two values that are not NULL by the
    /// connection's collation; what it cannot compare is not equal.
    pub fn update(
        &self,
        context: Context,
        old: &[Value],
        ksid: &KeyspaceId,
        new: &[Value],
        equal: &dyn Fn(&Value, &Value) -> bool,
    ) -> Update {
        Update::new(self.table.clone(), context, old, ksid, new, equal)
    }
}

impl Vindex for Lookup {
    fn name(&self) -> &str {
        &self.name
    }

    fn properties(&self) -> Properties {
        let LookupTable { profile, cost, write_only, .. } = &*self.table;
        Properties {
            cost: *cost,
            unique: profile.unique,
            needs_vcursor: true,
            columns: Columns::Single,
            lookup: Some(LookupProperties {
                planable: profile.planable,
                backfilling: profile.says_backfilling && *write_only,
                wants_owner: profile.consistent,
            }),
            ..Properties::FUNCTIONAL
        }
    }

    fn unknown_params(&self) -> &[String] {
        &self.unknown_params
    }

    fn lookup(&self) -> Option<&Lookup> {
        Some(self)
    }

    fn owned_by(&self, owner: &Owner) -> Option<Result<Arc<dyn Vindex>, VindexError>> {
        if !self.table.profile.consistent {
            return None;
        }
        if owner.columns.len() != self.table.from.len() {
            return Some(Err(VindexError::wrong_value_count(format!(
                "VT03029: column count does not match value count with the row for vindex '{}'",
                self.name
            ))));
        }
        let mut table = (*self.table).clone();
        table.statements.duplicate =
            DuplicateStatements::new(&table.table, &table.from, &table.to, owner);
        table.owner = Some(owner.clone());
        Some(Ok(Arc::new(Lookup { table: Arc::new(table), ..self.clone() })))
    }
}

impl LookupTable {
    /// The list that new entries, reads and checks of a statement run in.
    fn commit_order(&self) -> CommitOrder {
        match (self.profile.consistent, self.autocommit) {
            (true, _) => CommitOrder::Pre,
            (false, true) => CommitOrder::Autocommit,
            (false, false) => CommitOrder::Normal,
        }
    }

    /// The select, locking what it reads where a DML needs that.
    fn select(&self, context: &Context) -> String {
        let select = &self.statements.select;
        match context.locks_reads() && !mutant::is(Mutant::NoReadLock) {
            true => format!("{select}{}", self.read_lock),
            false => select.clone(),
        }
    }

    /// The bind variables of a row's from columns, and of its to column.
    fn row_binds(&self, row: &[Value], to: &Value) -> Binds {
        let mut binds: Binds =
            self.from.iter().cloned().zip(row.iter().cloned().map(Bind::Value)).collect();
        binds.insert(self.to.clone(), Bind::Value(to.clone()));
        binds
    }

    /// What the to column holds for a keyspace id.
    fn stored(&self, ksid: &KeyspaceId) -> Result<Value, VindexError> {
        match self.profile.stored {
            Stored::KeyspaceId => Ok(Value::varbinary(ksid.as_bytes())),
            Stored::Unhashed => Ok(Value::uint64(self.des.unhash(ksid)?)),
        }
    }

    /// [`LookupTable::stored`] of many, saying which operation failed.
    fn stored_all(&self, ksids: &[KeyspaceId], operation: &str) -> Result<Vec<Value>, VindexError> {
        let stored: Result<Vec<Value>, VindexError> =
            ksids.iter().map(|ksid| self.stored(ksid)).collect();
        stored.map_err(|error| error.wrap(&format!("lookup.{operation}.vunhash")))
    }

    /// What the from columns hold for these values.
    fn converted(&self, values: &[Value]) -> Result<Row, VindexError> {
        match self.profile.from {
            From::Values => Ok(values.to_vec()),
            From::UnicodeLooseMd5 => values.iter().map(unicode_loose_hash).collect(),
        }
    }

    /// [`LookupTable::converted`] of many, saying which operation failed.
    fn converted_all(&self, rows: &[Row], operation: &str) -> Result<Vec<Row>, VindexError> {
        let converted: Result<Vec<Row>, VindexError> =
            rows.iter().map(|row| self.converted(row)).collect();
        converted.map_err(|error| error.wrap(&format!("lookup.{operation}.convert")))
    }

    fn check_column_count(&self, row: &[Value]) -> Result<(), VindexError> {
        if row.len() == self.from.len() {
            return Ok(());
        }
        Err(VindexError::wrong_value_count(format!(
            "VT03030: lookup column count does not match value count with the row (columns, count): ([{}], {})",
            self.from.join(" "),
            row.len()
        )))
    }
}

/// The number that `lookup_unicodeloosemd5_hash` stores for a value; NULL is like an empty text.
pub fn unicode_loose_hash(value: &Value) -> Result<Value, VindexError> {
    let ksid = KeyHash::Md5.hash(value)?;
    let first: [u8; 8] = std::array::from_fn(|i| ksid.as_bytes().get(i).copied().unwrap_or(0));
    Ok(Value::uint64(u64::from_be_bytes(first)))
}

fn read_lock_clause(params: &Params) -> Result<&'static str, VindexError> {
    match params.get("read_lock").map(String::as_str) {
        None | Some("exclusive") => Ok(" for update"),
        Some("shared") => Ok(" lock in share mode"),
        Some("none") => Ok(""),
        Some(other) => Err(VindexError::unknown(format!("invalid read_lock value: {other}"))),
    }
}

#[cfg(test)]
mod traces;
