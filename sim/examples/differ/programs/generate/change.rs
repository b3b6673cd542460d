//! INSERT, REPLACE, UPDATE and DELETE.

use super::{Class, Column, Generator, Named, Table, named};

impl Generator {
    pub fn insert_into(&mut self, at: usize) -> String {
        let table = self.tables[at].clone();
        match self.dice.between(0, 24) {
            0 | 1 => return self.insert_set(&table),
            2 => return format!("insert into {} () values ()", table.name),
            _ => {}
        }
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

    fn insert_set(&mut self, table: &Table) -> String {
        let verb = self.dice.pick(&["insert into", "insert ignore", "replace"]);
        let id = table.columns[0].clone();
        let column = table.columns[self.dice.between(1, table.columns.len() - 1)].clone();
        let (id, value) = (self.value_for(&id), self.value_for(&column));
        format!("{verb} {} set id = {id}, {} = {value}", table.name, column.name)
    }

    fn on_duplicate(&mut self, table: &Table) -> String {
        let new = self.is_mysql() && self.dice.percent(40);
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

    pub fn insert_select(&mut self) -> String {
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
        let verb = self.dice.pick(&["insert", "insert", "insert", "insert ignore", "replace"]);
        let condition = self.condition(&scope, 1);
        let mut text = format!(
            "{verb} into {} ({id}{}) select {shown} from {} where {condition} order by id",
            to.name, column.name, from.name
        );
        if verb == "insert" && self.dice.percent(20) {
            let other = to.columns[self.dice.between(0, to.columns.len() - 1)].clone();
            let value = match self.dice.percent(50) {
                true => format!("values({})", column.name),
                false => self.literal(other.class),
            };
            text.push_str(&format!(
                " on duplicate key update {}.{} = {value}",
                to.name, other.name
            ));
        }
        text
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

    pub fn update(&mut self) -> String {
        let at = self.table();
        let table = self.tables[at].clone();
        let scope = named(&table, None);
        let ignore = if self.dice.percent(15) { "ignore " } else { "" };
        let set = self.assignments(&table, "", &scope);
        let mut text = format!("update {ignore}{} set {set}", table.name);
        if self.dice.percent(80) {
            let mut condition = self.condition(&scope, 2);
            if self.dice.percent(10) {
                let nested = self.nested_condition(&table);
                condition = format!("{condition} and {nested}");
            }
            text.push_str(&format!(" where {condition}"));
        }
        // Which row comes first decides which one is in the way of another.
        text.push_str(" order by id");
        if self.dice.percent(20) {
            text.push_str(&format!(" limit {}", self.dice.between(0, 3)));
        }
        text
    }

    /// A condition over another table, by a subquery.
    fn nested_condition(&mut self, table: &Table) -> String {
        let at = self.table();
        let other = self.tables[at].clone();
        // MariaDB may read the table that it changes.
        if !self.is_mysql() && other.name == table.name {
            return "1 = 1".to_string();
        }
        let column = self.column(table).clone();
        let inner = named(&other, None);
        let found = self.column_of(&inner, column.class).unwrap_or_else(|| "id".to_string());
        match self.dice.between(0, 2) {
            0 => format!("{} in (select {found} from {})", column.name, other.name),
            1 => format!("{} >= (select min({found}) from {})", column.name, other.name),
            _ => {
                let names = (&table.name, &other.name);
                format!("exists (select 1 from {} x where x.id = {}.id)", names.1, names.0)
            }
        }
    }

    pub fn delete(&mut self) -> String {
        let at = self.table();
        let table = self.tables[at].clone();
        let scope = named(&table, None);
        let mut condition = self.condition(&scope, 2);
        if self.dice.percent(15) {
            let nested = self.nested_condition(&table);
            condition = format!("{condition} and {nested}");
        }
        let mut text = format!("delete from {} where {condition}", table.name);
        if self.dice.percent(20) {
            text.push_str(&format!(" order by id limit {}", self.dice.between(0, 3)));
        }
        text
    }

    /// Two tables (or one twice), and the condition between them.
    pub fn pair(&mut self) -> (Table, Table, Vec<Named>, String) {
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

    pub fn update_joined(&mut self) -> String {
        let (a, b, scope, _) = self.pair();
        let commas = self.dice.percent(30);
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
        if commas {
            let names = (&a.name, &b.name);
            return format!(
                "update {} a, {} b set {set} where a.id = b.id and {condition}",
                names.0, names.1
            );
        }
        format!(
            "update {} a {kind} {} b on a.id = b.id set {set} where {condition}",
            a.name, b.name
        )
    }

    pub fn delete_joined(&mut self) -> String {
        let (a, b, scope, on) = self.pair();
        let kind = self.dice.pick(&["join", "left join"]);
        let targets = self.dice.pick(&["a", "b", "a, b"]);
        let condition = self.condition(&scope, 1);
        match self.dice.between(0, 3) {
            0 => format!(
                "delete from {targets} using {} a {kind} {} b on {on} where {condition}",
                a.name, b.name
            ),
            1 => format!(
                "delete {targets} from {} a, {} b where {on} and {condition}",
                a.name, b.name
            ),
            _ => format!(
                "delete {targets} from {} a {kind} {} b on {on} where {condition}",
                a.name, b.name
            ),
        }
    }
}
