//! Changes whose rows must be found first, because what follows would find others: with a LIMIT, or
//! out of several tables.
//!
//! ```text
//!   delete from p limit 2  ->  select p.id from p limit 2 for update
//!                              delete from p where p.id in ::dml_vals
//! ```
//!
//! See `operators/dml_with_input.go`. It knows nothing of what follows from the change.

use std::sync::Arc;

use sim::sql::ast::{
    Comments, CompareOp, Delete, Expr, Ident, Limit, OrderBy, Query, TableExpr,
    TableName as WrittenName, Update,
};

use super::super::operator::update::Target;
use super::super::select::Planned;
use super::super::{Context, PlanError, change, expression, select};
use super::primitive::{Keyed, WithInput};
use super::update::{keyed, merged};
use super::{Way, piece};
use crate::key::Code;

/// The rows of a statement.
struct Rows<'a> {
    comments: &'a Comments,
    tables: &'a [TableExpr],
    filter: &'a Option<Expr>,
    order_by: &'a [OrderBy],
    limit: &'a Option<Limit>,
}

pub fn of_update(
    context: &Context<'_>,
    way: &mut Way<'_>,
    written: &Update,
    target: &Target,
) -> Result<Planned, PlanError> {
    let rows = Rows {
        comments: &written.comments,
        tables: &written.tables,
        filter: &written.filter,
        order_by: &written.order_by,
        limit: &written.limit,
    };
    let found = Found::of(context, way, &rows, target)?;
    let update = Update {
        tables: vec![found.table.clone()],
        filter: Some(found.filter.clone()),
        order_by: Vec::new(),
        limit: None,
        ..written.clone()
    };
    let mut on = way.on(super::Verify::Needed, None);
    on.comments = written.comments.clone();
    found.then(change::update_on(&update, context, &mut on)?)
}

pub fn of_delete(
    context: &Context<'_>,
    way: &mut Way<'_>,
    written: &Delete,
    target: &Target,
) -> Result<Planned, PlanError> {
    let rows = Rows {
        comments: &written.comments,
        tables: &written.tables,
        filter: &written.filter,
        order_by: &written.order_by,
        limit: &written.limit,
    };
    let found = Found::of(context, way, &rows, target)?;
    let delete = Delete {
        targets: Vec::new(),
        tables: vec![found.table.clone()],
        filter: Some(found.filter.clone()),
        order_by: Vec::new(),
        limit: None,
        ..written.clone()
    };
    let mut on = way.on(super::Verify::Needed, None);
    on.comments = written.comments.clone();
    found.then(change::delete_on(&delete, context, &mut on)?)
}

/// The query that finds the rows, and how a change names them.
struct Found {
    input: Planned,
    columns: usize,
    table: TableExpr,
    filter: Expr,
}

impl Found {
    fn of(
        context: &Context<'_>,
        way: &mut Way<'_>,
        rows: &Rows<'_>,
        target: &Target,
    ) -> Result<Found, PlanError> {
        let key = context.vschema.primary_key(&target.table.keyspace, &target.table.name);
        let key = key.filter(|key| !key.is_empty()).ok_or_else(no_key)?;
        let name = WrittenName { qualifier: None, name: target.name.name.clone() };
        let columns: Vec<Expr> = key.iter().map(|it| piece::column(Some(&name), it)).collect();
        let mut query = expression::empty_select();
        query.comments = rows.comments.clone();
        query.items = piece::items(columns.clone());
        query.from = rows.tables.to_vec();
        query.filter = rows.filter.clone();
        query.order_by = rows.order_by.to_vec();
        query.limit = rows.limit.clone();
        query.lock = piece::for_update(context, &target.table);
        let input = select::apart(&Query::Select(Box::new(query)), context)?;
        let list: Arc<str> = way.names.reserve("dml_vals").into();
        let count = columns.len();
        let left = match count {
            1 => columns.into_iter().next().unwrap_or(Expr::Tuple(Vec::new())),
            _ => Expr::Tuple(columns),
        };
        let filter = piece::compare(CompareOp::In, left, Expr::ListArgument(Ident(list)));
        let own = WrittenName {
            qualifier: Some(Ident::new(&target.table.keyspace)),
            name: Ident::new(&target.table.name),
        };
        let alias = Some(name.name.as_str()).filter(|alias| *alias != target.table.name);
        let table = piece::aliased(own, alias);
        Ok(Found { input, columns: count, table, filter })
    }

    fn then(self, change: Planned) -> Result<Planned, PlanError> {
        let ((input, used), (change, more)) = (self.input, change);
        let (Some(input), Some(change)) = (input, change) else {
            return Err(PlanError::bug("a change without a plan"));
        };
        let with = WithInput { input, changes: vec![((0..self.columns).collect(), change)] };
        Ok((Some(keyed(Keyed::WithInput(with))), merged(used, more)))
    }
}

fn no_key() -> PlanError {
    let text = "VT09015: schema tracking required";
    PlanError::new(Code::FailedPrecondition, text)
}
