//! UPDATE and DELETE of joined tables.
//!
//! The join is read to its end first: rows of the tables that change are locked exclusively, those
//! of the others shared. Each row is changed once, by what it was joined with first.
//! MySQL changes the first table while it reads where that is safe; what is left is the same, but
//! for which of several errors comes first.

use std::collections::{BTreeMap, BTreeSet};

use crate::eval::Env;
use crate::mysql::binlog::RowChange;
use crate::mysql::error;
use crate::mysql::execution::Run;
use crate::mysql::key::Key;
use crate::mysql::lock::mode::Mode;
use crate::mysql::metadata::MetadataMode;
use crate::mysql::outcome::Outcome;
use crate::mysql::transaction::TrxId;
use crate::sql::ast::{
    Delete, Expr, Literal, Select, SelectItem, TableExpr, TableName, Update, Wait,
};
use crate::sql_error::SqlError;
use crate::value::Value;

use super::join::From;
use super::plan::Loops;
use super::reader::is_impossible;
use super::scope::{Context, InScope, TableScope};
use super::select::{Locks, PreparedSelect};
use super::subquery::results;
use super::update::{Assigned, compiled, no_default};
use super::visit::on_conditions;
use super::write::same;

/// A row that is to change: its table by number, its key, the values of columns.
struct Pending {
    table: usize,
    key: Key,
    values: Vec<(usize, Value)>,
}

impl Run {
    pub async fn update_joined(&self, update: &Update, trx: TrxId) -> Result<Outcome, SqlError> {
        if !update.order_by.is_empty() {
            return Err(error::incorrect_usage("UPDATE", "ORDER BY"));
        }
        if update.limit.is_some() {
            return Err(error::incorrect_usage("UPDATE", "LIMIT"));
        }
        let mut from = self.joined(&update.tables, trx).await?;
        let mut targets = BTreeSet::new();
        for item in &update.set {
            let scope = TableScope::new(&from.tables, "field list").seeing(&from.visible);
            let (table, _) = scope.find(&item.column)?;
            if from.tables[table].rows.is_some() {
                return Err(error::not_updatable(&from.tables[table].alias, "UPDATE"));
            }
            targets.insert(table);
        }
        self.lock_targets(&mut from, &targets, &update.tables).await?;
        let exprs: Vec<&Expr> = update.set.iter().map(|item| &item.value).collect();
        let mut select =
            self.prepare_joined(from, &update.tables, update.filter.as_ref(), &exprs, trx).await?;
        let mut set: Vec<(usize, Assigned)> = Vec::new();
        for item in &update.set {
            let from = &select.from;
            let scope = TableScope::new(&from.tables, "field list").with(&from.subqueries);
            let scope = scope.seeing(&from.visible);
            let (table, column) = scope.find(&item.column)?;
            let program = compiled(item, &scope)?;
            select.plan.used.extend(scope.used.into_inner());
            set.push((table, Assigned { column, program }));
        }
        let mut env = self.env()?;
        env.subqueries = results(&select.from.subqueries);
        env.strict_change = env.mode.strict && !update.ignore;
        let mut outcome = Outcome::default();
        let pending = self.find_updates(&select, &targets, &set, &mut env, &mut outcome, trx);
        let pending = pending.await?;
        outcome.matched = pending.len() as u64;
        let mut event = None;
        for (number, row) in pending.into_iter().enumerate() {
            let table = &select.from.tables[row.table];
            let (number, ignore, event) = (number + 1, update.ignore, &mut event);
            self.update_pending(table, row, number, ignore, event, &mut env, &mut outcome, trx)
                .await?;
        }
        self.keep(&mut env)?;
        outcome.warnings.append(&mut env.warnings);
        Ok(outcome)
    }

    pub async fn delete_joined(&self, delete: &Delete, trx: TrxId) -> Result<Outcome, SqlError> {
        let mut from = self.joined(&delete.tables, trx).await?;
        let mut targets = BTreeSet::new();
        for name in &delete.targets {
            let table = from.tables.iter().position(|table| is_target(table, name));
            let unknown = || error::unknown_table_in(name.name.as_str(), "MULTI DELETE");
            let table = table.ok_or_else(unknown)?;
            if from.tables[table].rows.is_some() {
                return Err(error::not_updatable(&from.tables[table].alias, "DELETE"));
            }
            if !targets.insert(table) {
                return Err(error::not_unique_table(name.name.as_str()));
            }
        }
        self.lock_targets(&mut from, &targets, &delete.tables).await?;
        let filter = delete.filter.as_ref();
        let select = self.prepare_joined(from, &delete.tables, filter, &[], trx).await?;
        let mut env = self.env()?;
        env.subqueries = results(&select.from.subqueries);
        env.strict_change = env.mode.strict && !delete.ignore;
        let mut loops = Loops::new(&select, &[]);
        loops.changes = true;
        let own = select.plan.terms.iter().filter(|(_, owner)| owner.is_none());
        loops.done = is_impossible(own.map(|(term, _)| term), &mut env)?;
        let mut seen = BTreeSet::new();
        let mut found = Vec::new();
        while self.next_combination(&mut loops, &mut env, trx).await?.is_some() {
            for table in &targets {
                let Some(row) = &loops.levels[*table].found else { continue };
                let id = select.from.tables[*table].opened.id;
                if seen.insert((id, row.key.clone())) {
                    found.push((*table, row.key.clone(), row.row.clone()));
                }
            }
        }
        let mut outcome = Outcome::default();
        let mut event = None;
        // The table that is read first is deleted from as it is read, the others by their keys.
        found.sort_by_key(|(table, key, _)| (*table, (0 < *table).then(|| key.clone())));
        for (table, key, row) in found {
            let opened = &select.from.tables[table].opened;
            self.delete_row(trx, opened, &key, &row).await?;
            self.follow(trx, opened, &row, None).await?;
            outcome.affected += 1;
            let change = RowChange { before: Some(row), after: None };
            self.log(trx, &opened.schema, &mut event, change);
        }
        self.keep(&mut env)?;
        outcome.warnings.append(&mut env.warnings);
        Ok(outcome)
    }

    /// The tables of the statement, all of them only read at first.
    async fn joined(&self, tables: &[TableExpr], trx: TrxId) -> Result<From, SqlError> {
        let lock = Some((Mode::S, Wait::Block));
        self.from(tables, 0, lock, trx, Locks::Share).await
    }

    async fn lock_targets(
        &self,
        from: &mut From,
        targets: &BTreeSet<usize>,
        tables: &[TableExpr],
    ) -> Result<(), SqlError> {
        for target in targets {
            let table = &mut from.tables[*target];
            table.lock = Some((Mode::X, Wait::Block));
            let schema = &table.opened.schema;
            let name = TableName {
                qualifier: Some((&*schema.database).into()),
                name: (&*schema.name).into(),
            };
            self.open(&name, MetadataMode::Write).await?;
        }
        debug_assert!(!tables.is_empty(), "a join has tables");
        Ok(())
    }

    async fn prepare_joined(
        &self,
        mut from: From,
        tables: &[TableExpr],
        filter: Option<&Expr>,
        values: &[&Expr],
        trx: TrxId,
    ) -> Result<PreparedSelect, SqlError> {
        let mut exprs = Vec::new();
        on_conditions(tables, &mut exprs);
        exprs.extend(values.iter().copied().chain(filter));
        let changed: Vec<InScope> = from
            .tables
            .iter()
            .filter(|table| matches!(table.lock, Some((Mode::X, _))))
            .cloned()
            .collect();
        for table in &changed {
            let (schema, alias) = (&table.opened.schema, &table.alias);
            self.check_not_read(schema, alias, None, exprs.iter().copied())?;
        }
        let context =
            || Context { tables: from.tables.clone(), visible: from.visible.clone(), outer: None };
        let subqueries = self.subqueries(exprs.into_iter(), context, trx, Locks::Share).await?;
        from.subqueries = subqueries;
        self.prepare_rows(&bare_select(filter), from)
    }

    async fn find_updates(
        &self,
        select: &PreparedSelect,
        targets: &BTreeSet<usize>,
        set: &[(usize, Assigned)],
        env: &mut Env,
        outcome: &mut Outcome,
        trx: TrxId,
    ) -> Result<Vec<Pending>, SqlError> {
        let mut loops = Loops::new(select, &[]);
        loops.changes = true;
        let own = select.plan.terms.iter().filter(|(_, owner)| owner.is_none());
        loops.done = is_impossible(own.map(|(term, _)| term), env)?;
        let mut seen: BTreeMap<(usize, Key), usize> = BTreeMap::new();
        let mut pending: Vec<Pending> = Vec::new();
        let from = &select.from;
        let mut number = 0;
        while let Some(mut row) = self.next_combination(&mut loops, env, trx).await? {
            number += 1;
            for table in targets {
                let Some(found) = &loops.levels[*table].found else { continue };
                let key = found.key.clone();
                if let Some(at) = seen.get(&(*table, key.clone())) {
                    // The table that is read first changes under the eyes of the others.
                    if *table == 0 {
                        for (column, value) in &pending[*at].values {
                            row[from.tables[0].offset + column] = value.clone();
                        }
                    }
                    continue;
                }
                seen.insert((*table, key.clone()), pending.len());
                let mut values = Vec::new();
                for (_, assigned) in set.iter().filter(|(own, _)| own == table) {
                    let value = match &assigned.program {
                        Ok(program) => {
                            self.value(program, &row, env, &from.subqueries, trx).await?
                        }
                        Err(error) => {
                            let table = &from.tables[*table];
                            no_default(table, assigned.column, error, env, outcome)?
                        }
                    };
                    let scope = &from.tables[*table];
                    let value =
                        self.assigned_value(scope, assigned.column, value, number, env, outcome)?;
                    if *table == 0 {
                        row[scope.offset + assigned.column] = value.clone();
                    }
                    values.push((assigned.column, value));
                }
                pending.push(Pending { table: *table, key, values });
            }
        }
        pending.sort_by_key(|row| row.table);
        Ok(pending)
    }

    #[allow(clippy::too_many_arguments)]
    async fn update_pending(
        &self,
        table: &InScope,
        pending: Pending,
        number: usize,
        ignore: bool,
        event: &mut Option<usize>,
        env: &mut Env,
        outcome: &mut Outcome,
        trx: TrxId,
    ) -> Result<(), SqlError> {
        let opened = &table.opened;
        // The same row may have changed under another alias.
        let Some(old) = self.lock_row(trx, opened, &pending.key).await? else { return Ok(()) };
        let mut new = old.to_vec();
        let mut assigned = Vec::new();
        for (column, value) in pending.values {
            new[column] = value;
            assigned.push(column);
        }
        if same(&old, &new) {
            return Ok(());
        }
        self.touch_timestamps(table, &assigned, env, &old, &mut new)?;
        let written =
            self.write_updated(opened, &pending.key, old, new, number, ignore, event, outcome, trx);
        written.await
    }
}

fn is_target(table: &InScope, name: &TableName) -> bool {
    let database = name.qualifier.as_ref();
    *table.alias == *name.name.0
        && database.is_none_or(|database| database.0 == table.opened.schema.database)
}

/// The rows of a join, with nothing said of what is shown.
pub fn bare_select(filter: Option<&Expr>) -> Select {
    let one = Expr::Literal(Literal::Integer("1".into()));
    Select {
        items: vec![SelectItem::Expr { expr: one, alias: None }],
        filter: filter.cloned(),
        ..Select::default()
    }
}
