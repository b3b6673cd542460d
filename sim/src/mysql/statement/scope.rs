//! The names that a statement's expressions may use: columns of its tables, side by side in one
//! row.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::sync::Arc;

use crate::eval::{ColumnKind, Scope};
use crate::mysql::error;
use crate::mysql::schema;
use crate::sql::ast::{Aggregate, ColumnName, Expr, IndexHint, Query};
use crate::sql_error::SqlError;
use crate::value::{Row, Value};

use super::subquery::Evaluated;
use super::tables::Opened;

#[derive(Clone, Debug)]
pub struct InScope {
    pub alias: Arc<str>,
    pub opened: Opened,
    pub hints: Vec<IndexHint>,
    /// Where the table's columns begin in a row of the statement.
    pub offset: usize,
    /// The rows of a derived table.
    pub rows: Option<Arc<[Row]>>,
}

/// The scope of a clause over the first `visible` tables.
#[derive(Debug)]
pub struct TableScope<'a> {
    pub tables: &'a [InScope],
    /// `field list`, `where clause` ..
    pub clause: &'static str,
    /// Offsets that were asked for.
    pub used: RefCell<BTreeSet<usize>>,
    /// Where `values(c)` finds the row that was to be inserted.
    pub inserted: Option<usize>,
    /// Subqueries that have been run.
    pub subqueries: &'a [Evaluated],
    /// Aggregates that the expressions name; none where they may not.
    pub aggregates: Option<&'a RefCell<Vec<(Aggregate, ColumnKind)>>>,
}

impl<'a> TableScope<'a> {
    pub fn new(tables: &'a [InScope], clause: &'static str) -> TableScope<'a> {
        let used = RefCell::new(BTreeSet::new());
        TableScope { tables, clause, used, inserted: None, subqueries: &[], aggregates: None }
    }

    pub fn with(mut self, subqueries: &'a [Evaluated]) -> TableScope<'a> {
        self.subqueries = subqueries;
        self
    }

    /// The table (by number) and column of a name.
    pub fn find(&self, column: &ColumnName) -> Result<(usize, usize), SqlError> {
        let mut found = None;
        for (number, table) in self.tables.iter().enumerate() {
            if !names(table, column) {
                continue;
            }
            if let Some(at) = table.opened.schema.column(column.name.as_str()) {
                if found.is_some() {
                    return Err(error::ambiguous_column(&full_name(column), self.clause));
                }
                found = Some((number, at));
            }
        }
        found.ok_or_else(|| SqlError::unknown_column(&full_name(column), self.clause))
    }

    pub fn width(&self) -> usize {
        self.tables.last().map_or(0, |last| last.offset + last.opened.schema.columns.len())
    }
}

impl Scope for TableScope<'_> {
    fn resolve(&self, column: &ColumnName) -> Result<(usize, ColumnKind), SqlError> {
        let (number, at) = self.find(column)?;
        let table = &self.tables[number];
        let offset = table.offset + at;
        self.used.borrow_mut().insert(offset);
        Ok((offset, kind_of(&table.opened.schema, at)))
    }

    fn inserted(&self, column: &ColumnName) -> Result<(usize, ColumnKind), SqlError> {
        let Some(base) = self.inserted else { return self.resolve(column) };
        let table = &self.tables[0];
        let at = table.opened.schema.column(column.name.as_str());
        let at = at.ok_or_else(|| SqlError::unknown_column(&full_name(column), self.clause))?;
        Ok((base + at, kind_of(&table.opened.schema, at)))
    }

    fn aggregate(&self, aggregate: &Aggregate) -> Result<(usize, ColumnKind), SqlError> {
        let invalid = || SqlError::new(1111, "HY000", "Invalid use of group function");
        let known = self.aggregates.ok_or_else(invalid)?;
        let at = known.borrow().iter().position(|(other, _)| other == aggregate);
        let at = match at {
            Some(at) => at,
            None => {
                let inner = TableScope::new(self.tables, self.clause).with(self.subqueries);
                let argument = match aggregate.args.first() {
                    Some(arg) => crate::eval::Program::compile(arg, &inner)?.kind(),
                    None => ColumnKind::new(crate::eval::Kind::Int),
                };
                self.used.borrow_mut().extend(inner.used.into_inner());
                known.borrow_mut().push((aggregate.clone(), argument));
                known.borrow().len() - 1
            }
        };
        let argument = known.borrow()[at].1;
        let kind = crate::eval::aggregate::Accumulator::kind(aggregate.kind, argument);
        Ok((self.width() + at, kind))
    }

    fn subquery(&self, query: &Query) -> Result<(usize, Vec<ColumnKind>), SqlError> {
        let at = self.subqueries.iter().position(|evaluated| evaluated.query == *query);
        let at = at.ok_or_else(|| SqlError::not_supported("subquery"))?;
        Ok((at, self.subqueries[at].kinds.clone()))
    }

    fn default_of(&self, column: Option<&ColumnName>) -> Result<Value, SqlError> {
        let Some(column) = column else {
            return Err(SqlError::not_supported("DEFAULT in an expression"));
        };
        let (number, at) = self.find(column)?;
        constant_default(&self.tables[number].opened.schema.columns[at])
    }
}

/// A column's default where it is a literal; NULL where it has none and may be NULL.
pub fn constant_default(column: &schema::Column) -> Result<Value, SqlError> {
    match &column.default {
        Some(Expr::Literal(_)) => {
            let default = column.default.as_ref().expect("matched as present");
            let program = crate::eval::Program::compile(default, &crate::eval::NoColumns)?;
            let mut env = crate::eval::Env::new(jiff::civil::DateTime::ZERO);
            let value = program.run(&[], &mut env)?;
            crate::eval::store(&value, &column.ty, &column.name, 1, true).map(|(value, _)| value)
        }
        Some(_) => Err(SqlError::not_supported("DEFAULT of an expression")),
        None if column.not_null => Err(error::no_default(&column.name)),
        None => Ok(Value::Null),
    }
}

pub fn kind_of(schema: &schema::Table, column: usize) -> ColumnKind {
    ColumnKind::of(&schema.columns[column].ty, schema.columns[column].collation)
}

fn names(table: &InScope, column: &ColumnName) -> bool {
    let Some(name) = &column.table else { return true };
    let database = name.qualifier.as_ref();
    *table.alias == *name.name.0
        && database.is_none_or(|database| database.0 == table.opened.schema.database)
}

fn full_name(column: &ColumnName) -> String {
    match &column.table {
        Some(table) => format!("{}.{}", table.name.as_str(), column.name.as_str()),
        None => column.name.as_str().to_string(),
    }
}
