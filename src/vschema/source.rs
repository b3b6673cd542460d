//! A vschema as it is written: the JSON that topo holds and people edit.
//!
//! [`SrvVSchema`] is all keyspaces with the routing rules, [`KeyspaceSource`] is one. They print as
//! canonical JSON (snake case, empty fields left out), and `parse(print(x)) = x`. Nothing here is
//! checked beyond the types of fields; that is [`crate::vschema::build`]. See
//! `proto/vschema.proto`. It knows nothing of vindex types.

use std::collections::BTreeMap;

use serde_json::{Map, Value as Json, json};

use crate::vindex::Kind;
use crate::vschema::TableName;
use crate::vschema::json::{JsonError, Node, parse};

/// Everything that vtgates know of keyspaces.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct SrvVSchema {
    pub keyspaces: BTreeMap<String, KeyspaceSource>,
    pub routing_rules: Vec<RoutingRuleSource>,
    pub shard_routing_rules: Vec<ShardRoutingRuleSource>,
    pub keyspace_routing_rules: Vec<KeyspaceRoutingRuleSource>,
    pub mirror_rules: Vec<MirrorRuleSource>,
}

/// A keyspace's vschema.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct KeyspaceSource {
    pub sharded: bool,
    pub foreign_key_mode: ForeignKeyMode,
    pub vindexes: BTreeMap<String, VindexSource>,
    pub tables: BTreeMap<String, TableSource>,
    pub require_explicit_routing: bool,
    pub multi_tenant_spec: Option<MultiTenantSpec>,
}

/// Who minds foreign keys.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ForeignKeyMode {
    #[default]
    Unspecified,
    Disallow,
    Unmanaged,
    Managed,
}

/// Which column says whose row it is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct MultiTenantSpec {
    pub tenant_id_column_name: String,
    pub tenant_id_column_type: Kind,
}

/// A vindex of a keyspace.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct VindexSource {
    pub type_name: String,
    pub params: BTreeMap<String, String>,
    pub owner: String,
}

/// A table of a keyspace.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TableSource {
    /// `sequence`, `reference`, or nothing for a normal table.
    pub type_name: String,
    pub column_vindexes: Vec<ColumnVindexSource>,
    pub auto_increment: Option<AutoIncrementSource>,
    pub columns: Vec<ColumnSource>,
    /// The keyspace id that all rows have, in hexadecimal.
    pub pinned: String,
    pub column_list_authoritative: bool,
    /// The table that a reference table copies.
    pub source: String,
}

/// Which columns a vindex takes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ColumnVindexSource {
    pub column: String,
    pub name: String,
    pub columns: Vec<String>,
}

/// The column that a sequence fills.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AutoIncrementSource {
    pub column: String,
    pub sequence: String,
}

/// A column of a table.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ColumnSource {
    pub name: String,
    pub kind: Kind,
    pub invisible: bool,
    pub default: String,
    pub collation_name: String,
    pub size: i32,
    pub scale: i32,
    /// Absent means true.
    pub nullable: Option<bool>,
    pub values: Vec<String>,
}

/// Sends the queries for one table to another.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RoutingRuleSource {
    pub from_table: String,
    pub to_tables: Vec<String>,
}

/// Sends the queries for one shard to another keyspace.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ShardRoutingRuleSource {
    pub from_keyspace: String,
    pub to_keyspace: String,
    pub shard: String,
}

/// Sends the queries for one keyspace to another.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct KeyspaceRoutingRuleSource {
    pub from_keyspace: String,
    pub to_keyspace: String,
}

/// Repeats some of the queries for one table on another.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct MirrorRuleSource {
    pub from_table: String,
    pub to_table: String,
    pub percent: f64,
}

impl VindexSource {
    /// The keyspace and the name of a lookup vindex's table; the name is empty where none can be
    /// read. `keyspace` is the vindex's own.
    pub fn lookup_table(&self, keyspace: &str) -> (String, String) {
        let named = self.params.get("table").and_then(|name| TableName::parse(name).ok());
        let named = named.unwrap_or_default();
        let is_bare = named.keyspace.is_empty();
        (if is_bare { keyspace.to_owned() } else { named.keyspace }, named.name)
    }
}

impl ColumnVindexSource {
    /// `column`, or else `columns`.
    pub fn column_names(&self) -> &[String] {
        match self.column.is_empty() {
            true => &self.columns,
            false => std::slice::from_ref(&self.column),
        }
    }
}

impl SrvVSchema {
    pub fn parse(text: &str) -> Result<SrvVSchema, JsonError> {
        SrvVSchema::read(&Node::root(&parse(text)?))
    }

    pub fn print(&self) -> String {
        pretty(&self.to_json())
    }

    fn read(node: &Node) -> Result<SrvVSchema, JsonError> {
        let empty = json!({});
        let rules = |name: &str| node.field(name).map(|rules| rules.unwrap_or(Node::root(&empty)));
        Ok(SrvVSchema {
            keyspaces: node.map_field("keyspaces", KeyspaceSource::read)?,
            routing_rules: rules("routing_rules")?.list_field("rules", |rule| {
                Ok(RoutingRuleSource {
                    from_table: rule.string_field("from_table")?,
                    to_tables: rule.list_field("to_tables", Node::string)?,
                })
            })?,
            shard_routing_rules: rules("shard_routing_rules")?.list_field("rules", |rule| {
                Ok(ShardRoutingRuleSource {
                    from_keyspace: rule.string_field("from_keyspace")?,
                    to_keyspace: rule.string_field("to_keyspace")?,
                    shard: rule.string_field("shard")?,
                })
            })?,
            keyspace_routing_rules: rules("keyspace_routing_rules")?.list_field(
                "rules",
                |rule| {
                    Ok(KeyspaceRoutingRuleSource {
                        from_keyspace: rule.string_field("from_keyspace")?,
                        to_keyspace: rule.string_field("to_keyspace")?,
                    })
                },
            )?,
            mirror_rules: rules("mirror_rules")?.list_field("rules", |rule| {
                Ok(MirrorRuleSource {
                    from_table: rule.string_field("from_table")?,
                    to_table: rule.string_field("to_table")?,
                    percent: rule.field("percent")?.map_or(Ok(0.0), |node| node.float())?,
                })
            })?,
        })
    }

    fn to_json(&self) -> Json {
        let mut object = Object::default();
        object.map("keyspaces", &self.keyspaces, KeyspaceSource::to_json);
        object.rules("routing_rules", &self.routing_rules, |rule| {
            let mut object = Object::default();
            object.string("from_table", &rule.from_table);
            object.strings("to_tables", &rule.to_tables);
            object.json()
        });
        object.rules("shard_routing_rules", &self.shard_routing_rules, |rule| {
            let mut object = Object::default();
            object.string("from_keyspace", &rule.from_keyspace);
            object.string("to_keyspace", &rule.to_keyspace);
            object.string("shard", &rule.shard);
            object.json()
        });
        object.rules("keyspace_routing_rules", &self.keyspace_routing_rules, |rule| {
            let mut object = Object::default();
            object.string("from_keyspace", &rule.from_keyspace);
            object.string("to_keyspace", &rule.to_keyspace);
            object.json()
        });
        object.rules("mirror_rules", &self.mirror_rules, |rule| {
            let mut object = Object::default();
            object.string("from_table", &rule.from_table);
            object.string("to_table", &rule.to_table);
            object.present("percent", rule.percent != 0.0, json!(rule.percent));
            object.json()
        });
        object.json()
    }
}

impl KeyspaceSource {
    pub fn parse(text: &str) -> Result<KeyspaceSource, JsonError> {
        KeyspaceSource::read(&Node::root(&parse(text)?))
    }

    pub fn print(&self) -> String {
        pretty(&self.to_json())
    }

    /// The same on one line.
    pub fn print_line(&self) -> String {
        line(&self.to_json())
    }

    fn read(node: &Node) -> Result<KeyspaceSource, JsonError> {
        // A keyspace without anything may be null.
        if node.value.is_null() {
            return Ok(KeyspaceSource::default());
        }
        Ok(KeyspaceSource {
            sharded: node.boolean_field("sharded")?,
            foreign_key_mode: node
                .field("foreign_key_mode")?
                .map_or(Ok(ForeignKeyMode::default()), |node| ForeignKeyMode::read(&node))?,
            vindexes: node.map_field("vindexes", VindexSource::read)?,
            tables: node.map_field("tables", TableSource::read)?,
            require_explicit_routing: node.boolean_field("require_explicit_routing")?,
            multi_tenant_spec: match node.field("multi_tenant_spec")? {
                None => None,
                Some(node) => Some(MultiTenantSpec {
                    tenant_id_column_name: node.string_field("tenant_id_column_name")?,
                    tenant_id_column_type: read_kind(&node, "tenant_id_column_type")?,
                }),
            },
        })
    }

    pub(super) fn to_json(&self) -> Json {
        let mut object = Object::default();
        object.flag("sharded", self.sharded);
        let mode = self.foreign_key_mode;
        object.present("foreign_key_mode", mode != ForeignKeyMode::Unspecified, json!(mode.name()));
        object.map("vindexes", &self.vindexes, |vindex| {
            let mut object = Object::default();
            object.string("type", &vindex.type_name);
            object.map("params", &vindex.params, |text| json!(text));
            object.string("owner", &vindex.owner);
            object.json()
        });
        object.map("tables", &self.tables, TableSource::to_json);
        object.flag("require_explicit_routing", self.require_explicit_routing);
        if let Some(spec) = &self.multi_tenant_spec {
            let mut inner = Object::default();
            inner.string("tenant_id_column_name", &spec.tenant_id_column_name);
            inner.kind("tenant_id_column_type", spec.tenant_id_column_type);
            object.present("multi_tenant_spec", true, inner.json());
        }
        object.json()
    }
}

impl ForeignKeyMode {
    const ALL: [ForeignKeyMode; 4] = [
        ForeignKeyMode::Unspecified,
        ForeignKeyMode::Disallow,
        ForeignKeyMode::Unmanaged,
        ForeignKeyMode::Managed,
    ];

    pub fn name(self) -> &'static str {
        match self {
            ForeignKeyMode::Unspecified => "unspecified",
            ForeignKeyMode::Disallow => "disallow",
            ForeignKeyMode::Unmanaged => "unmanaged",
            ForeignKeyMode::Managed => "managed",
        }
    }

    fn read(node: &Node) -> Result<ForeignKeyMode, JsonError> {
        let found = match node.value {
            Json::String(name) => ForeignKeyMode::ALL.into_iter().find(|mode| mode.name() == name),
            Json::Number(number) => number
                .as_u64()
                .and_then(|number| ForeignKeyMode::ALL.get(usize::try_from(number).ok()?).copied()),
            _ => None,
        };
        found.map_or_else(|| node.error("unspecified, disallow, unmanaged or managed"), Ok)
    }
}

impl VindexSource {
    fn read(node: &Node) -> Result<VindexSource, JsonError> {
        Ok(VindexSource {
            type_name: node.string_field("type")?,
            params: node.map_field("params", Node::string)?,
            owner: node.string_field("owner")?,
        })
    }
}

impl TableSource {
    fn read(node: &Node) -> Result<TableSource, JsonError> {
        Ok(TableSource {
            type_name: node.string_field("type")?,
            column_vindexes: node.list_field("column_vindexes", |node| {
                Ok(ColumnVindexSource {
                    column: node.string_field("column")?,
                    name: node.string_field("name")?,
                    columns: node.list_field("columns", Node::string)?,
                })
            })?,
            auto_increment: match node.field("auto_increment")? {
                None => None,
                Some(node) => Some(AutoIncrementSource {
                    column: node.string_field("column")?,
                    sequence: node.string_field("sequence")?,
                }),
            },
            columns: node.list_field("columns", ColumnSource::read)?,
            pinned: node.string_field("pinned")?,
            column_list_authoritative: node.boolean_field("column_list_authoritative")?,
            source: node.string_field("source")?,
        })
    }

    fn to_json(&self) -> Json {
        let mut object = Object::default();
        object.string("type", &self.type_name);
        object.list("column_vindexes", &self.column_vindexes, |vindex| {
            let mut object = Object::default();
            object.string("column", &vindex.column);
            object.strings("columns", &vindex.columns);
            object.string("name", &vindex.name);
            object.json()
        });
        if let Some(auto_increment) = &self.auto_increment {
            let mut inner = Object::default();
            inner.string("column", &auto_increment.column);
            inner.string("sequence", &auto_increment.sequence);
            object.present("auto_increment", true, inner.json());
        }
        object.list("columns", &self.columns, ColumnSource::to_json);
        object.string("pinned", &self.pinned);
        object.flag("column_list_authoritative", self.column_list_authoritative);
        object.string("source", &self.source);
        object.json()
    }
}

impl ColumnSource {
    fn read(node: &Node) -> Result<ColumnSource, JsonError> {
        Ok(ColumnSource {
            name: node.string_field("name")?,
            kind: read_kind(node, "type")?,
            invisible: node.boolean_field("invisible")?,
            default: node.string_field("default")?,
            collation_name: node.string_field("collation_name")?,
            size: node.integer_field("size")?,
            scale: node.integer_field("scale")?,
            nullable: node.field("nullable")?.map(|node| node.boolean()).transpose()?,
            values: node.list_field("values", Node::string)?,
        })
    }

    fn to_json(&self) -> Json {
        let mut object = Object::default();
        object.string("name", &self.name);
        object.kind("type", self.kind);
        object.flag("invisible", self.invisible);
        object.string("default", &self.default);
        object.string("collation_name", &self.collation_name);
        object.present("size", self.size != 0, json!(self.size));
        object.present("scale", self.scale != 0, json!(self.scale));
        object.present("nullable", self.nullable.is_some(), json!(self.nullable));
        object.strings("values", &self.values);
        object.json()
    }
}

fn read_kind(node: &Node, field: &str) -> Result<Kind, JsonError> {
    let Some(node) = node.field(field)? else {
        return Ok(Kind::Null);
    };
    let kind = match node.value {
        Json::String(name) => Kind::from_name(name),
        Json::Number(number) => {
            number.as_u64().and_then(|number| Kind::from_number(u32::try_from(number).ok()?))
        }
        _ => None,
    };
    kind.map_or_else(|| node.error("a type of query.proto"), Ok)
}

fn pretty(value: &Json) -> String {
    format!("{value:#}\n")
}

/// With a space where people put one.
fn line(value: &Json) -> String {
    let of = |entries: Vec<String>| entries.join(", ");
    match value {
        Json::Object(fields) => {
            let entry =
                |(name, value): (&String, &Json)| format!("{}: {}", json!(name), line(value));
            format!("{{{}}}", of(fields.iter().map(entry).collect()))
        }
        Json::Array(values) => format!("[{}]", of(values.iter().map(line).collect())),
        other => other.to_string(),
    }
}

/// An object being printed; empty fields are left out.
#[derive(Default)]
struct Object(Map<String, Json>);

impl Object {
    fn present(&mut self, name: &str, is_present: bool, value: Json) {
        if is_present {
            self.0.insert(name.to_string(), value);
        }
    }

    fn string(&mut self, name: &str, text: &str) {
        self.present(name, !text.is_empty(), json!(text));
    }

    fn flag(&mut self, name: &str, flag: bool) {
        self.present(name, flag, json!(true));
    }

    fn kind(&mut self, name: &str, kind: Kind) {
        self.present(name, kind != Kind::Null, json!(kind.name()));
    }

    fn strings(&mut self, name: &str, texts: &[String]) {
        self.present(name, !texts.is_empty(), json!(texts));
    }

    fn list<T>(&mut self, name: &str, items: &[T], print: impl Fn(&T) -> Json) {
        self.present(name, !items.is_empty(), items.iter().map(print).collect());
    }

    fn map<T>(&mut self, name: &str, items: &BTreeMap<String, T>, print: impl Fn(&T) -> Json) {
        let object: Map<String, Json> =
            items.iter().map(|(name, item)| (name.clone(), print(item))).collect();
        self.present(name, !items.is_empty(), Json::Object(object));
    }

    fn rules<T>(&mut self, name: &str, rules: &[T], print: impl Fn(&T) -> Json) {
        let rules: Vec<Json> = rules.iter().map(print).collect();
        self.present(name, !rules.is_empty(), json!({ "rules": rules }));
    }

    fn json(self) -> Json {
        Json::Object(self.0)
    }
}
