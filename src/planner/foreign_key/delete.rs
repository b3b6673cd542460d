//! What a DELETE does to children's rows.
//!
//! See `operators/delete.go`, `createFkCascadeOpForDelete`. It knows nothing of other statements.

use sim::sql::ast::{Delete, Expr, Query, TableName as WrittenName, Update, UpdateItem};

use super::super::operator::update::Target;
use super::super::select::Planned;
use super::super::{Context, PlanError, change, expression, select};
use super::primitive::{Cascade, Child, Keyed};
use super::update::{inside, merged};
use super::{Keys, Verify, Way, cross_shard, piece, set_default};
use crate::vschema::tracked::{ForeignKey, ReferenceAction};

/// The plan of a DELETE with that of its children's rows in front.
pub fn around(
    context: &Context<'_>,
    way: &mut Way<'_>,
    written: &Delete,
    target: &Target,
    keys: &Keys,
    plan: Planned,
) -> Result<Planned, PlanError> {
    let own = &target.name.name;
    if let Some(key) = keys.restricting.first() {
        return Err(cross_shard(own.as_str(), &key.child.to_string()));
    }
    let qualifier = WrittenName { qualifier: None, name: own.clone() };
    let mut items: Vec<Expr> = Vec::new();
    let mut children = Vec::new();
    let (parent, mut used) = plan;
    for key in &keys.cascading {
        let columns = key.parent_columns.iter();
        let columns = columns.map(|name| piece::column(Some(&qualifier), name));
        let columns = columns.map(|column| piece::add(&mut items, column)).collect();
        let list = piece::list_name(way);
        let (statement, more) = child(context, way, key, &list)?;
        used = merged(used, more);
        let Some(statement) = statement else { continue };
        children.push(Child { list, columns, values: Vec::new(), statement });
    }
    let mut selection = expression::empty_select();
    selection.comments = way.comments.clone();
    selection.items = piece::items(items);
    selection.from = written.tables.clone();
    selection.filter = written.filter.clone();
    selection.lock = piece::for_update(context, &target.table);
    let (selection, more) = select::of_key(&Query::Select(Box::new(selection)), context)?;
    let used = merged(used, more);
    let (Some(selection), Some(parent)) = (selection, parent) else { return Ok((None, used)) };
    let plan = inside(parent, |parent| Keyed::Cascade(Cascade { selection, children, parent }));
    Ok((Some(plan), used))
}

/// What becomes of the children's rows of one key.
fn child(
    context: &Context<'_>,
    way: &mut Way<'_>,
    key: &ForeignKey,
    list: &str,
) -> Result<Planned, PlanError> {
    let filter = Some(piece::in_list(&key.child_columns, list));
    let comments = piece::checked(way);
    let tables = vec![piece::table(&key.child)];
    let mut way = way.along(key, Verify::Needed, None)?;
    match key.on_delete {
        ReferenceAction::Cascade => {
            let delete = Delete {
                with: None,
                comments,
                ignore: false,
                targets: Vec::new(),
                tables,
                filter,
                order_by: Vec::new(),
                limit: None,
            };
            change::delete_on(&delete, context, &mut way)
        }
        ReferenceAction::SetNull => {
            let set = nulls(key);
            let update = Update { set, ..super::update::empty(comments, tables, filter) };
            change::update_on(&update, context, &mut way)
        }
        _ => Err(set_default()),
    }
}

/// `a = null, b = null`
pub fn nulls(key: &ForeignKey) -> Vec<UpdateItem> {
    let columns = key.child_columns.iter();
    let item = |name: &String| UpdateItem {
        column: sim::sql::ast::ColumnName { table: None, name: sim::sql::ast::Ident::new(name) },
        value: piece::null(),
    };
    columns.map(item).collect()
}
