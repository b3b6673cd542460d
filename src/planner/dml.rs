//! UPDATE and DELETE.
//!
//! Where entries of owned vindexes change, a query in front reads and locks the rows that will
//! change: the primary vindex's columns, the owned vindexes' columns, and for an UPDATE a
//! comparison for each vindex that is assigned.

use std::sync::Arc;

use sim::sql::ast::{
    ColumnName, CompareOp, Delete, Expr, Ident, Lock, Query, Select, SelectItem, Statement,
    Table as TableNode, TableExpr, Update, UpdateItem, Wait,
};

use super::primitive::{
    ChangedVindex, Delete as DeletePrimitive, Dml, Keyspace, Opcode, Primitive, Routing,
    Update as UpdatePrimitive,
};
use super::routing::{self, Choice};
use super::{Context, PlanError, expression, is_value, keyspace};
use crate::key::Code;
use crate::vschema::{ColumnVindex, Table, TableType};

type Planned = (Option<Primitive>, Vec<String>);

pub fn update(update: &Update, context: &Context<'_>) -> Result<Planned, PlanError> {
    if update.with.is_some() {
        return Err(PlanError::unsupported("WITH expression in UPDATE statement"));
    }
    let statement = Statement::Update(update.clone());
    let target = match target(&update.tables, update.filter.as_ref(), context)? {
        Target::Unsharded(keyspace, table, used) => {
            let dml = unsharded(keyspace, table, statement);
            let plan = UpdatePrimitive { dml, changed_vindexes: Vec::new() };
            return Ok((Some(Primitive::Update(plan)), used));
        }
        Target::Sharded(target) => target,
    };
    check_tablet_type(context, "update")?;
    let changed = changed_vindexes(update, &target.table)?;
    let single = target.choice.is_single_shard();
    if update.limit.is_some() && !single {
        return Err(PlanError::unsupported("limit in an update over several shards"));
    }
    let owned = changed.iter().any(|(vindex, _)| vindex.owned);
    if owned && update.limit.is_some() && update.order_by.is_empty() {
        let text = "Vindex update should have ORDER BY clause when using LIMIT";
        return Err(PlanError::unsupported(text));
    }
    let mut text = update.clone();
    text.filter = expression::conjunction(target.conjuncts(update.filter.as_ref()));
    let mut query = Statement::Update(text);
    expression::drop_keyspaces(&mut query);
    let mut dml = target.dml(query);
    let mut changed_vindexes = Vec::new();
    if !changed.is_empty() && target.choice.opcode != Opcode::None {
        let comparisons = changed.iter().map(|(_, comparison)| comparison.clone()).collect();
        let first = target.table.column_vindexes[0].columns.len()
            + target.table.owned.iter().map(|vindex| vindex.columns.len()).sum::<usize>();
        for (i, (vindex, _)) in changed.iter().enumerate() {
            changed_vindexes.push(changed_vindex(update, vindex, first + i));
        }
        let order = (update.order_by.clone(), update.limit.clone());
        target.read_owned(&mut dml, update.filter.clone(), comparisons, order);
    }
    let plan = UpdatePrimitive { dml, changed_vindexes };
    Ok((Some(Primitive::Update(plan)), target.used))
}

pub fn delete(delete: &Delete, context: &Context<'_>) -> Result<Planned, PlanError> {
    if delete.with.is_some() {
        return Err(PlanError::unsupported("WITH expression in DELETE statement"));
    }
    let statement = Statement::Delete(delete.clone());
    let target = match target(&delete.tables, delete.filter.as_ref(), context)? {
        Target::Unsharded(keyspace, table, used) => {
            let dml = unsharded(keyspace, table, statement);
            return Ok((Some(Primitive::Delete(DeletePrimitive { dml })), used));
        }
        Target::Sharded(target) => target,
    };
    check_tablet_type(context, "delete")?;
    if delete.limit.is_some() && !target.choice.is_single_shard() {
        return Err(PlanError::unsupported("limit in a delete over several shards"));
    }
    if !delete.targets.is_empty() {
        return Err(PlanError::unsupported("delete with a list of targets"));
    }
    let mut text = delete.clone();
    text.filter = expression::conjunction(target.conjuncts(delete.filter.as_ref()));
    let mut query = Statement::Delete(text);
    expression::drop_keyspaces(&mut query);
    let mut dml = target.dml(query);
    if !target.table.owned.is_empty() && target.choice.opcode != Opcode::None {
        let order = (delete.order_by.clone(), delete.limit.clone());
        target.read_owned(&mut dml, delete.filter.clone(), Vec::new(), order);
    }
    Ok((Some(Primitive::Delete(DeletePrimitive { dml })), target.used))
}

enum Target {
    Unsharded(Keyspace, Arc<str>, Vec<String>),
    Sharded(Sharded),
}

/// One table of a sharded keyspace, and which of its shards.
struct Sharded {
    table: Arc<Table>,
    written: TableNode,
    keyspace: Keyspace,
    choice: Choice,
    used: Vec<String>,
}

fn target(
    tables: &[TableExpr],
    filter: Option<&Expr>,
    context: &Context<'_>,
) -> Result<Target, PlanError> {
    let mut names = Vec::new();
    super::tables_of(tables, &mut names)?;
    let subquery = filter.is_some_and(expression::has_subquery);
    if !subquery && let Some((keyspace, used)) = super::all_unsharded(&names, context)? {
        let table = names.first().map_or("", |name| name.name.as_str());
        return Ok(Target::Unsharded(keyspace, table.into(), used));
    }
    let [TableExpr::Table(written)] = tables else {
        return Err(PlanError::unsupported("multi-table DML in a sharded keyspace"));
    };
    if subquery {
        return Err(PlanError::unsupported("subqueries in DML"));
    }
    let table = super::find_table(&written.name, context)?;
    if table.table_type != TableType::Normal {
        return Err(PlanError::unsupported("sequence and reference tables"));
    }
    let of = keyspace(context, &table.keyspace)?;
    if table.column_vindexes.is_empty() {
        let text = format!("VT09001: table '{}' does not have a primary vindex", table.name);
        return Err(PlanError::new(Code::FailedPrecondition, text));
    }
    let choice = routing::choose(&table, &expression::conjuncts(filter))?;
    let used = vec![format!("{}.{}", table.keyspace, table.name)];
    let written = written.clone();
    Ok(Target::Sharded(Sharded { table, written, keyspace: of, choice, used }))
}

fn unsharded(keyspace: Keyspace, table: Arc<str>, mut statement: Statement) -> Dml {
    expression::drop_keyspaces(&mut statement);
    Dml {
        routing: Routing {
            opcode: Opcode::Unsharded,
            keyspace,
            vindex: None,
            values: Vec::new(),
            destination: None,
        },
        table,
        query: Arc::new(statement),
        owned_vindex_query: None,
        ksid_vindex: None,
        ksid_length: 0,
        multi_shard_autocommit: false,
        query_timeout_ms: 0,
    }
}

fn check_tablet_type(context: &Context<'_>, verb: &str) -> Result<(), PlanError> {
    if context.tablet_type == "primary" {
        return Ok(());
    }
    let text = format!("VT09002: {verb} statement with a replica target");
    Err(PlanError::new(Code::FailedPrecondition, text))
}

impl Sharded {
    /// The filter as the routed statement has it.
    fn conjuncts(&self, filter: Option<&Expr>) -> Vec<Expr> {
        routing::routed_conjuncts(&expression::conjuncts(filter), &self.choice, false)
    }

    fn dml(&self, query: Statement) -> Dml {
        Dml {
            routing: self.choice.routing(&self.keyspace),
            table: self.table.name.as_str().into(),
            query: Arc::new(query),
            owned_vindex_query: None,
            ksid_vindex: None,
            ksid_length: 0,
            multi_shard_autocommit: false,
            query_timeout_ms: 0,
        }
    }

    /// Adds the query that reads the rows to be changed.
    fn read_owned(
        &self,
        dml: &mut Dml,
        filter: Option<Expr>,
        comparisons: Vec<Expr>,
        (order_by, limit): (Vec<sim::sql::ast::OrderBy>, Option<sim::sql::ast::Limit>),
    ) {
        let primary = &self.table.column_vindexes[0];
        let names = self.table.owned.iter().flat_map(|vindex| &vindex.columns);
        let columns = primary.columns.iter().chain(names).map(|name| column(name));
        let items = columns.chain(comparisons);
        let mut written = self.written.clone();
        written.name.qualifier = None;
        let select = Select {
            with: None,
            comments: Default::default(),
            distinct: false,
            flags: Vec::new(),
            items: items.map(|expr| SelectItem::Expr { expr, alias: None }).collect(),
            from: vec![TableExpr::Table(written)],
            filter,
            group_by: Vec::new(),
            rollup: false,
            having: None,
            windows: Vec::new(),
            order_by,
            limit,
            lock: Lock::ForUpdate(Wait::Block),
            into: None,
        };
        let mut query = Statement::Query(Query::Select(Box::new(select)));
        expression::drop_keyspaces(&mut query);
        dml.owned_vindex_query = Some(Arc::new(query));
        dml.ksid_vindex = Some(primary.name.as_str().into());
        dml.ksid_length = primary.columns.len();
    }
}

fn column(name: &str) -> Expr {
    Expr::Column(ColumnName { table: None, name: Ident::new(name) })
}

/// The vindexes whose columns are assigned, each with the comparison of its new values.
fn changed_vindexes(
    update: &Update,
    table: &Table,
) -> Result<Vec<(Arc<ColumnVindex>, Expr)>, PlanError> {
    let mut changed = Vec::new();
    for (at, vindex) in table.column_vindexes.iter().enumerate() {
        let assigned: Vec<&UpdateItem> =
            vindex.columns.iter().filter_map(|name| assignment(update, name)).collect();
        if assigned.is_empty() {
            continue;
        }
        for name in &vindex.columns {
            let times = update.set.iter().filter(|item| item.column.name.is(name)).count();
            if 1 < times {
                let text = format!("VT03015: column has duplicate set values: '{name}'");
                return Err(PlanError::new(Code::InvalidArgument, text));
            }
        }
        for item in &assigned {
            if !is_value(&item.value) {
                return Err(PlanError::unsupported(format!(
                    "only values are supported; invalid update on column: `{}` with expr: [{}]",
                    item.column.name.as_str(),
                    item.value
                )));
            }
        }
        if at == 0 {
            return Err(PlanError::unsupported(format!(
                "you cannot UPDATE primary vindex columns; invalid update on vindex: {}",
                vindex.name
            )));
        }
        if !vindex.vindex.properties().is_lookup() {
            return Err(PlanError::unsupported(format!(
                "you can only UPDATE lookup vindexes; invalid update on vindex: {}",
                vindex.name
            )));
        }
        let comparisons = assigned.iter().map(|item| Expr::Compare {
            op: CompareOp::Equal,
            left: Box::new(Expr::Column(item.column.clone())),
            right: Box::new(item.value.clone()),
            escape: None,
        });
        if let Some(comparison) = expression::conjunction(comparisons.collect()) {
            changed.push((Arc::clone(vindex), comparison));
        }
    }
    Ok(changed)
}

fn assignment<'a>(update: &'a Update, name: &str) -> Option<&'a UpdateItem> {
    update.set.iter().find(|item| item.column.name.is(name))
}

fn changed_vindex(update: &Update, vindex: &ColumnVindex, offset: usize) -> ChangedVindex {
    let value = |name: &String| assignment(update, name).map(|item| item.value.clone());
    ChangedVindex {
        vindex: vindex.name.as_str().into(),
        offset,
        values: vindex.columns.iter().map(value).collect(),
    }
}
