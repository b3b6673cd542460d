//! Changes whose rows must be found first: of several tables, with a LIMIT that foreign keys see,
//! or out of tables that are joined over shards.
//!
//! ```text
//!   delete a, b from a join b on ..  ->  select a.id, b.id from a join b on .. for update
//!                                        delete from a where a.id in ::dml_vals
//!                                        delete from b where b.id in ::dml_vals
//! ```
//!
//! Rows are known by their primary keys; what a new value reads of another table comes with them,
//! as an argument. See `operators/dml_with_input.go`.
//!
//! It knows nothing of where the changes go.

use std::sync::Arc;

use sim::sql::ast::{
    Comments, CompareOp, Delete, Expr, Ident, Limit, Lock, OrderBy, Query, Statement, TableExpr,
    TableName as WrittenName, Update, Wait,
};

use super::foreign_key::primitive::{Keyed, RowChange, WithInput};
use super::foreign_key::update::{keyed, merged};
use super::foreign_key::{Verify, Way, piece};
use super::operator::update::Target;
use super::primitive::Primitive;
use super::select::Planned;
use super::{Context, PlanError, change, expression, select};
use crate::key::Code;

/// What becomes of one table's rows.
pub struct Part {
    pub target: Target,
    /// Its FROM and WHERE are filled in here.
    pub change: Statement,
    /// What it reads of other tables, by the argument.
    pub values: Vec<(Arc<str>, Expr)>,
}

/// When it is known that rows must be found first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Known {
    /// From the statement alone.
    AtOnce,
    /// When no one route could carry the statement.
    AfterRouting,
}

/// Plans the parts after one query for their rows.
pub fn plan(
    context: &Context<'_>,
    way: &mut Way<'_>,
    written: &Statement,
    mut parts: Vec<Part>,
    known: Known,
) -> Result<Planned, PlanError> {
    // A table that is found by a lookup vindex goes before the rows that the lookup is made of.
    parts.sort_by_key(|part| !is_found_by_lookup(&part.target));
    let mut items = Vec::new();
    let mut keys = Vec::new();
    for part in &parts {
        let key = key_of(context, &part.target)?;
        let columns = key.iter().map(|column| piece::add(&mut items, column.clone())).collect();
        keys.push((key, columns));
    }
    let list: Arc<str> = way.names.reserve("dml_vals").into();
    let mut changes = Vec::new();
    let mut used = Vec::new();
    for (part, (key, columns)) in parts.into_iter().zip(keys) {
        let values = part.values.into_iter();
        let values = values.map(|(name, expr)| (name, piece::add(&mut items, expr))).collect();
        let filter = by_key(key, &list);
        let (statement, more) = one(context, way, part.change, &part.target, filter, known)?;
        let statement = match known {
            Known::AfterRouting if 1 < tables_of(written) => qualified(statement, &part.target),
            _ => statement,
        };
        used = merged(used, more);
        changes.push(RowChange { columns, values, statement });
    }
    let rows = Rows::of(written)?;
    let lock = match (known, written) {
        (Known::AtOnce, _) => Lock::ForUpdate(Wait::Block),
        (Known::AfterRouting, Statement::Update(_)) => Lock::ShareMode,
        (Known::AfterRouting, _) => Lock::None,
    };
    let (input, more) = select::for_change(&rows.query(items, lock), context)?;
    let input = input.ok_or_else(|| PlanError::bug("rows without a plan"))?;
    let with = WithInput { input, list, changes };
    Ok((Some(keyed(Keyed::WithInput(with))), merged(used, more)))
}

fn is_found_by_lookup(target: &Target) -> bool {
    let first = target.table.column_vindexes.first();
    first.is_some_and(|first| first.vindex.properties().is_lookup())
}

fn key_of(context: &Context<'_>, target: &Target) -> Result<Vec<Expr>, PlanError> {
    let key = context.vschema.primary_key(&target.table.keyspace, &target.table.name);
    let key = key.filter(|key| !key.is_empty()).ok_or_else(|| {
        let text = "VT09015: schema tracking required";
        PlanError::new(Code::FailedPrecondition, text)
    })?;
    let name = WrittenName { qualifier: None, name: target.name.name.clone() };
    Ok(key.iter().map(|column| piece::column(Some(&name), column)).collect())
}

/// `id in ::dml_vals`, `(a, b) in ::dml_vals`
fn by_key(mut key: Vec<Expr>, list: &Arc<str>) -> Expr {
    let left = match key.len() {
        1 => key.remove(0),
        _ => Expr::Tuple(key),
    };
    piece::compare(CompareOp::In, left, Expr::ListArgument(Ident(Arc::clone(list))))
}

/// The change of one table's rows that a list holds.
fn one(
    context: &Context<'_>,
    way: &mut Way<'_>,
    change: Statement,
    target: &Target,
    filter: Expr,
    known: Known,
) -> Result<(Primitive, Vec<String>), PlanError> {
    let own = WrittenName {
        qualifier: Some(Ident::new(&target.table.keyspace)),
        name: Ident::new(&target.table.name),
    };
    let alias = Some(target.name.name.as_str()).filter(|alias| *alias != target.table.name);
    let tables = vec![piece::aliased(own, alias)];
    let filter = Some(filter);
    let mut on = way.on(Verify::Needed, None);
    let (plan, used) = match change {
        Statement::Update(update) => {
            on.comments = update.comments.clone();
            let order_by = match known {
                Known::AtOnce => update.order_by.clone(),
                Known::AfterRouting => Vec::new(),
            };
            let update = Update { tables, filter, order_by, limit: None, ..update };
            change::update_on(&update, context, &mut on)?
        }
        Statement::Delete(delete) => {
            on.comments = delete.comments.clone();
            let (targets, order_by, limit) = (Vec::new(), Vec::new(), None);
            let delete = Delete { targets, tables, filter, order_by, limit, ..delete };
            change::delete_on(&delete, context, &mut on)?
        }
        _ => return Err(PlanError::bug("a change that is none")),
    };
    let plan = plan.ok_or_else(|| PlanError::bug("a change without a plan"))?;
    Ok((plan, used))
}

fn tables_of(statement: &Statement) -> usize {
    match Rows::of(statement).map(|rows| rows.tables) {
        Ok([TableExpr::Table(_) | TableExpr::Bound(..)]) => 1,
        Ok(_) => 2,
        Err(_) => 0,
    }
}

/// A DELETE that was to read several tables asks for its vindexes' columns by its table's name.
fn qualified(mut statement: Primitive, target: &Target) -> Primitive {
    if let Primitive::Delete(delete) = &mut statement
        && let Some(query) = &mut delete.dml.owned_vindex_query
        && let Statement::Query(Query::Select(select)) = Arc::make_mut(query)
    {
        for item in &mut select.items {
            if let sim::sql::ast::SelectItem::Expr { expr: Expr::Column(column), .. } = item {
                let name = target.name.name.clone();
                column.table.get_or_insert(WrittenName { qualifier: None, name });
            }
        }
    }
    statement
}

/// The rows of a statement.
struct Rows<'a> {
    comments: &'a Comments,
    tables: &'a [TableExpr],
    filter: &'a Option<Expr>,
    order_by: &'a [OrderBy],
    limit: &'a Option<Limit>,
}

impl Rows<'_> {
    fn of(statement: &Statement) -> Result<Rows<'_>, PlanError> {
        match statement {
            Statement::Update(it) => Ok(Rows {
                comments: &it.comments,
                tables: &it.tables,
                filter: &it.filter,
                order_by: &it.order_by,
                limit: &it.limit,
            }),
            Statement::Delete(it) => Ok(Rows {
                comments: &it.comments,
                tables: &it.tables,
                filter: &it.filter,
                order_by: &it.order_by,
                limit: &it.limit,
            }),
            _ => Err(PlanError::bug("a change that is none")),
        }
    }

    fn query(&self, items: Vec<Expr>, lock: Lock) -> Query {
        let mut query = expression::empty_select();
        query.comments = self.comments.clone();
        query.items = piece::items(items);
        query.from = self.tables.to_vec();
        query.filter = self.filter.clone();
        query.order_by = self.order_by.to_vec();
        query.limit = self.limit.clone();
        query.lock = lock;
        Query::Select(Box::new(query))
    }
}

#[cfg(test)]
mod tests {
    use crate::planner::environment::Environment;
    use crate::planner::{Context, build, json};
    use crate::vindex::Registry;
    use crate::vschema::{SrvVSchema, VSchema};

    const VSCHEMA: &str = r#"{"keyspaces": {"app": {"sharded": true,
        "vindexes": {"hash": {"type": "hash"}}, "tables": {
            "a": {"column_vindexes": [{"column": "id", "name": "hash"}]},
            "b": {"column_vindexes": [{"column": "id", "name": "hash"}]},
            "keyless": {"column_vindexes": [{"column": "id", "name": "hash"}]}}}}}"#;

    /// Offsets, arguments, the lock of the query and the changes, or the error.
    fn plan(query: &str) -> String {
        let source = SrvVSchema::parse(VSCHEMA).unwrap();
        let mut vschema = VSchema::build(&source, &Registry::standard());
        vschema.track_primary_key("app", "a", vec!["id".to_string()]);
        vschema.track_primary_key("app", "b", vec!["id".to_string(), "n".to_string()]);
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
        let inputs = root["Inputs"].as_array().map(Vec::as_slice).unwrap_or_default();
        let changes: Vec<&str> =
            inputs.iter().skip(1).filter_map(|input| input["Query"].as_str()).collect();
        format!("{} {} | {}", root["Offset"], root["BindVars"], changes.join(" | "))
    }

    #[test]
    fn rows_are_changed_by_their_primary_keys() {
        for (query, expected) in [
            (
                "delete a from a join b on a.x = b.y",
                r#"["0:[0]"] null | delete from a where a.id in ::dml_vals"#,
            ),
            (
                "delete p, q from a p join b q on p.x = q.y",
                "[\"0:[0]\",\"1:[1 2]\"] null | delete from a as p where p.id in ::dml_vals \
                 | delete from b as q where (q.id, q.n) in ::dml_vals",
            ),
            (
                "update a, b set a.x = b.y + 1, b.z = 2 where a.m = b.m",
                "[\"0:[0]\",\"1:[1 2]\"] [\"0:[b_y:3]\"] \
                 | update a set a.x = :b_y + 1 where a.id in ::dml_vals \
                 | update b set b.z = 2 where (b.id, b.n) in ::dml_vals",
            ),
            (
                "update a join b on a.x = b.y set a.x = b.n",
                "[\"0:[0]\"] [\"0:[b_n:1]\"] | update a set a.x = :b_n where a.id in ::dml_vals",
            ),
            ("delete k, a from keyless k, a", "VT09015: schema tracking required"),
        ] {
            assert_eq!(plan(query), expected, "{query}");
        }
    }
}
