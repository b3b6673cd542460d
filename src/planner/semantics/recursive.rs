//! Common table expressions that read themselves.
//!
//! ```text
//!   with recursive cte(n) as (select 1 union all select n + 1 from cte where n < 5) ..
//!                             seed               term
//! ```
//!
//! One that does not is a derived table. It is analysed once, where it stands: its WITH stays in
//! the statement, and what names it is a table of its own. See `semantics/cte_table.go` and
//! `table_collector.go`.
//!
//! It knows nothing of how the recursion runs.

use sim::sql::ast::{CommonTable, Ident, JoinKind, Query, Table, TableExpr, Union};

use super::super::PlanError;
use super::super::walk::{self, Visit};
use super::Semantics;
use super::analyse::{Analyzer, Common, column_count, known_output, output};
use super::check::{Nested, first_select};
use super::tables::{Recursion, Source, TableInfo};
use crate::key::Code;

#[derive(Clone, Debug)]
pub struct RecursiveCte {
    pub name: Ident,
    /// Names of its columns, where the statement gives them.
    pub columns: Vec<Ident>,
    /// Both queries, analysed.
    pub query: Union,
    /// The table in the term that is the recursion.
    pub iteration: Option<u32>,
}

/// Whether a query of WITH names its own table.
pub fn reads_itself(table: &CommonTable) -> bool {
    let mut look = Look { name: &table.name, found: false };
    walk::query(&table.query, &mut look);
    look.found
}

struct Look<'a> {
    name: &'a Ident,
    found: bool,
}

impl Visit for Look<'_> {
    fn table(&mut self, table: &TableExpr) -> bool {
        if let TableExpr::Table(table) = table {
            self.found |= table.name.qualifier.is_none() && table.name.name == *self.name;
        }
        true
    }

    fn query(&mut self, query: &Query) -> bool {
        let with = match query {
            Query::Select(select) => select.with.as_ref(),
            Query::Union(union) => union.with.as_ref(),
            Query::Values(_) => None,
        };
        // Another one of that name hides it.
        !with.is_some_and(|with| with.tables.iter().any(|table| table.name == *self.name))
    }
}

impl Analyzer<'_> {
    /// Analyses both queries: the seed first, which does not see itself.
    pub(super) fn recursive(
        &mut self,
        table: CommonTable,
    ) -> Result<(usize, CommonTable), PlanError> {
        let CommonTable { name, columns, query } = table;
        let Query::Union(mut union) = query else { return Err(no_union(&name)) };
        self.common.push((name.clone(), Common::Hidden));
        let at = self.common.len() - 1;
        let outside = self.enter_nested();
        self.query(&mut union.left, Nested::Yes)?;
        let number = self.semantics.recursive.len();
        self.semantics.recursive.push(RecursiveCte {
            name: name.clone(),
            columns: columns.clone(),
            query: (*union).clone(),
            iteration: None,
        });
        self.common[at].1 = Common::Iteration(number);
        self.query(&mut union.right, Nested::Yes)?;
        self.leave_nested(outside);
        self.common.truncate(at);
        check_term(&name, &union.right, &self.semantics)?;
        if let Some(iteration) = self.semantics.recursive[number].iteration {
            check_place(&name, &union.right, iteration)?;
        }
        same_width(&union)?;
        self.semantics.recursive[number].query = (*union).clone();
        Ok((number, CommonTable { name, columns, query: Query::Union(union) }))
    }

    /// A table that is the whole of the recursion's rows.
    pub(super) fn use_of_recursive(
        &mut self,
        table: &mut TableExpr,
        written: &Table,
        cte: usize,
    ) -> Result<(), PlanError> {
        let source = Source::Recursive(recursion(&self.semantics, cte)?);
        self.add(table, info(written, source))
    }

    /// The one table in the recursive query that is the iteration before.
    pub(super) fn iteration(
        &mut self,
        table: &mut TableExpr,
        written: &Table,
        cte: usize,
    ) -> Result<(), PlanError> {
        let recursive = &self.semantics.recursive[cte];
        if recursive.iteration.is_some() {
            return Err(not_once(&recursive.name));
        }
        let source = Source::Iteration(recursion(&self.semantics, cte)?);
        self.semantics.recursive[cte].iteration = Some(self.semantics.tables.len() as u32);
        self.add(table, info(written, source))
    }
}

fn info(written: &Table, source: Source) -> TableInfo {
    let name = written.alias.clone().unwrap_or_else(|| written.name.name.clone());
    TableInfo { name, keyspace: None, written_keyspace: None, source }
}

/// The columns are the seed's, under the names that WITH gives them.
fn recursion(semantics: &Semantics, cte: usize) -> Result<Recursion, PlanError> {
    let RecursiveCte { columns: names, query, .. } = &semantics.recursive[cte];
    let all = output(&query.left);
    let authoritative = all.is_some();
    let known = all.unwrap_or_else(|| known_output(&query.left));
    if !names.is_empty() && authoritative && names.len() != known.len() {
        let text = "VT03033: In definition of view, derived table or common table expression, SELECT list and column names list have different column counts";
        return Err(PlanError::new(Code::InvalidArgument, text));
    }
    let columns = match names.is_empty() {
        true => known.into_iter().map(|column| column.name).collect(),
        false => names.clone(),
    };
    Ok(Recursion { cte, columns, authoritative: authoritative || !names.is_empty() })
}

/// In FROM, and not where an outer join may leave it out.
fn check_place(name: &Ident, term: &Query, iteration: u32) -> Result<(), PlanError> {
    let from = match term {
        Query::Select(select) => select.from.as_slice(),
        _ => &[],
    };
    match from.iter().find_map(|table| place_in(table, iteration)) {
        None => Err(not_once(name)),
        Some(Place::Kept) => Ok(()),
        Some(Place::LeftOut) => {
            let text = format!(
                "VT09028: In recursive query block of Recursive Common Table Expression '{}', the \
                 recursive table must neither be in the right argument of a LEFT JOIN, nor be \
                 forced to be non-first with join order hints",
                name.as_str()
            );
            Err(PlanError::new(Code::FailedPrecondition, text))
        }
    }
}

/// Whether a join may leave a table out.
#[derive(Clone, Copy, PartialEq)]
enum Place {
    Kept,
    LeftOut,
}

fn place_in(table: &TableExpr, number: u32) -> Option<Place> {
    match table {
        TableExpr::Bound(_, own) => (*own == number).then_some(Place::Kept),
        TableExpr::Parens(list) => list.iter().find_map(|table| place_in(table, number)),
        TableExpr::Join(join) => {
            let (left, right) = match join.kind {
                JoinKind::Right => (&join.right, &join.left),
                _ => (&join.left, &join.right),
            };
            let outer = matches!(join.kind, JoinKind::Left | JoinKind::Right);
            let out = |place| if outer { Place::LeftOut } else { place };
            place_in(left, number).or_else(|| place_in(right, number).map(out))
        }
        _ => None,
    }
}

fn not_once(name: &Ident) -> PlanError {
    let text = format!(
        "VT09029: In recursive query block of Recursive Common Table Expression {}, the recursive \
         table must be referenced only once, and not in any subquery",
        name.as_str()
    );
    PlanError::new(Code::FailedPrecondition, text)
}

fn no_union(name: &Ident) -> PlanError {
    let text = format!(
        "VT09026: Recursive Common Table Expression '{}' should contain a UNION",
        name.as_str()
    );
    PlanError::new(Code::FailedPrecondition, text)
}

/// A row of the term is made of one row of the iteration before.
fn check_term(name: &Ident, term: &Query, semantics: &Semantics) -> Result<(), PlanError> {
    let Some(select) = first_select(term) else { return Ok(()) };
    let aggregates = select.items.iter().any(|item| {
        matches!(item, sim::sql::ast::SelectItem::Expr { expr, .. }
            if semantics.has_aggregate(expr))
    });
    if select.group_by.is_empty() && !aggregates {
        return Ok(());
    }
    let text = format!(
        "VT09027: Recursive Common Table Expression '{}' can contain neither aggregation nor \
         window functions in recursive query block",
        name.as_str()
    );
    Err(PlanError::new(Code::FailedPrecondition, text))
}

fn same_width(union: &Union) -> Result<(), PlanError> {
    match (column_count(&union.left), column_count(&union.right)) {
        (Some(left), Some(right)) if left != right => {
            let text = format!(
                "The used SELECT statements have a different number of columns: {left}, {right}"
            );
            Err(PlanError::new(Code::FailedPrecondition, text))
        }
        _ => Ok(()),
    }
}
