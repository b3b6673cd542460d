//! Joins: which tables stand side by side, in which order they are read, and which columns a name
//! without a table or a star means.
//!
//! A RIGHT JOIN is a LEFT JOIN with its sides turned round, as in MySQL. The right side of a LEFT
//! JOIN is a nest: tables next to each other that are read together, and that are all NULL where
//! nothing in them fits. NATURAL and USING make one column of two: the left one, or the right one
//! of a RIGHT JOIN; it stands before all others.

use std::collections::BTreeSet;

use crate::mysql::error;
use crate::sql::ast::{ColumnName, CompareOp, Expr, Ident, Join, JoinKind, TableName};
use crate::sql_error::SqlError;

use super::scope::{InScope, Visible, all_visible};
use super::subquery::Subquery;

/// Tables side by side, in the order in which they are read.
#[derive(Debug, Default)]
pub struct From {
    pub tables: Vec<InScope>,
    /// What a star shows, in its order.
    pub visible: Vec<Visible>,
    pub ons: Vec<On>,
    /// Inner nests before those around them.
    pub nests: Vec<Nest>,
    pub subqueries: Vec<Subquery>,
}

/// A condition between the tables `first..end`.
#[derive(Clone, Debug)]
pub struct On {
    pub expr: Expr,
    pub first: usize,
    pub end: usize,
    pub visible: Vec<Visible>,
    /// The nest that it belongs to; none where it is as good as WHERE.
    pub owner: Option<usize>,
}

/// The right side of a LEFT JOIN.
#[derive(Clone, Debug)]
pub struct Nest {
    pub first: usize,
    pub last: usize,
    pub parent: Option<usize>,
}

impl From {
    pub fn one(table: InScope) -> From {
        let tables = vec![table];
        let visible = all_visible(&tables);
        From { tables, visible, ..From::default() }
    }

    pub fn width(&self) -> usize {
        self.tables.last().map_or(0, |last| last.offset + last.opened.schema.columns.len())
    }

    /// Gives the tables their places in a row that begins with the rows around it.
    pub fn place(&mut self, base: usize) {
        let mut offset = base;
        for table in &mut self.tables {
            table.offset = offset;
            offset += table.opened.schema.columns.len();
        }
    }

    /// Two tables of one name cannot be told apart.
    pub fn check_names(&self) -> Result<(), SqlError> {
        let mut seen = BTreeSet::new();
        for table in &self.tables {
            if !seen.insert((table.opened.schema.database.clone(), table.alias.clone())) {
                return Err(error::not_unique_table(&table.alias));
            }
        }
        Ok(())
    }

    /// The innermost nest around a table.
    pub fn nest_of(&self, table: usize) -> Option<usize> {
        self.nests.iter().position(|nest| nest.first <= table && table <= nest.last)
    }

    /// Is a nest, or what belongs to none, outside of another nest?
    pub fn is_outside(&self, owner: Option<usize>, nest: usize) -> bool {
        let mut inner = owner;
        while let Some(at) = inner {
            if at == nest {
                return false;
            }
            inner = self.nests[at].parent;
        }
        true
    }

    /// The comma.
    pub fn beside(self, right: From) -> From {
        let mut visible = self.visible.clone();
        let shift = self.tables.len();
        visible.extend(right.visible.iter().map(|own| shifted(own, shift)));
        let mut joined = self.append(right);
        joined.visible = visible;
        joined
    }

    pub fn join(self, join: &Join, right: From) -> Result<From, SqlError> {
        use JoinKind::*;
        let outer = matches!(join.kind, Left | Right | NaturalLeft | NaturalRight);
        let turned = matches!(join.kind, Right | NaturalRight);
        let natural = matches!(join.kind, Natural | NaturalLeft | NaturalRight);
        let names: Vec<Ident> = match natural {
            true => self
                .visible
                .iter()
                .filter(|own| right.visible.iter().any(|other| same_name(own, &other.name)))
                .map(|own| Ident(own.name.clone()))
                .collect(),
            false => join.using.clone(),
        };
        // The side that is read first, and where the other's tables begin behind it.
        let (first, second) = match turned {
            true => (right.tables.len(), self.tables.len()),
            false => (self.tables.len(), right.tables.len()),
        };
        let (left_shift, right_shift) = if turned { (first, 0) } else { (0, first) };
        let left_visible: Vec<Visible> =
            self.visible.iter().map(|own| shifted(own, left_shift)).collect();
        let right_visible: Vec<Visible> =
            right.visible.iter().map(|own| shifted(own, right_shift)).collect();
        let mut joined = match turned {
            true => right.append(self),
            false => self.append(right),
        };
        let mut terms = Vec::new();
        let visible =
            coalesced(&names, &left_visible, &right_visible, turned, &joined.tables, &mut terms)?;
        joined.visible = visible.clone();
        terms.extend(join.on.clone());
        let end = first + second;
        if outer {
            let number = joined.nests.len();
            for nest in joined.nests.iter_mut().filter(|nest| first <= nest.first) {
                nest.parent = nest.parent.or(Some(number));
            }
            for on in joined.ons.iter_mut().filter(|on| first <= on.first) {
                on.owner = on.owner.or(Some(number));
            }
            joined.nests.push(Nest { first, last: end - 1, parent: None });
        }
        let owner = outer.then(|| joined.nests.len() - 1);
        for expr in terms {
            let visible = visible.clone();
            joined.ons.push(On { expr, first: 0, end, visible, owner });
        }
        Ok(joined)
    }

    /// Puts tables behind these; the caller says what is visible.
    fn append(mut self, right: From) -> From {
        let (tables, nests) = (self.tables.len(), self.nests.len());
        self.tables.extend(right.tables);
        self.ons.extend(right.ons.into_iter().map(|on| On {
            first: on.first + tables,
            end: on.end + tables,
            visible: on.visible.iter().map(|own| shifted(own, tables)).collect(),
            owner: on.owner.map(|owner| owner + nests),
            ..on
        }));
        self.nests.extend(right.nests.into_iter().map(|nest| Nest {
            first: nest.first + tables,
            last: nest.last + tables,
            parent: nest.parent.map(|parent| parent + nests),
        }));
        self
    }
}

fn shifted(own: &Visible, tables: usize) -> Visible {
    Visible { table: own.table + tables, ..own.clone() }
}

fn same_name(own: &Visible, name: &str) -> bool {
    own.name.eq_ignore_ascii_case(name)
}

/// The common columns, then those of the left, then those of the right; and the equalities.
fn coalesced(
    names: &[Ident],
    left: &[Visible],
    right: &[Visible],
    turned: bool,
    tables: &[InScope],
    terms: &mut Vec<Expr>,
) -> Result<Vec<Visible>, SqlError> {
    let one = |side: &[Visible], name: &Ident| {
        let mut found = side.iter().filter(|own| same_name(own, name.as_str()));
        match (found.next(), found.next()) {
            (None, _) => Err(SqlError::unknown_column(name.as_str(), "from clause")),
            (Some(_), Some(_)) => Err(error::ambiguous_column(name.as_str(), "from clause")),
            (Some(own), None) => Ok(own.clone()),
        }
    };
    let (mut common, mut pairs) = (Vec::new(), Vec::new());
    for name in names {
        let pair = (one(left, name)?, one(right, name)?);
        terms.push(Expr::Compare {
            op: CompareOp::Equal,
            left: Box::new(named(&pair.0, tables)),
            right: Box::new(named(&pair.1, tables)),
            escape: None,
        });
        pairs.push(pair);
    }
    // In the order of the side that the columns are taken from, not of USING.
    let shown = if turned { right } else { left };
    for own in shown {
        let taken =
            |pair: &&(Visible, Visible)| if turned { pair.1 == *own } else { pair.0 == *own };
        if pairs.iter().any(|pair| taken(&pair)) {
            common.push(own.clone());
        }
    }
    let (first, second) = if turned { (right, left) } else { (left, right) };
    let rest = |side: &[Visible]| -> Vec<Visible> {
        let in_pair = |own: &&Visible| !pairs.iter().any(|(a, b)| a == *own || b == *own);
        side.iter().filter(in_pair).cloned().collect()
    };
    // Without common columns a RIGHT JOIN shows its sides as they are written.
    let (first, second) = if pairs.is_empty() { (left, right) } else { (first, second) };
    common.extend(rest(first));
    common.extend(rest(second));
    Ok(common)
}

fn named(own: &Visible, tables: &[InScope]) -> Expr {
    let table = &tables[own.table];
    let database = table.opened.schema.database.clone();
    let qualifier = (!database.is_empty()).then_some(Ident(database));
    let name = TableName { qualifier, name: Ident(table.alias.clone()) };
    Expr::Column(ColumnName { table: Some(name), name: Ident(own.name.clone()) })
}
