//! What an UPDATE does to children's rows.
//!
//! See `operators/update.go`, `buildFkOperator`. It knows nothing of other statements.

use sim::sql::ast::{
    ColumnName, Comments, CompareOp, Expr, Ident, IsTest, Literal, Query, TableExpr,
    TableName as WrittenName, Update, UpdateItem,
};

use super::super::operator::update::Target;
use super::super::primitive::Primitive;
use super::super::select::Planned;
use super::super::utility::Utility;
use super::super::{Context, PlanError, change, expression, select, walk};
use super::delete::nulls;
use super::primitive::{Cascade, Child, Keyed, RowValue};
use super::{Keys, Verify, Way, is_literal, piece, set_default, verify};
use crate::vschema::Table;
use crate::vschema::tracked::{ForeignKey, ReferenceAction};

/// Names of new values that are known only row by row.
const VALUE: &str = "fkc_upd";

/// The plan of an UPDATE with that of its children's rows in front, and what is verified in front
/// of both.
pub fn around(
    context: &Context<'_>,
    way: &mut Way<'_>,
    written: &Update,
    target: &Target,
    keys: &Keys,
    plan: Planned,
) -> Result<Planned, PlanError> {
    check_dependent(written, keys)?;
    let (Some(root), mut used) = plan else { return Ok(plan) };
    let cascade = match keys.cascading.is_empty() {
        true => None,
        false => {
            let (selection, children, more) = cascade(context, way, written, target, keys)?;
            used = merged(used, more);
            Some((selection, children))
        }
    };
    let (queries, more) = verify::queries(context, way, written, target, keys)?;
    used = merged(used, more);
    let root = inside(root, |parent| {
        let statement = match cascade {
            Some((selection, children)) => {
                keyed(Keyed::Cascade(Cascade { selection, children, parent }))
            }
            None => parent,
        };
        match queries.is_empty() {
            true => match statement {
                Primitive::Utility(Utility::Keyed(keyed)) => *keyed,
                other => Keyed::Sequential(vec![other]),
            },
            false => Keyed::Verify(super::primitive::Verify { queries, statement }),
        }
    });
    Ok((Some(root), used))
}

pub fn keyed(keyed: Keyed) -> Primitive {
    Primitive::Utility(Utility::Keyed(Box::new(keyed)))
}

/// Puts a change into something; subqueries that were pulled out of it stay outside.
pub fn inside(root: Primitive, put: impl FnOnce(Primitive) -> Keyed) -> Primitive {
    match root {
        Primitive::UncorrelatedSubquery(mut subquery) => {
            let outer = std::mem::replace(&mut subquery.outer, Primitive::SingleRow);
            subquery.outer = inside(outer, put);
            Primitive::UncorrelatedSubquery(subquery)
        }
        root => keyed(put(root)),
    }
}

/// All tables once, in order.
pub fn merged(mut one: Vec<String>, other: Vec<String>) -> Vec<String> {
    one.extend(other);
    one.sort();
    one.dedup();
    one
}

pub fn empty(comments: Comments, tables: Vec<TableExpr>, filter: Option<Expr>) -> Update {
    Update {
        with: None,
        comments,
        ignore: false,
        tables,
        set: Vec::new(),
        filter,
        order_by: Vec::new(),
        limit: None,
    }
}

/// A key's new value must not read what the same statement changes, beside itself.
fn check_dependent(written: &Update, keys: &Keys) -> Result<(), PlanError> {
    for item in written.set.iter().filter(|item| is_keyed(item, keys)) {
        let mut clash = None;
        let mut look = walk::EachExpr(|expr: &Expr| {
            if let Expr::Column(column) | Expr::Bound(column, _) = expr
                && column.name != item.column.name
                && written.set.iter().any(|other| other.column.name == column.name)
            {
                clash.get_or_insert_with(|| column.clone());
            }
        });
        walk::expr(&item.value, &mut look);
        if let Some(column) = clash {
            return Err(PlanError::unsupported(format!(
                "{column} column referenced in foreign key column {} is itself updated",
                item.column
            )));
        }
    }
    Ok(())
}

fn is_keyed(item: &UpdateItem, keys: &Keys) -> bool {
    let has = |columns: &[String]| columns.iter().any(|column| item.column.name.is(column));
    let children = keys.restricting.iter().chain(&keys.cascading);
    children.into_iter().any(|key| has(&key.parent_columns))
        || keys.parents.iter().any(|key| has(&key.child_columns))
}

/// The assignments to a key's columns of the parent.
pub fn assigned<'a>(written: &'a Update, key: &ForeignKey) -> Vec<&'a UpdateItem> {
    let has = |item: &&UpdateItem| key.parent_columns.iter().any(|name| item.column.name.is(name));
    written.set.iter().filter(has).collect()
}

type Cascaded = (Primitive, Vec<Child>, Vec<String>);

fn cascade(
    context: &Context<'_>,
    way: &mut Way<'_>,
    written: &Update,
    target: &Target,
    keys: &Keys,
) -> Result<Cascaded, PlanError> {
    let qualifier = WrittenName { qualifier: None, name: target.name.name.clone() };
    let mut items: Vec<Expr> = Vec::new();
    let mut children = Vec::new();
    let mut used = Vec::new();
    for key in &keys.cascading {
        let columns = key.parent_columns.iter();
        let columns = columns.map(|name| piece::column(Some(&qualifier), name));
        let columns = columns.map(|column| piece::add(&mut items, column)).collect();
        let set = assigned(written, key);
        let places: Vec<(usize, usize)> = match set.iter().all(|item| is_literal(&item.value)) {
            true => Vec::new(),
            false => set.iter().map(|item| compared(&mut items, &target.table, item)).collect(),
        };
        let list = piece::list_name(way);
        let value = |(comparison, value)| RowValue {
            comparison,
            value,
            argument: way.names.reserve(VALUE).into(),
        };
        let values: Vec<RowValue> = places.into_iter().map(value).collect();
        let (statement, more) = child(context, way, &target.table, key, &list, &set, &values)?;
        used = merged(used, more);
        let Some(statement) = statement else { continue };
        children.push(Child { list, columns, values, statement });
    }
    let mut selection = expression::empty_select();
    selection.comments = way.comments.clone();
    selection.items = piece::items(items);
    selection.from = written.tables.clone();
    selection.filter = written.filter.clone();
    selection.order_by = written.order_by.clone();
    selection.lock = piece::for_update(context, &target.table);
    let (selection, more) = select::of_key(&Query::Select(Box::new(selection)), context)?;
    let Some(selection) = selection else {
        return Err(PlanError::bug("a selection without a plan"));
    };
    Ok((selection, children, merged(used, more)))
}

/// Where the selection compares old and new value, and where it computes the new one.
fn compared(items: &mut Vec<Expr>, table: &Table, item: &UpdateItem) -> (usize, usize) {
    let value = piece::cast(table, &item.column.name, item.value.clone());
    let column = Expr::Column(item.column.clone());
    let comparison = piece::compare(CompareOp::NullSafeEqual, column, value.clone());
    (piece::add(items, comparison), piece::add(items, value))
}

/// What becomes of the children's rows of one key.
fn child(
    context: &Context<'_>,
    way: &mut Way<'_>,
    parent: &Table,
    key: &ForeignKey,
    list: &str,
    set: &[&UpdateItem],
    values: &[RowValue],
) -> Result<Planned, PlanError> {
    let of_list = piece::in_list(&key.child_columns, list);
    let tables = vec![piece::table(&key.child)];
    let new: Vec<Expr> = set
        .iter()
        .enumerate()
        .map(|(at, item)| match values.get(at) {
            Some(value) => argument(&value.argument),
            None => item.value.clone(),
        })
        .collect();
    match key.on_update {
        ReferenceAction::Cascade => {
            let item = |(item, value): (&&UpdateItem, Expr)| {
                let at = key.parent_columns.iter().position(|name| item.column.name.is(name))?;
                let name = Ident::new(key.child_columns.get(at)?);
                Some(UpdateItem { column: ColumnName { table: None, name }, value })
            };
            let set = set.iter().zip(new).filter_map(item).collect();
            let mut comments = Comments::default();
            piece::unchecked(&mut comments);
            let update = Update { set, ..empty(comments, tables, Some(of_list)) };
            let mut way = way.along(key, Verify::All, Some(key.clone()))?;
            change::update_on(&update, context, &mut way)
        }
        ReferenceAction::SetNull => {
            let cast = |(at, value): (usize, Expr)| match values.get(at) {
                Some(_) => value,
                None => piece::cast(parent, &set[at].column.name, value),
            };
            let new = new.into_iter().enumerate().map(cast).collect();
            let others = differing(key, set, new, None);
            let filter = piece::and(std::iter::once(of_list).chain(others));
            let update = Update { set: nulls(key), ..empty(piece::checked(way), tables, filter) };
            let mut way = way.along(key, Verify::Needed, None)?;
            change::update_on(&update, context, &mut way)
        }
        _ => Err(set_default()),
    }
}

/// Whether a value is a literal, as it is or cast.
fn is_known(value: &Expr) -> bool {
    match value {
        Expr::Cast { expr, .. } => is_known(expr),
        value => matches!(value, Expr::Literal(_)),
    }
}

fn argument(name: &str) -> Expr {
    Expr::Argument { name: Ident::new(name), ty: None }
}

/// `:v is null or (a) not in ((:v))`: children that have the new key already stay. None where the
/// new key is NULL, which no child has.
pub fn differing(
    key: &ForeignKey,
    set: &[&UpdateItem],
    new: Vec<Expr>,
    child_name: Option<&str>,
) -> Option<Expr> {
    let mut columns = Vec::new();
    let mut values = Vec::new();
    let mut unsure = Vec::new();
    let qualifier = child_name.map(piece::bare);
    for (item, value) in set.iter().zip(new) {
        if matches!(item.value, Expr::Literal(Literal::Null)) {
            return None;
        }
        let at = key.parent_columns.iter().position(|name| item.column.name.is(name))?;
        columns.push(piece::column(qualifier.as_ref(), key.child_columns.get(at)?));
        if !is_known(&value) {
            unsure.push(value.clone());
        }
        values.push(value);
    }
    let list = Expr::Tuple(vec![Expr::Tuple(values)]);
    let differs = piece::compare(CompareOp::NotIn, Expr::Tuple(columns), list);
    Some(unsure.into_iter().fold(differs, |rest, value| {
        let is_null = Expr::Is { expr: Box::new(value), test: IsTest::Null };
        Expr::Or(vec![is_null, rest])
    }))
}
