//! Changes that one input or one foreign key leads from one to the next.
//!
//! ```text
//!   WithInput    select the rows' keys; then each change over the list of them, or row by row
//!                where a new value comes with the row
//!   Cascade      select the old keys; the children's changes; the parent's
//!   Verify       queries of which none may find a row; then the change
//!   Upsert       row by row an insert, and where the row is there already an update
//!   Sequential   one after the other
//! ```
//!
//! All of it is one transaction: a failure undoes what came before. See
//! `engine/{dml_with_input,fk_cascade,fk_verify,upsert,sequential}.go`. It knows nothing of where
//! rows are.

use std::sync::Arc;

use sim::eval::{Env, is_true};
use sim::mysql::outcome::Outcome;
use sim::value::{Bind, Binds, Row, Value};

use super::super::executor::Run;
use super::super::session::AutocommitState;
use crate::key::Code;
use crate::planner::foreign_key::primitive::{
    Cascade, Child, Keyed, RowChange, Upsert, Verify, Whose, WithInput,
};
use crate::planner::primitive::Primitive;
use crate::rpc::Status;

impl Run {
    pub(super) async fn keyed(&self, keyed: &Keyed, binds: &Arc<Binds>) -> Result<Outcome, Status> {
        // No part may commit by itself, however few shards it goes to.
        self.request.borrow_mut().autocommit = AutocommitState::Not;
        match keyed {
            Keyed::WithInput(with) => self.with_input(with, binds).await,
            Keyed::Cascade(cascade) => self.cascade(cascade, binds).await,
            Keyed::Verify(verify) => self.verify_keys(verify, binds).await,
            Keyed::Upsert(upsert) => self.upsert(upsert, binds).await,
            Keyed::Sequential(all) => self.sequential(all, binds).await,
        }
    }

    async fn with_input(&self, with: &WithInput, binds: &Arc<Binds>) -> Result<Outcome, Status> {
        let input = self.primitive(&with.input, binds).await?;
        let mut total = Outcome::default();
        if input.rows.is_empty() {
            return Ok(total);
        }
        for change in &with.changes {
            match change.values.is_empty() {
                true => {
                    let own = with_list(binds, &with.list, &input.rows, &change.columns);
                    add(&mut total, self.primitive(&change.statement, &own).await?);
                }
                false => {
                    for row in &input.rows {
                        let own = of_row(binds, &with.list, row, change);
                        add(&mut total, self.primitive(&change.statement, &own).await?);
                    }
                }
            }
        }
        Ok(total)
    }

    async fn cascade(&self, cascade: &Cascade, binds: &Arc<Binds>) -> Result<Outcome, Status> {
        let selected = self.primitive(&cascade.selection, binds).await?;
        if selected.rows.is_empty() {
            return Ok(Outcome::default());
        }
        for child in &cascade.children {
            match child.values.is_empty() {
                true => {
                    let own = with_tuples(binds, &child.list, &selected.rows, &child.columns);
                    self.primitive(&child.statement, &own).await?;
                }
                false => self.cascade_by_row(child, &selected.rows, binds).await?,
            }
        }
        self.primitive(&cascade.parent, binds).await
    }

    /// New values that the selection computed, row by row; a row that keeps its key is left out.
    async fn cascade_by_row(
        &self,
        child: &Child,
        rows: &[Row],
        binds: &Arc<Binds>,
    ) -> Result<(), Status> {
        let mut env = Env::new(jiff::civil::DateTime::default());
        for row in rows {
            let mut stays = |at: usize| row.get(at).is_some_and(|same| is_true(same, &mut env));
            if child.values.iter().all(|value| stays(value.comparison)) {
                continue;
            }
            let list = with_tuples(binds, &child.list, std::slice::from_ref(row), &child.columns);
            let mut own = (*list).clone();
            for value in &child.values {
                own.insert(Arc::clone(&value.argument), Bind::Value(column(row, value.value)));
            }
            self.primitive(&child.statement, &Arc::new(own)).await?;
        }
        Ok(())
    }

    async fn verify_keys(&self, verify: &Verify, binds: &Arc<Binds>) -> Result<Outcome, Status> {
        for (whose, query) in &verify.queries {
            if !self.primitive(query, binds).await?.rows.is_empty() {
                return Err(broken(*whose));
            }
        }
        self.primitive(&verify.statement, binds).await
    }

    async fn upsert(&self, upsert: &Upsert, binds: &Arc<Binds>) -> Result<Outcome, Status> {
        let mut total = Outcome::default();
        for (insert, update) in &upsert.rows {
            let outcome = match self.primitive(insert, binds).await {
                Err(status) if status.code == Code::AlreadyExists => {
                    let mut updated = self.primitive(update, binds).await?;
                    // As MySQL counts a row that ON DUPLICATE KEY UPDATE has changed.
                    if 0 < updated.affected {
                        updated.affected += 1;
                    }
                    updated
                }
                inserted => inserted?,
            };
            add(&mut total, outcome);
        }
        Ok(total)
    }

    async fn sequential(&self, all: &[Primitive], binds: &Arc<Binds>) -> Result<Outcome, Status> {
        let mut total = Outcome::default();
        for primitive in all {
            add(&mut total, self.primitive(primitive, binds).await?);
        }
        Ok(total)
    }
}

fn add(total: &mut Outcome, outcome: Outcome) {
    total.affected += outcome.affected;
    total.matched += outcome.matched;
    if total.last_insert_id == 0 {
        total.last_insert_id = outcome.last_insert_id;
    }
}

fn broken(whose: Whose) -> Status {
    let text = match whose {
        Whose::Parent => "Cannot add or update a child row: a foreign key constraint fails",
        Whose::Child => "Cannot delete or update a parent row: a foreign key constraint fails",
    };
    Status::new(Code::FailedPrecondition, text)
}

fn column(row: &Row, at: usize) -> Value {
    row.get(at).cloned().unwrap_or(Value::Null)
}

/// The rows' keys as a list: values where the key is one column, else tuples.
fn with_list(binds: &Binds, name: &Arc<str>, rows: &[Row], columns: &[usize]) -> Arc<Binds> {
    let [only] = columns else { return with_tuples(binds, name, rows, columns) };
    let list = rows.iter().map(|row| Bind::Value(column(row, *only))).collect();
    with(binds, name, list)
}

fn with_tuples(binds: &Binds, name: &Arc<str>, rows: &[Row], columns: &[usize]) -> Arc<Binds> {
    let tuple =
        |row: &Row| Bind::List(columns.iter().map(|at| Bind::Value(column(row, *at))).collect());
    with(binds, name, rows.iter().map(tuple).collect())
}

fn with(binds: &Binds, name: &Arc<str>, list: Vec<Bind>) -> Arc<Binds> {
    let mut own = binds.clone();
    own.insert(Arc::clone(name), Bind::List(list));
    Arc::new(own)
}

/// One row's key, and what it says of other tables.
fn of_row(binds: &Binds, name: &Arc<str>, row: &Row, change: &RowChange) -> Arc<Binds> {
    let list = with_list(binds, name, std::slice::from_ref(row), &change.columns);
    let mut own = (*list).clone();
    for (argument, at) in &change.values {
        own.insert(Arc::clone(argument), Bind::Value(column(row, *at)));
    }
    Arc::new(own)
}
