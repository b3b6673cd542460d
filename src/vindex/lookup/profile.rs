//! What tells the types of lookup vindex apart.
//!
//! It knows nothing of what a vschema sets.

/// The traits of a type of lookup vindex.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Profile {
    pub type_name: &'static str,
    pub cost: i64,
    /// Whether the parameter `cost` replaces the cost.
    pub cost_from_params: bool,
    pub unique: bool,
    /// Whether entries commit around their owner's rows.
    pub consistent: bool,
    pub from: From,
    pub stored: Stored,
    /// Whether the lookup can be planned as a query.
    pub planable: bool,
    /// Whether it says that it is write-only, so that routing leaves it alone.
    pub says_backfilling: bool,
    /// Whether it scatters while write-only when only results are mapped.
    pub write_only_in_map_result: bool,
    /// Whether the parameter `no_verify` exists.
    pub no_verify: bool,
    /// The name that starts the error for a value with several entries.
    pub map_error: &'static str,
}

/// What the from columns hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum From {
    /// The values.
    Values,
    /// The first eight bytes of each value's `unicode_loose_md5`, as a number.
    UnicodeLooseMd5,
}

/// What the to column holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stored {
    /// The keyspace id.
    KeyspaceId,
    /// The number whose `hash` is the keyspace id.
    Unhashed,
}

const LOOKUP: Profile = Profile {
    type_name: "lookup",
    cost: 20,
    cost_from_params: false,
    unique: false,
    consistent: false,
    from: From::Values,
    stored: Stored::KeyspaceId,
    planable: true,
    says_backfilling: true,
    write_only_in_map_result: true,
    no_verify: true,
    map_error: "Lookup.Map",
};

const LOOKUP_UNIQUE: Profile = Profile {
    type_name: "lookup_unique",
    cost: 10,
    unique: true,
    write_only_in_map_result: false,
    ..LOOKUP
};

const LOOKUP_COST: Profile =
    Profile { type_name: "lookup_cost", cost: 5, cost_from_params: true, ..LOOKUP };

const CONSISTENT_LOOKUP: Profile =
    Profile { type_name: "consistent_lookup", consistent: true, no_verify: false, ..LOOKUP };

const CONSISTENT_LOOKUP_UNIQUE: Profile =
    Profile { type_name: "consistent_lookup_unique", cost: 10, unique: true, ..CONSISTENT_LOOKUP };

const LOOKUP_HASH: Profile = Profile {
    type_name: "lookup_hash",
    stored: Stored::Unhashed,
    says_backfilling: false,
    no_verify: false,
    map_error: "LookupHash.Map",
    ..LOOKUP
};

const LOOKUP_HASH_UNIQUE: Profile = Profile {
    type_name: "lookup_hash_unique",
    cost: 10,
    unique: true,
    says_backfilling: true,
    ..LOOKUP_HASH
};

const LOOKUP_UNICODELOOSEMD5_HASH: Profile = Profile {
    type_name: "lookup_unicodeloosemd5_hash",
    from: From::UnicodeLooseMd5,
    planable: false,
    map_error: "LookupUnicodeLooseMD5Hash.Map",
    ..LOOKUP_HASH
};

const LOOKUP_UNICODELOOSEMD5_HASH_UNIQUE: Profile = Profile {
    type_name: "lookup_unicodeloosemd5_hash_unique",
    cost: 10,
    unique: true,
    says_backfilling: true,
    map_error: "LookupUnicodeLooseMD5HashUnique.Map",
    ..LOOKUP_UNICODELOOSEMD5_HASH
};

/// Every type of lookup vindex.
pub const PROFILES: [Profile; 9] = [
    CONSISTENT_LOOKUP,
    CONSISTENT_LOOKUP_UNIQUE,
    LOOKUP,
    LOOKUP_COST,
    LOOKUP_HASH,
    LOOKUP_HASH_UNIQUE,
    LOOKUP_UNICODELOOSEMD5_HASH,
    LOOKUP_UNICODELOOSEMD5_HASH_UNIQUE,
    LOOKUP_UNIQUE,
];

impl Profile {
    /// Whether an insert replaces entries that exist, when it commits on its own.
    pub fn upserts(&self) -> bool {
        !self.unique && !self.consistent
    }

    /// The parameters that mean something to the type.
    pub(super) fn known_params(&self) -> Vec<&'static str> {
        let mut known =
            vec!["table", "from", "to", "ignore_nulls", "batch_lookup", "read_lock", "write_only"];
        if !self.consistent {
            known.extend(["autocommit", "multi_shard_autocommit"]);
        }
        if self.no_verify {
            known.push("no_verify");
        }
        known
    }
}
