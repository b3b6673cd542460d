//! A program of a seed: tables first, then statements over them.
//!
//! Expressions are typed loosely on purpose: most compare like with like, some do not.

use rand::{RngExt, SeedableRng};
use rand_xoshiro::Xoshiro256PlusPlus;

/// What ends a query whose rows are compared in their order.
pub const TOTAL_ORDER: &str = " -- in order";

pub fn program(seed: u64) -> Vec<String> {
    let dice = Dice(Xoshiro256PlusPlus::seed_from_u64(seed));
    let mut generator = Generator { dice, tables: Vec::new(), columns: 0, open: false };
    let mut program = Vec::new();
    for _ in 0..generator.dice.between(1, 3) {
        program.push(generator.create_table());
    }
    for table in 0..generator.tables.len() {
        program.push(generator.insert_into(table));
    }
    for _ in 0..generator.dice.between(6, 20) {
        let statement = generator.statement();
        program.push(statement);
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
}

#[derive(Clone, Debug)]
struct Table {
    name: String,
    columns: Vec<Column>,
}

/// A column as an expression names it.
#[derive(Clone, Debug)]
struct Named {
    text: String,
    class: Class,
}

struct Generator {
    dice: Dice,
    tables: Vec<Table>,
    columns: usize,
    open: bool,
}

impl Generator {
    // ------------------------------------------------------------ definitions

    fn column_type(&mut self) -> (String, Class) {
        let integer = self.dice.pick(&["tinyint", "smallint", "mediumint", "int", "bigint"]);
        match self.dice.between(0, 15) {
            0..=4 => (integer.to_string(), Class::Int),
            5 => (format!("{integer} unsigned"), Class::Int),
            6 => {
                let text = self.dice.pick(&["decimal(5,2)", "decimal(10,0)", "decimal(12,4)"]);
                (text.to_string(), Class::Decimal)
            }
            7 => ("double".to_string(), Class::Double),
            8..=10 => (format!("varchar({})", self.dice.between(3, 12)), Class::Text),
            11 => (format!("char({})", self.dice.between(2, 6)), Class::Text),
            12 => {
                let text = self.dice.pick(&["varbinary(6)", "binary(4)"]);
                (text.to_string(), Class::Bytes)
            }
            13 => ("date".to_string(), Class::Date),
            14 => (self.dice.pick(&["datetime", "datetime(3)"]).to_string(), Class::DateTime),
            _ => ("time".to_string(), Class::Time),
        }
    }

    fn column_definition(&mut self, name: &str) -> (String, Class) {
        let (ty, class) = self.column_type();
        let mut text = format!("{name} {ty}");
        let nullable = self.dice.percent(65);
        if !nullable {
            text.push_str(" not null");
        }
        if self.dice.percent(30) {
            let value = match class {
                Class::Int => "7".to_string(),
                Class::Decimal => "1.5".to_string(),
                Class::Double => "0.25".to_string(),
                Class::Text => "'de'".to_string(),
                Class::Bytes => "'b'".to_string(),
                Class::Date => "'2020-02-29'".to_string(),
                Class::DateTime => "'2020-02-29 12:00:00'".to_string(),
                Class::Time => "'01:02:03'".to_string(),
            };
            text.push_str(&format!(" default {value}"));
        }
        (text, class)
    }

    fn create_table(&mut self) -> String {
        let name = format!("t{}", self.tables.len());
        let (mut parts, mut columns) = (Vec::new(), Vec::new());
        let automatic = self.dice.percent(35);
        let key = self.dice.between(0, 9);
        if automatic {
            parts.push("id int auto_increment".to_string());
        } else {
            parts.push(format!("id {}", self.dice.pick(&["int", "bigint", "smallint unsigned"])));
        }
        columns.push(Column { name: "id".to_string(), class: Class::Int, automatic });
        for _ in 0..self.dice.between(2, 5) {
            let column = self.new_name();
            let (text, class) = self.column_definition(&column);
            parts.push(text);
            columns.push(Column { name: column, class, automatic: false });
        }
        if automatic || key < 7 {
            parts.push("primary key (id)".to_string());
        } else if key == 7 {
            parts.push(format!("primary key (id, {})", columns[1].name));
        }
        for column in &columns[1..] {
            match self.dice.between(0, 9) {
                0 => parts.push(format!("unique key u_{0} ({0})", column.name)),
                1 | 2 => parts.push(format!("key k_{0} ({0})", column.name)),
                3 => parts.push(format!("key kk_{0} ({0}, id)", column.name)),
                _ => {}
            }
        }
        let table = Table { name: name.clone(), columns };
        if self.dice.percent(15) {
            let named = named(&table, None);
            let condition = self.condition(&named, 1);
            parts.push(format!("check ({condition})"));
        }
        self.tables.push(table);
        format!("create table {name} ({})", parts.join(", "))
    }

    fn new_name(&mut self) -> String {
        self.columns += 1;
        format!("c{}", self.columns)
    }

    fn alter(&mut self) -> String {
        let at = self.table();
        let table = self.tables[at].clone();
        let name = &table.name;
        let column = &table.columns[self.dice.between(0, table.columns.len() - 1)];
        match self.dice.between(0, 9) {
            0 | 1 => {
                let added = self.new_name();
                let (text, class) = self.column_definition(&added);
                self.tables[at].columns.push(Column { name: added, class, automatic: false });
                format!("alter table {name} add column {text}")
            }
            2 => {
                if 2 < table.columns.len() && column.name != "id" {
                    let gone = column.name.clone();
                    self.tables[at].columns.retain(|own| own.name != gone);
                }
                match column.name.as_str() {
                    "id" => format!("alter table {name} add key (id)"),
                    other if 2 < table.columns.len() => {
                        format!("alter table {name} drop column {other}")
                    }
                    _ => format!("alter table {name} comment = 'x'"),
                }
            }
            3 => format!("alter table {name} add key n_{0} ({0})", column.name),
            4 => format!("alter table {name} add unique key nu_{0} ({0})", column.name),
            5 => format!("alter table {name} drop key k_{}", column.name),
            6 => format!("alter table {name} auto_increment = {}", self.dice.between(1, 60)),
            7 => format!("truncate table {name}"),
            8 => {
                let (text, class) = self.column_definition(&column.name.clone());
                if column.name == "id" {
                    return format!("alter table {name} drop primary key");
                }
                let own = self.tables[at].columns.iter_mut().find(|own| own.name == column.name);
                if let Some(own) = own {
                    own.class = class;
                }
                format!("alter table {name} modify {text}")
            }
            _ => {
                let new = self.new_name();
                if column.name == "id" {
                    return format!("show create table {name}");
                }
                let own = self.tables[at].columns.iter_mut().find(|own| own.name == column.name);
                if let Some(own) = own {
                    own.name = new.clone();
                }
                format!("alter table {name} rename column {} to {new}", column.name)
            }
        }
    }

    // ------------------------------------------------------------ statements

    fn table(&mut self) -> usize {
        self.dice.between(0, self.tables.len() - 1)
    }

    fn statement(&mut self) -> String {
        match self.dice.between(0, 99) {
            0..=19 => {
                let table = self.table();
                self.insert_into(table)
            }
            20..=23 => self.insert_select(),
            24..=36 => self.update(),
            37..=41 => self.update_joined(),
            42..=48 => self.delete(),
            49..=51 => self.delete_joined(),
            52..=84 => self.select(),
            85..=88 => self.alter(),
            89..=95 => self.transaction(),
            96 => "set sql_mode = ''".to_string(),
            97 => "set sql_mode = default".to_string(),
            98 => {
                let at = self.table();
                format!("show columns from {}", self.tables[at].name)
            }
            _ => {
                let at = self.table();
                format!("show create table {}", self.tables[at].name)
            }
        }
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

    fn insert_into(&mut self, at: usize) -> String {
        let table = self.tables[at].clone();
        let mut columns: Vec<Column> = table.columns.clone();
        let all = self.dice.percent(50);
        if !all {
            let keep = self.dice.between(1, columns.len());
            while keep < columns.len() {
                let gone = self.dice.between(0, columns.len() - 1);
                columns.remove(gone);
            }
        }
        let rows: Vec<String> = (0..self.dice.between(1, 4))
            .map(|_| {
                let values: Vec<String> =
                    columns.iter().map(|column| self.value_for(column)).collect();
                format!("({})", values.join(", "))
            })
            .collect();
        let names: Vec<&str> = columns.iter().map(|column| column.name.as_str()).collect();
        let list = if all { String::new() } else { format!(" ({})", names.join(", ")) };
        let verb = match self.dice.between(0, 9) {
            0 => "replace into",
            1 | 2 => "insert ignore into",
            _ => "insert into",
        };
        let mut text = format!("{verb} {}{list} values {}", table.name, rows.join(", "));
        if verb == "insert into" && self.dice.percent(25) {
            text.push_str(&self.on_duplicate(&table));
        }
        text
    }

    fn on_duplicate(&mut self, table: &Table) -> String {
        let new = self.dice.percent(40);
        let count = self.dice.between(1, 2);
        let mut items = Vec::new();
        for _ in 0..count {
            let column = table.columns[self.dice.between(0, table.columns.len() - 1)].clone();
            let value = match (self.dice.between(0, 3), new) {
                (0, true) => format!("new.{}", column.name),
                (0, false) => format!("values({})", column.name),
                (1, true) if column.class == Class::Int => {
                    format!("{}.{} + new.{}", table.name, column.name, column.name)
                }
                (1, false) if column.class == Class::Int => {
                    format!("{} + values({})", column.name, column.name)
                }
                _ => self.literal(column.class),
            };
            items.push(format!("{}.{} = {value}", table.name, column.name));
        }
        let alias = if new { " as new" } else { "" };
        format!("{alias} on duplicate key update {}", items.join(", "))
    }

    fn insert_select(&mut self) -> String {
        let (to, from) = (self.table(), self.table());
        let (to, from) = (self.tables[to].clone(), self.tables[from].clone());
        let column = to.columns[self.dice.between(0, to.columns.len() - 1)].clone();
        let scope = named(&from, None);
        let value = self.operand(&scope, column.class);
        let id = if column.name == "id" { String::new() } else { "id, ".to_string() };
        let shown = match id.is_empty() {
            true => value,
            false => format!("id + {}, {value}", self.dice.between(0, 30)),
        };
        let ignore = if self.dice.percent(30) { "ignore " } else { "" };
        let condition = self.condition(&scope, 1);
        format!(
            "insert {ignore}into {} ({id}{}) select {shown} from {} where {condition} order by id",
            to.name, column.name, from.name
        )
    }

    fn assignments(&mut self, table: &Table, alias: &str, scope: &[Named]) -> String {
        let mut items = Vec::new();
        for _ in 0..self.dice.between(1, 2) {
            let column = table.columns[self.dice.between(0, table.columns.len() - 1)].clone();
            let value = match self.dice.between(0, 9) {
                0 => "default".to_string(),
                1 => "null".to_string(),
                2..=5 => self.literal(column.class),
                _ => self.operand(scope, column.class),
            };
            items.push(format!("{alias}{} = {value}", column.name));
        }
        items.join(", ")
    }

    fn update(&mut self) -> String {
        let at = self.table();
        let table = self.tables[at].clone();
        let scope = named(&table, None);
        let ignore = if self.dice.percent(15) { "ignore " } else { "" };
        let set = self.assignments(&table, "", &scope);
        let mut text = format!("update {ignore}{} set {set}", table.name);
        if self.dice.percent(80) {
            let condition = self.condition(&scope, 2);
            text.push_str(&format!(" where {condition}"));
        }
        // Which row comes first decides which one is in the way of another.
        text.push_str(" order by id");
        if self.dice.percent(20) {
            text.push_str(&format!(" limit {}", self.dice.between(0, 3)));
        }
        text
    }

    fn delete(&mut self) -> String {
        let at = self.table();
        let table = self.tables[at].clone();
        let scope = named(&table, None);
        let condition = self.condition(&scope, 2);
        let mut text = format!("delete from {} where {condition}", table.name);
        if self.dice.percent(20) {
            text.push_str(&format!(" order by id limit {}", self.dice.between(0, 3)));
        }
        text
    }

    /// Two tables (or one twice), and the condition between them.
    fn pair(&mut self) -> (Table, Table, Vec<Named>, String) {
        let (a, b) = (self.table(), self.table());
        let (a, b) = (self.tables[a].clone(), self.tables[b].clone());
        let mut scope = named(&a, Some("a"));
        scope.extend(named(&b, Some("b")));
        let on = match self.dice.between(0, 3) {
            0 => self.condition(&scope, 1),
            _ => "a.id = b.id".to_string(),
        };
        (a, b, scope, on)
    }

    fn update_joined(&mut self) -> String {
        let (a, b, scope, _) = self.pair();
        let kind = self.dice.pick(&["join", "left join"]);
        // Literals only: which of several matches gives the value is the join order's choice.
        let column = a.columns[self.dice.between(0, a.columns.len() - 1)].clone();
        let value = self.literal(column.class);
        let mut set = format!("a.{} = {value}", column.name);
        if a.name != b.name && self.dice.percent(40) {
            let column = b.columns[self.dice.between(0, b.columns.len() - 1)].clone();
            set.push_str(&format!(", b.{} = {}", column.name, self.literal(column.class)));
        }
        let condition = self.condition(&scope, 1);
        format!(
            "update {} a {kind} {} b on a.id = b.id set {set} where {condition}",
            a.name, b.name
        )
    }

    fn delete_joined(&mut self) -> String {
        let (a, b, scope, on) = self.pair();
        let kind = self.dice.pick(&["join", "left join"]);
        let targets = self.dice.pick(&["a", "b", "a, b"]);
        let condition = self.condition(&scope, 1);
        format!("delete {targets} from {} a {kind} {} b on {on} where {condition}", a.name, b.name)
    }

    // ------------------------------------------------------------ queries

    fn select(&mut self) -> String {
        match self.dice.between(0, 9) {
            0..=2 => self.select_plain(),
            3..=5 => self.select_joined(),
            6 | 7 => self.select_grouped(),
            8 => self.select_union(),
            _ => self.select_nested(),
        }
    }

    fn items(&mut self, scope: &[Named]) -> Vec<String> {
        let count = self.dice.between(1, 3);
        (0..count).map(|at| format!("{} as x{at}", self.expression(scope, 2))).collect()
    }

    fn select_plain(&mut self) -> String {
        let at = self.table();
        let table = self.tables[at].clone();
        let scope = named(&table, None);
        let distinct = if self.dice.percent(20) { "distinct " } else { "" };
        let items = if self.dice.percent(25) && distinct.is_empty() {
            vec!["*".to_string()]
        } else {
            self.items(&scope)
        };
        let mut text = format!("select {distinct}{} from {}", items.join(", "), table.name);
        if self.dice.percent(80) {
            let condition = self.condition(&scope, 2);
            text.push_str(&format!(" where {condition}"));
        }
        if self.dice.percent(30) && items[0] != "*" {
            let places: Vec<String> = (1..=items.len()).map(|at| at.to_string()).collect();
            let direction = self.dice.pick(&["", " desc"]);
            text.push_str(&format!(" order by {}{direction}", places.join(", ")));
            if self.dice.percent(40) {
                text.push_str(&format!(" limit {}", self.dice.between(0, 4)));
            }
        }
        text
    }

    fn select_joined(&mut self) -> String {
        let (a, b, mut scope, on) = self.pair();
        let kind = self.dice.pick(&["join", "left join", "right join", "straight_join"]);
        let mut from = format!("{} a {kind} {} b on {on}", a.name, b.name);
        if self.dice.percent(25) {
            let at = self.table();
            let c = self.tables[at].clone();
            scope.extend(named(&c, Some("c")));
            let kind = self.dice.pick(&["join", "left join", "right join"]);
            let on = match self.dice.between(0, 2) {
                0 => self.condition(&scope, 1),
                1 => "b.id = c.id".to_string(),
                _ => "a.id = c.id".to_string(),
            };
            from = format!("{from} {kind} {} c on {on}", c.name);
        }
        if self.dice.percent(15) {
            let kind = self.dice.pick(&["join", "left join", "right join"]);
            let items = self.items(&scope[..0]);
            return format!(
                "select *, {} from {} a {kind} {} b using (id)",
                items.join(", "),
                a.name,
                b.name
            );
        }
        let items = self.items(&scope);
        let condition = self.condition(&scope, 2);
        format!("select {} from {from} where {condition}", items.join(", "))
    }

    fn select_grouped(&mut self) -> String {
        let at = self.table();
        let table = self.tables[at].clone();
        let scope = named(&table, None);
        let aggregate = self.aggregate(&scope);
        let key = scope[self.dice.between(0, scope.len() - 1)].text.clone();
        let condition = self.condition(&scope, 1);
        match self.dice.between(0, 3) {
            0 => format!("select {aggregate} as x from {} where {condition}", table.name),
            1 => {
                let other = self.aggregate(&scope);
                format!(
                    "select {key}, {aggregate} as x from {} where {condition} group by {key} \
                     having {other} > {} or {key} is null",
                    table.name,
                    self.dice.between(0, 3)
                )
            }
            2 => {
                let shown = scope[self.dice.between(0, scope.len() - 1)].text.clone();
                format!(
                    "select {shown}, {aggregate} as x from {} group by {key} order by {key}",
                    table.name
                )
            }
            _ => format!(
                "select {key}, {aggregate} as x, count(*) as n from {} group by {key}",
                table.name
            ),
        }
    }

    fn aggregate(&mut self, scope: &[Named]) -> String {
        let column = scope[self.dice.between(0, scope.len() - 1)].clone();
        let argument = match self.dice.between(0, 3) {
            0 => self.operand(scope, column.class),
            _ => column.text.clone(),
        };
        let numeric = matches!(column.class, Class::Int | Class::Decimal);
        match self.dice.between(0, 6) {
            0 => "count(*)".to_string(),
            1 => format!("count({argument})"),
            2 => format!("count(distinct {argument})"),
            3 if numeric => format!("sum({})", column.text),
            4 if numeric => format!("avg({})", column.text),
            5 => format!("min({argument})"),
            6 => format!("group_concat({} order by {} separator '|')", column.text, column.text),
            _ => format!("max({argument})"),
        }
    }

    fn select_union(&mut self) -> String {
        let (a, b) = (self.table(), self.table());
        let (a, b) = (self.tables[a].clone(), self.tables[b].clone());
        let all = self.dice.pick(&["", " all"]);
        // Of one class: what a UNION makes of two is another matter.
        let (ours, theirs) = (named(&a, None), named(&b, None));
        let one = ours[self.dice.between(0, ours.len() - 1)].clone();
        let other = self.column_of(&theirs, one.class).unwrap_or_else(|| "null".to_string());
        let one = one.text;
        let mut text = format!(
            "select {one} as x, id from {} union{all} select {other}, id from {}",
            a.name, b.name
        );
        if self.dice.percent(30) {
            text.push_str(" order by id, x limit 3");
        }
        text
    }

    fn select_nested(&mut self) -> String {
        let (a, b) = (self.table(), self.table());
        let (a, b) = (self.tables[a].clone(), self.tables[b].clone());
        let (outer, inner) = (named(&a, Some("o")), named(&b, Some("i")));
        let mut both = outer.clone();
        both.extend(inner.clone());
        let condition = self.condition(&both, 1);
        let column = outer[self.dice.between(0, outer.len() - 1)].clone();
        let same: Vec<&Named> = inner.iter().filter(|own| own.class == column.class).collect();
        let other = match same.is_empty() {
            true => inner[0].text.clone(),
            false => same[self.dice.between(0, same.len() - 1)].text.clone(),
        };
        match self.dice.between(0, 5) {
            0 => format!(
                "select o.id, (select count(*) from {} i where {condition}) as n from {} o",
                b.name, a.name
            ),
            1 => format!(
                "select o.id from {} o where exists (select 1 from {} i where {condition})",
                a.name, b.name
            ),
            2 => {
                let not = self.dice.pick(&["", "not "]);
                format!(
                    "select o.id from {} o where {} {not}in (select {other} from {} i where \
                     {condition})",
                    a.name, column.text, b.name
                )
            }
            3 => {
                let op = self.dice.pick(&["= any", "<> all", "> any", "<= all"]);
                format!(
                    "select o.id from {} o where {} {op} (select {other} from {} i)",
                    a.name, column.text, b.name
                )
            }
            4 => format!(
                "select d.x, d.n from (select {other} as x, count(*) as n from {} i group by \
                 {other}) d where d.n > {}",
                b.name,
                self.dice.between(0, 2)
            ),
            _ => format!(
                "select o.id, (select max({other}) from {} i where i.id = o.id) as m from {} o",
                b.name, a.name
            ),
        }
    }

    // ------------------------------------------------------------ expressions

    fn value_for(&mut self, column: &Column) -> String {
        if column.name == "id" {
            return match self.dice.between(0, 19) {
                0 => "null".to_string(),
                1 if column.automatic => "default".to_string(),
                2 if column.automatic => "0".to_string(),
                3..=8 if column.automatic => "null".to_string(),
                _ => self.dice.between(1, 12).to_string(),
            };
        }
        match self.dice.between(0, 19) {
            0 => "null".to_string(),
            1 => "default".to_string(),
            2 => {
                let any = [Class::Int, Class::Decimal, Class::Text, Class::Date];
                let class = any[self.dice.between(0, any.len() - 1)];
                self.literal(class)
            }
            _ => self.literal(column.class),
        }
    }

    fn literal(&mut self, class: Class) -> String {
        let literals: &[&str] = match class {
            Class::Int => &[
                "0", "1", "2", "3", "5", "7", "-1", "10", "100", "127", "128", "255", "300",
                "-129", "32768", "'4'", "'12'",
            ],
            Class::Decimal => {
                &["0", "1.5", "-2.25", "0.005", "99.99", "123.456", "1000", "-0.5", "'3.14'", "2"]
            }
            Class::Double => &["0", "1.5", "-2.25e0", "1e3", "0.1", "3", "1e-3", "'2.5'"],
            Class::Text => &[
                "''",
                "'a'",
                "'A'",
                "'b'",
                "'ab'",
                "'abc'",
                "'B '",
                "'12'",
                "'3x'",
                "'zz'",
                "'hello'",
                "'de'",
                "'abcdefghijklmn'",
                "' a'",
            ],
            Class::Bytes => &["'a'", "'A'", "'ab'", "x'00'", "x'61'", "'abcd'", "''", "'b'"],
            Class::Date => {
                &["'2020-02-29'", "'2021-01-01'", "'1999-12-31'", "'2020-03-01'", "'2026-01-31'"]
            }
            Class::DateTime => &[
                "'2020-02-29 12:00:00'",
                "'2021-01-01 00:00:00'",
                "'1999-12-31 23:59:59.5'",
                "'2020-02-29'",
                "'2026-01-31 10:11:12.1234'",
            ],
            Class::Time => {
                &["'01:02:03'", "'00:00:00'", "'23:59:59'", "'-10:00:00'", "'100:00:00'"]
            }
        };
        self.dice.pick(literals).to_string()
    }

    fn column_of(&mut self, scope: &[Named], class: Class) -> Option<String> {
        let same: Vec<&Named> = scope.iter().filter(|own| own.class == class).collect();
        match same.len() {
            0 => None,
            many => Some(same[self.dice.between(0, many - 1)].text.clone()),
        }
    }

    /// Something of a class: a column, a literal, or a little more.
    fn operand(&mut self, scope: &[Named], class: Class) -> String {
        let leaf = match self.dice.percent(70) {
            true => self.column_of(scope, class),
            false => None,
        };
        let leaf = leaf.unwrap_or_else(|| self.literal(class));
        let other = match class {
            Class::Int | Class::Decimal => {
                self.column_of(scope, class).unwrap_or_else(|| self.literal(class))
            }
            _ => String::new(),
        };
        match (class, self.dice.between(0, 9)) {
            (Class::Int, 0) => format!("{leaf} + {other}"),
            (Class::Int, 1) => format!("{leaf} - {other}"),
            (Class::Int, 2) => format!("{leaf} * {other}"),
            (Class::Int, 3) => format!("{leaf} % 7"),
            (Class::Decimal, 0) => format!("{leaf} + {other}"),
            (Class::Decimal, 1) => format!("{leaf} / 3"),
            (Class::Decimal, 2) => format!("round({leaf}, 1)"),
            (Class::Text, 0) => format!("upper({leaf})"),
            (Class::Text, 1) => format!("concat({leaf}, '-', {})", self.literal(Class::Text)),
            (Class::Text, 2) => format!("substring({leaf}, 2)"),
            (Class::Text, 3) => format!("left({leaf}, 2)"),
            (Class::Date, 0) => format!("date_add({leaf}, interval 1 month)"),
            (_, 4) => format!("ifnull({leaf}, {})", self.literal(class)),
            (_, 5) => format!("coalesce({leaf}, {})", self.literal(class)),
            (_, 6) if class != Class::Decimal => {
                format!("if(1 = 1, {leaf}, {})", self.literal(class))
            }
            _ => leaf,
        }
    }

    fn any_class(&mut self, scope: &[Named]) -> Class {
        match scope.len() {
            0 => [Class::Int, Class::Text, Class::Decimal][self.dice.between(0, 2)],
            many => scope[self.dice.between(0, many - 1)].class,
        }
    }

    fn expression(&mut self, scope: &[Named], depth: usize) -> String {
        let class = self.any_class(scope);
        let operand = self.operand(scope, class);
        if depth == 0 {
            return operand;
        }
        match self.dice.between(0, 15) {
            0 => self.condition(scope, depth - 1),
            1 => format!("length({operand})"),
            2 => format!("cast({operand} as char)"),
            3 if class == Class::Int => format!("cast({operand} as unsigned)"),
            4 if class == Class::Int => format!("{operand} div 3"),
            5 if class == Class::Int => format!("{operand} / 4"),
            6 => {
                let condition = self.condition(scope, depth - 1);
                let other = self.operand(scope, class);
                format!("case when {condition} then {operand} else {other} end")
            }
            7 => format!("nullif({operand}, {})", self.literal(class)),
            8 if class == Class::Text => format!("locate('b', {operand})"),
            9 if class == Class::Text => format!("replace({operand}, 'a', 'xy')"),
            10 if class == Class::Text => format!("lpad({operand}, 4, '*')"),
            11 if class == Class::Date => format!("year({operand})"),
            12 if class == Class::DateTime => format!("date({operand})"),
            13 if matches!(class, Class::Int | Class::Decimal | Class::Text) => {
                let other = self.operand(scope, class);
                format!("greatest({operand}, {other})")
            }
            14 if class == Class::Int => format!("abs({operand})"),
            15 if class == Class::Decimal => format!("truncate({operand}, 1)"),
            _ => operand,
        }
    }

    fn condition(&mut self, scope: &[Named], depth: usize) -> String {
        if 0 < depth && self.dice.percent(35) {
            let (one, other) = (self.condition(scope, depth - 1), self.condition(scope, depth - 1));
            return match self.dice.between(0, 4) {
                0 | 1 => format!("({one} and {other})"),
                2 | 3 => format!("({one} or {other})"),
                _ => format!("not ({one})"),
            };
        }
        let class = self.any_class(scope);
        let left = self.operand(scope, class);
        let right = self.operand(scope, class);
        match self.dice.between(0, 11) {
            0 => format!("{left} is null"),
            1 => format!("{left} is not null"),
            2 => format!("{left} between {right} and {}", self.literal(class)),
            3 => {
                let not = self.dice.pick(&["", "not "]);
                format!(
                    "{left} {not}in ({}, {}, {right})",
                    self.literal(class),
                    self.literal(class)
                )
            }
            4 if class == Class::Text => {
                let pattern = self.dice.pick(&["'a%'", "'%b%'", "'_'", "'A_'", "'%'"]);
                format!("{left} like {pattern}")
            }
            5 => format!("{left} <=> {right}"),
            _ => {
                let op = self.dice.pick(&["=", "=", "<>", "<", ">", "<=", ">="]);
                format!("{left} {op} {right}")
            }
        }
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
