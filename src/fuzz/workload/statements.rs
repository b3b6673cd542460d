//! The kinds of statements, and how each is written for a table.

use sim::seed::Draw;

use super::Workload;
use crate::fuzz::tables::{Column, Role, Table};

/// What a statement does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Insert,
    InsertRows,
    /// More rows than a digit counts.
    InsertMany,
    InsertIgnore,
    InsertSelect,
    Upsert,
    Replace,
    UpdateValue,
    /// Several lookups' columns, or one to what it is.
    UpdateValues,
    UpdateOther,
    Delete,
    DeleteMany,
    /// The first of several rows, or any.
    UpdateFirst,
    DeleteFirst,
    Select,
    SelectForUpdate,
    SelectIn,
    /// Sorted, perhaps by a column that is not shown.
    SelectSorted,
    /// The first rows of a table.
    SelectFirst,
    /// A line for each value.
    SelectGrouped,
    SelectDistinct,
    SelectAll,
}

/// How often each is drawn where it is on, and in how many runs of a hundred it is.
const KINDS: [(u64, u64, Kind); 22] = [
    (10, 70, Kind::Insert),
    (4, 70, Kind::InsertRows),
    (1, 12, Kind::InsertMany),
    (3, 30, Kind::InsertIgnore),
    (1, 15, Kind::InsertSelect),
    (1, 15, Kind::Upsert),
    (1, 10, Kind::Replace),
    (6, 70, Kind::UpdateValue),
    (2, 30, Kind::UpdateValues),
    (2, 70, Kind::UpdateOther),
    (6, 70, Kind::Delete),
    (1, 15, Kind::DeleteMany),
    (1, 10, Kind::UpdateFirst),
    (1, 10, Kind::DeleteFirst),
    (3, 70, Kind::Select),
    (2, 70, Kind::SelectForUpdate),
    (1, 70, Kind::SelectIn),
    (1, 30, Kind::SelectSorted),
    (1, 20, Kind::SelectFirst),
    (1, 20, Kind::SelectGrouped),
    (1, 20, Kind::SelectDistinct),
    (1, 30, Kind::SelectAll),
];

/// Which kinds a run has.
pub(super) fn draw(draw: &mut Draw) -> Vec<(u64, Kind)> {
    let mut kinds = Vec::new();
    for (weight, percent, kind) in KINDS {
        if draw.chance(percent) {
            kinds.push((weight * draw.between(1, 4), kind));
        }
    }
    if !kinds.iter().any(|(_, kind)| matches!(kind, Kind::Insert | Kind::InsertRows)) {
        kinds.push((10, Kind::Insert));
    }
    kinds
}

/// `insert into t (a, b) values (1, 2), (3, 4)`; all rows have the same columns.
pub(super) fn insert(table: &Table, words: &str, rows: &[Vec<(usize, String)>]) -> String {
    let columns = rows.iter().take(1).flatten();
    let columns: Vec<&str> = columns.map(|(at, _)| &*table.columns[*at].name).collect();
    let rows = rows.iter().map(|row| {
        let values: Vec<&str> = row.iter().map(|(_, value)| &**value).collect();
        format!("({})", values.join(", "))
    });
    let rows: Vec<String> = rows.collect();
    format!("{words} into {} ({}) values {}", table.name, columns.join(", "), rows.join(", "))
}

/// A row like another, but that columns of these roles have the nth value.
pub(super) fn apart(
    table: &Table,
    shape: &[(usize, String)],
    nth: u64,
    roles: &[Role],
) -> Vec<(usize, String)> {
    let value = |(at, value): &(usize, String)| {
        let column = &table.columns[*at];
        let value = match column.role {
            // It follows the column that places the row.
            Role::Mirror => "null".to_owned(),
            role if roles.contains(&role) => column.literal(nth),
            _ => value.clone(),
        };
        (*at, value)
    };
    shape.iter().map(value).collect()
}

impl<'a> Workload<'a> {
    pub(super) fn statement(&mut self, draw: &mut Draw) -> String {
        let table = self.table(draw);
        match draw.weighted(&self.mix.kinds) {
            Kind::Insert => self.insert(draw, table, 1, "insert"),
            Kind::InsertRows => {
                let rows = draw.between(2, 3);
                self.insert(draw, table, rows, "insert")
            }
            Kind::InsertMany => self.insert_many(draw, table),
            Kind::InsertIgnore => {
                let rows = if draw.chance(70) { 1 } else { 2 };
                self.insert(draw, table, rows, "insert ignore")
            }
            Kind::InsertSelect => self.insert_select(draw, table),
            Kind::Replace => self.insert(draw, table, 1, "replace"),
            Kind::Upsert => {
                let rows = if draw.chance(70) { 1 } else { draw.between(2, 3) };
                let insert = self.insert(draw, table, rows, "insert");
                match self.change_instead(draw, table) {
                    Some(change) => format!("{insert} on duplicate key update {change}"),
                    None => insert,
                }
            }
            Kind::UpdateValue => match self.lookup_columns(draw, table).first() {
                Some(at) => self.update(draw, table, &[*at]),
                None => self.update_other(draw, table),
            },
            Kind::UpdateValues => match table.columns_of(Role::Value) {
                columns if columns.is_empty() => self.update_other(draw, table),
                columns => self.update(draw, table, &columns),
            },
            Kind::UpdateOther => self.update_other(draw, table),
            Kind::Delete => {
                format!(
                    "delete from {} where {}",
                    self.named(draw, table),
                    self.filter(draw, table)
                )
            }
            Kind::DeleteMany => {
                format!("delete from {} where {}", self.named(draw, table), self.range(draw, table))
            }
            Kind::UpdateFirst => {
                let update = match table.columns_of(Role::Value) {
                    columns if columns.is_empty() || draw.chance(50) => {
                        let Some(change) = self.other(draw, table) else {
                            return self.update_other(draw, table);
                        };
                        format!("update {} set {change}", table.name)
                    }
                    columns => {
                        let column = &table.columns[*draw.pick(&columns)];
                        let value = self.value(draw, column);
                        format!("update {} set {} = {value}", table.name, column.name)
                    }
                };
                format!("{update} where {}", self.first_of(draw, table))
            }
            Kind::DeleteFirst => {
                format!("delete from {} where {}", table.name, self.first_of(draw, table))
            }
            Kind::Select => {
                format!("select * from {} where {}", table.name, self.value_filter(draw, table))
            }
            Kind::SelectForUpdate => {
                let filter = self.filter(draw, table);
                format!("select * from {} where {filter} for update", table.name)
            }
            Kind::SelectIn => {
                format!("select * from {} where {}", table.name, self.in_list(draw, table))
            }
            Kind::SelectSorted => {
                let hidden = draw.pick(&table.columns).name.clone();
                let shown = draw.pick(&table.columns).name.clone();
                let shown = if draw.chance(50) { all_columns(table) } else { shown };
                let filter = if draw.chance(50) {
                    self.in_list(draw, table)
                } else {
                    self.range(draw, table)
                };
                let down = if draw.chance(30) { " desc" } else { "" };
                format!("select {shown} from {} where {filter} order by {hidden}{down}", table.name)
            }
            Kind::SelectFirst => self.select_first(draw, table),
            Kind::SelectGrouped => self.select_grouped(draw, table),
            Kind::SelectDistinct => {
                let (shown, filter) = (&draw.pick(&table.columns).name, self.range(draw, table));
                format!("select distinct {shown} from {} where {filter}", table.name)
            }
            Kind::SelectAll => {
                let (name, filter) = (&table.name, self.range(draw, table));
                match draw.chance(50) {
                    true => format!("select * from {name} where {filter}"),
                    false => format!("select count(*) from {name} where {filter}"),
                }
            }
        }
    }

    /// What ON DUPLICATE KEY UPDATE does to the row that is there: it may take the new row's value.
    fn change_instead(&self, draw: &mut Draw, table: &Table) -> Option<String> {
        let values = table.columns_of(Role::Value);
        if values.is_empty() || !draw.chance(40) {
            return self.other(draw, table);
        }
        let name = &table.columns[*draw.pick(&values)].name;
        Some(format!("{name} = values({name})"))
    }

    /// A filter of several rows, of which some are taken: mostly the first by their key.
    fn first_of(&self, draw: &mut Draw, table: &Table) -> String {
        let filter =
            if draw.chance(30) { self.filter(draw, table) } else { self.range(draw, table) };
        let key = table.columns_of(Role::Key);
        let names: Vec<&str> = key.iter().map(|at| &*table.columns[*at].name).collect();
        let order = match draw.chance(80) && !names.is_empty() {
            true => format!(" order by {}", names.join(", ")),
            false => String::new(),
        };
        format!("{filter}{order} limit {}", draw.between(1, 2))
    }

    /// A SELECT of few rows.
    pub(super) fn select(&self, draw: &mut Draw) -> String {
        let table = self.table(draw);
        format!("select * from {} where {}", table.name, self.filter(draw, table))
    }

    /// The owners of lookups more often than others, however many there are of those.
    fn table(&self, draw: &mut Draw) -> &'a Table {
        let owner = if draw.chance(60) { self.owner(draw) } else { None };
        owner.unwrap_or_else(|| draw.pick(self.tables))
    }

    /// The rows that come first by the key, now and then by another column before it.
    fn select_first(&self, draw: &mut Draw, table: &Table) -> String {
        let key = table.columns_of(Role::Key);
        let first = if draw.chance(40) { Some(draw.pick(&table.columns)) } else { None };
        let columns = first.into_iter().chain(key.iter().map(|at| &table.columns[*at]));
        let columns: Vec<&str> = columns.map(|column| &*column.name).collect();
        let filter = self.range(draw, table);
        let limit = match draw.chance(30) {
            true => format!("{}, {}", draw.between(1, 2), draw.between(1, 3)),
            false => draw.between(1, 3).to_string(),
        };
        let (name, order) = (&table.name, columns.join(", "));
        match columns.is_empty() {
            true => format!("select * from {name} where {filter}"),
            false => {
                let shown = all_columns(table);
                format!("select {shown} from {name} where {filter} order by {order} limit {limit}")
            }
        }
    }

    fn select_grouped(&self, draw: &mut Draw, table: &Table) -> String {
        let by = &draw.pick(&table.columns).name;
        let of = draw.pick(&table.columns);
        let mut calls = vec!["count(*)".to_owned()];
        calls.push(format!("{}({})", draw.pick(&["min", "max", "count"]), of.name));
        if of.is_number() {
            calls.push(format!("sum({})", of.name));
        }
        let (name, calls, filter) = (&table.name, calls.join(", "), self.range(draw, table));
        let having = if draw.chance(25) { " having count(*) > 1" } else { "" };
        match draw.chance(70) {
            true => {
                format!("select {by}, {calls} from {name} where {filter} group by {by}{having}")
            }
            false => format!("select {calls} from {name} where {filter}"),
        }
    }

    /// A table's name; now and then with a destination in it.
    fn named(&self, draw: &mut Draw, table: &Table) -> String {
        if table.vindexes.is_empty() || !draw.chance(self.mix.destined) {
            return table.name.clone();
        }
        let range = draw.pick(&["-", "-", "-80", "80-"]);
        format!("`{}[{range}]`.{}", table.keyspace, table.bare)
    }

    fn insert(&mut self, draw: &mut Draw, table: &Table, rows: u64, words: &str) -> String {
        let mut rows: Vec<Vec<(usize, String)>> =
            (0..rows).map(|_| self.row(draw, table)).collect();
        self.leave_to_sequence(draw, table, &mut rows);
        let may_go = |column: &Column| column.role == Role::Mirror;
        if draw.chance(30) {
            rows.iter_mut().for_each(|row| row.retain(|(at, _)| !may_go(&table.columns[*at])));
        }
        insert(table, words, &rows)
    }

    /// Now and then rows have no value where a sequence gives one: all, or some of them.
    fn leave_to_sequence(&self, draw: &mut Draw, table: &Table, rows: &mut [Vec<(usize, String)>]) {
        let numbered = table.columns.iter().position(|column| column.is_numbered);
        let Some(numbered) = numbered.filter(|_| draw.chance(self.mix.numbered)) else { return };
        if draw.chance(60) {
            return rows.iter_mut().for_each(|row| row.retain(|(at, _)| *at != numbered));
        }
        let own = rows.iter_mut().flatten().filter(|(at, _)| *at == numbered);
        for (_, value) in own {
            if draw.chance(80) {
                *value = (*draw.pick(&["null", "null", "0"])).to_owned();
            }
        }
    }

    /// As many rows as have two digits, no two with a key or a value in common.
    fn insert_many(&mut self, draw: &mut Draw, table: &Table) -> String {
        let shape = self.row(draw, table);
        let roles = [Role::Key, Role::Value];
        let rows: Vec<Vec<(usize, String)>> =
            (1..=draw.between(11, 13)).map(|nth| apart(table, &shape, nth, &roles)).collect();
        insert(table, "insert", &rows)
    }

    /// A row that is there once more, with another key and perhaps another value.
    fn insert_select(&mut self, draw: &mut Draw, table: &Table) -> String {
        let row = self.row(draw, table);
        let keeps_value = draw.chance(50);
        let column = |at: usize| &*table.columns[at].name;
        let names: Vec<&str> = row.iter().map(|(at, _)| column(*at)).collect();
        let taken = row.iter().map(|(at, value)| match table.columns[*at].role {
            Role::Key | Role::Mirror => &**value,
            Role::Value if !keeps_value => value,
            _ => column(*at),
        });
        let taken: Vec<&str> = taken.collect();
        let (name, filter) = (&table.name, self.filter(draw, table));
        format!(
            "insert into {name} ({}) select {} from {name} where {filter}",
            names.join(", "),
            taken.join(", ")
        )
    }

    fn update(&self, draw: &mut Draw, table: &Table, columns: &[usize]) -> String {
        let set = columns.iter().map(|at| {
            let column = &table.columns[*at];
            format!("{} = {}", column.name, self.value(draw, column))
        });
        let set: Vec<String> = set.collect();
        let (name, filter) = (self.named(draw, table), self.filter(draw, table));
        format!("update {name} set {} where {filter}", set.join(", "))
    }

    fn update_other(&self, draw: &mut Draw, table: &Table) -> String {
        let (name, filter) = (self.named(draw, table), self.filter(draw, table));
        match self.other(draw, table) {
            Some(change) => format!("update {name} set {change} where {filter}"),
            None => format!("select * from {} where {filter}", table.name),
        }
    }

    /// A change of a column that no vindex is for.
    fn other(&self, draw: &mut Draw, table: &Table) -> Option<String> {
        let others = table.columns_of(Role::Other);
        let column = &table.columns[*others.first()?];
        let name = &column.name;
        Some(match column.is_number() {
            true => format!("{name} = {name} + 1"),
            false => format!("{name} = {}", self.known(draw, column)),
        })
    }

    fn filter(&self, draw: &mut Draw, table: &Table) -> String {
        if draw.chance(self.mix.by_value) {
            return self.value_filter(draw, table);
        }
        let mut columns = table.columns_of(Role::Key);
        if draw.chance(60) {
            columns.splice(0..0, table.columns_of(Role::Placing));
        }
        self.equal(draw, table, &columns)
    }

    fn value_filter(&self, draw: &mut Draw, table: &Table) -> String {
        let columns = self.lookup_columns(draw, table);
        self.equal(draw, table, &columns)
    }

    /// The columns that one of the table's lookups is for, without those of the key.
    fn lookup_columns(&self, draw: &mut Draw, table: &Table) -> Vec<usize> {
        let lookups = table.lookups();
        if lookups.is_empty() {
            return Vec::new();
        }
        let columns = draw.pick(&lookups).columns.iter();
        columns.copied().filter(|at| table.columns[*at].role == Role::Value).collect()
    }

    fn equal(&self, draw: &mut Draw, table: &Table, columns: &[usize]) -> String {
        let terms = columns.iter().map(|at| {
            let column = &table.columns[*at];
            format!("{} = {}", column.name, self.known(draw, column))
        });
        let terms: Vec<String> = terms.collect();
        if terms.is_empty() { "1 = 1".to_owned() } else { terms.join(" and ") }
    }

    fn in_list(&self, draw: &mut Draw, table: &Table) -> String {
        let columns = self.lookup_columns(draw, table);
        let keys = table.columns_of(Role::Key);
        let Some(at) = columns.first().or(keys.first()) else { return "1 = 1".to_owned() };
        let column = &table.columns[*at];
        let values: Vec<String> =
            (0..draw.between(2, 3)).map(|_| self.known(draw, column)).collect();
        format!("{} in ({})", column.name, values.join(", "))
    }

    /// Rows of several keys.
    fn range(&self, draw: &mut Draw, table: &Table) -> String {
        let keys = table.columns_of(Role::Key);
        let column = match keys.last() {
            Some(at) => &table.columns[*at],
            None => return "1 = 1".to_owned(),
        };
        let name = &column.name;
        match draw.below(3) {
            0 => "1 = 1".to_owned(),
            1 => format!("{name} >= {}", self.known(draw, column)),
            _ => {
                let (low, high) = (self.known(draw, column), self.known(draw, column));
                format!("{name} between {low} and {high}")
            }
        }
    }
}

/// By their names: vtgate sorts no star whose columns it does not know.
fn all_columns(table: &Table) -> String {
    let names: Vec<&str> = table.columns.iter().map(|column| &*column.name).collect();
    names.join(", ")
}
