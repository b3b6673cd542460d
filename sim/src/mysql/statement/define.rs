//! DDL: databases, tables, columns, indexes.
//!
//! A definition commits what is open, takes its table alone, changes it as one atomic step that
//! redo and binlog carry like a transaction, and commits. An ALTER builds the table anew from
//! its newest rows; what is built in place or instantly in MySQL looks the same from outside,
//! except that snapshots from before do not see the old form.

use std::sync::Arc;

use crate::collation::Collation;
use crate::eval::{self, Env, Program};
use crate::mysql::binlog::Event;
use crate::mysql::durable::Change;
use crate::mysql::error;
use crate::mysql::execution::Run;
use crate::mysql::key::TableId;
use crate::mysql::metadata::{Duration, MetadataMode, TablePath};
use crate::mysql::outcome::Outcome;
use crate::mysql::schema;
use crate::mysql::table::Table;
use crate::sql::ast::{
    AlterChange, AlterTable, ColumnPosition, ColumnType, Constraint, CreateTable, DropTable, Expr,
    Ident, IndexDefinition, IndexKind, Literal, Statement, TableName,
};
use crate::sql_error::SqlError;
use crate::value::{Row, Value};

use super::build;
use super::check;
use super::scope::constant_default;
use super::tables::Opened;
use super::write::key_texts;

impl Run {
    pub async fn define(&self, statement: &Statement) -> Result<Outcome, SqlError> {
        self.check_commit()?;
        self.commit().await?;
        let trx = self.transaction()?;
        let result = self.change_definition(statement).await;
        match result {
            Ok((changes, outcome)) => {
                if !changes.is_empty() {
                    self.engine(|engine| {
                        changes.iter().for_each(|change| engine.apply_change(change));
                        if builds_anew(statement) {
                            engine.note_built(&changes, trx);
                        }
                    });
                    self.log_definition(trx, statement)?;
                    self.commit_transaction(trx, changes).await?;
                } else {
                    self.engine(|engine| engine.rollback(trx));
                }
                Ok(outcome)
            }
            Err(error) => {
                self.engine(|engine| engine.rollback(trx));
                Err(error)
            }
        }
    }

    fn log_definition(
        &self,
        trx: crate::mysql::transaction::TrxId,
        statement: &Statement,
    ) -> Result<(), SqlError> {
        let text = match (statement, &self.text) {
            (Statement::DropTable(drop), _) => drop_text(drop).into(),
            (_, Some(text)) => text.clone(),
            (_, None) => statement.to_string().into(),
        };
        let (database, gtid, logs) =
            self.session(|session| (session.database.clone(), session.next_gtid, session.logs()))?;
        let statement = Arc::new(statement.clone());
        self.engine(|engine| {
            let transaction = engine.transaction_mut(trx);
            transaction.gtid = gtid;
            if logs {
                transaction.events.push(Event::Query { database, text, statement });
            }
        });
        Ok(())
    }

    async fn change_definition(
        &self,
        statement: &Statement,
    ) -> Result<(Vec<Change>, Outcome), SqlError> {
        let mut outcome = Outcome::default();
        let changes = match statement {
            Statement::CreateDatabase { if_not_exists, name, options } => {
                let exists = self.engine(|engine| engine.has_database(name.as_str()));
                outcome.affected = u64::from(!exists);
                match (exists, if_not_exists) {
                    (true, false) => return Err(error::database_exists(name.as_str())),
                    (true, true) => {
                        outcome.affected = 1;
                        outcome.warnings.push(error::database_exists(name.as_str()).as_note());
                        Vec::new()
                    }
                    (false, _) => {
                        let collation = database_collation(options);
                        vec![Change::CreateDatabase { name: name.0.clone(), collation }]
                    }
                }
            }
            Statement::DropDatabase { if_exists, name } => {
                self.drop_database(*if_exists, name, &mut outcome).await?
            }
            Statement::CreateTable(create) => self.create_table(create, &mut outcome).await?,
            Statement::DropTable(drop) => self.drop_tables(drop, &mut outcome).await?,
            Statement::TruncateTable(name) => {
                let table = self.open_alone(name).await?;
                self.rebuilt(&table, table.schema.clone(), Vec::new(), 1)
            }
            Statement::RenameTable(pairs) => self.rename_tables(pairs).await?,
            Statement::AlterTable(alter) => self.alter_table(alter, &mut outcome).await?,
            Statement::CreateIndex(create) => {
                let change = AlterChange::AddIndex(create.index.clone());
                let alter = AlterTable { table: create.table.clone(), changes: vec![change] };
                self.alter_table(&alter, &mut outcome).await?
            }
            Statement::DropIndex { name, table } => {
                let change = AlterChange::DropIndex(name.clone());
                let alter = AlterTable { table: table.clone(), changes: vec![change] };
                self.alter_table(&alter, &mut outcome).await?
            }
            other => return Err(SqlError::not_supported(other)),
        };
        Ok((changes, outcome))
    }

    /// A table for the statement alone.
    async fn open_alone(&self, name: &TableName) -> Result<Opened, SqlError> {
        self.open(name, MetadataMode::Exclusive).await
    }

    async fn create_table(
        &self,
        create: &CreateTable,
        outcome: &mut Outcome,
    ) -> Result<Vec<Change>, SqlError> {
        let path = self.path(&create.table)?;
        let collation =
            self.engine(|engine| engine.databases.get(&path.0).map(|database| database.collation));
        let collation = collation.ok_or_else(|| error::unknown_database(&path.0))?;
        self.lock_metadata(&path, MetadataMode::Exclusive, Duration::Transaction).await?;
        if self.find(&path).is_ok() {
            let exists = error::table_exists(&path.1);
            if create.if_not_exists {
                outcome.warnings.push(exists.as_note());
                return Ok(Vec::new());
            }
            return Err(exists);
        }
        let (schema, auto_increment) = match &create.like {
            Some(like) => {
                let like = self.open(like, MetadataMode::Read).await?;
                let mut schema = (*like.schema).clone();
                schema.database = path.0.clone();
                schema.name = path.1.clone();
                check::name_anew(&mut schema);
                (schema, 1)
            }
            None => {
                let built = build::table(create, &path, collation)?;
                for column in &built.0.columns {
                    outcome.warnings.extend(build::default_note(column));
                }
                built
            }
        };
        let id = self.engine(|engine| engine.new_table_id());
        let schema = Arc::new(schema);
        Ok(vec![Change::PutTable { id, schema, rows: Vec::new(), auto_increment }])
    }

    async fn drop_tables(
        &self,
        drop: &DropTable,
        outcome: &mut Outcome,
    ) -> Result<Vec<Change>, SqlError> {
        let mut changes = Vec::new();
        let mut missing = Vec::new();
        for name in &drop.tables {
            let path = self.path(name)?;
            self.check_locked_tables(&path, MetadataMode::Exclusive)?;
            self.lock_metadata(&path, MetadataMode::Exclusive, Duration::Transaction).await?;
            match self.find(&path) {
                Ok(table) => changes.push(Change::DropTable { id: table.id }),
                Err(_) => missing.push(format!("{}.{}", path.0, path.1)),
            }
        }
        if !missing.is_empty() {
            let error = error::unknown_table(&missing.join(","));
            if !drop.if_exists {
                return Err(error);
            }
            for name in &missing {
                outcome.warnings.push(error::unknown_table(name).as_note());
            }
        }
        Ok(changes)
    }

    async fn drop_database(
        &self,
        if_exists: bool,
        name: &Ident,
        outcome: &mut Outcome,
    ) -> Result<Vec<Change>, SqlError> {
        let tables = self.engine(|engine| {
            engine
                .databases
                .get(&name.0)
                .map(|database| database.tables.keys().cloned().collect::<Vec<_>>())
        });
        let Some(tables) = tables else {
            let error = error::database_missing(name.as_str());
            if !if_exists {
                return Err(error);
            }
            outcome.warnings.push(error.as_note());
            return Ok(Vec::new());
        };
        outcome.affected = tables.len() as u64;
        for table in tables {
            let path = (name.0.clone(), table);
            self.lock_metadata(&path, MetadataMode::Exclusive, Duration::Transaction).await?;
        }
        self.session(|session| {
            if session.database.as_ref() == Some(&name.0) {
                session.database = None;
            }
        })?;
        Ok(vec![Change::DropDatabase { name: name.0.clone() }])
    }

    async fn rename_tables(
        &self,
        pairs: &[(TableName, TableName)],
    ) -> Result<Vec<Change>, SqlError> {
        // Each renaming sees those before it: three of them swap two tables.
        let mut moved: Vec<(Opened, TablePath)> = Vec::new();
        for (old, new) in pairs {
            let (from, to) = (self.path(old)?, self.path(new)?);
            let at = match moved.iter().position(|(_, path)| *path == from) {
                Some(at) => at,
                None => {
                    let table = self.open_alone(old).await?;
                    if moved.iter().any(|(own, _)| own.id == table.id) {
                        return Err(error::no_such_table(&from.0, &from.1));
                    }
                    moved.push((table, from));
                    moved.len() - 1
                }
            };
            self.lock_metadata(&to, MetadataMode::Exclusive, Duration::Transaction).await?;
            let vacated = |found: &Opened| moved.iter().any(|(own, _)| own.id == found.id);
            let taken = self.find(&to).is_ok_and(|found| !vacated(&found))
                || moved.iter().any(|(_, path)| *path == to);
            if taken {
                return Err(error::table_exists(&to.1));
            }
            if !self.engine(|engine| engine.has_database(&to.0)) {
                return Err(error::unknown_database(&to.0));
            }
            moved[at].1 = to;
        }
        let mut changes: Vec<Change> =
            moved.iter().map(|(table, _)| Change::DropTable { id: table.id }).collect();
        for (table, path) in &moved {
            let mut schema = (*table.schema).clone();
            let old = std::mem::replace(&mut schema.name, path.1.clone());
            schema.database = path.0.clone();
            check::rename_generated(&mut schema, &old);
            let (rows, auto_increment) = self.rows_of(table);
            let put = self.rebuilt(table, Arc::new(schema), rows, auto_increment);
            changes.extend(put.into_iter().skip(1));
        }
        Ok(changes)
    }

    async fn alter_table(
        &self,
        alter: &AlterTable,
        outcome: &mut Outcome,
    ) -> Result<Vec<Change>, SqlError> {
        let table = self.open(&alter.table, MetadataMode::Upgradable).await?;
        let mut altered = Altered {
            schema: (*table.schema).clone(),
            columns: (0..table.schema.columns.len()).map(Source::Old).collect(),
            auto_increment: None,
            copies: false,
        };
        let mut rename = None;
        for change in &alter.changes {
            match change {
                AlterChange::RenameTo(name) => rename = Some(self.path(name)?),
                other => altered.change(other)?,
            }
        }
        for change in &alter.changes {
            let definition = match change {
                AlterChange::AddColumn { column, .. }
                | AlterChange::ModifyColumn { column, .. }
                | AlterChange::ChangeColumn { column, .. } => column,
                _ => continue,
            };
            if let Some(at) = altered.schema.column(definition.name.as_str()) {
                outcome.warnings.extend(build::default_note(&altered.schema.columns[at]));
            }
        }
        if altered.schema.columns.is_empty() {
            return Err(error::last_column());
        }
        altered.schema.order_indexes();
        build::check_auto_increment(&altered.schema)?;
        // Without its clustered index a table is copied.
        let clustered = |schema: &schema::Table| {
            (!schema.has_hidden_row_id()).then(|| schema.indexes[0].name.clone())
        };
        let lost = clustered(&table.schema).is_some_and(|old| {
            altered.schema.index(&old).is_none() && !altered.schema.has_primary_key()
        });
        let copies = altered.copies || lost;
        let algorithm = match copies {
            true => Algorithm::Copy,
            false => algorithm(&table.schema, &altered.schema, &alter.changes),
        };
        self.alter_alone(&self.path(&alter.table)?, algorithm).await?;
        let (rows, mut auto_increment) = self.rows_of(&table);
        if let Some(wanted) = altered.auto_increment {
            auto_increment = wanted.max(self.next_automatic(&altered.schema, &rows));
        }
        let mut env = self.env()?;
        let rows: Vec<Row> = rows
            .iter()
            .enumerate()
            .map(|(at, row)| altered.convert(at + 1, row, &mut env))
            .collect::<Result<_, _>>()?;
        if let Some(path) = &rename {
            self.lock_metadata(path, MetadataMode::Exclusive, Duration::Transaction).await?;
            if self.find(path).is_ok() {
                return Err(error::table_exists(&path.1));
            }
            let old = std::mem::replace(&mut altered.schema.name, path.1.clone());
            altered.schema.database = path.0.clone();
            check::rename_generated(&mut altered.schema, &old);
        }
        let schema = Arc::new(altered.schema);
        self.check_unique_keys(&schema, &rows)?;
        if copies {
            self.check_rows(&schema, &rows)?;
            outcome.affected = rows.len() as u64;
            outcome.matched = outcome.affected;
        }
        Ok(self.rebuilt(&table, schema, rows, auto_increment))
    }

    /// Gets an ALTER from its upgradable lock to the exclusive one.
    async fn alter_alone(&self, path: &TablePath, algorithm: Algorithm) -> Result<(), SqlError> {
        let (connection, duration) = (self.connection, Duration::Transaction);
        match algorithm {
            Algorithm::Instant => {}
            Algorithm::InPlace => {
                // Alone to begin with; not while the work is done, and whoever waited goes first.
                let alone = MetadataMode::Exclusive;
                self.lock_metadata(path, alone, duration).await?;
                self.engine(|engine| engine.metadata.downgrade(connection, path, alone));
            }
            Algorithm::Copy => {
                self.lock_metadata(path, MetadataMode::NoWrite, duration).await?;
            }
        }
        self.lock_metadata(path, MetadataMode::Exclusive, duration).await
    }

    /// The least value that AUTO_INCREMENT may go on with.
    fn next_automatic(&self, schema: &schema::Table, rows: &[Row]) -> u64 {
        let Some(column) = schema.auto_increment() else { return 1 };
        let value = |row: &Row| match &row[column] {
            Value::Int(value) => u64::try_from(*value).unwrap_or(0),
            Value::Uint(value) => *value,
            _ => 0,
        };
        rows.iter().map(value).max().unwrap_or(0).saturating_add(1)
    }

    /// The newest rows; nobody else has the table.
    fn rows_of(&self, table: &Opened) -> (Vec<Row>, u64) {
        self.engine(|engine| {
            let table: &Table = engine.table(table.id);
            let rows = table.records().map(|(_, record)| record.newest());
            let rows = rows.filter(|newest| !newest.deleted).map(|newest| newest.row.clone());
            (rows.collect(), table.auto_increment)
        })
    }

    fn rebuilt(
        &self,
        old: &Opened,
        schema: Arc<schema::Table>,
        rows: Vec<Row>,
        auto_increment: u64,
    ) -> Vec<Change> {
        let id: TableId = self.engine(|engine| engine.new_table_id());
        vec![
            Change::DropTable { id: old.id },
            Change::PutTable { id, schema, rows, auto_increment },
        ]
    }

    fn check_unique_keys(&self, schema: &schema::Table, rows: &[Row]) -> Result<(), SqlError> {
        for (at, index) in schema.indexes.iter().enumerate() {
            if !index.unique || index.parts.is_empty() {
                continue;
            }
            let mut seen = std::collections::BTreeSet::new();
            for row in rows.iter().filter(|row| !schema.key_has_null(at, row)) {
                if !seen.insert(schema.key_of_row(at, row)) {
                    let values = key_texts(schema, at, row);
                    return Err(error::duplicate_entry(
                        &values.join("-"),
                        &schema.name,
                        &index.name,
                    ));
                }
            }
        }
        Ok(())
    }
}

/// Where a column of the new table comes from.
#[derive(Clone, Debug)]
enum Source {
    Old(usize),
    /// From the old column, stored as the new type.
    Converted(usize),
    New,
}

struct Altered {
    schema: schema::Table,
    columns: Vec<Source>,
    auto_increment: Option<u64>,
    /// MySQL copies the table row by row, and says how many it copied.
    copies: bool,
}

impl Altered {
    fn change(&mut self, change: &AlterChange) -> Result<(), SqlError> {
        match change {
            AlterChange::AddColumn { column, position } => {
                if self.schema.column(column.name.as_str()).is_some() {
                    return Err(error::duplicate_column(column.name.as_str()));
                }
                let built = build::column(column, self.schema.collation)?;
                let at = self.place(position.as_ref())?.unwrap_or(self.schema.columns.len());
                self.insert_column(at, built, Source::New);
                self.add_column_keys(column)
            }
            AlterChange::DropColumn(name) => self.drop_column(name),
            AlterChange::ModifyColumn { column, position } => {
                self.change_column(&column.name, column, position.as_ref())
            }
            AlterChange::ChangeColumn { old, column, position } => {
                self.change_column(old, column, position.as_ref())
            }
            AlterChange::RenameColumn { old, new } => {
                let at = self.column(old)?;
                check::check_unused(&self.schema, old)?;
                if !old.is(new.as_str()) && self.schema.column(new.as_str()).is_some() {
                    return Err(error::duplicate_column(new.as_str()));
                }
                self.schema.columns[at].name = new.0.clone();
                Ok(())
            }
            AlterChange::AddIndex(index) => self.add_index(index),
            AlterChange::DropIndex(name) => {
                let at = self.schema.index(name.as_str());
                let at = at.ok_or_else(|| error::cannot_drop(name.as_str()))?;
                self.schema.indexes.remove(at);
                Ok(())
            }
            AlterChange::DropPrimaryKey => {
                let at = self.schema.index(schema::PRIMARY);
                let at = at.ok_or_else(|| error::cannot_drop(schema::PRIMARY))?;
                self.schema.indexes.remove(at);
                Ok(())
            }
            AlterChange::RenameIndex { old, new } => {
                let at = self.schema.index(old.as_str());
                let missing = || error::key_missing(old.as_str(), &self.schema.name);
                let at = at.ok_or_else(missing)?;
                self.schema.indexes[at].name = new.0.clone();
                Ok(())
            }
            AlterChange::SetDefault { column, default } => {
                let at = self.column(column)?;
                let column = &mut self.schema.columns[at];
                column.no_default = default.is_none() && !column.not_null;
                column.default = match default {
                    Some(Expr::Literal(Literal::Null)) if column.not_null => {
                        return Err(error::invalid_default(&column.name));
                    }
                    Some(Expr::Literal(Literal::Null)) => None,
                    other => other.clone(),
                };
                if matches!(column.default, Some(Expr::Literal(_)))
                    && constant_default(column).is_err()
                {
                    return Err(error::invalid_default(&column.name));
                }
                Ok(())
            }
            AlterChange::AddConstraint(Constraint::Check { name, expr, enforced }) => {
                check::add_check(&mut self.schema, name.as_ref(), expr, *enforced)?;
                self.copies |= *enforced;
                Ok(())
            }
            AlterChange::AddConstraint(Constraint::ForeignKey { .. }) => {
                Err(SqlError::not_supported("FOREIGN KEY"))
            }
            AlterChange::DropForeignKey(name) => {
                let named = |constraint: &crate::sql::ast::Constraint| match constraint {
                    crate::sql::ast::Constraint::ForeignKey { name: own, .. } => {
                        own.as_ref().is_some_and(|own| own.is(name.as_str()))
                    }
                    crate::sql::ast::Constraint::Check { .. } => false,
                };
                let before = self.schema.constraints.len();
                self.schema.constraints.retain(|constraint| !named(constraint));
                match self.schema.constraints.len() < before {
                    true => Ok(()),
                    false => Err(error::cannot_drop(name.as_str())),
                }
            }
            AlterChange::Option(text) => self.option(text),
            AlterChange::RenameTo(_) => Ok(()),
        }
    }

    /// What the parser keeps as text.
    fn option(&mut self, text: &str) -> Result<(), SqlError> {
        let words: Vec<&str> = text.split_whitespace().collect();
        match words[..] {
            ["auto_increment", number] => {
                self.auto_increment = number.parse().ok();
                Ok(())
            }
            ["drop", kind @ ("check" | "constraint"), name] => {
                let before = self.schema.constraints.len();
                let named = |constraint: &Constraint| {
                    matches!(constraint,
                    Constraint::Check { name: Some(own), .. } if own.is(name))
                };
                self.schema.constraints.retain(|constraint| !named(constraint));
                match (self.schema.constraints.len() < before, kind) {
                    (true, _) => Ok(()),
                    (false, "check") => Err(check::not_found(name)),
                    (false, _) => Err(error::constraint_missing(name)),
                }
            }
            ["alter", "check" | "constraint", name, ref rest @ ..] => {
                let wanted = rest == ["enforced"];
                let found = self.schema.constraints.iter_mut().find_map(|own| match own {
                    Constraint::Check { name: Some(own), enforced, .. } if own.is(name) => {
                        Some(enforced)
                    }
                    _ => None,
                });
                let enforced = found.ok_or_else(|| check::not_found(name))?;
                self.copies |= wanted && !*enforced;
                *enforced = wanted;
                Ok(())
            }
            ["comment", ..] => {
                let text = text["comment".len()..].trim().trim_matches('\'');
                self.schema.comment = Some(text.into());
                Ok(())
            }
            ["engine", engine] if engine.eq_ignore_ascii_case("innodb") => Ok(()),
            ["force"] | ["algorithm", _] | ["lock", _] | ["row_format", _] => Ok(()),
            ["enable" | "disable", "keys"] => Ok(()),
            _ => Err(SqlError::not_supported(format!("ALTER TABLE .. {text}"))),
        }
    }

    fn column(&self, name: &Ident) -> Result<usize, SqlError> {
        let at = self.schema.column(name.as_str());
        at.ok_or_else(|| SqlError::unknown_column(name.as_str(), &self.schema.name))
    }

    fn place(&self, position: Option<&ColumnPosition>) -> Result<Option<usize>, SqlError> {
        match position {
            None => Ok(None),
            Some(ColumnPosition::First) => Ok(Some(0)),
            Some(ColumnPosition::After(name)) => Ok(Some(self.column(name)? + 1)),
        }
    }

    fn insert_column(&mut self, at: usize, column: schema::Column, source: Source) {
        self.schema.columns.insert(at, column);
        self.columns.insert(at, source);
        for part in self.schema.indexes.iter_mut().flat_map(|index| &mut index.parts) {
            part.column += usize::from(at <= part.column);
        }
    }

    fn add_column_keys(
        &mut self,
        column: &crate::sql::ast::ColumnDefinition,
    ) -> Result<(), SqlError> {
        for definition in build::column_keys(column) {
            self.add_index(&definition)?;
        }
        Ok(())
    }

    /// A dropped column leaves the indexes; an index of nothing else goes with it.
    fn drop_column(&mut self, name: &Ident) -> Result<(), SqlError> {
        let at = self.schema.column(name.as_str());
        let at = at.ok_or_else(|| error::cannot_drop(name.as_str()))?;
        check::drop_own(&mut self.schema, name);
        check::check_unused(&self.schema, name)?;
        self.schema.columns.remove(at);
        self.columns.remove(at);
        for index in &mut self.schema.indexes {
            index.parts.retain(|part| part.column != at);
            for part in &mut index.parts {
                part.column -= usize::from(at < part.column);
            }
        }
        self.schema.indexes.retain(|index| !index.parts.is_empty());
        Ok(())
    }

    fn change_column(
        &mut self,
        old: &Ident,
        column: &crate::sql::ast::ColumnDefinition,
        position: Option<&ColumnPosition>,
    ) -> Result<(), SqlError> {
        let at = self.column(old)?;
        if !old.is(column.name.as_str()) {
            check::check_unused(&self.schema, old)?;
        }
        let mut built = build::column(column, self.schema.collation)?;
        let in_primary = self
            .schema
            .index(schema::PRIMARY)
            .is_some_and(|index| self.schema.columns_of(index).any(|key| key == at));
        if in_primary && build::is_null(column) {
            return Err(error::nullable_primary_key());
        }
        built.not_null |= in_primary;
        self.fit_keys(at, &built)?;
        self.copies |= is_other_type(&self.schema.columns[at].ty, &built.ty);
        let source = match self.columns[at] {
            Source::Old(old) | Source::Converted(old) => Source::Converted(old),
            Source::New => Source::New,
        };
        self.schema.columns[at] = built;
        self.columns[at] = source;
        if let Some(target) = self.place(position)? {
            self.move_column(at, target);
        }
        self.add_column_keys(column)
    }

    /// The parts of keys that a changed column is: a prefix that its new type has no use for goes.
    fn fit_keys(&mut self, at: usize, built: &schema::Column) -> Result<(), SqlError> {
        let name = &*built.ty.name;
        let long = name.ends_with("text") || name.ends_with("blob");
        let text = long || matches!(name, "char" | "varchar" | "binary" | "varbinary");
        let parts = self.schema.indexes.iter_mut().flat_map(|index| &mut index.parts);
        for part in parts.filter(|part| part.column == at) {
            match part.length {
                None if long => return Err(error::blob_key(&built.name)),
                Some(length) if !text || !long && built.ty.length.unwrap_or(1) <= length => {
                    part.length = None;
                }
                _ => {}
            }
        }
        Ok(())
    }

    fn move_column(&mut self, from: usize, to: usize) {
        let to = if from < to { to - 1 } else { to };
        let column = self.schema.columns.remove(from);
        let source = self.columns.remove(from);
        self.schema.columns.insert(to, column);
        self.columns.insert(to, source);
        let moved = |at: usize| match at {
            at if at == from => to,
            at if from < at && at <= to => at - 1,
            at if to <= at && at < from => at + 1,
            at => at,
        };
        for part in self.schema.indexes.iter_mut().flat_map(|index| &mut index.parts) {
            part.column = moved(part.column);
        }
    }

    fn add_index(&mut self, definition: &IndexDefinition) -> Result<(), SqlError> {
        let index = build::index(definition, &self.schema)?;
        if definition.kind == IndexKind::Primary {
            for part in &index.parts {
                self.schema.columns[part.column].not_null = true;
            }
        }
        self.schema.indexes.push(index);
        Ok(())
    }

    fn convert(&self, number: usize, row: &Row, env: &mut Env) -> Result<Row, SqlError> {
        let mut converted = Vec::with_capacity(self.columns.len());
        for (source, column) in self.columns.iter().zip(&self.schema.columns) {
            let value = match source {
                Source::Old(at) => row[*at].clone(),
                Source::Converted(at) => {
                    let stored = eval::store(&row[*at], &column.ty, &column.name, number, true);
                    let value = stored.map_err(|error| copy_error(error, column))?.0;
                    if value.is_null() && column.not_null {
                        return Err(SqlError::data_truncated(&column.name, number));
                    }
                    value
                }
                Source::New => self.default_of(column, env)?,
            };
            converted.push(value);
        }
        Ok(converted.into())
    }

    /// What an added column holds in rows that exist: its default, or its type's zero.
    fn default_of(&self, column: &schema::Column, env: &mut Env) -> Result<Value, SqlError> {
        match &column.default {
            Some(Expr::Literal(_)) => constant_default(column),
            Some(expr) => {
                let value = Program::compile(expr, &eval::NoColumns)?.run(&[], env)?;
                Ok(eval::store(&value, &column.ty, &column.name, 1, true)?.0)
            }
            None if column.not_null => build::zero_of(column),
            None => Ok(Value::Null),
        }
    }
}

/// DROP TABLE is the one statement that the server words itself for the binlog.
fn drop_text(drop: &DropTable) -> String {
    let quoted = |name: &TableName| {
        let qualifier = name.qualifier.as_ref().map_or(String::new(), |own| format!("`{own}`."));
        format!("{qualifier}`{}`", name.name)
    };
    let names: Vec<String> = drop.tables.iter().map(quoted).collect();
    let exists = if drop.if_exists { "IF EXISTS " } else { "" };
    format!("DROP TABLE {exists}{} /* generated by server */", names.join(","))
}

/// Does a definition leave a table without what its rows were before?
fn builds_anew(statement: &Statement) -> bool {
    match statement {
        Statement::AlterTable(alter) => alter.changes.iter().any(|change| {
            !matches!(
                change,
                AlterChange::AddColumn { .. }
                    | AlterChange::RenameColumn { .. }
                    | AlterChange::SetDefault { .. }
                    | AlterChange::RenameTo(_)
            )
        }),
        Statement::CreateTable(_) | Statement::TruncateTable(_) => true,
        _ => false,
    }
}

/// How an ALTER is carried out, by which it stops others.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Algorithm {
    /// Alone for a moment.
    Instant,
    /// Alone twice, before the work and after it.
    InPlace,
    /// Rows are copied while they may be read; then alone.
    Copy,
}

fn algorithm(old: &schema::Table, new: &schema::Table, changes: &[AlterChange]) -> Algorithm {
    let of = |change: &AlterChange| match change {
        AlterChange::AddColumn { column, .. } if column.auto_increment => Algorithm::Copy,
        AlterChange::AddColumn { column, .. } if column.unique => Algorithm::InPlace,
        AlterChange::AddColumn { .. }
        | AlterChange::RenameColumn { .. }
        | AlterChange::SetDefault { .. }
        | AlterChange::RenameTo(_) => Algorithm::Instant,
        AlterChange::DropColumn(name) => match is_indexed(old, name) {
            true => Algorithm::InPlace,
            false => Algorithm::Instant,
        },
        AlterChange::ModifyColumn { column, .. } => same_null(old, new, &column.name, &column.name),
        AlterChange::ChangeColumn { old: name, column, .. } => {
            same_null(old, new, name, &column.name)
        }
        _ => Algorithm::InPlace,
    };
    changes.iter().map(of).max().unwrap_or(Algorithm::Instant)
}

fn is_indexed(table: &schema::Table, column: &Ident) -> bool {
    let at = table.column(column.as_str());
    (0..table.indexes.len()).any(|index| table.columns_of(index).any(|own| Some(own) == at))
}

/// A column that takes NULL no longer, or anew, is rebuilt.
fn same_null(
    old: &schema::Table,
    new: &schema::Table,
    old_name: &Ident,
    new_name: &Ident,
) -> Algorithm {
    let not_null = |table: &schema::Table, name: &Ident| {
        table.column(name.as_str()).map(|at| table.columns[at].not_null)
    };
    match not_null(old, old_name) == not_null(new, new_name) {
        true => Algorithm::Instant,
        false => Algorithm::InPlace,
    }
}

/// A text that is copied into a DECIMAL and is none loses its name on the way.
fn copy_error(error: SqlError, column: &schema::Column) -> SqlError {
    match (error.errno, &*column.ty.name) {
        (1366, "decimal") => {
            let message = "Incorrect DECIMAL value: '0' for column '' at row -1";
            SqlError::new(1366, "HY000", message)
        }
        _ => error,
    }
}

/// Is a changed type stored otherwise? A VARCHAR may grow in its place.
fn is_other_type(old: &ColumnType, new: &ColumnType) -> bool {
    let grows = &*old.name == "varchar"
        && &*new.name == "varchar"
        && old.length <= new.length
        && (old.length.unwrap_or(0) * 4 < 256) == (new.length.unwrap_or(0) * 4 < 256);
    let width = |ty: &ColumnType| if ty.name.ends_with("int") { None } else { ty.length };
    let same = (&old.name, width(old), old.scale, old.unsigned, &old.collation, &old.charset)
        == (&new.name, width(new), new.scale, new.unsigned, &new.collation, &new.charset);
    !same && !grows
}

fn database_collation(options: &[String]) -> Collation {
    let words = options.iter().flat_map(|option| option.split([' ', '=']));
    let mut collation = None;
    for word in words {
        collation = Collation::by_name(word).or_else(|| Collation::of_charset(word)).or(collation);
    }
    collation.unwrap_or_default()
}
