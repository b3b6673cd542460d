//! Queries that find a row where an UPDATE would break a foreign key.
//!
//! ```text
//!   new values without a parent    select 1 from c left join p on p.k = new where p.k is null ..
//!   old values that children have  select 1 from p, c where p.k = c.pk ..
//! ```
//!
//! See `operators/update.go`, `createFKVerifyOp`. It knows nothing of what follows.

use sim::sql::ast::{
    CompareOp, Expr, IsTest, Join, JoinKind, Limit, Literal, Query, Select, TableExpr,
    TableName as WrittenName, Update, UpdateItem,
};

use super::super::operator::update::Target;
use super::super::primitive::Primitive;
use super::super::{Context, PlanError, expression, select};
use super::primitive::Whose;
use super::update::{assigned, differing, merged};
use super::{Keys, Way, cross_shard, piece};
use crate::vschema::tracked::ForeignKey;

const CHILD: &str = "child";
const PARENT: &str = "parent";

type Queries = (Vec<(Whose, Primitive)>, Vec<String>);

pub fn queries(
    context: &Context<'_>,
    way: &Way<'_>,
    written: &Update,
    target: &Target,
    keys: &Keys,
) -> Result<Queries, PlanError> {
    let mut queries = Vec::new();
    let mut used = Vec::new();
    let mut plan = |whose, select: Select| -> Result<(), PlanError> {
        let (query, more) = select::of_key(&Query::Select(Box::new(select)), context)?;
        used = merged(std::mem::take(&mut used), more);
        queries.extend(query.map(|query| (whose, query)));
        Ok(())
    };
    let changed = changed_table(written, target);
    for key in &keys.parents {
        plan(Whose::Parent, orphans(context, written, target, &changed, key))?;
    }
    for key in &keys.restricting {
        if !way.verify_all {
            return Err(cross_shard(&key.parent.to_string(), &key.child.to_string()));
        }
        plan(Whose::Child, held(context, written, target, &changed, key))?;
    }
    Ok((queries, used))
}

/// The changed table by its own name.
fn changed_table(written: &Update, target: &Target) -> WrittenName {
    match written.tables.first() {
        Some(TableExpr::Table(table)) if written.tables.len() == 1 => table.name.clone(),
        _ => WrittenName {
            qualifier: Some(sim::sql::ast::Ident::new(&target.table.keyspace)),
            name: sim::sql::ast::Ident::new(&target.table.name),
        },
    }
}

fn joined(left: TableExpr, kind: JoinKind, right: TableExpr, on: Option<Expr>) -> TableExpr {
    TableExpr::Join(Box::new(Join { kind, left, right, on, using: Vec::new() }))
}

fn one_row(from: TableExpr, filter: Option<Expr>, lock: sim::sql::ast::Lock) -> Select {
    let one = || Expr::Literal(Literal::Integer("1".into()));
    let mut select = expression::empty_select();
    select.items = piece::items(vec![one()]);
    select.from = vec![from];
    select.filter = filter;
    select.limit = Some(Limit { count: one(), offset: None });
    select.lock = lock;
    select
}

fn test(expr: Expr, test: IsTest) -> Expr {
    Expr::Is { expr: Box::new(expr), test }
}

/// Rows whose new key has no parent.
fn orphans(
    context: &Context<'_>,
    written: &Update,
    target: &Target,
    changed: &WrittenName,
    key: &ForeignKey,
) -> Select {
    let (child, parent) = (piece::bare(CHILD), piece::bare(PARENT));
    let mut on = Vec::new();
    let mut filter: Vec<Expr> = Vec::new();
    let (mut old, mut new) = (Vec::new(), Vec::new());
    for (own, of_parent) in key.child_columns.iter().zip(&key.parent_columns) {
        let of_parent = piece::column(Some(&parent), of_parent);
        let is_assigned = |item: &&UpdateItem| item.column.name.is(own);
        let mut tests = vec![test(of_parent.clone(), IsTest::Null)];
        let value = match written.set.iter().find(is_assigned) {
            Some(item) => {
                let value = piece::prefixed(item.value.clone(), CHILD);
                let value = piece::cast(&target.table, &item.column.name, value);
                if !matches!(item.value, Expr::Literal(_)) {
                    tests.push(test(value.clone(), IsTest::NotNull));
                }
                old.push(piece::column(Some(&child), own));
                new.push(value.clone());
                value
            }
            None => {
                let value = piece::column(Some(&child), own);
                tests.push(test(value.clone(), IsTest::NotNull));
                value
            }
        };
        on.push(piece::compare(CompareOp::Equal, of_parent, value));
        tests.extend(filter);
        filter = tests;
    }
    let same = piece::compare(CompareOp::NullSafeEqual, Expr::Tuple(old), Expr::Tuple(new));
    filter.push(Expr::Not(Box::new(same)));
    filter.extend(written.filter.clone().map(|filter| piece::prefixed(filter, CHILD)));
    let from = joined(
        piece::aliased(changed.clone(), Some(CHILD)),
        JoinKind::Left,
        piece::aliased(piece::written(&key.parent), Some(PARENT)),
        piece::and(on),
    );
    one_row(from, piece::and(filter), piece::for_share(context, &target.table))
}

/// Children of the rows that change, but those that already have the new key.
fn held(
    context: &Context<'_>,
    written: &Update,
    target: &Target,
    changed: &WrittenName,
    key: &ForeignKey,
) -> Select {
    let (child, parent) = (piece::bare(CHILD), piece::bare(PARENT));
    let equal = |(own, of_child): (&String, &String)| {
        let (own, other) =
            (piece::column(Some(&parent), own), piece::column(Some(&child), of_child));
        piece::compare(CompareOp::Equal, own, other)
    };
    let on = key.parent_columns.iter().zip(&key.child_columns).map(equal);
    let set = assigned(written, key);
    let cast = |item: &&UpdateItem| {
        let value = piece::prefixed(item.value.clone(), PARENT);
        piece::cast(&target.table, &item.column.name, value)
    };
    let new = set.iter().map(cast).collect();
    let differs = differing(key, &set, new, Some(CHILD));
    let filter = written.filter.clone().map(|filter| piece::prefixed(filter, PARENT));
    let from = joined(
        piece::aliased(changed.clone(), Some(PARENT)),
        JoinKind::Inner,
        piece::aliased(piece::written(&key.child), Some(CHILD)),
        piece::and(on),
    );
    let filter = piece::and(filter.into_iter().chain(differs));
    one_row(from, filter, piece::for_share(context, &target.table))
}
