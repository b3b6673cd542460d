//! The rows that UPDATE and DELETE look for: locked, matched, in the order that is asked for.

use std::collections::VecDeque;

use crate::eval::{Env, Program};
use crate::mysql::cursor::{Cursor, Found, Locking, Reading};
use crate::mysql::execution::Run;
use crate::mysql::key::IndexId;
use crate::mysql::lock::mode::Mode;
use crate::mysql::transaction::TrxId;
use crate::mysql::{error, schema};
use crate::sql::ast::{Expr, Limit, OrderBy, Query, TableExpr, TableName, Wait};
use crate::sql_error::SqlError;
use crate::value::Value;

use super::access::{self, Access, Kind};
use super::check;
use super::plan::{Sorting, conjuncts, exprs_of, sorted_by};
use super::reader::{Outer, is_impossible};
use super::scope::{InScope, TableScope};
use super::subquery::{Subquery, results};
use super::visit::subqueries_of;

/// What UPDATE and DELETE look for.
pub struct Change<'a> {
    pub tables: &'a [InScope],
    pub filter: Option<&'a Expr>,
    pub order_by: &'a [OrderBy],
    pub limit: Option<&'a Limit>,
    /// The columns that an UPDATE sets; none for DELETE.
    pub update: Option<&'a [usize]>,
}

/// The rows that UPDATE and DELETE find.
pub struct ChangeScan {
    pub env: Env,
    pub subqueries: Vec<Subquery>,
    filter: Option<Program>,
    cursor: Cursor,
    /// Rows must be found before the first is changed.
    collects: bool,
    collected: Option<VecDeque<Found>>,
    order: Option<Sorting>,
    left: u64,
}

impl Run {
    pub fn change_scan(
        &self,
        change: &Change<'_>,
        subqueries: Vec<Subquery>,
        trx: TrxId,
    ) -> Result<ChangeScan, SqlError> {
        let mut env = self.env()?;
        let table = &change.tables[0];
        let schema = &table.opened.schema;
        env.subqueries = results(&subqueries);
        let mut outer = Outer {
            tables: change.tables,
            visible: None,
            context: None,
            number: 0,
            row: &[],
            subqueries: &subqueries,
            env: &mut env,
        };
        let mut access = access::choose(schema, change.filter, &table.hints, &mut outer);
        let compile = |expr: &Expr, clause: &'static str| {
            let scope = TableScope::new(change.tables, clause);
            Program::compile(expr, &scope.with(&subqueries))
        };
        let filter = change.filter.map(|filter| compile(filter, "where clause")).transpose()?;
        let (_, mut left) = self.limits(change.limit, &mut env)?;
        if is_impossible(change.filter.into_iter().flat_map(conjuncts), &mut env)? {
            left = 0;
        }
        let mut order = Vec::new();
        for item in change.order_by {
            order.push((compile(&item.expr, "order clause")?, item.descending));
        }
        let mut descending = false;
        let mut sorted = order.is_empty();
        if let Some((index, down)) = change_order(change, &access) {
            if access.kind == Kind::Scan {
                access = access::whole(schema, index);
            }
            descending = down;
            sorted = true;
        }
        let scanned: Vec<usize> =
            schema.columns_of(access.index).chain(schema.columns_of(0)).collect();
        let moves =
            change.update.is_some_and(|columns| columns.iter().any(|c| scanned.contains(c)));
        let isolation = self.engine(|engine| engine.transaction(trx).isolation);
        let reading = Reading::Locking(Locking {
            mode: Mode::X,
            wait: Wait::Block,
            covering: false,
            semi_consistent: change.update.is_some() && !isolation.locks_gaps(),
            fetches_range_end: true,
        });
        let index = IndexId { table: table.opened.id, index: access.index as u32 };
        let point = access.kind == Kind::Const;
        let cursor = Cursor::new(index, access.intervals, descending, reading, trx);
        let collects = !sorted || moves && !point;
        let order = (!sorted).then_some(order);
        Ok(ChangeScan { env, subqueries, filter, cursor, collects, collected: None, order, left })
    }

    pub async fn next_to_change(
        &self,
        scan: &mut ChangeScan,
        trx: TrxId,
    ) -> Result<Option<Found>, SqlError> {
        if !scan.collects {
            if scan.left == 0 {
                return Ok(None);
            }
            let found = self.next_match(scan, trx).await?;
            scan.left -= u64::from(found.is_some());
            return Ok(found);
        }
        if scan.collected.is_none() {
            let mut all = Vec::new();
            while 0 < scan.left
                && let Some(found) = self.next_match(scan, trx).await?
            {
                all.push(found);
                if scan.order.is_none() && scan.left <= all.len() as u64 {
                    break;
                }
            }
            if let Some(order) = &scan.order {
                let mut keyed: Vec<(Found, Vec<Value>)> = Vec::new();
                for found in all {
                    let mut keys = Vec::new();
                    for (program, _) in order {
                        let (env, subqueries) = (&mut scan.env, &scan.subqueries);
                        keys.push(self.value(program, &found.row, env, subqueries, trx).await?);
                    }
                    keyed.push((found, keys));
                }
                all = sorted_by(keyed, order, &mut scan.env);
            }
            all.truncate(usize::try_from(scan.left).unwrap_or(usize::MAX));
            scan.collected = Some(all.into());
        }
        Ok(scan.collected.as_mut().and_then(VecDeque::pop_front))
    }

    async fn next_match(
        &self,
        scan: &mut ChangeScan,
        trx: TrxId,
    ) -> Result<Option<Found>, SqlError> {
        while let Some(found) = self.next(&mut scan.cursor, trx).await? {
            let matches = match &scan.filter {
                Some(filter) => {
                    let (env, subqueries) = (&mut scan.env, &scan.subqueries);
                    self.passes(filter, &found.row, env, subqueries, trx).await?
                }
                None => true,
            };
            match (matches, found.tentative) {
                (true, false) => return Ok(Some(found)),
                (true, true) => scan.cursor.insist(&found),
                (false, true) => {}
                (false, false) => self.engine(|engine| scan.cursor.reject(engine)),
            }
        }
        Ok(None)
    }
}

impl Run {
    /// 1093: what a statement changes it must not read in a subquery. With a clause, the
    /// expressions name no other table's columns.
    pub fn check_not_read<'a>(
        &self,
        table: &schema::Table,
        alias: &str,
        clause: Option<&'static str>,
        exprs: impl Iterator<Item = &'a Expr>,
    ) -> Result<(), SqlError> {
        let current = self.session(|session| session.database.clone())?;
        let is_it = |name: &TableName| {
            let database = name.qualifier.as_ref().map(|database| &database.0);
            let database = database.or(current.as_ref());
            *name.name.0 == *table.name && database == Some(&table.database)
        };
        let exprs: Vec<&Expr> = exprs.collect();
        let mut found = Vec::new();
        for expr in &exprs {
            subqueries_of(expr, &mut found);
        }
        match found.into_iter().any(|(query, _)| reads(query, &is_it)) {
            true => {
                // Names are resolved before, and what stands before the subquery is looked at.
                let earlier = |error: &SqlError| match error.errno {
                    1267 | 1270 | 1271 => true,
                    number => clause.is_some() && matches!(number, 1052 | 1054),
                };
                let compile = |expr: &&Expr| {
                    check::compiled(table, alias, clause.unwrap_or("where clause"), expr)
                };
                let compiled = exprs.iter().map(compile);
                let before = compiled.filter_map(Result::err).find(earlier);
                Err(before.unwrap_or_else(|| error::target_is_read(alias)))
            }
            false => Ok(()),
        }
    }
}

/// Does a query read a table, other than in a derived table?
fn reads(query: &Query, is_it: &dyn Fn(&TableName) -> bool) -> bool {
    let nested = |exprs: Vec<&Expr>| {
        let mut found = Vec::new();
        exprs.into_iter().for_each(|expr| subqueries_of(expr, &mut found));
        found.into_iter().any(|(query, _)| reads(query, is_it))
    };
    match query {
        Query::Select(select) => {
            select.from.iter().any(|table| reads_table(table, is_it)) || nested(exprs_of(select))
        }
        Query::Union(union) => reads(&union.left, is_it) || reads(&union.right, is_it),
        Query::Values(values) => nested(values.rows.iter().flatten().collect()),
    }
}

fn reads_table(table: &TableExpr, is_it: &dyn Fn(&TableName) -> bool) -> bool {
    match table {
        TableExpr::Table(table) => is_it(&table.name),
        TableExpr::Bound(table, _) => reads_table(table, is_it),
        TableExpr::Join(join) => reads_table(&join.left, is_it) || reads_table(&join.right, is_it),
        TableExpr::Parens(tables) => tables.iter().any(|table| reads_table(table, is_it)),
        // MySQL reads these into a table of their own first.
        TableExpr::Derived { .. } | TableExpr::JsonTable { .. } => false,
    }
}

/// An index that gives UPDATE .. ORDER BY its order.
fn change_order(change: &Change<'_>, access: &Access) -> Option<(usize, bool)> {
    let table = &change.tables[0];
    let schema = &table.opened.schema;
    let descending = change.order_by.first()?.descending;
    let mut columns = Vec::new();
    for item in change.order_by {
        let Expr::Column(name) = &item.expr else { return None };
        let scope = TableScope::new(change.tables, "order clause");
        columns.push(scope.find(name).ok()?.1);
        if item.descending != descending {
            return None;
        }
    }
    let follows = |index: usize, fixed: usize| {
        let parts = schema.indexes[index].parts.get(fixed..).unwrap_or(&[]);
        columns.len() <= parts.len()
            && parts.iter().zip(&columns).all(|(part, c)| part.column == *c && !part.descending)
    };
    if access.kind != Kind::Scan {
        let one = access.intervals.len() <= 1 || access.fixed == 0;
        let follows = one && follows(access.index, access.fixed) || follows(access.index, 0);
        return follows.then_some((access.index, descending));
    }
    let limited = change.limit.is_some();
    (0..schema.indexes.len())
        .find(|index| (*index == 0 || limited) && follows(*index, 0))
        .map(|index| (index, descending))
}
