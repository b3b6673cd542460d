//! Which statements are of one row, and what their names mean.

use std::sync::Arc;

use super::{Accepts, Action, Assigned, Given, Point, Source, Target};
use crate::eval::{Env, NoColumns, Program};
use crate::mysql::engine::Engine;
use crate::mysql::metadata::TablePath;
use crate::mysql::schema;
use crate::mysql::statement::hint::set_by;
use crate::mysql::statement::plan::table_column;
use crate::mysql::statement::scope::{InScope, TableScope};
use crate::mysql::statement::tables::Opened;
use crate::sql::ast::{
    BinaryOp, CompareOp, Expr, Insert, InsertSource, Lock, Query, Select, SelectItem, Statement,
    Table, TableExpr, TableName, Update, Wait,
};
use crate::value::Value;

pub fn plan(
    engine: &mut Engine,
    database: Option<&Arc<str>>,
    statement: &Statement,
) -> Option<Point> {
    if set_by(statement).is_some() {
        return None;
    }
    let (path, table, values, action) = match statement {
        Statement::Query(Query::Select(select)) => plan_select(engine, database, select),
        Statement::Insert(insert) => plan_insert(engine, database, insert),
        Statement::Update(update) => plan_update(engine, database, update),
        _ => None,
    }?;
    let metadata = engine.metadata.id_of(&path);
    let Opened { id, schema } = table.opened;
    Some(Point { table: Target { id, metadata, schema, values }, action })
}

/// The table, where the values come from, and what is to be done.
type Planned = (TablePath, InScope, Vec<Given>, Action);

fn plan_select(engine: &Engine, database: Option<&Arc<str>>, select: &Select) -> Option<Planned> {
    let plain = select.with.is_none()
        && !select.distinct
        && select.flags.is_empty()
        && select.group_by.is_empty()
        && !select.rollup
        && select.having.is_none()
        && select.windows.is_empty()
        && select.order_by.is_empty()
        && select.limit.is_none()
        && select.into.is_none();
    let [TableExpr::Table(named)] = &select.from[..] else { return None };
    let for_update = match select.lock {
        Lock::None => false,
        Lock::ForUpdate(Wait::Block) => true,
        _ => return None,
    };
    let (path, table) = open(engine, database, named).filter(|_| plain)?;
    let values = key_of(&table, select.filter.as_ref()?)?;
    let scope = TableScope::new(std::slice::from_ref(&table), "field list");
    let mut columns = Vec::new();
    let mut items = Vec::new();
    for item in &select.items {
        match item {
            SelectItem::Star(None) => {
                for (at, column) in table.opened.schema.columns.iter().enumerate() {
                    if !column.invisible {
                        columns.push(table_column(&table, at, None));
                        items.push(at);
                    }
                }
            }
            SelectItem::Expr { expr: Expr::Column(column), alias } => {
                let (_, at) = scope.find(column).ok()?;
                let name = alias.as_ref().map_or(column.name.as_str(), |alias| alias.as_str());
                columns.push(table_column(&table, at, Some(name)));
                items.push(at);
            }
            _ => return None,
        }
    }
    let all = items.iter().copied().eq(0..table.opened.schema.columns.len());
    let items = (!all).then_some(items);
    let action = Action::Select { columns: columns.into(), items, for_update };
    Some((path, table, values, action))
}

fn plan_update(engine: &Engine, database: Option<&Arc<str>>, update: &Update) -> Option<Planned> {
    let [TableExpr::Table(named)] = &update.tables[..] else { return None };
    let plain = update.with.is_none()
        && !update.ignore
        && update.order_by.is_empty()
        && update.limit.is_none();
    let (path, table) = open(engine, database, named).filter(|_| plain)?;
    let schema = table.opened.schema.clone();
    if !schema.constraints.is_empty() || schema.columns.iter().any(|c| c.on_update.is_some()) {
        return None;
    }
    let values = key_of(&table, update.filter.as_ref()?)?;
    let scope = TableScope::new(std::slice::from_ref(&table), "field list");
    let mut set = Vec::new();
    for item in &update.set {
        let (_, at) = scope.find(&item.column).ok()?;
        let indexed =
            (0..schema.indexes.len()).any(|index| schema.columns_of(index).any(|c| c == at));
        if indexed || schema.columns[at].generated.is_some() || !is_plain(&item.value) {
            return None;
        }
        let program = Program::compile(&item.value, &scope).ok()?;
        set.push(Assigned { column: at, program, accepts: accepts(&schema.columns[at]) });
    }
    Some((path, table, values, Action::Update { set }))
}

fn plan_insert(engine: &Engine, database: Option<&Arc<str>>, insert: &Insert) -> Option<Planned> {
    let plain = !insert.replace
        && !insert.ignore
        && insert.partitions.is_empty()
        && insert.alias.is_none()
        && insert.row_alias.is_none()
        && insert.on_duplicate.is_empty();
    let InsertSource::Values(rows) = &insert.source else { return None };
    let [row] = &rows[..] else { return None };
    let (path, table) = open_name(engine, database, &insert.table).filter(|_| plain)?;
    let schema = table.opened.schema.clone();
    let special = |column: &schema::Column| column.auto_increment || column.generated.is_some();
    if schema.has_hidden_row_id()
        || !schema.constraints.is_empty()
        || schema.columns.iter().any(special)
    {
        return None;
    }
    let targets: Vec<usize> = match &insert.columns {
        Some(names) => {
            names.iter().map(|name| schema.column(name.as_str())).collect::<Option<_>>()?
        }
        None => (0..schema.columns.len()).filter(|at| !schema.columns[*at].invisible).collect(),
    };
    if targets.len() != row.len() {
        return None;
    }
    let mut values = Vec::new();
    for (at, column) in schema.columns.iter().enumerate() {
        let mut places = targets.iter().zip(row).filter(|(target, _)| **target == at);
        let source = match (places.next(), places.next()) {
            (Some((_, expr)), None) => source(expr)?,
            (None, None) if column.default.is_none() && !column.not_null => {
                Source::Value(Value::Null)
            }
            _ => return None,
        };
        let stored = || Accepts::Stored(column.ty.clone(), column.name.clone());
        let accepts = accepts(column).unwrap_or_else(stored);
        values.push(Given { source, column: at, accepts });
    }
    Some((path, table, values, Action::Insert))
}

fn open(
    engine: &Engine,
    database: Option<&Arc<str>>,
    table: &Table,
) -> Option<(TablePath, InScope)> {
    if !table.hints.is_empty() || !table.partitions.is_empty() {
        return None;
    }
    let (path, mut opened) = open_name(engine, database, &table.name)?;
    if let Some(alias) = &table.alias {
        opened.alias = alias.0.clone();
    }
    Some((path, opened))
}

fn open_name(
    engine: &Engine,
    database: Option<&Arc<str>>,
    name: &TableName,
) -> Option<(TablePath, InScope)> {
    let database = name.qualifier.as_ref().map(|own| &own.0).or(database)?;
    let id = *engine.databases.get(database)?.tables.get(&name.name.0)?;
    let opened = Opened { id, schema: engine.table(id).schema.clone() };
    let alias = name.name.0.clone();
    let table = InScope { alias, opened, hints: Vec::new(), offset: 0, rows: None, lock: None };
    Some(((database.clone(), name.name.0.clone()), table))
}

/// The clustered key's parts, where the filter is an equality for each and nothing else.
fn key_of(table: &InScope, filter: &Expr) -> Option<Vec<Given>> {
    let schema = &table.opened.schema;
    let terms = match filter {
        Expr::And(terms) => &terms[..],
        term => std::slice::from_ref(term),
    };
    let parts = &schema.clustered().parts;
    if terms.len() != parts.len() || schema.has_hidden_row_id() {
        return None;
    }
    let scope = TableScope::new(std::slice::from_ref(table), "where clause");
    let mut found: Vec<(usize, &Expr)> = Vec::new();
    for term in terms {
        let Expr::Compare { op: CompareOp::Equal, left, right, .. } = term else { return None };
        let Expr::Column(name) = &**left else { return None };
        found.push((scope.find(name).ok()?.1, right));
    }
    let given = |part: &schema::Part| {
        let (column, expr) = *found.iter().find(|(column, _)| *column == part.column)?;
        let definition = &schema.columns[column];
        let accepts = accepts(definition).filter(|_| part.length.is_none())?;
        Some(Given { source: source(expr)?, column, accepts })
    };
    parts.iter().map(given).collect()
}

fn source(expr: &Expr) -> Option<Source> {
    match expr {
        Expr::Argument { name, .. } => Some(Source::Bind(name.0.clone())),
        Expr::Literal(_) => {
            let mut env = Env::new(jiff::civil::DateTime::ZERO);
            let value = Program::compile(expr, &NoColumns).ok()?.run(&[], &mut env).ok()?;
            Some(Source::Value(value))
        }
        _ => None,
    }
}

/// What an integer, VARCHAR or VARBINARY column takes as it is; none for other types.
fn accepts(column: &schema::Column) -> Option<Accepts> {
    let ty = &column.ty;
    let length = ty.length.unwrap_or(0) as usize;
    let bits = match &*ty.name {
        "tinyint" => 8,
        "smallint" => 16,
        "mediumint" => 24,
        "int" => 32,
        "bigint" => 64,
        "varchar" => return Some(Accepts::Text(length)),
        "varbinary" => return Some(Accepts::Bytes(length)),
        _ => return None,
    };
    let high = u64::MAX >> (64 - bits);
    Some(match ty.unsigned {
        true => Accepts::Unsigned(high),
        false => Accepts::Signed(-((high >> 1) as i64) - 1, (high >> 1) as i64),
    })
}

/// Needs the row and the binds, and nothing else of the statement around it.
fn is_plain(expr: &Expr) -> bool {
    match expr {
        Expr::Literal(_) | Expr::Argument { .. } | Expr::Column(_) => true,
        Expr::Binary {
            op: BinaryOp::Add | BinaryOp::Subtract | BinaryOp::Multiply,
            left,
            right,
        } => is_plain(left) && is_plain(right),
        _ => false,
    }
}
