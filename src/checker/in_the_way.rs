//! A row that is refused as a duplicate, or ignored as one, had another in its way.
//!
//! The counterexamples that it exists for. A server does not wait for the row of a transaction that
//! is rolled back in the end; and INSERT IGNORE drops a row that has no entry since its value is
//! NULL:
//!
//! ```text
//!   b: begin; insert order 5
//!   a: insert order 5                            1062, at once
//!   b: rollback
//!   a: insert ignore order 6, sku null           0 rows
//! ```
//!
//! Nor is a row refused for a NULL that none of its lookups would write. Judged for one row outside
//! of BEGIN: where the error names the primary key of the statement's own table, and where IGNORE
//! has left out a row whose values of all lookups are NULL. A row with its key must have been
//! committed at some time between question and answer.
//!
//! It knows nothing of entries.

use sim::mysql::schema::Table;
use sim::sql_error::SqlError;

use crate::checker::clients::Answered;
use crate::checker::judge::Judge;
use crate::checker::statement::{self, Given, Kind, Write};
use crate::checker::versions::TableVersions;
use crate::history::Answer;

const DUPLICATE: u16 = 1062;
const IS_NULL: u16 = 1048;

impl Judge {
    /// What a client was told of a row that nothing was in the way of.
    pub(super) fn refused_for_nothing(&self, answered: &Answered) -> Option<String> {
        let write = answered.ask.form.write()?;
        if self.leaves_nulls_out(write) && is_refused_null(answered) {
            return Some("told that an entry's column is NULL; its lookups leave NULLs out".into());
        }
        let mut works = answered.ask.ended.iter().chain(&answered.work);
        if works.any(|work| work.is_explicit) || answered.has_settings {
            return None;
        }
        let (_, table) = self.versions.table(write.keyspace.as_deref(), &write.table)?;
        let schema = table.schema.as_deref()?;
        let is_refused = match answered.answer {
            Answer::Error(error) => write.kind == Kind::Insert && names_key(error, schema),
            Answer::Ok(outcome) => {
                let is_ignored = is_ignoring(&answered.ask.sql) && outcome.affected == 0;
                is_ignored && write.kind == Kind::LooseInsert && self.has_no_value(write, schema)
            }
            Answer::Unknown(_) => false,
        };
        let is_free = is_refused && key_was_free(write, table, schema, answered)?;
        is_free.then(|| "told of a row in the way; no row had its key".to_owned())
    }

    /// Whether all lookups of a table have no entry of a row with a NULL.
    fn leaves_nulls_out(&self, write: &Write) -> bool {
        let all = self.vindexes.iter().map(|vindex| &vindex.watched);
        let mut own =
            all.filter(|own| own.owner.table.eq_ignore_ascii_case(&write.table)).peekable();
        own.peek().is_some() && own.all(|own| own.ignores_nulls) && self.is_consistent(write)
    }

    /// Whether the values of all lookups of its table are NULL, in columns that may be, and nothing
    /// but its primary key may be in the way.
    fn has_no_value(&self, write: &Write, schema: &Table) -> bool {
        let is_null = |name: &String| {
            let at = write.columns.iter().position(|column| column.eq_ignore_ascii_case(name));
            let given = at.zip(write.rows.as_ref()?.first()).and_then(|(at, row)| row.get(at))?;
            let column = schema.columns.get(schema.column(name)?)?;
            Some(*given == Given::Null && !column.not_null)
        };
        let owner = |index: &usize| &self.vindexes[*index].watched.owner;
        let all = 0..self.vindexes.len();
        let mut own =
            all.filter(|at| owner(at).table.eq_ignore_ascii_case(&write.table)).peekable();
        let has_one_key = schema.constraints.is_empty()
            && schema.indexes.iter().filter(|index| index.unique).count() == 1;
        let is_judged = has_one_key
            && own.peek().is_some()
            && self.is_consistent(write)
            && !self.borrows(write);
        is_judged && own.all(|at| owner(&at).columns.iter().any(|name| is_null(name) == Some(true)))
    }
}

/// Whether an error names a table's primary key.
fn names_key(error: &SqlError, schema: &Table) -> bool {
    let key = format!(" for key '{}.PRIMARY'", schema.name);
    error.errno == DUPLICATE && error.message.contains(&key)
}

/// Whether it was a lookup's entry that was refused for a NULL.
fn is_refused_null(answered: &Answered) -> bool {
    let Answer::Error(error) = answered.answer else { return false };
    error.errno == IS_NULL && error.message.contains("lookup.Create: ")
}

fn is_ignoring(sql: &str) -> bool {
    let words = sql.trim_start().to_ascii_lowercase();
    words.starts_with("insert ignore") && !words.contains("on duplicate")
}

/// Whether no row had the key of the only row; none where it is not known.
fn key_was_free(
    write: &Write,
    table: &TableVersions,
    schema: &Table,
    answered: &Answered,
) -> Option<bool> {
    if write.rows.as_ref()?.len() != 1 {
        return None;
    }
    let keys = Write { kind: Kind::Insert, ..write.clone() }.keys(schema)?;
    let mut known = table.since(answered.ask.at);
    let has = |row| statement::key_of(schema, row).is_some_and(|key| keys.contains(&key));
    Some(!known.any(|version| has(&version.row)))
}
