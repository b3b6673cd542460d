//! SHOW and DESCRIBE.

use std::fmt::Write;
use std::sync::Arc;

use crate::collation::Collation;
use crate::eval::item_text::item_text;
use crate::eval::{Program, Scope};
use crate::mysql::error;
use crate::mysql::execution::Run;
use crate::mysql::metadata::MetadataMode;
use crate::mysql::outcome::{Column, Outcome};
use crate::mysql::schema::{self, HIDDEN, PRIMARY};
use crate::sql::ast::{
    ColumnName, Constraint, Expr, Ident, Literal, Show, ShowFilter, ShowKind, TableName,
};
use crate::sql_error::SqlError;
use crate::value::{Row, Value};

use super::scope::constant_default;
use super::session::text_column;

impl Run {
    pub async fn show(&self, show: &Show) -> Result<Outcome, SqlError> {
        let filter = show.filter.as_ref();
        match &show.kind {
            ShowKind::Databases => {
                let names: Vec<Arc<str>> =
                    self.engine(|engine| engine.databases.keys().cloned().collect());
                let rows = names.iter().map(|name| vec![Value::text(name)]).collect();
                self.filtered(vec![like_name("Database", filter)], rows, filter)
            }
            ShowKind::Tables { database } => self.show_tables(database.as_ref(), show.full, filter),
            ShowKind::Columns { table } => {
                let outcome = self.describe(table, None, show.full).await?;
                let rows = outcome.rows.iter().map(|row| row.to_vec()).collect();
                self.filtered(outcome.columns.to_vec(), rows, filter)
            }
            ShowKind::Index { table } => self.show_index(table, filter).await,
            ShowKind::CreateTable(table) => self.show_create_table(table).await,
            ShowKind::CreateDatabase(name) => self.show_create_database(name),
            ShowKind::Warnings => self.show_warnings(false),
            ShowKind::Other(words) if words == "errors" => self.show_warnings(true),
            ShowKind::Variables { .. } => {
                let mut variables = (*self.session_variables()?).clone();
                let executed = self.engine(|engine| engine.executed.to_string());
                variables.insert("gtid_executed".into(), Value::text(&executed));
                let rows = variables
                    .iter()
                    .map(|(name, value)| vec![Value::text(name), Value::text(&shown(name, value))])
                    .collect();
                self.filtered(columns(&["Variable_name", "Value"]), rows, filter)
            }
            ShowKind::ProcessList => self.show_process_list(),
            other => {
                let of_replication = match other {
                    ShowKind::Other(words) => self.show_replication(words),
                    _ => None,
                };
                of_replication.ok_or_else(|| SqlError::not_supported(format!("SHOW {other:?}")))
            }
        }
    }

    /// DESCRIBE, SHOW COLUMNS and SHOW FULL COLUMNS.
    pub async fn describe(
        &self,
        table: &TableName,
        column: Option<&str>,
        full: bool,
    ) -> Result<Outcome, SqlError> {
        let path = self.path(table)?;
        let schema = self.find(&path)?.schema;
        let mut rows = Vec::new();
        for (at, column) in schema.columns.iter().enumerate() {
            let null = if column.not_null { "NO" } else { "YES" };
            let mut extra = Vec::new();
            if column.auto_increment {
                extra.push("auto_increment".to_string());
            }
            if column.default.as_ref().is_some_and(|default| !matches!(default, Expr::Literal(_))) {
                extra.push("DEFAULT_GENERATED".to_string());
            }
            if let Some(expr) = &column.on_update {
                extra.push(format!("on update {}", shown_default(expr)));
            }
            let default = match &column.default {
                // A binary default is shown as a number here, without what pads it.
                Some(default @ Expr::Literal(_)) if is_binary(column) => {
                    let text = default_bytes(column, default);
                    Value::text(&text)
                }
                Some(default) => Value::text(&default_text(column, default)),
                None => Value::Null,
            };
            let mut row = vec![Value::text(&column.name), Value::text(&type_text(&column.ty))];
            if full {
                let texts = column.collation != crate::collation::Collation::Binary;
                row.push(if texts { Value::text(column.collation.name()) } else { Value::Null });
            }
            row.extend([Value::text(null), Value::text(key_mark(&schema, at)), default]);
            row.push(Value::text(&extra.join(" ")));
            if full {
                row.push(Value::text("select,insert,update,references"));
                row.push(Value::text(column.comment.as_deref().unwrap_or("")));
            }
            rows.push(row);
        }
        if let Some(pattern) = column {
            let filter = ShowFilter::Like(pattern.into());
            return self.filtered(describe_columns(full), rows, Some(&filter));
        }
        self.filtered(describe_columns(full), rows, None)
    }

    fn show_tables(
        &self,
        database: Option<&Ident>,
        full: bool,
        filter: Option<&ShowFilter>,
    ) -> Result<Outcome, SqlError> {
        let name = match database {
            Some(name) => name.0.clone(),
            None => {
                self.session(|session| session.database.clone())?.ok_or_else(error::no_database)?
            }
        };
        let tables: Vec<Arc<str>> = self
            .engine(|engine| {
                engine
                    .databases
                    .get(&name)
                    .map(|database| database.tables.keys().cloned().collect())
            })
            .ok_or_else(|| error::unknown_database(&name))?;
        let mut titles = vec![like_name(&format!("Tables_in_{name}"), filter)];
        if full {
            titles.push(text_column("Table_type"));
        }
        let row = |table: &Arc<str>| {
            let mut row = vec![Value::text(table)];
            if full {
                row.push(Value::text("BASE TABLE"));
            }
            row
        };
        self.filtered(titles, tables.iter().map(row).collect(), filter)
    }

    async fn show_index(
        &self,
        table: &TableName,
        filter: Option<&ShowFilter>,
    ) -> Result<Outcome, SqlError> {
        let path = self.path(table)?;
        let schema = self.find(&path)?.schema;
        let cardinality = self.engine(|engine| {
            let id = engine.databases[&path.0].tables[&path.1];
            engine.table(id).records().count()
        });
        let titles = [
            "Table",
            "Non_unique",
            "Key_name",
            "Seq_in_index",
            "Column_name",
            "Collation",
            "Cardinality",
            "Sub_part",
            "Packed",
            "Null",
            "Index_type",
            "Comment",
            "Index_comment",
            "Visible",
            "Expression",
        ];
        let mut rows = Vec::new();
        for index in schema.indexes.iter().filter(|index| &*index.name != HIDDEN) {
            for (number, part) in index.parts.iter().enumerate() {
                let column = &schema.columns[part.column];
                rows.push(vec![
                    Value::text(&schema.name),
                    Value::Int(i64::from(!index.unique)),
                    Value::text(&index.name),
                    Value::Int(number as i64 + 1),
                    Value::text(&column.name),
                    Value::text(if part.descending { "D" } else { "A" }),
                    Value::Int(cardinality as i64),
                    part.length.map_or(Value::Null, |length| Value::Int(i64::from(length))),
                    Value::Null,
                    Value::text(if column.not_null { "" } else { "YES" }),
                    Value::text("BTREE"),
                    Value::text(""),
                    Value::text(""),
                    Value::text("YES"),
                    Value::Null,
                ]);
            }
        }
        self.filtered(columns(&titles), rows, filter)
    }

    async fn show_create_table(&self, table: &TableName) -> Result<Outcome, SqlError> {
        let opened = self.open(table, MetadataMode::Read).await?;
        let next = self.engine(|engine| engine.table(opened.id).auto_increment);
        let text = create_text(&opened.schema, next);
        // Outside of a transaction the statement ends here, and so does its metadata lock.
        let connection = self.connection;
        if self.session(|session| session.transaction.is_none())? {
            self.engine(|engine| {
                engine.metadata.release(connection, crate::mysql::metadata::Duration::Transaction);
            });
        }
        let row = vec![Value::text(&opened.schema.name), Value::text(&text)];
        self.filtered(columns(&["Table", "Create Table"]), vec![row], None)
    }

    fn show_create_database(&self, name: &Ident) -> Result<Outcome, SqlError> {
        let collation = self
            .engine(|engine| engine.databases.get(&name.0).map(|database| database.collation))
            .ok_or_else(|| error::unknown_database(name.as_str()))?;
        let text = format!(
            "CREATE DATABASE {} /*!40100 DEFAULT CHARACTER SET {} COLLATE {} */ \
             /*!80016 DEFAULT ENCRYPTION='N' */",
            backticks(name.as_str()),
            collation.charset(),
            collation.name()
        );
        let row = vec![Value::text(name.as_str()), Value::text(&text)];
        self.filtered(columns(&["Database", "Create Database"]), vec![row], None)
    }

    fn show_warnings(&self, only_errors: bool) -> Result<Outcome, SqlError> {
        let (warnings, failed) =
            self.session(|session| (session.warnings.clone(), session.failed))?;
        // The error of a statement that failed is the last of its warnings.
        let level = |at: usize, warning: &SqlError| match () {
            () if failed && at + 1 == warnings.len() => "Error",
            () if warning.note => "Note",
            () => "Warning",
        };
        let listed = warnings.iter().enumerate();
        let listed = listed.filter(|(at, own)| !only_errors || level(*at, own) == "Error");
        let rows = listed.map(|(at, warning)| {
            vec![
                Value::text(level(at, warning)),
                Value::Int(i64::from(warning.errno)),
                Value::text(&warning.message),
            ]
        });
        let rows = rows.collect();
        self.filtered(columns(&["Level", "Code", "Message"]), rows, None)
    }

    fn show_process_list(&self) -> Result<Outcome, SqlError> {
        let rows = self.engine(|engine| {
            let row = |session: &crate::mysql::session::Session| {
                vec![
                    Value::Int(session.id.0 as i64),
                    Value::text(&session.user),
                    session.database.as_ref().map_or(Value::Null, |name| Value::text(name)),
                ]
            };
            engine.sessions.values().map(row).collect()
        });
        self.filtered(columns(&["Id", "User", "db"]), rows, None)
    }

    /// LIKE goes by the first column, WHERE by the names of the result.
    fn filtered(
        &self,
        columns: Vec<Column>,
        rows: Vec<Vec<Value>>,
        filter: Option<&ShowFilter>,
    ) -> Result<Outcome, SqlError> {
        let mut env = self.env()?;
        let scope = Titles(&columns);
        let filter = match filter {
            None => None,
            Some(ShowFilter::Where(expr)) => Some(expr.clone()),
            Some(ShowFilter::Like(pattern)) => Some(Expr::Compare {
                op: crate::sql::ast::CompareOp::Like,
                left: Box::new(Expr::Column(ColumnName {
                    table: None,
                    name: (&*columns[0].name).into(),
                })),
                right: Box::new(Expr::Literal(Literal::String(pattern.clone()))),
                escape: None,
            }),
        };
        let program = filter.map(|filter| Program::compile(&filter, &scope)).transpose()?;
        let mut kept: Vec<Row> = Vec::new();
        for row in rows {
            let matches = match &program {
                Some(program) => program.matches(&row, &mut env)?,
                None => true,
            };
            if matches {
                kept.push(row.into());
            }
        }
        Ok(Outcome { columns: columns.into(), rows: kept, ..Outcome::default() })
    }
}

struct Titles<'a>(&'a [Column]);

impl Scope for Titles<'_> {
    fn resolve(&self, column: &ColumnName) -> Result<(usize, crate::eval::ColumnKind), SqlError> {
        let at = self.0.iter().position(|title| column.name.is(&title.name));
        let unknown = || SqlError::unknown_column(column.name.as_str(), "where clause");
        let at = at.ok_or_else(unknown)?;
        Ok((at, self.0[at].kind))
    }
}

fn columns(names: &[&str]) -> Vec<Column> {
    names.iter().map(|name| text_column(name)).collect()
}

/// `Tables_in_test (a%)`: LIKE shows in the title.
fn like_name(name: &str, filter: Option<&ShowFilter>) -> Column {
    match filter {
        Some(ShowFilter::Like(pattern)) => text_column(&format!("{name} ({pattern})")),
        _ => text_column(name),
    }
}

/// Whether a column may be NULL shows in how wide a client prints it: Key and Extra may not.
fn describe_columns(full: bool) -> Vec<Column> {
    let names: &[&str] = match full {
        false => &["Field", "Type", "Null", "Key", "Default", "Extra"],
        true => &[
            "Field",
            "Type",
            "Collation",
            "Null",
            "Key",
            "Default",
            "Extra",
            "Privileges",
            "Comment",
        ],
    };
    let mut columns = columns(names);
    for column in &mut columns {
        column.not_null = !matches!(&*column.name, "Collation" | "Default");
    }
    columns
}

/// `PRI`, `UNI` for a unique key of one column, `MUL` for the first column of another key. Unique
/// keys stand before others, and the first counts.
fn key_mark(schema: &schema::Table, at: usize) -> &'static str {
    let firsts = |index: &&schema::Index| index.parts.first().is_some_and(|part| part.column == at);
    let clustered = schema.clustered();
    if &*clustered.name != HIDDEN && schema.columns_of(0).any(|column| column == at) {
        return "PRI";
    }
    match schema.indexes.iter().filter(firsts).min_by_key(|index| !index.unique) {
        Some(index) if index.unique && index.parts.len() == 1 => "UNI",
        Some(_) => "MUL",
        None => "",
    }
}

/// A type as SHOW prints it: `varchar(8)`, `bigint unsigned`, `enum('a','b')`.
pub fn type_text(ty: &crate::sql::ast::ColumnType) -> String {
    let mut text = ty.name.to_string();
    let integer = matches!(&*ty.name, "tinyint" | "smallint" | "mediumint" | "int" | "bigint");
    match (ty.length, ty.scale) {
        // Widths of integers are no more, but for tinyint(1).
        (Some(length), _)
            if integer && !(&*ty.name == "tinyint" && length == 1) && !ty.zerofill => {}
        (Some(length), Some(scale)) => {
            let _ = write!(text, "({length},{scale})");
        }
        (Some(length), None) if &*ty.name == "decimal" => {
            let _ = write!(text, "({length},0)");
        }
        (Some(length), None) => {
            let _ = write!(text, "({length})");
        }
        (None, _) => match &*ty.name {
            "decimal" => text.push_str("(10,0)"),
            "char" | "binary" | "bit" => text.push_str("(1)"),
            _ => {}
        },
    }
    if !ty.values.is_empty() {
        let values: Vec<String> = ty
            .values
            .iter()
            .map(|value| format!("'{}'", value.replace('\'', "''").replace('\0', "\\0")))
            .collect();
        let _ = write!(text, "({})", values.join(","));
    }
    if ty.unsigned {
        text.push_str(" unsigned");
    }
    if ty.zerofill {
        text.push_str(" zerofill");
    }
    text
}

fn is_binary(column: &schema::Column) -> bool {
    matches!(&*column.ty.name, "binary" | "varbinary")
}

fn default_bytes(column: &schema::Column, default: &Expr) -> String {
    match constant_default(column) {
        Ok(Value::Bytes(bytes)) => {
            let end = bytes.iter().rposition(|byte| *byte != 0).map_or(0, |at| at + 1);
            let digits = bytes[..end].iter().map(|byte| format!("{byte:02X}"));
            format!("0x{}", digits.collect::<String>())
        }
        _ => default_text(column, default),
    }
}

/// A default as the column holds it.
fn default_text(column: &schema::Column, default: &Expr) -> String {
    let constant = match default {
        Expr::Literal(_) => constant_default(column).ok(),
        _ => None,
    };
    match constant {
        Some(value) => {
            let mut shown = text_column("");
            shown.ty = Some(column.ty.clone());
            String::from_utf8_lossy(&shown.wire(&value).unwrap_or_default()).into_owned()
        }
        None => shown_default(default),
    }
}

/// A text in quotes, with quotes inside doubled.
fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\\', "\\\\").replace('\'', "''").replace('\0', "\\0"))
}

/// `CURRENT_TIMESTAMP`, as SHOW spells it.
fn shown_default(expr: &Expr) -> String {
    let text = expr.to_string();
    match text.to_ascii_lowercase().trim_end_matches("()") {
        "current_timestamp" | "now" => "CURRENT_TIMESTAMP".to_string(),
        lower if lower.starts_with("current_timestamp(") || lower.starts_with("now(") => {
            text.to_ascii_uppercase().replace("NOW", "CURRENT_TIMESTAMP")
        }
        _ => text,
    }
}

fn backticks(name: &str) -> String {
    format!("`{}`", name.replace('`', "``"))
}

/// SHOW CREATE TABLE.
pub fn create_text(schema: &schema::Table, next: u64) -> String {
    let mut lines = Vec::new();
    for column in &schema.columns {
        lines.push(format!("  {}", column_text(schema, column)));
    }
    for index in schema.indexes.iter().filter(|index| &*index.name != HIDDEN) {
        let parts: Vec<String> = index
            .parts
            .iter()
            .map(|part| {
                let length = part.length.map_or_else(String::new, |length| format!("({length})"));
                let order = if part.descending { " DESC" } else { "" };
                format!("{}{length}{order}", backticks(&schema.columns[part.column].name))
            })
            .collect();
        let name = backticks(&index.name);
        let parts = parts.join(",");
        lines.push(match (&*index.name == PRIMARY, index.unique) {
            (true, _) => format!("  PRIMARY KEY ({parts})"),
            (false, true) => format!("  UNIQUE KEY {name} ({parts})"),
            (false, false) => format!("  KEY {name} ({parts})"),
        });
    }
    for constraint in &schema.constraints {
        lines.extend(constraint_text(constraint).map(|text| format!("  {text}")));
    }
    let mut text = format!(
        "CREATE TABLE {} (\n{}\n) ENGINE=InnoDB",
        backticks(&schema.name),
        lines.join(",\n")
    );
    if schema.auto_increment().is_some() && 1 < next {
        let _ = write!(text, " AUTO_INCREMENT={next}");
    }
    let collation = schema.collation;
    let _ = write!(text, " DEFAULT CHARSET={}", collation.charset());
    // The one default collation that goes without saying is an old one.
    if collation != Collation::Latin1SwedishCi {
        let _ = write!(text, " COLLATE={}", collation.name());
    }
    if let Some(comment) = &schema.comment {
        let _ = write!(text, " COMMENT={}", quoted(comment));
    }
    text
}

fn column_text(schema: &schema::Table, column: &schema::Column) -> String {
    let mut text = format!("{} {}", backticks(&column.name), type_text(&column.ty));
    let kind = crate::eval::ColumnKind::of(&column.ty, schema.collation);
    let textual = kind.kind == crate::eval::Kind::Text && &*column.ty.name != "json";
    let explicit = column.ty.charset.is_some() || column.ty.collation.is_some();
    let (own, whole) = (column.collation, schema.collation);
    let is_default = Collation::of_charset(own.charset()) == Some(own);
    if textual && (explicit || own.charset() != whole.charset()) {
        let _ = write!(text, " CHARACTER SET {} COLLATE {}", own.charset(), own.name());
    } else if textual && !is_default {
        let _ = write!(text, " COLLATE {}", own.name());
    }
    if column.not_null {
        text.push_str(" NOT NULL");
    } else if &*column.ty.name == "timestamp" {
        text.push_str(" NULL");
    }
    let blob = column.ty.name.ends_with("blob") || column.ty.name.ends_with("text");
    match &column.default {
        Some(default @ Expr::Literal(_)) => {
            let _ = write!(text, " DEFAULT {}", quoted(&default_text(column, default)));
        }
        Some(default) => {
            let shown = shown_default(default);
            let _ = match shown.starts_with("CURRENT_TIMESTAMP") {
                true => write!(text, " DEFAULT {shown}"),
                false => write!(text, " DEFAULT ({shown})"),
            };
        }
        None if !column.not_null && !blob && !column.no_default => text.push_str(" DEFAULT NULL"),
        None => {}
    }
    if let Some(expr) = &column.on_update {
        let _ = write!(text, " ON UPDATE {}", shown_default(expr));
    }
    if column.auto_increment {
        text.push_str(" AUTO_INCREMENT");
    }
    if let Some(comment) = &column.comment {
        let _ = write!(text, " COMMENT {}", quoted(comment));
    }
    if column.invisible {
        text.push_str(" /*!80023 INVISIBLE */");
    }
    text
}

pub fn constraint_text(constraint: &Constraint) -> Option<String> {
    let names = |names: &[Ident]| {
        let names: Vec<String> = names.iter().map(|name| backticks(name.as_str())).collect();
        names.join(", ")
    };
    match constraint {
        Constraint::ForeignKey { name, columns, table, referenced, on_delete, on_update } => {
            let name =
                name.as_ref().map(|name| format!("CONSTRAINT {} ", backticks(name.as_str())));
            let action = |word: &str, action: &Option<String>| {
                action.as_ref().map_or_else(String::new, |action| {
                    format!(" ON {word} {}", action.to_ascii_uppercase())
                })
            };
            Some(format!(
                "{}FOREIGN KEY ({}) REFERENCES {} ({}){}{}",
                name.unwrap_or_default(),
                names(columns),
                backticks(table.name.as_str()),
                names(referenced),
                action("DELETE", on_delete),
                action("UPDATE", on_update)
            ))
        }
        Constraint::Check { name, expr, enforced } => {
            let name = name.as_ref().map_or_else(String::new, |name| backticks(name.as_str()));
            let plain = |column: &ColumnName| backticks(column.name.as_str());
            let off = if *enforced { "" } else { " /*!80016 NOT ENFORCED */" };
            Some(format!("CONSTRAINT {name} CHECK ({}){off}", item_text(expr, &plain)))
        }
    }
}

/// SHOW VARIABLES says ON and OFF where SELECT says 1 and 0.
fn shown(name: &str, value: &Value) -> String {
    let flags = [
        "autocommit",
        "foreign_key_checks",
        "log_bin",
        "read_only",
        "sql_log_bin",
        "super_read_only",
        "unique_checks",
        "sql_auto_is_null",
        "sql_safe_updates",
    ];
    match value {
        Value::Int(1) if flags.contains(&name) => "ON".to_string(),
        Value::Int(0) if flags.contains(&name) => "OFF".to_string(),
        other => other.to_string(),
    }
}
