//! What a plan sends and where it says that this goes, for the judge.
//!
//! A translation of the plan's data and nothing else: the opcode, the vindex, the values as they
//! stand in it. Which shards these are, the judge finds out for itself, and compares with the
//! shards whose tablets got a statement. It knows nothing of running a plan.

use std::rc::Rc;
use std::sync::Arc;

use sim::sql::ast::{Expr, Statement};

use super::engine;
use crate::history::{By, PlannedSend, PlannedShards, PlannedStatement};
use crate::planner::node::Node;
use crate::planner::primitive::{Dml, Generate, Insert, Opcode, Primitive, Route, Routing, Send};
use crate::planner::utility::Utility;

/// All that the plan may send.
pub(super) fn of(root: &Primitive) -> Vec<PlannedSend> {
    let mut sends = Vec::new();
    add(Node::of(root), true, &mut sends);
    sends
}

/// A statement to a destination.
pub(super) fn to(keyspace: &str, statement: &Arc<Statement>, destination: Rc<str>) -> PlannedSend {
    PlannedSend {
        statements: vec![PlannedStatement::Exactly(Arc::clone(statement))],
        empty: None,
        keyspace: keyspace.into(),
        shards: PlannedShards::Destination(destination),
        is_root: true,
    }
}

fn add(node: Node<'_>, is_root: bool, sends: &mut Vec<PlannedSend>) {
    match node {
        Node::Route(route) => sends.push(of_route(route, is_root)),
        Node::Primitive(primitive) => of_primitive(primitive, is_root, sends),
    }
    if let Node::Primitive(Primitive::Utility(Utility::Mirror(mirror))) = node {
        // What is mirrored is told as a plan of its own, when it is.
        return add(Node::of(&mirror.input), is_root, sends);
    }
    if let Node::Primitive(Primitive::VindexLookup(lookup)) = node {
        // The route below is where the lookup says, not where the route itself would.
        add(Node::of(&lookup.lookup), false, sends);
        let shards = of_routing(&lookup.routing);
        sends.push(PlannedSend { shards, is_root, ..of_route(&lookup.route, is_root) });
        return;
    }
    // What EXECUTE and VEXPLAIN run is all that they run.
    let is_whole = matches!(
        node,
        Node::Primitive(Primitive::Utility(Utility::Execute { .. } | Utility::VExplain { .. }))
    );
    node.inputs().into_iter().for_each(|input| add(input, is_root && is_whole, sends));
}

fn of_primitive(primitive: &Primitive, is_root: bool, sends: &mut Vec<PlannedSend>) {
    match primitive {
        Primitive::Insert(insert) => of_insert(insert, is_root, sends),
        Primitive::Update(update) => sends.push(of_dml(&update.dml, is_root)),
        Primitive::Delete(delete) => sends.push(of_dml(&delete.dml, is_root)),
        Primitive::Send(send) | Primitive::Ddl(send) => sends.push(of_send(send, is_root)),
        Primitive::Utility(Utility::Targeted(targeted)) => {
            sends.push(of_send(&targeted.send, is_root));
        }
        Primitive::Utility(Utility::Lock { keyspace, functions, .. }) => {
            // One that is called twice is one statement.
            let mut different: Vec<&Expr> = Vec::new();
            for function in functions {
                if !different.contains(&function) {
                    different.push(function);
                }
            }
            let statements = different.into_iter().filter_map(|f| engine::lock::statement(f).ok());
            sends.push(PlannedSend {
                statements: statements.map(PlannedStatement::Exactly).collect(),
                empty: None,
                keyspace: Arc::clone(&keyspace.name),
                shards: PlannedShards::Destination(engine::lock::DESTINATION.into()),
                is_root,
            });
        }
        Primitive::Utility(Utility::SendText { keyspace, destination, text }) => {
            if let Ok(statement) = sim::sql::parse(text) {
                let text = PlannedStatement::Text(statement.to_string().into());
                let send = to(&keyspace.name, &Arc::new(statement), destination.as_str().into());
                sends.push(PlannedSend { statements: vec![text], is_root, ..send });
            }
        }
        Primitive::Utility(Utility::InsertQuery(insert)) => {
            if let Some(generate) = &insert.generate {
                sends.push(of_sequence(&generate.sequence, &generate.keyspace.name));
            }
            let primary = insert.vindexes.first().map(|(name, _)| Arc::clone(name));
            let shards = match primary {
                Some(vindex) => PlannedShards::RowsOfQuery { vindex },
                None => PlannedShards::One,
            };
            sends.push(PlannedSend {
                statements: vec![PlannedStatement::RowsOf(Arc::clone(&insert.table))],
                empty: None,
                keyspace: Arc::clone(&insert.keyspace.name),
                shards,
                is_root: false,
            });
        }
        _ => {}
    }
}

fn of_route(route: &Route, is_root: bool) -> PlannedSend {
    let empty = match route.no_routes_special_handling {
        true => &route.query,
        false => &route.field_query,
    };
    PlannedSend {
        statements: vec![PlannedStatement::Exactly(Arc::clone(&route.query))],
        empty: Some(Arc::clone(empty)),
        keyspace: Arc::clone(&route.routing.keyspace.name),
        shards: of_routing(&route.routing),
        is_root,
    }
}

fn of_dml(dml: &Dml, is_root: bool) -> PlannedSend {
    let statements = dml.owned_vindex_query.iter().chain([&dml.query]);
    PlannedSend {
        statements: statements.map(|query| PlannedStatement::Exactly(query.clone())).collect(),
        empty: None,
        keyspace: Arc::clone(&dml.routing.keyspace.name),
        shards: of_routing(&dml.routing),
        is_root,
    }
}

fn of_insert(insert: &Insert, is_root: bool, sends: &mut Vec<PlannedSend>) {
    if let Some(Generate { keyspace, sequence, .. }) = &insert.generate {
        sends.push(of_sequence(sequence, &keyspace.name));
    }
    let rows = PlannedStatement::RowsOf(Arc::clone(&insert.table));
    let (statement, shards) = match insert.vindex_values.first() {
        Some(primary) if insert.keyspace.sharded => (
            rows,
            PlannedShards::Rows {
                vindex: Arc::clone(&primary.vindex),
                values: primary.values.clone(),
                may_drop: insert.ignore,
            },
        ),
        _ => (PlannedStatement::Exactly(Arc::clone(&insert.query)), PlannedShards::One),
    };
    sends.push(PlannedSend {
        statements: vec![statement],
        empty: None,
        keyspace: Arc::clone(&insert.keyspace.name),
        shards,
        // What a sequence gives is not known before it is sent.
        is_root: is_root && insert.generate.is_none(),
    });
}

fn of_sequence(text: &Arc<str>, keyspace: &Arc<str>) -> PlannedSend {
    PlannedSend {
        statements: vec![PlannedStatement::Text(Arc::clone(text))],
        empty: None,
        keyspace: Arc::clone(keyspace),
        shards: PlannedShards::One,
        is_root: false,
    }
}

fn of_send(send: &Send, is_root: bool) -> PlannedSend {
    let query = engine::send::statement(send);
    let destination = send.destination.as_str().into();
    PlannedSend { is_root, ..to(&send.keyspace.name, &query, destination) }
}

fn of_routing(routing: &Routing) -> PlannedShards {
    let by = |how| match &routing.vindex {
        Some(vindex) => PlannedShards::Vindex {
            how,
            vindex: Arc::clone(vindex),
            values: routing.values.clone(),
        },
        None => PlannedShards::Destination("None()".into()),
    };
    match routing.opcode {
        Opcode::Unsharded | Opcode::Next | Opcode::Dba | Opcode::Reference => PlannedShards::One,
        Opcode::Scatter => PlannedShards::All,
        Opcode::None => PlannedShards::Destination("None()".into()),
        Opcode::EqualUnique | Opcode::Equal | Opcode::SubShard => by(By::Row),
        Opcode::In => by(By::Lists),
        Opcode::MultiEqual => by(By::Rows),
        Opcode::Between => by(By::Range),
        Opcode::ByDestination => {
            let text = routing.destination.as_ref().map(ToString::to_string).unwrap_or_default();
            let text = text.strip_prefix("Destination").unwrap_or("None()");
            PlannedShards::Destination(text.into())
        }
    }
}
