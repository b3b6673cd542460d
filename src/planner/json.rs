//! A plan as `vexplain plan` prints it: Vitess's JSON, key by key.
//!
//! Order of keys: what the node is, then its own keys sorted, then its inputs. A key whose value is
//! empty, 0 or false is left out.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::sync::Arc;

use serde_json::{Map, Value as Json, json};
use sim::mysql::outcome::Outcome;
use sim::sql::ast::{Expr, Statement};
use sim::value::Value;

use super::primitive::{
    Aggregate, AggregateColumn, AggregateOp, CheckColumn, Distinct, Dml, HashJoin, Insert, Join,
    JoinSide, Keyspace, Limit, Opcode, Plan, Primitive, ProjectedColumn, Pullout, QueryType,
    RecurseCte, Route, Routing, SemiJoin, Send, SortKey, UncorrelatedSubquery, VindexLookup,
};
use super::table;

/// The plan with its query, as the planner tests of Vitess write it.
pub fn plan(plan: &Plan) -> Json {
    let mut object = Map::new();
    object.insert("Type".into(), json!(plan_type(plan.root.as_ref())));
    object.insert("QueryType".into(), json!(plan.query_type.name()));
    object.insert("Original".into(), json!(plan.original));
    if let Some(root) = &plan.root {
        object.insert("Instructions".into(), describe(root));
    }
    if !plan.tables_used.is_empty() {
        object.insert("TablesUsed".into(), json!(plan.tables_used));
    }
    Json::Object(object)
}

/// `vexplain plan`: one row, one column, tab-indented.
pub fn vexplain(plan: &Plan) -> Outcome {
    let text = indented(&plan.root.as_ref().map_or(Json::Null, describe));
    table::outcome(&["JSON"], vec![vec![Value::text(&text)].into()])
}

/// JSON as vtgate shows it, with tabs.
pub fn indented(json: &Json) -> String {
    let mut text = Vec::new();
    let formatter = serde_json::ser::PrettyFormatter::with_indent(b"\t");
    let mut serializer = serde_json::Serializer::with_formatter(&mut text, formatter);
    serde::Serialize::serialize(json, &mut serializer).expect("writing to memory");
    String::from_utf8_lossy(&text).into_owned()
}

impl QueryType {
    pub fn name(self) -> &'static str {
        match self {
            QueryType::Select => "SELECT",
            QueryType::Insert => "INSERT",
            QueryType::Update => "UPDATE",
            QueryType::Delete => "DELETE",
            QueryType::Ddl => "DDL",
            QueryType::Show => "SHOW",
            QueryType::Set => "SET",
            QueryType::Explain => "EXPLAIN",
            QueryType::Use => "USE",
            QueryType::Begin => "BEGIN",
            QueryType::Commit => "COMMIT",
            QueryType::Rollback => "ROLLBACK",
            QueryType::Savepoint => "SAVEPOINT",
            QueryType::SavepointRollback => "SAVEPOINT_ROLLBACK",
            QueryType::Release => "RELEASE",
            QueryType::Other => "OTHER",
            QueryType::Flush => "FLUSH",
            QueryType::LockTables => "LOCK_TABLES",
            QueryType::UnlockTables => "UNLOCK_TABLES",
            QueryType::Prepare => "PREPARE",
            QueryType::Execute => "EXECUTE",
            QueryType::Deallocate => "DEALLOCATE_PREPARE",
            QueryType::Analyze => "ANALYZE",
            QueryType::CallProc => "CALL_PROC",
            QueryType::Migration => "MIGRATION",
            QueryType::Stream => "STREAM",
            QueryType::VStream => "VSTREAM",
            QueryType::Unknown => "UNKNOWN",
        }
    }
}

pub(crate) fn plan_type(root: Option<&Primitive>) -> &'static str {
    let Some(root) = root else { return "Complex" };
    match root {
        Primitive::Route(route) => routing_type(&route.routing),
        Primitive::VindexLookup(_) => "Lookup",
        Primitive::Join(_) => "Join",
        Primitive::Insert(insert) if insert.keyspace.sharded => "MultiShard",
        Primitive::Insert(_) => "Passthrough",
        Primitive::Update(update) => dml_type(&update.dml, !update.changed_vindexes.is_empty()),
        Primitive::Delete(delete) => dml_type(&delete.dml, delete.dml.owned_vindex_query.is_some()),
        Primitive::Limit(limit) => plan_type(Some(&limit.input)),
        Primitive::Send(send) => match send.destination.as_str() {
            "AllShards()" => "Scatter",
            text if text.starts_with("ExactKeyRange") => "MultiShard",
            _ => "Passthrough",
        },
        Primitive::Ddl(_) => "DirectDDL",
        Primitive::Rows(_) => "Passthrough",
        Primitive::SingleRow | Primitive::UpdateTarget(_) => "Local",
        Primitive::Utility(utility) => utility.plan_type(),
        _ => "Complex",
    }
}

/// A lookup vindex has opcode options only below VindexLookup and in DML.
fn routing_type(routing: &Routing) -> &'static str {
    match routing.opcode {
        Opcode::Unsharded | Opcode::Next | Opcode::Dba | Opcode::Reference => "Passthrough",
        Opcode::EqualUnique if !routing.needs_lookup => "Passthrough",
        Opcode::Scatter => "Scatter",
        Opcode::None => "Local",
        Opcode::ByDestination => "MultiShard",
        _ if routing.needs_lookup => "Lookup",
        _ => "MultiShard",
    }
}

fn dml_type(dml: &Dml, changes_vindexes: bool) -> &'static str {
    match routing_type(&dml.routing) {
        "Passthrough" | "Local" if changes_vindexes => "MultiShard",
        other => other,
    }
}

impl Opcode {
    pub fn name(self) -> &'static str {
        match self {
            Opcode::Unsharded => "Unsharded",
            Opcode::EqualUnique => "EqualUnique",
            Opcode::Equal => "Equal",
            Opcode::In => "IN",
            Opcode::Between => "Between",
            Opcode::MultiEqual => "MultiEqual",
            Opcode::SubShard => "SubShard",
            Opcode::Scatter => "Scatter",
            Opcode::Next => "Next",
            Opcode::Dba => "DBA",
            Opcode::Reference => "Reference",
            Opcode::None => "None",
            Opcode::ByDestination => "ByDestination",
        }
    }
}

impl Primitive {
    /// The name that the node prints.
    pub fn operator(&self) -> &'static str {
        match self {
            Primitive::Route(_) => "Route",
            Primitive::VindexLookup(_) => "VindexLookup",
            Primitive::Insert(_) => "Insert",
            Primitive::Update(_) => "Update",
            Primitive::Delete(_) => "Delete",
            Primitive::Limit(_) => "Limit",
            Primitive::Aggregate(_) => "Aggregate",
            Primitive::Sort(_) => "Sort",
            Primitive::Projection(_) => "Projection",
            Primitive::Filter(_) => "Filter",
            Primitive::Distinct(_) => "Distinct",
            Primitive::UncorrelatedSubquery(_) => "UncorrelatedSubquery",
            Primitive::Join(_) | Primitive::HashJoin(_) => "Join",
            Primitive::RecurseCte(_) => "RecurseCTE",
            Primitive::SemiJoin(_) => "SemiJoin",
            Primitive::SimpleProjection(_) => "SimpleProjection",
            Primitive::Send(send) if !send.rename.is_empty() => "RenameFields",
            Primitive::Send(_) => "Send",
            Primitive::SingleRow => "SingleRow",
            Primitive::Rows(_) => "Rows",
            Primitive::UpdateTarget(_) => "UpdateTarget",
            Primitive::Ddl(_) => "DDL",
            Primitive::Utility(utility) => utility.operator(),
        }
    }
}

/// A node under way: what stands first, the own keys, the inputs.
struct Node {
    head: Map<String, Json>,
    own: Map<String, Json>,
    inputs: Vec<Json>,
}

impl Node {
    fn new(operator: &str, variant: &str) -> Node {
        let mut head = Map::new();
        head.insert("OperatorType".into(), json!(operator));
        if !variant.is_empty() {
            head.insert("Variant".into(), json!(variant));
        }
        Node { head, own: Map::new(), inputs: Vec::new() }
    }

    fn keyspace(&mut self, keyspace: &Keyspace) {
        let value = json!({ "Name": &*keyspace.name, "Sharded": keyspace.sharded });
        self.head.insert("Keyspace".into(), value);
    }

    fn destination(&mut self, text: &str) {
        self.head.insert("TargetDestination".into(), json!(text));
    }

    fn own(&mut self, key: &str, value: impl Into<Json>) {
        let value = value.into();
        let empty = matches!(&value, Json::Null | Json::Bool(false))
            || value.as_str() == Some("")
            || value.as_u64() == Some(0);
        if !empty {
            self.own.insert(key.to_owned(), value);
        }
    }

    fn json(mut self) -> Json {
        let mut own: Vec<(String, Json)> = self.own.into_iter().collect();
        own.sort_by(|left, right| left.0.cmp(&right.0));
        self.head.extend(own);
        if !self.inputs.is_empty() {
            self.head.insert("Inputs".into(), Json::Array(self.inputs));
        }
        Json::Object(self.head)
    }
}

/// One node with what is below it.
pub fn describe(primitive: &Primitive) -> Json {
    match primitive {
        Primitive::Route(route) => describe_route(route),
        Primitive::VindexLookup(lookup) => describe_lookup(lookup),
        Primitive::Insert(insert) => describe_insert(insert),
        Primitive::Update(update) => {
            let mut node = dml_node("Update", &update.dml);
            let changed: Vec<String> = update
                .changed_vindexes
                .iter()
                .map(|changed| format!("{}:{}", changed.vindex, changed.offset))
                .collect();
            if !changed.is_empty() {
                let mut sorted = changed;
                sorted.sort();
                node.own("ChangedVindexValues", sorted);
            }
            node.json()
        }
        Primitive::Delete(delete) => dml_node("Delete", &delete.dml).json(),
        Primitive::Limit(limit) => describe_limit(limit),
        Primitive::Aggregate(aggregate) => describe_aggregate(aggregate),
        Primitive::Send(send) => describe_send(send),
        Primitive::Ddl(send) => {
            let mut node = Node::new("DDL", "");
            node.keyspace(&send.keyspace);
            node.own("Query", send.query.to_string());
            let is_temporary = match &*send.query {
                Statement::CreateTable(create) => create.temporary,
                Statement::DropTable(drop) => drop.temporary,
                _ => false,
            };
            node.own("TempTable", is_temporary);
            node.json()
        }
        Primitive::Utility(utility) => super::utility::json::describe(utility),
        Primitive::Rows(rows) => {
            let mut node = Node::new("Rows", "");
            let fields: Map<String, Json> =
                rows.fields.iter().map(|(name, ty)| (name.to_string(), json!(&**ty))).collect();
            if !fields.is_empty() {
                node.own("Fields", Json::Object(fields));
            }
            node.own("RowCount", rows.rows.len());
            node.json()
        }
        Primitive::UpdateTarget(target) => {
            let mut node = Node::new("UpdateTarget", "");
            node.own("target", target.as_str());
            node.json()
        }
        Primitive::Sort(sort) => {
            let mut node = Node::new("Sort", "Memory");
            node.own("OrderBy", order_text(&sort.order_by));
            node.own("ResultColumns", sort.result_columns);
            node.inputs = vec![describe(&sort.input)];
            node.json()
        }
        Primitive::Filter(filter) => {
            let mut node = Node::new("Filter", "");
            node.own("Predicate", filter.written.to_string());
            node.own("ResultColumns", filter.result_columns);
            node.inputs = vec![describe(&filter.input)];
            node.json()
        }
        Primitive::Distinct(distinct) => describe_distinct(distinct),
        Primitive::UncorrelatedSubquery(subquery) => describe_subquery(subquery),
        Primitive::SemiJoin(join) => describe_semi_join(join),
        Primitive::Join(join) => describe_join(join),
        Primitive::HashJoin(join) => describe_hash_join(join),
        Primitive::RecurseCte(cte) => describe_recurse_cte(cte),
        Primitive::Projection(projection) => {
            let mut node = Node::new("Projection", "");
            let column = |column: &ProjectedColumn| {
                let pass = matches!(&column.evaluated, Expr::Argument { name, .. }
                    if name.as_str().bytes().all(|byte| byte.is_ascii_digit()));
                match pass {
                    true => format!("{} as {}", column.evaluated, column.name),
                    false => format!(
                        "{} as {}",
                        super::evaluable::text_over(&column.written, &column.evaluated),
                        column.name
                    ),
                }
            };
            let columns: Vec<String> = projection.columns.iter().map(column).collect();
            node.own("Expressions", columns);
            node.inputs = vec![describe(&projection.input)];
            node.json()
        }
        Primitive::SimpleProjection(projection) => {
            let mut node = Node::new("SimpleProjection", "");
            let name = |(at, name): &(usize, std::sync::Arc<str>)| format!("{at}:{name}");
            let names: Vec<String> = projection.names.iter().map(name).collect();
            if !names.is_empty() {
                node.own("ColumnNames", names);
            }
            let columns: Vec<String> = projection.columns.iter().map(usize::to_string).collect();
            node.own("Columns", columns.join(","));
            node.inputs = vec![describe(&projection.input)];
            node.json()
        }
        other => Node::new(other.operator(), "").json(),
    }
}

fn describe_join(join: &Join) -> Json {
    let mut node = Node::new("Join", if join.outer { "LeftJoin" } else { "Join" });
    let side = |side: &JoinSide| match side {
        JoinSide::Left(at) => format!("L:{at}"),
        JoinSide::Right(at) => format!("R:{at}"),
    };
    node.own("JoinColumnIndexes", join.columns.iter().map(side).collect::<Vec<_>>().join(","));
    if !join.vars.is_empty() {
        node.own("JoinVars", describe_vars(&join.vars));
    }
    node.inputs = vec![describe(&join.left), describe(&join.right)];
    node.json()
}

/// vtgate prints a map of Go's: its keys are sorted.
fn describe_vars(vars: &BTreeMap<Arc<str>, usize>) -> Json {
    let mut vars: Map<String, Json> =
        vars.iter().map(|(name, at)| (name.to_string(), json!(at))).collect();
    vars.sort_keys();
    Json::Object(vars)
}

fn describe_hash_join(join: &HashJoin) -> Json {
    let mut node = Node::new("Join", if join.outer { "HashLeftJoin" } else { "HashJoin" });
    let column = |side: &JoinSide| match side {
        JoinSide::Left(at) => format!("-{}", at + 1),
        JoinSide::Right(at) => format!("{}", at + 1),
    };
    node.own("JoinColumnIndexes", join.columns.iter().map(column).collect::<Vec<_>>().join(","));
    node.own("Predicate", join.predicate.to_string());
    node.own("ComparisonType", &*join.comparison_type);
    node.own("Collation", join.collation.as_deref());
    node.inputs = vec![describe(&join.left), describe(&join.right)];
    node.json()
}

fn describe_recurse_cte(cte: &RecurseCte) -> Json {
    let mut node = Node::new("RecurseCTE", "");
    node.own("JoinVars", describe_vars(&cte.vars));
    node.inputs = vec![describe(&cte.seed), describe(&cte.term)];
    node.json()
}

fn describe_distinct(distinct: &Distinct) -> Json {
    let mut node = Node::new("Distinct", "");
    let column = |check: &CheckColumn| match (check.weight_column, &check.collation) {
        (Some(weight), None) => format!("({}:{weight})", check.column),
        (Some(weight), Some(collation)) => format!("({}:{weight}): {collation}", check.column),
        (None, Some(collation)) => format!("{}: {collation}", check.column),
        (None, None) => check.column.to_string(),
    };
    let columns: Vec<String> = distinct.columns.iter().map(column).collect();
    node.own("Collations", columns);
    node.own("ResultColumns", distinct.result_columns);
    node.inputs = vec![describe(&distinct.input)];
    node.json()
}

fn describe_subquery(subquery: &UncorrelatedSubquery) -> Json {
    let (variant, names) = match subquery.pullout {
        Pullout::Value => ("PulloutValue", [None, Some(&subquery.argument)]),
        Pullout::In => ("PulloutIn", [subquery.has_values.as_ref(), Some(&subquery.argument)]),
        Pullout::NotIn => {
            ("PulloutNotIn", [subquery.has_values.as_ref(), Some(&subquery.argument)])
        }
        Pullout::Exists => ("PulloutExists", [subquery.has_values.as_ref(), None]),
        Pullout::ExistsValue => {
            ("PulloutExists", [subquery.has_values.as_ref(), Some(&subquery.argument)])
        }
    };
    let mut node = Node::new("UncorrelatedSubquery", variant);
    let names: Vec<&str> = names.into_iter().flatten().map(|name| &**name).collect();
    node.own("PulloutVars", names);
    node.inputs = vec![
        named(describe(&subquery.subquery), "SubQuery"),
        named(describe(&subquery.outer), "Outer"),
    ];
    node.json()
}

fn describe_semi_join(join: &SemiJoin) -> Json {
    let mut node = Node::new("SemiJoin", "");
    let vars = |(name, at): (&std::sync::Arc<str>, &usize)| (name.to_string(), json!(at));
    node.own("JoinVars", Json::Object(join.vars.iter().map(vars).collect()));
    node.inputs =
        vec![named(describe(&join.outer), "Outer"), named(describe(&join.subquery), "SubQuery")];
    node.json()
}

/// What an input is to its parent stands first.
fn named(node: Json, name: &str) -> Json {
    let Json::Object(inner) = node else { return node };
    let mut object = Map::new();
    object.insert("InputName".into(), json!(name));
    object.extend(inner);
    Json::Object(object)
}

fn routing_keys(node: &mut Node, routing: &Routing) {
    if let Some(vindex) = &routing.vindex {
        node.own("Vindex", &**vindex);
        let values: Vec<String> = routing.values.iter().map(value_text).collect();
        node.own("Values", values);
    }
}

/// A value as the evalengine prints it.
pub fn value_text(value: &Expr) -> String {
    match value {
        // A column of a list's tuples.
        Expr::ListArgument(name) if name.as_str().contains(':') => name.as_str().to_owned(),
        value => super::evaluable::text(value),
    }
}

fn describe_route(route: &Route) -> Json {
    let mut node = Node::new("Route", route.routing.opcode.name());
    node.keyspace(&route.routing.keyspace);
    routing_keys(&mut node, &route.routing);
    node.own("FieldQuery", route.field_query.to_string());
    node.own("Query", route.query.to_string());
    node.own("OrderBy", order_text(&route.order_by));
    node.own("ResultColumns", route.result_columns);
    node.own("ScatterErrorsAsWarnings", route.scatter_errors_as_warnings);
    node.own("FetchLastInsertID", route.fetch_last_insert_id);
    node.own("QueryTimeout", route.query_timeout_ms);
    let schemas: Vec<String> = route.system.schemas.iter().map(value_text).collect();
    if !schemas.is_empty() {
        node.own("SysTableTableSchema", format!("[{}]", schemas.join(", ")));
    }
    let tables = route.system.tables.iter();
    let tables: Vec<String> =
        tables.map(|(name, value)| format!("{name}:{}", value_text(value))).collect();
    if !tables.is_empty() {
        node.own("SysTableTableName", format!("[{}]", tables.join(", ")));
    }
    node.json()
}

fn order_text(keys: &[SortKey]) -> String {
    let key = |key: &SortKey| {
        let mut text = match key.weight_column {
            Some(weight) => format!("({}|{weight})", key.column),
            None => key.column.to_string(),
        };
        text.push_str(if key.descending { " DESC" } else { " ASC" });
        if let Some(collation) = &key.collation {
            let _ = write!(text, " COLLATE {collation}");
        }
        text
    };
    keys.iter().map(key).collect::<Vec<_>>().join(", ")
}

fn describe_lookup(lookup: &VindexLookup) -> Json {
    let mut node = Node::new("VindexLookup", lookup.routing.opcode.name());
    node.keyspace(&lookup.routing.keyspace);
    routing_keys(&mut node, &lookup.routing);
    node.inputs = vec![describe(&lookup.lookup), describe_route(&lookup.route)];
    node.json()
}

fn describe_insert(insert: &Insert) -> Json {
    let variant = if insert.keyspace.sharded { "Sharded" } else { "Unsharded" };
    let mut node = Node::new("Insert", variant);
    node.keyspace(&insert.keyspace);
    node.own("Query", insert.query.to_string());
    let mut values = Map::new();
    for vindex in &insert.vindex_values {
        let texts: Vec<String> = vindex.values.iter().flatten().map(value_text).collect();
        values.insert(vindex.vindex.to_string(), json!(texts.join(", ")));
    }
    values.sort_keys();
    if !values.is_empty() {
        node.own("VindexValues", Json::Object(values));
    }
    if let Some(generate) = &insert.generate {
        let values: Vec<String> = generate.values.iter().map(value_text).collect();
        let text = format!("{}:Values::({})", generate.sequence, values.join(", "));
        node.own("AutoIncrement", text);
    }
    node.own("InsertIgnore", insert.ignore);
    node.own("MultiShardAutocommit", insert.multi_shard_autocommit);
    node.own("QueryTimeout", insert.query_timeout_ms);
    node.json()
}

fn dml_node(operator: &str, dml: &Dml) -> Node {
    let mut node = Node::new(operator, dml.routing.opcode.name());
    node.keyspace(&dml.routing.keyspace);
    routing_keys(&mut node, &dml.routing);
    node.own("Query", dml.query.to_string());
    let owned = dml.owned_vindex_query.as_deref().map(Statement::to_string);
    node.own("OwnedVindexQuery", owned.unwrap_or_default());
    node.own("KsidVindex", dml.ksid_vindex.as_deref().unwrap_or(""));
    node.own("KsidLength", dml.ksid_length);
    node.own("MultiShardAutocommit", dml.multi_shard_autocommit);
    node.own("FetchLastInsertID", dml.fetch_last_insert_id);
    node.own("QueryTimeout", dml.query_timeout_ms);
    node
}

fn describe_limit(limit: &Limit) -> Json {
    let mut node = Node::new("Limit", "");
    node.own("Count", value_text(&limit.count));
    node.own("Offset", limit.offset.as_ref().map(value_text).unwrap_or_default());
    node.own("RequireCompleteInput", limit.require_complete_input);
    node.inputs = vec![describe(&limit.input)];
    node.json()
}

fn describe_aggregate(aggregate: &Aggregate) -> Json {
    let variant = if aggregate.group_by.is_empty() { "Scalar" } else { "Ordered" };
    let mut node = Node::new("Aggregate", variant);
    let texts: Vec<String> = aggregate.aggregates.iter().map(aggregate_text).collect();
    node.own("Aggregates", texts.join(", "));
    let groups: Vec<String> = aggregate.group_by.iter().map(group_text).collect();
    node.own("GroupBy", groups.join(", "));
    node.own("ResultColumns", aggregate.result_columns);
    node.inputs = vec![describe(&aggregate.input)];
    node.json()
}

fn aggregate_text(column: &AggregateColumn) -> String {
    let mut text = op_name(column.op).to_owned();
    if let Some(original) = column.original {
        let _ = write!(text, "_{}", op_name(original));
    }
    match (&column.constant, column.weight_column) {
        (Some(constant), _) => {
            let _ = write!(text, "({}", value_text(constant));
        }
        (None, Some(weight)) => {
            let _ = write!(text, "({}|{weight}", column.column);
        }
        (None, None) => {
            let _ = write!(text, "({}", column.column);
        }
    }
    if let Some(collation) = &column.collation {
        let _ = write!(text, " COLLATE {collation}");
    }
    text.push(')');
    if let Some(alias) = &column.alias {
        let _ = write!(text, " AS {alias}");
    }
    text
}

fn group_text(key: &SortKey) -> String {
    let mut text = match key.weight_column {
        Some(weight) => format!("({}|{weight})", key.column),
        None => key.column.to_string(),
    };
    if let Some(collation) = &key.collation {
        let _ = write!(text, " COLLATE {collation}");
    }
    text
}

fn op_name(op: AggregateOp) -> &'static str {
    match op {
        AggregateOp::Sum => "sum",
        AggregateOp::Count => "count",
        AggregateOp::CountStar => "count_star",
        AggregateOp::Min => "min",
        AggregateOp::Max => "max",
        AggregateOp::CountDistinct => "count_distinct",
        AggregateOp::SumDistinct => "sum_distinct",
        AggregateOp::AnyValue => "any_value",
        AggregateOp::GroupConcat => "group_concat",
        AggregateOp::Constant => "constant_aggr",
        AggregateOp::Avg => "avg",
        AggregateOp::UserDefined => "udf",
        AggregateOp::Other => "unknown",
    }
}

fn describe_send(send: &Send) -> Json {
    let mut node = Node::new("Send", "");
    node.keyspace(&send.keyspace);
    node.destination(&send.destination);
    node.own("Query", send.query.to_string());
    node.own("IsDML", send.is_dml);
    node.own("SingleShardOnly", send.single_shard_only);
    node.own("ShardNameNeeded", send.shard_name_needed);
    if send.rename.is_empty() {
        return node.json();
    }
    let mut rename = Node::new("RenameFields", "");
    let names: Vec<&str> = send.rename.iter().map(|(_, name)| &**name).collect();
    let indices: Vec<usize> = send.rename.iter().map(|(at, _)| *at).collect();
    rename.own("Columns", names);
    rename.own("Indices", indices);
    rename.inputs = vec![node.json()];
    rename.json()
}
