//! Which table a column belongs to.
//!
//! A qualified column is its table's. One without is the only table's that is known to have it, or
//! else the only one's that may; the innermost query that has such a table decides. See
//! `semantics/binder.go`.
//!
//! Of where in a statement the column stands it knows what the error's text hangs on.

use sim::sql::ast::{ColumnName, Expr, Ident};

use super::super::PlanError;
use super::Semantics;
use super::names::Clause;
use super::table_set::TableSet;
use super::tables::{Has, TableInfo};
use crate::key::Code;

/// The tables of a query's FROM, and those of the queries around it.
#[derive(Clone, Debug, Default)]
pub struct Scopes {
    /// The innermost is the last.
    pub levels: Vec<Vec<u32>>,
    /// Of a query within another, or of one side of a union.
    pub nested: bool,
}

/// What a column's name means.
#[derive(Clone, Debug, PartialEq)]
pub enum Meaning {
    Table(u32),
    /// Several tables may have it; no plan but a single route can carry it.
    Undecided,
    /// Two tables have it.
    Ambiguous,
    Unknown,
}

impl Semantics {
    pub fn meaning(&self, column: &ColumnName, scopes: &Scopes) -> Meaning {
        for level in scopes.levels.iter().rev() {
            let found = match &column.table {
                Some(_) => self.qualified(column, level),
                None => self.unqualified(column, level),
            };
            if found != Meaning::Unknown {
                return found;
            }
        }
        Meaning::Unknown
    }

    fn qualified(&self, column: &ColumnName, level: &[u32]) -> Meaning {
        let named = |number: &&u32| is_named(self.table(**number), column);
        match level.iter().find(named) {
            None => Meaning::Unknown,
            Some(number) => match self.table(*number).has(column.name.as_str()) {
                Has::No => Meaning::Unknown,
                _ => Meaning::Table(*number),
            },
        }
    }

    fn unqualified(&self, column: &ColumnName, level: &[u32]) -> Meaning {
        let with = |wanted: Has| {
            let has = move |number: &&u32| self.table(**number).has(column.name.as_str()) == wanted;
            level.iter().filter(has).collect::<Vec<_>>()
        };
        match (&with(Has::Certainly)[..], &with(Has::Possibly)[..]) {
            ([one], _) => Meaning::Table(**one),
            ([_, _, ..], _) => Meaning::Ambiguous,
            ([], [one]) => Meaning::Table(**one),
            ([], [_, _, ..]) => Meaning::Undecided,
            ([], []) => Meaning::Unknown,
        }
    }

    /// What USING has made one of several is the first table's.
    fn of_using(&self, column: &ColumnName, scopes: &Scopes) -> Option<Expr> {
        let level = scopes.levels.last()?;
        let having =
            |number: &&u32| self.table(**number).has(column.name.as_str()) == Has::Certainly;
        let having: TableSet = level.iter().filter(having).map(|it| TableSet::one(*it)).collect();
        let is_one = |(name, of): &&(Ident, TableSet)| {
            name.is(column.name.as_str()) && having.is_within(*of)
        };
        let (_, of) = self.using.iter().find(is_one)?;
        let first = level.iter().find(|number| of.contains(**number))?;
        let table = Some(self.qualifier(*first));
        Some(Expr::Bound(ColumnName { table, name: column.name.clone() }, *first))
    }

    /// Binds a column, or keeps or raises the error that its name is.
    pub fn bind(
        &mut self,
        column: ColumnName,
        scopes: &Scopes,
        clause: Clause,
    ) -> Result<Expr, PlanError> {
        let meaning = self.meaning(&column, scopes);
        if meaning == Meaning::Ambiguous
            && let Some(bound) = self.of_using(&column, scopes)
        {
            return Ok(bound);
        }
        match meaning {
            Meaning::Table(number) => return Ok(Expr::Bound(column, number)),
            _ if clause == Clause::Having => {
                return Err(unknown(&column, "having clause"));
            }
            Meaning::Ambiguous => return Err(ambiguous(&column)),
            Meaning::Undecided => self.one_route_only = Some(ambiguous(&column)),
            // A qualified one is of no column of the list: nobody looks further.
            Meaning::Unknown if clause == Clause::GroupBy && column.table.is_some() => {}
            Meaning::Unknown if clause == Clause::GroupBy => {
                return Err(unknown(&column, "group statement"));
            }
            Meaning::Unknown => {
                let table = match (&column.table, &scopes.levels[..]) {
                    // The only table that can be meant. What ORDER BY names may be of the list.
                    (None, [level])
                        if level.len() == 1 && clause == Clause::Other && !scopes.nested =>
                    {
                        format!(" in table '{}'", self.table(level[0]).written())
                    }
                    _ => String::new(),
                };
                let mut error = not_found(&column);
                error.message += &table;
                self.sharded_only = Some(error);
            }
        }
        Ok(Expr::Column(column))
    }
}

/// Whether a column's qualifier names the table.
pub fn is_named(table: &TableInfo, column: &ColumnName) -> bool {
    let Some(qualifier) = &column.table else { return false };
    qualifier.name == table.name
        && match &qualifier.qualifier {
            None => true,
            Some(keyspace) => table.keyspace.as_ref() == Some(keyspace),
        }
}

fn unknown(column: &ColumnName, clause: &str) -> PlanError {
    let text = format!("Unknown column '{}' in '{clause}'", column.name.as_str());
    PlanError::new(Code::InvalidArgument, text)
}

/// No table is known to have the column.
pub fn not_found(column: &ColumnName) -> PlanError {
    PlanError::new(Code::InvalidArgument, format!("column '{column}' not found"))
}

/// Several tables have the column. The text names the select list wherever the column stands.
pub fn ambiguous(column: &ColumnName) -> PlanError {
    let text = format!("Column '{column}' in field list is ambiguous");
    PlanError::new(Code::InvalidArgument, text)
}
