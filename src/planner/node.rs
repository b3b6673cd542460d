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
        let Node::Primitive(primitive) = self else { return Vec::new() };
        match primitive {
            Primitive::VindexLookup(lookup) => {
                vec![Node::of(&lookup.lookup), Node::Route(&lookup.route)]
            }
            Primitive::Limit(limit) => vec![Node::of(&limit.input)],
            Primitive::Aggregate(aggregate) => vec![Node::of(&aggregate.input)],
            Primitive::Sort(sort) => vec![Node::of(&sort.input)],
            Primitive::Projection(projection) => vec![Node::of(&projection.input)],
            Primitive::SimpleProjection(projection) => vec![Node::of(&projection.input)],
            Primitive::Filter(filter) => vec![Node::of(&filter.input)],
            Primitive::Distinct(distinct) => vec![Node::of(&distinct.input)],
            Primitive::UncorrelatedSubquery(subquery) => {
                vec![Node::of(&subquery.subquery), Node::of(&subquery.outer)]
            }
            Primitive::SemiJoin(join) => vec![Node::of(&join.outer), Node::of(&join.subquery)],
            Primitive::Join(join) => vec![Node::of(&join.left), Node::of(&join.right)],
            Primitive::HashJoin(join) => vec![Node::of(&join.left), Node::of(&join.right)],
            Primitive::RecurseCte(cte) => vec![Node::of(&cte.seed), Node::of(&cte.term)],
            Primitive::Utility(utility) => utility.inputs().into_iter().map(Node::of).collect(),
            Primitive::Route(_)
            | Primitive::Insert(_)
            | Primitive::Update(_)
            | Primitive::Delete(_)
            | Primitive::Send(_)
            | Primitive::SingleRow
            | Primitive::Rows(_)
            | Primitive::UpdateTarget(_)
            | Primitive::Ddl(_) => Vec::new(),
        }
    }
}

/// Puts keys into the printed form of a plan: behind a node's own, before its inputs.
pub fn append(json: &mut Json, node: Node<'_>, keys: &dyn Fn(Node<'_>) -> Map<String, Json>) {
    let Json::Object(object) = json else { return };
    let mut inputs = object.shift_remove("Inputs");
    if let Some(Json::Array(inputs)) = &mut inputs {
        for (json, input) in inputs.iter_mut().zip(node.inputs()) {
            append(json, input, keys);
        }
    }
    object.extend(keys(node));
    object.extend(inputs.map(|inputs| ("Inputs".to_owned(), inputs)));
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
