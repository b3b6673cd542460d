//! UPDATE.

use std::sync::Arc;

use sim::sql::ast;

use super::super::primitive::ChangedVindex;
use super::Operator;

/// See `operators/update.go`.
#[derive(Clone, Debug)]
pub struct Update {
    pub source: Operator,
    pub statement: ast::Update,
    pub target: Target,
    pub changed: Vec<(ChangedVindex, ast::Expr)>,
}

/// The table that a data change changes.
#[derive(Clone, Debug)]
pub struct Target {
    pub number: u32,
    pub table: Arc<crate::vschema::Table>,
    /// By which columns of it are qualified.
    pub name: ast::TableName,
}
