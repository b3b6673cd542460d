//! What a session has besides tables: variables, modes, prepared statements, SHOW.

use super::{Class, Generator, named};

/// The mode of both, without what they disagree on.
pub const STRICT: &str = "STRICT_TRANS_TABLES,NO_ZERO_IN_DATE,NO_ZERO_DATE,\
                          ERROR_FOR_DIVISION_BY_ZERO,NO_ENGINE_SUBSTITUTION";

impl Generator {
    pub fn of_session(&mut self) -> Vec<String> {
        let at = self.table();
        let name = self.tables[at].name.clone();
        let kind = match self.dice.between(0, 17) {
            // MariaDB shows types with their widths.
            2..=6 if !self.is_mysql() => 9,
            kind => kind,
        };
        let statement = match kind {
            0 => "set sql_mode = ''".to_string(),
            1 if self.is_mysql() => "set sql_mode = default".to_string(),
            1 => format!("set sql_mode = '{STRICT}'"),
            2 => format!("show columns from {name}"),
            3 | 4 => format!("show create table {name}"),
            5 => format!("show index from {name}"),
            6 => format!("{} {name}", self.dice.pick(&["describe", "desc", "show fields from"])),
            7 => "show tables".to_string(),
            8 if self.is_mysql() => "show warnings".to_string(),
            9 | 10 => self.set_variable(),
            11 => {
                let shown = ["@v", "@w + 1", "@v, @w", "concat(@v, '-')", "@nope", "@v is null"];
                format!("select {}", self.dice.pick(&shown))
            }
            12 => {
                let shown = [
                    "select @@autocommit",
                    "show variables like 'autocommit'",
                    "select row_count()",
                    "select last_insert_id()",
                    "select found_rows()",
                    "select database(), 1 + 1",
                    "select @@sql_mode is not null",
                    "select @v <=> @w",
                ];
                self.dice.pick(&shown).to_string()
            }
            _ => return self.prepared(),
        };
        vec![statement]
    }

    fn set_variable(&mut self) -> String {
        let at = self.table();
        let table = self.tables[at].clone();
        let variable = self.dice.pick(&["v", "w"]);
        let class = self.any_class(&named(&table, None));
        match self.dice.between(0, 2) {
            0 => format!("set @{variable} = {}", self.literal(class)),
            1 => {
                let operand = self.literal(class);
                let value = self.applied(&[], class, &operand);
                format!("set @{variable} = {value}")
            }
            _ => {
                let column = self.column(&table).clone();
                format!("set @{variable} = (select max({}) from {})", column.name, table.name)
            }
        }
    }

    /// PREPARE, then EXECUTE with other values each time.
    fn prepared(&mut self) -> Vec<String> {
        if let Some(classes) = self.prepared.clone()
            && self.dice.percent(60)
        {
            return match self.dice.percent(10) {
                true => {
                    self.prepared = None;
                    vec!["deallocate prepare p".to_string()]
                }
                false => self.execute(&classes),
            };
        }
        let at = self.table();
        let table = self.tables[at].clone();
        let (one, other) = (self.column(&table).clone(), self.column(&table).clone());
        let name = &table.name;
        let mut classes = vec![one.class];
        let text = match self.dice.between(0, 5) {
            0 => format!("select * from {name} where {} = ?", one.name),
            1 => {
                classes.push(other.class);
                format!("update {name} set {} = ? where {} = ?", one.name, other.name)
            }
            2 => format!("delete from {name} where {} = ?", one.name),
            3 => {
                classes.push(other.class);
                let names = (&one.name, &other.name);
                format!("select {} from {name} where {} in (?, ?, 1)", names.1, names.0)
            }
            4 => {
                classes = vec![Class::Int];
                format!("select id from {name} order by id limit ?")
            }
            _ if one.name == "id" => format!("insert into {name} (id) values (?)"),
            _ => {
                classes = vec![Class::Int, one.class];
                format!("insert into {name} (id, {}) values (?, ?)", one.name)
            }
        };
        self.prepared = Some(classes.clone());
        let mut statements = vec![format!("prepare p from '{}'", text.replace('\'', "''"))];
        statements.extend(self.execute(&classes));
        statements
    }

    fn execute(&mut self, classes: &[Class]) -> Vec<String> {
        let mut statements = Vec::new();
        let mut names = Vec::new();
        for (at, class) in classes.iter().enumerate() {
            let value = match self.dice.percent(8) {
                true => "null".to_string(),
                false => self.literal(*class),
            };
            statements.push(format!("set @p{at} = {value}"));
            names.push(format!("@p{at}"));
        }
        statements.push(format!("execute p using {}", names.join(", ")));
        statements
    }
}
