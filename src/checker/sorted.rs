//! Rows come in the order that a SELECT asks for.
//!
//! The counterexample that it exists for. Each shard sorts its own rows, and nobody merges them:
//!
//! ```text
//!   customer/-80   orders 1, 5        customer/80-   order 4
//!   a: select order_id from corder where order_id in (1, 4, 5) order by order_id
//!   a is told      1, 5, 4
//! ```
//!
//! Judged by the first column of ORDER BY, where the answer shows it as the table has it: numbers
//! and text, by the column's collation. NULL comes first.
//!
//! It knows nothing of which rows there are.

use sim::mysql::schema::Table;
use sim::value::{Row, Value};

use crate::checker::statement::{self, Listed};
use crate::checker::value::show;

/// A value as its column sorts it.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
enum Rank {
    Null,
    Number(i128),
    Text(Vec<u8>),
}

/// The first two rows that stand the wrong way round.
pub fn unsorted(listed: &Listed, schema: &Table, rows: &[Row]) -> Option<String> {
    let (name, descends) = listed.order.as_ref()?;
    let column = schema.columns.get(schema.column(name)?)?;
    let is_it = |shown: &str| shown.eq_ignore_ascii_case(name);
    let at = match &listed.columns {
        None => schema.columns.iter().position(|column| is_it(&column.name)),
        Some(columns) => columns.iter().position(|column| is_it(column)),
    }?;
    let rank = |value: &Value| match value {
        Value::Null => Some(Rank::Null),
        Value::Int(number) => Some(Rank::Number((*number).into())),
        Value::Uint(number) => Some(Rank::Number((*number).into())),
        _ => statement::sorted(column, value).map(Rank::Text),
    };
    let ranks: Vec<Rank> =
        rows.iter().map(|row| row.get(at).and_then(rank)).collect::<Option<_>>()?;
    let wrong = ranks.windows(2).position(|pair| match descends {
        true => pair[0] < pair[1],
        false => pair[1] < pair[0],
    })?;
    let (first, second) = (show(&rows[wrong]), show(&rows[wrong + 1]));
    Some(format!("returned {first} before {second}; it asked for the order of {name}"))
}
