//! INSERT of a query's rows: vtgate reads them and sends each where it belongs.
//!
//! ```text
//!   insert into t(id) select a from u  ->  Insert Select { id at 0 } ( select a from u )
//! ```
//!
//! See `operators/insert.go`, `insertSelectPlan`. It knows nothing of how the query finds its rows.

use std::sync::Arc;

use sim::sql::ast::{Ident, Insert, InsertSource, Lock, Query, Statement};

use super::directive::Directives;
use super::primitive::{Keyspace, Primitive};
use super::select::Planned;
use super::semantics::analyse::{analyse, column_count};
use super::utility::Utility;
use super::{Context, PlanError, expression, foreign_key, insert, keyspace, select};
use crate::key::Code;
use crate::vschema::Table;

#[derive(Clone, Debug, PartialEq)]
pub struct InsertQuery {
    pub keyspace: Keyspace,
    pub table: Arc<str>,
    /// The statement without its rows.
    pub insert: Arc<Statement>,
    /// By column vindex where the query's rows have its columns; None where they have not.
    pub vindexes: Vec<(Arc<str>, Vec<Option<usize>>)>,
    pub generate: Option<GenerateAt>,
    /// IGNORE or ON DUPLICATE KEY UPDATE.
    pub ignore: bool,
    /// All rows are read before one is written, because they are the same table's.
    pub reads_itself: bool,
    pub multi_shard_autocommit: bool,
    pub query_timeout_ms: u64,
    pub input: Primitive,
}

/// Numbers of a sequence for a column of the query's rows.
#[derive(Clone, Debug, PartialEq)]
pub struct GenerateAt {
    pub keyspace: Keyspace,
    /// `select next :n values from seq`
    pub sequence: Arc<str>,
    /// Behind the query's last column where that has none for it.
    pub column: usize,
}

/// Plans an INSERT whose rows come from a query.
pub fn plan(
    insert: &Insert,
    query: &Query,
    table: &Table,
    of: Keyspace,
    context: &Context<'_>,
) -> Result<Planned, PlanError> {
    let mut columns = match &insert.columns {
        Some(columns) => columns.clone(),
        None if !of.sharded && table.auto_increment.is_none() => Vec::new(),
        None => insert::listed_columns(table)?,
    };
    check_count(query, &columns, context)?;
    insert::check_on_duplicate(insert, table)?;
    let directives = Directives::of(&insert.comments);
    let generate = generate(table, &mut columns, context)?;
    let vindexes = vindexes(table, &columns)?;
    let (input, used) = select::for_insert(&shared(query), context)?;
    let input = input.ok_or_else(|| PlanError::bug("rows without a plan"))?;
    let own = format!("{}.{}", table.keyspace, table.name);
    let reads_itself = used.contains(&own);
    let mut statement = Statement::Insert(Insert {
        // None were written, and none are known.
        columns: (!columns.is_empty()).then_some(columns),
        source: InsertSource::Values(Vec::new()),
        ..insert.clone()
    });
    expression::drop_keyspaces(&mut statement);
    let plan = InsertQuery {
        keyspace: of,
        table: table.name.as_str().into(),
        insert: Arc::new(statement),
        vindexes,
        generate,
        ignore: insert.ignore || !insert.on_duplicate.is_empty(),
        reads_itself,
        multi_shard_autocommit: directives.multi_shard_autocommit,
        query_timeout_ms: directives.query_timeout_ms,
        input,
    };
    let used = foreign_key::update::merged(used, vec![own]);
    Ok((Some(Primitive::Utility(Utility::InsertQuery(Box::new(plan)))), used))
}

fn check_count(query: &Query, columns: &[Ident], context: &Context<'_>) -> Result<(), PlanError> {
    let mut statement = Statement::Query(query.clone());
    analyse(&mut statement, context)?;
    let count = match &statement {
        Statement::Query(query) => column_count(query),
        _ => None,
    };
    match count {
        Some(count) if !columns.is_empty() && count != columns.len() => {
            let text = "VT03006: column count does not match value count with the row";
            Err(PlanError::new(Code::InvalidArgument, text))
        }
        _ => Ok(()),
    }
}

/// Rows that are read must stay until they are written.
fn shared(query: &Query) -> Query {
    let mut query = query.clone();
    let lock = match &mut query {
        Query::Select(select) => &mut select.lock,
        Query::Union(union) => &mut union.lock,
        Query::Values(_) => return query,
    };
    if *lock == Lock::None {
        *lock = Lock::ShareMode;
    }
    query
}

fn generate(
    table: &Table,
    columns: &mut Vec<Ident>,
    context: &Context<'_>,
) -> Result<Option<GenerateAt>, PlanError> {
    let Some(auto_increment) = &table.auto_increment else { return Ok(None) };
    let of = keyspace(context, &auto_increment.sequence.keyspace)?;
    let at = columns.iter().position(|column| column.is(&auto_increment.column));
    let at = at.unwrap_or_else(|| {
        columns.push(Ident::new(&auto_increment.column));
        columns.len() - 1
    });
    let name = sim::sql::print::printed_name(&auto_increment.sequence.name).into_owned();
    let sequence = format!("select next :n /* INT64 */ values from {name}").into();
    Ok(Some(GenerateAt { keyspace: of, sequence, column: at }))
}

type Places = Vec<(Arc<str>, Vec<Option<usize>>)>;

fn vindexes(table: &Table, columns: &[Ident]) -> Result<Places, PlanError> {
    let mut places = Vec::new();
    let whole = table.column_vindexes.iter().filter(|vindex| !vindex.partial);
    for (number, vindex) in whole.enumerate() {
        let place = |name: &String| columns.iter().position(|column| column.is(name));
        if let Some(missing) = vindex.columns.iter().find(|name| place(name).is_none())
            && number == 0
        {
            let text = format!(
                "VT09003: INSERT query does not have primary vindex column '{missing}' in the column list"
            );
            return Err(PlanError::new(Code::FailedPrecondition, text));
        }
        places.push((vindex.name.as_str().into(), vindex.columns.iter().map(place).collect()));
    }
    Ok(places)
}

#[cfg(test)]
mod tests {
    use crate::planner::environment::Environment;
    use crate::planner::{Context, build, json};
    use crate::vindex::Registry;
    use crate::vschema::{SrvVSchema, VSchema};

    const VSCHEMA: &str = r#"{"keyspaces": {
        "app": {"sharded": true, "vindexes": {"hash": {"type": "hash"}}, "tables": {
            "pet": {"column_vindexes": [{"column": "owner", "name": "hash"}],
                    "auto_increment": {"column": "id", "sequence": "old.numbers"}},
            "bare": {"column_vindexes": [{"column": "id", "name": "hash"}]}}},
        "old": {"tables": {"note": {}, "numbers": {"type": "sequence"}}}}}"#;

    /// Sequence, vindexes and the query, or the error.
    fn plan(query: &str) -> String {
        let vschema = VSchema::build(&SrvVSchema::parse(VSCHEMA).unwrap(), &Registry::standard());
        let context = Context {
            vschema: &vschema,
            keyspace: Some("app"),
            shard: None,
            tablet_type: "primary",
            tables_header: "",
            environment: &Environment::default(),
            trace: None,
        };
        let plan = match build(query, &context) {
            Ok(plan) => json::plan(&plan),
            Err(error) => return error.message,
        };
        let root = &plan["Instructions"];
        let text = |key: &str| root[key].as_str().unwrap_or("-").to_string();
        let query = root["Inputs"][0]["Query"].as_str().unwrap_or("no route");
        let first = match root["InputAsNonStreaming"].as_bool() {
            Some(true) => "all of ",
            _ => "",
        };
        let vindexes = root["VindexOffsetFromSelect"]["hash"].as_str().unwrap_or("-");
        format!("{} {} {vindexes} {first}{query}", text("Variant"), text("AutoIncrement"))
    }

    #[test]
    fn rows_of_a_query_say_where_their_vindex_columns_are() {
        for (query, expected) in [
            (
                "insert into pet(owner) select a from bare",
                "Select select next :n /* INT64 */ values from numbers:Offset(1) [0] \
                 select a from bare lock in share mode",
            ),
            (
                "insert into bare(x, id) select x, id from bare",
                "Select - [1] all of select x, id from bare lock in share mode",
            ),
            (
                "insert into old.note select id from bare",
                "Select - - select id from bare lock in share mode",
            ),
            (
                "insert into bare(x) select id from pet",
                "VT09003: INSERT query does not have primary vindex column 'id' in the column list",
            ),
            (
                "insert into bare(id) select a, b from pet",
                "VT03006: column count does not match value count with the row",
            ),
        ] {
            assert_eq!(plan(query), expected, "{query}");
        }
    }
}
