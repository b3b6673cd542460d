//! What vtgate fills in of an INSERT's rows: numbers of a sequence, as its client was told, and the
//! columns that the primary vindex is for as well.
//!
//! Such a mirror has the value of the column that places the row. A value that is given must be
//! that one; else the row is refused.
//!
//! It knows nothing of how vtgate does that.

use std::rc::Rc;
use std::sync::Arc;

use sim::mysql::schema::Column;
use sim::sql::ast::{Expr, Ident, Insert, InsertSource, Literal, Statement};

use super::tables::TwinTable;
use super::{Beside, REFUSED, Shown};
use crate::checker::clients::Answered;
use crate::checker::statement::{Given, Kind, Write, given, write_of_insert};
use crate::history::Answer;

/// An INSERT as one server is given it.
pub(super) enum Completed {
    /// Nothing is filled in.
    AsItIs,
    With(Arc<Statement>, Box<Write>),
    /// Its client was not told of the numbers.
    Unknown,
}

impl Beside {
    pub(super) fn completed(&self, answered: &Answered, write: &Write) -> Completed {
        let Some(table) = self.table(&write.table).filter(|table| table.fills()) else {
            return Completed::AsItIs;
        };
        let Ok(parsed) = sim::sql::parse_once(&answered.ask.sql) else { return Completed::AsItIs };
        let Statement::Insert(insert) = &*parsed else { return Completed::AsItIs };
        let mut insert = insert.clone();
        if let Some(numbered) = &table.numbered {
            let first = match answered.answer {
                Answer::Ok(outcome) => Some(outcome.last_insert_id).filter(|first| *first != 0),
                _ => None,
            };
            if number(&mut insert, numbered, first).is_none() {
                return Completed::Unknown;
            }
        }
        for (mirror, placing) in &table.mirrors {
            mirror_of(&mut insert, mirror, placing);
        }
        match write_of_insert(insert.clone()) {
            Some(write) => Completed::With(Arc::new(Statement::Insert(insert)), Box::new(write)),
            None => Completed::AsItIs,
        }
    }

    /// A mirror with another value; none where all are as they must be.
    pub(super) fn misplaced(&self, answered: &Answered, write: &Write) -> Option<Shown> {
        let table = self.table(&write.table).filter(|table| !table.mirrors.is_empty())?;
        let names = |name: &Rc<str>| {
            table.mirrors.iter().any(|(mirror, _)| mirror.eq_ignore_ascii_case(name))
        };
        if write.kind == Kind::Update {
            let sets = write.columns.iter().any(names);
            return sets.then_some(Shown::Over("an UPDATE of another vindex's column"));
        }
        let rows = write.rows.as_ref()?;
        let is_misplaced = rows.iter().any(|row| is_misplaced(table, &write.columns, row));
        let is_refused = match answered.answer {
            Answer::Error(error) => error.message.contains(REFUSED),
            _ => false,
        };
        let says = |text: &str| Some(Shown::Differs(vec![text.to_owned()]));
        match (is_misplaced, answered.answer) {
            (true, _) if write.kind == Kind::LooseInsert => Some(Shown::Over("a row left out")),
            (true, Answer::Ok(_)) => says("told of success; a value leads to another keyspace id"),
            // Whatever else is wrong with it.
            (true, _) => Some(Shown::Same),
            (false, _) if is_refused && table.borrowed.is_empty() => {
                says("told that a value does not lead to its row; it does")
            }
            (false, _) => None,
        }
    }
}

impl TwinTable {
    fn fills(&self) -> bool {
        self.numbered.is_some() || !self.mirrors.is_empty()
    }
}

/// Gives numbers from the first on to the rows that ask for one; none where that is not known.
fn number(insert: &mut Insert, column: &str, first: Option<u64>) -> Option<()> {
    let place = place(insert, column)?;
    let InsertSource::Values(rows) = &mut insert.source else { return Some(()) };
    let mut next = first;
    for row in rows {
        let expr = row.get_mut(place)?;
        if matches!(given(expr), Given::Null | Given::Number(0)) {
            let number = next?;
            *expr = Expr::Literal(Literal::Integer(number.to_string().into()));
            next = number.checked_add(1);
        }
    }
    Some(())
}

/// Gives a mirror that is NULL its value.
fn mirror_of(insert: &mut Insert, mirror: &str, placing: &str) {
    let (Some(own), Some(placing)) = (place(insert, mirror), place(insert, placing)) else {
        return;
    };
    let InsertSource::Values(rows) = &mut insert.source else { return };
    for row in rows {
        if let Some(value) = row.get(placing).cloned()
            && row.get(own).is_some_and(|expr| given(expr) == Given::Null)
        {
            row[own] = value;
        }
    }
}

/// Where a column stands; one that was left out is added, with NULLs.
fn place(insert: &mut Insert, column: &str) -> Option<usize> {
    let columns = insert.columns.as_mut()?;
    let known = columns.iter().position(|name| name.as_str().eq_ignore_ascii_case(column));
    if known.is_some() {
        return known;
    }
    columns.push(Ident::new(column));
    if let InsertSource::Values(rows) = &mut insert.source {
        rows.iter_mut().for_each(|row| row.push(Expr::Literal(Literal::Null)));
    }
    Some(columns.len() - 1)
}

fn is_misplaced(table: &TwinTable, columns: &[Rc<str>], row: &[Given]) -> bool {
    let value = |name: &str| {
        let place = columns.iter().position(|column| column.eq_ignore_ascii_case(name))?;
        let column: &Column = table.schema.columns.get(table.schema.column(name)?)?;
        row.get(place)?.sorted(column)
    };
    table.mirrors.iter().any(|(mirror, placing)| {
        value(mirror).is_some_and(|own| value(placing).is_some_and(|placed| placed != own))
    })
}
