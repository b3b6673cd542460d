//! Semantic analysis: what the names of a statement mean.
//!
//! ```text
//!   statement ──analyse──> every table has a number (`TableExpr::Bound`), every column that of its
//!                          table (`Expr::Bound`); stars are written out, positions and aliases
//!                          replaced; errors that may turn out harmless are kept for later
//! ```
//!
//! See `go/vt/vtgate/semantics`. Where Vitess keeps maps from nodes to sets of tables, numbers
//! stand in the tree itself, so a piece of it can be moved, copied and compared.
//!
//! It knows nothing of routes or operators.

pub mod analyse;
pub mod bind;
pub mod check;
pub mod names;
pub mod recursive;
pub mod star;
pub mod table_set;
pub mod tables;
pub mod types;

use std::collections::{BTreeMap, BTreeSet};

use sim::sql::ast::{ColumnName, Expr, Ident, Literal, Query, TableExpr, TableName};

use super::walk::{self, Visit};
use super::{PlanError, predicate};
use table_set::TableSet;
use tables::{DerivedColumn, Source, TableInfo};

/// What analysis found out.
#[derive(Clone, Debug, Default)]
pub struct Semantics {
    /// By number.
    pub tables: Vec<TableInfo>,
    /// Raised unless all tables are in one unsharded keyspace.
    pub sharded_only: Option<PlanError>,
    /// Raised unless the plan is one route.
    pub one_route_only: Option<PlanError>,
    /// A common table expression that nothing but one unsharded keyspace can read.
    pub unread_common: Option<PlanError>,
    pub signature: Signature,
    /// Common table expressions that read themselves.
    pub recursive: Vec<recursive::RecursiveCte>,
    /// Columns that USING makes one of two: by name the tables that have it.
    pub using: Vec<(Ident, TableSet)>,
    /// Aggregate functions beyond MySQL's; lower case.
    pub aggregate_functions: BTreeSet<String>,
    /// Expressions that WHERE says are equal: classes, each in order of first appearance.
    equalities: Vec<Vec<Expr>>,
    /// By key the classes that have had such a member.
    classes: BTreeMap<u64, Vec<usize>>,
}

/// What the statement holds, which switches parts of planning on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Signature {
    pub subqueries: bool,
    pub aggregation: bool,
    pub union: bool,
    pub distinct: bool,
    /// `last_insert_id(x)` somewhere.
    pub last_insert_id: bool,
}

impl Semantics {
    pub fn table(&self, number: u32) -> &TableInfo {
        &self.tables[number as usize]
    }

    /// The tables below: columns of derived tables count as what they are made of.
    pub fn tables_of(&self, expr: &Expr) -> TableSet {
        let mut found = Tables { semantics: self, used: TableSet::EMPTY, own: TableSet::EMPTY };
        walk::expr(expr, &mut found);
        found.used.without(found.own)
    }

    /// The tables that the columns name, derived tables as themselves.
    pub fn direct_tables_of(&self, expr: &Expr) -> TableSet {
        let mut direct = TableSet::EMPTY;
        walk::expr(
            expr,
            &mut walk::EachExpr(|expr: &Expr| {
                if let Expr::Bound(_, number) = expr {
                    direct = direct | TableSet::one(*number);
                }
            }),
        );
        direct
    }

    /// The tables that a query reads, and those of queries in it, derived tables included.
    pub fn tables_in(&self, query: &Query) -> TableSet {
        let mut found = Tables { semantics: self, used: TableSet::EMPTY, own: TableSet::EMPTY };
        walk::query(query, &mut found);
        found.own
    }

    /// The tables of outer queries that a query refers to.
    pub fn outer_tables_of(&self, query: &Query) -> TableSet {
        let mut found = Tables { semantics: self, used: TableSet::EMPTY, own: TableSet::EMPTY };
        walk::query(query, &mut found);
        found.used.without(found.own)
    }

    fn tables_of_column(&self, column: &ColumnName, number: u32) -> TableSet {
        let Source::Derived(derived) = &self.table(number).source else {
            return TableSet::one(number);
        };
        match derived.column(column.name.as_str()) {
            Some(DerivedColumn { exprs, place, .. }) => {
                let of: TableSet = exprs.iter().map(|expr| self.tables_of(expr)).collect();
                // What is of no column (`count(*)`, a literal) is still the derived table's.
                if of.is_empty() { place.unwrap_or(derived.tables) } else { of }
            }
            None => derived.tables,
        }
    }

    /// Remembers that two expressions have the same value in every row.
    pub fn add_equality(&mut self, left: &Expr, right: &Expr) {
        match (self.class_of(left), self.class_of(right)) {
            (Some(one), Some(other)) if one != other => {
                let (first, last) = (one.min(other), one.max(other));
                let moved = std::mem::take(&mut self.equalities[last]);
                moved.into_iter().for_each(|member| self.add_member(first, member));
            }
            (Some(_), Some(_)) => {}
            (Some(class), None) => self.add_member(class, right.clone()),
            (None, Some(class)) => self.add_member(class, left.clone()),
            (None, None) => {
                let class = self.equalities.len();
                self.equalities.push(Vec::new());
                self.add_member(class, left.clone());
                self.add_member(class, right.clone());
            }
        }
    }

    fn add_member(&mut self, class: usize, member: Expr) {
        self.classes.entry(predicate::key(&member)).or_default().push(class);
        self.equalities[class].push(member);
    }

    fn class_of(&self, expr: &Expr) -> Option<usize> {
        let candidates = self.classes.get(&predicate::key(expr))?;
        let holds = |class: &&usize| {
            self.equalities[**class].iter().any(|member| predicate::same(member, expr))
        };
        candidates.iter().find(holds).copied()
    }

    /// The expression and, if it is a column, all that equal it.
    pub fn equals_of(&self, expr: &Expr) -> Vec<Expr> {
        let mut all = vec![expr.clone()];
        if let Expr::Bound(..) = expr
            && let Some(class) = self.class_of(expr)
        {
            all.extend(self.equalities[class].iter().cloned());
        }
        all
    }

    /// By what a column of this table is qualified: of a system table's the schema is a part.
    pub fn qualifier(&self, number: u32) -> TableName {
        let table = self.table(number);
        let qualifier = match table.source {
            Source::System(_) => table.keyspace.clone(),
            _ => None,
        };
        TableName { qualifier, name: table.name.clone() }
    }

    /// A column of a derived table as the expression that it names below it; the first SELECT's of
    /// a union.
    pub fn expand_derived(&self, expr: &Expr, derived: u32) -> Expr {
        let mut expr = expr.clone();
        let Some(table) = self.table(derived).derived() else { return expr };
        walk::expr_mut(
            &mut expr,
            &mut walk::EachExpr(|expr: &mut Expr| {
                if let Expr::Bound(column, number) = expr
                    && *number == derived
                    && let Some(inner) = table.column(column.name.as_str())
                    && let Some(inner) = inner.exprs.first()
                {
                    let written = column.name.clone();
                    *expr = inner.clone();
                    // The same name stays as it was written.
                    if let Expr::Bound(inner, _) = expr
                        && inner.name.is(written.as_str())
                    {
                        inner.name = written;
                    }
                }
            }),
        );
        expr
    }
}

/// Collects the tables that columns name and those that queries declare.
struct Tables<'a> {
    semantics: &'a Semantics,
    used: TableSet,
    own: TableSet,
}

impl Visit for Tables<'_> {
    fn expr(&mut self, expr: &Expr) -> bool {
        if let Expr::Bound(column, number) = expr {
            self.used = self.used | self.semantics.tables_of_column(column, *number);
        }
        true
    }

    fn table(&mut self, table: &TableExpr) -> bool {
        if let TableExpr::Bound(_, number) = table {
            self.own = self.own | TableSet::one(*number);
        }
        true
    }
}

/// The name under which a select item is known outside.
pub fn item_name(expr: &Expr, alias: Option<&Ident>) -> Ident {
    match (alias, expr) {
        (Some(alias), _) => alias.clone(),
        (None, Expr::Column(column) | Expr::Bound(column, _)) => column.name.clone(),
        (None, Expr::Literal(Literal::String(text))) => Ident::new(text),
        (None, other) => Ident::new(&other.to_string()),
    }
}
