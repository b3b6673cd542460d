//! The judge's own tables: one server's rows, made from the row images of its commits.
//!
//! Rows are kept by clustered key, or by the whole row where a table has none. A change of a
//! table's shape carries values over by column name; what a new column then holds is not in the
//! binlog, so the table counts as stale until a server's image has replaced it.
//!
//! It knows nothing of shards, vindexes or who is primary.

use std::collections::BTreeMap;
use std::sync::Arc;

use sim::collation::Collation;
use sim::mysql::binlog::RowChange;
use sim::mysql::gtid::{Gtid, GtidSet};
use sim::mysql::key::{Key, KeyBuilder};
use sim::mysql::schema::Table;
use sim::mysql::server::TableImage;
use sim::value::{Row, Value};

/// What a server holds and has executed.
#[derive(Default)]
pub struct Copy {
    /// By database and table.
    pub databases: BTreeMap<Arc<str>, BTreeMap<Arc<str>, Rows>>,
    pub executed: GtidSet,
    /// In the order of its commits.
    pub log: Vec<Gtid>,
}

/// A table's rows.
pub struct Rows {
    pub schema: Arc<Table>,
    rows: BTreeMap<Key, (Row, u32)>,
    pub stale: bool,
}

/// A change that the rows don't allow: the images tell another story.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Misfit;

impl Copy {
    pub fn table(&self, database: &str, name: &str) -> Option<&Rows> {
        self.databases.get(database)?.get(name)
    }

    /// The table, in this shape; made where it isn't there. Says whether its shape has changed.
    pub fn table_in_shape(&mut self, schema: &Arc<Table>) -> (&mut Rows, bool) {
        let tables = self.databases.entry(Arc::clone(&schema.database)).or_default();
        let rows = tables.entry(Arc::clone(&schema.name)).or_insert_with(|| Rows::new(schema));
        let reshaped = !Arc::ptr_eq(&rows.schema, schema) && rows.reshape(schema);
        (rows, reshaped)
    }

    pub fn forget(&mut self, database: &str, name: Option<&str>) {
        match name {
            Some(name) => {
                self.databases.get_mut(database).and_then(|tables| tables.remove(name));
            }
            None => {
                self.databases.remove(database);
            }
        }
    }

    pub fn tables(&self) -> impl Iterator<Item = &Rows> {
        self.databases.values().flat_map(BTreeMap::values)
    }
}

impl Rows {
    pub fn new(schema: &Arc<Table>) -> Rows {
        Rows { schema: Arc::clone(schema), rows: BTreeMap::new(), stale: false }
    }

    pub fn of_image(image: &TableImage) -> Rows {
        let mut rows = Rows::new(&image.schema);
        for row in &image.rows {
            rows.add(row);
        }
        rows
    }

    pub fn apply(&mut self, change: &RowChange) -> Result<(), Misfit> {
        if let Some(before) = &change.before {
            self.take(before)?;
        }
        if let Some(after) = &change.after
            && !self.add(after)
        {
            return Err(Misfit);
        }
        Ok(())
    }

    /// The key that a row has here.
    pub fn key(&self, row: &[Value]) -> Key {
        if !self.schema.has_hidden_row_id() && self.schema.columns.len() <= row.len() {
            return self.schema.key_of_row(0, row);
        }
        let mut builder = KeyBuilder::new();
        row.iter().for_each(|value| builder.push(value, Collation::Binary, false));
        builder.finish()
    }

    /// Whether a row with this one's primary key is there.
    pub fn has_key_of(&self, row: &[Value]) -> bool {
        !self.schema.has_hidden_row_id() && self.rows.contains_key(&self.key(row))
    }

    pub fn iter(&self) -> impl Iterator<Item = (&Key, &Row)> {
        self.rows.iter().flat_map(|(key, (row, count))| (0..*count).map(move |_| (key, row)))
    }

    pub fn len(&self) -> usize {
        self.rows.values().map(|(_, count)| *count as usize).sum()
    }

    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// The first row that one has and the other lacks.
    pub fn difference(&self, other: &Rows) -> Option<Difference> {
        let lacks = |a: &Rows, b: &Rows| {
            let same = |(row, count): &(Row, u32), (other, others): &(Row, u32)| {
                count == others && (Arc::ptr_eq(row, other) || row == other)
            };
            let missing = a
                .rows
                .iter()
                .find(|(key, held)| !b.rows.get(key).is_some_and(|other| same(held, other)));
            missing.map(|(_, (row, _))| Row::clone(row))
        };
        match (lacks(self, other), lacks(other, self)) {
            (None, None) => None,
            (own, theirs) => Some(Difference { own, theirs }),
        }
    }

    /// Says whether the place was free.
    fn add(&mut self, row: &Row) -> bool {
        let key = self.key(row);
        let hidden = self.schema.has_hidden_row_id();
        let held = self.rows.entry(key).or_insert_with(|| (Row::clone(row), 0));
        let free = held.1 == 0 || hidden;
        held.0 = Row::clone(row);
        held.1 = if hidden { held.1 + 1 } else { 1 };
        free
    }

    fn take(&mut self, row: &Row) -> Result<(), Misfit> {
        let key = self.key(row);
        let Some(held) = self.rows.get_mut(&key) else { return Err(Misfit) };
        let same = self.stale || held.0 == *row;
        held.1 -= 1;
        if held.1 == 0 {
            self.rows.remove(&key);
        }
        if same { Ok(()) } else { Err(Misfit) }
    }

    fn reshape(&mut self, schema: &Arc<Table>) -> bool {
        let old = std::mem::replace(&mut self.schema, Arc::clone(schema));
        if *old == **schema {
            return false;
        }
        let from: Vec<Option<usize>> =
            schema.columns.iter().map(|column| old.column(&column.name)).collect();
        self.stale = self.stale || from.iter().any(Option::is_none);
        let rows = std::mem::take(&mut self.rows);
        for (row, count) in rows.into_values() {
            let value = |place: &Option<usize>| {
                place.and_then(|place| row.get(place).cloned()).unwrap_or(Value::Null)
            };
            let carried: Row = from.iter().map(value).collect();
            (0..count).for_each(|_| {
                self.add(&carried);
            });
        }
        true
    }
}

/// Rows in which two tables differ.
#[derive(Clone, Debug, PartialEq)]
pub struct Difference {
    pub own: Option<Row>,
    pub theirs: Option<Row>,
}
