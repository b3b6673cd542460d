//! Changes over a drawn schema. Which rows change, and to what, does not hang on the order of rows;
//! a unique column is only set by the whole key. Left out is where Vitess waits for its own
//! session: a lookup's column is not set where the lookup finds the rows, and not twice in one
//! transaction.

use super::query::{self, Scope};
use super::schema::{Column, Schema, Table};
use crate::draw::Draw;

/// So many values of a unique column that most are new.
const UNIQUE: u64 = 40;

fn literal(draw: &mut Draw, table: &Table, at: usize) -> String {
    let column = &table.columns[at];
    if column.nullable && draw.below(6) == 0 {
        return "null".to_string();
    }
    let range = match column.unique {
        true => UNIQUE,
        false if table.key.contains(&at) => 9,
        false => 6,
    };
    column.kind.literal(draw, range)
}

/// One of several rows has no NULL for a lookup: when one of the rows is a duplicate, Vitess looks
/// up the NULLs of the others, too, and then stores them.
fn row(draw: &mut Draw, table: &Table, alone: bool) -> String {
    let value = |at: usize| {
        let looked_up = table.lookups.iter().any(|lookup| lookup.column == at);
        match literal(draw, table, at) {
            null if null == "null" && looked_up && !alone => {
                table.columns[at].kind.literal(draw, UNIQUE)
            }
            value => value,
        }
    };
    let values: Vec<String> = (0..table.columns.len()).map(value).collect();
    format!("({})", values.join(", "))
}

fn names(table: &Table) -> String {
    let names: Vec<&str> = table.columns.iter().map(|column| column.name.as_str()).collect();
    names.join(", ")
}

/// The rows that a program begins with.
pub fn first_rows(draw: &mut Draw, table: &Table) -> Vec<String> {
    let insert = |draw: &mut Draw| {
        format!("insert into {} ({}) values {}", table.name, names(table), row(draw, table, true))
    };
    (0..6 + draw.below(4)).map(|_| insert(draw)).collect()
}

pub fn change(draw: &mut Draw, schema: &Schema) -> String {
    let sharded = schema.sharded();
    let table = *draw.choose(&sharded);
    match draw.below(12) {
        0..=2 => insert(draw, table),
        3..=5 => update(draw, table),
        6..=7 => delete(draw, table),
        8 => insert_query(draw, schema, table),
        9..=10 => of_rows_found(draw, schema, table),
        _ => limited(draw, table),
    }
}

fn insert(draw: &mut Draw, table: &Table) -> String {
    let unique = table.columns.iter().any(|column| column.unique);
    let count = 1 + draw.below(3);
    let rows: Vec<String> = (0..count).map(|_| row(draw, table, count == 1)).collect();
    let rows = rows.join(", ");
    let (name, names) = (&table.name, names(table));
    match draw.below(6) {
        0 if !unique => {
            let set = plain(table).map(|(_, column)| format!("{0} = values({0})", column.name));
            let set: Vec<String> = set.collect();
            match set.is_empty() {
                true => format!("insert ignore into {name} ({names}) values {rows}"),
                false => format!(
                    "insert into {name} ({names}) values {rows} on duplicate key update {}",
                    set.join(", ")
                ),
            }
        }
        1 if !unique => format!("insert ignore into {name} ({names}) values {rows}"),
        // One row: of two with one value, the lookup takes the first in its own order.
        1 if table.verified => {
            format!("insert ignore into {name} ({names}) values {}", row(draw, table, true))
        }
        2 => {
            let set = table.columns.iter().enumerate();
            let set =
                set.map(|(at, column)| format!("{} = {}", column.name, literal(draw, table, at)));
            format!("insert into {name} set {}", set.collect::<Vec<_>>().join(", "))
        }
        _ => format!("insert into {name} ({names}) values {rows}"),
    }
}

/// The columns that find no row and are of no key.
fn plain(table: &Table) -> impl Iterator<Item = (usize, &Column)> {
    table.columns.iter().enumerate().filter(|(at, _)| {
        let looked_up = table.lookups.iter().any(|lookup| lookup.column == *at);
        !looked_up && !table.key.contains(at) && !table.sharding.contains(at)
    })
}

fn whole_key(draw: &mut Draw, table: &Table) -> String {
    let parts = table
        .key
        .iter()
        .map(|at| format!("{} = {}", table.columns[*at].name, literal(draw, table, *at)));
    parts.collect::<Vec<_>>().join(" and ")
}

fn update(draw: &mut Draw, table: &Table) -> String {
    let scope = Scope::table(table);
    let name = &table.name;
    if !table.lookups.is_empty() && draw.below(2) == 0 {
        let at = draw.choose(&table.lookups).column;
        let column = &table.columns[at];
        let value = literal(draw, table, at);
        // By the key alone: nothing is read from the lookup that changes.
        if !table.key.contains(&at) {
            return format!(
                "update {name} set {} = {value} where {}",
                column.name,
                whole_key(draw, table)
            );
        }
    }
    let plain: Vec<(usize, &Column)> = plain(table).collect();
    if plain.is_empty() {
        return delete(draw, table);
    }
    let (at, column) = *draw.choose(&plain);
    let value = match draw.below(3) {
        0 => literal(draw, table, at),
        _ if column.nullable => query::value(draw, &scope, column.kind, 1),
        _ => column.kind.literal(draw, 6),
    };
    let condition = query::condition(draw, &scope, 1);
    format!("update {name} set {} = {value} where {condition}", column.name)
}

fn delete(draw: &mut Draw, table: &Table) -> String {
    let condition = match draw.below(2) {
        0 => whole_key(draw, table),
        _ => query::condition(draw, &Scope::table(table), 1),
    };
    format!("delete from {} where {condition}", table.name)
}

/// The first rows by the key.
fn limited(draw: &mut Draw, table: &Table) -> String {
    let scope = Scope::table(table);
    let condition = query::condition(draw, &scope, 1);
    let order: Vec<&str> = table.key.iter().map(|at| table.columns[*at].name.as_str()).collect();
    let rest =
        format!("where {condition} order by {} limit {}", order.join(", "), 1 + draw.below(3));
    let plain: Vec<(usize, &Column)> = plain(table).collect();
    if plain.is_empty() || draw.below(2) == 0 {
        return format!("delete from {} {rest}", table.name);
    }
    let (at, column) = *draw.choose(&plain);
    format!("update {} set {} = {} {rest}", table.name, column.name, literal(draw, table, at))
}

/// Rows of another table, or of this one, with keys that are new for the most part.
fn insert_query(draw: &mut Draw, schema: &Schema, table: &Table) -> String {
    let source = draw.choose(&schema.tables);
    let scope = Scope::table(source);
    let unique = table.columns.iter().any(|column| column.unique);
    let list = table.columns.iter().enumerate().map(|(at, column)| {
        // One row, where each would have the same value.
        match table.key.contains(&at) || column.unique {
            true => column.kind.literal(draw, UNIQUE),
            false if column.nullable => query::value(draw, &scope, column.kind, 1),
            false => column.kind.literal(draw, 6),
        }
    });
    let list: Vec<String> = list.collect();
    let key: Vec<&str> = source.key.iter().map(|at| source.columns[*at].name.as_str()).collect();
    let condition = query::condition(draw, &scope, 1);
    let ignore = if !unique && draw.below(4) == 0 { "ignore " } else { "" };
    format!(
        "insert {ignore}into {} ({}) select {} from {} where {condition} order by {} limit 1",
        table.name,
        names(table),
        list.join(", "),
        source.name,
        key.join(", ")
    )
}

/// Changes of rows that a join or a subquery finds.
fn of_rows_found(draw: &mut Draw, schema: &Schema, table: &Table) -> String {
    let other = draw.choose(&schema.tables);
    let pairs: Vec<(&Column, &Column)> = table
        .columns
        .iter()
        .flat_map(|one| {
            let same = other.columns.iter().filter(move |other| other.kind == one.kind);
            same.map(move |other| (one, other))
        })
        .collect();
    if pairs.is_empty() {
        return delete(draw, table);
    }
    let (one, two) = *draw.choose(&pairs);
    let (one, two, name) = (&one.name, &two.name, &table.name);
    let inner = Scope { text: String::new(), tables: vec![("o".into(), other)] };
    let condition = query::condition(draw, &inner, 0);
    let plain: Vec<(usize, &Column)> = plain(table).collect();
    let set = |draw: &mut Draw| match plain.is_empty() {
        true => None,
        false => {
            let (at, column) = *draw.choose(&plain);
            Some((column.name.clone(), literal(draw, table, at)))
        }
    };
    let from = format!("{} as o where {condition}", other.name);
    match (draw.below(5), set(draw)) {
        // A server cannot change what its subquery reads.
        (0, _) if other.name != table.name => {
            format!("delete from {name} where {one} in (select o.{two} from {from})")
        }
        (1, Some((column, value))) if other.name != table.name => {
            format!(
                "update {name} set {column} = {value} where {one} in (select o.{two} from {from})"
            )
        }
        (2, Some((column, value))) => format!(
            "update {name} as m join {} as o on m.{one} = o.{two} set m.{column} = {value} \
             where o.{two} = {}",
            other.name,
            other
                .columns
                .iter()
                .find(|of| of.name == *two)
                .map_or("1".to_string(), |of| of.kind.literal(draw, 7))
        ),
        _ => format!(
            "delete m from {name} as m join {} as o on m.{one} = o.{two} where o.{two} is not null",
            other.name
        ),
    }
}

/// Changes that are kept or not as a whole. A table with a consistent lookup is changed once.
pub fn transaction(draw: &mut Draw, schema: &Schema) -> Vec<String> {
    let mut statements = vec![draw.pick(&["begin", "start transaction"]).to_string()];
    let mut left = schema.sharded();
    let mut savepoint = false;
    for _ in 0..2 + draw.below(3) {
        match draw.below(6) {
            0 => {
                statements.push("savepoint p".to_string());
                savepoint = true;
            }
            1 if savepoint => statements.push("rollback to p".to_string()),
            _ => {}
        }
        if left.is_empty() || draw.below(3) == 0 {
            statements.push(query::select(draw, schema));
            continue;
        }
        let at = draw.below(left.len() as u64) as usize;
        let table = left[at];
        statements.push(match draw.below(3) {
            0 => insert(draw, table),
            1 => update(draw, table),
            _ => delete(draw, table),
        });
        if table.lookups.iter().any(|lookup| lookup.is_consistent()) {
            left.remove(at);
        }
    }
    statements.push(draw.pick(&["commit", "commit", "rollback"]).to_string());
    statements
}
