//! Which shards a route reaches for the values that the query gives.
//!
//! A functional vindex maps literals at once; what a bind variable holds or a lookup finds is known
//! only when the query runs. It knows nothing of plans beyond a vindex's name and values.

use std::collections::{BTreeMap, BTreeSet};

use sim::sql::ast::{Expr, Literal, Query, SelectItem, Statement, UnaryOp};

use crate::cli::CommandError;
use crate::key::{Destination, Shard};
use crate::vindex::{Kind, Value, Vindex};

/// The shards of each keyspace that was given some.
#[derive(Clone, Debug, Default)]
pub struct Shards {
    by_keyspace: BTreeMap<String, Vec<Shard>>,
}

impl Shards {
    /// Reads `customer=-80,80-`.
    pub fn parse(texts: &[String]) -> Result<Shards, CommandError> {
        let mut by_keyspace = BTreeMap::new();
        for text in texts {
            let bad = |why: String| {
                CommandError::usage(format!("--shards {text}: {why}"))
                    .hint("name a keyspace and its shards: customer=-80,80-")
            };
            let (keyspace, names) =
                text.split_once('=').ok_or_else(|| bad("no keyspace".to_string()))?;
            let shards: Result<Vec<Shard>, CommandError> = names
                .split(',')
                .map(|name| Shard::parse(name).map_err(|error| bad(error.to_string())))
                .collect();
            by_keyspace.insert(keyspace.to_string(), shards?);
        }
        Ok(Shards { by_keyspace })
    }

    pub fn of(&self, keyspace: &str) -> Option<&[Shard]> {
        self.by_keyspace.get(keyspace).map(Vec::as_slice)
    }
}

/// The shards that values reach: one text a column of the vindex, a tuple for several rows. None
/// where it is not known before the query runs.
pub fn reached(vindex: &dyn Vindex, values: &[&str], shards: &[Shard]) -> Option<Vec<String>> {
    let functional = vindex.functional()?;
    let columns: Option<Vec<Vec<Value>>> = values.iter().map(|text| column(text)).collect();
    let columns = columns?;
    let rows = columns.iter().map(Vec::len).max()?;
    let mut names = BTreeSet::new();
    for at in 0..rows {
        let row: Option<Vec<Value>> =
            columns.iter().map(|column| column.get(at).or(column.first()).cloned()).collect();
        let destination = functional.map_one(&row?).ok()?;
        names.extend(names_of(&destination, shards)?);
    }
    let in_order = shards.iter().filter(|shard| names.contains(shard.name.as_str()));
    Some(in_order.map(|shard| shard.name.clone()).collect())
}

fn names_of(destination: &Destination, shards: &[Shard]) -> Option<Vec<String>> {
    let resolved = destination.resolve(shards, &mut |_| 0).ok()?;
    Some(resolved.into_iter().map(str::to_string).collect())
}

/// The values of one column, as the plan prints them: a literal or a tuple of literals.
fn column(text: &str) -> Option<Vec<Value>> {
    let parsed = sim::sql::parse(&format!("select {text}")).ok()?;
    let Statement::Query(Query::Select(select)) = parsed else { return None };
    let Some(SelectItem::Expr { expr, .. }) = select.items.into_iter().next() else { return None };
    match &expr {
        Expr::Tuple(items) => items.iter().map(value).collect(),
        other => Some(vec![value(other)?]),
    }
}

fn value(expr: &Expr) -> Option<Value> {
    match expr {
        Expr::Literal(Literal::Null) => Some(Value::NULL),
        Expr::Literal(Literal::Integer(digits)) => {
            let kind = if digits.parse::<i64>().is_ok() { Kind::Int64 } else { Kind::Uint64 };
            Some(Value::new(kind, digits.as_bytes()))
        }
        Expr::Literal(Literal::Decimal(text)) => Some(Value::new(Kind::Decimal, text.as_bytes())),
        Expr::Literal(Literal::String(text)) => Some(Value::varchar(text)),
        Expr::Unary { op: UnaryOp::Minus, expr } => {
            let Value { kind, mut bytes } = value(expr)?;
            bytes.insert(0, b'-');
            Some(Value::new(kind, bytes))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::vindex::{Params, Registry};

    #[test]
    fn literals_reach_shards() {
        let all = Shards::parse(&["ks=-80,80-".to_string()]).unwrap();
        let check = |type_name: &str, values: &[&str], expected: Option<&[&str]>| {
            let vindex = Registry::standard().create(type_name, "v", &Params::new()).unwrap();
            let got = reached(&*vindex, values, all.of("ks").unwrap());
            let expected =
                expected.map(|names| names.iter().map(|name| name.to_string()).collect::<Vec<_>>());
            assert_eq!(got, expected, "{type_name} {values:?}");
        };
        check("hash", &["1"], Some(&["-80"]));
        check("hash", &["(4, 1)"], Some(&["-80", "80-"]));
        check("hash", &["-1"], Some(&["-80"]));
        check("hash", &[":id"], None);
        check("hash", &["'x'"], Some(&[]));
        check("binary", &["'a'"], Some(&["-80"]));
        assert!(Shards::parse(&["-80,80-".to_string()]).is_err());
        assert!(Shards::parse(&["ks=-80-90".to_string()]).is_err());
    }
}
