//! What a client's statement says, as far as the judge reads it.
//!
//! Only forms that need no evaluation: an INSERT of literals, an UPDATE or DELETE of one table, a
//! SELECT of one table's columns; of a WHERE clause only `column = literal` and `column in
//! (literals)`. Everything else is `Other`, of which nothing is claimed.
//!
//! It knows nothing of plans, and evaluates nothing.

use std::collections::BTreeSet;
use std::rc::Rc;
use std::sync::Arc;

use sim::mysql::schema::{Column, Table};
use sim::sql::ast::{
    self, CompareOp, Expr, Ident, InsertSource, Literal, Query, SelectItem, Statement, TableExpr,
    TableName,
};
use sim::sql::walk::children;
use sim::value::Value;

/// A statement's form.
#[derive(Clone, Debug, PartialEq)]
pub enum Form {
    Begin,
    Commit,
    Rollback,
    Savepoint,
    RollbackTo,
    /// What follows the word.
    Use(Rc<str>),
    Set,
    Write(Write),
    Select(Select),
    Other,
}

/// A change of one table.
#[derive(Clone, Debug, PartialEq)]
pub struct Write {
    pub kind: Kind,
    pub keyspace: Option<Rc<str>>,
    pub table: Rc<str>,
    /// The columns that it sets.
    pub columns: Vec<Rc<str>>,
    /// What an UPDATE sets each to.
    pub set: Vec<Given>,
    /// An INSERT's rows, none where they are not literals or there is no column list.
    pub rows: Option<Vec<Vec<Given>>>,
    /// What an UPDATE or DELETE finds its rows by.
    pub filter: Option<Filter>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Insert,
    /// IGNORE, ON DUPLICATE KEY UPDATE or REPLACE: which rows come, the statement doesn't say.
    LooseInsert,
    Update,
    Delete,
}

/// A query of one table without grouping, limit or a lock.
#[derive(Clone, Debug, PartialEq)]
pub struct Select {
    pub keyspace: Option<Rc<str>>,
    pub table: Rc<str>,
    /// None for `*`.
    pub columns: Option<Vec<Rc<str>>>,
    pub filter: Filter,
}

/// A query whose rows are one table's, whatever it finds them by.
#[derive(Clone, Debug, PartialEq)]
pub struct Listed {
    pub keyspace: Option<Rc<str>>,
    pub table: Rc<str>,
    /// None for `*`.
    pub columns: Option<Vec<Rc<str>>>,
    /// What it is sorted by first, and whether downwards.
    pub order: Option<(Rc<str>, bool)>,
    pub for_update: bool,
}

/// A query whose rows depend on one table alone, in no order.
#[derive(Clone, Debug, PartialEq)]
pub struct ReadOf {
    pub keyspace: Option<Rc<str>>,
    pub table: Rc<str>,
    /// With LIMIT the columns that it is sorted by: they must tell all rows apart.
    pub limited_by: Option<Vec<Rc<str>>>,
}

/// `column = literal`, `column in (literals)`.
#[derive(Clone, Debug, PartialEq)]
pub struct Filter {
    pub column: Rc<str>,
    pub values: Vec<Given>,
}

/// A literal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Given {
    Null,
    Number(i128),
    Text(Arc<str>),
    /// Something that would have to be evaluated.
    Computed,
}

/// A value as a column compares it.
pub type Sorted = Vec<u8>;

impl Form {
    pub fn of(sql: &str) -> Form {
        let Ok(statement) = sim::sql::parse(sql) else { return Form::Other };
        match statement {
            Statement::Begin(_) => Form::Begin,
            Statement::Commit => Form::Commit,
            Statement::Rollback => Form::Rollback,
            Statement::Savepoint(_) | Statement::Release(_) => Form::Savepoint,
            Statement::RollbackTo(_) => Form::RollbackTo,
            Statement::Use(target) => Form::Use(target.map_or("".into(), |name| text(&name))),
            Statement::Set(_) => Form::Set,
            Statement::Insert(insert) => write_of_insert(insert).map_or(Form::Other, Form::Write),
            Statement::Update(update) => write_of_update(update).map_or(Form::Other, Form::Write),
            Statement::Delete(delete) => write_of_delete(delete).map_or(Form::Other, Form::Write),
            Statement::Query(Query::Select(select)) => {
                select_of(&select).map_or(Form::Other, Form::Select)
            }
            _ => Form::Other,
        }
    }

    pub fn write(&self) -> Option<&Write> {
        match self {
            Form::Write(write) => Some(write),
            _ => None,
        }
    }
}

impl Write {
    /// The primary keys of the rows that it can change; none where it doesn't say.
    pub fn keys(&self, table: &Table) -> Option<BTreeSet<Vec<Sorted>>> {
        let key = primary_key(table)?;
        match self.kind {
            Kind::Insert => {
                let at = |column: &&Column| self.columns.iter().position(|c| names(c, column));
                let places: Option<Vec<usize>> = key.iter().map(at).collect();
                let places = places?;
                let of_row = |row: &Vec<Given>| {
                    let each = key.iter().zip(&places);
                    let value = |(column, place): (&&Column, &usize)| {
                        // A sequence may give a number instead.
                        let given = row.get(*place).filter(|given| **given != Given::Number(0))?;
                        given.sorted(column)
                    };
                    each.map(value).collect()
                };
                self.rows.as_ref()?.iter().map(of_row).collect()
            }
            Kind::LooseInsert => None,
            Kind::Update | Kind::Delete => {
                let (Some(filter), [column]) = (&self.filter, key.as_slice()) else { return None };
                // An UPDATE that moves its row to another key is of two.
                if !names(&filter.column, column) || self.columns.iter().any(|c| names(c, column)) {
                    return None;
                }
                filter.sorted(column).map(|values| values.into_iter().map(|v| vec![v]).collect())
            }
        }
    }
}

impl Filter {
    /// Its values as the column compares them; none where they are not of the column's kind.
    pub fn sorted(&self, column: &Column) -> Option<BTreeSet<Sorted>> {
        let known = self.values.iter().filter(|value| **value != Given::Null);
        known.map(|value| value.sorted(column)).collect()
    }
}

impl Given {
    /// The value, none for NULL and for what is computed.
    pub fn value(&self) -> Option<Value> {
        match self {
            Given::Number(number) => match i64::try_from(*number) {
                Ok(number) => Some(Value::Int(number)),
                Err(_) => u64::try_from(*number).ok().map(Value::Uint),
            },
            Given::Text(text) => Some(Value::text(text)),
            Given::Null | Given::Computed => None,
        }
    }

    pub fn sorted(&self, column: &Column) -> Option<Sorted> {
        match self {
            Given::Number(number) if is_integer(column) => Some(number.to_string().into_bytes()),
            Given::Text(text) if is_text(column) => {
                Some(column.collation.sort_key(text.as_bytes()))
            }
            _ => None,
        }
    }
}

/// A stored value as its column compares it; none for NULL and for kinds that are not read.
pub fn sorted(column: &Column, value: &Value) -> Option<Sorted> {
    match value {
        Value::Int(_) | Value::Uint(_) if is_integer(column) => {
            value.to_wire().map(|digits| digits.into_owned())
        }
        Value::Text(_) | Value::Bytes(_) if is_text(column) => {
            value.to_wire().map(|bytes| column.collation.sort_key(&bytes))
        }
        _ => None,
    }
}

/// A row's primary key.
pub fn key_of(table: &Table, row: &[Value]) -> Option<Vec<Sorted>> {
    let parts = table.indexes.first().filter(|_| table.has_primary_key())?.parts.iter();
    parts.map(|part| sorted(table.columns.get(part.column)?, row.get(part.column)?)).collect()
}

fn primary_key(table: &Table) -> Option<Vec<&Column>> {
    let parts = table.indexes.first().filter(|_| table.has_primary_key())?.parts.iter();
    parts.map(|part| table.columns.get(part.column)).collect()
}

fn names(name: &str, column: &Column) -> bool {
    name.eq_ignore_ascii_case(&column.name)
}

pub fn is_integer(column: &Column) -> bool {
    let integers = ["tinyint", "smallint", "mediumint", "int", "bigint"];
    integers.contains(&&*column.ty.name)
}

pub fn is_text(column: &Column) -> bool {
    ["varchar", "varbinary"].contains(&&*column.ty.name)
}

fn text(name: &Ident) -> Rc<str> {
    name.as_str().into()
}

fn keyspace(table: &TableName) -> Option<Rc<str>> {
    table.qualifier.as_ref().map(text)
}

pub fn write_of_insert(insert: ast::Insert) -> Option<Write> {
    let loose = insert.ignore || insert.replace || !insert.on_duplicate.is_empty();
    let rows = match (&insert.source, &insert.columns) {
        (InsertSource::Values(rows), Some(_)) => {
            Some(rows.iter().map(|row| row.iter().map(given).collect()).collect())
        }
        _ => None,
    };
    Some(Write {
        kind: if loose { Kind::LooseInsert } else { Kind::Insert },
        keyspace: keyspace(&insert.table),
        table: text(&insert.table.name),
        columns: insert.columns.iter().flatten().map(text).collect(),
        set: Vec::new(),
        rows,
        filter: None,
    })
}

fn write_of_update(update: ast::Update) -> Option<Write> {
    let table = only_table(&update.tables)?;
    let simple = !update.ignore && update.limit.is_none() && update.with.is_none();
    Some(Write {
        kind: Kind::Update,
        keyspace: keyspace(table),
        table: text(&table.name),
        columns: update.set.iter().map(|item| text(&item.column.name)).collect(),
        set: update.set.iter().map(|item| given(&item.value)).collect(),
        rows: None,
        filter: update.filter.as_ref().filter(|_| simple).and_then(filter),
    })
}

fn write_of_delete(delete: ast::Delete) -> Option<Write> {
    let table = only_table(&delete.tables).filter(|_| delete.targets.is_empty())?;
    let simple = !delete.ignore && delete.limit.is_none() && delete.with.is_none();
    Some(Write {
        kind: Kind::Delete,
        keyspace: keyspace(table),
        table: text(&table.name),
        columns: Vec::new(),
        set: Vec::new(),
        rows: None,
        filter: delete.filter.as_ref().filter(|_| simple).and_then(filter),
    })
}

fn select_of(select: &ast::Select) -> Option<Select> {
    let ast::Select { with, distinct, flags, group_by, having, windows, limit, into, .. } = select;
    let plain = with.is_none()
        && !distinct
        && flags.is_empty()
        && group_by.is_empty()
        && having.is_none()
        && windows.is_empty()
        && limit.is_none()
        && into.is_none()
        && select.lock == ast::Lock::None;
    let table = only_table(&select.from).filter(|_| plain)?;
    Some(Select {
        keyspace: keyspace(table),
        table: text(&table.name),
        columns: columns_of(&select.items)?,
        filter: filter(select.filter.as_ref()?)?,
    })
}

/// The columns that are shown, none for `*`; nothing where something else is.
fn columns_of(items: &[SelectItem]) -> Option<Option<Vec<Rc<str>>>> {
    let column = |item: &SelectItem| match item {
        SelectItem::Expr { expr: Expr::Column(column), .. } => Some(text(&column.name)),
        _ => None,
    };
    Some(match items {
        [SelectItem::Star(_)] => None,
        items => Some(items.iter().map(column).collect::<Option<Vec<_>>>()?),
    })
}

/// A query of one table's rows that asks for their order, or locks them; others are none.
pub fn listed_of(sql: &str) -> Option<Listed> {
    let words = sql.to_ascii_lowercase();
    if !words.contains("order by") && !words.contains("for update") {
        return None;
    }
    let Ok(Statement::Query(Query::Select(select))) = sim::sql::parse(sql) else { return None };
    let is_plain = select.with.is_none()
        && select.group_by.is_empty()
        && select.windows.is_empty()
        && select.into.is_none();
    let table = only_table(&select.from).filter(|_| is_plain)?;
    let has_alias = |item: &SelectItem| matches!(item, SelectItem::Expr { alias: Some(_), .. });
    let order = match select.order_by.first().map(|first| (&first.expr, first.descending)) {
        Some((Expr::Column(column), down)) if !select.items.iter().any(has_alias) => {
            Some((text(&column.name), down))
        }
        _ => None,
    };
    let for_update = matches!(select.lock, ast::Lock::ForUpdate(_));
    (order.is_some() || for_update).then_some(Listed {
        keyspace: keyspace(table),
        table: text(&table.name),
        columns: columns_of(&select.items)?,
        order,
        for_update,
    })
}

/// A query whose rows depend on one table alone, in no order: nothing is called but aggregates.
pub fn read_of(sql: &str) -> Option<ReadOf> {
    let Ok(Statement::Query(Query::Select(select))) = sim::sql::parse(sql) else { return None };
    let is_plain = select.with.is_none() && select.into.is_none();
    let table = only_table(&select.from).filter(|_| is_plain)?;
    let is_plain_item = |item: &SelectItem| match item {
        SelectItem::Star(_) => true,
        SelectItem::Expr { expr, .. } => is_plain_expr(expr),
        SelectItem::Next(_) => false,
    };
    let all_plain = select.items.iter().all(is_plain_item)
        && select.filter.iter().chain(&select.having).all(is_plain_expr)
        && select.group_by.iter().all(is_plain_expr);
    let sorted_by = |item: &ast::OrderBy| match &item.expr {
        Expr::Column(column) => Some(text(&column.name)),
        _ => None,
    };
    let limited_by = match &select.limit {
        None => None,
        Some(_) => Some(select.order_by.iter().map(sorted_by).collect::<Option<Vec<_>>>()?),
    };
    let (keyspace, table) = (keyspace(table), text(&table.name));
    all_plain.then_some(ReadOf { keyspace, table, limited_by })
}

fn is_plain_expr(expr: &Expr) -> bool {
    let is_plain = matches!(
        expr,
        Expr::Literal(_)
            | Expr::Column(_)
            | Expr::And(_)
            | Expr::Or(_)
            | Expr::Not(_)
            | Expr::Compare { .. }
            | Expr::Is { .. }
            | Expr::Between { .. }
            | Expr::Binary { .. }
            | Expr::Tuple(_)
            | Expr::Aggregate(_)
    );
    is_plain && children(expr).into_iter().all(is_plain_expr)
}

fn only_table(tables: &[TableExpr]) -> Option<&TableName> {
    match tables {
        [TableExpr::Table(table)] if table.partitions.is_empty() && table.hints.is_empty() => {
            Some(&table.name)
        }
        _ => None,
    }
}

fn filter(expr: &Expr) -> Option<Filter> {
    let Expr::Compare { op, left, right, escape: None } = expr else { return None };
    let Expr::Column(column) = &**left else { return None };
    let values: Vec<Given> = match (op, &**right) {
        (CompareOp::Equal, right) => vec![given(right)],
        (CompareOp::In, Expr::Tuple(values)) => values.iter().map(given).collect(),
        _ => return None,
    };
    let known = !values.contains(&Given::Computed);
    known.then(|| Filter { column: text(&column.name), values })
}

pub fn given(expr: &Expr) -> Given {
    let Expr::Literal(literal) = expr else { return Given::Computed };
    match literal {
        Literal::Null => Given::Null,
        Literal::Integer(digits) => digits.parse().map_or(Given::Computed, Given::Number),
        Literal::String(text) => Given::Text(Arc::clone(text)),
        _ => Given::Computed,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn simple_forms_are_read() {
        let write = |sql: &str| match Form::of(sql) {
            Form::Write(write) => write,
            other => panic!("{sql}: {other:?}"),
        };
        let insert =
            write("insert into customer.corder (order_id, sku) values (5, 'x'), (6, null)");
        let five = [Given::Number(5), Given::Text("x".into())];
        assert_eq!(insert.rows, Some(vec![five.to_vec(), vec![Given::Number(6), Given::Null]]));
        assert_eq!(insert.keyspace.as_deref(), Some("customer"));
        assert_eq!(write("insert into t values (5)").rows, None);
        assert_eq!(write("insert ignore into t (a) values (5)").kind, Kind::LooseInsert);
        assert_eq!(write("insert into t (a) values (1 + 1)").rows.unwrap(), [[Given::Computed]]);
        let filter = |values: &[i128]| {
            let values = values.iter().map(|value| Given::Number(*value)).collect();
            Some(Filter { column: "a".into(), values })
        };
        assert_eq!(write("delete from t where a = 5").filter, filter(&[5]));
        assert_eq!(write("update t set b = 1 where a in (5, 6)").filter, filter(&[5, 6]));
        assert_eq!(write("update t set b = 1 where a < 5").filter, None);
        assert_eq!(write("delete from t where a = 5 limit 1").filter, None);
    }

    #[test]
    fn what_must_be_computed_is_not_read() {
        for sql in [
            "select count(*) from t where a = 5",
            "select a from t where a = 5 limit 1",
            "select a from t, u where a = 5",
            "select a from t where a = 5 and b = 6",
            "select a from t where a = 5 for update",
            "select a from t",
            "vexplain plan select 1 from t",
        ] {
            assert_eq!(Form::of(sql), Form::Other, "{sql}");
        }
        assert!(matches!(Form::of("select *from t where a = 'x' order by a"), Form::Select(_)));
    }

    #[test]
    fn a_read_of_one_table_is_known() {
        let read = |sql: &str| read_of(sql).map(|read| (read.keyspace.is_some(), read.table));
        for sql in [
            "select count(*) from t where a = 5 and b in (1, 2)",
            "select a from t where a = 5 for update",
            "select * from t where a between 1 and 3 order by b",
        ] {
            assert_eq!(read(sql), Some((false, "t".into())), "{sql}");
        }
        assert_eq!(read("select a from k.t"), Some((true, "t".into())));
        for sql in [
            "select a from t order by a + 1 limit 1",
            "select a from t, u",
            "select now() from t",
            "select a from t where b in (select c from u)",
            "delete from t",
        ] {
            assert_eq!(read(sql), None, "{sql}");
        }
        let limited = |sql: &str| read_of(sql).and_then(|read| read.limited_by);
        assert_eq!(limited("select a from t"), None);
        assert_eq!(limited("select a from t limit 1"), Some(Vec::new()));
        assert_eq!(limited("select a from t order by a, b limit 1").map(|by| by.len()), Some(2));
    }

    #[test]
    fn an_order_and_a_lock_are_known() {
        let listed = |sql: &str| listed_of(sql).map(|listed| (listed.order, listed.for_update));
        let by = |name: &str, down: bool| Some((name.into(), down));
        assert_eq!(listed("select a from t order by b desc, c"), Some((by("b", true), false)));
        assert_eq!(listed("select * from t where a < 3 for update"), Some((None, true)));
        for sql in [
            "select a from t",
            "select a + 1 as a from t order by a",
            "select a from t, u order by a",
            "select a from t group by a order by a",
            "select a from t lock in share mode",
        ] {
            assert_eq!(listed(sql), None, "{sql}");
        }
    }
}
