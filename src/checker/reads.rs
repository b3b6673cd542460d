//! Which SELECTs are judged, and how an answer's rows are held against the tables' versions.
//!
//! Judged is `select columns from table where column = literal`, or `in (literals)`, of an owner
//! table, on the primaries, in a session without settings; in a transaction only where nothing was
//! written before. Not by a column of a lookup vindex that promises nothing, of several columns, or
//! near a change of the vschema, which vtgates hear of one by one. Others are counted.
//!
//! It knows nothing of routing.

use std::collections::BTreeSet;

use sim::mysql::schema::Table;
use sim::value::{Row, Value};

use crate::checker::clients::Answered;
use crate::checker::statement::{self, Form, Select, Sorted};
use crate::checker::verdict::At;
use crate::checker::versions::TableVersions;

/// A read that can be judged.
pub struct Read<'a> {
    pub table: &'a TableVersions,
    pub schema: &'a Table,
    /// What it may have seen begins here.
    pub since: At,
    /// The answer.
    pub given: &'a [Row],
    /// The column of the predicate, and the values that it allows.
    pub column: usize,
    values: BTreeSet<Sorted>,
    /// The columns that it shows.
    places: Vec<usize>,
}

impl<'a> Read<'a> {
    pub fn new(
        select: &Select,
        table: &'a TableVersions,
        since: At,
        given: &'a [Row],
    ) -> Option<Read<'a>> {
        let schema = table.schema.as_deref()?;
        if schema.columns.iter().any(|column| column.invisible) {
            return None;
        }
        let column = schema.column(&select.filter.column)?;
        let values = select.filter.sorted(schema.columns.get(column)?)?;
        let places = match &select.columns {
            None => (0..schema.columns.len()).collect(),
            Some(names) => {
                names.iter().map(|name| schema.column(name)).collect::<Option<Vec<_>>>()?
            }
        };
        let fits = given.iter().all(|row| row.len() == places.len());
        fits.then_some(Read { table, schema, since, given, column, values, places })
    }

    pub fn matches(&self, row: &Row) -> bool {
        let column = self.schema.columns.get(self.column).zip(row.get(self.column));
        let value = column.and_then(|(column, value)| statement::sorted(column, value));
        value.is_some_and(|value| self.values.contains(&value))
    }

    pub fn shown(&self, row: &Row) -> Option<Vec<Value>> {
        self.places.iter().map(|place| row.get(*place).cloned()).collect()
    }

    pub fn shows(&self, row: &Row, given: &[Value]) -> bool {
        let value = |(place, given): (&usize, &Value)| {
            row.get(*place).is_some_and(|value| value.to_wire() == given.to_wire())
        };
        self.places.len() == given.len() && self.places.iter().zip(given).all(value)
    }

    pub fn same(a: &[Value], b: &[Value]) -> bool {
        a.len() == b.len() && a.iter().zip(b).all(|(a, b)| a.to_wire() == b.to_wire())
    }
}

/// From when on a statement may have seen something; none where its transaction has written.
pub fn since(answered: &Answered) -> Option<At> {
    let Some(work) = answered.work.as_ref().filter(|work| work.is_explicit) else {
        return Some(answered.ask.at);
    };
    let only_reads = work.statements.iter().all(|said| {
        matches!(*said.form, Form::Begin | Form::Select(_) | Form::Savepoint | Form::RollbackTo)
    });
    only_reads.then_some(work.since)
}
