//! EXPLAIN FORMAT=JSON: which index a statement on one table reads, and how.
//!
//! ```text
//!   statement ──access::choose──> access ──> access_type, key, used_key_parts, key_length, ref
//! ```
//!
//! That is what decides locks, in the words of MySQL's JSON (version 1). Left out of it are the
//! costs and numbers of rows, which come from statistics that the model does not have, the keys
//! that were possible, and the conditions as text. Where MySQL chooses by statistics, or where the
//! model does not read as MySQL does (several tables, index merge, LIKE), it is 1235: see
//! `doubtful`.
//!
//! It reads what MySQL reads to explain: the row of a full unique key, with its lock. See
//! `sql/opt_explain.cc` and `sql/opt_explain_json.cc`.

use std::sync::Arc;

use crate::eval::{ColumnKind, Env, Kind as ValueKind};
use crate::mysql::execution::Run;
use crate::mysql::outcome::{Column, Outcome};
use crate::mysql::transaction::TrxId;
use crate::mysql::{explain_json::Json, schema};
use crate::sql::ast::{
    Delete, Explain, Expr, Insert, InsertSource, IsTest, Query, Select, Statement, TableExpr,
    Update,
};
use crate::sql::walk::children;
use crate::sql_error::SqlError;
use crate::value::Value;

use super::access::{self, Access, Kind};
use super::key_length::key_length;
use super::plan::{Loops, conjuncts, exprs_of, nests_subqueries};
use super::reader::{Outer, is_impossible};
use super::scope::InScope;
use super::select::{Locks, PreparedSelect, choose};
use super::subquery::results;

impl Run {
    pub async fn explain(&self, explain: &Explain) -> Result<Outcome, SqlError> {
        if explain.analyze || explain.format.as_deref() != Some("json") {
            return Err(refused("of another FORMAT than JSON"));
        }
        match &*explain.statement {
            Statement::Query(Query::Select(select)) => {
                self.in_transaction(|trx| self.explain_select(select, trx)).await
            }
            Statement::Insert(insert) => explain_insert(insert),
            Statement::Update(update) => self.in_transaction(|_| self.explain_update(update)).await,
            Statement::Delete(delete) => self.in_transaction(|_| self.explain_delete(delete)).await,
            _ => Err(refused("of such a statement")),
        }
    }

    async fn explain_select(&self, select: &Select, trx: TrxId) -> Result<Outcome, SqlError> {
        if select.distinct || !select.group_by.is_empty() || select.having.is_some() {
            return Err(refused("of GROUP BY, HAVING or DISTINCT"));
        }
        if exprs_of(select).into_iter().any(nests_subqueries) {
            return Err(refused("of a subquery"));
        }
        if !matches!(&select.from[..], [] | [TableExpr::Table(_)]) {
            return Err(refused("of several tables"));
        }
        let prepared = self.prepare_select(select, None, trx, Locks::Own).await?;
        let mut env = self.env()?;
        if self.limits(select.limit.as_ref(), &mut env)?.1 == 0 {
            return Ok(message("Zero limit"));
        }
        if is_impossible(select.filter.iter().flat_map(conjuncts), &mut env)? {
            return Ok(message("Impossible WHERE"));
        }
        let Some(table) = prepared.from.tables.first() else {
            return Ok(message("No tables used"));
        };
        if table.rows.is_some() || prepared.extreme.is_some() {
            return Err(refused("of what no index is chosen for"));
        }
        let (access, is_covering) = self.access_of_select(&prepared, select, &mut env)?;
        if access.intervals.is_empty()
            || access.kind == Kind::Const && !self.finds_one(&prepared, &mut env, trx).await?
        {
            return Ok(message("no matching row in const table"));
        }
        let schema = &table.opened.schema;
        let refs = match access.kind {
            Kind::Const | Kind::Ref => access.parts,
            Kind::Scan | Kind::Range | Kind::Points => 0,
        };
        let access_type = match access.kind {
            Kind::Const => "const",
            Kind::Ref => "ref",
            Kind::Range | Kind::Points => "range",
            Kind::Scan if is_covering || prepared.plan.follows.is_some() => "index",
            Kind::Scan => "ALL",
        };
        let mut of_table = vec![("table_name", Json::text(&table.alias))];
        of_table.extend(described(schema, &access, access_type, refs)?);
        if is_covering {
            of_table.push(("using_index", Json::Bool(true)));
        }
        if select.order_by.is_empty() {
            return Ok(block(vec![("table", Json::Object(of_table))]));
        }
        let sorts = access.kind != Kind::Const && prepared.plan.follows.is_none();
        let ordering =
            vec![("using_filesort", Json::Bool(sorts)), ("table", Json::Object(of_table))];
        Ok(block(vec![("ordering_operation", Json::Object(ordering))]))
    }

    /// What the SELECT will open, and whether the index alone gives all of its columns.
    fn access_of_select(
        &self,
        prepared: &PreparedSelect,
        select: &Select,
        env: &mut Env,
    ) -> Result<(Access, bool), SqlError> {
        let table = &prepared.from.tables[0];
        let schema = &table.opened.schema;
        env.subqueries = results(&prepared.from.subqueries);
        let mut access = choose(prepared, 0, &[], env);
        let used: Vec<usize> = prepared.plan.used.iter().copied().collect();
        let mut outer = outer(std::slice::from_ref(table), env);
        doubtful(schema, select.filter.as_ref(), table, &access, &mut outer)?;
        let covers = |index: usize| match index {
            0 => {
                !schema.has_hidden_row_id()
                    && used.iter().all(|c| schema.columns_of(0).any(|k| k == *c))
            }
            _ => schema.covers(index, used.iter().copied()),
        };
        let is_range = matches!(access.kind, Kind::Range | Kind::Points);
        if is_range && (1..schema.indexes.len()).any(|index| index != access.index && covers(index))
        {
            return Err(refused("where statistics choose between indexes"));
        }
        match (access.kind, prepared.plan.follows) {
            (Kind::Scan, Some((index, _))) => access = access::whole(schema, index),
            (Kind::Scan, None) => {
                let index = access::shortest_covering(schema, &used, &table.hints);
                access = access::whole(schema, index);
            }
            _ => {}
        }
        let is_covering = covers(access.index);
        let follows = prepared.plan.follows.is_some();
        if access.kind == Kind::Scan && follows && access.index != 0 && !is_covering {
            return Err(refused("where statistics choose between sorting and an index"));
        }
        // The model sorts in cases in which MySQL finds the rows in order.
        let ordered = prepared.plan.order_columns.iter().flatten().any(|(_, column)| {
            schema.columns_of(0).chain(schema.columns_of(access.index)).any(|of| of == *column)
        });
        if !follows && ordered && access.kind != Kind::Const {
            return Err(refused("of this ORDER BY"));
        }
        Ok((access, is_covering))
    }

    /// Whether the row of a full unique key is there.
    async fn finds_one(
        &self,
        prepared: &PreparedSelect,
        env: &mut Env,
        trx: TrxId,
    ) -> Result<bool, SqlError> {
        let mut loops = Loops::new(prepared, &[]);
        self.open_level(&mut loops, env, trx)?;
        let Some(super::plan::Source::Cursor(cursor)) =
            loops.levels.first_mut().map(|level| &mut level.source)
        else {
            return Ok(false);
        };
        Ok(self.next(cursor, trx).await?.is_some())
    }

    async fn explain_update(&self, update: &Update) -> Result<Outcome, SqlError> {
        let exprs = update.set.iter().map(|item| &item.value);
        if update.with.is_some() || !update.order_by.is_empty() || update.limit.is_some() {
            return Err(refused("of UPDATE with WITH, ORDER BY or LIMIT"));
        }
        if exprs.into_iter().any(nests_subqueries) {
            return Err(refused("of a subquery"));
        }
        self.explain_change("update", &update.tables, update.filter.as_ref()).await
    }

    async fn explain_delete(&self, delete: &Delete) -> Result<Outcome, SqlError> {
        let is_plain = delete.with.is_none() && delete.targets.is_empty();
        if !is_plain || !delete.order_by.is_empty() || delete.limit.is_some() {
            return Err(refused("of DELETE with WITH, ORDER BY or LIMIT"));
        }
        self.explain_change("delete", &delete.tables, delete.filter.as_ref()).await
    }

    /// A change finds its rows by ranges, even that of one key; its `ref` has a word for each part.
    async fn explain_change(
        &self,
        verb: &'static str,
        tables: &[TableExpr],
        filter: Option<&Expr>,
    ) -> Result<Outcome, SqlError> {
        if filter.is_some_and(nests_subqueries) {
            return Err(refused("of a subquery"));
        }
        if !matches!(tables, [TableExpr::Table(_)]) {
            return Err(refused("of several tables"));
        }
        let table = self.single_table(tables).await?;
        let schema = &table.opened.schema;
        let mut env = self.env()?;
        if is_impossible(filter.into_iter().flat_map(conjuncts), &mut env)? {
            return Ok(message("Impossible WHERE"));
        }
        let mut outer = outer(std::slice::from_ref(&table), &mut env);
        let access = access::choose(schema, filter, &table.hints, &mut outer);
        doubtful(schema, filter, &table, &access, &mut outer)?;
        if access.intervals.is_empty() {
            return Ok(message("Impossible WHERE"));
        }
        let access_type = match access.kind {
            Kind::Scan if verb == "update" && !schema.has_hidden_row_id() => "index",
            Kind::Scan => "ALL",
            _ => "range",
        };
        let mut of_table = vec![(verb, Json::Bool(true)), ("table_name", Json::text(&table.alias))];
        of_table.extend(described(schema, &access, access_type, access.parts)?);
        Ok(block(vec![("table", Json::Object(of_table))]))
    }
}

/// INSERT reads nothing by an index.
fn explain_insert(insert: &Insert) -> Result<Outcome, SqlError> {
    if !matches!(&insert.source, InsertSource::Values(_)) {
        return Err(refused("of INSERT .. SELECT"));
    }
    let verb = if insert.replace { "replace" } else { "insert" };
    let name = insert.alias.as_ref().unwrap_or(&insert.table.name);
    let of_table = vec![
        (verb, Json::Bool(true)),
        ("table_name", Json::text(name.as_str())),
        ("access_type", Json::text("ALL")),
    ];
    Ok(block(vec![("table", Json::Object(of_table))]))
}

/// Refuses what MySQL may read in another way than the model: a condition on a column of an index
/// of which the model makes no range, and a choice between indexes.
fn doubtful(
    schema: &Arc<schema::Table>,
    filter: Option<&Expr>,
    table: &InScope,
    access: &Access,
    outer: &mut Outer<'_>,
) -> Result<(), SqlError> {
    let Some(filter) = filter else { return Ok(()) };
    let usable = access::usable(schema, filter, &table.hints, outer);
    if !usable.every_term || chooses_null(filter) {
        return Err(refused("of this condition on a key"));
    }
    if 1 < usable.indexes && access.kind != Kind::Const {
        return Err(refused("where statistics choose between indexes"));
    }
    Ok(())
}

/// `a = 1 or a is null`, for which MySQL has an access of its own.
fn chooses_null(filter: &Expr) -> bool {
    let is_null = |expr: &&Expr| matches!(expr, Expr::Is { test: IsTest::Null, .. });
    match filter {
        Expr::Or(branches) => branches.iter().any(|branch| is_null(&branch)),
        other => children(other).into_iter().any(chooses_null),
    }
}

fn outer<'a>(tables: &'a [InScope], env: &'a mut Env) -> Outer<'a> {
    Outer { tables, visible: None, context: None, number: 0, row: &[], subqueries: &[], env }
}

/// How the index is read; `refs` of its parts are compared with constants.
fn described(
    schema: &schema::Table,
    access: &Access,
    access_type: &str,
    refs: usize,
) -> Result<Vec<(&'static str, Json)>, SqlError> {
    let mut keys = vec![("access_type", Json::text(access_type))];
    if access_type == "ALL" {
        return Ok(keys);
    }
    let index = &schema.indexes[access.index];
    let used = match access.kind {
        Kind::Scan => &index.parts[..],
        _ => index.parts.get(..access.parts).unwrap_or(&index.parts),
    };
    let names = used.iter().map(|part| Json::text(&schema.columns[part.column].name));
    let length = key_length(schema, used).ok_or_else(|| refused("of a key of this type"))?;
    keys.push(("key", Json::text(&index.name)));
    keys.push(("used_key_parts", Json::List(names.collect())));
    keys.push(("key_length", Json::text(&length.to_string())));
    if 0 < refs && access.kind != Kind::Scan {
        keys.push(("ref", Json::List(vec![Json::text("const"); refs])));
    }
    Ok(keys)
}

fn message(text: &str) -> Outcome {
    block(vec![("message", Json::text(text))])
}

fn block(inner: Vec<(&'static str, Json)>) -> Outcome {
    let mut keys = vec![("select_id", Json::Number(1))];
    keys.extend(inner);
    let json = Json::Object(vec![("query_block", Json::Object(keys))]);
    let column = Column {
        name: "EXPLAIN".into(),
        table: None,
        original_table: None,
        kind: ColumnKind::new(ValueKind::Text),
        ty: None,
        not_null: true,
    };
    let row = [Value::text(&json.to_string())].into();
    Outcome { columns: [column].into(), rows: vec![row], ..Outcome::default() }
}

fn refused(what: &str) -> SqlError {
    SqlError::not_supported(format!("EXPLAIN {what}"))
}
