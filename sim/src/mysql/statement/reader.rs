//! Reading rows: a statement's environment, its constants, its cursors.

use crate::collation::Collation;
use crate::eval::{Env, Program, SqlMode};
use crate::mysql::cursor::{Cursor, Found, Next};
use crate::mysql::execution::Run;
use crate::mysql::transaction::TrxId;
use crate::sql::ast::{ColumnName, Expr};
use crate::sql_error::SqlError;
use crate::value::{Bind, Value};

use super::access::Constants;
use super::grouping::is_constant;
use super::scope::{Context, InScope, TableScope, Visible};
use super::subquery::Subquery;

impl Run {
    /// What the statement's expressions run in.
    pub fn env(&self) -> Result<Env, SqlError> {
        let connection = self.connection;
        let variables = self.session_variables()?;
        let mut env = self.session(|session| {
            let mut env = Env::new(jiff::tz::TimeZone::UTC.to_datetime(self.now));
            env.mode = session.sql_mode();
            env.user_variables = session.user_variables.clone();
            env.database = session.database.clone();
            env.last_insert_id = session.last_insert_id;
            env.row_count = session.row_count;
            env.found_rows = session.found_rows;
            env.user = session.user.clone();
            env
        })?;
        env.binds = self.binds.clone();
        if let Some(Value::Text(name)) = variables.get("collation_connection") {
            env.collation = Collation::by_name(name).unwrap_or_default();
        }
        env.connection_id = connection.0;
        env.system_variables = Some(variables);
        env.gtid_executed = Some(self.engine(|engine| engine.executed.clone()));
        Ok(env)
    }

    /// What a statement's expressions have set.
    pub fn keep(&self, env: &mut Env) -> Result<(), SqlError> {
        let variables = std::mem::take(&mut env.user_variables);
        let set = env.last_insert_id_set;
        self.session(|session| {
            session.user_variables = variables;
            if let Some(id) = set {
                session.last_insert_id = id;
            }
        })
    }

    /// The cursor's next row, after as many waits as it takes.
    pub async fn next(&self, cursor: &mut Cursor, trx: TrxId) -> Result<Option<Found>, SqlError> {
        loop {
            let next = self.engine(|engine| {
                engine.transaction_mut(trx).entered_engine = true;
                cursor.next(engine)
            })?;
            match next {
                Next::Found(found) => return Ok(Some(found)),
                Next::End => return Ok(None),
                Next::Wait => self.wait_for_lock(trx).await?,
            }
        }
    }
}

/// Is one of these conditions false whatever the row? MySQL finds out before it reads any.
pub fn is_impossible<'a>(
    terms: impl Iterator<Item = &'a Expr>,
    env: &mut Env,
) -> Result<bool, SqlError> {
    for term in terms.filter(|term| is_constant(term)) {
        let Ok(program) = Program::compile(term, &crate::eval::NoColumns) else { continue };
        let value = program.run(&[], env)?;
        if !crate::eval::is_true(&value, env) {
            return Ok(true);
        }
    }
    Ok(false)
}

impl crate::mysql::session::Session {
    pub fn sql_mode(&self) -> SqlMode {
        let has = |mode: &str| self.has_mode(mode);
        SqlMode {
            strict: has("STRICT_TRANS_TABLES") || has("STRICT_ALL_TABLES"),
            error_for_division_by_zero: has("ERROR_FOR_DIVISION_BY_ZERO"),
            no_unsigned_subtraction: has("NO_UNSIGNED_SUBTRACTION"),
        }
    }
}

/// What is constant for one table of a statement: expressions over the tables before it.
pub struct Outer<'a> {
    pub tables: &'a [InScope],
    pub visible: Option<&'a [Visible]>,
    /// The queries around this one.
    pub context: Option<&'a Context>,
    /// The table that is planned.
    pub number: usize,
    /// The columns of the tables before it.
    pub row: &'a [Value],
    pub subqueries: &'a [Subquery],
    pub env: &'a mut Env,
}

impl Constants for Outer<'_> {
    fn column(&self, name: &ColumnName) -> Option<usize> {
        let mut scope = TableScope::new(self.tables, "where clause");
        scope.visible = self.visible;
        let (number, column) = scope.find(name).ok()?;
        (number == self.number).then_some(column)
    }

    fn value(&mut self, expr: &Expr) -> Option<Value> {
        // What names a table that is not read yet is no constant, whatever else has that name.
        let mut all = TableScope::new(self.tables, "where clause").with(self.subqueries);
        all.visible = self.visible;
        all.outer = self.context;
        let program = Program::compile(expr, &all).ok()?;
        let end = self.tables[self.number].offset;
        if all.used.borrow().iter().any(|offset| end <= *offset) {
            return None;
        }
        let warnings = self.env.warnings.len();
        let value = program.run(self.row, self.env).ok();
        self.env.wanted = None;
        self.env.warnings.truncate(warnings);
        value
    }

    fn list(&mut self, expr: &Expr) -> Option<Vec<Vec<Value>>> {
        if let Expr::Subquery(query) = expr {
            let same = |other: &&Subquery| !other.exists && other.query == **query;
            let rows = self.subqueries.iter().find(same)?.rows.as_ref()?;
            return Some(rows.iter().map(|row| row.to_vec()).collect());
        }
        let Expr::ListArgument(name) = expr else { return None };
        let Bind::List(items) = self.env.binds.get(name.as_str())? else { return None };
        let one = |bind: &Bind| match bind {
            Bind::Value(value) => Some(value.clone()),
            Bind::List(_) => None,
        };
        let rows = items.iter().map(|item| match item {
            Bind::Value(value) => Some(vec![value.clone()]),
            Bind::List(row) => row.iter().map(one).collect(),
        });
        rows.collect()
    }

    fn env(&mut self) -> &mut Env {
        self.env
    }
}
