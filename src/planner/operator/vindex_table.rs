//! A vindex that is read like a table: `select keyspace_id from hash where id = 1`.
//!
//! vtgate maps the values by itself; no shard is asked. The one condition that it takes is `id =
//! value` or `id in (values)`. See `operators/vindex.go`. It knows nothing of what the vindex maps
//! a value to.

use sim::sql::ast::{CompareOp, Expr, Literal};

use crate::key::Code;
use crate::planner::PlanError;
use crate::planner::semantics::tables::VINDEX_COLUMNS;

#[derive(Clone, Debug)]
pub struct VindexTable {
    pub number: u32,
    pub keyspace: String,
    pub vindex: String,
    /// The value of `id`, once a predicate gave it.
    pub value: Option<Expr>,
    /// The first predicate that is of no use, by what is wrong with it.
    pub refused: Option<&'static str>,
    /// Output columns, by position among the vindex's.
    pub columns: Vec<usize>,
}

impl VindexTable {
    pub fn new(number: u32, keyspace: &str, vindex: &str) -> VindexTable {
        VindexTable {
            number,
            keyspace: keyspace.to_owned(),
            vindex: vindex.to_owned(),
            value: None,
            refused: None,
            columns: Vec::new(),
        }
    }

    /// Takes the value that a predicate gives `id`.
    pub fn learn(&mut self, predicate: &Expr) {
        match value_of_id(predicate) {
            _ if self.value.is_some() => self.refuse("multiple filters"),
            Ok(value) => self.value = Some(value.clone()),
            Err(reason) => self.refuse(reason),
        }
    }

    fn refuse(&mut self, reason: &'static str) {
        self.refused.get_or_insert(reason);
    }

    /// The value, or why there is none.
    pub fn wanted(&self) -> Result<&Expr, PlanError> {
        match (&self.value, self.refused) {
            (Some(value), None) => Ok(value),
            (_, Some(reason)) => Err(bad_condition(reason)),
            (None, None) => Err(bad_condition("where clause missing")),
        }
    }

    /// What its output columns are called.
    pub fn names(&self) -> impl Iterator<Item = &'static str> {
        self.columns.iter().filter_map(|column| VINDEX_COLUMNS.get(*column).copied())
    }

    /// Where it gives a column of its own, by name; the column is added where it is new.
    pub fn offset_of(&mut self, name: &str) -> Option<usize> {
        let of_vindex = VINDEX_COLUMNS.iter().position(|known| known.eq_ignore_ascii_case(name))?;
        Some(match self.columns.iter().position(|column| *column == of_vindex) {
            Some(at) => at,
            None => {
                self.columns.push(of_vindex);
                self.columns.len() - 1
            }
        })
    }
}

fn bad_condition(reason: &str) -> PlanError {
    let text = format!(
        "VT09018: WHERE clause for vindex function must be of the form id = <val> or id in(<val>,...) ({reason})"
    );
    PlanError::new(Code::FailedPrecondition, text)
}

fn value_of_id(predicate: &Expr) -> Result<&Expr, &'static str> {
    let Expr::Compare { op, left, right, .. } = predicate else { return Err("not a comparison") };
    if !matches!(op, CompareOp::Equal | CompareOp::In) {
        return Err("not equality");
    }
    let (Expr::Column(column) | Expr::Bound(column, _)) = &**left else {
        return Err("lhs is not a column");
    };
    if !column.name.is("id") {
        return Err("lhs is not id");
    }
    match is_value(right) {
        true => Ok(right),
        false => Err("rhs is not a value"),
    }
}

fn is_value(expr: &Expr) -> bool {
    match expr {
        Expr::Literal(Literal::Introduced { .. } | Literal::Null | Literal::Bool(_)) => false,
        Expr::Literal(_) | Expr::Argument { .. } | Expr::ListArgument(_) => true,
        Expr::Tuple(items) => items.iter().all(is_value),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use sim::sql::ast::{Query, Statement};

    #[test]
    fn only_values_of_id_are_taken() {
        let check = |text: &str, expected: Result<&str, &str>| {
            let parsed = sim::sql::parse(&format!("select 1 from v where {text}")).unwrap();
            let Statement::Query(Query::Select(select)) = parsed else { panic!("{text}") };
            let mut table = VindexTable::new(0, "ks", "v");
            match select.filter {
                Some(Expr::And(terms)) => terms.iter().for_each(|term| table.learn(term)),
                Some(one) => table.learn(&one),
                None => {}
            }
            let got = table.wanted().map(Expr::to_string).map_err(|error| error.message);
            match (got, expected) {
                (Ok(value), Ok(expected)) => assert_eq!(value, expected, "{text}"),
                (Err(error), Err(reason)) => {
                    assert!(error.ends_with(&format!("({reason})")), "{text}: {error}")
                }
                (got, _) => panic!("{text}: {got:?}"),
            }
        };
        check("id = 1", Ok("1"));
        check("ID in (1, :x)", Ok("(1, :x)"));
        check("id in ::list", Ok("::list"));
        check("id = 1 and id = 2", Err("multiple filters"));
        check("f(id)", Err("not a comparison"));
        check("id > 1", Err("not equality"));
        check("1 = id", Err("lhs is not a column"));
        check("keyspace_id = 1", Err("lhs is not id"));
        check("id = 1 + 1", Err("rhs is not a value"));
        let table = VindexTable::new(0, "ks", "v");
        assert!(table.wanted().unwrap_err().message.ends_with("(where clause missing)"));
    }

    #[test]
    fn columns_are_added_once() {
        let mut table = VindexTable::new(0, "ks", "v");
        assert_eq!(table.offset_of("keyspace_id"), Some(0));
        assert_eq!(table.offset_of("ID"), Some(1));
        assert_eq!(table.offset_of("Keyspace_ID"), Some(0));
        assert_eq!(table.offset_of("nope"), None);
        assert_eq!(table.columns, [1, 0]);
    }
}
