//! The names that a statement's expressions may use: columns of its tables, side by side in one
//! row, and those of the queries around it.
//!
//! The row of a nested query begins with the row of the query around it, so that an outer
//! reference is an offset like any other.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::sync::Arc;

use crate::eval::item_text::backquoted;
use crate::eval::{ColumnKind, Scope};
use crate::mysql::error;
use crate::mysql::lock::mode::Mode;
use crate::mysql::schema;
use crate::sql::ast::{Aggregate, ColumnName, Expr, IndexHint, Query, Wait};
use crate::sql_error::SqlError;
use crate::value::{Row, Value};

use super::subquery::Subquery;
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
    /// What its rows are locked with; none for a consistent read.
    pub lock: Option<(Mode, Wait)>,
}

impl InScope {
    /// What the subqueries of a statement with this one table may refer to.
    pub fn context(&self) -> Context {
        let tables = vec![self.clone()];
        let visible = all_visible(&tables);
        Context { tables, visible, outer: None }
    }
}

/// A column that a name without a table may mean, and that a star shows. USING and NATURAL make
/// one of two.
#[derive(Clone, Debug, PartialEq)]
pub struct Visible {
    pub name: Arc<str>,
    /// The table by number.
    pub table: usize,
    pub column: usize,
}

/// The tables of the queries around a nested one, from the inside out.
#[derive(Clone, Debug)]
pub struct Context {
    pub tables: Vec<InScope>,
    pub visible: Vec<Visible>,
    pub outer: Option<Arc<Context>>,
}

impl Context {
    /// Where a nested query's own columns begin.
    pub fn width(&self) -> usize {
        match self.tables.last() {
            Some(last) => last.offset + last.opened.schema.columns.len(),
            None => self.outer.as_ref().map_or(0, |outer| outer.width()),
        }
    }
}

/// The scope of a clause over tables that stand side by side.
#[derive(Debug)]
pub struct TableScope<'a> {
    pub tables: &'a [InScope],
    /// None: every column of every table.
    pub visible: Option<&'a [Visible]>,
    pub outer: Option<&'a Context>,
    /// `field list`, `where clause` ..
    pub clause: &'static str,
    /// Offsets that were asked for.
    pub used: RefCell<BTreeSet<usize>>,
    /// Where `values(c)` finds the row that was to be inserted.
    pub inserted: Option<usize>,
    pub subqueries: &'a [Subquery],
    /// Aggregates that the expressions name; none where they may not.
    pub aggregates: Option<&'a RefCell<Vec<(Aggregate, ColumnKind)>>>,
}

/// A table by number, and its column.
type Place = (usize, usize);

impl<'a> TableScope<'a> {
    pub fn new(tables: &'a [InScope], clause: &'static str) -> TableScope<'a> {
        TableScope {
            tables,
            visible: None,
            outer: None,
            clause,
            used: RefCell::new(BTreeSet::new()),
            inserted: None,
            subqueries: &[],
            aggregates: None,
        }
    }

    pub fn with(mut self, subqueries: &'a [Subquery]) -> TableScope<'a> {
        self.subqueries = subqueries;
        self
    }

    pub fn within(mut self, outer: Option<&'a Context>) -> TableScope<'a> {
        self.outer = outer;
        self
    }

    pub fn seeing(mut self, visible: &'a [Visible]) -> TableScope<'a> {
        self.visible = Some(visible);
        self
    }

    /// The table (by number) and column of a name.
    pub fn find(&self, column: &ColumnName) -> Result<Place, SqlError> {
        let found = find(self.tables, self.visible, column, self.clause)?;
        found.ok_or_else(|| SqlError::unknown_column(&full_name(column), self.clause))
    }

    pub fn width(&self) -> usize {
        self.tables.last().map_or(0, |last| last.offset + last.opened.schema.columns.len())
    }

    /// Where the tables of this query begin in a row.
    fn base(&self) -> usize {
        self.tables.first().map_or(usize::MAX, |first| first.offset)
    }
}

fn find(
    tables: &[InScope],
    visible: Option<&[Visible]>,
    column: &ColumnName,
    clause: &'static str,
) -> Result<Option<Place>, SqlError> {
    let ambiguous = || error::ambiguous_column(&full_name(column), clause);
    let mut found = None;
    if let (None, Some(visible)) = (&column.table, visible) {
        for own in visible.iter().filter(|own| column.name.is(&own.name)) {
            // A star of two tables with USING shows a column twice at most in name.
            if found.is_some_and(|other| other != (own.table, own.column)) {
                return Err(ambiguous());
            }
            found = Some((own.table, own.column));
        }
        return Ok(found);
    }
    for (number, table) in tables.iter().enumerate() {
        if !names(table, column) {
            continue;
        }
        let columns = table.opened.schema.columns.iter().enumerate();
        for (at, _) in columns.filter(|(_, own)| column.name.is(&own.name)) {
            if found.is_some() {
                return Err(ambiguous());
            }
            found = Some((number, at));
        }
    }
    Ok(found)
}

impl Scope for TableScope<'_> {
    fn column_text(&self, column: &ColumnName) -> String {
        let name = backquoted(column.name.as_str());
        let Ok(Some((number, _))) = find(self.tables, self.visible, column, self.clause) else {
            return name;
        };
        let table = &self.tables[number];
        let alias = backquoted(&table.alias);
        match table.opened.schema.database.is_empty() {
            true => format!("{alias}.{name}"),
            false => format!("{}.{alias}.{name}", backquoted(&table.opened.schema.database)),
        }
    }

    fn resolve(&self, column: &ColumnName) -> Result<(usize, ColumnKind), SqlError> {
        let mut found =
            find(self.tables, self.visible, column, self.clause)?.map(|place| (self.tables, place));
        let mut outer = self.outer;
        while let (None, Some(context)) = (found, outer) {
            let place = find(&context.tables, Some(&context.visible), column, self.clause)?;
            found = place.map(|place| (&context.tables[..], place));
            outer = context.outer.as_deref();
        }
        let unknown = || SqlError::unknown_column(&full_name(column), self.clause);
        let (tables, (number, at)) = found.ok_or_else(unknown)?;
        let table = &tables[number];
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
                let mut inner = TableScope::new(self.tables, self.clause).with(self.subqueries);
                inner.visible = self.visible;
                inner.outer = self.outer;
                let mut argument = ColumnKind::new(crate::eval::Kind::Int);
                let order = aggregate.order_by.iter().map(|order| &order.expr);
                for (number, arg) in aggregate.args.iter().chain(order).enumerate() {
                    let kind = crate::eval::Program::compile(arg, &inner)?.kind();
                    if number == 0 {
                        argument = kind;
                    }
                }
                let used = inner.used.into_inner();
                // What counts only columns of the query around belongs to that query.
                if !used.is_empty() && used.iter().all(|offset| *offset < self.base()) {
                    return Err(SqlError::not_supported("aggregate of an outer query"));
                }
                self.used.borrow_mut().extend(used);
                known.borrow_mut().push((aggregate.clone(), argument));
                known.borrow().len() - 1
            }
        };
        let argument = known.borrow()[at].1;
        let kind = crate::eval::aggregate::Accumulator::kind(aggregate.kind, argument);
        Ok((self.width() + at, kind))
    }

    fn subquery(&self, query: &Query) -> Result<(usize, Vec<ColumnKind>), SqlError> {
        self.nested(query, false)
    }

    fn exists(&self, query: &Query) -> Result<usize, SqlError> {
        self.nested(query, true).map(|(at, _)| at)
    }

    fn default_of(&self, column: Option<&ColumnName>) -> Result<Value, SqlError> {
        let Some(column) = column else {
            return Err(SqlError::not_supported("DEFAULT in an expression"));
        };
        let (number, at) = self.find(column)?;
        constant_default(&self.tables[number].opened.schema.columns[at])
    }
}

impl TableScope<'_> {
    fn nested(&self, query: &Query, exists: bool) -> Result<(usize, Vec<ColumnKind>), SqlError> {
        let same = |other: &Subquery| other.exists == exists && other.query == *query;
        let at = self.subqueries.iter().position(same);
        let at = at.ok_or_else(|| SqlError::not_supported("subquery"))?;
        let subquery = &self.subqueries[at];
        // It needs a table that is not joined yet.
        let base = self.tables.first().map_or(0, |first| first.offset);
        let late = |offset: &usize| base <= *offset && self.width() <= *offset;
        if subquery.refs.iter().any(late) {
            return Err(SqlError::unknown_column("", self.clause));
        }
        self.used.borrow_mut().extend(subquery.refs.iter().copied());
        Ok((at, subquery.kinds.clone()))
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
        // What AUTO_INCREMENT would fill in is no default.
        None if column.auto_increment => Ok(match column.ty.unsigned {
            true => Value::Uint(0),
            false => Value::Int(0),
        }),
        None if column.not_null || column.no_default => Err(error::no_default(&column.name)),
        None => Ok(Value::Null),
    }
}

pub fn kind_of(schema: &schema::Table, column: usize) -> ColumnKind {
    ColumnKind::of(&schema.columns[column].ty, schema.columns[column].collation)
}

/// Every column of these tables that is not hidden, in their order.
pub fn all_visible(tables: &[InScope]) -> Vec<Visible> {
    let mut visible = Vec::new();
    for (number, table) in tables.iter().enumerate() {
        let columns = table.opened.schema.columns.iter().enumerate();
        for (at, column) in columns {
            visible.push(Visible { name: column.name.clone(), table: number, column: at });
        }
    }
    visible
}

fn names(table: &InScope, column: &ColumnName) -> bool {
    let Some(name) = &column.table else { return true };
    let database = name.qualifier.as_ref();
    *table.alias == *name.name.0
        && database.is_none_or(|database| database.0 == table.opened.schema.database)
}

pub fn full_name(column: &ColumnName) -> String {
    match &column.table {
        Some(table) => match &table.qualifier {
            Some(database) => {
                let (database, table) = (database.as_str(), table.name.as_str());
                format!("{database}.{table}.{}", column.name.as_str())
            }
            None => format!("{}.{}", table.name.as_str(), column.name.as_str()),
        },
        None => column.name.as_str().to_string(),
    }
}
