//! From a SELECT's text to its plan: what each name means in each clause, and where each condition
//! is tested.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::sync::Arc;

use crate::eval::{ColumnKind, Program, Scope};
use crate::mysql::error;
use crate::mysql::execution::Run;
use crate::sql::ast::{Aggregate, ColumnName, Expr, Literal, Select, SelectItem};
use crate::sql::walk::children_mut;
use crate::sql_error::SqlError;

use super::grouping;
use super::join::From;
use super::plan::{Plan, Step, column_name, conjuncts, expression_column, starred, table_column};
use super::scope::{Context, TableScope, full_name};
use super::visit::has_aggregate;

/// An item of the SELECT list as ORDER BY, GROUP BY and HAVING may name it.
#[derive(Clone, Debug)]
pub struct Item {
    /// Its alias, or the column that it is.
    pub name: Option<Arc<str>>,
    pub aliased: bool,
    pub expr: Expr,
}

impl Run {
    pub fn plan(
        &self,
        select: &Select,
        from: &From,
        base: usize,
        outer: Option<&Context>,
        aggregates: &RefCell<Vec<(Aggregate, ColumnKind)>>,
    ) -> Result<Plan, SqlError> {
        let used = RefCell::new(BTreeSet::new());
        let scope = |clause: &'static str| {
            let scope = TableScope::new(&from.tables, clause).with(&from.subqueries);
            scope.within(outer).seeing(&from.visible)
        };
        let compile = |expr: &Expr, clause: &'static str, aggregated: bool| {
            let mut scope = scope(clause);
            scope.aggregates = aggregated.then_some(aggregates);
            let program = Program::compile(expr, &scope);
            used.borrow_mut().extend(scope.used.into_inner());
            program
        };
        let mut plan = Plan::default();
        let mut items: Vec<Item> = Vec::new();
        for item in &select.items {
            match item {
                SelectItem::Star(_) if from.tables.is_empty() => {
                    return Err(SqlError::new(1096, "HY000", "No tables used"));
                }
                SelectItem::Star(table) => {
                    for (number, at) in starred(from, table.as_ref())? {
                        let table = &from.tables[number];
                        plan.columns.push(table_column(table, at, None));
                        let column = column_name(table, at);
                        let name = Some(column.name.0.clone());
                        let expr = Expr::Column(column);
                        plan.items.push(compile(&expr, "field list", false)?);
                        items.push(Item { name, aliased: false, expr });
                    }
                }
                SelectItem::Expr { expr, alias } => {
                    let program = compile(expr, "field list", true)?;
                    let name = alias.as_ref().map(|alias| &*alias.0);
                    let found = match expr {
                        Expr::Column(column) => scope("field list").find(column).ok(),
                        _ => None,
                    };
                    plan.columns.push(match (expr, found) {
                        (Expr::Column(column), Some((number, at))) => {
                            let name = name.unwrap_or(column.name.as_str());
                            table_column(&from.tables[number], at, Some(name))
                        }
                        (Expr::Column(column), None) => {
                            let name = name.unwrap_or(column.name.as_str());
                            expression_column(expr, Some(name), program.kind())
                        }
                        _ => expression_column(expr, name, program.kind()),
                    });
                    plan.items.push(program);
                    let own = match expr {
                        Expr::Column(column) => Some(column.name.0.clone()),
                        _ => None,
                    };
                    let aliased = alias.is_some();
                    let name = alias.as_ref().map(|alias| alias.0.clone()).or(own);
                    items.push(Item { name, aliased, expr: expr.clone() });
                }
                SelectItem::Next(_) => return Err(SqlError::not_supported("NEXT VALUES")),
            }
        }
        let names = Names { items: &items, from };
        self.plan_conditions(select, from, base, outer, &mut plan, &used)?;
        let mut groups = Vec::new();
        for expr in &select.group_by {
            let expr = names.group(expr)?;
            if has_aggregate(&expr) {
                return Err(names.group_of_aggregate(&expr, select));
            }
            plan.groups.push(compile(&expr, "group statement", false)?);
            groups.push(expr);
        }
        let mut having_expr = None;
        if let Some(having) = &select.having {
            let having = names.having(having, &groups, outer)?;
            plan.having = Some(compile(&having, "having clause", true)?);
            having_expr = Some(having);
        }
        let mut order_exprs = Vec::new();
        for order in &select.order_by {
            let expr = names.order(&order.expr)?;
            let program = compile(&expr, "order clause", true)?;
            plan.order.push((program, order.descending));
            plan.order_columns.push(match &expr {
                Expr::Column(column) => scope("order clause").find(column).ok(),
                _ => None,
            });
            order_exprs.push(expr);
        }
        if self.session(|session| session.has_mode("ONLY_FULL_GROUP_BY"))? {
            let grouped = !select.group_by.is_empty() || !aggregates.borrow().is_empty();
            let facts = grouping::Query {
                from,
                items: items.iter().map(|item| &item.expr).collect(),
                groups: &groups,
                having: having_expr.as_ref(),
                order: &order_exprs,
                terms: &plan.terms,
                explicit: !select.group_by.is_empty(),
            };
            if grouped {
                facts.check_grouped()?;
            } else if select.distinct {
                facts.check_distinct()?;
            }
        }
        plan.used.extend(used.into_inner());
        Ok(plan)
    }

    /// Each condition is tested as soon as all of its tables are there, and the nests that it is
    /// outside of are closed.
    fn plan_conditions(
        &self,
        select: &Select,
        from: &From,
        base: usize,
        outer: Option<&Context>,
        plan: &mut Plan,
        used: &RefCell<BTreeSet<usize>>,
    ) -> Result<(), SqlError> {
        let mut tests: Vec<(usize, Option<usize>, Program)> = Vec::new();
        let mut add = |term: &Expr, scope: TableScope<'_>, owner: Option<usize>| {
            let program = Program::compile(term, &scope)?;
            let own = scope.used.into_inner();
            let depth = depth_of(from, base, &own, owner);
            used.borrow_mut().extend(own);
            tests.push((depth, owner, program));
            plan.terms.push((term.clone(), owner));
            Ok::<(), SqlError>(())
        };
        // WHERE is looked at before ON.
        if !from.ons.is_empty() {
            for term in select.filter.iter().flat_map(conjuncts) {
                let scope = TableScope::new(&from.tables, "where clause").with(&from.subqueries);
                Program::compile(term, &scope.within(outer).seeing(&from.visible))?;
            }
        }
        for on in &from.ons {
            for term in conjuncts(&on.expr) {
                let tables = &from.tables[on.first..on.end];
                let first = on.first;
                let visible: Vec<_> = on
                    .visible
                    .iter()
                    .map(|own| super::scope::Visible { table: own.table - first, ..own.clone() })
                    .collect();
                let scope = TableScope::new(tables, "on clause").with(&from.subqueries);
                add(term, scope.within(outer).seeing(&visible), on.owner)?;
            }
        }
        for term in select.filter.iter().flat_map(conjuncts) {
            let scope = TableScope::new(&from.tables, "where clause").with(&from.subqueries);
            add(term, scope.within(outer).seeing(&from.visible), None)?;
        }
        plan.steps = (0..from.tables.len().max(1)).map(|_| Vec::new()).collect();
        for depth in 0..plan.steps.len() {
            let closing: Vec<usize> =
                (0..from.nests.len()).filter(|nest| from.nests[*nest].last == depth).collect();
            for nest in closing {
                take_steps(&mut tests, &mut plan.steps[depth], |test| {
                    test.0 == depth && test.1 == Some(nest)
                });
                plan.steps[depth].push(Step::Close(nest));
            }
            take_steps(&mut tests, &mut plan.steps[depth], |test| test.0 == depth);
        }
        Ok(())
    }
}

fn take_steps(
    tests: &mut Vec<(usize, Option<usize>, Program)>,
    steps: &mut Vec<Step>,
    wanted: impl Fn(&(usize, Option<usize>, Program)) -> bool,
) {
    let mut left = Vec::new();
    for test in tests.drain(..) {
        if wanted(&test) { steps.push(Step::Test(test.2)) } else { left.push(test) }
    }
    *tests = left;
}

/// The table at which a condition over these offsets can be tested.
fn depth_of(from: &From, base: usize, used: &BTreeSet<usize>, owner: Option<usize>) -> usize {
    let last = used.iter().next_back().filter(|offset| base <= **offset);
    let of_offset =
        |offset: usize| from.tables.iter().rposition(|table| table.offset <= offset).unwrap_or(0);
    let mut depth = last.map_or(0, |offset| of_offset(*offset));
    if let Some(owner) = owner {
        depth = depth.max(from.nests[owner].first);
    }
    // Only once a nest is closed is it known whether its tables are NULL.
    for (number, nest) in from.nests.iter().enumerate() {
        if nest.first <= depth && depth < nest.last && from.is_outside(owner, number) {
            depth = nest.last;
        }
    }
    depth
}

/// What ORDER BY, GROUP BY and HAVING call the items of the SELECT list.
struct Names<'a> {
    items: &'a [Item],
    from: &'a From,
}

impl Names<'_> {
    fn is_column(&self, column: &ColumnName, clause: &'static str) -> bool {
        let scope = TableScope::new(&self.from.tables, clause).seeing(&self.from.visible);
        scope.find(column).is_ok()
    }

    /// The item that a name means; 1052 where it means two different ones.
    fn item(&self, column: &ColumnName, clause: &'static str) -> Result<Option<&Item>, SqlError> {
        let mut found: Option<&Item> = None;
        for item in self.items {
            let named = match (&column.table, &item.expr) {
                (None, _) => item.name.as_ref().is_some_and(|name| column.name.is(name)),
                (Some(table), Expr::Column(own)) => {
                    let same = own.table.as_ref().is_none_or(|own| own.name == table.name);
                    same && column.name.is(own.name.as_str())
                }
                _ => false,
            };
            if !named {
                continue;
            }
            match found {
                Some(other) if !self.same(&other.expr, &item.expr) => {
                    // An alias goes before a column of that name.
                    if other.aliased == item.aliased {
                        return Err(error::ambiguous_column(&full_name(column), clause));
                    }
                    if item.aliased {
                        found = Some(item);
                    }
                }
                Some(_) => {}
                None => found = Some(item),
            }
        }
        Ok(found)
    }

    fn same(&self, left: &Expr, right: &Expr) -> bool {
        match (left, right) {
            (Expr::Column(a), Expr::Column(b)) => {
                let scope =
                    TableScope::new(&self.from.tables, "field list").seeing(&self.from.visible);
                matches!((scope.find(a), scope.find(b)), (Ok(a), Ok(b)) if a == b)
            }
            _ => left == right,
        }
    }

    fn position(&self, digits: &str, clause: &'static str) -> Result<Expr, SqlError> {
        let place = digits.parse::<usize>().ok().and_then(|place| place.checked_sub(1));
        let item = place.and_then(|place| self.items.get(place));
        let item = item.ok_or_else(|| SqlError::unknown_column(digits, clause))?;
        Ok(item.expr.clone())
    }

    fn group(&self, expr: &Expr) -> Result<Expr, SqlError> {
        match expr {
            Expr::Literal(Literal::Integer(digits)) => {
                let expr = self.position(digits, "group statement")?;
                if has_aggregate(&expr) {
                    return Err(cannot_group(&self.shown(&expr)));
                }
                Ok(expr)
            }
            Expr::Column(column) if !self.is_column(column, "group statement") => {
                match self.item(column, "group statement")? {
                    Some(item) if has_aggregate(&item.expr) => {
                        Err(cannot_group(column.name.as_str()))
                    }
                    Some(item) => Ok(item.expr.clone()),
                    None => Ok(expr.clone()),
                }
            }
            other => Ok(self.aliases_inside(other)),
        }
    }

    fn group_of_aggregate(&self, _expr: &Expr, _select: &Select) -> SqlError {
        SqlError::new(1111, "HY000", "Invalid use of group function")
    }

    fn shown(&self, expr: &Expr) -> String {
        let item = self.items.iter().find(|item| item.expr == *expr && item.aliased);
        match item.and_then(|item| item.name.clone()) {
            Some(name) => name.to_string(),
            None => expr.to_string(),
        }
    }

    fn order(&self, expr: &Expr) -> Result<Expr, SqlError> {
        match expr {
            Expr::Literal(Literal::Integer(digits)) => self.position(digits, "order clause"),
            Expr::Column(column) => match self.item(column, "order clause")? {
                Some(item) => Ok(item.expr.clone()),
                None => Ok(expr.clone()),
            },
            other => Ok(self.aliases_inside(other)),
        }
    }

    /// Inside of an expression a column goes before an alias.
    fn aliases_inside(&self, expr: &Expr) -> Expr {
        let mut expr = expr.clone();
        self.replace_aliases(&mut expr);
        expr
    }

    fn replace_aliases(&self, expr: &mut Expr) {
        if let Expr::Column(column) = expr {
            if column.table.is_none()
                && !self.is_column(column, "order clause")
                && let Ok(Some(item)) = self.item(column, "order clause")
            {
                *expr = item.expr.clone();
            }
            return;
        }
        children_mut(expr).into_iter().for_each(|child| self.replace_aliases(child));
    }

    /// HAVING knows the items and what is grouped by, and columns only inside of aggregates.
    fn having(
        &self,
        expr: &Expr,
        groups: &[Expr],
        outer: Option<&Context>,
    ) -> Result<Expr, SqlError> {
        let mut expr = expr.clone();
        self.replace_having(&mut expr, groups, outer)?;
        Ok(expr)
    }

    fn replace_having(
        &self,
        expr: &mut Expr,
        groups: &[Expr],
        outer: Option<&Context>,
    ) -> Result<(), SqlError> {
        match expr {
            Expr::Aggregate(_) => Ok(()),
            Expr::Column(column) => {
                let grouped = |group: &&Expr| self.same(group, &Expr::Column(column.clone()));
                if groups.iter().any(|group| grouped(&group)) {
                    return Ok(());
                }
                if let Some(item) = self.item(column, "having clause")? {
                    *expr = item.expr.clone();
                    return Ok(());
                }
                let elsewhere = outer.is_some_and(|outer| {
                    let scope = TableScope::new(&[], "having clause").within(Some(outer));
                    !self.is_column(column, "having clause") && scope.resolve(column).is_ok()
                });
                match elsewhere {
                    true => Ok(()),
                    false => Err(SqlError::unknown_column(&full_name(column), "having clause")),
                }
            }
            other => {
                for child in children_mut(other) {
                    self.replace_having(child, groups, outer)?;
                }
                Ok(())
            }
        }
    }
}

fn cannot_group(name: &str) -> SqlError {
    SqlError::new(1056, "42000", format!("Can't group on '{name}'"))
}
