//! `vindicate vindex list` and `vindicate vindex map`.
//!
//! Values come as arguments, or one a line from stdin; a line of output follows each, so that a
//! million of them stream through.

use std::io::{self, BufRead, BufWriter, Write};
use std::sync::Arc;

use clap::Subcommand;
use comfy_table::{Table, presets};
use serde_json::json;

use crate::cli::{CommandError, Format, Verdict};
use crate::key::sharding_spec::parse_sharding_spec;
use crate::key::{Destination, Shard};
use crate::vindex::{
    Columns, Functional, Kind, Params, Properties, Registry, Row, Value, Vindex, VindexError,
};

#[derive(Subcommand)]
pub(super) enum Command {
    /// Show all types of vindex and their properties
    List {
        #[arg(long, value_enum, default_value = "text")]
        format: Format,
    },
    /// Show the keyspace id and the shard that each value goes to
    Map {
        /// The type of vindex, such as hash or xxhash
        #[arg(value_name = "TYPE")]
        type_name: String,
        /// Values to map; for several columns, with commas between; none: one a line from stdin
        #[arg(value_name = "VALUE", allow_negative_numbers = true)]
        values: Vec<String>,
        /// A parameter of the vindex; may be repeated
        #[arg(long = "param", value_name = "NAME=VALUE")]
        params: Vec<String>,
        /// The shards of the keyspace, such as -80,80- (or as one spec, -80-)
        #[arg(long, allow_hyphen_values = true)]
        shards: Option<String>,
        /// The MySQL type of the values, or of each column with commas between; else INT64 for
        /// whole numbers and VARCHAR for other text
        #[arg(long = "type", value_name = "KIND")]
        kinds: Option<String>,
        #[arg(long, value_enum, default_value = "text")]
        format: Format,
    },
}

pub(super) fn run(command: Command) -> Result<Verdict, CommandError> {
    match command {
        Command::List { format } => list(format),
        Command::Map { type_name, values, params, shards, kinds, format } => {
            let vindex = create(&type_name, &params)?;
            let mapping = Mapping::new(vindex, shards.as_deref(), kinds.as_deref(), format)?;
            let mut out = BufWriter::new(io::stdout().lock());
            let verdict = match values.is_empty() {
                false => {
                    mapping.run(values.into_iter().map(|value| Ok(value.into_bytes())), &mut out)
                }
                true => mapping.run(io::stdin().lock().split(b'\n'), &mut out),
            }?;
            out.flush()?;
            Ok(verdict)
        }
    }
}

/// Parameters that a type needs to be made at all, so that its properties can be shown.
const NEEDED: [(&str, &str, &str); 3] = [
    ("multicol", "column_count", "2"),
    ("numeric_static_map", "json", "{}"),
    ("region_experimental", "region_bytes", "1"),
];

fn list(format: Format) -> Result<Verdict, CommandError> {
    let registry = Registry::standard();
    let mut rows = Vec::new();
    for type_name in registry.type_names() {
        if let Some(properties) = properties(&registry, type_name) {
            rows.push((type_name, properties));
        }
    }
    let mut out = io::stdout().lock();
    match format {
        Format::Json => {
            let rows: Vec<serde_json::Value> =
                rows.iter().map(|(name, properties)| describe_json(name, properties)).collect();
            writeln!(out, "{:#}", json!(rows))?;
        }
        Format::Text => {
            let mut table = Table::new();
            table.load_style(presets::NOTHING).set_header([
                "TYPE",
                "CATEGORY",
                "COST",
                "UNIQUE",
                "COLUMNS",
                "VCURSOR",
                "REVERSE",
                "HASH",
                "BETWEEN",
                "LIKE",
                "PLANNED",
                "PARAMETERS",
            ]);
            for (name, properties) in &rows {
                table.add_row(describe(name, properties));
            }
            for line in table.lines() {
                writeln!(out, "{}", line.trim_end())?;
            }
        }
    }
    Ok(Verdict::Held)
}

fn properties(registry: &Registry, type_name: &str) -> Option<Properties> {
    if type_name == "region_json" {
        // It is made from a file.
        return Some(crate::vindex::region_json::PROPERTIES);
    }
    let needed = NEEDED.iter().filter(|(name, _, _)| *name == type_name);
    let params: Params =
        needed.map(|(_, name, text)| (name.to_string(), text.to_string())).collect();
    registry.create(type_name, type_name, &params).ok().map(|vindex| vindex.properties())
}

fn category(properties: &Properties) -> &'static str {
    if properties.is_lookup() { "lookup" } else { "functional" }
}

fn columns(name: &str, properties: &Properties) -> String {
    match (name, properties.columns) {
        ("multicol", _) => "1..8, or the first few".to_string(),
        (_, Columns::Single) if properties.is_lookup() => "1 and more".to_string(),
        (_, Columns::Single) => "1".to_string(),
        (_, Columns::Multi { max, partial: true }) => format!("{max}, or the first few"),
        (_, Columns::Multi { max, partial: false }) => max.to_string(),
    }
}

fn cost(name: &str, properties: &Properties) -> String {
    match name {
        "multicol" => "sum of columns".to_string(),
        "lookup_cost" => format!("{}, or as param", properties.cost),
        _ => properties.cost.to_string(),
    }
}

fn params(name: &str, properties: &Properties) -> &'static str {
    match name {
        "cfc" => "hash, offsets",
        "multicol" => "column_count, column_bytes, column_vindex",
        "numeric_static_map" => "json or json_path, fallback_type",
        "region_experimental" => "region_bytes",
        "region_json" => "region_map, region_bytes",
        "lookup" | "lookup_unique" => "see below, autocommit, multi_shard_autocommit, no_verify",
        "lookup_cost" => "see below, autocommit, multi_shard_autocommit, no_verify, cost",
        _ if !properties.is_lookup() => "",
        name if name.starts_with("consistent_") => LOOKUP_PARAMS,
        _ => "as lookup, without no_verify",
    }
}

const LOOKUP_PARAMS: &str = "table, from, to, ignore_nulls, batch_lookup, read_lock, write_only";

fn describe(name: &str, properties: &Properties) -> Vec<String> {
    let yes = |flag: bool| if flag { "yes" } else { "no" }.to_string();
    let planned = properties.lookup.is_some_and(|lookup| lookup.planable);
    let params = params(name, properties).replace("see below", LOOKUP_PARAMS);
    vec![
        name.to_string(),
        category(properties).to_string(),
        cost(name, properties),
        yes(properties.unique),
        columns(name, properties),
        yes(properties.needs_vcursor),
        yes(properties.reversible),
        yes(properties.hashing),
        yes(properties.sequential),
        yes(properties.prefixable),
        if properties.is_lookup() { yes(planned) } else { String::new() },
        params,
    ]
}

fn describe_json(name: &str, properties: &Properties) -> serde_json::Value {
    json!({
        "type": name,
        "category": category(properties),
        "cost": properties.cost,
        "unique": properties.unique,
        "needs_vcursor": properties.needs_vcursor,
        "multi_column": properties.is_multi_column(),
        "partial": properties.is_partial(),
        "reversible": properties.reversible,
        "hashing": properties.hashing,
        "sequential": properties.sequential,
        "prefixable": properties.prefixable,
        "lookup_planable": properties.lookup.is_some_and(|lookup| lookup.planable),
        "wants_owner": properties.lookup.is_some_and(|lookup| lookup.wants_owner),
        "validates_params": properties.validates_params,
    })
}

fn create(type_name: &str, params: &[String]) -> Result<Arc<dyn Vindex>, CommandError> {
    let mut read = Params::new();
    for param in params {
        let Some((name, text)) = param.split_once('=') else {
            return Err(CommandError::usage(format!("--param {param}: expected NAME=VALUE")));
        };
        read.insert(name.to_string(), text.to_string());
    }
    let registry = Registry::standard();
    let vindex = registry.create(type_name, type_name, &read).map_err(|error| {
        CommandError::usage(error.to_string())
            .hint("vindicate vindex list shows the types and their parameters")
    })?;
    if vindex.functional().is_none() {
        return Err(CommandError::usage(format!(
            "{type_name} looks its keyspace ids up in a table; only functional vindexes map here"
        )));
    }
    if let [unknown, ..] = vindex.unknown_params() {
        return Err(CommandError::usage(format!("{type_name} has no parameter {unknown}")));
    }
    Ok(vindex)
}

struct Mapping {
    vindex: Arc<dyn Vindex>,
    shards: Vec<Shard>,
    kinds: Vec<Kind>,
    format: Format,
}

impl Mapping {
    fn new(
        vindex: Arc<dyn Vindex>,
        shards: Option<&str>,
        kinds: Option<&str>,
        format: Format,
    ) -> Result<Mapping, CommandError> {
        let shards = shards.map_or(Ok(Vec::new()), parse_shards)?;
        let kind = |name: &str| {
            Kind::from_name(&name.trim().to_ascii_uppercase()).ok_or_else(|| {
                CommandError::usage(format!("--type {name}: no such type"))
                    .hint("such as INT64, UINT64, VARCHAR, VARBINARY, DECIMAL, HEXNUM, NULL_TYPE")
            })
        };
        let kinds: Result<Vec<Kind>, CommandError> =
            kinds.map_or(Ok(Vec::new()), |kinds| kinds.split(',').map(kind).collect());
        Ok(Mapping { vindex, shards, kinds: kinds?, format })
    }

    /// Maps each value. A value that cannot be mapped is reported, and the others go on.
    fn run(
        &self,
        values: impl Iterator<Item = io::Result<Vec<u8>>>,
        out: &mut impl Write,
    ) -> Result<Verdict, CommandError> {
        let functional = self.vindex.functional().ok_or_else(|| CommandError::usage("no map"))?;
        let mut verdict = Verdict::Held;
        for (i, value) in values.enumerate() {
            let mut value = value?;
            if value.last() == Some(&b'\r') {
                value.pop();
            }
            let row = self.row(&value);
            let printed = String::from_utf8_lossy(&value);
            match self.place(functional, &row) {
                Ok(place) => self.print(out, &printed, &row, &place)?,
                Err(error) => {
                    out.flush()?;
                    let _ = writeln!(io::stderr(), "value {}: {printed}: {error}", i + 1);
                    verdict = Verdict::BadInput;
                }
            }
        }
        Ok(verdict)
    }

    fn row(&self, value: &[u8]) -> Row {
        match self.vindex.properties().is_multi_column() {
            false => vec![self.value(0, value)],
            true => value
                .split(|byte| *byte == b',')
                .enumerate()
                .map(|(i, column)| self.value(i, column))
                .collect(),
        }
    }

    fn value(&self, column: usize, text: &[u8]) -> Value {
        match self.kinds.get(column).or(self.kinds.last()) {
            Some(Kind::Null) => Value::NULL,
            Some(kind) => Value::new(*kind, text),
            None => Value::new(guess_kind(text), text),
        }
    }

    fn place(&self, functional: &dyn Functional, row: &[Value]) -> Result<Place, VindexError> {
        let destination = functional.map_one(row)?;
        let shards = match self.shards.is_empty() {
            true => Vec::new(),
            false => destination
                .resolve(&self.shards, &mut |_| 0)
                .map_err(|error| VindexError::new(error.code(), error.to_string()))?
                .into_iter()
                .map(str::to_string)
                .collect(),
        };
        Ok(Place { destination, shards })
    }

    fn print(
        &self,
        out: &mut impl Write,
        value: &str,
        row: &[Value],
        place: &Place,
    ) -> Result<(), CommandError> {
        match self.format {
            Format::Text => {
                write!(out, "{value}\t{}", place.keyspace_id())?;
                if !self.shards.is_empty() {
                    write!(out, "\t{}", place.shards.join(","))?;
                }
                writeln!(out)?;
            }
            Format::Json => {
                let types: Vec<&str> = row.iter().map(|value| value.kind.name()).collect();
                let mut object = json!({
                    "value": value,
                    "types": types,
                    "destination": place.destination.to_string(),
                });
                if let Destination::KeyspaceId(ksid) = &place.destination {
                    object["keyspace_id"] = json!(ksid.to_string());
                }
                if !self.shards.is_empty() {
                    object["shards"] = json!(place.shards);
                }
                writeln!(out, "{object}")?;
            }
        }
        Ok(())
    }
}

/// Where a value goes.
struct Place {
    destination: Destination,
    shards: Vec<String>,
}

impl Place {
    fn keyspace_id(&self) -> String {
        match &self.destination {
            Destination::KeyspaceId(ksid) => ksid.to_string(),
            Destination::KeyRange(range) => format!("[{range})"),
            Destination::None => "none".to_string(),
            other => other.to_string(),
        }
    }
}

/// The type that a literal of this text has.
fn guess_kind(text: &[u8]) -> Kind {
    let digits = text.strip_prefix(b"-").unwrap_or(text);
    let is_number = !digits.is_empty() && digits.iter().all(u8::is_ascii_digit);
    let text = str::from_utf8(text).unwrap_or("");
    match (is_number, text.parse::<i64>(), text.parse::<u64>()) {
        (true, Ok(_), _) => Kind::Int64,
        (true, _, Ok(_)) => Kind::Uint64,
        (true, _, _) => Kind::Decimal,
        (false, _, _) => Kind::Varchar,
    }
}

/// Names with commas between, or a spec such as `-40-80-`.
fn parse_shards(text: &str) -> Result<Vec<Shard>, CommandError> {
    let error = |error: String| CommandError::usage(format!("--shards {text}: {error}"));
    if !text.contains(',') && text.matches('-').count() > 1 {
        let ranges = parse_sharding_spec(text).map_err(|spec| error(spec.to_string()))?;
        return Ok(ranges
            .into_iter()
            .map(|range| Shard { name: range.to_string(), range })
            .collect());
    }
    text.split(',')
        .map(|name| Shard::parse(name.trim()).map_err(|name| error(name.to_string())))
        .collect()
}
