//! What clients do: transactions of a few statements over few rows and fewer values, so that they
//! meet.
//!
//! A run draws once which kinds of statements there are at all, and how often (a swarm): two kinds
//! that are rare together are common somewhere. Rows that were written are remembered, so that rows
//! of other tables may have the values that a shared vindex needs.

mod queries;
mod statements;

use std::ops::Range;

use sim::seed::Draw;

pub use self::queries::{BadQueries, Queries};
use self::statements::Kind;
use super::tables::{Column, ColumnVindex, Role, Table};

/// See the [module](self).
pub struct Workload<'a> {
    tables: &'a [Table],
    /// A team's own statements.
    queries: Option<&'a Queries>,
    mix: Mix,
    /// Rows that were written lately, as the values of their vindexes.
    remembered: Vec<Remembered>,
}

/// Which statements there are, and how often.
struct Mix {
    kinds: Vec<(u64, Kind)>,
    /// Different values of lookups, keys, sharding columns.
    values: u64,
    keys: u64,
    placings: u64,
    /// Percent of transactions that are explicit, and of those that are given up.
    explicit: u64,
    rolled_back: u64,
    /// Percent of statements with a savepoint before them.
    savepoints: u64,
    /// Percent of explicit transactions that are begun while another is open.
    begun_twice: u64,
    nulls: u64,
    /// Percent of statements that find their row by its value.
    by_value: u64,
    /// Percent of transactions that all clients begin at once, with one value.
    storms: u64,
    /// Percent of rows that take the values of a row of another table.
    alike: u64,
    /// Percent of values in capital letters.
    capitals: u64,
    /// Percent of UPDATEs and DELETEs with a destination in the table's name.
    destined: u64,
    /// Percent of transactions that only read a row, which was written lately or not.
    reads: u64,
    /// Percent of INSERTs that let a sequence fill in what it can.
    numbered: u64,
    /// Percent of statements of a transaction around which a row is looked for: that which was
    /// written last.
    looked_for: u64,
}

/// A row's values of a vindex, by its name.
type Remembered = (String, Vec<(String, Vec<String>)>);

/// As many rows are remembered.
const REMEMBERED: usize = 6;

impl<'a> Workload<'a> {
    pub fn draw(
        draw: &mut Draw,
        tables: &'a [Table],
        queries: Option<&'a Queries>,
    ) -> Workload<'a> {
        Workload { tables, queries, mix: Mix::draw(draw), remembered: Vec::new() }
    }

    /// What each session does first.
    pub fn settings(&self, draw: &mut Draw) -> Option<String> {
        let single = "set transaction_mode = 'single'".to_owned();
        draw.chance(10).then_some(single)
    }

    /// An INSERT of one row into a table that owns lookups.
    pub fn owner_row(&mut self, draw: &mut Draw) -> Option<String> {
        let table = self.owner(draw)?;
        let row = self.row(draw, table);
        Some(statements::insert(table, "insert", &[row]))
    }

    /// An INSERT of rows of a table, each with this value of its columns: no two have a key or a
    /// value in common.
    pub fn rows_apart(
        &mut self,
        draw: &mut Draw,
        (keyspace, bare): (&str, &str),
        numbers: Range<u64>,
    ) -> Option<String> {
        let mut tables = self.tables.iter();
        let table = tables.find(|own| own.keyspace == keyspace && own.bare == bare)?;
        let shape = self.row(draw, table);
        let roles = [Role::Key, Role::Placing, Role::Value];
        let rows: Vec<_> =
            numbers.map(|number| statements::apart(table, &shape, number, &roles)).collect();
        Some(statements::insert(table, "insert", &rows))
    }

    /// An UPDATE of a column of all rows of a table.
    pub fn change_all(
        &self,
        draw: &mut Draw,
        (keyspace, bare): (&str, &str),
        column: &str,
    ) -> Option<String> {
        let mut tables = self.tables.iter();
        let table = tables.find(|own| own.keyspace == keyspace && own.bare == bare)?;
        let column = table.columns.iter().find(|own| own.name == column)?;
        let (name, value) = (&column.name, self.known(draw, column));
        Some(format!("update {} set {name} = {value}", table.name))
    }

    fn owner(&self, draw: &mut Draw) -> Option<&'a Table> {
        let owners: Vec<&'a Table> = self.tables.iter().filter(|table| table.owns()).collect();
        if owners.is_empty() { None } else { Some(*draw.pick(&owners)) }
    }

    /// Now and then an INSERT for each client, all with the same values and different keys.
    pub fn storm(&mut self, draw: &mut Draw, clients: usize) -> Option<Vec<String>> {
        if !draw.chance(self.mix.storms) {
            return None;
        }
        let table = self.owner(draw)?;
        let shared = self.row(draw, table);
        let first = draw.between(1, self.mix.keys);
        let insert = |client: usize| {
            let number = |count: u64| 1 + (first + client as u64) % count.max(clients as u64);
            let own = shared.iter().map(|(at, value)| {
                let column = &table.columns[*at];
                let value = match column.role {
                    Role::Key => column.literal(number(self.mix.keys)),
                    Role::Placing => column.literal(number(self.mix.placings)),
                    // It follows the column that places the row.
                    Role::Mirror => "null".to_owned(),
                    Role::Value | Role::Other => value.clone(),
                };
                (*at, value)
            });
            statements::insert(table, "insert", &[own.collect()])
        };
        Some((0..clients).map(insert).collect())
    }

    /// The statements of one transaction.
    pub fn transaction(&mut self, draw: &mut Draw) -> Vec<String> {
        if let Some(queries) = self.queries
            && draw.chance(75)
        {
            return self.of_team(draw, queries);
        }
        if draw.chance(self.mix.reads) {
            return self.reading(draw);
        }
        if !draw.chance(self.mix.explicit) {
            return vec![self.statement(draw)];
        }
        let mut statements =
            vec![(*draw.pick(&["begin", "begin", "start transaction"])).to_owned()];
        for _ in 0..draw.between(1, 3) {
            if draw.chance(self.mix.savepoints) {
                let name = draw.pick(&["s", "s", "t"]);
                statements.push(format!("savepoint {name}"));
                statements.push(self.statement(draw));
                match draw.below(10) {
                    0..5 => statements.push(format!("rollback to {name}")),
                    5 => statements.push(format!("release savepoint {name}")),
                    _ => {}
                }
            } else if draw.chance(self.mix.looked_for) {
                let statement = self.statement(draw);
                let looks = self.look_for_last();
                statements.extend(looks.clone());
                statements.push(statement);
                statements.extend(looks);
            } else {
                statements.push(self.statement(draw));
            }
            if draw.chance(self.mix.savepoints / 2) {
                statements.push("rollback to s".to_owned());
            }
            if draw.chance(self.mix.begun_twice) {
                statements.push("begin".to_owned());
            }
        }
        let end = if draw.chance(self.mix.rolled_back) { "rollback" } else { "commit" };
        statements.push(end.to_owned());
        statements
    }

    /// Reads a row once, or several times in a transaction that does nothing else.
    fn reading(&mut self, draw: &mut Draw) -> Vec<String> {
        let last = if draw.chance(50) { self.look_for_last() } else { None };
        let read = last.unwrap_or_else(|| self.select(draw));
        if draw.chance(50) {
            return vec![read];
        }
        let mut statements = vec!["begin".to_owned()];
        statements.extend(std::iter::repeat_n(read, draw.between(2, 4) as usize));
        statements.push("commit".to_owned());
        statements
    }

    /// A row of a table, by column; columns that need no value may be left out.
    fn row(&mut self, draw: &mut Draw, table: &Table) -> Vec<(usize, String)> {
        let mut has_other = false;
        let mut row = Vec::new();
        for (at, column) in table.columns.iter().enumerate() {
            // One of the others is enough to show what a row is.
            let is_needed = column.role != Role::Other || !column.has_default || !has_other;
            has_other |= column.role == Role::Other;
            if is_needed {
                row.push((at, self.value(draw, column)));
            }
        }
        let others: Vec<&Remembered> =
            self.remembered.iter().filter(|(of, _)| *of != table.name).collect();
        if !others.is_empty() && draw.chance(self.mix.alike) {
            let (_, vindexes) = *draw.pick(&others);
            for vindex in &table.vindexes {
                let Some((_, values)) = vindexes.iter().find(|(name, _)| *name == vindex.name)
                else {
                    continue;
                };
                for (column, value) in vindex.columns.iter().zip(values) {
                    if let Some(own) = row.iter_mut().find(|(at, _)| at == column) {
                        own.1.clone_from(value);
                    }
                }
            }
        }
        self.mirror(draw, table, &mut row);
        self.remember(table, &row);
        row
    }

    /// Gives a mirror the value that it must have, now and then another.
    fn mirror(&self, draw: &mut Draw, table: &Table, row: &mut [(usize, String)]) {
        let Some(mirrored) = table.mirrored() else { return };
        let value = row.iter().find(|(at, _)| *at == mirrored).map(|(_, value)| value.clone());
        let mut own = row.iter_mut().filter(|(at, _)| table.columns[*at].role == Role::Mirror);
        if let (Some(own), Some(value)) = (own.next(), value)
            && own.1 != "null"
            && draw.chance(80)
        {
            own.1 = value;
        }
    }

    /// A SELECT of the row that was written last, by its value of a lookup.
    fn look_for_last(&self) -> Option<String> {
        let (name, vindexes) = self.remembered.last()?;
        let table = self.tables.iter().find(|table| table.name == *name)?;
        let of = |vindex: &&ColumnVindex| {
            let (_, values) = vindexes.iter().find(|(name, _)| *name == vindex.name)?;
            let column = &table.columns[*vindex.columns.first()?];
            let value = values.first().filter(|value| *value != "null")?;
            Some(format!("select * from {name} where {} = {value}", column.name))
        };
        table.lookups().iter().rev().find_map(of)
    }

    fn remember(&mut self, table: &Table, row: &[(usize, String)]) {
        let value = |column: &usize| {
            row.iter().find(|(at, _)| at == column).map(|(_, value)| value.clone())
        };
        let vindexes = table.vindexes.iter().filter_map(|vindex| {
            let values: Option<Vec<String>> = vindex.columns.iter().map(value).collect();
            Some((vindex.name.clone(), values?))
        });
        if self.remembered.len() == REMEMBERED {
            self.remembered.remove(0);
        }
        self.remembered.push((table.name.clone(), vindexes.collect()));
    }

    /// A value of a column, now and then NULL.
    fn value(&self, draw: &mut Draw, column: &Column) -> String {
        let nulls = match column.role {
            Role::Value => self.mix.nulls,
            Role::Mirror => 50,
            Role::Key | Role::Placing | Role::Other => 0,
        };
        if column.nullable && draw.chance(nulls) {
            return "null".to_owned();
        }
        self.known(draw, column)
    }

    /// A value of a column that is not NULL.
    fn known(&self, draw: &mut Draw, column: &Column) -> String {
        let count = match column.role {
            Role::Key => self.mix.keys,
            Role::Placing | Role::Mirror => self.mix.placings,
            Role::Value => self.mix.values,
            Role::Other => 2,
        };
        let literal = column.literal(draw.between(1, count));
        let is_capital = column.has_capitals && draw.chance(self.mix.capitals);
        if is_capital { literal.to_ascii_uppercase() } else { literal }
    }
}

impl Mix {
    fn draw(draw: &mut Draw) -> Mix {
        Mix {
            kinds: statements::draw(draw),
            values: *draw.pick(&[1, 1, 2, 3, 4]),
            keys: draw.between(2, 7),
            placings: draw.between(2, 6),
            explicit: *draw.pick(&[0, 30, 60, 100]),
            rolled_back: *draw.pick(&[0, 10, 30]),
            savepoints: *draw.pick(&[0, 0, 20, 60]),
            begun_twice: *draw.pick(&[0, 0, 0, 15]),
            nulls: *draw.pick(&[0, 0, 10, 40]),
            by_value: *draw.pick(&[0, 30, 60]),
            storms: *draw.pick(&[0, 0, 20, 50]),
            alike: *draw.pick(&[0, 60, 90]),
            capitals: *draw.pick(&[0, 0, 0, 30]),
            destined: *draw.pick(&[0, 0, 0, 0, 15]),
            reads: *draw.pick(&[0, 0, 0, 40]),
            numbered: *draw.pick(&[0, 50, 90]),
            looked_for: *draw.pick(&[0, 0, 30]),
        }
    }
}
