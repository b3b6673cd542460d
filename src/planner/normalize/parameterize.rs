//! Literals become bind variables, so that statements that differ in their values share a plan.
//!
//! ```text
//!   where id = 5 and a in (1, 2)   ->   where id = :id /* INT64 */ and a in ::vtg1
//!   values (1, 'x')                ->   values (:vtg1 /* INT64 */, :vtg2 /* VARCHAR */)
//! ```
//!
//! A literal beside a column takes the column's name; equal literals of a query are one variable.
//! Those of select lists, GROUP BY, HAVING, ORDER BY and of larger expressions stay: their text is
//! a column's name, or has to equal another one's. Vitess replaces most of these as well and keeps
//! the written text beside them. See `go/vt/sqlparser/normalizer.go`.
//!
//! It knows nothing of plans.

use std::collections::BTreeMap;
use std::sync::Arc;

use sim::eval::{Env, NoColumns, Program};
use sim::sql::ast::{
    ArgumentType, CompareOp, Expr, Ident, Insert, InsertSource, Join, Limit, Literal, Query,
    Select, SelectItem, Statement, TableExpr, UpdateItem,
};
use sim::sql::walk::children_mut;
use sim::value::{Bind, Binds};

use crate::planner::planning::Names;

/// Replaces literals by arguments; their values by name.
pub fn parameterize(statement: &mut Statement) -> Binds {
    let mut this = Parameterize {
        names: Names::of(statement),
        next: 1,
        known: BTreeMap::new(),
        lists: Vec::new(),
        suffixes: BTreeMap::new(),
        binds: Binds::new(),
    };
    this.statement(statement);
    this.binds
}

struct Parameterize {
    names: Names,
    /// Number of the next `vtg`.
    next: usize,
    /// Literals that have a name: whether they are texts, and their text.
    known: BTreeMap<(bool, Arc<str>), Arc<str>>,
    lists: Vec<(Vec<Literal>, Arc<str>)>,
    /// By column's name the number to try next.
    suffixes: BTreeMap<String, usize>,
    binds: Binds,
}

impl Parameterize {
    fn statement(&mut self, statement: &mut Statement) {
        match statement {
            Statement::Query(query) => self.query(query),
            Statement::Insert(insert) => self.insert(insert),
            Statement::Update(update) => {
                update.tables.iter_mut().for_each(|table| self.table(table));
                for UpdateItem { column, value } in &mut update.set {
                    let name = compliant(column);
                    self.beside(&name, value);
                }
                self.filter(update.filter.as_mut());
                self.limit(update.limit.as_mut());
            }
            Statement::Delete(delete) => {
                delete.tables.iter_mut().for_each(|table| self.table(table));
                self.filter(delete.filter.as_mut());
                self.limit(delete.limit.as_mut());
            }
            _ => {}
        }
    }

    fn insert(&mut self, insert: &mut Insert) {
        match &mut insert.source {
            InsertSource::Query(query) => self.query(query),
            InsertSource::Values(rows) => {
                rows.iter_mut().flatten().for_each(|value| self.anew(value));
            }
        }
    }

    fn query(&mut self, query: &mut Query) {
        match query {
            Query::Select(select) => self.select(select),
            Query::Union(union) => {
                self.query(&mut union.left);
                self.query(&mut union.right);
                self.limit(union.limit.as_mut());
            }
            Query::Values(_) => {}
        }
    }

    fn select(&mut self, select: &mut Select) {
        for item in &mut select.items {
            // Without an alias its text is the column's name.
            if let SelectItem::Expr { expr, alias: Some(_) } = item {
                self.queries_of(expr);
            }
        }
        select.from.iter_mut().for_each(|table| self.table(table));
        self.filter(select.filter.as_mut());
        self.limit(select.limit.as_mut());
    }

    fn table(&mut self, table: &mut TableExpr) {
        match table {
            TableExpr::Derived { query, .. } => self.query(query),
            TableExpr::Join(join) => {
                let Join { left, right, on, .. } = &mut **join;
                self.table(left);
                self.table(right);
                self.filter(on.as_mut());
            }
            TableExpr::Parens(list) => list.iter_mut().for_each(|inner| self.table(inner)),
            TableExpr::Table(_) | TableExpr::JsonTable { .. } | TableExpr::Bound(..) => {}
        }
    }

    fn filter(&mut self, filter: Option<&mut Expr>) {
        filter.into_iter().for_each(|filter| self.condition(filter));
    }

    fn limit(&mut self, limit: Option<&mut Limit>) {
        let Some(limit) = limit else { return };
        limit.offset.iter_mut().for_each(|value| self.anew(value));
        self.anew(&mut limit.count);
    }

    fn condition(&mut self, condition: &mut Expr) {
        match condition {
            Expr::And(terms) | Expr::Or(terms) => {
                terms.iter_mut().for_each(|term| self.condition(term));
            }
            Expr::Xor(left, right) => {
                self.condition(left);
                self.condition(right);
            }
            Expr::Not(inner) => self.condition(inner),
            Expr::Compare { op: CompareOp::In | CompareOp::NotIn, left, right, .. } => {
                self.list(left, right);
            }
            Expr::Compare { left, right, .. } => match (&**left, &**right) {
                (Expr::Column(column), Expr::Literal(_)) => {
                    let name = compliant(column);
                    self.beside(&name, right);
                }
                (Expr::Literal(_), Expr::Column(_)) => self.shared(left),
                _ => self.queries_of(condition),
            },
            Expr::Between { expr, low, high, .. } if matches!(**expr, Expr::Column(_)) => {
                self.shared(low);
                self.shared(high);
            }
            other => self.queries_of(other),
        }
    }

    /// `in (1, 2)` becomes `in ::vtg1`, if nothing but literals is in it. A list of one plans as
    /// `=` does, and stays a list of one.
    fn list(&mut self, left: &Expr, right: &mut Expr) {
        match right {
            Expr::Tuple(items) if items.len() == 1 => {
                items.iter_mut().for_each(|one| self.shared(one));
            }
            Expr::Tuple(items) if matches!(left, Expr::Column(_)) => {
                let literals = items.iter().map(|item| match item {
                    Expr::Literal(literal) => Some(literal.clone()),
                    _ => None,
                });
                let Some(literals) = literals.collect::<Option<Vec<Literal>>>() else { return };
                let Some(values) = literals.iter().map(bind).collect::<Option<Vec<Bind>>>() else {
                    return;
                };
                let known = self.lists.iter().find(|(known, _)| *known == literals);
                let name = match known {
                    Some((_, name)) => Arc::clone(name),
                    None => {
                        let name = self.fresh();
                        self.lists.push((literals, Arc::clone(&name)));
                        self.binds.insert(Arc::clone(&name), Bind::List(values));
                        name
                    }
                };
                *right = Expr::ListArgument(Ident::new(&name));
            }
            other => self.queries_of(other),
        }
    }

    /// Subqueries anywhere in an expression whose own literals stay.
    fn queries_of(&mut self, expr: &mut Expr) {
        for child in children_mut(expr) {
            self.queries_of(child);
        }
        if let Expr::Subquery(query) | Expr::Exists(query) | Expr::Quantified { query, .. } = expr {
            self.query(query);
        }
    }

    /// A literal beside a column: equal ones share a name, a new one takes the column's.
    fn beside(&mut self, column: &str, value: &mut Expr) {
        self.replace(value, |this, literal| match this.name_of(literal) {
            Some(name) => name,
            None => this.of_column(column),
        });
    }

    fn shared(&mut self, value: &mut Expr) {
        self.replace(value, |this, literal| match this.name_of(literal) {
            Some(name) => name,
            None => this.fresh(),
        });
    }

    fn anew(&mut self, value: &mut Expr) {
        let Expr::Literal(literal) = value else { return };
        let (Some(bind), Some(ty)) = (bind(literal), ty(literal)) else { return };
        let name = self.fresh();
        self.binds.insert(Arc::clone(&name), bind);
        *value = argument(&name, ty);
    }

    fn replace(
        &mut self,
        value: &mut Expr,
        name: impl FnOnce(&mut Parameterize, &Literal) -> Arc<str>,
    ) {
        let Expr::Literal(literal) = value else { return self.queries_of(value) };
        let (Some(bind), Some(ty)) = (bind(literal), ty(literal)) else { return };
        let name = name(self, literal);
        if !self.binds.contains_key(&name) {
            if let Some(key) = key(literal) {
                self.known.insert(key, Arc::clone(&name));
            }
            self.binds.insert(Arc::clone(&name), bind);
        }
        *value = argument(&name, ty);
    }

    fn name_of(&self, literal: &Literal) -> Option<Arc<str>> {
        self.known.get(&key(literal)?).cloned()
    }

    /// The column's name, or the first free one with a number behind it.
    fn of_column(&mut self, column: &str) -> Arc<str> {
        let suffix = self.suffixes.entry(column.to_owned()).or_default();
        loop {
            let wanted = match *suffix {
                0 => column.to_owned(),
                number => format!("{column}{number}"),
            };
            *suffix += 1;
            if self.names.is_free(&wanted) {
                return self.names.reserve(&wanted).into();
            }
        }
    }

    /// The next `vtg1`, `vtg2` .. that the statement does not use.
    fn fresh(&mut self) -> Arc<str> {
        loop {
            let wanted = format!("vtg{}", self.next);
            self.next += 1;
            if self.names.is_free(&wanted) {
                return self.names.reserve(&wanted).into();
            }
        }
    }
}

fn argument(name: &str, ty: &'static str) -> Expr {
    let ty = ArgumentType { name: ty.into(), size: None, scale: None };
    Expr::Argument { name: Ident::new(name), ty: Some(ty) }
}

/// What equal literals share; none for those that stay.
fn key(literal: &Literal) -> Option<(bool, Arc<str>)> {
    match literal {
        Literal::Integer(digits) => Some((false, Arc::clone(digits))),
        Literal::String(text) => Some((true, Arc::clone(text))),
        _ => None,
    }
}

/// The type that a literal has; none for those that stay.
fn ty(literal: &Literal) -> Option<&'static str> {
    Some(match literal {
        Literal::Integer(digits) if digits.parse::<i64>().is_ok() => "INT64",
        Literal::String(_) => "VARCHAR",
        _ => return None,
    })
}

/// The literal's value.
fn bind(literal: &Literal) -> Option<Bind> {
    ty(literal)?;
    let program = Program::compile(&Expr::Literal(literal.clone()), &NoColumns).ok()?;
    let mut env = Env::new(jiff::civil::DateTime::default());
    program.run(&[], &mut env).ok().map(Bind::Value)
}

/// `qualifier_column`.
fn compliant(column: &sim::sql::ast::ColumnName) -> String {
    let text = match &column.table {
        Some(table) => format!("{}_{}", table.name.as_str(), column.name.as_str()),
        None => column.name.as_str().to_owned(),
    };
    let plain = |c: char| if c.is_ascii_alphanumeric() || c == '_' { c } else { '_' };
    text.chars().map(plain).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expected: &str, binds: &str) {
        let mut statement = sim::sql::parse(text).unwrap();
        let values = parameterize(&mut statement);
        assert_eq!(statement.to_string(), expected, "{text}");
        let values: Vec<String> = values
            .iter()
            .map(|(name, bind)| match bind {
                Bind::Value(value) => format!("{name}={value}"),
                Bind::List(list) => format!("{name}={} values", list.len()),
            })
            .collect();
        assert_eq!(values.join(" "), binds, "{text}");
        // Nothing is a literal twice: what comes out stays.
        assert!(parameterize(&mut statement).is_empty(), "{text}");
    }

    #[test]
    fn literals_of_conditions_lists_rows_and_limits_are_replaced() {
        check(
            "select a, 1 from t where t.id = 5 and b = 5 and 7 < c limit 3",
            "select a, 1 from t where t.id = :t_id /* INT64 */ and b = :t_id /* INT64 */ \
             and :vtg1 /* INT64 */ < c limit :vtg2 /* INT64 */",
            "t_id=5 vtg1=7 vtg2=3",
        );
        check(
            "select a from t where a in (1, 'x') or (a in (1, 'x') and not b in (c, 2))",
            "select a from t where a in ::vtg1 or a in ::vtg1 and not b in (c, 2)",
            "vtg1=2 values",
        );
        check(
            "insert into t(a, b) values (1, 'x'), (1, null)",
            "insert into t(a, b) values (:vtg1 /* INT64 */, :vtg2 /* VARCHAR */), \
             (:vtg3 /* INT64 */, null)",
            "vtg1=1 vtg2=x vtg3=1",
        );
        check(
            "update t set a = 4, b = b + 1 where a = 4",
            "update t set a = :a /* INT64 */, b = b + 1 where a = :a /* INT64 */",
            "a=4",
        );
        check(
            "delete from t where a between 1 and 2 and b = :vtg1 and id in (select x from u where y = 1)",
            "delete from t where a between :vtg2 /* INT64 */ and :vtg3 /* INT64 */ and b = :vtg1 \
             and id in (select x from u where y = :vtg2 /* INT64 */)",
            "vtg2=1 vtg3=2",
        );
    }

    #[test]
    fn what_names_a_column_or_has_no_type_stays() {
        for text in [
            "select 1, 'a' from t group by 1 having count(*) > 2 order by 1 asc",
            "select a from t where 1 = 1 and a + 1 = b and x = 1.5 and y = null",
            "set autocommit = 1",
        ] {
            check(text, text, "");
        }
    }
}
