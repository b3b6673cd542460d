//! The statements of a lookup vindex, as text.
//!
//! Table and columns of the lookup are inserted as the vschema has them, never quoted; only the
//! owner's table is printed as an identifier. Statements are Vitess's to the byte: they show in
//! traces, plans and query logs.
//!
//! It knows nothing of values, nor of which list a statement runs in.

use sim::sql::print::printed_name;

use crate::mutant::{self, Mutant};
use crate::vindex::Owner;

/// The fixed statements; an insert depends on its number of rows ([`insert`]).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Statements {
    pub select: String,
    pub verify: String,
    pub delete: String,
    /// Those that settle a duplicate; empty without an owner.
    pub duplicate: DuplicateStatements,
}

/// What a consistent lookup runs when an insert met an entry that exists.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct DuplicateStatements {
    pub lock_lookup: String,
    pub lock_owner: String,
    pub insert: String,
    pub update: String,
}

impl Statements {
    pub fn new(table: &str, from: &[String], to: &str) -> Statements {
        let first = from.first().map_or("", String::as_str);
        let equal_all = all_equal(from);
        Statements {
            select: format!("select {first}, {to} from {table} where {first} in ::{first}"),
            verify: format!(
                "select {first} from {table} where {first} = :{first} and {to} = :{to}"
            ),
            delete: match mutant::is(Mutant::DeleteByValueAlone) {
                true => format!("delete from {table} where {equal_all}"),
                false => format!("delete from {table} where {equal_all} and {to} = :{to}"),
            },
            duplicate: DuplicateStatements::default(),
        }
    }
}

impl DuplicateStatements {
    pub fn new(table: &str, from: &[String], to: &str, owner: &Owner) -> DuplicateStatements {
        let equal_all = all_equal(from);
        let columns = from.join(", ");
        let binds: Vec<String> = from.iter().map(|column| format!(":{column}")).collect();
        let owner_column = owner.columns.first().map_or("", String::as_str);
        let pairs = owner.columns.iter().zip(from);
        let owner_equal: Vec<String> =
            pairs.map(|(column, bind)| format!("{column} = :{bind}")).collect();
        DuplicateStatements {
            lock_lookup: format!("select {to} from {table} where {equal_all} for update"),
            lock_owner: format!(
                "select {owner_column} from {} where {} lock in share mode",
                printed_name(&owner.table),
                owner_equal.join(" and ")
            ),
            insert: format!(
                "insert into {table}({columns}, {to}) values({}, :{to})",
                binds.join(", ")
            ),
            update: format!("update {table} set {to}=:{to} where {equal_all}"),
        }
    }
}

/// How an insert treats an entry that exists, and whether each shard commits on its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct InsertOptions {
    pub multi_shard_autocommit: bool,
    pub ignore: bool,
    pub upsert: bool,
}

/// One insert of so many rows.
pub(super) fn insert(
    table: &str,
    from: &[String],
    to: &str,
    rows: usize,
    options: InsertOptions,
) -> String {
    let mut sql = "insert ".to_string();
    if options.multi_shard_autocommit {
        sql.push_str("/*vt+ MULTI_SHARD_AUTOCOMMIT=1 */ ");
    }
    if options.ignore {
        sql.push_str("ignore ");
    }
    let columns: Vec<&str> = from.iter().map(String::as_str).chain([to]).collect();
    sql.push_str(&format!("into {table}({}) values", columns.join(", ")));
    for row in 0..rows {
        let binds: Vec<String> =
            columns.iter().map(|column| format!(":{}", bind_name(column, row))).collect();
        let comma = if row == 0 { "(" } else { ", (" };
        sql.push_str(comma);
        sql.push_str(&binds.join(", "));
        sql.push(')');
    }
    if options.upsert {
        let updates: Vec<String> =
            columns.iter().map(|column| format!("{column}=values({column})")).collect();
        sql.push_str(&format!(" on duplicate key update {}", updates.join(", ")));
    }
    sql
}

/// The name of the bind variable for a column of a row.
pub(super) fn bind_name(column: &str, row: usize) -> String {
    match mutant::is(Mutant::BindNamesClash) {
        true => format!("{column}{row}"),
        false => format!("{column}_{row}"),
    }
}

fn all_equal(columns: &[String]) -> String {
    let conditions: Vec<String> =
        columns.iter().map(|column| format!("{column} = :{column}")).collect();
    conditions.join(" and ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn identifiers_are_quoted_where_needed() {
        let check = |name: &str, expected: &str| assert_eq!(printed_name(name), expected);
        check("t1", "t1");
        check("dot.t1", "`dot.t1`");
        check("Order", "`Order`");
        check("1a", "`1a`");
        check("a`b", "`a``b`");
    }
}
