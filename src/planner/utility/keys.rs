//! `vexplain keys`: which columns a statement compares, joins, groups and selects by.
//!
//! ```text
//!   select a.x from a join b on a.id = b.a_id where a.y > 3 group by a.x
//!     filterColumns a.y gt    joinColumns a.id =, b.a_id =    groupingColumns a.x    ..
//! ```
//!
//! Only columns whose table is known count, under the table's real name. See
//! `operators/keys.go`. It knows nothing of plans.

use serde_json::{Map, Value as Json, json};
use sim::sql::ast::{CompareOp, Expr, Query, Select, SelectItem, Statement, TableExpr, TableName};

use crate::planner::primitive::Plan;
use crate::planner::semantics::Semantics;
use crate::planner::semantics::analyse::analyse;
use crate::planner::walk::{self, EachExpr, Visit};
use crate::planner::{Context, PlanError, normalize};

/// What the statement of a plan does with which columns, as JSON.
pub fn of(text: &str, plan: &Plan, context: &Context<'_>) -> Result<String, PlanError> {
    let mut usage = Usage::default();
    if let Ok(mut statement) = sim::sql::parse(text) {
        normalize::normalize(&mut statement, context)?;
        let semantics = analyse(&mut statement, context)?;
        let mut found = Found { semantics: &semantics, usage: &mut usage };
        found.statement(&statement);
        walk::statement(&statement, &mut found);
    }
    Ok(crate::planner::json::indented(&usage.json(plan.query_type.name())))
}

/// A column and, where it is compared, how.
type Use = (String, &'static str);

#[derive(Default)]
struct Usage {
    grouped: Vec<Use>,
    joined: Vec<Use>,
    filtered: Vec<Use>,
    selected: Vec<Use>,
    join_predicates: Vec<(String, &'static str, String)>,
}

impl Usage {
    fn json(self, statement_type: &str) -> Json {
        let mut object = Map::new();
        object.insert("statementType".into(), json!(statement_type));
        let mut add = |key: &str, uses: Vec<Use>| {
            let uses = sorted(uses);
            if !uses.is_empty() {
                object.insert(key.into(), json!(uses));
            }
        };
        add("groupingColumns", self.grouped);
        add("joinColumns", self.joined);
        add("filterColumns", self.filtered);
        add("selectColumns", self.selected);
        let mut predicates: Vec<String> = Vec::new();
        for (left, op, right) in &self.join_predicates {
            let turned = format!("{right} {op} {left}");
            let text = format!("{left} {op} {right}");
            if !predicates.contains(&text) && !predicates.contains(&turned) {
                predicates.push(text);
            }
        }
        if !predicates.is_empty() {
            object.insert("joinPredicates".into(), json!(predicates));
        }
        Json::Object(object)
    }
}

/// By column, neighbours that are equal once.
fn sorted(mut uses: Vec<Use>) -> Vec<String> {
    uses.sort_by(|left, right| left.0.cmp(&right.0));
    uses.dedup();
    let text = |(column, op): Use| match op {
        "" => column,
        op => format!("{column} {op}"),
    };
    uses.into_iter().map(text).collect()
}

struct Found<'a> {
    semantics: &'a Semantics,
    usage: &'a mut Usage,
}

impl Visit for Found<'_> {
    fn query(&mut self, query: &Query) -> bool {
        if let Query::Select(select) = query {
            self.select(select);
        }
        true
    }

    fn table(&mut self, table: &TableExpr) -> bool {
        if let TableExpr::Join(join) = table {
            join.on.iter().for_each(|on| self.predicate(on));
        }
        true
    }
}

impl Found<'_> {
    fn statement(&mut self, statement: &Statement) {
        match statement {
            Statement::Update(update) => update.filter.iter().for_each(|f| self.predicate(f)),
            Statement::Delete(delete) => delete.filter.iter().for_each(|f| self.predicate(f)),
            _ => {}
        }
    }

    fn select(&mut self, select: &Select) {
        select.filter.iter().for_each(|filter| self.predicate(filter));
        select.having.iter().for_each(|having| self.predicate(having));
        for group in &select.group_by {
            self.usage.grouped.extend(self.column(group).map(|column| (column, "")));
        }
        for item in &select.items {
            let SelectItem::Expr { expr, .. } = item else { continue };
            let mut selected = Vec::new();
            let mut each = EachExpr(|expr: &Expr| {
                selected.extend(self.column(expr).map(|column| (column, "")));
            });
            walk::expr(expr, &mut each);
            self.usage.selected.extend(selected);
        }
    }

    fn predicate(&mut self, predicate: &Expr) {
        match predicate {
            Expr::And(terms) => terms.iter().for_each(|term| self.predicate(term)),
            Expr::Compare { op, left, right, .. } => self.comparison(*op, left, right),
            Expr::Between { negated: false, expr, .. } => {
                let column = self.column(expr);
                self.usage.filtered.extend(column.clone().map(|column| (column, "ge")));
                self.usage.filtered.extend(column.map(|column| (column, "le")));
            }
            _ => {}
        }
    }

    fn comparison(&mut self, op: CompareOp, left: &Expr, right: &Expr) {
        let columns = (self.column(left), self.column(right));
        let tables = (self.semantics.tables_of(left), self.semantics.tables_of(right));
        let is_join = is_column(left) && is_column(right) && tables.0 != tables.1;
        if let ((Some(left), Some(right)), true) = (&columns, is_join) {
            self.usage.join_predicates.push((left.clone(), name(op), right.clone()));
        }
        let uses = if is_join { &mut self.usage.joined } else { &mut self.usage.filtered };
        uses.extend(columns.0.map(|column| (column, name(op))));
        if let Some(turned) = turned(op) {
            uses.extend(columns.1.map(|column| (column, name(turned))));
        }
    }

    /// `table.column`; none unless it is a column of a table that is known.
    fn column(&self, expr: &Expr) -> Option<String> {
        let Expr::Bound(column, number) = expr else { return None };
        let real = self.semantics.table(*number).real()?;
        let table = sim::sql::ast::Ident::new(&real.table.name);
        Some(format!("{}.{}", TableName { qualifier: None, name: table }, column.name))
    }
}

fn is_column(expr: &Expr) -> bool {
    matches!(expr, Expr::Bound(..) | Expr::Column(_))
}

fn name(op: CompareOp) -> &'static str {
    match op {
        CompareOp::Equal => "=",
        CompareOp::NotEqual => "ne",
        CompareOp::Less => "lt",
        CompareOp::Greater => "gt",
        CompareOp::LessEqual => "le",
        CompareOp::GreaterEqual => "ge",
        CompareOp::NullSafeEqual => "<=>",
        CompareOp::In => "in",
        CompareOp::NotIn => "not in",
        CompareOp::Like => "like",
        CompareOp::NotLike => "not like",
        CompareOp::Regexp => "regexp",
        CompareOp::NotRegexp => "not regexp",
    }
}

/// The operator with its sides exchanged; none for those that have no such form.
fn turned(op: CompareOp) -> Option<CompareOp> {
    Some(match op {
        CompareOp::Less => CompareOp::Greater,
        CompareOp::Greater => CompareOp::Less,
        CompareOp::LessEqual => CompareOp::GreaterEqual,
        CompareOp::GreaterEqual => CompareOp::LessEqual,
        CompareOp::Equal | CompareOp::NotEqual | CompareOp::NullSafeEqual => op,
        _ => return None,
    })
}
