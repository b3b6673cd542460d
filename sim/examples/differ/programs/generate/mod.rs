//! A program of a seed: tables first, then statements over them.

mod change;
mod definition;
mod expression;
mod query;
mod session;

use crate::server::Product;

use rand::{RngExt, SeedableRng};
use rand_xoshiro::Xoshiro256PlusPlus;

pub use session::STRICT;

/// What ends a query whose rows are compared in their order.
pub const TOTAL_ORDER: &str = " -- in order";

/// On MariaDB only what both have is generated: no CHECK, no row alias, no SHOW of types, no
/// prefix of what MySQL alone accepts.
pub fn program(seed: u64, product: Product) -> Vec<String> {
    let dice = Dice(Xoshiro256PlusPlus::seed_from_u64(seed));
    let mut generator = Generator {
        product,
        dice,
        tables: Vec::new(),
        columns: 0,
        names: 0,
        open: false,
        prepared: None,
    };
    let mut program = Vec::new();
    for _ in 0..generator.dice.between(1, 3) {
        program.push(generator.create_table());
    }
    for table in 0..generator.tables.len() {
        program.push(generator.insert_into(table));
    }
    for _ in 0..generator.dice.between(6, 20) {
        program.extend(generator.statement());
    }
    program
}

struct Dice(Xoshiro256PlusPlus);

impl Dice {
    fn between(&mut self, low: usize, high: usize) -> usize {
        self.0.random_range(low..=high)
    }

    fn percent(&mut self, chance: usize) -> bool {
        self.between(0, 99) < chance
    }

    fn pick<'a>(&mut self, items: &[&'a str]) -> &'a str {
        items[self.between(0, items.len() - 1)]
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Class {
    Int,
    Decimal,
    Double,
    Text,
    Bytes,
    Date,
    DateTime,
    Time,
}

#[derive(Clone, Debug)]
struct Column {
    name: String,
    class: Class,
    automatic: bool,
    /// TEXT or BLOB: a key takes a prefix only.
    long: bool,
}

#[derive(Clone, Debug)]
struct Table {
    name: String,
    columns: Vec<Column>,
    /// Secondary keys and checks that it may have.
    keys: Vec<String>,
    checks: Vec<String>,
}

/// A column as an expression names it.
#[derive(Clone, Debug)]
struct Named {
    text: String,
    class: Class,
}

struct Generator {
    product: Product,
    dice: Dice,
    tables: Vec<Table>,
    columns: usize,
    /// Of tables, keys and checks.
    names: usize,
    open: bool,
    /// The prepared statement, by its number of parameters.
    prepared: Option<Vec<Class>>,
}

impl Generator {
    fn is_mysql(&self) -> bool {
        self.product == Product::MySql
    }

    fn table(&mut self) -> usize {
        self.dice.between(0, self.tables.len() - 1)
    }

    fn column<'a>(&mut self, table: &'a Table) -> &'a Column {
        &table.columns[self.dice.between(0, table.columns.len() - 1)]
    }

    fn new_name(&mut self, kind: &str) -> String {
        self.names += 1;
        format!("{kind}{}", self.names)
    }

    /// A statement, with what must come right before it.
    fn statement(&mut self) -> Vec<String> {
        let statement = match self.dice.between(0, 99) {
            0..=18 => {
                let table = self.table();
                self.insert_into(table)
            }
            19..=22 => self.insert_select(),
            23..=33 => self.update(),
            34..=38 => self.update_joined(),
            39..=45 => self.delete(),
            46..=48 => self.delete_joined(),
            49..=80 => self.select(),
            81..=86 => return self.alter(),
            87..=91 => self.transaction(),
            _ => return self.of_session(),
        };
        vec![statement]
    }

    fn transaction(&mut self) -> String {
        let statement = match (self.open, self.dice.between(0, 4)) {
            (false, _) => "begin",
            (true, 0) => "savepoint s",
            (true, 1) => "rollback to s",
            (true, 2) => "rollback",
            (true, _) => "commit",
        };
        match statement {
            "begin" => self.open = true,
            "commit" | "rollback" => self.open = false,
            _ => {}
        }
        statement.to_string()
    }
}

fn named(table: &Table, alias: Option<&str>) -> Vec<Named> {
    let columns = table.columns.iter();
    columns
        .map(|column| {
            let text = match alias {
                Some(alias) => format!("{alias}.{}", column.name),
                None => column.name.clone(),
            };
            Named { text, class: column.class }
        })
        .collect()
}
