//! PREPARE, EXECUTE and DEALLOCATE PREPARE in SQL, and DO.
//!
//! A prepared statement is its tree and its text; EXECUTE binds user variables to its `?`. MySQL
//! resolves names when it prepares; here a missing table is seen then, a missing column when it is
//! executed.

use std::sync::Arc;

use crate::mysql::error;
use crate::mysql::execution::Run;
use crate::mysql::outcome::Outcome;
use crate::mysql::session::Prepared;
use crate::sql::ast::{Ident, PrepareSource, Query, Statement, TableExpr};
use crate::sql::parse;
use crate::sql_error::SqlError;
use crate::value::{Binds, Value};

use super::titles;

impl Run {
    pub fn prepare_text(&self, name: &Ident, source: &PrepareSource) -> Result<Outcome, SqlError> {
        let name: Arc<str> = name.as_str().to_ascii_lowercase().into();
        // Whatever comes of it, an older statement of that name is gone.
        self.session(|session| session.prepared.remove(&name))?;
        let text: Arc<str> = match source {
            PrepareSource::Text(text) => text.clone(),
            PrepareSource::Variable(variable) => {
                let variable = variable.as_str().to_ascii_lowercase();
                let value =
                    self.session(|session| session.user_variables.get(&*variable).cloned())?;
                value.unwrap_or(Value::Null).to_string().into()
            }
        };
        let statement = parse(&text)?;
        match &statement {
            Statement::Prepare { .. }
            | Statement::Execute { .. }
            | Statement::Deallocate { .. }
            | Statement::Begin(_)
            | Statement::Rollback
            | Statement::Savepoint(_)
            | Statement::RollbackTo(_)
            | Statement::Release(_)
            | Statement::LockTables(_)
            | Statement::UnlockTables
            | Statement::Use(_) => return Err(error::not_preparable()),
            Statement::Query(query) => self.check_tables(query)?,
            Statement::Insert(insert) => self.find(&self.path(&insert.table)?).map(drop)?,
            Statement::Update(update) => {
                update.tables.iter().try_for_each(|table| self.check_table(table))?;
            }
            Statement::Delete(delete) => {
                delete.tables.iter().try_for_each(|table| self.check_table(table))?;
            }
            _ => {}
        }
        let markers = titles::markers(&text);
        let prepared = Prepared { statement: Arc::new(statement), text, markers };
        self.session(|session| session.prepared.insert(name, prepared))?;
        Ok(Outcome::default())
    }

    pub async fn execute(&self, name: &Ident, using: &[Ident]) -> Result<Outcome, SqlError> {
        let prepared = self.session(|session| {
            session.prepared.get(&*name.as_str().to_ascii_lowercase()).cloned()
        })?;
        let unknown = || error::unknown_statement(name.as_str(), "EXECUTE");
        let prepared = prepared.ok_or_else(unknown)?;
        if prepared.markers != using.len() {
            return Err(error::wrong_arguments("EXECUTE"));
        }
        let mut binds = Binds::new();
        for (number, variable) in using.iter().enumerate() {
            let variable = variable.as_str().to_ascii_lowercase();
            let value = self.session(|session| session.user_variables.get(&*variable).cloned())?;
            let value = value.unwrap_or(Value::Null);
            binds.insert(format!("v{}", number + 1).into(), value.into());
        }
        let run = self.with(Arc::new(binds), prepared.text.clone());
        run.dispatch(&prepared.statement).await
    }

    pub fn deallocate(&self, name: &Ident) -> Result<Outcome, SqlError> {
        let key = name.as_str().to_ascii_lowercase();
        let known = self.session(|session| session.prepared.remove(&*key))?;
        let unknown = || error::unknown_statement(name.as_str(), "DEALLOCATE PREPARE");
        known.map(|_| Outcome::default()).ok_or_else(unknown)
    }

    /// DO is a SELECT that shows nothing.
    pub async fn do_expressions(&self, text: &str) -> Result<Outcome, SqlError> {
        let expressions = text.trim_start().get(2..).unwrap_or("");
        let Statement::Query(query) = parse(&format!("select {expressions}"))? else {
            return Err(SqlError::not_supported(text));
        };
        let outcome = self.query(&query).await?;
        Ok(Outcome { warnings: outcome.warnings, ..Outcome::default() })
    }

    fn check_tables(&self, query: &Query) -> Result<(), SqlError> {
        match query {
            Query::Select(select) => {
                select.from.iter().try_for_each(|table| self.check_table(table))
            }
            Query::Union(union) => {
                self.check_tables(&union.left)?;
                self.check_tables(&union.right)
            }
            Query::Values(_) => Ok(()),
        }
    }

    fn check_table(&self, table: &TableExpr) -> Result<(), SqlError> {
        match table {
            TableExpr::Table(table) => self.find(&self.path(&table.name)?).map(drop),
            TableExpr::Bound(table, _) => self.check_table(table),
            TableExpr::Derived { query, .. } => self.check_tables(query),
            TableExpr::Join(join) => {
                self.check_table(&join.left)?;
                self.check_table(&join.right)
            }
            TableExpr::Parens(tables) => {
                tables.iter().try_for_each(|table| self.check_table(table))
            }
            TableExpr::JsonTable { .. } => Ok(()),
        }
    }
}
