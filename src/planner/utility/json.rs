//! Utility primitives as `vexplain plan` prints them.
//!
//! It knows nothing of how they are planned.

use serde_json::{Map, Value as Json, json};

use super::{SetOperation, SetValue, Utility};
use crate::planner::evaluable;
use crate::planner::json::describe as describe_primitive;
use crate::planner::primitive::{Keyspace, Primitive};
use crate::planner::semantics::tables::VINDEX_COLUMNS;

pub fn describe(utility: &Utility) -> Json {
    let operator = utility.operator();
    let node = match utility {
        Utility::Targeted(targeted) => {
            let send = describe_primitive(&Primitive::Send(targeted.send.clone()));
            let mut node = Node { object: into_object(send), own: Map::new() };
            node.own("MultishardAutocommit", targeted.multi_shard_autocommit);
            node.own("QueryTimeout", targeted.query_timeout_ms);
            node.own("ReservedConnectionNeeded", targeted.reserved_connection);
            node
        }
        Utility::SendText { keyspace, destination, text } => {
            let mut node = Node::new(operator).keyspace(keyspace).destination(destination);
            node.own("Query", &**text);
            node
        }
        Utility::AlterVSchema { keyspace, change } => {
            let mut node = Node::new(operator).keyspace(keyspace);
            node.own("query", change.to_string());
            node
        }
        Utility::RevertMigration { keyspace, text } => {
            let mut node = Node::new(operator).keyspace(keyspace);
            node.own("query", &**text);
            node
        }
        Utility::CreateDatabase(name) | Utility::DropDatabase(name) => {
            Node::new(operator).keyspace(&Keyspace { name: name.clone(), sharded: false })
        }
        Utility::Execute { parameters, .. } => {
            let mut node = Node::new(operator);
            let names: Vec<&str> = parameters.iter().map(|name| &**name).collect();
            // An empty list is nil in Go, and prints.
            let names = if names.is_empty() { Json::Null } else { json!(names) };
            node.own.insert("Parameters".into(), names);
            node
        }
        Utility::VExplain { kind, .. } => {
            let mut node = Node::new(operator);
            node.own("Type", kind.name());
            node
        }
        Utility::ShowExec { what, filter } => {
            let mut node = Node::new(operator).variant(&format!(" {what}"));
            node.own("Filter", filter.as_ref().map(ToString::to_string).unwrap_or_default());
            node
        }
        Utility::TransactionStatus { id, keyspace } => {
            let mut node = Node::new(operator);
            node.own("TransactionID", &**id);
            node.own("Keyspace", &**keyspace);
            node
        }
        Utility::Stream(stream) => {
            let mut node =
                Node::new(operator).keyspace(&stream.keyspace).destination(&stream.destination);
            node.own("Table", &*stream.table);
            node.own("Position", stream.position.as_str());
            node.own("Limit", stream.limit);
            node
        }
        Utility::Set(set) => {
            let mut node = Node::new(operator);
            let operations: Vec<Json> = set.operations.iter().map(operation).collect();
            node.own("Ops", operations);
            node
        }
        Utility::Lock { keyspace, field_query, functions } => {
            let mut node = Node::new(operator).keyspace(keyspace).destination("KeyspaceID(00)");
            node.own("FieldQuery", field_query.to_string());
            let functions: Vec<String> = functions.iter().map(|f| f.to_string()).collect();
            node.own("lock_func", functions);
            node
        }
        Utility::VindexFunction(function) => {
            let mut node = Node::new(operator).variant("VindexMap");
            let names = function.columns.iter().filter_map(|column| VINDEX_COLUMNS.get(*column));
            let fields: Map<String, Json> =
                names.map(|name| ((*name).to_owned(), json!("VARBINARY"))).collect();
            let columns = match &function.columns[..] {
                [] => Json::Null,
                columns => json!(columns),
            };
            node.own.insert("Columns".into(), columns);
            node.own("Fields", Json::Object(fields));
            node.own("Value", evaluable::text(&function.value));
            node.own("Vindex", &*function.vindex);
            node
        }
        Utility::Vgtid(_) => {
            let mut node = Node::new(operator).variant("Ordered");
            node.own("Aggregates", "vgtid(1) AS global vgtid_executed");
            node.own("ResultColumns", 2);
            node
        }
        Utility::Mirror(mirror) => {
            let mut node = Node::new(operator).variant("PercentBased");
            let whole = mirror.percent.fract() == 0.0;
            let percent = if whole { json!(mirror.percent as i64) } else { json!(mirror.percent) };
            node.own.insert("Percent".into(), percent);
            node
        }
        Utility::InsertQuery(insert) => {
            let mut node = Node::new(operator).variant("Select").keyspace(&insert.keyspace);
            let generate = insert.generate.as_ref();
            node.own(
                "AutoIncrement",
                generate
                    .map(|of| format!("{}:Offset({})", of.sequence, of.column))
                    .unwrap_or_default(),
            );
            node.own("InputAsNonStreaming", insert.reads_itself);
            node.own("InsertIgnore", insert.ignore);
            node.own("MultiShardAutocommit", insert.multi_shard_autocommit);
            node.own("QueryTimeout", insert.query_timeout_ms);
            let place = |at: &Option<usize>| at.map_or("-1".to_string(), |at| at.to_string());
            let vindexes: Map<String, Json> = insert
                .vindexes
                .iter()
                .map(|(name, places)| {
                    let places: Vec<String> = places.iter().map(place).collect();
                    (name.to_string(), json!(format!("[{}]", places.join(","))))
                })
                .collect();
            if !vindexes.is_empty() {
                node.own.insert("VindexOffsetFromSelect".into(), Json::Object(vindexes));
            }
            node
        }
        Utility::Keyed(keyed) => {
            let mut node = Node::new(operator);
            let (own, inputs) = keyed.json();
            node.own.extend(own);
            return node.json(inputs);
        }
        Utility::Concatenate(_)
        | Utility::FoundRows(_)
        | Utility::ReplaceVariables(_)
        | Utility::ShowWarnings
        | Utility::UnlockTables => Node::new(operator),
    };
    node.json(utility.inputs().into_iter().map(describe_primitive).collect())
}

fn operation(operation: &SetOperation) -> Json {
    let of = |ty: &str, name: &str| {
        let mut object = Map::new();
        object.insert("Type".into(), json!(ty));
        object.insert("Name".into(), json!(name));
        object
    };
    let mut object;
    match operation {
        SetOperation::UserVariable { name, value } => {
            object = of("UserDefinedVariable", name);
            object.insert("Expr".into(), json!(value_text(value)));
        }
        SetOperation::Aware { name, value } => {
            object = of("SysVarAware", name);
            object.insert("Expr".into(), json!(value_text(value)));
        }
        SetOperation::Reserved { name, keyspace, destination, text, by_hint } => {
            object = of("SysVarSet", name);
            object.insert("Keyspace".into(), keyspace_json(keyspace));
            if destination.is_some() {
                object.insert("TargetDestination".into(), json!({}));
            }
            object.insert("Expr".into(), json!(text));
            object.insert("SupportSetVar".into(), json!(by_hint));
        }
        SetOperation::CheckAndIgnore { name, keyspace, text, .. } => {
            object = of("SysVarCheckAndIgnore", name);
            object.insert("Keyspace".into(), keyspace_json(keyspace));
            object.insert("TargetDestination".into(), json!({}));
            object.insert("Expr".into(), json!(text));
        }
        SetOperation::Ignore { name, text } => {
            object = of("SysVarIgnore", name);
            object.insert("Expr".into(), json!(text));
        }
        SetOperation::Metadata { name, text } => {
            object = Map::new();
            object.insert("Name".into(), json!(&**name));
            object.insert("Value".into(), json!(text));
        }
    }
    Json::Object(object)
}

fn value_text(value: &SetValue) -> String {
    match value {
        SetValue::Here(expr) => evaluable::text(expr),
        SetValue::Column(at) => format!("_vt_column_{at}"),
    }
}

fn keyspace_json(keyspace: &Keyspace) -> Json {
    json!({ "Name": &*keyspace.name, "Sharded": keyspace.sharded })
}

fn into_object(json: Json) -> Map<String, Json> {
    match json {
        Json::Object(object) => object,
        _ => Map::new(),
    }
}

/// A node under way: what stands first, and its own keys.
struct Node {
    object: Map<String, Json>,
    own: Map<String, Json>,
}

impl Node {
    fn new(operator: &str) -> Node {
        let mut object = Map::new();
        object.insert("OperatorType".into(), json!(operator));
        Node { object, own: Map::new() }
    }

    fn variant(mut self, variant: &str) -> Node {
        self.object.insert("Variant".into(), json!(variant));
        self
    }

    fn keyspace(mut self, keyspace: &Keyspace) -> Node {
        self.object.insert("Keyspace".into(), keyspace_json(keyspace));
        self
    }

    fn destination(mut self, destination: &str) -> Node {
        self.object.insert("TargetDestination".into(), json!(destination));
        self
    }

    /// What is empty is left out.
    fn own(&mut self, key: &str, value: impl Into<Json>) {
        let value = value.into();
        let is_empty = matches!(&value, Json::Null | Json::Bool(false))
            || value.as_str() == Some("")
            || value.as_u64() == Some(0);
        if !is_empty {
            self.own.insert(key.to_owned(), value);
        }
    }

    fn json(mut self, inputs: Vec<Json>) -> Json {
        let mut own: Vec<(String, Json)> = self.own.into_iter().collect();
        own.sort_by(|left, right| left.0.cmp(&right.0));
        self.object.extend(own);
        if !inputs.is_empty() {
            self.object.insert("Inputs".into(), Json::Array(inputs));
        }
        Json::Object(self.object)
    }
}
