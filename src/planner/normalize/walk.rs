//! The walk over a statement: every expression once, its parts first, subqueries like the rest.
//!
//! It knows nothing of what a rewrite is for.

use std::sync::Arc;

use sim::sql::ast::{
    Comments, CompareOp, Delete, Expr, Function, Ident, Insert, InsertSource, Literal, OrderBy,
    PrepareSource, Query, Select, SelectItem, Show, ShowFilter, Statement, Table, TableExpr,
    Update, Variable, VariableScope, With,
};
use sim::sql::walk::children_mut;

use super::{Normalized, hint, rewrite, variable};
use crate::key::Code;
use crate::planner::walk::EachExpr;
use crate::planner::{Context, PlanError};

/// The walk's state.
pub struct Normalizer<'a> {
    context: &'a Context<'a>,
    normalized: Normalized,
    /// How often something was rewritten that shows in a column's name.
    rewrites: usize,
    database_is_variable: bool,
    foreign_key_checks: Option<bool>,
}

type Walked = Result<(), PlanError>;

/// What stands around an expression.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Place {
    /// A side of IN, where a value becomes a list of one.
    List,
    Elsewhere,
}

impl<'a> Normalizer<'a> {
    pub fn new(statement: &Statement, context: &'a Context<'a>) -> Normalizer<'a> {
        let database_is_variable = match statement {
            Statement::Query(Query::Select(select)) => rewrite::reads_no_table(select),
            _ => false,
        };
        Normalizer {
            context,
            normalized: Normalized::default(),
            rewrites: 0,
            database_is_variable,
            foreign_key_checks: hint::foreign_key_checks(statement, context.environment),
        }
    }

    pub fn finish(self) -> Normalized {
        self.normalized
    }

    pub fn statement(&mut self, statement: &mut Statement) -> Walked {
        // The session's scope is the one that is never said.
        if !matches!(statement, Statement::Set(_)) {
            let mut unsaid = EachExpr(|expr: &mut Expr| {
                if let Expr::Variable(Variable::System { scope, .. }) = expr {
                    scope.take_if(|scope| *scope == VariableScope::Session);
                }
            });
            crate::planner::walk::statement_mut(statement, &mut unsaid);
        }
        match statement {
            Statement::Query(query) => self.query(query),
            Statement::Insert(insert) => self.insert(insert),
            Statement::Update(update) => self.update(update),
            Statement::Delete(delete) => self.delete(delete),
            Statement::Set(assignments) => assignments.iter_mut().try_for_each(|assignment| {
                if let Variable::System { scope: scope @ None, .. } = &mut assignment.variable {
                    *scope = Some(VariableScope::Session);
                }
                self.expr(&mut assignment.value)
            }),
            Statement::Call { args, .. } => self.exprs(args),
            Statement::Explain(explain) => self.statement(&mut explain.statement),
            Statement::CreateView(view) | Statement::AlterView(view) => self.query(&mut view.query),
            Statement::Show(Show { filter: Some(ShowFilter::Where(filter)), .. }) => {
                self.expr(filter)
            }
            Statement::Prepare { source: PrepareSource::Text(_), .. } => Ok(()),
            _ => Ok(()),
        }
    }

    // ------------------------------------------------------------ data changes

    fn insert(&mut self, insert: &mut Insert) -> Walked {
        self.qualify(&mut insert.table);
        match &mut insert.source {
            InsertSource::Values(rows) => rows.iter_mut().try_for_each(|row| self.exprs(row))?,
            InsertSource::Query(query) => self.query(query)?,
        }
        insert.on_duplicate.iter_mut().try_for_each(|item| self.expr(&mut item.value))?;
        self.comment(&mut insert.comments);
        Ok(())
    }

    fn update(&mut self, update: &mut Update) -> Walked {
        self.with(update.with.as_mut())?;
        self.tables(&mut update.tables)?;
        update.set.iter_mut().try_for_each(|item| self.expr(&mut item.value))?;
        self.maybe(update.filter.as_mut())?;
        self.order_by(&mut update.order_by)?;
        self.comment(&mut update.comments);
        Ok(())
    }

    fn delete(&mut self, delete: &mut Delete) -> Walked {
        self.with(delete.with.as_mut())?;
        self.tables(&mut delete.tables)?;
        self.maybe(delete.filter.as_mut())?;
        self.order_by(&mut delete.order_by)?;
        self.comment(&mut delete.comments);
        Ok(())
    }

    fn comment(&mut self, comments: &mut Comments) {
        if let Some(checks) = self.foreign_key_checks {
            hint::set_foreign_key_checks(comments, checks);
        }
    }

    // ------------------------------------------------------------ queries

    fn query(&mut self, query: &mut Query) -> Walked {
        match query {
            Query::Select(select) => self.select(select),
            Query::Union(union) => {
                self.with(union.with.as_mut())?;
                self.query(&mut union.left)?;
                self.query(&mut union.right)?;
                self.order_by(&mut union.order_by)
            }
            Query::Values(values) => {
                self.with(values.with.as_mut())?;
                values.rows.iter_mut().try_for_each(|row| self.exprs(row))?;
                self.order_by(&mut values.order_by)
            }
        }
    }

    fn with(&mut self, with: Option<&mut With>) -> Walked {
        let tables = with.into_iter().flat_map(|with| &mut with.tables);
        tables.into_iter().try_for_each(|table| self.query(&mut table.query))
    }

    fn select(&mut self, select: &mut Select) -> Walked {
        self.with(select.with.as_mut())?;
        self.tables(&mut select.from)?;
        select.items.iter_mut().try_for_each(|item| self.item(item))?;
        self.maybe(select.filter.as_mut())?;
        self.exprs(&mut select.group_by)?;
        self.maybe(select.having.as_mut())?;
        for (_, window) in &mut select.windows {
            self.exprs(&mut window.partition_by)?;
            self.order_by(&mut window.order_by)?;
        }
        self.order_by(&mut select.order_by)?;
        if let Some(limit) = &mut select.limit {
            self.maybe(limit.offset.as_mut())?;
            self.expr(&mut limit.count)?;
        }
        self.comment(&mut select.comments);
        Ok(())
    }

    fn item(&mut self, item: &mut SelectItem) -> Walked {
        match item {
            SelectItem::Star(_) => Ok(()),
            SelectItem::Next(expr) | SelectItem::Expr { expr, alias: Some(_) } => self.expr(expr),
            SelectItem::Expr { expr, alias } => {
                let before = self.rewrites;
                let text = expr.to_string();
                self.expr(expr)?;
                if before < self.rewrites {
                    *alias = Some(Ident::new(&text));
                }
                Ok(())
            }
        }
    }

    fn tables(&mut self, tables: &mut [TableExpr]) -> Walked {
        tables.iter_mut().try_for_each(|table| self.table(table))
    }

    fn table(&mut self, table: &mut TableExpr) -> Walked {
        match table {
            TableExpr::Table(named) => {
                self.qualify(&mut named.name);
                if let Some(derived) = self.view(named) {
                    *table = derived;
                }
                Ok(())
            }
            TableExpr::Derived { query, .. } => self.query(query),
            TableExpr::Join(join) => {
                self.table(&mut join.left)?;
                self.table(&mut join.right)?;
                self.maybe(join.on.as_mut())
            }
            TableExpr::Parens(list) => self.tables(list),
            TableExpr::Bound(inner, _) => self.table(inner),
            TableExpr::JsonTable { .. } => Ok(()),
        }
    }

    /// In a system schema a name without one is the system's.
    fn qualify(&mut self, name: &mut sim::sql::ast::TableName) {
        if let Some(schema) = self.context.keyspace.filter(|name| is_system_schema(name))
            && name.qualifier.is_none()
            && !rewrite::is_dual(name)
        {
            name.qualifier = Some(Ident::new(schema));
        }
    }

    /// A view is the table of its select.
    fn view(&self, table: &Table) -> Option<TableExpr> {
        let qualifier = table.name.qualifier.as_ref().map(Ident::as_str);
        let keyspace = qualifier.or(self.context.keyspace).unwrap_or("");
        let (_, text) = self.context.vschema.find_view(keyspace, table.name.name.as_str())?;
        let Ok(Statement::Query(query)) = sim::sql::parse(text) else { return None };
        let alias = table.alias.clone().unwrap_or_else(|| table.name.name.clone());
        Some(TableExpr::Derived { lateral: false, query, alias, columns: Vec::new() })
    }

    fn order_by(&mut self, orders: &mut [OrderBy]) -> Walked {
        orders.iter_mut().try_for_each(|order| self.expr(&mut order.expr))
    }

    // ------------------------------------------------------------ expressions

    fn exprs(&mut self, exprs: &mut [Expr]) -> Walked {
        exprs.iter_mut().try_for_each(|expr| self.expr(expr))
    }

    fn maybe(&mut self, expr: Option<&mut Expr>) -> Walked {
        expr.map_or(Ok(()), |expr| self.expr(expr))
    }

    fn expr(&mut self, expr: &mut Expr) -> Walked {
        self.expr_at(expr, Place::Elsewhere)
    }

    fn expr_at(&mut self, expr: &mut Expr, place: Place) -> Walked {
        let place_of_children = match expr {
            Expr::Assign { .. } => return Err(PlanError::unsupported("Assignment expression")),
            Expr::Compare { op: CompareOp::In | CompareOp::NotIn, .. } => Place::List,
            _ => Place::Elsewhere,
        };
        for child in children_mut(expr) {
            self.expr_at(child, place_of_children)?;
        }
        match expr {
            Expr::Subquery(query) | Expr::Exists(query) | Expr::Quantified { query, .. } => {
                self.query(query)?;
            }
            _ => {}
        }
        self.leave(expr, place)
    }

    fn leave(&mut self, expr: &mut Expr, place: Place) -> Walked {
        let replacement = match expr {
            Expr::Not(inner) => rewrite::not(inner),
            Expr::Exists(query) => match rewrite::exists(query) {
                rewrite::Exists::True => Some(Expr::Literal(Literal::Bool(true))),
                rewrite::Exists::Simpler | rewrite::Exists::AsItIs => None,
            },
            Expr::Subquery(query) => rewrite::wrapped_expression(query).map(|inner| {
                self.rewrites += 1;
                match (place, inner) {
                    (Place::Elsewhere, _) | (_, Expr::Tuple(_) | Expr::Subquery(_)) => {
                        inner.clone()
                    }
                    (Place::List, _) => Expr::Tuple(vec![inner.clone()]),
                }
            }),
            Expr::Aggregate(aggregate) => {
                if aggregate.distinct && rewrite::distinct_is_idle(aggregate.kind) {
                    aggregate.distinct = false;
                    self.rewrites += 1;
                }
                None
            }
            Expr::Function(function) => self.function(function)?,
            Expr::Variable(variable) => self.variable(variable),
            Expr::Binary { op, left, right } => rewrite::of_json(*op, left, right),
            _ => None,
        };
        if let Some(replacement) = replacement {
            *expr = replacement;
        }
        Ok(())
    }

    fn function(&mut self, function: &Function) -> Result<Option<Expr>, PlanError> {
        let name = function.name.as_str().to_ascii_lowercase();
        if name == "last_insert_id" && !function.args.is_empty() {
            self.normalized.sets_last_insert_id = true;
            return Ok(None);
        }
        let found = variable::of_function(&name)
            .filter(|found| *found != variable::DATABASE || self.database_is_variable);
        match found {
            None => Ok(None),
            Some(_) if !function.args.is_empty() => {
                let text = format!("Argument to {name}() not supported");
                Err(PlanError::new(Code::Unimplemented, text))
            }
            Some(found) => Ok(Some(self.bind_variable(found.into()))),
        }
    }

    fn variable(&mut self, variable: &Variable) -> Option<Expr> {
        let name = match variable {
            Variable::User(name) => variable::of_user_variable(name),
            Variable::System {
                scope: None | Some(VariableScope::Session | VariableScope::NextTransaction),
                name,
            } => variable::of_system_variable(name)?,
            Variable::System { .. } => return None,
        };
        Some(self.bind_variable(name))
    }

    fn bind_variable(&mut self, name: Arc<str>) -> Expr {
        self.rewrites += 1;
        self.normalized.variables.insert(name.clone());
        Expr::Argument { name: Ident(name), ty: None }
    }
}

/// Whether a schema is MySQL's own.
pub fn is_system_schema(name: &str) -> bool {
    ["information_schema", "performance_schema", "sys", "mysql"]
        .iter()
        .any(|system| name.eq_ignore_ascii_case(system))
}
