//! What foreign keys plan to, and how `vexplain plan` prints it.
//!
//! It knows nothing of keys.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::{Map, Value as Json, json};

use crate::planner::json::describe;
use crate::planner::primitive::Primitive;

/// Children first, with the old keys that a query reads; then the parent.
#[derive(Clone, Debug, PartialEq)]
pub struct Cascade {
    pub selection: Primitive,
    pub children: Vec<Child>,
    pub parent: Primitive,
}

#[derive(Clone, Debug, PartialEq)]
pub struct Child {
    /// The argument that takes the old keys.
    pub list: Arc<str>,
    /// By position in the query.
    pub columns: Vec<usize>,
    /// New values that are known only row by row.
    pub values: Vec<RowValue>,
    pub statement: Primitive,
}

/// A new value that the query computes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RowValue {
    /// Where the query says whether it is the old one.
    pub comparison: usize,
    pub value: usize,
    pub argument: Arc<str>,
}

/// No query of those may find a row.
#[derive(Clone, Debug, PartialEq)]
pub struct Verify {
    pub queries: Vec<(Whose, Primitive)>,
    pub statement: Primitive,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Whose {
    Parent,
    Child,
}

/// By row an insert, and an update where the row was there.
#[derive(Clone, Debug, PartialEq)]
pub struct Upsert {
    pub rows: Vec<(Primitive, Primitive)>,
}

/// Changes of rows that a query finds first.
#[derive(Clone, Debug, PartialEq)]
pub struct WithInput {
    pub input: Primitive,
    /// The argument that takes the rows' keys, change by change.
    pub list: Arc<str>,
    pub changes: Vec<RowChange>,
}

/// A change of rows that are known by columns of a query.
#[derive(Clone, Debug, PartialEq)]
pub struct RowChange {
    /// By position in the query.
    pub columns: Vec<usize>,
    /// By argument a column of the query.
    pub values: BTreeMap<Arc<str>, usize>,
    pub statement: Primitive,
}

#[derive(Clone, Debug, PartialEq)]
pub enum Keyed {
    Cascade(Cascade),
    Verify(Verify),
    Upsert(Upsert),
    Sequential(Vec<Primitive>),
    WithInput(WithInput),
}

impl Keyed {
    pub fn operator(&self) -> &'static str {
        match self {
            Keyed::Cascade(_) => "FkCascade",
            Keyed::Verify(_) => "FKVerify",
            Keyed::Upsert(_) => "Upsert",
            Keyed::Sequential(_) => "Sequential",
            Keyed::WithInput(_) => "DMLWithInput",
        }
    }

    pub fn inputs(&self) -> Vec<&Primitive> {
        match self {
            Keyed::Cascade(cascade) => {
                let children = cascade.children.iter().map(|child| &child.statement);
                std::iter::once(&cascade.selection)
                    .chain(children)
                    .chain(std::iter::once(&cascade.parent))
                    .collect()
            }
            Keyed::Verify(verify) => {
                let queries = verify.queries.iter().map(|(_, query)| query);
                queries.chain(std::iter::once(&verify.statement)).collect()
            }
            Keyed::Upsert(upsert) => {
                upsert.rows.iter().flat_map(|(insert, update)| [insert, update]).collect()
            }
            Keyed::Sequential(all) => all.iter().collect(),
            Keyed::WithInput(with) => {
                let changes = with.changes.iter().map(|change| &change.statement);
                std::iter::once(&with.input).chain(changes).collect()
            }
        }
    }

    pub fn plan_type(&self) -> &'static str {
        match self {
            Keyed::Cascade(_) | Keyed::Verify(_) | Keyed::Upsert(_) => "ForeignKey",
            _ => "Complex",
        }
    }

    /// The inputs with what the parent says of each, and the own keys.
    pub fn json(&self) -> (Map<String, Json>, Vec<Json>) {
        let mut own = Map::new();
        let inputs = match self {
            Keyed::Cascade(cascade) => of_cascade(cascade),
            Keyed::Verify(verify) => of_verify(verify),
            Keyed::Upsert(upsert) => {
                let rows = upsert.rows.iter().enumerate();
                rows.flat_map(|(at, (insert, update))| {
                    let number = at + 1;
                    [
                        inserted(insert, &format!("Insert-{number}")),
                        named(update, &format!("Update-{number}")),
                    ]
                })
                .collect()
            }
            Keyed::Sequential(all) => all.iter().map(one_of_several).collect(),
            Keyed::WithInput(with) => {
                own = of_changes(&with.changes);
                self.inputs().into_iter().map(describe).collect()
            }
        };
        (own, inputs)
    }
}

fn of_changes(changes: &[RowChange]) -> Map<String, Json> {
    let mut own = Map::new();
    let offset = |(at, change): (usize, &RowChange)| {
        let columns: Vec<String> = change.columns.iter().map(usize::to_string).collect();
        json!(format!("{at}:[{}]", columns.join(" ")))
    };
    let offsets = changes.iter().enumerate().map(offset).collect();
    own.insert("Offset".into(), Json::Array(offsets));
    let values = |(at, change): (usize, &RowChange)| {
        let value = |(name, offset): (&Arc<str>, &usize)| format!("{name}:{offset}");
        let values: Vec<String> = change.values.iter().map(value).collect();
        (!values.is_empty()).then(|| json!(format!("{at}:[{}]", values.join(" "))))
    };
    let values: Vec<Json> = changes.iter().enumerate().filter_map(values).collect();
    if !values.is_empty() {
        own.insert("BindVars".into(), Json::Array(values));
    }
    own
}

fn named(input: &Primitive, name: &str) -> Json {
    with(input, [("InputName", json!(name))])
}

/// An insert that leaves committing to what comes after it.
fn inserted(input: &Primitive, name: &str) -> Json {
    with(input, [("InputName", json!(name)), ("NoAutoCommit", json!(true))])
}

fn one_of_several(input: &Primitive) -> Json {
    match input {
        Primitive::Insert(_) => with(input, [("NoAutoCommit", json!(true))]),
        other => describe(other),
    }
}

/// What a node is stands first, its inputs last, and keys between sorted.
fn with<const N: usize>(input: &Primitive, keys: [(&str, Json); N]) -> Json {
    const HEAD: [&str; 4] = ["OperatorType", "Variant", "Keyspace", "TargetDestination"];
    let Json::Object(described) = describe(input) else { return Json::Null };
    let mut object = Map::new();
    let (mut sorted, mut last) = (BTreeMap::new(), None);
    for (key, value) in keys {
        match key {
            "InputName" => object.insert(key.to_string(), value),
            _ => sorted.insert(key.to_string(), value),
        };
    }
    for (key, value) in described {
        match key.as_str() {
            "Inputs" => last = Some(value),
            head if HEAD.contains(&head) => {
                object.insert(key, value);
            }
            _ => {
                sorted.insert(key, value);
            }
        }
    }
    object.extend(sorted);
    object.extend(last.map(|inputs| ("Inputs".to_string(), inputs)));
    Json::Object(object)
}

fn of_cascade(cascade: &Cascade) -> Vec<Json> {
    let mut inputs = vec![named(&cascade.selection, "Selection")];
    for (at, child) in cascade.children.iter().enumerate() {
        let value = |value: &RowValue| {
            json!({
                "CompExprCol": value.comparison,
                "UpdateExprCol": value.value,
                "UpdateExprBvName": &*value.argument,
            })
        };
        let name = ("InputName", json!(format!("CascadeChild-{}", at + 1)));
        let list = ("BvName", json!(&*child.list));
        let columns = ("Cols", json!(child.columns));
        let values: Vec<Json> = child.values.iter().map(value).collect();
        let node = match values.is_empty() {
            true => with(&child.statement, [name, list, columns]),
            false => {
                let values = ("NonLiteralUpdateInfo", Json::Array(values));
                with(&child.statement, [name, list, columns, values])
            }
        };
        inputs.push(node);
    }
    inputs.push(named(&cascade.parent, "Parent"));
    inputs
}

fn of_verify(verify: &Verify) -> Vec<Json> {
    let mut inputs = Vec::new();
    for (at, (whose, query)) in verify.queries.iter().enumerate() {
        let whose = match whose {
            Whose::Parent => "VerifyParent",
            Whose::Child => "VerifyChild",
        };
        inputs.push(named(query, &format!("{whose}-{}", at + 1)));
    }
    inputs.push(named(&verify.statement, "PostVerify"));
    inputs
}
