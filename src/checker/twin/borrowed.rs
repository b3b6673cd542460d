//! INSERTs into a table with a lookup that another table owns: each value must lead to its row's
//! keyspace id, which is to say that the owner has a row of that value and that keyspace id.
//!
//! It knows nothing of how vtgate asks.

use sim::value::{Row, Value};

use super::tables::{Borrowed, TwinTable};
use super::{Beside, REFUSED, Shown};
use crate::checker::clients::Answered;
use crate::checker::statement::{Given, Kind, Write, sorted};
use crate::history::Answer;

impl Beside {
    /// What an INSERT into such a table shows; none where it is to be held against one server's.
    pub(super) fn borrowing(
        &mut self,
        answered: &Answered,
        write: &Write,
        is_explicit: bool,
    ) -> Option<Shown> {
        let table = self.table(&write.table).filter(|table| !table.borrowed.is_empty())?;
        match write.kind {
            Kind::Insert => {}
            // What an UPDATE sets is asked for as well, if another column has not changed.
            Kind::Update => {
                let mut borrowed = table.borrowed.iter().map(|borrowed| &borrowed.column);
                let sets =
                    |name: &String| write.columns.iter().any(|c| c.eq_ignore_ascii_case(name));
                let is_asked = borrowed.any(sets);
                return is_asked.then_some(Shown::Over("an UPDATE of a borrowed lookup's column"));
            }
            Kind::Delete | Kind::LooseInsert => return None,
        }
        // In a transaction the pre list is asked, which has its own view of the entries.
        if is_explicit {
            return Some(Shown::Over("a lookup of another table's in a transaction"));
        }
        let rows = write.rows.iter().flatten();
        let all_led: Option<bool> = rows
            .map(|row| self.is_led(table, &write.columns, row))
            .try_fold(true, |all, led| Some(all && led?));
        let is_refused = match answered.answer {
            Answer::Error(error) => error.message.contains(REFUSED),
            Answer::Ok(_) => false,
            Answer::Unknown(_) => return Some(Shown::Over("no answer")),
        };
        match all_led {
            None => Some(Shown::Over("a value that is not compared")),
            Some(true) if is_refused => Some(Shown::Differs(vec![
                "told that a value does not lead to its row; a row of the owner has both"
                    .to_owned(),
            ])),
            Some(false) if is_refused => Some(Shown::Same),
            Some(false) if matches!(answered.answer, Answer::Ok(_)) => Some(Shown::Differs(vec![
                "told of success; no row of the owner has the value and the keyspace id".to_owned(),
            ])),
            // Whatever else is wrong with it.
            Some(false) => Some(Shown::Same),
            Some(true) => None,
        }
    }

    /// Whether each value of a row leads to it; none where that cannot be told.
    fn is_led(
        &self,
        table: &TwinTable,
        columns: &[std::rc::Rc<str>],
        row: &[Given],
    ) -> Option<bool> {
        let given = |name: &str| {
            let place = columns.iter().position(|column| column.eq_ignore_ascii_case(name));
            place.map_or(Some(&Given::Null), |place| row.get(place))
        };
        let mut all = true;
        for borrowed in &table.borrowed {
            let value = given(&borrowed.column)?;
            // NULL is not asked for.
            if *value == Given::Null {
                continue;
            }
            let placed: Option<Vec<(&String, &Given)>> = borrowed
                .placed_by
                .iter()
                .map(|(own, theirs)| Some((theirs, given(own)?)))
                .collect();
            let mut wanted = placed?;
            wanted.push((&borrowed.owner_column, value));
            all &= self.owner_has(table, borrowed, &wanted)?;
        }
        Some(all)
    }

    fn owner_has(
        &self,
        table: &TwinTable,
        borrowed: &Borrowed,
        wanted: &[(&String, &Given)],
    ) -> Option<bool> {
        let is = |known: &&TwinTable| {
            known.keyspace == table.keyspace && *known.schema.name == *borrowed.owner
        };
        let owner = self.tables.iter().find(is)?;
        let places = wanted.iter().map(|(name, given)| {
            let place = owner.schema.column(name)?;
            let column = owner.schema.columns.get(place)?;
            Some((place, column, given.sorted(column)?))
        });
        let places = places.collect::<Option<Vec<_>>>()?;
        let rows: Vec<Row> = self.server.rows(&table.keyspace, &owner.schema.name);
        let has = |row: &Row| {
            places.iter().all(|(place, column, wanted)| {
                let value: Option<&Value> = row.get(*place);
                value.and_then(|value| sorted(column, value)).as_ref() == Some(wanted)
            })
        };
        Some(rows.iter().any(has))
    }
}
