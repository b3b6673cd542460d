//! Which part of which index a statement reads.
//!
//! Modelled are MySQL's choices where they do not depend on statistics: a full unique key by
//! constants (`const`), several of them (IN), equality on a key or on a prefix of one (`ref`), a
//! range, the shortest covering index, the whole clustered index. A disjunction is a union of
//! ranges of one index. Rows are counted nowhere: an index that fits is always taken, as MySQL does
//! on a table of more than a few rows; FORCE INDEX and USE INDEX narrow the choice. Index merge is
//! left out.
//!
//! An access gives a superset of the rows: the filter is evaluated on each of them all the same.

use std::sync::Arc;

use crate::eval::{self, Env};
use crate::mysql::cursor::{Interval, Shape};
use crate::mysql::schema;
use crate::sql::ast::{ColumnName, CompareOp, Expr, HintKind, IndexHint, IsTest};
use crate::sql::walk::children;
use crate::value::Value;

#[derive(Clone, Debug, PartialEq)]
pub struct Access {
    pub index: usize,
    pub intervals: Vec<Interval>,
    pub kind: Kind,
    /// Leading columns of the index that are one value each.
    pub fixed: usize,
    /// Leading columns of the index that bound what is read.
    pub parts: usize,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    Scan,
    Range,
    Ref,
    /// Full unique keys, more than one.
    Points,
    /// One full unique key: MySQL reads it before it plans.
    Const,
}

/// What a planner may ask about the statement around it.
pub trait Constants {
    /// The column's offset in the table that is planned.
    fn column(&self, name: &ColumnName) -> Option<usize>;

    /// The value of an expression that needs nothing of this table; none where it needs some.
    fn value(&mut self, expr: &Expr) -> Option<Value>;

    /// The rows of a bind list, one value or a tuple each.
    fn list(&mut self, expr: &Expr) -> Option<Vec<Vec<Value>>>;

    fn env(&mut self) -> &mut Env;
}

/// What the filter says about one column.
#[derive(Clone, Debug)]
enum Constraint {
    /// One of these; NULL among them only by IS NULL or `<=>`.
    In(Vec<Value>),
    Range {
        low: Option<(Value, bool)>,
        high: Option<(Value, bool)>,
    },
}

type Constraints = Vec<(usize, Constraint)>;

/// More points than this are read as a range of all of them.
const POINTS_MAX: usize = 10_000;

pub fn choose(
    table: &Arc<schema::Table>,
    filter: Option<&Expr>,
    hints: &[IndexHint],
    constants: &mut dyn Constants,
) -> Access {
    let mut best = whole(table, 0);
    let Some(filter) = filter else { return best };
    for index in 0..table.indexes.len() {
        if table.indexes[index].parts.is_empty() || !allowed(table, index, hints) {
            continue;
        }
        if let Some(access) = access_by(table, index, filter, constants) {
            let better = (access.kind, access.fixed) > (best.kind, best.fixed);
            if better {
                best = access;
            }
        }
    }
    best
}

/// What the conditions on keys are good for.
pub struct Usable {
    /// How many indexes have an access.
    pub indexes: usize,
    /// Each condition that names a column of an index says something about a range.
    pub every_term: bool,
}

/// Which conditions of a filter the choice of an access can use.
pub fn usable(
    table: &schema::Table,
    filter: &Expr,
    hints: &[IndexHint],
    constants: &mut dyn Constants,
) -> Usable {
    let all = 0..table.indexes.len();
    let allowed: Vec<usize> = all.filter(|index| allowed(table, *index, hints)).collect();
    let keyed: Vec<usize> = allowed.iter().flat_map(|index| table.columns_of(*index)).collect();
    let terms = match filter {
        Expr::And(terms) => &terms[..],
        term => std::slice::from_ref(term),
    };
    let mut every_term = true;
    for term in terms {
        let mut constraints = Constraints::new();
        constrain(table, term, constants, &mut constraints);
        let is_usable = !constraints.is_empty()
            || allowed.iter().any(|index| access_by(table, *index, term, constants).is_some());
        every_term &= is_usable || !names_one_of(term, &keyed, &*constants);
    }
    let mut has_access = |index: &&usize| {
        let parts = &table.indexes[**index].parts;
        !parts.is_empty() && access_by(table, **index, filter, constants).is_some()
    };
    Usable { indexes: allowed.iter().filter(|index| has_access(index)).count(), every_term }
}

fn names_one_of(expr: &Expr, columns: &[usize], constants: &dyn Constants) -> bool {
    match expr {
        Expr::Column(name) => constants.column(name).is_some_and(|own| columns.contains(&own)),
        other => children(other).into_iter().any(|child| names_one_of(child, columns, constants)),
    }
}

/// The whole of an index.
pub fn whole(table: &schema::Table, index: usize) -> Access {
    let shape = Shape::Range { starts_at: None, ends_at: None };
    let interval = Interval { low: None, high: None, shape };
    let index = index.min(table.indexes.len() - 1);
    Access { index, intervals: vec![interval], kind: Kind::Scan, fixed: 0, parts: 0 }
}

/// The smallest index that has all of these columns; the clustered one where none has.
pub fn shortest_covering(table: &schema::Table, columns: &[usize], hints: &[IndexHint]) -> usize {
    let length = |index: &usize| {
        let parts = table.indexes[*index].parts.iter();
        parts.map(|part| width(&table.columns[part.column])).sum::<u32>()
    };
    let covering = (1..table.indexes.len())
        .filter(|index| allowed(table, *index, hints))
        .filter(|index| table.covers(*index, columns.iter().copied()));
    covering.min_by_key(length).unwrap_or(0)
}

pub fn allowed(table: &schema::Table, index: usize, hints: &[IndexHint]) -> bool {
    let names = |hint: &IndexHint| {
        hint.indexes.iter().any(|name| table.index(name.as_str()) == Some(index))
    };
    let mut narrowed = None;
    for hint in hints {
        match hint.kind {
            HintKind::UseIndex | HintKind::ForceIndex => {
                narrowed = Some(narrowed.unwrap_or(false) || names(hint));
            }
            HintKind::IgnoreIndex if names(hint) => return false,
            _ => {}
        }
    }
    narrowed.unwrap_or(true)
}

fn width(column: &schema::Column) -> u32 {
    let null = u32::from(!column.not_null);
    let length = column.ty.length.unwrap_or(20);
    null + match &*column.ty.name {
        "tinyint" | "year" => 1,
        "smallint" => 2,
        "mediumint" | "date" | "time" => 3,
        "int" | "float" | "timestamp" => 4,
        "datetime" => 5,
        "bigint" | "double" => 8,
        "varchar" | "char" => length * 4 + 2,
        _ => length + 2,
    }
}

fn access_by(
    table: &schema::Table,
    index: usize,
    filter: &Expr,
    constants: &mut dyn Constants,
) -> Option<Access> {
    if let Expr::Or(terms) = filter {
        return union_of(table, index, terms, constants);
    }
    let terms = match filter {
        Expr::And(terms) => &terms[..],
        term => std::slice::from_ref(term),
    };
    let mut constraints = Constraints::new();
    for term in terms {
        constrain(table, term, constants, &mut constraints);
    }
    let direct = from_constraints(table, index, &constraints);
    if direct.is_some() {
        return direct;
    }
    // A disjunction, or a list of tuples, beside other terms.
    terms.iter().find_map(|term| match term {
        Expr::Or(branches) => union_of(table, index, branches, constants),
        _ => tuples(table, index, term, constants),
    })
}

/// Every branch must be a range of this index.
fn union_of(
    table: &schema::Table,
    index: usize,
    branches: &[Expr],
    constants: &mut dyn Constants,
) -> Option<Access> {
    let mut accesses = Vec::new();
    for branch in branches {
        accesses.push(access_by(table, index, branch, constants)?);
    }
    Some(union(index, accesses))
}

fn union(index: usize, accesses: Vec<Access>) -> Access {
    let parts = accesses.iter().map(|access| access.parts).max().unwrap_or(0);
    let intervals = accesses.into_iter().flat_map(|access| access.intervals).collect();
    let intervals = merge(intervals);
    let points = intervals.iter().all(|interval| interval.shape == Shape::Unique);
    let kind = if points { Kind::Points } else { Kind::Range };
    Access { index, intervals, kind, fixed: 0, parts }
}

/// `(a, b) in ((1, 2), ..)` and `(a, b) = (1, 2)`.
fn tuples(
    table: &schema::Table,
    index: usize,
    term: &Expr,
    constants: &mut dyn Constants,
) -> Option<Access> {
    let Expr::Compare { op: CompareOp::Equal | CompareOp::In, left, right, .. } = term else {
        return None;
    };
    let Expr::Tuple(columns) = &**left else { return None };
    let columns: Vec<usize> = columns
        .iter()
        .map(|column| match column {
            Expr::Column(name) => constants.column(name),
            _ => None,
        })
        .collect::<Option<_>>()?;
    let rows = match constants.list(right) {
        Some(rows) => rows,
        None => match &**right {
            Expr::Tuple(items) if items.iter().all(|item| matches!(item, Expr::Tuple(_))) => {
                items.iter().map(|item| tuple(item, constants)).collect::<Option<_>>()?
            }
            item => vec![tuple(item, constants)?],
        },
    };
    let mut accesses = Vec::new();
    for row in rows.iter().filter(|row| row.len() == columns.len()) {
        let mut constraints = Constraints::new();
        for (column, value) in columns.iter().zip(row) {
            let values =
                fit(&table.columns[*column], std::slice::from_ref(value), constants.env())?;
            constraints.push((*column, Constraint::In(values)));
        }
        accesses.push(from_constraints(table, index, &constraints)?);
    }
    Some(union(index, accesses))
}

fn tuple(expr: &Expr, constants: &mut dyn Constants) -> Option<Vec<Value>> {
    let Expr::Tuple(items) = expr else { return None };
    items.iter().map(|item| constants.value(item)).collect()
}

/// Adds what one conjunct says about columns of the table; nothing where it is of no use.
fn constrain(
    table: &schema::Table,
    term: &Expr,
    constants: &mut dyn Constants,
    constraints: &mut Constraints,
) {
    let found = match term {
        Expr::Compare { op, left, right, .. } => compare(table, *op, left, right, constants)
            .or_else(|| compare(table, mirrored(*op)?, right, left, constants)),
        Expr::Between { negated: false, expr, low, high } => {
            between(table, expr, low, high, constants)
        }
        Expr::Is { expr, test: IsTest::Null } => match &**expr {
            Expr::Column(name) => {
                constants.column(name).map(|column| (column, Constraint::In(vec![Value::Null])))
            }
            _ => None,
        },
        _ => None,
    };
    constraints.extend(found);
}

fn mirrored(op: CompareOp) -> Option<CompareOp> {
    Some(match op {
        CompareOp::Equal | CompareOp::NullSafeEqual => op,
        CompareOp::Less => CompareOp::Greater,
        CompareOp::Greater => CompareOp::Less,
        CompareOp::LessEqual => CompareOp::GreaterEqual,
        CompareOp::GreaterEqual => CompareOp::LessEqual,
        _ => return None,
    })
}

fn compare(
    table: &schema::Table,
    op: CompareOp,
    left: &Expr,
    right: &Expr,
    constants: &mut dyn Constants,
) -> Option<(usize, Constraint)> {
    let Expr::Column(name) = left else { return None };
    let column = constants.column(name)?;
    let definition = &table.columns[column];
    if op == CompareOp::In {
        let values = match constants.list(right) {
            Some(rows) => rows.into_iter().map(|row| row.into_iter().next()).collect(),
            None => match right {
                Expr::Tuple(items) => items.iter().map(|item| constants.value(item)).collect(),
                _ => None,
            },
        };
        let values: Vec<Value> = values?;
        return Some((column, Constraint::In(fit(definition, &values, constants.env())?)));
    }
    let value = constants.value(right)?;
    let bound = |inclusive: bool, constants: &mut dyn Constants| {
        let values = fit(definition, std::slice::from_ref(&value), constants.env())?;
        // A bound that the column cannot hold exactly is of no use here.
        Some((values.into_iter().next()?, inclusive))
    };
    let range = |low, high| Constraint::Range { low, high };
    let constraint = match op {
        CompareOp::NullSafeEqual if value.is_null() => Constraint::In(vec![Value::Null]),
        CompareOp::Equal | CompareOp::NullSafeEqual => {
            Constraint::In(fit(definition, &[value], constants.env())?)
        }
        CompareOp::Less => range(None, Some(bound(false, constants)?)),
        CompareOp::LessEqual => range(None, Some(bound(true, constants)?)),
        CompareOp::Greater => range(Some(bound(false, constants)?), None),
        CompareOp::GreaterEqual => range(Some(bound(true, constants)?), None),
        _ => return None,
    };
    Some((column, constraint))
}

fn between(
    table: &schema::Table,
    expr: &Expr,
    low: &Expr,
    high: &Expr,
    constants: &mut dyn Constants,
) -> Option<(usize, Constraint)> {
    let low = compare(table, CompareOp::GreaterEqual, expr, low, constants);
    let high = compare(table, CompareOp::LessEqual, expr, high, constants);
    match (low?, high?) {
        ((column, Constraint::Range { low, .. }), (_, Constraint::Range { high, .. })) => {
            Some((column, Constraint::Range { low, high }))
        }
        _ => None,
    }
}

/// The values as the column stores them. One that the column can never equal drops out; none where
/// the comparison does not follow the order of the column's key.
fn fit(column: &schema::Column, values: &[Value], env: &mut Env) -> Option<Vec<Value>> {
    let mut fitting = Vec::new();
    let texts = matches!(
        &*column.ty.name,
        "char" | "varchar" | "text" | "tinytext" | "mediumtext" | "longtext"
    );
    let bytes = matches!(
        &*column.ty.name,
        "binary" | "varbinary" | "blob" | "tinyblob" | "mediumblob" | "longblob"
    );
    let number = |value: &Value| {
        matches!(value, Value::Int(_) | Value::Uint(_) | Value::Decimal(_) | Value::Float(_))
    };
    for value in values.iter().filter(|value| !value.is_null()) {
        let comparable = match value {
            Value::Text(_) => true,
            Value::Bytes(_) => !texts,
            _ => !texts && !bytes,
        };
        if !comparable || matches!(&*column.ty.name, "enum" | "set" | "json") {
            return None;
        }
        let stored = eval::store(value, &column.ty, &column.name, 1, false);
        let exact = match &stored {
            Ok((stored, warnings)) if warnings.is_empty() => {
                eval::compare(stored, value, column.collation, env)
                    == Some(std::cmp::Ordering::Equal)
            }
            _ => false,
        };
        match stored {
            Ok((stored, _)) if exact => fitting.push(stored),
            // 1.5 or 2^70 is equal to no integer.
            Ok((stored, _)) if number(&stored) && number(value) => {}
            _ => return None,
        }
    }
    Some(fitting)
}

fn from_constraints(
    table: &schema::Table,
    index: usize,
    constraints: &Constraints,
) -> Option<Access> {
    let definition = &table.indexes[index];
    let mut prefixes: Vec<Vec<Value>> = vec![Vec::new()];
    let mut fixed = 0;
    let mut whole_parts = true;
    let mut pinned = false;
    for part in &definition.parts {
        let values = constraints.iter().find_map(|(column, constraint)| match constraint {
            Constraint::In(values) if *column == part.column => Some(values.clone()),
            _ => None,
        });
        // A range of one value is read as an equality, but not before planning.
        let values = values.or_else(|| {
            let (low, high) = bounds_of(constraints, part.column);
            let inside = |bound: &(Value, bool)| bound.1 || part.length.is_some();
            let stored = |(value, _): (Value, bool)| schema::stored_part(part, &value);
            let low = stored(low.filter(inside)?);
            let value = (low == stored(high.filter(inside)?)).then_some(low)?;
            pinned = true;
            Some(vec![value])
        });
        let Some(values) = values else { break };
        if POINTS_MAX < prefixes.len() * values.len() {
            break;
        }
        prefixes = prefixes
            .iter()
            .flat_map(|prefix| {
                values.iter().map(|value| {
                    let mut longer = prefix.clone();
                    longer.push(value.clone());
                    longer
                })
            })
            .collect();
        whole_parts &= part.length.is_none();
        fixed += 1;
    }
    let range = definition.parts.get(fixed).and_then(|part| {
        let (low, high) = bounds_of(constraints, part.column);
        (low.is_some() || high.is_some()).then_some((low, high))
    });
    let full = fixed == definition.parts.len();
    if fixed == 0 && range.is_none() {
        return None;
    }
    if let Some((low, high)) = range {
        let intervals = prefixes
            .iter()
            .map(|prefix| range_interval(table, index, prefix, &low, &high))
            .collect();
        let (intervals, parts) = (merge(intervals), fixed + 1);
        return Some(Access { index, intervals, kind: Kind::Range, fixed, parts });
    }
    let intervals: Vec<Interval> = prefixes
        .iter()
        .map(|prefix| {
            let null = prefix.iter().any(Value::is_null);
            let unique = definition.unique && full && !null;
            let shape = if unique { Shape::Unique } else { Shape::Equal };
            let low = table.key_of_values(index, prefix);
            Interval { high: low.successor_of_prefix(), low: Some(low), shape }
        })
        .collect();
    let points = intervals.iter().all(|interval| interval.shape == Shape::Unique);
    let kind = match (points, intervals.len()) {
        // The beginning of a column is no proof of a single row before planning.
        (true, 0 | 1) if !pinned && whole_parts => Kind::Const,
        (true, _) => Kind::Points,
        (false, 1) => Kind::Ref,
        (false, _) => Kind::Range,
    };
    Some(Access { index, intervals: merge(intervals), kind, fixed, parts: fixed })
}

type Bound = Option<(Value, bool)>;

/// The lower and the upper bound of a column, each with whether it is included.
fn bounds_of(constraints: &Constraints, wanted: usize) -> (Bound, Bound) {
    let (mut low, mut high) = (None, None);
    for (column, constraint) in constraints {
        if let (true, Constraint::Range { low: l, high: h }) = (*column == wanted, constraint) {
            low = low.or_else(|| l.clone());
            high = high.or_else(|| h.clone());
        }
    }
    (low, high)
}

fn range_interval(
    table: &schema::Table,
    index: usize,
    prefix: &[Value],
    low: &Option<(Value, bool)>,
    high: &Option<(Value, bool)>,
) -> Interval {
    let definition = &table.indexes[index];
    let part = &definition.parts[prefix.len()];
    let key = |value: &Value| {
        let mut values = prefix.to_vec();
        values.push(value.clone());
        table.key_of_values(index, &values)
    };
    let start = table.key_of_values(index, prefix);
    let all_low = (!start.is_empty()).then(|| start.clone());
    let all_high = if start.is_empty() { None } else { start.successor_of_prefix() };
    let null = key(&Value::Null);
    let whole = part.length.is_none();
    let unique = whole && definition.unique && definition.parts.len() == prefix.len() + 1;
    let ends = |bound: &Option<(Value, bool)>| match bound {
        Some((value, true)) if unique => Some(key(value)),
        _ => None,
    };
    let nullable = !table.columns[part.column].not_null;
    // A descending part turns the range round; NULL, which no range holds, is then at its end.
    let (first, last) = if part.descending { (high, low) } else { (low, high) };
    // The prefix of a bound says nothing about what lies close to it.
    let widened = |bound: &Bound| bound.clone().map(|(value, inside)| (value, inside || !whole));
    let (first, last) = (&widened(first), &widened(last));
    let low_key = match first {
        Some((value, true)) => Some(key(value)),
        Some((value, false)) => key(value).successor_of_prefix(),
        None if nullable && !part.descending => null.successor_of_prefix(),
        None => all_low,
    };
    let high_key = match last {
        Some((value, true)) => key(value).successor_of_prefix(),
        Some((value, false)) => Some(key(value)),
        None if nullable && part.descending => Some(null),
        None => all_high,
    };
    let shape = Shape::Range { starts_at: ends(first), ends_at: ends(last) };
    Interval { low: low_key, high: high_key, shape }
}

/// In the order of the index, without overlaps.
fn merge(mut intervals: Vec<Interval>) -> Vec<Interval> {
    let empty = |interval: &Interval| match (&interval.low, &interval.high) {
        (Some(low), Some(high)) => high <= low,
        _ => false,
    };
    // An empty range reads nothing, but one that the filter names still has a place.
    intervals.sort_by(|a, b| a.low.cmp(&b.low));
    let mut merged: Vec<Interval> = Vec::new();
    for interval in intervals {
        if empty(&interval) {
            continue;
        }
        let overlaps = merged.last().is_some_and(|last| match (&last.high, &interval.low) {
            (None, _) | (_, None) => true,
            (Some(high), Some(low)) => low < high,
        });
        match merged.last_mut() {
            Some(last) if overlaps => join(last, interval),
            _ => merged.push(interval),
        }
    }
    merged
}

fn join(last: &mut Interval, next: Interval) {
    if *last == next {
        return;
    }
    // No bound is the highest.
    last.high = match (last.high.take(), next.high) {
        (Some(a), Some(b)) => Some(a.max(b)),
        _ => None,
    };
    last.shape = Shape::Range { starts_at: None, ends_at: None };
}
