//! A projection over a join: each side computes its own columns, the right those of both.
//!
//! ```text
//!   a.x, a.y + b.z          Join a.x, a.y + b.z
//!     Join          ->        a.x, a.y
//!       a, b                    a
//!                             :a_y + b.z
//!                               b
//! ```
//!
//! Each side of a derived table is a table of the same name, with what the join has to tell the
//! right among its columns. See `operators/projection_pushing.go`.

use sim::sql::ast::{ColumnName, Expr, Ident, TableName};

use super::super::build::predicate::split;
use super::super::lower::plain;
use super::super::operator::apply_join::{JoinColumn, Origin};
use super::super::operator::horizon::Derived;
use super::super::operator::projection::{Column, Projection};
use super::super::operator::{ApplyJoin, Operator};
use super::super::planning::Planning;
use super::super::predicate::same;
use super::super::semantics::table_set::TableSet;
use super::super::semantics::tables::DerivedColumn;
use super::super::{PlanError, expression, offset, walk};
use super::Rewritten;

/// Over an outer join there is nothing to compute of a row that is not there.
pub fn may_split(projection: &Projection, join: &ApplyJoin) -> bool {
    let bare = projection.columns.iter().all(|column| matches!(column.expr, Expr::Bound(..)));
    !projection.fixed && projection.star.is_none() && (join.kind.is_inner() || bare)
}

pub fn split_projection(
    planning: &mut Planning<'_>,
    projection: Projection,
    mut join: Box<ApplyJoin>,
) -> Rewritten {
    if let Some(columns) = picked(&projection, &join) {
        join.columns = columns;
        return Ok((Operator::ApplyJoin(join), Some("projection picks columns of join")));
    }
    let mut halves = Halves {
        left: Half::default(),
        right: Half::default(),
        tables: join.left.tables(),
        derived: projection.derived.clone(),
    };
    join.columns.clear();
    for (at, column) in projection.columns.into_iter().enumerate() {
        let passed = halves.add(planning, column, at, &mut join)?;
        join.columns.push(passed);
    }
    halves.expose(planning, &mut join)?;
    let Halves { left, right, derived, .. } = halves;
    join.left = left.over(join.left.take(), derived.as_ref())?;
    join.right = right.over(join.right.take(), derived.as_ref())?;
    Ok((Operator::ApplyJoin(join), Some("split projection to both sides of join")))
}

/// The columns, where the join already has them all: those of a derived table.
fn picked(projection: &Projection, join: &ApplyJoin) -> Option<Vec<JoinColumn>> {
    if projection.derived.is_some() || join.columns.is_empty() {
        return None;
    }
    let pick = |column: &Column| {
        let found = join.columns.iter().find(|known| same(&known.expr, &column.expr));
        found.filter(|_| column.alias.is_none()).cloned()
    };
    projection.columns.iter().map(pick).collect()
}

struct Halves {
    left: Half,
    right: Half,
    /// The left's.
    tables: TableSet,
    derived: Option<Derived>,
}

/// The columns of one side; their names outside, where the derived table gives them.
#[derive(Default)]
struct Half {
    columns: Vec<Column>,
    names: Vec<Ident>,
}

impl Half {
    /// A side that nobody wants a column of stays as it is. A join asks for its columns one by
    /// one, so a star must not hide them.
    fn over(self, source: Operator, derived: Option<&Derived>) -> Result<Operator, PlanError> {
        if self.columns.is_empty() {
            return Ok(source);
        }
        if offset::hides_columns(&source) {
            return Err(expression::schema_tracking_required());
        }
        let derived = derived.map(|derived| Derived {
            number: derived.number,
            alias: derived.alias.clone(),
            columns: if derived.columns.is_empty() { Vec::new() } else { self.names },
        });
        Ok(Operator::Projection(Box::new(Projection {
            columns: self.columns,
            derived,
            ..Projection::new(source)
        })))
    }

    fn add(&mut self, column: Column, name: Ident) {
        self.columns.push(column);
        self.names.push(name);
    }
}

/// What a column is called that only the join reads: `t.a`, without quotes of its own.
fn hidden_name(planning: &Planning<'_>, expr: &Expr) -> Ident {
    match expr {
        Expr::Bound(ColumnName { table: Some(table), name }, _) => {
            Ident::new(&format!("{}.{}", table.name.as_str(), name.as_str()))
        }
        other => Ident::new(&plain(planning, other).to_string()),
    }
}

/// A column that is the value of a subquery needs the tables of the subquery's outer row.
fn tables_needed_by(planning: &Planning<'_>, column: &Column) -> TableSet {
    let mut tables = planning.semantics.tables_of(&column.expr);
    let mut each = walk::EachExpr(|expr: &Expr| {
        if let Some(query) = walk::own_query(expr) {
            tables = tables | planning.semantics.outer_tables_of(query);
        }
    });
    walk::expr(&column.original, &mut each);
    tables
}

impl Halves {
    /// Adds a column to its side; gives it as the join passes it on.
    fn add(
        &mut self,
        planning: &mut Planning<'_>,
        column: Column,
        at: usize,
        join: &mut ApplyJoin,
    ) -> Result<JoinColumn, PlanError> {
        let given = self.derived.as_ref().and_then(|derived| derived.columns.get(at).cloned());
        let name = given.unwrap_or_else(|| column.name());
        let tables = tables_needed_by(planning, &column);
        let whole = column.expr.clone();
        let origin = if tables.is_within(self.tables) {
            if tables.is_empty() {
                self.settle(planning, &name, None);
            }
            self.left.add(column, name.clone());
            Origin::Left
        } else if !tables.overlaps(self.tables) {
            self.right.add(column, name.clone());
            Origin::Right
        } else {
            let (vars, rest) = split(planning, &column.expr, self.tables);
            for (var, expr) in vars {
                let told = self.told(planning, &expr)?;
                if self.derived.is_some() {
                    join.extra.push((var, told));
                }
            }
            let text = || Ident::new(&plain(planning, &column.original).to_string());
            let alias = Some(column.alias.clone().unwrap_or_else(text));
            self.settle(planning, &name, Some(&rest));
            self.right.add(Column { expr: rest, alias, ..column }, name.clone());
            Origin::ByTables
        };
        let passed = match &self.derived {
            None => return Ok(JoinColumn { origin, ..JoinColumn::new(whole) }),
            Some(derived) => column_of(derived, name),
        };
        if origin == Origin::ByTables {
            join.mixed.push(passed.clone());
        }
        let origin = if origin == Origin::Left { Origin::Left } else { Origin::Right };
        Ok(JoinColumn { origin, ..JoinColumn::new(passed) })
    }

    /// From now on it is known which side computes a column: the right what is left of an
    /// expression of both, the left what names no table.
    fn settle(&self, planning: &mut Planning<'_>, name: &Ident, rest: Option<&Expr>) {
        let Some(derived) = &self.derived else { return };
        let own = TableSet::one(derived.number);
        let table = planning.semantics.tables.get_mut(derived.number as usize);
        let columns = table.and_then(|table| table.derived_mut()).map(|table| &mut table.columns);
        let column = columns.and_then(|all| all.iter_mut().find(|it| it.name.is(name.as_str())));
        let Some(column) = column else { return };
        match rest {
            Some(rest) => column.exprs = vec![rest.clone()],
            None => column.place = Some(self.tables.without(own)),
        }
    }

    /// What the right is told, as a column of the left: one more, unless a derived table would give
    /// two of one name.
    fn told(&mut self, planning: &mut Planning<'_>, expr: &Expr) -> Result<Expr, PlanError> {
        let known = match &self.derived {
            Some(_) => self.left.columns.iter().position(|known| same(&known.expr, expr)),
            None => None,
        };
        let name = match known {
            Some(at) => self.left.names[at].clone(),
            None => {
                let column = Column::new(expr.clone(), None);
                let name = column.name();
                self.register(planning, &name, expr)?;
                self.left.add(column, name.clone());
                name
            }
        };
        Ok(self.derived.as_ref().map_or_else(|| expr.clone(), |derived| column_of(derived, name)))
    }

    /// The left columns of the join's predicates, which are inside of the derived table, become
    /// columns of it.
    fn expose(
        &mut self,
        planning: &mut Planning<'_>,
        join: &mut ApplyJoin,
    ) -> Result<(), PlanError> {
        let Some(derived) = self.derived.clone() else { return Ok(()) };
        for predicate in &mut join.predicates {
            for (_, expr) in &mut predicate.left {
                let known = self.left.columns.iter().position(|known| same(&known.expr, expr));
                let name = match known {
                    Some(at) => self.left.names[at].clone(),
                    None => hidden_name(planning, expr),
                };
                if known.is_none() {
                    self.register(planning, &name, expr)?;
                    let column = Column::new(expr.clone(), Some(name.clone()));
                    self.left.add(column, name.clone());
                }
                *expr = column_of(&derived, name);
            }
        }
        Ok(())
    }

    /// A column of the derived table that the statement does not know.
    fn register(
        &self,
        planning: &mut Planning<'_>,
        name: &Ident,
        expr: &Expr,
    ) -> Result<(), PlanError> {
        let Some(derived) = &self.derived else { return Ok(()) };
        let table = planning.semantics.tables.get_mut(derived.number as usize);
        let table = table.and_then(|table| table.derived_mut());
        let table = table.ok_or_else(|| PlanError::bug(&derived.alias.0))?;
        match table.column(name.as_str()).and_then(|known| known.exprs.first()) {
            Some(known) if same(known, expr) => Ok(()),
            Some(_) => {
                let text = format!("two columns {name} in the derived table {}", derived.alias);
                Err(PlanError::unsupported(text))
            }
            None => {
                table.columns.push(DerivedColumn::new(name.clone(), vec![expr.clone()]));
                Ok(())
            }
        }
    }
}

fn column_of(derived: &Derived, name: Ident) -> Expr {
    let table = TableName { qualifier: None, name: derived.alias.clone() };
    Expr::Bound(ColumnName { table: Some(table), name }, derived.number)
}
