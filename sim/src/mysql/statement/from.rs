//! The FROM clause: tables opened and put side by side, derived tables filled.

use std::collections::BTreeSet;
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
use crate::sql::ast::{
    ColumnName, ColumnType, CompareOp, Expr, Ident, JoinKind, TableExpr, TableName,
};
use crate::sql_error::SqlError;

use super::scope::InScope;
use super::select::Locks;
use super::subquery::Evaluated;
use super::tables::Opened;

#[derive(Default)]
pub struct From {
    pub tables: Vec<InScope>,
    /// How each table is joined to those before it.
    pub joins: Vec<Joined>,
    pub subqueries: Vec<Evaluated>,
}

#[derive(Clone, Default)]
pub struct Joined {
    pub on: Option<Expr>,
    /// LEFT JOIN.
    pub outer: bool,
}

impl From {
    pub fn width(&self) -> usize {
        self.tables.last().map_or(0, |last| last.offset + last.opened.schema.columns.len())
    }
}

impl Run {
    pub async fn from(
        &self,
        exprs: &[TableExpr],
        lock: Option<Mode>,
        trx: TrxId,
        locks: Locks,
    ) -> Result<From, SqlError> {
        let mut from = From::default();
        for expr in exprs {
            self.add_table(&mut from, expr, Joined::default(), lock, trx, locks).await?;
        }
        let mut seen = BTreeSet::new();
        for table in &from.tables {
            if !seen.insert((table.opened.schema.database.clone(), table.alias.clone())) {
                return Err(error::not_unique_table(&table.alias));
            }
        }
        Ok(from)
    }

    async fn add_table(
        &self,
        from: &mut From,
        expr: &TableExpr,
        joined: Joined,
        lock: Option<Mode>,
        trx: TrxId,
        locks: Locks,
    ) -> Result<(), SqlError> {
        match expr {
            TableExpr::Table(table)
                if table
                    .name
                    .qualifier
                    .as_ref()
                    .is_some_and(|q| is_system_database(q.as_str())) =>
            {
                let (database, name) = self.path(&table.name)?;
                let view = self.engine(|engine| system_view(engine, &database, &name));
                let view = view.ok_or_else(|| SqlError::not_supported(&table.name))?;
                let alias = table.alias.as_ref().unwrap_or(&table.name.name).0.clone();
                let opened = Opened { id: TableId(0), schema: Arc::new(view.schema) };
                let (offset, rows) = (from.width(), Some(Arc::from(view.rows)));
                from.tables.push(InScope { alias, opened, hints: Vec::new(), offset, rows });
                from.joins.push(joined);
            }
            TableExpr::Table(table) => {
                let mode = match lock {
                    Some(Mode::X) => MetadataMode::Write,
                    _ => MetadataMode::Read,
                };
                let opened = self.open(&table.name, mode).await?;
                for name in table.hints.iter().flat_map(|hint| &hint.indexes) {
                    if opened.schema.index(name.as_str()).is_none() {
                        return Err(error::key_missing(name.as_str(), &opened.schema.name));
                    }
                }
                let alias = table.alias.as_ref().unwrap_or(&table.name.name).0.clone();
                let hints = table.hints.clone();
                let offset = from.width();
                from.tables.push(InScope { alias, opened, hints, offset, rows: None });
                from.joins.push(joined);
            }
            TableExpr::Derived { query, alias, columns, lateral: false } => {
                let result = Box::pin(self.select_rows(query, trx, locks)).await?;
                let schema = derived_schema(&alias.0, columns, &result);
                let opened = Opened { id: TableId(0), schema: Arc::new(schema) };
                let rows = Some(Arc::from(result.rows));
                let offset = from.width();
                let alias = alias.0.clone();
                from.tables.push(InScope { alias, opened, hints: Vec::new(), offset, rows });
                from.joins.push(joined);
            }
            TableExpr::Join(join) => {
                let outer = match join.kind {
                    JoinKind::Inner | JoinKind::Straight => false,
                    JoinKind::Left => true,
                    _ => return Err(SqlError::not_supported("RIGHT or NATURAL JOIN")),
                };
                if outer && matches!(join.right, TableExpr::Join(_) | TableExpr::Parens(_)) {
                    return Err(SqlError::not_supported("LEFT JOIN of a join"));
                }
                Box::pin(self.add_table(from, &join.left, joined, lock, trx, locks)).await?;
                let left = from.tables.len();
                let right = Joined { on: join.on.clone(), outer };
                Box::pin(self.add_table(from, &join.right, right, lock, trx, locks)).await?;
                if !join.using.is_empty() {
                    let on = using(&join.using, &from.tables, left)?;
                    from.joins[left].on = Some(on);
                }
            }
            TableExpr::Parens(exprs) => {
                for (number, expr) in exprs.iter().enumerate() {
                    let joined = if number == 0 { joined.clone() } else { Joined::default() };
                    Box::pin(self.add_table(from, expr, joined, lock, trx, locks)).await?;
                }
            }
            TableExpr::Derived { .. } | TableExpr::JsonTable { .. } => {
                return Err(SqlError::not_supported("LATERAL or JSON_TABLE"));
            }
        }
        Ok(())
    }
}

/// `using (a, b)` as the equalities that it means.
fn using(columns: &[Ident], tables: &[InScope], right: usize) -> Result<Expr, SqlError> {
    let column = |table: &InScope, name: &Ident| {
        let alias = TableName { qualifier: None, name: (&*table.alias).into() };
        Expr::Column(ColumnName { table: Some(alias), name: name.clone() })
    };
    let mut terms = Vec::new();
    for name in columns {
        let has = |table: &&InScope| table.opened.schema.column(name.as_str()).is_some();
        let left = tables[..right].iter().find(has);
        let left = left.ok_or_else(|| SqlError::unknown_column(name.as_str(), "from clause"))?;
        terms.push(Expr::Compare {
            op: CompareOp::Equal,
            left: Box::new(column(left, name)),
            right: Box::new(column(&tables[right], name)),
            escape: None,
        });
    }
    Ok(if terms.len() == 1 { terms.remove(0) } else { Expr::And(terms) })
}

fn derived_schema(alias: &Arc<str>, names: &[Ident], result: &Outcome) -> schema::Table {
    let columns = result.columns.iter().enumerate().map(|(at, column)| {
        let name = names.get(at).map_or_else(|| column.name.clone(), |name| name.0.clone());
        let ty = column.ty.clone().unwrap_or_else(|| type_of(column.kind.kind));
        schema::Column {
            name,
            ty,
            collation: column.kind.collation,
            not_null: false,
            default: None,
            on_update: None,
            auto_increment: false,
            comment: None,
            invisible: false,
            generated: None,
        }
    });
    let mut table = schema::Table {
        database: "".into(),
        name: alias.clone(),
        columns: columns.collect(),
        indexes: Vec::new(),
        constraints: Vec::new(),
        comment: None,
        collation: Collation::default(),
    };
    table.order_indexes();
    table
}

/// A column type for an expression's result.
fn type_of(kind: Kind) -> ColumnType {
    let (name, unsigned) = match kind {
        Kind::Int => ("bigint", false),
        Kind::Uint => ("bigint", true),
        Kind::Decimal => ("decimal", false),
        Kind::Float => ("double", false),
        Kind::Bytes => ("varbinary", false),
        Kind::Date => ("date", false),
        Kind::DateTime => ("datetime", false),
        Kind::Time => ("time", false),
        Kind::Text | Kind::Null | Kind::Unknown => ("varchar", false),
    };
    ColumnType {
        name: name.into(),
        length: None,
        scale: None,
        unsigned,
        zerofill: false,
        charset: None,
        collation: None,
        values: Vec::new(),
    }
}
