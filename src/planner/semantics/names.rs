//! Positions and aliases in GROUP BY, HAVING and ORDER BY, replaced by what they stand for.
//!
//! ```text
//!   select a + 2 as x from t group by 1 having x = 1 order by x
//!   select a + 2 as x from t where t.a + 2 = 1 group by a + 2 order by t.a + 2
//! ```
//!
//! In ORDER BY and HAVING the table's name is filled in where the select list leaves it out; in
//! GROUP BY and by position the expression comes as it was written. See
//! `semantics/early_rewriter.go`.
//!
//! It knows nothing of routes.

use std::sync::Arc;

use sim::sql::ast::{ColumnName, Expr, Ident, Literal, Query, Select, SelectItem};
use sim::sql::walk::children_mut;

use super::super::walk::{self, VisitMut};
use super::super::{PlanError, expression, predicate};
use super::bind::{Meaning, Scopes, ambiguous, not_found};
use super::{Semantics, item_name};
use crate::key::Code;

/// The clause in which a name stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Clause {
    GroupBy,
    Having,
    OrderBy,
    /// One that sees the tables and nothing else.
    Other,
}

impl Clause {
    pub fn name(self) -> &'static str {
        match self {
            Clause::GroupBy => "group clause",
            Clause::Having => "having clause",
            Clause::OrderBy => "order clause",
            Clause::Other => "field list",
        }
    }
}

/// A name that the select list offers.
enum Offer<'a> {
    Nothing,
    Expr(&'a Expr),
    /// Two different expressions have it.
    Ambiguous,
}

/// The select list as names see it: bound expressions with their aliases.
pub struct Offers {
    items: Vec<SelectItem>,
}

impl Offers {
    pub fn of(select: &Select) -> Offers {
        Offers { items: select.items.clone() }
    }

    /// Whether a name is one of the list's, known or not.
    pub fn has(&self, expr: &Expr) -> bool {
        matches!(expr, Expr::Column(ColumnName { table: None, name })
            if !matches!(self.find(name), Offer::Nothing))
    }

    fn find(&self, name: &Ident) -> Offer<'_> {
        let mut found: Option<&Expr> = None;
        for item in &self.items {
            let SelectItem::Expr { expr, alias } = item else { continue };
            let named = alias.is_some() || matches!(expr, Expr::Column(_) | Expr::Bound(..));
            if !named || !item_name(expr, alias.as_ref()).is(name.as_str()) {
                continue;
            }
            match found {
                Some(other) if !predicate::same(other, expr) => return Offer::Ambiguous,
                _ => found = found.or(Some(expr)),
            }
        }
        found.map_or(Offer::Nothing, Offer::Expr)
    }
}

impl Semantics {
    /// Replaces positions and aliases in one expression of GROUP BY or ORDER BY.
    pub fn resolve_names(
        &self,
        expr: &mut Expr,
        offers: &Offers,
        scopes: &Scopes,
        clause: Clause,
    ) -> Result<(), PlanError> {
        match expr {
            Expr::Literal(Literal::Integer(digits)) => {
                *expr = position(digits, offers, clause)?;
                return Ok(());
            }
            Expr::Collate { expr: inner, .. }
                if matches!(**inner, Expr::Literal(Literal::Integer(_))) =>
            {
                return self.resolve_names(inner, offers, scopes, clause);
            }
            _ => {}
        }
        if let Expr::Column(column @ ColumnName { table: None, .. }) = expr {
            let certain = matches!(self.own_meaning(column, scopes), Has::Certain);
            if clause != Clause::GroupBy || !certain {
                return self.replace(expr, offers, clause);
            }
            return Ok(());
        }
        self.resolve_inside(expr, offers, scopes, clause)
    }

    /// In a larger expression a column that is certain stays.
    fn resolve_inside(
        &self,
        expr: &mut Expr,
        offers: &Offers,
        scopes: &Scopes,
        clause: Clause,
    ) -> Result<(), PlanError> {
        if let Expr::Column(column @ ColumnName { table: None, .. }) = expr {
            return match self.own_meaning(column, scopes) {
                Has::Certain => Ok(()),
                Has::Maybe => self.replace(expr, offers, clause),
            };
        }
        if clause == Clause::OrderBy && matches!(expr, Expr::Aggregate(_)) {
            return Ok(());
        }
        children_mut(expr)
            .into_iter()
            .try_for_each(|child| self.resolve_inside(child, offers, scopes, clause))
    }

    /// HAVING: outside of aggregates the alias wins.
    pub fn resolve_having(&self, expr: &mut Expr, offers: &Offers) -> Result<(), PlanError> {
        if self.is_aggregate(expr) {
            return Ok(());
        }
        if matches!(expr, Expr::Column(ColumnName { table: None, .. })) {
            return self.replace(expr, offers, Clause::Having);
        }
        children_mut(expr).into_iter().try_for_each(|child| self.resolve_having(child, offers))
    }

    pub fn is_aggregate(&self, expr: &Expr) -> bool {
        match expr {
            Expr::Function(function) if function.over.is_none() => {
                let name = function.name.as_str().to_ascii_lowercase();
                self.aggregate_functions.contains(&name)
            }
            expr => expression::as_aggregate(expr).is_some(),
        }
    }

    pub fn has_aggregate(&self, expr: &Expr) -> bool {
        expression::any(expr, &mut |expr| self.is_aggregate(expr))
    }

    fn replace(&self, expr: &mut Expr, offers: &Offers, clause: Clause) -> Result<(), PlanError> {
        let Expr::Column(column) = &*expr else { return Ok(()) };
        match offers.find(&column.name) {
            Offer::Nothing => Ok(()),
            Offer::Ambiguous => Err(ambiguous(column)),
            Offer::Expr(found) => {
                let mut found = found.clone();
                if clause != Clause::GroupBy {
                    self.qualify(&mut found);
                }
                *expr = found;
                Ok(())
            }
        }
    }

    /// Fills in the table's name at every bound column that has none.
    pub fn qualify(&self, expr: &mut Expr) {
        let mut each = walk::EachExpr(|expr: &mut Expr| {
            if let Expr::Bound(column, number) = expr
                && column.table.is_none()
            {
                column.table = Some(self.qualifier(*number));
            }
        });
        walk::expr_mut(expr, &mut each);
    }

    fn own_meaning(&self, column: &ColumnName, scopes: &Scopes) -> Has {
        let levels = scopes.levels.last().cloned().into_iter().collect();
        let own = Scopes { levels, ..Scopes::default() };
        let certain = match self.meaning(column, &own) {
            Meaning::Table(number) => {
                self.table(number).has(column.name.as_str()) == super::tables::Has::Certainly
            }
            Meaning::Ambiguous => true,
            _ => false,
        };
        if certain { Has::Certain } else { Has::Maybe }
    }
}

enum Has {
    Certain,
    Maybe,
}

/// The select expression at a position, as it was written.
fn position(digits: &Arc<str>, offers: &Offers, clause: Clause) -> Result<Expr, PlanError> {
    match &offers.items[place(digits, offers, clause)?] {
        // A number would be a position again.
        SelectItem::Expr { expr: Expr::Literal(Literal::Integer(_)), .. } => {
            Ok(Expr::Literal(Literal::String("".into())))
        }
        SelectItem::Expr { expr, .. } => Ok(expr.clone()),
        _ => {
            let text = format!("Unknown column '{digits}' in '{}'", clause.name());
            Err(PlanError::new(Code::InvalidArgument, text))
        }
    }
}

/// The item that a position names.
fn place(digits: &Arc<str>, offers: &Offers, clause: Clause) -> Result<usize, PlanError> {
    let invalid = |text: String| PlanError::new(Code::InvalidArgument, text);
    let Ok(number) = digits.parse::<i64>() else {
        return Err(invalid(format!("error parsing column number: {digits}")));
    };
    let unknown = || invalid(format!("Unknown column '{number}' in '{}'", clause.name()));
    let at = usize::try_from(number).ok().and_then(|number| number.checked_sub(1));
    let at = at.filter(|at| *at < offers.items.len()).ok_or_else(unknown)?;
    let star = |item: &SelectItem| match item {
        SelectItem::Star(None) => Some("*".to_owned()),
        SelectItem::Star(Some(table)) => Some(format!("{table}.*")),
        _ => None,
    };
    if let Some(star) = offers.items[..=at].iter().find_map(star) {
        let text = format!("cannot use column offsets in {} when using `{star}`", clause.name());
        return Err(PlanError::new(Code::Unimplemented, text));
    }
    Ok(at)
}

/// A union's ORDER BY knows the names of its first SELECT's columns, and positions in them.
pub fn resolve_union_order(expr: &mut Expr, first: &Select) -> Result<(), PlanError> {
    if let Expr::Literal(Literal::Integer(digits)) = expr {
        let offers = Offers::of(first);
        let at = place(digits, &offers, Clause::OrderBy)?;
        if let SelectItem::Expr { expr: of, alias } = &offers.items[at] {
            let name = item_name(of, alias.as_ref());
            let is_called_so = |item: &&SelectItem| {
                matches!(item, SelectItem::Expr { expr, alias }
                    if item_name(expr, alias.as_ref()).is(name.as_str()))
            };
            // A name that two columns have would be the other one's.
            let first = offers.items.iter().position(|item| is_called_so(&item));
            if first != Some(at) {
                let is_earlier = |item: &SelectItem| match item {
                    SelectItem::Expr { expr, .. } => predicate::same(expr, of),
                    _ => false,
                };
                if !matches!(of, Expr::Bound(..)) || offers.items[..at].iter().any(is_earlier) {
                    let text = "ORDER BY the second of two columns of one name, over a union";
                    return Err(PlanError::unsupported(text));
                }
                *expr = of.clone();
                return Ok(());
            }
            *expr = Expr::Column(ColumnName { table: None, name });
        }
        return Ok(());
    }
    if let Expr::Column(column @ ColumnName { table: None, .. }) = &*expr
        && !Offers::of(first).has(expr)
    {
        return Err(not_found(column));
    }
    Ok(())
}

/// Takes numbers off again: what leaves the router is plain SQL.
pub fn unbind(query: &mut Query) {
    walk::query_mut(query, &mut Unbind);
}

pub fn unbind_expr(expr: &mut Expr) {
    walk::expr_mut(expr, &mut Unbind);
}

pub struct Unbind;

impl VisitMut for Unbind {
    fn expr(&mut self, expr: &mut Expr) -> bool {
        if let Expr::Bound(column, _) = expr {
            *expr = Expr::Column(column.clone());
        }
        true
    }

    fn table(&mut self, table: &mut sim::sql::ast::TableExpr) -> bool {
        if let sim::sql::ast::TableExpr::Bound(inner, _) = table {
            let inner =
                std::mem::replace(&mut **inner, sim::sql::ast::TableExpr::Parens(Vec::new()));
            *table = inner;
        }
        true
    }
}
