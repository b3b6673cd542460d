//! A plan as `explain format=vitess` printed it before vexplain: a row a primitive.
//!
//! Columns: operator, variant, keyspace, destination, tabletType, query. Children are drawn as a
//! tree. At the guide's time a lookup route showed as one Route, and variants had the prefix
//! `Select`.

use sim::eval::{ColumnKind, Kind};
use sim::mysql::outcome::{Column, Outcome};
use sim::value::Value;

use super::primitive::{Keyspace, Plan, Primitive};

/// An answer of text columns, as vtgate makes them.
pub fn outcome(names: &[&str], rows: Vec<sim::value::Row>) -> Outcome {
    let column = |name: &&str| Column {
        name: (*name).into(),
        table: None,
        original_table: None,
        kind: ColumnKind::new(Kind::Text),
        ty: None,
        not_null: true,
    };
    let columns = names.iter().map(column).collect::<Vec<_>>().into();
    Outcome { columns, rows, ..Outcome::default() }
}

/// `v6` is the dress of the guide's time.
pub fn explain(plan: &Plan, v6: bool) -> Outcome {
    let mut rows = Vec::new();
    if let Some(root) = &plan.root {
        add(root, "", "", v6, &mut rows);
    }
    let names = ["operator", "variant", "keyspace", "destination", "tabletType", "query"];
    let rows = rows.into_iter().map(|row| row.iter().map(|t| Value::text(t)).collect()).collect();
    outcome(&names, rows)
}

fn add(primitive: &Primitive, own: &str, below: &str, v6: bool, rows: &mut Vec<[String; 6]>) {
    let prefix = if v6 { "Select" } else { "" };
    let row = |operator: &str, variant: String, keyspace: &str, query: String| {
        let operator = format!("{own}{operator}");
        [operator, variant, keyspace.to_owned(), String::new(), "UNKNOWN".to_owned(), query]
    };
    let name = |keyspace: &Keyspace| keyspace.name.to_string();
    match primitive {
        Primitive::Route(route) => {
            let variant = format!("{prefix}{}", route.routing.opcode.name());
            rows.push(row(
                "Route",
                variant,
                &name(&route.routing.keyspace),
                route.query.to_string(),
            ));
        }
        Primitive::VindexLookup(lookup) if v6 => {
            let variant = format!("{prefix}{}", lookup.routing.opcode.name());
            let query = lookup.route.query.to_string();
            rows.push(row("Route", variant, &name(&lookup.routing.keyspace), query));
        }
        Primitive::VindexLookup(lookup) => {
            let variant = lookup.routing.opcode.name().to_owned();
            let keyspace = name(&lookup.routing.keyspace);
            rows.push(row("VindexLookup", variant, &keyspace, String::new()));
            let (first, last) = (format!("{below}├─ "), format!("{below}└─ "));
            add(&lookup.lookup, &first, &format!("{below}│  "), v6, rows);
            add(&Primitive::Route(lookup.route.clone()), &last, &format!("{below}   "), v6, rows);
        }
        Primitive::Insert(insert) => {
            let variant = if insert.keyspace.sharded { "Sharded" } else { "Unsharded" };
            let query = insert.query.to_string();
            rows.push(row("Insert", variant.to_owned(), &name(&insert.keyspace), query));
        }
        Primitive::Update(update) => {
            let routing = &update.dml.routing;
            let query = update.dml.query.to_string();
            let variant = routing.opcode.name().to_owned();
            rows.push(row("Update", variant, &name(&routing.keyspace), query));
        }
        Primitive::Delete(delete) => {
            let routing = &delete.dml.routing;
            let query = delete.dml.query.to_string();
            let variant = routing.opcode.name().to_owned();
            rows.push(row("Delete", variant, &name(&routing.keyspace), query));
        }
        Primitive::Limit(limit) => {
            rows.push(row("Limit", String::new(), "", String::new()));
            add(&limit.input, &format!("{below}└─ "), &format!("{below}   "), v6, rows);
        }
        Primitive::Aggregate(aggregate) => {
            let variant =
                if aggregate.group_by.is_empty() { "Scalar" } else { "Ordered" }.to_owned();
            rows.push(row("Aggregate", variant, "", String::new()));
            add(&aggregate.input, &format!("{below}└─ "), &format!("{below}   "), v6, rows);
        }
        Primitive::Send(send) | Primitive::Ddl(send) => {
            let mut line =
                row("Send", String::new(), &name(&send.keyspace), send.query.to_string());
            line[3] = send.destination.clone();
            rows.push(line);
        }
        other => rows.push(row(other.operator(), String::new(), "", String::new())),
    }
}
