//! Vectors of lookup vindexes: a script replies to each statement, and the statements must be those
//! expected.

use std::sync::Arc;

use serde_json::{Value as Json, json};

use super::case::{Case, expect, read_destination, read_rows, read_value};
use super::functional::create_vindex;
use crate::key::Destination;
use crate::vindex::lookup::{
    Ask, Bind, Context, Conversation, Lookup, PROFILES, Profile, Reply, Rows, Statement, Step,
    Target, unicode_loose_hash,
};
use crate::vindex::{Owner, Value, Vindex, VindexError, collation};

pub(super) fn profile(type_name: &str) -> Option<&'static Profile> {
    PROFILES.iter().find(|profile| profile.type_name == type_name)
}

/// Runs a vector of a type.
pub(super) fn run(profile: &Profile, case: &Case) -> Result<(), String> {
    match case.op() {
        "create_vindex" => return create_vindex(profile.type_name, case),
        "from_hash" => {
            return match case.outcome(unicode_loose_hash(&case.value("in")?))? {
                Some(hash) => expect(case.value("out")?, hash),
                None => Ok(()),
            };
        }
        _ => {}
    }
    let vindex = create(profile, case)?;
    let lookup = vindex.lookup().ok_or("is no lookup")?;
    let context = Context {
        in_transaction: false,
        statement: Statement::Other,
        ignore: case.field("ignore") == Some(&Json::Bool(true)),
        vcursor: case.field("vcursor") != Some(&Json::Null),
    };
    match case.op() {
        "map" => {
            let ids = case.row("ids")?;
            destinations(case, converse(case, lookup.map(context, &ids))?)
        }
        "map_result" => {
            let results: Result<Vec<Rows>, String> =
                case.list("results")?.iter().map(read_rows).collect();
            destinations(case, lookup.map_result(&case.row("ids")?, &results?))
        }
        "verify" => {
            let (ids, ksids) = (case.row("ids")?, case.ksids("ksids")?);
            let outcome = converse(case, lookup.verify(context, &ids, &ksids))?;
            match case.outcome(outcome)? {
                Some(verified) => expect(case.required("expect_ok")?, &json!(verified)),
                None => Ok(()),
            }
        }
        "create" => {
            let (rows, ksids) = (case.rows("rows")?, case.ksids("ksids")?);
            let outcome = converse(case, lookup.create(context, &rows, &ksids))?;
            case.outcome(outcome).map(drop)
        }
        "delete" => {
            let (rows, ksid) = (case.rows("rows")?, case.ksid("ksid")?);
            let outcome = converse(case, lookup.delete(context, &rows, &ksid))?;
            case.outcome(outcome).map(drop)
        }
        "update" => {
            let (old, new, ksid) = (case.row("old")?, case.row("new")?, case.ksid("ksid")?);
            let update = lookup.update(context, &old, &ksid, &new, &equal);
            case.outcome(converse(case, update)?).map(drop)
        }
        other => Err(format!("unknown op {other}")),
    }
}

fn create(profile: &Profile, case: &Case) -> Result<Arc<dyn Vindex>, String> {
    let type_name = profile.type_name;
    let lookup = Lookup::new(type_name, profile, &case.params()?);
    let vindex: Arc<dyn Vindex> = Arc::new(lookup.map_err(|error| error.to_string())?);
    let Some(owner) = case.field("owner").filter(|owner| !owner.is_null()) else {
        return Ok(vindex);
    };
    let owner_case = Case::new(owner);
    let columns = owner_case.list("columns")?.iter();
    let owner = Owner {
        keyspace: owner_case.text("keyspace")?.to_string(),
        table: owner_case.text("table")?.to_string(),
        columns: columns.map(|name| name.as_str().unwrap_or("").to_string()).collect(),
    };
    match vindex.owned_by(&owner) {
        None => Ok(vindex),
        Some(owned) => owned.map_err(|error| error.to_string()),
    }
}

/// Equality of a connection that ignores case and accents, as the default of MySQL 8 does.
fn equal(a: &Value, b: &Value) -> bool {
    let texts = || Some((str::from_utf8(&a.bytes).ok()?, str::from_utf8(&b.bytes).ok()?));
    match a.kind.is_text() && b.kind.is_text() {
        true => texts().is_some_and(|(a, b)| collation::key(a) == collation::key(b)),
        false => a.bytes == b.bytes,
    }
}

/// Replies to a conversation from the script, and compares what it asked.
fn converse<C: Conversation>(
    case: &Case,
    mut conversation: C,
) -> Result<Result<C::Output, VindexError>, String> {
    let mut script = match case.has("script") {
        true => case.list("script")?.iter(),
        false => [].iter(),
    };
    let mut asked = Vec::new();
    let mut step = conversation.step(None);
    let outcome = loop {
        match step {
            Step::Done(outcome) => break outcome,
            Step::Ask(ask) => {
                asked.push(ask);
                let reply = match script.next() {
                    Some(reply) => read_reply(reply)?,
                    None if case.has("script") => {
                        let sql = asked.last().map_or("", |ask| ask.sql.as_str());
                        return Err(format!(
                            "the script has no reply to statement {}: {sql}",
                            asked.len()
                        ));
                    }
                    None => Ok(Rows::new()),
                };
                step = conversation.step(Some(reply));
            }
        }
    };
    if case.has("expect_queries") {
        expect_queries(case.list("expect_queries")?, &asked)?;
    }
    Ok(outcome)
}

fn read_reply(json: &Json) -> Result<Reply, String> {
    match (json.get("error"), json.get("rows")) {
        (Some(error), _) => Ok(Err(VindexError {
            errno: json.get("errno").and_then(Json::as_u64).and_then(|n| u16::try_from(n).ok()),
            message: error.as_str().ok_or("an error is no text")?.to_string(),
            ..VindexError::default()
        })),
        (None, Some(rows)) => Ok(Ok(read_rows(rows)?)),
        (None, None) => Err("a reply has neither rows nor an error".to_string()),
    }
}

fn expect_queries(expected: &[Json], asked: &[Ask]) -> Result<(), String> {
    if expected.len() != asked.len() {
        let first = asked.first().map_or(String::new(), |ask| format!("; the first: {}", ask.sql));
        return Err(format!("expected {} statements, got {}{first}", expected.len(), asked.len()));
    }
    for (i, (expected, ask)) in expected.iter().zip(asked).enumerate() {
        expect_query(expected, ask).map_err(|why| format!("statement {i}: {why}"))?;
    }
    Ok(())
}

fn expect_query(expected: &Json, ask: &Ask) -> Result<(), String> {
    let case = Case::new(expected);
    expect(case.text("sql")?, ask.sql.as_str())?;
    expect(case.flag("rollback_on_error")?, ask.rollback_on_error)?;
    expect_binds(case.required("bind")?, ask)?;
    match &ask.target {
        Target::Executor { order, method } => {
            expect(case.text("commit_order")?, order.name())?;
            let method_expected = case.field("method").and_then(Json::as_str);
            expect(method_expected.unwrap_or(method.name()), method.name())
        }
        Target::KeyspaceId { keyspace, ksid } => {
            expect(case.text("method")?, "ExecuteKeyspaceID")?;
            expect(case.text("commit_order")?, "NORMAL")?;
            expect(case.text("keyspace")?, keyspace)?;
            expect(case.flag("autocommit")?, false)?;
            expect(case.ksid("ksid_hex")?, ksid.clone())
        }
    }
}

fn expect_binds(expected: &Json, ask: &Ask) -> Result<(), String> {
    let expected = expected.as_object().ok_or("bind is no object")?;
    let names = |names: Vec<&String>| format!("{names:?}");
    let mut expected_names: Vec<&String> = expected.keys().collect();
    expected_names.sort();
    expect(names(expected_names), names(ask.binds.keys().collect()))?;
    for (name, bind) in &ask.binds {
        let expected = read_bind(&expected[name])?;
        if expected != *bind {
            return Err(format!(":{name}: expected {expected:?}, got {bind:?}"));
        }
    }
    Ok(())
}

fn read_bind(json: &Json) -> Result<Bind, String> {
    match json.get("tuple") {
        None => read_value(json).map(Bind::Value),
        Some(tuple) => {
            let values = tuple.as_array().ok_or("a tuple is no array")?;
            values.iter().map(read_value).collect::<Result<_, _>>().map(Bind::Tuple)
        }
    }
}

fn destinations(case: &Case, outcome: Result<Vec<Destination>, VindexError>) -> Result<(), String> {
    let Some(mapped) = case.outcome(outcome)? else {
        return Ok(());
    };
    let expected: Result<Vec<Destination>, String> =
        case.list("expect_dest")?.iter().map(|json| read_destination(&Case::new(json))).collect();
    let print =
        |destinations: &[Destination]| crate::key::destination::destinations_string(destinations);
    match expected? == mapped {
        true => Ok(()),
        false => Err(format!("expected {}, got {}", case.required("expect_dest")?, print(&mapped))),
    }
}
