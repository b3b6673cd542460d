//! ONLY_FULL_GROUP_BY: what a grouped query may show.
//!
//! A column may be shown if the columns that are grouped by determine it: it is one of them, or
//! they hold a whole key of its table, or the conditions make it equal to one that is determined or
//! to a constant. Equalities of a LEFT JOIN count for its right side, given its left one.

use std::collections::BTreeSet;

use crate::eval::user_lock;
use crate::sql::ast::{ColumnName, CompareOp, Expr};
use crate::sql::walk::children;
use crate::sql_error::SqlError;

use super::join::From;
use super::scope::TableScope;

pub struct Query<'a> {
    pub from: &'a From,
    pub items: Vec<&'a Expr>,
    pub groups: &'a [Expr],
    pub having: Option<&'a Expr>,
    pub order: &'a [Expr],
    /// The conditions, with the nest that each belongs to.
    pub terms: &'a [(Expr, Option<usize>)],
    /// GROUP BY is written.
    pub explicit: bool,
}

type Place = (usize, usize);

impl Query<'_> {
    /// 1055 and 1140.
    pub fn check_grouped(&self) -> Result<(), SqlError> {
        let determined = self.determined();
        let check = |expr: &Expr, number: usize, clause: &str| match self.free(expr, &determined) {
            None => Ok(()),
            Some(place) => Err(self.error(place, number, clause)),
        };
        for (at, item) in self.items.iter().enumerate() {
            check(item, at + 1, "SELECT list")?;
        }
        if let Some(having) = self.having {
            check(having, 1, "HAVING clause")?;
        }
        // One group needs no order, and MySQL does not look at it.
        for (at, order) in self.order.iter().enumerate().filter(|_| self.explicit) {
            check(order, at + 1, "ORDER BY clause")?;
        }
        Ok(())
    }

    /// 3065: DISTINCT leaves nothing to order by but the items.
    pub fn check_distinct(&self) -> Result<(), SqlError> {
        let shown: BTreeSet<Place> =
            self.items.iter().filter_map(|item| self.place(item)).collect();
        for (at, order) in self.order.iter().enumerate() {
            if self.items.contains(&order) {
                continue;
            }
            if let Some(place) = self.free(order, &shown) {
                let message = format!(
                    "Expression #{} of ORDER BY clause is not in SELECT list, references column \
                     '{}' which is not in SELECT list; this is incompatible with DISTINCT",
                    at + 1,
                    self.name(place)
                );
                return Err(SqlError::new(3065, "HY000", message));
            }
        }
        Ok(())
    }

    fn place(&self, expr: &Expr) -> Option<Place> {
        match expr {
            Expr::Column(column) => self.find(column),
            _ => None,
        }
    }

    fn find(&self, column: &ColumnName) -> Option<Place> {
        let scope = TableScope::new(&self.from.tables, "field list").seeing(&self.from.visible);
        scope.find(column).ok()
    }

    /// The first column that is not determined; what stands in an aggregate is none.
    fn free(&self, expr: &Expr, determined: &BTreeSet<Place>) -> Option<Place> {
        if self.groups.contains(expr) {
            return None;
        }
        match expr {
            Expr::Aggregate(_) => None,
            Expr::Function(function) if function.name.is("any_value") => None,
            Expr::Column(column) => self.find(column).filter(|at| !determined.contains(at)),
            other => children(other).into_iter().find_map(|child| self.free(child, determined)),
        }
    }

    fn determined(&self) -> BTreeSet<Place> {
        let mut determined: BTreeSet<Place> =
            self.groups.iter().filter_map(|group| self.place(group)).collect();
        loop {
            let before = determined.len();
            for (term, owner) in self.terms {
                self.follow(term, *owner, &mut determined);
            }
            for (number, table) in self.from.tables.iter().enumerate() {
                let schema = &table.opened.schema;
                let whole = (0..schema.indexes.len()).any(|index| {
                    let parts = &schema.indexes[index].parts;
                    let fixed = |part: &crate::mysql::schema::Part| {
                        part.length.is_none()
                            && schema.columns[part.column].not_null
                            && determined.contains(&(number, part.column))
                    };
                    schema.indexes[index].unique && !parts.is_empty() && parts.iter().all(fixed)
                });
                if whole && table.rows.is_none() {
                    determined.extend((0..schema.columns.len()).map(|column| (number, column)));
                }
            }
            if determined.len() == before {
                return determined;
            }
        }
    }

    /// What an equality determines.
    fn follow(&self, term: &Expr, owner: Option<usize>, determined: &mut BTreeSet<Place>) {
        let Expr::Compare { op: CompareOp::Equal, left, right, .. } = term else { return };
        for (known, other) in [(left, right), (right, left)] {
            let Some(place) = self.place(other) else { continue };
            // The left side of a LEFT JOIN stays what it is.
            let in_nest = match owner {
                None => self.from.nest_of(place.0).is_none(),
                Some(nest) => {
                    let nest = &self.from.nests[nest];
                    nest.first <= place.0 && place.0 <= nest.last
                }
            };
            let follows = match self.place(known) {
                Some(known) => determined.contains(&known),
                None => owner.is_none() && is_constant(known),
            };
            if in_nest && follows {
                determined.insert(place);
            }
        }
    }

    fn name(&self, place: Place) -> String {
        let table = &self.from.tables[place.0];
        let (database, column) =
            (&table.opened.schema.database, &table.opened.schema.columns[place.1]);
        match database.is_empty() {
            true => format!("{}.{}", table.alias, column.name),
            false => format!("{database}.{}.{}", table.alias, column.name),
        }
    }

    fn error(&self, place: Place, number: usize, clause: &str) -> SqlError {
        let name = self.name(place);
        if !self.explicit {
            let message = format!(
                "In aggregated query without GROUP BY, expression #{number} of {clause} contains \
                 nonaggregated column '{name}'; this is incompatible with \
                 sql_mode=only_full_group_by"
            );
            return SqlError::new(1140, "42000", message);
        }
        let message = format!(
            "Expression #{number} of {clause} is not in GROUP BY clause and contains nonaggregated \
             column '{name}' which is not functionally dependent on columns in GROUP BY clause; \
             this is incompatible with sql_mode=only_full_group_by"
        );
        SqlError::new(1055, "42000", message)
    }
}

/// Does an expression say the same of every row?
pub fn is_constant(expr: &Expr) -> bool {
    match expr {
        Expr::Literal(_) | Expr::Argument { .. } => true,
        Expr::Variable(_) | Expr::Assign { .. } | Expr::Values(_) | Expr::Default(_) => false,
        Expr::Aggregate(_) => false,
        Expr::Column(_) | Expr::Subquery(_) | Expr::Exists(_) | Expr::Quantified { .. } => false,
        Expr::Function(function) if function.name.is("rand") => false,
        Expr::Function(function) if user_lock::NAMES.iter().any(|own| function.name.is(own)) => {
            false
        }
        other => children(other).into_iter().all(is_constant),
    }
}
