//! The schema of a case: one owner table with its lookups, where their tables are, of which types.
//!
//! `customer.corder` holds orders of customers, each with a sku, as in Vitess's guide to lookup
//! vindexes. What varies is what the protocol depends on: the sharding, whether a row's key is its
//! sharding column, where the lookup tables live, how many lookups there are, unique or not, the
//! columns' types, NULLs. All lookups are of the consistent types: of others nothing is promised.

use sim::seed::Draw;

/// See the [module](self).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Schema {
    pub shards: &'static str,
    pub primary: &'static str,
    /// The key is the sharding column: one row a keyspace id.
    pub key_is_sharding: bool,
    pub value: ValueType,
    pub place: Place,
    pub lookups: Vec<Lookup>,
}

/// Of the columns that lookups are for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ValueType {
    Bigint,
    Varchar,
    Varbinary,
}

/// Where the lookup tables are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    SameKeyspace,
    Unsharded,
    Sharded(&'static str),
}

/// An owned lookup.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lookup {
    pub column: &'static str,
    pub unique: bool,
    pub ignore_nulls: bool,
    pub nullable: bool,
    pub batch: bool,
}

impl Schema {
    pub fn draw(draw: &mut Draw) -> Schema {
        let value = draw.weighted(&[
            (3, ValueType::Bigint),
            (2, ValueType::Varchar),
            (2, ValueType::Varbinary),
        ]);
        let mut lookups = vec![Lookup::draw(draw, "sku", 75)];
        if draw.chance(35) {
            lookups.push(Lookup::draw(draw, "code", 50));
        }
        let place = draw.weighted(&[
            (4, Place::SameKeyspace),
            (2, Place::Unsharded),
            (2, Place::Sharded("-80,80-")),
        ]);
        let primary = if draw.chance(80) { "hash" } else { *draw.pick(&["hash", "xxhash"]) };
        Schema {
            shards: draw.weighted(&[(8, "-80,80-"), (2, "-40,40-80,80-")]),
            primary,
            key_is_sharding: draw.chance(50),
            value,
            place,
            lookups,
        }
    }

    /// The keyspace of the lookup tables.
    pub fn lookup_keyspace(&self) -> &'static str {
        match self.place {
            Place::SameKeyspace => "customer",
            Place::Unsharded | Place::Sharded(_) => "product",
        }
    }

    /// Names of keyspaces with their shards, the owner's last: it is the default of sessions.
    pub fn keyspaces(&self) -> Vec<(&'static str, &'static str)> {
        let mut all = match self.place {
            Place::SameKeyspace => Vec::new(),
            Place::Unsharded => vec![("product", "0")],
            Place::Sharded(shards) => vec![("product", shards)],
        };
        all.push(("customer", self.shards));
        all
    }

    pub fn vschema(&self, keyspace: &str) -> String {
        let is_lookups = self.lookup_keyspace() == keyspace;
        let is_owners = keyspace == "customer";
        let is_sharded = is_owners || matches!(self.place, Place::Sharded(_));
        let mut tables = Vec::new();
        if is_owners {
            let owned = self.lookups.iter().map(|lookup| {
                let columns = match lookup.unique {
                    true => format!(r#""column": "{}""#, lookup.column),
                    false => format!(r#""columns": ["{}", "order_id"]"#, lookup.column),
                };
                format!(r#", {{{columns}, "name": "{}"}}"#, lookup.table())
            });
            let owned: String = owned.collect();
            let (column, primary) = (self.sharding_column(), self.primary);
            tables.push(format!(
                r#""corder": {{"column_vindexes": [{{"column": "{column}", "name": "{primary}"}}{owned}]}}"#
            ));
        }
        if is_lookups {
            for lookup in &self.lookups {
                let vindexes = match is_sharded {
                    true => {
                        let (column, name) = (lookup.column, self.value.vindex());
                        format!(
                            r#""column_vindexes": [{{"column": "{column}", "name": "{name}"}}]"#
                        )
                    }
                    false => String::new(),
                };
                tables.push(format!(r#""{}": {{{vindexes}}}"#, lookup.table()));
            }
        }
        if !is_sharded {
            return format!(r#"{{"tables": {{{}}}}}"#, tables.join(", "));
        }
        let mut names = Vec::new();
        if is_owners {
            names.push(self.primary);
        }
        if is_lookups && !names.contains(&self.value.vindex()) {
            names.push(self.value.vindex());
        }
        let mut vindexes: Vec<String> =
            names.iter().map(|name| format!(r#""{name}": {{"type": "{name}"}}"#)).collect();
        if is_owners {
            vindexes
                .extend(self.lookups.iter().map(|lookup| lookup.vindex(self.lookup_keyspace())));
        }
        let (vindexes, tables) = (vindexes.join(", "), tables.join(", "));
        format!(r#"{{"sharded": true, "vindexes": {{{vindexes}}}, "tables": {{{tables}}}}}"#)
    }

    pub fn definitions(&self, keyspace: &str) -> String {
        let mut tables = Vec::new();
        let ty = self.value.sql();
        if keyspace == "customer" {
            let mut columns = vec!["order_id bigint not null".to_owned()];
            if !self.key_is_sharding {
                columns.push("customer_id bigint".to_owned());
            }
            for Lookup { column, nullable, .. } in &self.lookups {
                columns.push(format!("{column} {ty}{}", if *nullable { "" } else { " not null" }));
            }
            columns.push("price bigint".to_owned());
            columns.push("primary key (order_id)".to_owned());
            columns.extend(self.lookups.iter().map(|lookup| format!("key ({})", lookup.column)));
            tables.push(format!("create table corder ({})", columns.join(", ")));
        }
        if keyspace == self.lookup_keyspace() {
            tables.extend(self.lookups.iter().map(|lookup| lookup.definition(ty)));
        }
        tables.join("; ")
    }

    pub fn sharding_column(&self) -> &'static str {
        if self.key_is_sharding { "order_id" } else { "customer_id" }
    }
}

impl Lookup {
    fn draw(draw: &mut Draw, column: &'static str, unique_percent: u64) -> Lookup {
        let nullable = draw.chance(40);
        Lookup {
            column,
            unique: draw.chance(unique_percent),
            nullable,
            // Without it a NULL would be an entry, which the tables here cannot hold.
            ignore_nulls: nullable || draw.chance(10),
            batch: draw.chance(20),
        }
    }

    pub fn table(&self) -> String {
        format!("corder_{}", self.column)
    }

    /// The columns whose values an entry is for.
    fn from(&self) -> String {
        match self.unique {
            true => self.column.to_owned(),
            false => format!("{}, order_id", self.column),
        }
    }

    fn definition(&self, ty: &str) -> String {
        let (table, column, from) = (self.table(), self.column, self.from());
        let order = if self.unique { "" } else { ", order_id bigint not null" };
        format!(
            "create table {table} ({column} {ty} not null{order}, keyspace_id varbinary(128), \
             primary key ({from}))"
        )
    }

    fn vindex(&self, keyspace: &str) -> String {
        let kind = if self.unique { "consistent_lookup_unique" } else { "consistent_lookup" };
        let table = self.table();
        let from = self.from();
        let mut params =
            format!(r#""table": "{keyspace}.{table}", "from": "{from}", "to": "keyspace_id""#);
        if self.ignore_nulls {
            params.push_str(r#", "ignore_nulls": "true""#);
        }
        if self.batch {
            params.push_str(r#", "batch_lookup": "true""#);
        }
        format!(r#""{table}": {{"type": "{kind}", "owner": "corder", "params": {{{params}}}}}"#)
    }
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

    /// A value as SQL.
    pub fn literal(self, number: u64) -> String {
        match self {
            ValueType::Bigint => number.to_string(),
            ValueType::Varchar | ValueType::Varbinary => format!("'p{number}'"),
        }
    }
}
