//! The FROM clause: tables opened, derived tables filled, and put side by side by `join`.

use std::sync::Arc;

use crate::collation::Collation;
use crate::eval::Kind;
use crate::mysql::error;
use crate::mysql::execution::Run;
use crate::mysql::key::TableId;
use crate::mysql::lock::mode::Mode;
use crate::mysql::metadata::MetadataMode;
use crate::mysql::outcome::Outcome;
use crate::mysql::schema;
use crate::mysql::system_view::{is_system_database, system_view};
use crate::mysql::transaction::TrxId;
use crate::sql::ast::{ColumnType, Ident, Table, TableExpr, Wait};
use crate::sql_error::SqlError;

use super::join::From;
use super::scope::InScope;
use super::select::Locks;
use super::tables::Opened;

impl Run {
    /// Opens the tables of a FROM clause. Their columns begin at `base` of a row.
    pub async fn from(
        &self,
        exprs: &[TableExpr],
        base: usize,
        lock: Option<(Mode, Wait)>,
        trx: TrxId,
        locks: Locks,
    ) -> Result<From, SqlError> {
        let mut from: Option<From> = None;
        for expr in exprs {
            let operand = self.operand(expr, lock, trx, locks).await?;
            from = Some(match from {
                Some(left) => left.beside(operand),
                None => operand,
            });
        }
        let mut from = from.unwrap_or_default();
        from.place(base);
        from.check_names()?;
        Ok(from)
    }

    /// A table of the server's own, as it is now; none where the name is another's.
    fn system_table(&self, table: &Table) -> Result<Option<InScope>, SqlError> {
        let qualifier = table.name.qualifier.as_ref();
        if !qualifier.is_some_and(|database| is_system_database(database.as_str())) {
            return Ok(None);
        }
        let (database, name) = self.path(&table.name)?;
        let view = self.engine(|engine| system_view(engine, &database, &name));
        let view = view.ok_or_else(|| SqlError::not_supported(&table.name))?;
        let alias = table.alias.as_ref().unwrap_or(&table.name.name).0.clone();
        let opened = Opened { id: TableId(0), schema: Arc::new(view.schema) };
        let rows = Some(Arc::from(view.rows));
        Ok(Some(InScope { alias, opened, hints: Vec::new(), offset: 0, rows, lock: None }))
    }

    async fn operand(
        &self,
        expr: &TableExpr,
        lock: Option<(Mode, Wait)>,
        trx: TrxId,
        locks: Locks,
    ) -> Result<From, SqlError> {
        match expr {
            TableExpr::Table(table) => match self.system_table(table)? {
                Some(view) => Ok(From::one(view)),
                None => Ok(From::one(self.open_table(table, lock).await?)),
            },
            TableExpr::Derived { query, alias, columns, lateral: false } => {
                let result = Box::pin(self.select_rows(query, trx, locks)).await?;
                let schema = derived_schema(&alias.0, columns, &result)?;
                let opened = Opened { id: TableId(0), schema: Arc::new(schema) };
                let rows = Some(Arc::from(result.rows));
                let alias = alias.0.clone();
                let hints = Vec::new();
                Ok(From::one(InScope { alias, opened, hints, offset: 0, rows, lock: None }))
            }
            TableExpr::Bound(table, _) => Box::pin(self.operand(table, lock, trx, locks)).await,
            TableExpr::Join(join) => {
                let left = Box::pin(self.operand(&join.left, lock, trx, locks)).await?;
                let right = Box::pin(self.operand(&join.right, lock, trx, locks)).await?;
                left.join(join, right)
            }
            TableExpr::Parens(exprs) => {
                let mut from: Option<From> = None;
                for expr in exprs {
                    let operand = Box::pin(self.operand(expr, lock, trx, locks)).await?;
                    from = Some(match from {
                        Some(left) => left.beside(operand),
                        None => operand,
                    });
                }
                Ok(from.unwrap_or_default())
            }
            TableExpr::Derived { .. } | TableExpr::JsonTable { .. } => {
                Err(SqlError::not_supported("LATERAL or JSON_TABLE"))
            }
        }
    }

    async fn open_table(
        &self,
        table: &Table,
        lock: Option<(Mode, Wait)>,
    ) -> Result<InScope, SqlError> {
        let mode = match lock {
            Some((Mode::X, _)) => MetadataMode::Write,
            _ => MetadataMode::Read,
        };
        if mode == MetadataMode::Write {
            self.check_not_read_only()?;
        }
        let opened = self.open(&table.name, mode).await?;
        self.check_not_rebuilt(&opened)?;
        // FOR UPDATE locks the table as a write does.
        if mode == MetadataMode::Write {
            self.check_writable()?;
        }
        for name in table.hints.iter().flat_map(|hint| &hint.indexes) {
            if opened.schema.index(name.as_str()).is_none() {
                return Err(error::key_missing(name.as_str(), &opened.schema.name));
            }
        }
        let alias = table.alias.as_ref().unwrap_or(&table.name.name).0.clone();
        let hints = table.hints.clone();
        Ok(InScope { alias, opened, hints, offset: 0, rows: None, lock })
    }
}

fn derived_schema(
    alias: &Arc<str>,
    names: &[Ident],
    result: &Outcome,
) -> Result<schema::Table, SqlError> {
    if !names.is_empty() && names.len() != result.columns.len() {
        let message = "In definition of view, derived table or common table expression, SELECT \
                       list and column names list have different column counts";
        return Err(SqlError::new(1353, "HY000", message));
    }
    let mut table = schema::Table {
        database: "".into(),
        name: alias.clone(),
        columns: Vec::new(),
        indexes: Vec::new(),
        constraints: Vec::new(),
        comment: None,
        collation: Collation::default(),
    };
    for (at, column) in result.columns.iter().enumerate() {
        let name = names.get(at).map_or_else(|| column.name.clone(), |name| name.0.clone());
        if table.column(&name).is_some() {
            return Err(error::duplicate_column(&name));
        }
        let ty =
            column.ty.clone().unwrap_or_else(|| type_of(column.kind.kind, column.kind.decimals));
        table.columns.push(schema::Column {
            name,
            ty,
            collation: column.kind.collation,
            not_null: false,
            default: None,
            on_update: None,
            auto_increment: false,
            comment: None,
            no_default: false,
            invisible: false,
            generated: None,
        });
    }
    table.order_indexes();
    Ok(table)
}

/// A column type for an expression's result.
fn type_of(kind: Kind, decimals: u8) -> ColumnType {
    let (name, unsigned) = match kind {
        Kind::Int => ("bigint", false),
        Kind::Uint => ("bigint", true),
        Kind::Decimal => ("decimal", false),
        Kind::Single => ("float", false),
        Kind::Float => ("double", false),
        Kind::Bytes => ("varbinary", false),
        Kind::Date => ("date", false),
        Kind::DateTime => ("datetime", false),
        Kind::Time => ("time", false),
        Kind::Text | Kind::Null | Kind::Unknown => ("varchar", false),
    };
    ColumnType {
        name: name.into(),
        length: matches!(kind, Kind::DateTime | Kind::Time).then_some(u32::from(decimals)),
        scale: (kind == Kind::Decimal).then_some(u32::from(decimals)),
        unsigned,
        zerofill: false,
        charset: None,
        collation: None,
        values: Vec::new(),
    }
}
