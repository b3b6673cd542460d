//! Columns computed from the columns below.

use sim::sql::ast::{Expr, Ident};

use super::Operator;
use super::horizon::Derived;

/// See `operators/projection.go`.
#[derive(Clone, Debug)]
pub struct Projection {
    pub source: Operator,
    pub columns: Vec<Column>,
    pub derived: Option<Derived>,
    /// A star: the columns are not known one by one.
    pub star: Option<Vec<sim::sql::ast::SelectItem>>,
    /// A union as a derived table: a column of it is the union's at the same place.
    pub by_position: bool,
    /// Made by splitting an aggregation; it is never split over a join.
    pub fixed: bool,
}

#[derive(Clone, Debug)]
pub struct Column {
    /// As the query has it; what it is called and compared by.
    pub original: Expr,
    /// What is computed: with arguments of subqueries in it, say.
    pub expr: Expr,
    pub alias: Option<Ident>,
    /// Offset planning's result.
    pub info: Info,
}

#[derive(Clone, Debug, PartialEq)]
pub enum Info {
    Unplanned,
    /// The input's column, as it is.
    Offset(usize),
    /// Evaluated by vtgate, over offsets.
    Evaluated(Expr),
}

impl Projection {
    pub fn new(source: Operator) -> Projection {
        Projection {
            source,
            columns: Vec::new(),
            derived: None,
            star: None,
            by_position: false,
            fixed: false,
        }
    }

    /// One more column: the input's, as it is.
    pub fn pass_on(&mut self, expr: Expr, at: usize) -> usize {
        self.columns.push(Column { info: Info::Offset(at), ..Column::new(expr, None) });
        self.columns.len() - 1
    }
}

impl Column {
    pub fn new(expr: Expr, alias: Option<Ident>) -> Column {
        Column { original: expr.clone(), expr, alias, info: Info::Unplanned }
    }

    /// The name of the output column.
    pub fn name(&self) -> Ident {
        super::super::semantics::item_name(&self.original, self.alias.as_ref())
    }
}
