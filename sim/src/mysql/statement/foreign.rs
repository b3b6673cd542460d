//! Foreign keys: a child's row must have its parent's, and what becomes of it when that changes.
//!
//! ```text
//!   insert or update of a child     S on the parent's row; 1452 where there is none
//!   delete or update of a parent    RESTRICT, NO ACTION: S on the children's entries; 1451 for one
//!                                   CASCADE, SET NULL: the children are changed in the same way
//! ```
//!
//! InnoDB looks row by row, as soon as a row is written, and does the children's changes itself:
//! the binlog does not have them, so a replica does them again. A session with `foreign_key_checks`
//! off does neither. It knows nothing of how the rows of a statement are found.
//!
//! Left out: adding a key to a table that is there, and most of ALTER TABLE where there are keys.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use crate::mysql::cursor::{Cursor, Found, Interval, Locking, Reading, Shape};
use crate::mysql::error;
use crate::mysql::execution::Run;
use crate::mysql::key::IndexId;
use crate::mysql::lock::mode::Mode;
use crate::mysql::metadata::TablePath;
use crate::mysql::schema::{Index, Part, Table};
use crate::mysql::transaction::TrxId;
use crate::sql::ast::{AlterChange, Constraint, Ident, Wait};
use crate::sql_error::SqlError;
use crate::value::{Row, Value};

use super::show::constraint_text;
use super::tables::Opened;
use super::write::Written;

/// How many children a change may go through.
const DEEPEST: usize = 15;

/// A key of a child, by the numbers of its columns.
struct Key<'a> {
    constraint: &'a Constraint,
    parent: TablePath,
    columns: Vec<usize>,
    referenced: &'a [Ident],
}

/// What becomes of a child's row.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Action {
    Restrict,
    Cascade,
    SetNull,
}

/// The keys of a table's own rows.
fn keys(table: &Table) -> impl Iterator<Item = Key<'_>> {
    table.constraints.iter().filter_map(|constraint| {
        let Constraint::ForeignKey { columns, table: parent, referenced, .. } = constraint else {
            return None;
        };
        let database = parent.qualifier.as_ref().map_or(&table.database, |name| &name.0);
        Some(Key {
            constraint,
            parent: (Arc::clone(database), parent.name.0.clone()),
            columns: numbers(table, columns)?,
            referenced,
        })
    })
}

fn numbers(table: &Table, columns: &[Ident]) -> Option<Vec<usize>> {
    columns.iter().map(|column| table.column(column.as_str())).collect()
}

fn values(row: &[Value], columns: &[usize]) -> Option<Vec<Value>> {
    let values: Vec<Value> = columns.iter().filter_map(|at| row.get(*at).cloned()).collect();
    // A key with NULL in it refers to nothing.
    (!values.iter().any(Value::is_null)).then_some(values)
}

/// The index that begins with these columns.
fn index_on(table: &Table, columns: &[usize]) -> Option<usize> {
    table.indexes.iter().position(|index| {
        let whole = index.parts.iter().take_while(|part| part.length.is_none());
        let own: Vec<usize> = whole.map(|part| part.column).collect();
        own.starts_with(columns)
    })
}

fn path_of(table: &Table) -> TablePath {
    (table.database.clone(), table.name.clone())
}

fn action(constraint: &Constraint, is_delete: bool) -> Action {
    let Constraint::ForeignKey { on_delete, on_update, .. } = constraint else {
        return Action::Restrict;
    };
    let text = if is_delete { on_delete } else { on_update };
    match text.as_deref().map(str::to_ascii_lowercase).as_deref() {
        Some("cascade") => Action::Cascade,
        Some("set null") => Action::SetNull,
        _ => Action::Restrict,
    }
}

// ---------------------------------------------------------------- definitions

/// Adds a new table's keys, each with a name and an index of the child's columns.
pub fn add(table: &mut Table, constraints: &[Constraint]) -> Result<(), SqlError> {
    let mut number = 0_u32;
    for constraint in constraints {
        let Constraint::ForeignKey { name, columns, table: parent, on_delete, on_update, .. } =
            constraint
        else {
            continue;
        };
        let named = name.is_some();
        // Names that are made are numbered by themselves.
        number += u32::from(!named);
        let name = name.clone();
        let name = name.unwrap_or_else(|| Ident::new(&format!("{}_ibfk_{number}", table.name)));
        let missing = || error::key_column_missing(columns.first().map_or("", Ident::as_str));
        let own = numbers(table, columns).ok_or_else(missing)?;
        let nulls = [on_delete, on_update].into_iter().flatten();
        if nulls.clone().any(|text| text.eq_ignore_ascii_case("set default")) {
            return Err(SqlError::not_supported("SET DEFAULT"));
        }
        let to_null = nulls.into_iter().any(|text| text.eq_ignore_ascii_case("set null"));
        if let Some(at) = own.iter().find(|at| to_null && table.columns[**at].not_null) {
            let text = format!(
                "Column '{}' cannot be NOT NULL: needed in a foreign key constraint '{}' SET NULL",
                table.columns[*at].name,
                name.as_str()
            );
            return Err(SqlError::new(1830, "HY000", text));
        }
        if index_on(table, &own).is_none() {
            let first = columns.first().map_or("", Ident::as_str);
            let index = if named { name.as_str() } else { first };
            let part = |column: &usize| Part { column: *column, length: None, descending: false };
            let parts = own.iter().map(part).collect();
            table.indexes.push(Index { name: index.into(), unique: false, parts });
        }
        let mut constraint = constraint.clone();
        if let Constraint::ForeignKey { name: own, table: of, .. } = &mut constraint {
            *own = Some(name);
            if parent.qualifier.as_ref().is_some_and(|it| it.0 == table.database) {
                of.qualifier = None;
            }
        }
        table.constraints.push(constraint);
    }
    let is_key = |constraint: &Constraint| matches!(constraint, Constraint::ForeignKey { .. });
    let named = |constraint: &Constraint| {
        (!is_key(constraint), is_key(constraint).then(|| name_of(constraint).to_owned()))
    };
    table.constraints.sort_by_key(named);
    Ok(())
}

impl Run {
    /// Whether another table's rows, or its own, refer to a table's.
    pub fn is_parent(&self, table: &Table) -> bool {
        !self.children(&path_of(table)).is_empty()
    }

    /// 1824, 1822: the parent must be there with an index of the columns that are referred to.
    pub fn check_referenced(&self, table: &Table) -> Result<(), SqlError> {
        if !self.session(|session| session.foreign_key_checks)? {
            return Ok(());
        }
        for key in keys(table) {
            let own = key.parent == path_of(table);
            let parent = if own { None } else { self.find(&key.parent).ok() };
            let parent = match (&parent, own) {
                (Some(parent), _) => &parent.schema,
                (None, true) => table,
                (None, false) => {
                    let text = format!("Failed to open the referenced table '{}'", key.parent.1);
                    return Err(SqlError::new(1824, "HY000", text));
                }
            };
            let found = numbers(parent, key.referenced).and_then(|all| index_on(parent, &all));
            if found.is_none() {
                let text = format!(
                    "Failed to add the foreign key constraint. Missing index for constraint '{}' in the referenced table '{}'",
                    name_of(key.constraint),
                    key.parent.1
                );
                return Err(SqlError::new(1822, "HY000", text));
            }
        }
        Ok(())
    }

    /// 3730: a parent stays while a child that is not dropped with it refers to it.
    pub fn check_drops(&self, dropped: &[TablePath]) -> Result<(), SqlError> {
        if !self.session(|session| session.foreign_key_checks)? {
            return Ok(());
        }
        for path in dropped {
            for child in self.children(path) {
                let refers = keys(&child.schema).find(|key| key.parent == *path);
                if let Some(key) = refers.filter(|_| !dropped.contains(&path_of(&child.schema))) {
                    let text = format!(
                        "Cannot drop table '{}' referenced by a foreign key constraint '{}' on table '{}'.",
                        path.1,
                        name_of(key.constraint),
                        child.schema.name
                    );
                    return Err(SqlError::new(3730, "HY000", text));
                }
            }
        }
        Ok(())
    }

    /// 1701: a parent is not emptied behind its children's back.
    pub fn check_truncates(&self, path: &TablePath) -> Result<(), SqlError> {
        if !self.session(|session| session.foreign_key_checks)? {
            return Ok(());
        }
        for child in self.children(path).iter().filter(|child| path_of(&child.schema) != *path) {
            let refers = keys(&child.schema).find(|key| key.parent == *path);
            if let Some(key) = refers {
                let text = format!(
                    "Cannot truncate a table referenced in a foreign key constraint (`{}`.`{}`, CONSTRAINT `{}`)",
                    child.schema.database,
                    child.schema.name,
                    name_of(key.constraint)
                );
                return Err(SqlError::new(1701, "42000", text));
            }
        }
        Ok(())
    }

    /// What ALTER TABLE and RENAME TABLE may not do here to a table with keys.
    pub fn check_alters(&self, table: &Table, changes: &[AlterChange]) -> Result<(), SqlError> {
        let harmless = |change: &AlterChange| {
            matches!(
                change,
                AlterChange::DropForeignKey(_)
                    | AlterChange::AddColumn { .. }
                    | AlterChange::AddIndex(_)
                    | AlterChange::Option(_)
            )
        };
        let has_keys = keys(table).next().is_some() || !self.children(&path_of(table)).is_empty();
        let is_harmless = !changes.is_empty() && changes.iter().all(harmless);
        match has_keys && !is_harmless {
            true => Err(SqlError::not_supported("this change of a table with foreign keys")),
            false => Ok(()),
        }
    }

    /// The tables that refer to one.
    fn children(&self, parent: &TablePath) -> Vec<Opened> {
        self.engine(|engine| {
            let tables = engine.tables.iter().filter(|(_, table)| {
                !table.schema.constraints.is_empty()
                    && keys(&table.schema).any(|key| key.parent == *parent)
            });
            let opened = |(id, table): (&_, &crate::mysql::table::Table)| Opened {
                id: *id,
                schema: table.schema.clone(),
            };
            tables.map(opened).collect()
        })
    }
}

fn name_of(constraint: &Constraint) -> &str {
    match constraint {
        Constraint::ForeignKey { name, .. } | Constraint::Check { name, .. } => {
            name.as_ref().map_or("", Ident::as_str)
        }
    }
}

// ---------------------------------------------------------------- rows

impl Run {
    /// A child's new row must have its parents; `old` is what the row was before.
    pub async fn check_parents(
        &self,
        trx: TrxId,
        table: &Opened,
        old: Option<&Row>,
        new: &Row,
    ) -> Result<(), SqlError> {
        if table.schema.constraints.is_empty()
            || !self.session(|session| session.foreign_key_checks)?
        {
            return Ok(());
        }
        for key in keys(&table.schema) {
            let Some(wanted) = values(new, &key.columns) else { continue };
            if old.and_then(|old| values(old, &key.columns)).as_ref() == Some(&wanted) {
                continue;
            }
            let found = match self.find(&key.parent) {
                Ok(parent) => match numbers(&parent.schema, key.referenced) {
                    Some(columns) => self.one(trx, &parent, &columns, &wanted).await?,
                    None => false,
                },
                Err(_) => false,
            };
            if !found {
                return Err(broken(&table.schema, key.constraint, 1452));
            }
        }
        Ok(())
    }

    /// What a parent's row that is gone, or is another now, does to its children.
    pub async fn follow(
        &self,
        trx: TrxId,
        table: &Opened,
        old: &Row,
        new: Option<&Row>,
    ) -> Result<(), SqlError> {
        match self.session(|session| session.foreign_key_checks)? {
            true => self.follow_from(trx, table, old, new, 0).await,
            false => Ok(()),
        }
    }

    fn follow_from<'a>(
        &'a self,
        trx: TrxId,
        table: &'a Opened,
        old: &'a Row,
        new: Option<&'a Row>,
        depth: usize,
    ) -> Pin<Box<dyn Future<Output = Result<(), SqlError>> + 'a>> {
        Box::pin(async move {
            let path = path_of(&table.schema);
            for child in self.children(&path) {
                let schema = child.schema.clone();
                for key in keys(&schema).filter(|key| key.parent == path) {
                    let Some(columns) = numbers(&table.schema, key.referenced) else { continue };
                    let Some(gone) = values(old, &columns) else { continue };
                    let now = new.map(|new| {
                        columns.iter().filter_map(|at| new.get(*at).cloned()).collect::<Vec<_>>()
                    });
                    if now.as_ref() != Some(&gone) {
                        self.change_children(trx, &child, &key, &gone, now, depth).await?;
                    }
                }
            }
            Ok(())
        })
    }

    async fn change_children(
        &self,
        trx: TrxId,
        child: &Opened,
        key: &Key<'_>,
        gone: &[Value],
        now: Option<Vec<Value>>,
        depth: usize,
    ) -> Result<(), SqlError> {
        let action = action(key.constraint, now.is_none());
        if action == Action::Restrict {
            return match self.one(trx, child, &key.columns, gone).await? {
                true => Err(broken(&child.schema, key.constraint, 1451)),
                false => Ok(()),
            };
        }
        if depth == DEEPEST {
            let text = format!("Foreign key cascade delete/update exceeds max depth of {DEEPEST}.");
            return Err(SqlError::new(3008, "HY000", text));
        }
        for Found { key: at, row, .. } in self.all(trx, child, &key.columns, gone).await? {
            let new = match (action, &now) {
                (Action::Cascade, None) => None,
                (Action::Cascade, Some(now)) => Some(with(&row, &key.columns, now)),
                _ => Some(with(&row, &key.columns, &vec![Value::Null; key.columns.len()])),
            };
            match &new {
                None => self.delete_row(trx, child, &at, &row).await?,
                Some(new) => {
                    let written = self.update_row(trx, child, &at, &row, new, Mode::S).await?;
                    if let Written::Duplicate { index, .. } = written {
                        return Err(self.duplicate_error(child, index, new));
                    }
                }
            }
            self.follow_from(trx, child, &row, new.as_ref(), depth + 1).await?;
        }
        Ok(())
    }

    /// Whether a row has these values, locked shared.
    async fn one(
        &self,
        trx: TrxId,
        table: &Opened,
        columns: &[usize],
        values: &[Value],
    ) -> Result<bool, SqlError> {
        let Some(mut cursor) = cursor(trx, table, columns, values, Mode::S) else {
            return Ok(false);
        };
        Ok(self.next(&mut cursor, trx).await?.is_some())
    }

    /// The rows that have these values, locked to be changed.
    async fn all(
        &self,
        trx: TrxId,
        table: &Opened,
        columns: &[usize],
        values: &[Value],
    ) -> Result<Vec<Found>, SqlError> {
        let mut found = Vec::new();
        if let Some(mut cursor) = cursor(trx, table, columns, values, Mode::X) {
            while let Some(row) = self.next(&mut cursor, trx).await? {
                found.push(row);
            }
        }
        Ok(found)
    }
}

fn cursor(
    trx: TrxId,
    table: &Opened,
    columns: &[usize],
    values: &[Value],
    mode: Mode,
) -> Option<Cursor> {
    let schema = &table.schema;
    let at = index_on(schema, columns)?;
    let index = &schema.indexes[at];
    let is_whole = index.unique && index.parts.len() == columns.len();
    let low = schema.key_of_values(at, values);
    let shape = if is_whole { Shape::Unique } else { Shape::Equal };
    let interval = Interval { high: low.successor_of_prefix(), low: Some(low), shape };
    let locking = Locking {
        mode,
        wait: Wait::Block,
        covering: false,
        semi_consistent: false,
        fetches_range_end: true,
    };
    let index = IndexId { table: table.id, index: at as u32 };
    Some(Cursor::new(index, vec![interval], false, Reading::Locking(locking), trx))
}

/// A row with other values in some columns.
fn with(row: &Row, columns: &[usize], values: &[Value]) -> Row {
    let mut row = row.to_vec();
    for (at, value) in columns.iter().zip(values) {
        if let Some(place) = row.get_mut(*at) {
            *place = value.clone();
        }
    }
    row.into()
}

fn broken(child: &Table, constraint: &Constraint, errno: u16) -> SqlError {
    let what = match errno {
        1452 => "Cannot add or update a child row",
        _ => "Cannot delete or update a parent row",
    };
    let text = constraint_text(constraint).unwrap_or_default();
    let of = format!("`{}`.`{}`", child.database, child.name);
    let text = format!("{what}: a foreign key constraint fails ({of}, {text})");
    SqlError::new(errno, "23000", text)
}
