//! Values of vindex columns, as the judge compares them.
//!
//! A lookup finds an entry under the equality of its own table: the collations of the from columns.
//! So a value here is those columns' sort keys, and an owner's value is brought under the same
//! collations, whatever its own column says. Several columns compare as a tuple. A NULL in any
//! column is no value: nothing can be looked up by it.
//!
//! It knows nothing of which rows have a value.

use std::rc::Rc;

use sim::collation::Collation;
use sim::mysql::schema;
use sim::value::Value;

use crate::key::{Destination, KeyspaceId};
use crate::vindex::{self, Kind, Vindex};

/// A tuple of values: equal where the lookup table's collations say so.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct ValueKey(Rc<[u8]>);

impl ValueKey {
    /// None where a value is NULL.
    pub fn new(values: &[Value], collations: &[Collation]) -> Option<ValueKey> {
        let mut bytes = Vec::new();
        for (i, value) in values.iter().enumerate() {
            let collation = collations.get(i).copied().unwrap_or(Collation::Binary);
            push(&mut bytes, &collation.sort_key(&wire(value)?));
        }
        Some(ValueKey(bytes.into()))
    }
}

/// A zero byte becomes 0 ff, the end is 0 0: tuples do not run into each other.
fn push(bytes: &mut Vec<u8>, part: &[u8]) {
    for byte in part {
        bytes.push(*byte);
        if *byte == 0 {
            bytes.push(0xff);
        }
    }
    bytes.extend([0, 0]);
}

/// The value's text, one for all values that are equal as numbers.
fn wire(value: &Value) -> Option<Vec<u8>> {
    match value {
        Value::Decimal(decimal) => Some(decimal.normalized().to_plain_string().into_bytes()),
        other => other.to_wire().map(std::borrow::Cow::into_owned),
    }
}

/// The columns at these places; None where the row is shorter than its table says.
pub fn pick(row: &[Value], columns: &[usize]) -> Option<Vec<Value>> {
    columns.iter().map(|column| row.get(*column).cloned()).collect()
}

/// Where the columns stand in a table; None where it lacks one.
pub fn places(table: &schema::Table, names: &[String]) -> Option<Vec<usize>> {
    names.iter().map(|name| table.column(name)).collect()
}

/// The keyspace id that a functional vindex gives these values; None where it gives none.
pub fn keyspace_id(vindex: &dyn Vindex, values: &[Value]) -> Option<KeyspaceId> {
    let row: Vec<vindex::Value> = values.iter().map(typed).collect();
    match vindex.functional()?.map_one(&row) {
        Ok(Destination::KeyspaceId(id)) => Some(id),
        _ => None,
    }
}

/// The keyspace id that a to column holds.
pub fn stored_keyspace_id(value: &Value) -> Option<KeyspaceId> {
    value.to_wire().map(|bytes| KeyspaceId::new(&bytes))
}

fn typed(value: &Value) -> vindex::Value {
    let kind = match value {
        Value::Null => return vindex::Value::NULL,
        Value::Int(_) => Kind::Int64,
        Value::Uint(_) => Kind::Uint64,
        Value::Decimal(_) => Kind::Decimal,
        Value::Float(_) => Kind::Float64,
        Value::Text(_) => Kind::Varchar,
        Value::Bytes(_) => Kind::Varbinary,
        Value::Date(_) => Kind::Date,
        Value::DateTime(_) => Kind::Datetime,
        Value::Time(_) => Kind::Time,
    };
    vindex::Value::new(kind, value.to_wire().map(|bytes| bytes.into_owned()).unwrap_or_default())
}

/// `'Product_5'`, `5`, `('a', 5)`; bytes that are not text as hexadecimal.
pub fn show(values: &[Value]) -> String {
    let each: Vec<String> = values.iter().map(show_one).collect();
    match each.len() {
        1 => each.concat(),
        _ => format!("({})", each.join(", ")),
    }
}

pub fn show_one(value: &Value) -> String {
    match value {
        Value::Text(text) => format!("'{text}'"),
        Value::Bytes(bytes) => match std::str::from_utf8(bytes) {
            Ok(text) if !text.chars().any(char::is_control) => format!("'{text}'"),
            _ => show_id(&KeyspaceId::new(bytes)),
        },
        other => other.to_string(),
    }
}

/// A keyspace id as MySQL's HEX prints it.
pub fn show_id(id: &KeyspaceId) -> String {
    id.to_string().to_ascii_uppercase()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_compare_as_the_lookup_table_does() {
        let check = |a: &[Value], b: &[Value], collation: Collation, equal: bool| {
            let key = |values: &[Value]| ValueKey::new(values, &[collation, collation]);
            assert_eq!(key(a) == key(b), equal, "{a:?} {b:?} {collation:?}");
        };
        let text = Value::text;
        check(&[text("abc")], &[text("ABC")], Collation::Utf8mb40900AiCi, true);
        check(&[text("abc")], &[text("ABC")], Collation::Binary, false);
        check(&[text("abc")], &[Value::bytes(b"abc")], Collation::Binary, true);
        check(&[Value::Int(5)], &[Value::Uint(5)], Collation::Binary, true);
        check(&[text("a"), text("b")], &[text("ab"), text("")], Collation::Binary, false);
        check(&[text("a\0"), text("")], &[text("a"), text("\0")], Collation::Binary, false);
        assert_eq!(ValueKey::new(&[text("a"), Value::Null], &[]), None);
    }

    #[test]
    fn values_print_as_sql() {
        let check = |values: &[Value], expected: &str| assert_eq!(show(values), expected);
        check(&[Value::text("Product_5")], "'Product_5'");
        check(&[Value::Int(5)], "5");
        check(&[Value::bytes(b"a"), Value::Int(1)], "('a', 1)");
        check(&[Value::bytes(&[0x16, 0x6b, 1])], "166B01");
    }
}
