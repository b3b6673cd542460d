//! A schema and its vschema, drawn: tables by every way to shard them, and lookups of all types.

use crate::draw::Draw;

#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Int,
    Decimal,
    Text,
    Bytes,
    Date,
}

impl Kind {
    fn sql(self) -> &'static str {
        match self {
            Kind::Int => "bigint",
            Kind::Decimal => "decimal(10,2)",
            Kind::Text => "varchar(16)",
            Kind::Bytes => "varbinary(16)",
            Kind::Date => "date",
        }
    }

    fn vschema(self) -> &'static str {
        match self {
            Kind::Int => "INT64",
            Kind::Decimal => "DECIMAL",
            Kind::Text => "VARCHAR",
            Kind::Bytes => "VARBINARY",
            Kind::Date => "DATE",
        }
    }

    /// The vindexes that give a value of this kind the same shard however it is written: not those
    /// that hash text, for numbers with a fraction.
    fn vindexes(self) -> &'static [&'static str] {
        match self {
            Kind::Int => &["hash", "xxhash", "reverse_bits", "binary_md5", "numeric"],
            Kind::Text => &["unicode_loose_md5", "unicode_loose_xxhash", "xxhash"],
            Kind::Bytes => &["binary", "binary_md5", "xxhash"],
            Kind::Date => &["xxhash", "binary_md5"],
            Kind::Decimal => &[],
        }
    }

    /// A value, of `range` different ones.
    pub fn literal(self, draw: &mut Draw, range: u64) -> String {
        let n = draw.below(range);
        match self {
            Kind::Int => n.to_string(),
            Kind::Decimal => format!("{}.{}", n / 2, ["25", "50"][(n % 2) as usize]),
            Kind::Text => format!("'{}{}'", ["a", "b", "ab", "c d"][(n % 4) as usize], n / 4),
            Kind::Bytes => format!("'{}x'", n),
            Kind::Date => format!("'2024-{:02}-{:02}'", 1 + n % 3, 1 + n / 3),
        }
    }
}

#[derive(Clone)]
pub struct Column {
    pub name: String,
    pub kind: Kind,
    pub nullable: bool,
    /// No two rows have the same value, on any shard.
    pub unique: bool,
}

pub struct Lookup {
    pub column: usize,
    kind: &'static str,
    from: Vec<usize>,
    params: Vec<(&'static str, &'static str)>,
    /// Whether the lookup table is in the keyspace of its owner, or in one that is not sharded.
    sharded: bool,
}

impl Lookup {
    pub fn is_consistent(&self) -> bool {
        self.kind.starts_with("consistent")
    }
}

pub struct Table {
    pub name: String,
    pub columns: Vec<Column>,
    pub key: Vec<usize>,
    pub sharding: Vec<usize>,
    pub lookups: Vec<Lookup>,
    pub reference: bool,
    /// Whether lookups are asked if a row that was ignored is theirs: one that is only written, or
    /// not verified, says yes to all.
    pub verified: bool,
    vindex: &'static str,
    /// Whether the vschema lists the columns.
    pub listed: bool,
}

pub struct Schema {
    pub tables: Vec<Table>,
}

/// A keyspace that holds the schema.
pub struct Keyspace {
    pub name: &'static str,
    pub shards: &'static str,
    pub write_only: bool,
}

impl Schema {
    pub fn draw(draw: &mut Draw) -> Schema {
        let count = 2 + draw.below(3);
        Schema { tables: (0..count).map(|at| Table::draw(draw, at)).collect() }
    }

    /// The tables that are written.
    pub fn sharded(&self) -> Vec<&Table> {
        self.tables.iter().filter(|table| !table.reference).collect()
    }

    /// The definitions of all tables, with the lookup tables that `sharded` keyspaces hold.
    pub fn definitions(&self) -> String {
        let mut text = String::new();
        for table in &self.tables {
            text += &table.definition();
            for lookup in table.lookups.iter().filter(|lookup| lookup.sharded) {
                text += &table.lookup_definition(lookup, "");
            }
        }
        text
    }

    /// The definitions of the lookup tables that are not in the keyspace that owns them.
    pub fn unsharded_definitions(&self, keyspace: &Keyspace) -> String {
        let mut text = String::new();
        for table in &self.tables {
            for lookup in table.lookups.iter().filter(|lookup| !lookup.sharded) {
                text += &table.lookup_definition(lookup, &format!("{}_", keyspace.name));
            }
        }
        text
    }

    pub fn vschema(&self, keyspace: &Keyspace) -> String {
        let (mut vindexes, mut tables) = (Vec::new(), Vec::new());
        for kind in [Kind::Int, Kind::Text, Kind::Bytes, Kind::Date] {
            for name in kind.vindexes() {
                let vindex = format!("\"{name}\": {{ \"type\": \"{name}\" }}");
                if !vindexes.contains(&vindex) {
                    vindexes.push(vindex);
                }
            }
        }
        let params = "\"params\": { \"column_count\": \"2\" }";
        vindexes.push(format!("\"multicol\": {{ \"type\": \"multicol\", {params} }}"));
        for table in &self.tables {
            tables.push(format!("\"{}\": {{ {} }}", table.name, table.vschema()));
            for lookup in &table.lookups {
                vindexes.push(table.lookup_vindex(lookup, keyspace));
                if lookup.sharded {
                    let column = &table.columns[lookup.column];
                    let vindex = match lookup.kind.contains("unicodeloosemd5") {
                        true => "hash",
                        false => column.kind.vindexes()[0],
                    };
                    tables.push(format!(
                        "\"{}\": {{ \"column_vindexes\": \
                         [{{ \"column\": \"{}\", \"name\": \"{vindex}\" }}] }}",
                        table.lookup_name(lookup),
                        column.name
                    ));
                }
            }
        }
        format!(
            "{{ \"sharded\": true, \"vindexes\": {{ {} }}, \"tables\": {{ {} }} }}",
            vindexes.join(", "),
            tables.join(", ")
        )
    }
}

impl Table {
    /// The first is one that can be written.
    fn draw(draw: &mut Draw, at: u64) -> Table {
        let name = format!("t{at}");
        let own = |name: &str, kind: Kind| Column {
            name: name.into(),
            kind,
            nullable: false,
            unique: false,
        };
        let vindex = |draw: &mut Draw, kind: Kind| *draw.choose(kind.vindexes());
        let (columns, key, sharding, vindex) = match draw.below(if at == 0 { 8 } else { 9 }) {
            0..=2 => (vec![own("id", Kind::Int)], vec![0], vec![0], vindex(draw, Kind::Int)),
            3 => {
                let kind = *draw.choose(&[Kind::Text, Kind::Bytes, Kind::Date]);
                (vec![own("id", kind)], vec![0], vec![0], vindex(draw, kind))
            }
            // Beside the rows of another table.
            4..=5 => {
                let kind = *draw.choose(&[Kind::Int, Kind::Int, Kind::Text]);
                let key = if draw.below(2) == 0 { vec![0, 1] } else { vec![1, 0] };
                let columns = vec![own("id", Kind::Int), own("p", kind)];
                (columns, key, vec![1], vindex(draw, kind))
            }
            // By a column that is not of the key, which a lookup keeps unique.
            6 => {
                let columns = vec![own("id", Kind::Int), own("p", Kind::Int)];
                (columns, vec![0], vec![1], vindex(draw, Kind::Int))
            }
            7 => {
                let columns = vec![own("id", Kind::Int), own("y", Kind::Int)];
                (columns, vec![0, 1], vec![0, 1], "multicol")
            }
            // A copy on each shard.
            _ => (vec![own("id", Kind::Int)], vec![0], Vec::new(), ""),
        };
        let mut table = Table {
            name,
            reference: sharding.is_empty(),
            columns,
            key,
            sharding,
            vindex,
            lookups: Vec::new(),
            verified: true,
            listed: draw.below(3) != 0,
        };
        if !table.reference && table.key == [0] && table.sharding == [1] {
            table.add_lookup(draw, 0, true);
        }
        let kinds = [Kind::Int, Kind::Int, Kind::Int, Kind::Decimal, Kind::Text, Kind::Bytes];
        for name in ["a", "b", "c", "d"].iter().take(2 + draw.below(3) as usize) {
            let kind = if draw.below(8) == 0 { Kind::Date } else { *draw.choose(&kinds) };
            let nullable = draw.below(4) != 0;
            let at = table.columns.len();
            table.columns.push(Column { nullable, ..own(name, kind) });
            if !table.reference && kind != Kind::Decimal && draw.below(5) < 2 {
                let unique = draw.below(2) == 0;
                table.add_lookup(draw, at, unique);
            }
        }
        table
    }

    fn add_lookup(&mut self, draw: &mut Draw, column: usize, unique: bool) {
        let own = &mut self.columns[column];
        own.unique = unique;
        let hashed = self.sharding.len() == 1 && self.vindex == "hash";
        let kind = match (unique, draw.below(6)) {
            (true, 0) => "lookup_unique",
            (false, 0) => "lookup",
            (true, 1) if hashed => "lookup_hash_unique",
            (false, 1) if hashed => "lookup_hash",
            // NULL is a value to this one, like any other.
            (true, 2) if hashed && own.kind == Kind::Text && !own.nullable => {
                "lookup_unicodeloosemd5_hash_unique"
            }
            (true, _) => "consistent_lookup_unique",
            (false, _) => "consistent_lookup",
        };
        let mut from = vec![column];
        if !unique {
            from.extend(self.key.iter().filter(|at| **at != column));
        }
        let mut params = Vec::new();
        if own.nullable {
            params.push(("ignore_nulls", "true"));
        }
        // Text in a batch is found by its bytes, not as the column compares it.
        if own.kind != Kind::Text && draw.below(3) == 0 {
            params.push(("batch_lookup", "true"));
        }
        match draw.below(5) {
            0 => params.push(("read_lock", "shared")),
            1 => params.push(("read_lock", "none")),
            _ => {}
        }
        if matches!(kind, "lookup" | "lookup_unique") && draw.below(3) == 0 {
            params.push(("no_verify", "true"));
            self.verified = false;
        }
        self.lookups.push(Lookup { column, kind, from, params, sharded: draw.below(3) != 0 });
    }

    fn names(&self, columns: &[usize]) -> String {
        let names: Vec<&str> = columns.iter().map(|at| self.columns[*at].name.as_str()).collect();
        names.join(", ")
    }

    fn definition(&self) -> String {
        let mut parts: Vec<String> = Vec::new();
        for column in &self.columns {
            let null = if column.nullable { "" } else { " not null" };
            parts.push(format!("{} {}{null}", column.name, column.kind.sql()));
        }
        parts.push(format!("primary key ({})", self.names(&self.key)));
        for (at, column) in self.columns.iter().enumerate() {
            if column.unique && self.key != [at] {
                parts.push(format!("unique key u_{0} ({0})", column.name));
            }
        }
        for lookup in &self.lookups {
            let column = &self.columns[lookup.column];
            if !column.unique {
                parts.push(format!("key k_{0} ({0})", column.name));
            }
        }
        format!("create table {} ({}); ", self.name, parts.join(", "))
    }

    fn lookup_name(&self, lookup: &Lookup) -> String {
        format!("lk_{}_{}", self.name, self.columns[lookup.column].name)
    }

    fn lookup_definition(&self, lookup: &Lookup, prefix: &str) -> String {
        let mut parts = Vec::new();
        for at in &lookup.from {
            let column = &self.columns[*at];
            let hashed = lookup.kind.contains("unicodeloosemd5") && *at == lookup.column;
            let kind = if hashed { "bigint unsigned" } else { column.kind.sql() };
            parts.push(format!("{} {kind} not null", column.name));
        }
        let to = if lookup.kind.contains("hash") { "bigint unsigned" } else { "varbinary(64)" };
        parts.push(format!("ksid {to} not null"));
        parts.push(format!("primary key ({})", self.names(&lookup.from)));
        format!("create table {prefix}{} ({}); ", self.lookup_name(lookup), parts.join(", "))
    }

    fn lookup_vindex(&self, lookup: &Lookup, keyspace: &Keyspace) -> String {
        let name = self.lookup_name(lookup);
        let table = match lookup.sharded {
            true => format!("{}.{name}", keyspace.name),
            false => format!("main.{}_{name}", keyspace.name),
        };
        let mut params = vec![
            format!("\"table\": \"{table}\""),
            format!("\"from\": \"{}\"", self.names(&lookup.from)),
            "\"to\": \"ksid\"".to_string(),
        ];
        params.extend(lookup.params.iter().map(|(name, value)| format!("\"{name}\": \"{value}\"")));
        if keyspace.write_only {
            params.push("\"write_only\": \"true\"".to_string());
        }
        format!(
            "\"{name}\": {{ \"type\": \"{}\", \"params\": {{ {} }}, \"owner\": \"{}\" }}",
            lookup.kind,
            params.join(", "),
            self.name
        )
    }

    fn vschema(&self) -> String {
        let mut parts = Vec::new();
        if self.reference {
            parts.push("\"type\": \"reference\"".to_string());
        } else {
            let quoted = |columns: &[usize]| {
                let names: Vec<String> =
                    columns.iter().map(|at| format!("\"{}\"", self.columns[*at].name)).collect();
                names.join(", ")
            };
            let vindex = |columns: &[usize], name: &str| {
                format!("{{ \"columns\": [{}], \"name\": \"{name}\" }}", quoted(columns))
            };
            let mut vindexes = vec![vindex(&self.sharding, self.vindex)];
            for lookup in &self.lookups {
                vindexes.push(vindex(&lookup.from, &self.lookup_name(lookup)));
            }
            parts.push(format!("\"column_vindexes\": [{}]", vindexes.join(", ")));
        }
        if self.listed {
            let columns = self.columns.iter().map(|column| {
                let kind = column.kind.vschema();
                format!("{{ \"name\": \"{}\", \"type\": \"{kind}\" }}", column.name)
            });
            let columns: Vec<String> = columns.collect();
            parts.push(format!("\"columns\": [{}]", columns.join(", ")));
            parts.push("\"column_list_authoritative\": true".to_string());
        }
        parts.join(", ")
    }
}
