//! A plan as a tree: each node with what is below it, whatever the primitives are.
//!
//! Who shows a plan with what happened in it walks it by this. The order of inputs is that of
//! `vexplain plan`. It knows nothing of what a node does.

use serde_json::{Map, Value as Json};

use super::primitive::{Primitive, Route};

/// A node: a primitive, or the route below a lookup, which is no primitive by itself.
#[derive(Clone, Copy, Debug)]
pub enum Node<'a> {
    Primitive(&'a Primitive),
    Route(&'a Route),
}

/// Which node of a plan: its place in memory, valid as long as the plan lives.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct NodeId(usize);

impl<'a> Node<'a> {
    pub fn of(primitive: &'a Primitive) -> Node<'a> {
        match primitive {
            Primitive::Route(route) => Node::Route(route),
            other => Node::Primitive(other),
        }
    }

    pub fn id(self) -> NodeId {
        NodeId(match self {
            Node::Primitive(primitive) => std::ptr::from_ref(primitive).addr(),
            Node::Route(route) => std::ptr::from_ref(route).addr(),
        })
    }

    /// What is below it.
    pub fn inputs(self) -> Vec<Node<'a>> {
        match self {
            Node::Route(_) => Vec::new(),
            Node::Primitive(Primitive::VindexLookup(lookup)) => {
                vec![Node::of(&lookup.lookup), Node::Route(&lookup.route)]
            }
            Node::Primitive(other) => other.inputs().into_iter().map(Node::of).collect(),
        }
    }
}

/// Puts keys into the printed form of a plan: behind what says which node it is, before its own.
pub fn annotate(json: &mut Json, node: Node<'_>, keys: &dyn Fn(Node<'_>) -> Map<String, Json>) {
    const HEAD: [&str; 6] = [
        "InputName",
        "OperatorType",
        "Variant",
        "Keyspace",
        "TargetDestination",
        "TargetTabletType",
    ];
    let Json::Object(object) = json else { return };
    if let Some(Json::Array(inputs)) = object.get_mut("Inputs") {
        for (json, input) in inputs.iter_mut().zip(node.inputs()) {
            annotate(json, input, keys);
        }
    }
    let (head, own): (Map<String, Json>, Map<String, Json>) =
        std::mem::take(object).into_iter().partition(|(key, _)| HEAD.contains(&key.as_str()));
    object.extend(head);
    object.extend(keys(node));
    object.extend(own);
}
