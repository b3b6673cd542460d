//! Tables, and what becomes of them.

use super::{Class, Column, Generator, Table, named};

/// A column's type as it is written.
struct Type {
    text: String,
    class: Class,
    long: bool,
}

impl Generator {
    fn column_type(&mut self) -> Type {
        let integer = self.dice.pick(&["tinyint", "smallint", "mediumint", "int", "bigint"]);
        let text = |text: &str| text.to_string();
        let mut long = false;
        let (text, class) = match self.dice.between(0, 23) {
            0..=5 => (text(integer), Class::Int),
            6 | 7 => (format!("{integer} unsigned"), Class::Int),
            8 | 9 => {
                let types = [
                    "decimal(5,2)",
                    "decimal(10,0)",
                    "decimal(12,4)",
                    "decimal(6,3) unsigned",
                    "numeric(30,10)",
                    "decimal",
                ];
                (text(self.dice.pick(&types)), Class::Decimal)
            }
            10 => {
                let ty = self.dice.pick(&["double", "double", "float", "double unsigned"]);
                (text(ty), Class::Double)
            }
            11..=14 => {
                let length = self.dice.between(3, 12);
                let suffix = self.dice.pick(&["", "", "", " collate utf8mb4_bin", LATIN, GENERAL]);
                (format!("varchar({length}){suffix}"), Class::Text)
            }
            15 => {
                let suffix = self.dice.pick(&["", "", " collate utf8mb4_bin", LATIN]);
                (format!("char({}){suffix}", self.dice.between(2, 6)), Class::Text)
            }
            16 => {
                long = true;
                (text(self.dice.pick(&["text", "tinytext", "mediumtext"])), Class::Text)
            }
            17 => {
                let ty = self.dice.pick(&["varbinary(6)", "binary(4)", "varbinary(20)"]);
                (text(ty), Class::Bytes)
            }
            18 => {
                long = true;
                (text("blob"), Class::Bytes)
            }
            19 | 20 => (text("date"), Class::Date),
            21 | 22 => {
                let types = ["datetime", "datetime(3)", "datetime(6)", "timestamp", "timestamp(2)"];
                (text(self.dice.pick(&types)), Class::DateTime)
            }
            _ => (text(self.dice.pick(&["time", "time", "time(2)"])), Class::Time),
        };
        Type { text, class, long }
    }

    fn column_definition(&mut self, name: &str) -> (String, Column) {
        let ty = self.column_type();
        let class = ty.class;
        let mut text = format!("{name} {}", ty.text);
        let nullable = self.dice.percent(65);
        match nullable {
            // MariaDB makes NULL of one that cannot be the time that it is.
            false if !self.is_mysql() && ty.text.starts_with("timestamp") => {
                text.push_str(" null");
            }
            false => text.push_str(" not null"),
            // Without a word a TIMESTAMP's NULL is a matter of a server option.
            true if ty.text.starts_with("timestamp") => text.push_str(" null"),
            true => {}
        }
        if self.dice.percent(30) && !ty.long {
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
        if self.dice.percent(4) {
            text.push_str(" comment 'it''s'");
        }
        let name = name.to_string();
        (text, Column { name, class, automatic: false, long: ty.long })
    }

    pub fn create_table(&mut self) -> String {
        let name = format!("t{}", self.tables.len());
        let (mut parts, mut columns) = (Vec::new(), Vec::new());
        let automatic = self.dice.percent(35);
        let key = self.dice.between(0, 9);
        if automatic {
            parts.push("id int auto_increment".to_string());
        } else {
            // On MariaDB what becomes NOT NULL by a key has a default.
            let null = if self.is_mysql() { "" } else { " not null" };
            let ty = self.dice.pick(&["int", "bigint", "smallint unsigned"]);
            parts.push(format!("id {ty}{null}"));
        }
        columns.push(Column { name: "id".to_string(), class: Class::Int, automatic, long: false });
        for _ in 0..self.dice.between(2, 5) {
            let column = self.new_column();
            let (text, column) = self.column_definition(&column);
            parts.push(text);
            columns.push(column);
        }
        if automatic || key < 7 {
            parts.push("primary key (id)".to_string());
        } else if key == 7 && self.is_mysql() {
            parts.push(format!("primary key (id, {})", key_part(&columns[1])));
        }
        let mut table = Table { name, columns, keys: Vec::new(), checks: Vec::new() };
        for at in 1..table.columns.len() {
            if self.dice.percent(45) {
                let (unique, name, key) = self.key_of(&table, at);
                parts.push(format!("{unique}key {name} ({key})"));
                table.keys.push(name);
            }
        }
        if self.is_mysql() && self.dice.percent(15) {
            let condition = self.condition(&named(&table, None), 1);
            if self.dice.percent(50) {
                let check = self.new_name("ch");
                parts.push(format!("constraint {check} check ({condition})"));
                table.checks.push(check);
            } else {
                parts.push(format!("check ({condition})"));
            }
        }
        let options = self.dice.pick(&["", "", "", "", " engine=InnoDB", " comment='c'", CHARSET]);
        let text = format!("create table {} ({}){options}", table.name, parts.join(", "));
        self.tables.push(table);
        text
    }

    fn new_column(&mut self) -> String {
        self.columns += 1;
        format!("c{}", self.columns)
    }

    /// A key that begins with a column: `unique `, its name, its parts.
    fn key_of(&mut self, table: &Table, at: usize) -> (&'static str, String, String) {
        let column = &table.columns[at];
        let unique = if self.dice.percent(25) { "unique " } else { "" };
        let name = self.new_name("k");
        let text = matches!(column.class, Class::Text | Class::Bytes);
        let part = key_part(column);
        let key = match self.dice.between(0, 7) {
            0 | 1 if text => format!("{}({})", column.name, self.dice.between(1, 2)),
            2 => format!("{part}, id"),
            3 => {
                let other = self.column(table).clone();
                match other.name == column.name {
                    true => part,
                    false => format!("{part}, {}", key_part(&other)),
                }
            }
            4 => format!("{part} desc"),
            _ => part,
        };
        (unique, name, key)
    }

    pub fn alter(&mut self) -> Vec<String> {
        let at = self.table();
        let table = self.tables[at].clone();
        let name = &table.name;
        let column = self.column(&table).clone();
        let statement = match self.dice.between(0, 27) {
            0 | 1 => {
                let added = self.new_column();
                let (text, added) = self.column_definition(&added);
                self.tables[at].columns.push(added);
                format!("alter table {name} add column {text}")
            }
            2 => {
                let added = self.new_column();
                let (text, added) = self.column_definition(&added);
                let place = table.columns.iter().position(|own| own.name == column.name);
                let place = place.map_or(table.columns.len(), |place| place + 1);
                self.tables[at].columns.insert(place, added);
                format!("alter table {name} add {text} after {}", column.name)
            }
            3 | 4 => {
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
            5..=7 => {
                let place = self.dice.between(0, table.columns.len() - 1);
                let (unique, key, parts) = self.key_of(&table, place);
                self.tables[at].keys.push(key.clone());
                match self.dice.percent(50) {
                    true => format!("create {unique}index {key} on {name} ({parts})"),
                    false => format!("alter table {name} add {unique}key {key} ({parts})"),
                }
            }
            8 | 9 => match table.keys.is_empty() {
                true => format!("alter table {name} drop key nope"),
                false => {
                    let place = self.dice.between(0, table.keys.len() - 1);
                    let key = self.tables[at].keys.remove(place);
                    match self.dice.percent(50) {
                        true => format!("drop index {key} on {name}"),
                        false => format!("alter table {name} drop index {key}"),
                    }
                }
            },
            10 => match table.keys.first() {
                None => format!("select max(id) from {name}"),
                Some(key) => {
                    let new = self.new_name("k");
                    self.tables[at].keys[0] = new.clone();
                    format!("alter table {name} rename index {key} to {new}")
                }
            },
            11 => format!("alter table {name} auto_increment = {}", self.dice.between(1, 60)),
            12 | 13 => format!("truncate table {name}"),
            14..=16 => {
                let (text, own) = self.column_definition(&column.name);
                if column.name == "id" {
                    return vec![format!("alter table {name} drop primary key")];
                }
                self.redefine(at, &column.name, own);
                format!("alter table {name} modify {text}")
            }
            17 => {
                if column.name == "id" {
                    return vec![format!("alter table {name} add primary key (id)")];
                }
                let new = self.new_column();
                let (text, own) = self.column_definition(&new);
                self.redefine(at, &column.name, own);
                format!("alter table {name} change {} {text}", column.name)
            }
            18 | 19 => {
                if column.name == "id" {
                    return vec![format!("select count(*) from {name}")];
                }
                let new = self.new_column();
                let own = Column { name: new.clone(), ..column.clone() };
                self.redefine(at, &column.name, own);
                format!("alter table {name} rename column {} to {new}", column.name)
            }
            20 => match self.dice.percent(50) {
                true => format!("alter table {name} alter {} drop default", column.name),
                false => {
                    let value = self.literal(column.class);
                    format!("alter table {name} alter column {} set default {value}", column.name)
                }
            },
            21 | 22 if self.is_mysql() => {
                let check = self.new_name("ch");
                let condition = self.condition(&named(&table, None), 1);
                self.tables[at].checks.push(check.clone());
                format!("alter table {name} add constraint {check} check ({condition})")
            }
            23 => match table.checks.last() {
                None => format!("select min(id) from {name}"),
                Some(check) => {
                    self.tables[at].checks.pop();
                    let word = self.dice.pick(&["check", "constraint"]);
                    format!("alter table {name} drop {word} {check}")
                }
            },
            24 => {
                let new = self.new_name("r");
                self.tables[at].name = new.clone();
                match self.dice.percent(50) {
                    true => format!("rename table {name} to {new}"),
                    false => format!("alter table {name} rename to {new}"),
                }
            }
            25 => {
                let new = self.new_name("l");
                self.tables.push(Table { name: new.clone(), ..table.clone() });
                format!("create table {new} like {name}")
            }
            26 if 1 < self.tables.len() => {
                self.tables.remove(at);
                format!("drop table {}{name}", self.dice.pick(&["", "if exists "]))
            }
            _ => {
                let added = self.new_column();
                let (text, added) = self.column_definition(&added);
                let key = self.new_name("k");
                self.tables[at].columns.push(added.clone());
                self.tables[at].keys.push(key.clone());
                format!("alter table {name} add {text}, add key {key} ({})", key_part(&added))
            }
        };
        vec![statement]
    }

    fn redefine(&mut self, at: usize, name: &str, new: Column) {
        if let Some(own) = self.tables[at].columns.iter_mut().find(|own| own.name == name) {
            *own = new;
        }
    }
}

const LATIN: &str = " character set latin1";
const GENERAL: &str = " collate utf8mb4_general_ci";
const CHARSET: &str = " default charset=utf8mb4 collate=utf8mb4_bin";

/// The column in a key; a long one is indexed by its beginning.
fn key_part(column: &Column) -> String {
    match column.long {
        true => format!("{}(5)", column.name),
        false => column.name.clone(),
    }
}
