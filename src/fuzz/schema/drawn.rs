//! A drawn schema: an owner table with its lookups, and perhaps a table that uses one of them.
//!
//! `customer.corder` holds orders of customers, each with a sku, as in Vitess's guide to lookup
//! vindexes; `customer.invoice` has the sku of an order, by the same lookup, which it does not own;
//! `customer.note` is sharded like them and has none.
//!
//! What varies is what the protocol depends on: the sharding, whether a row's key is its sharding
//! column, where the lookup tables live, how many lookups there are, of which types, which of
//! Vitess's parameters they have, the columns' types, NULLs, whether a sequence fills in the key or
//! the sharding column, whether the primary vindex is for another column too, whether there is
//! another unique key. The first lookup is a consistent one, which is what the promises are for.
//! Where it is not unique it may have a second column.

use sim::seed::Draw;

use super::{Keyspace, Schema, TWO_SHARDS};
use crate::fuzz::profile::Profile;
use crate::vschema::source::{
    AutoIncrementSource, ColumnVindexSource, KeyspaceSource, TableSource, VindexSource,
};

/// What is drawn.
struct Drawn {
    shards: &'static str,
    /// The type of the owner's primary vindex.
    primary: &'static str,
    /// The key is the sharding column: one row a keyspace id.
    key_is_sharding: bool,
    /// The primary key is the sharding column and the order's number.
    is_composite: bool,
    place: Place,
    lookups: Vec<Lookup>,
    /// There is a table that uses the first lookup.
    has_user: bool,
    /// There is a table without any.
    has_plain: bool,
    /// The owner's column that a sequence fills in, and how many numbers a tablet takes at a time.
    numbered: Option<(&'static str, u64)>,
    /// The owner has another column that the primary vindex is for.
    has_mirror: bool,
    /// The owner has a unique key of its own, on the sharding column and another.
    has_code: bool,
}

/// Of a column that a lookup is for.
#[derive(Clone, Copy)]
enum ValueType {
    Bigint,
    Varchar,
    Varbinary,
}

/// Where the lookup tables are.
#[derive(Clone, Copy)]
enum Place {
    SameKeyspace,
    Unsharded,
    Sharded(&'static str),
}

/// An owned lookup.
struct Lookup {
    column: &'static str,
    value: ValueType,
    /// Of the vindex.
    kind: &'static str,
    nullable: bool,
    /// Another column of the vindex, whose name is this one's and a digit.
    second: Option<&'static str>,
    /// With a NULL there a row has no entry, and nothing finds it by the first column.
    second_is_nullable: bool,
    /// The owner's columns that make an entry its own: none of a unique lookup.
    key: Vec<&'static str>,
    /// Parameters beside the tables and columns.
    flags: Vec<(&'static str, &'static str)>,
}

const OWNER: &str = "corder";
const USER: &str = "invoice";
const PLAIN: &str = "note";
const NUMBERS: &str = "order_seq";
const MIRROR: &str = "buyer_id";
const OWNERS: &str = "customer";
const ELSEWHERE: &str = "product";

impl Schema {
    /// The schema of a seed.
    pub fn draw(draw: &mut Draw, profile: &Profile) -> Schema {
        let mut drawn = Drawn::draw(draw);
        if profile.fixed_cluster {
            drawn.shards = TWO_SHARDS;
            drawn.place = Place::Unsharded;
            drawn.numbered = None;
        }
        drawn.schema()
    }
}

impl Drawn {
    fn draw(draw: &mut Draw) -> Drawn {
        let key_is_sharding = draw.chance(50);
        let is_composite = !key_is_sharding && draw.chance(30);
        let key: &[&str] = if is_composite { &["customer_id", "order_id"] } else { &["order_id"] };
        let first = [(3, "consistent_lookup_unique"), (1, "consistent_lookup")];
        let mut lookups = vec![Lookup::draw(draw, "sku", &first, key)];
        if let Some(first) = lookups.first_mut().filter(|lookup| !lookup.key.is_empty()) {
            first.second = draw.chance(45).then_some("sku1");
            let ignores = first.flags.contains(&("ignore_nulls", "true"));
            first.second_is_nullable = ignores && draw.chance(80);
        }
        if draw.chance(40) {
            let kinds = [
                (4, "consistent_lookup_unique"),
                (3, "consistent_lookup"),
                (2, "lookup_unique"),
                (2, "lookup"),
            ];
            lookups.push(Lookup::draw(draw, "ean", &kinds, key));
        }
        let place = draw.weighted(&[
            (4, Place::SameKeyspace),
            (2, Place::Unsharded),
            (2, Place::Sharded(TWO_SHARDS)),
        ]);
        let shards = draw.weighted(&[(8, TWO_SHARDS), (2, "-40,40-80,80-")]);
        let primary = draw.weighted(&[(9, "hash"), (1, "xxhash")]);
        let (has_user, has_plain) = (draw.chance(25), draw.chance(15));
        // Numbers stand in a keyspace without shards.
        let may_count = !matches!(place, Place::Sharded(_));
        let sharding = if key_is_sharding { "order_id" } else { "customer_id" };
        let column = *draw.pick(&["order_id", sharding]);
        let cache = draw.between(1, 4);
        let numbered = (may_count && draw.chance(20)).then_some((column, cache));
        Drawn {
            shards,
            primary,
            key_is_sharding,
            is_composite,
            place,
            lookups,
            has_user,
            has_plain,
            numbered,
            has_mirror: draw.chance(12),
            has_code: draw.chance(12),
        }
    }

    fn lookup_keyspace(&self) -> &'static str {
        match self.place {
            Place::SameKeyspace => OWNERS,
            Place::Unsharded | Place::Sharded(_) => ELSEWHERE,
        }
    }

    fn schema(&self) -> Schema {
        let mut owners = Keyspace {
            name: OWNERS.to_owned(),
            shards: self.shards.to_owned(),
            vschema: KeyspaceSource { sharded: true, ..KeyspaceSource::default() },
            definitions: vec![self.owner_definition()],
        };
        let mut elsewhere = match self.place {
            Place::SameKeyspace if self.numbered.is_none() => None,
            Place::SameKeyspace | Place::Unsharded => Some(("0", false)),
            Place::Sharded(shards) => Some((shards, true)),
        }
        .map(|(shards, sharded)| Keyspace {
            name: ELSEWHERE.to_owned(),
            shards: shards.to_owned(),
            vschema: KeyspaceSource { sharded, ..KeyspaceSource::default() },
            definitions: Vec::new(),
        });
        let first = column_vindex(&[self.sharding_column()], self.primary);
        let owned = self.lookups.iter().map(Lookup::column_vindex);
        let mirror = self.has_mirror.then(|| column_vindex(&[MIRROR], self.primary));
        let table = std::iter::once(first.clone()).chain(mirror).chain(owned).collect();
        owners.vschema.add_table(OWNER, table);
        if let (Some((column, _)), Some(elsewhere)) = (self.numbered, &mut elsewhere) {
            owners.vschema.number(OWNER, column);
            elsewhere.add_numbers();
        }
        owners.vschema.add_vindex(self.primary, functional(self.primary));
        if let Some(used) = self.lookups.first().filter(|_| self.has_user) {
            owners.definitions.push(self.user_definition(used));
            owners.vschema.add_table(USER, vec![first.clone(), used.column_vindex()]);
        }
        if self.has_plain {
            owners.definitions.push(self.plain_definition());
            owners.vschema.add_table(PLAIN, vec![first]);
        }
        for lookup in &self.lookups {
            owners.vschema.add_vindex(&lookup.table(), lookup.vindex(self.lookup_keyspace()));
            let is_home = matches!(self.place, Place::SameKeyspace);
            let at = elsewhere.as_mut().filter(|_| !is_home).unwrap_or(&mut owners);
            at.definitions.push(lookup.definition());
            let placed_by = lookup.value.vindex();
            let is_sharded = at.vschema.sharded;
            if is_sharded {
                at.vschema.add_vindex(placed_by, functional(placed_by));
            }
            let vindexes = is_sharded.then(|| column_vindex(&[lookup.column], placed_by));
            at.vschema.add_table(&lookup.table(), vindexes.into_iter().collect());
        }
        let keyspaces = elsewhere.into_iter().chain([owners]).collect();
        let numbers = self.numbered.map(|(_, cache)| {
            format!("insert into {ELSEWHERE}.{NUMBERS} (id, next_id, cache) values (0, 1, {cache})")
        });
        Schema { keyspaces, home: OWNERS.to_owned(), rows: numbers.into_iter().collect() }
    }

    fn owner_definition(&self) -> String {
        let mut columns = vec!["order_id bigint not null".to_owned()];
        if !self.key_is_sharding {
            let null = if self.is_composite { " not null" } else { "" };
            columns.push(format!("customer_id bigint{null}"));
        }
        for Lookup { column, value, nullable, second, second_is_nullable, .. } in &self.lookups {
            let null = |is_nullable: bool| if is_nullable { "" } else { " not null" };
            columns.push(format!("{column} {}{}", value.sql(), null(*nullable)));
            let null = null(*second_is_nullable);
            columns.extend(second.map(|second| format!("{second} bigint{null}")));
        }
        columns.extend(self.has_mirror.then(|| format!("{MIRROR} bigint")));
        columns.extend(self.has_code.then(|| "code bigint not null".to_owned()));
        columns.push("price bigint".to_owned());
        columns.push(match self.is_composite {
            true => "primary key (customer_id, order_id)".to_owned(),
            false => "primary key (order_id)".to_owned(),
        });
        columns.extend(self.lookups.iter().map(|lookup| format!("key ({})", lookup.column)));
        let sharding = self.sharding_column();
        columns.extend(self.has_code.then(|| format!("unique key ({sharding}, code)")));
        format!("create table {OWNER} ({})", columns.join(", "))
    }

    fn user_definition(&self, used: &Lookup) -> String {
        let sharding = self.sharding_column();
        let key = used.second.iter().chain(&used.key).filter(|name| **name != sharding);
        let key: String = key.map(|name| format!("{name} bigint, ")).collect();
        let (column, ty) = (used.column, used.value.sql());
        format!(
            "create table {USER} (invoice_id bigint not null, {sharding} bigint not null, {key}\
             {column} {ty}, primary key ({sharding}, invoice_id))"
        )
    }

    fn plain_definition(&self) -> String {
        let sharding = self.sharding_column();
        format!(
            "create table {PLAIN} (note_id bigint not null, {sharding} bigint not null, \
             words varchar(64), primary key ({sharding}, note_id))"
        )
    }

    fn sharding_column(&self) -> &'static str {
        if self.key_is_sharding { "order_id" } else { "customer_id" }
    }
}

impl Lookup {
    fn draw(
        draw: &mut Draw,
        column: &'static str,
        kinds: &[(u64, &'static str)],
        key: &[&'static str],
    ) -> Lookup {
        let kind = draw.weighted(kinds);
        let key = if kind.ends_with("unique") { Vec::new() } else { key.to_vec() };
        let value = draw.weighted(&[
            (3, ValueType::Bigint),
            (2, ValueType::Varchar),
            (2, ValueType::Varbinary),
        ]);
        let nullable = draw.chance(40);
        let mut flags = Vec::new();
        // Without it a NULL would be an entry, which the tables here cannot hold.
        if nullable || draw.chance(10) {
            flags.push(("ignore_nulls", "true"));
        }
        if draw.chance(20) {
            flags.push(("batch_lookup", "true"));
        }
        if draw.chance(6) {
            flags.push(("write_only", "true"));
        }
        if draw.chance(6) {
            flags.push(("read_lock", *draw.pick(&["exclusive", "shared", "none"])));
        }
        if !kind.starts_with("consistent") {
            if draw.chance(30) {
                flags.push(("autocommit", "true"));
            }
            if draw.chance(15) {
                flags.push(("no_verify", "true"));
            }
        }
        Lookup {
            column,
            value,
            kind,
            nullable,
            second: None,
            second_is_nullable: false,
            key,
            flags,
        }
    }

    fn table(&self) -> String {
        format!("{OWNER}_{}", self.column)
    }

    /// The columns whose values an entry is for.
    fn columns(&self) -> Vec<&'static str> {
        std::iter::once(self.column).chain(self.second).chain(self.key.iter().copied()).collect()
    }

    fn column_vindex(&self) -> ColumnVindexSource {
        column_vindex(&self.columns(), &self.table())
    }

    fn definition(&self) -> String {
        let (table, column, ty) = (self.table(), self.column, self.value.sql());
        let key = self.second.iter().chain(&self.key);
        let key: String = key.map(|name| format!(", {name} bigint not null")).collect();
        format!(
            "create table {table} ({column} {ty} not null{key}, keyspace_id varbinary(128), \
             primary key ({}))",
            self.columns().join(", ")
        )
    }

    fn vindex(&self, keyspace: &str) -> VindexSource {
        let table = format!("{keyspace}.{}", self.table());
        let from = self.columns().join(", ");
        let mut params = vec![("table", &*table), ("from", &from), ("to", "keyspace_id")];
        params.extend(&self.flags);
        let text = |(name, value): (&str, &str)| (name.to_owned(), value.to_owned());
        VindexSource {
            type_name: self.kind.to_owned(),
            params: params.into_iter().map(text).collect(),
            owner: OWNER.to_owned(),
        }
    }
}

impl Keyspace {
    /// A sequence.
    fn add_numbers(&mut self) {
        let type_name = "sequence".to_owned();
        let table = TableSource { type_name, ..TableSource::default() };
        self.vschema.tables.insert(NUMBERS.to_owned(), table);
        self.definitions.push(format!(
            "create table {NUMBERS} (id bigint not null, next_id bigint, cache bigint, \
             primary key (id)) comment 'vitess_sequence'"
        ));
    }
}

impl KeyspaceSource {
    /// Lets the sequence fill in a column of a table.
    fn number(&mut self, table: &str, column: &str) {
        if let Some(table) = self.tables.get_mut(table) {
            let sequence = format!("{ELSEWHERE}.{NUMBERS}");
            let column = column.to_owned();
            table.auto_increment = Some(AutoIncrementSource { column, sequence });
        }
    }

    fn add_table(&mut self, name: &str, column_vindexes: Vec<ColumnVindexSource>) {
        let table = TableSource { column_vindexes, ..TableSource::default() };
        self.tables.insert(name.to_owned(), table);
    }

    fn add_vindex(&mut self, name: &str, vindex: VindexSource) {
        self.vindexes.insert(name.to_owned(), vindex);
    }
}

fn functional(type_name: &str) -> VindexSource {
    VindexSource { type_name: type_name.to_owned(), ..VindexSource::default() }
}

fn column_vindex(columns: &[&str], name: &str) -> ColumnVindexSource {
    let (column, columns) = match columns {
        [only] => ((*only).to_owned(), Vec::new()),
        several => (String::new(), several.iter().map(|name| (*name).to_owned()).collect()),
    };
    ColumnVindexSource { column, columns, name: name.to_owned() }
}

impl ValueType {
    fn sql(self) -> &'static str {
        match self {
            ValueType::Bigint => "bigint",
            ValueType::Varchar => "varchar(64)",
            ValueType::Varbinary => "varbinary(64)",
        }
    }

    /// The vindex that shards a lookup table by a value.
    fn vindex(self) -> &'static str {
        match self {
            ValueType::Bigint => "hash",
            ValueType::Varchar => "unicode_loose_xxhash",
            ValueType::Varbinary => "xxhash",
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use sim::seed::Seed;

    use super::*;
    use crate::fuzz::tables;
    use crate::vindex::Registry;
    use crate::vschema::{Build, SrvVSchema, VSchema};

    /// What is drawn is a vschema without an error, over tables that can be read; and everything
    /// that may be drawn is.
    #[test]
    fn a_drawn_schema_can_be_made() {
        let profile = Profile::named("small").unwrap();
        let mut seen = BTreeSet::new();
        for seed in 0..500 {
            let schema = Schema::draw(&mut Draw::new(Seed(seed), "fuzz/schema"), profile);
            let keyspaces =
                schema.keyspaces.iter().map(|ks| (ks.name.clone(), ks.vschema.clone())).collect();
            let source = SrvVSchema { keyspaces, ..SrvVSchema::default() };
            let (_, problems) =
                VSchema::build_with_problems(&source, &Registry::standard(), Build::Everything);
            assert!(problems.is_empty(), "seed {seed}: {problems:?}");
            for table in tables::read(&schema).unwrap() {
                seen.insert(table.bare.clone());
            }
            for vindex in schema.keyspaces.iter().flat_map(|ks| ks.vschema.vindexes.values()) {
                seen.insert(vindex.type_name.clone());
                seen.extend(vindex.params.keys().cloned());
            }
            let owner = schema.keyspaces.iter().find_map(|ks| ks.vschema.tables.get(OWNER));
            let owner = owner.unwrap();
            seen.extend(owner.auto_increment.iter().map(|numbers| numbers.sequence.clone()));
            seen.extend(owner.column_vindexes.iter().map(|vindex| vindex.column.clone()));
        }
        for expected in [
            OWNER,
            USER,
            PLAIN,
            "consistent_lookup",
            "lookup_unique",
            "lookup",
            "write_only",
            "read_lock",
            "no_verify",
            "autocommit",
            "batch_lookup",
            "ignore_nulls",
            "product.order_seq",
            MIRROR,
        ] {
            assert!(seen.contains(expected), "{expected}: {seen:?}");
        }
    }
}
