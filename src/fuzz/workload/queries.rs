//! A team's own statements: a file of them, with semicolons between.
//!
//! What stands between BEGIN and COMMIT or ROLLBACK stays together; every other statement is a
//! transaction. `?`, `:name` and `::name` are given values, as the column that each is compared
//! with or written to has them; a name has one value in a transaction. Literals stay as they are.

use std::collections::BTreeMap;
use std::ops::Range;

use sim::seed::Draw;
use sim::sql::ast::{Expr, Insert, InsertSource, Query, Statement, UpdateItem};
use sim::sql::walk::children;

use super::Workload;
use crate::fuzz::tables::Table;
use crate::sql_text::placeholders;

/// Transactions, with places for values.
#[derive(Clone, Debug)]
pub struct Queries {
    transactions: Vec<Vec<Own>>,
}

/// A statement, cut where values stand: text, value, text ..
#[derive(Clone, Debug)]
struct Own {
    pieces: Vec<Piece>,
}

#[derive(Clone, Debug)]
enum Piece {
    Text(String),
    /// Without a name for `?`.
    Value {
        name: Option<String>,
        place: Option<Place>,
    },
    /// Values in parentheses.
    List(Option<Place>),
}

/// A column, by the numbers of its table and of itself.
#[derive(Clone, Copy, Debug)]
struct Place {
    table: usize,
    column: usize,
}

/// Statements that cannot be a workload.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadQueries {
    #[error("line {line}: {message}: {text}")]
    Statement { line: usize, message: String, text: String },
    #[error("there is no statement")]
    None,
}

impl Queries {
    /// Statements, each with its line.
    pub fn parse(texts: &[(usize, String)], tables: &[Table]) -> Result<Queries, BadQueries> {
        let mut transactions = Vec::new();
        let mut open: Option<Vec<Own>> = None;
        for (line, own) in texts {
            let bad =
                |message: String| BadQueries::Statement { line: *line, message, text: own.clone() };
            let (text, names) = named(own);
            let statement = sim::sql::parse(&text).map_err(|error| bad(error.to_string()))?;
            let own = Own { pieces: pieces(&text, &names, &columns(&statement), tables) };
            match (&statement, open.as_mut()) {
                (Statement::Begin(_), None) => open = Some(vec![own]),
                (Statement::Commit | Statement::Rollback, Some(_)) => {
                    let mut whole = open.take().unwrap_or_default();
                    whole.push(own);
                    transactions.push(whole);
                }
                (_, Some(whole)) => whole.push(own),
                (_, None) => transactions.push(vec![own]),
            }
        }
        transactions.extend(open);
        if transactions.is_empty() { Err(BadQueries::None) } else { Ok(Queries { transactions }) }
    }
}

impl Workload<'_> {
    /// One of a team's transactions.
    pub(super) fn of_team(&self, draw: &mut Draw, queries: &Queries) -> Vec<String> {
        let mut known = BTreeMap::new();
        let statements = draw.pick(&queries.transactions).iter();
        statements.map(|own| self.filled(draw, own, &mut known)).collect()
    }

    fn filled(&self, draw: &mut Draw, own: &Own, known: &mut BTreeMap<String, String>) -> String {
        let mut text = String::new();
        for piece in &own.pieces {
            match piece {
                Piece::Text(piece) => text.push_str(piece),
                Piece::Value { name: Some(name), place } => {
                    let value =
                        known.entry(name.clone()).or_insert_with(|| self.for_place(draw, *place));
                    text.push_str(value);
                }
                Piece::Value { name: None, place } => text.push_str(&self.for_place(draw, *place)),
                Piece::List(place) => {
                    let values: Vec<String> =
                        (0..draw.between(1, 3)).map(|_| self.for_place(draw, *place)).collect();
                    text.push_str(&format!("({})", values.join(", ")));
                }
            }
        }
        text
    }

    fn for_place(&self, draw: &mut Draw, place: Option<Place>) -> String {
        let column = place.and_then(|place| {
            self.tables.get(place.table).and_then(|table| table.columns.get(place.column))
        });
        match column {
            Some(column) => self.value(draw, column),
            None => draw.between(1, self.mix.values).to_string(),
        }
    }
}

/// What `?` are named, so that the parser takes them for bind variables.
const QUESTION: &str = "vindicate_question_";

/// A statement whose `?` have names, and the places of all.
fn named(text: &str) -> (String, Vec<Range<usize>>) {
    let mut whole = String::new();
    let mut end = 0;
    for (at, place) in placeholders(text).into_iter().enumerate() {
        whole.push_str(&text[end..place.start]);
        end = place.end;
        match &text[place] {
            "?" => whole.push_str(&format!(":{QUESTION}{at}")),
            name => whole.push_str(name),
        }
    }
    whole.push_str(&text[end..]);
    let places = placeholders(&whole);
    (whole, places)
}

fn pieces(
    text: &str,
    places: &[Range<usize>],
    columns: &BTreeMap<String, String>,
    tables: &[Table],
) -> Vec<Piece> {
    let mut pieces = Vec::new();
    let mut end = 0;
    for range in places {
        pieces.push(Piece::Text(text[end..range.start].to_owned()));
        end = range.end;
        let name = &text[range.clone()];
        let bare = name.trim_start_matches(':');
        let place = columns.get(bare).and_then(|column| place(text, column, tables));
        pieces.push(match name.starts_with("::") {
            true => Piece::List(place),
            false => {
                let name = (!bare.starts_with(QUESTION)).then(|| bare.to_owned());
                Piece::Value { name, place }
            }
        });
    }
    pieces.push(Piece::Text(text[end..].to_owned()));
    pieces
}

/// The column of this name, of a table that the statement names if there is one.
fn place(text: &str, name: &str, tables: &[Table]) -> Option<Place> {
    let of = |table: &(usize, &Table)| {
        let is = |column: &crate::fuzz::tables::Column| {
            column.name.trim_matches('`').eq_ignore_ascii_case(name)
        };
        Some(Place { table: table.0, column: table.1.columns.iter().position(is)? })
    };
    let having = || tables.iter().enumerate();
    let named = having().filter(|(_, table)| text.contains(table.bare.trim_matches('`')));
    named.into_iter().find_map(|table| of(&table)).or_else(|| having().find_map(|t| of(&t)))
}

/// Which column each bind variable is compared with, or written to.
fn columns(statement: &Statement) -> BTreeMap<String, String> {
    let mut found = BTreeMap::new();
    match statement {
        Statement::Query(query) => of_query(query, &mut found),
        Statement::Insert(insert) => of_insert(insert, &mut found),
        Statement::Update(update) => {
            of_items(&update.set, &mut found);
            update.filter.iter().for_each(|filter| of_filter(filter, &mut found));
        }
        Statement::Delete(delete) => {
            delete.filter.iter().for_each(|filter| of_filter(filter, &mut found));
        }
        _ => {}
    }
    found
}

fn of_query(query: &Query, found: &mut BTreeMap<String, String>) {
    if let Query::Select(select) = query {
        select.filter.iter().chain(&select.having).for_each(|filter| of_filter(filter, found));
    }
}

fn of_insert(insert: &Insert, found: &mut BTreeMap<String, String>) {
    if let (InsertSource::Values(rows), Some(columns)) = (&insert.source, &insert.columns) {
        for row in rows {
            for (column, value) in columns.iter().zip(row) {
                of_value(column.as_str(), value, found);
            }
        }
    }
    if let InsertSource::Query(query) = &insert.source {
        of_query(query, found);
    }
    of_items(&insert.on_duplicate, found);
}

fn of_items(items: &[UpdateItem], found: &mut BTreeMap<String, String>) {
    for item in items {
        of_value(item.column.name.as_str(), &item.value, found);
    }
}

fn of_filter(expr: &Expr, found: &mut BTreeMap<String, String>) {
    let sides: Vec<&Expr> = children(expr).into_iter().collect();
    let column = sides.iter().find_map(|side| match side {
        Expr::Column(column) => Some(column.name.as_str()),
        _ => None,
    });
    for side in sides {
        if let Some(column) = column {
            of_value(column, side, found);
        }
        of_filter(side, found);
    }
}

fn of_value(column: &str, value: &Expr, found: &mut BTreeMap<String, String>) {
    match value {
        Expr::Argument { name, .. } | Expr::ListArgument(name) => {
            found.insert(name.as_str().to_owned(), column.to_owned());
        }
        Expr::Tuple(values) => values.iter().for_each(|value| of_value(column, value, found)),
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use sim::seed::Seed;

    use super::*;
    use crate::fuzz::schema::{Keyspace, Schema};
    use crate::fuzz::tables;
    use crate::vschema::KeyspaceSource;

    fn tables() -> Vec<Table> {
        let vschema = r#"{"sharded": true, "vindexes": {"hash": {"type": "hash"}},
            "tables": {"t": {"column_vindexes": [{"column": "a", "name": "hash"}]}}}"#;
        let keyspace = Keyspace {
            name: "k".to_owned(),
            shards: "-".to_owned(),
            vschema: KeyspaceSource::parse(vschema).unwrap(),
            definitions: vec!["create table t (a bigint primary key, b varchar(9))".to_owned()],
        };
        tables::read(&Schema { keyspaces: vec![keyspace], home: "k".to_owned(), rows: Vec::new() })
            .unwrap()
    }

    fn parse(texts: &[&str]) -> Result<Queries, BadQueries> {
        let texts: Vec<(usize, String)> =
            texts.iter().enumerate().map(|(at, text)| (at + 1, (*text).to_owned())).collect();
        Queries::parse(&texts, &tables())
    }

    #[test]
    fn values_are_those_of_their_columns() {
        let tables = tables();
        let draw = &mut Draw::new(Seed(1), "test");
        let workload = Workload::draw(draw, &tables, None);
        let queries = parse(&[
            "begin",
            "insert into t (a, b) values (:a, ?), (7, 'x:y')",
            "update t set b = :b where a = :a and b in ::bs",
            "rollback",
        ]);
        for _ in 0..50 {
            let [begin, insert, update, rollback] =
                &workload.of_team(draw, queries.as_ref().unwrap())[..]
            else {
                panic!("a transaction is not whole");
            };
            assert_eq!((&**begin, &**rollback), ("begin", "rollback"));
            let a = insert.strip_prefix("insert into t (a, b) values (").unwrap();
            let (a, rest) = a.split_once(", 'p").unwrap();
            assert!(a.parse::<u64>().is_ok() && rest.ends_with("), (7, 'x:y')"), "{insert}");
            assert!(update.starts_with("update t set b = 'p"), "{update}");
            assert!(update.contains(&format!(" where a = {a} and b in ('p")), "{update}");
        }
    }

    #[test]
    fn each_statement_is_a_transaction_but_between_begin_and_its_end() {
        let texts = ["select 1", "begin", "select 2", "commit", "delete from t"];
        let lengths = |texts: &[&str]| {
            let queries = parse(texts).unwrap();
            queries.transactions.iter().map(Vec::len).collect::<Vec<usize>>()
        };
        assert_eq!(lengths(&texts), [1, 3, 1]);
        assert_eq!(lengths(&["begin", "select 1"]), [2]);
    }

    #[test]
    fn what_cannot_be_read_has_its_line() {
        let error = parse(&["select 1", "selekt 2"]).unwrap_err().to_string();
        assert!(error.starts_with("line 2: syntax error"), "{error}");
        assert_eq!(parse(&[]).unwrap_err(), BadQueries::None);
    }
}
