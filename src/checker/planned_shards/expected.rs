//! Where a statement is to go: values to keyspace ids to shards, by data alone.
//!
//! A functional vindex is made from the vschema and asked. A lookup is not: what it gave is in the
//! answers of the statements that read its table. It knows nothing of plans that went wrong.

use std::collections::BTreeSet;
use std::fmt;
use std::rc::Rc;
use std::sync::Arc;

use sim::eval::{Env, NoColumns, Program};
use sim::sql::ast::{CompareOp, Expr, InsertSource, Query, Statement, TableExpr};
use sim::value::{Bind, Binds, Value};

use super::Which;
use crate::history::{By, PlannedSend, PlannedShards, PlannedStatement, ShardStatement};
use crate::key::{Destination, KeyRange, KeyspaceId, Shard};
use crate::topo::Topo;
use crate::vindex::{self, Registry, Vindex, params::Params};
use crate::vschema::VSchema;

/// The shards of one group of values.
#[derive(Clone, Debug)]
pub(super) struct Expected {
    /// The values, as text.
    pub key: String,
    shards: Shards,
    anywhere: bool,
}

#[derive(Clone, Debug)]
enum Shards {
    Exactly(BTreeSet<String>),
    /// Some of these: rows may be dropped, or come from a query.
    Within(BTreeSet<String>),
    /// Any one of these.
    One(BTreeSet<String>),
}

impl fmt::Display for Expected {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let list = |shards: &BTreeSet<String>| match shards.is_empty() {
            true => "no shard".to_owned(),
            false => shards.iter().cloned().collect::<Vec<_>>().join(", "),
        };
        match &self.shards {
            Shards::Exactly(shards) => write!(f, "{}", list(shards)),
            Shards::Within(shards) => write!(f, "some of {}", list(shards)),
            Shards::One(shards) => write!(f, "one of {}", list(shards)),
        }
    }
}

impl Expected {
    /// Whether a shard may get the text.
    pub fn allows(&self, shard: &str, which: Which) -> bool {
        match (&self.shards, which) {
            (Shards::Exactly(shards), Which::Empty) => shards.is_empty(),
            (Shards::Exactly(shards), Which::Statement(_)) if shards.is_empty() => self.anywhere,
            (Shards::Exactly(shards) | Shards::Within(shards) | Shards::One(shards), _) => {
                shards.contains(shard)
            }
        }
    }

    /// What is wrong with the shards that were reached.
    pub fn lacks(&self, reached: &BTreeSet<String>, empty: &BTreeSet<String>) -> Option<String> {
        let list = |shards: &BTreeSet<String>| {
            if shards.is_empty() {
                return "no shard".to_owned();
            }
            shards.iter().cloned().collect::<Vec<_>>().join(", ")
        };
        let is_right = match &self.shards {
            // With no shard to go to, one shard at most is asked for the columns.
            Shards::Exactly(shards) if shards.is_empty() => reached.len() + empty.len() <= 1,
            Shards::Exactly(shards) => reached == shards,
            Shards::Within(_) => true,
            Shards::One(_) => reached.len() == 1,
        };
        let all = reached.union(empty).cloned().collect();
        (!is_right).then(|| format!("planned for {self}, reached {}", list(&all)))
    }
}

/// What the statements of lookups gave, with the values that each asked for.
#[derive(Default)]
pub(super) struct Answers(Vec<Rc<ShardStatement>>);

impl Answers {
    pub fn push(&mut self, statement: &Rc<ShardStatement>) {
        if matches!(*statement.statement, Statement::Query(_)) && statement.rows.is_some() {
            self.0.push(Rc::clone(statement));
        }
    }
}

/// All that decides where something goes.
pub(super) struct Lookups<'a> {
    pub vschema: &'a VSchema,
    pub topo: &'a Topo,
    pub answers: &'a Answers,
}

impl Lookups<'_> {
    /// Where a send goes with these bind variables.
    pub fn expected(&self, send: &PlannedSend, binds: &Binds) -> Result<Expected, String> {
        let (key, shards) = match &send.shards {
            PlannedShards::One => (String::new(), Shards::One(self.all(&send.keyspace))),
            PlannedShards::All => (String::new(), Shards::Exactly(self.all(&send.keyspace))),
            PlannedShards::Destination(text) => {
                let destination: Destination = format!("Destination{text}")
                    .parse()
                    .map_err(|error| format!("destination {text}: {error}"))?;
                let shards = match destination {
                    Destination::AnyShard => Shards::One(self.all(&send.keyspace)),
                    other => Shards::Exactly(self.resolve(&send.keyspace, &other)?),
                };
                (String::new(), shards)
            }
            PlannedShards::Vindex { how, vindex, values } => {
                let columns = lists(values, *how, binds)?;
                let key = format!("{columns:?}");
                (key, Shards::Exactly(self.by_vindex(send, vindex, *how, &columns)?))
            }
            PlannedShards::Rows { vindex, values, may_drop } => {
                let columns: Result<Vec<Vec<Value>>, String> = values
                    .iter()
                    .map(|column| column.iter().map(|expr| evaluate(expr, binds)).collect())
                    .collect();
                let shards = self.by_vindex(send, vindex, By::Rows, &columns?)?;
                let shards =
                    if *may_drop { Shards::Within(shards) } else { Shards::Exactly(shards) };
                (String::new(), shards)
            }
            PlannedShards::RowsOfQuery { .. } => {
                (String::new(), Shards::Within(self.all(&send.keyspace)))
            }
        };
        Ok(Expected { key, shards, anywhere: send.goes_anywhere() })
    }

    /// A row of an INSERT that does not belong to the shard that got it.
    pub fn stray_row(&self, send: &PlannedSend, sent: &ShardStatement) -> Option<String> {
        let (PlannedShards::Rows { vindex, .. } | PlannedShards::RowsOfQuery { vindex }) =
            &send.shards
        else {
            return None;
        };
        let vindex = self.vindex(&send.keyspace, vindex)?;
        let functional = vindex.functional()?;
        let Statement::Insert(insert) = &*sent.statement else { return None };
        let InsertSource::Values(rows) = &insert.source else { return None };
        let table = send.statements.iter().find_map(|statement| match statement {
            PlannedStatement::RowsOf(table) => Some(table),
            _ => None,
        })?;
        let table = self.vschema.keyspaces.get(&*send.keyspace)?.tables.get(&**table)?;
        let names = insert.columns.as_ref()?;
        let primary = table.column_vindexes.first()?;
        let at: Option<Vec<usize>> = primary
            .columns
            .iter()
            .map(|column| names.iter().position(|name| name.is(column)))
            .collect();
        let at = at?;
        for row in rows {
            let values = at.iter().map(|at| evaluate(row.get(*at)?, &sent.binds).ok());
            let values: Vec<vindex::Value> =
                values.map(|value| value.map(|value| (&value).into())).collect::<Option<_>>()?;
            let destination = functional.map_one(&values).ok()?;
            let shards = self.resolve(&send.keyspace, &destination).ok()?;
            if !shards.contains(&*sent.shard) {
                let values: Vec<String> = values.iter().map(ToString::to_string).collect();
                let shards: Vec<String> = shards.into_iter().collect();
                return Some(format!(
                    "{}/{} got the row of [{}], which belongs to {}",
                    sent.keyspace,
                    sent.shard,
                    values.join(" "),
                    shards.join(", ")
                ));
            }
        }
        None
    }

    // ------------------------------------------------------------ vindexes

    fn vindex(&self, keyspace: &str, name: &str) -> Option<Arc<dyn Vindex>> {
        if let Ok(Some(vindex)) = self.vschema.find_vindex(keyspace, name) {
            return Some(vindex);
        }
        // That of pinned tables, which no vschema has to declare.
        let registry = Registry::standard();
        (name == "binary").then(|| registry.create(name, name, &Params::default()).ok()).flatten()
    }

    fn by_vindex(
        &self,
        send: &PlannedSend,
        name: &str,
        how: By,
        columns: &[Vec<Value>],
    ) -> Result<BTreeSet<String>, String> {
        let keyspace = &send.keyspace;
        let vindex =
            self.vindex(keyspace, name).ok_or_else(|| format!("there is no vindex {name}"))?;
        let mut all = BTreeSet::new();
        let Some(functional) = vindex.functional() else {
            let values = columns.first().map(Vec::as_slice).unwrap_or_default();
            for value in values {
                all.extend(self.by_lookup(send, name, value, values.len() == 1)?);
            }
            return Ok(all);
        };
        if how == By::Range {
            let ends = columns.first().map(Vec::as_slice).unwrap_or_default();
            let [low, high] = ends else { return Err("a range without two ends".to_owned()) };
            let range = functional.range_map(&low.into(), &high.into());
            let range = range.map_err(|error| error.to_string())?;
            return self.resolve(keyspace, &Destination::KeyRange(range));
        }
        for row in rows(how, columns) {
            let row: Vec<vindex::Value> = row.into_iter().map(Into::into).collect();
            let destination = functional.map_one(&row).map_err(|error| error.to_string())?;
            all.extend(self.resolve(keyspace, &destination)?);
        }
        Ok(all)
    }

    /// The shards of the keyspace ids that the lookup's table had for a value.
    fn by_lookup(
        &self,
        send: &PlannedSend,
        name: &str,
        value: &Value,
        alone: bool,
    ) -> Result<BTreeSet<String>, String> {
        let keyspace = &send.keyspace;
        let source = self.vschema.source.keyspaces.get(&**keyspace);
        let source = source.and_then(|source| source.vindexes.get(name));
        let source = source.ok_or_else(|| format!("there is no vindex {name}"))?;
        let param = |name: &str| source.params.get(name).map(String::as_str).unwrap_or_default();
        let is_unique = source.type_name.ends_with("_unique");
        // The planner routes by `lookup_hash` and its kin all the same.
        if param("write_only") == "true" {
            return Ok(self.all(keyspace));
        }
        let leaves_out = param("ignore_nulls") == "true" && !is_unique;
        if value.is_null() && alone && leaves_out && send.is_change() {
            return Ok(self.all(keyspace));
        }
        // Such a lookup is asked for the hash of the value.
        let hashed = match source.type_name.contains("unicodeloosemd5") {
            true => Some(unicode_loose_hash(value)?),
            false => None,
        };
        let value = hashed.as_ref().unwrap_or(value);
        let table = param("table");
        let table = table.rsplit_once('.').map_or(table, |(_, table)| table);
        let is_number = matches!(value, Value::Int(_) | Value::Uint(_));
        let is_batch = is_number || param("batch_lookup") == "true";
        let mut all = BTreeSet::new();
        for answer in &self.answers.0 {
            let Some(asked) = asked(answer, table) else { continue };
            for row in answer.rows.iter().flatten() {
                let [from, to] = &row[..] else { continue };
                // Numbers, and the values of a batch, find the rows that have their text; any other
                // value has all the rows of its own query.
                let is_own = match &asked[..] {
                    [one] if !is_batch => same(one, value),
                    _ => same(from, value),
                };
                if is_own {
                    let ksid = keyspace_id(&source.type_name, to)?;
                    all.extend(self.resolve(keyspace, &Destination::KeyspaceId(ksid))?);
                }
            }
        }
        Ok(all)
    }

    // ------------------------------------------------------------ shards

    fn shards(&self, keyspace: &str) -> Vec<Shard> {
        let Some(record) = self.topo.keyspaces.get(keyspace) else { return Vec::new() };
        let shard = |name: &Rc<str>| {
            let range = record.shards.get(name).and_then(|shard| shard.range.clone());
            Shard { name: name.to_string(), range: range.unwrap_or(KeyRange::COMPLETE) }
        };
        record.shard_order.iter().map(shard).collect()
    }

    fn all(&self, keyspace: &str) -> BTreeSet<String> {
        self.shards(keyspace).into_iter().map(|shard| shard.name).collect()
    }

    fn resolve(
        &self,
        keyspace: &str,
        destination: &Destination,
    ) -> Result<BTreeSet<String>, String> {
        let shards = self.shards(keyspace);
        let names = destination.resolve(&shards, &mut |_| 0);
        let names = names.map_err(|error| error.to_string())?;
        Ok(names.into_iter().map(str::to_owned).collect())
    }
}

/// The keyspace id that a lookup's row holds.
fn keyspace_id(type_name: &str, to: &Value) -> Result<KeyspaceId, String> {
    if type_name.contains("hash") {
        let registry = Registry::standard();
        let hash = registry.create("hash", "hash", &Params::default());
        let hash = hash.map_err(|error| error.to_string())?;
        let functional = hash.functional().ok_or("hash is functional")?;
        return match functional.map_one(&[to.into()]) {
            Ok(Destination::KeyspaceId(id)) => Ok(id),
            other => Err(format!("no keyspace id: {other:?}")),
        };
    }
    let bytes = to.to_wire().ok_or("a lookup row without a keyspace id")?;
    Ok(KeyspaceId::new(&bytes))
}

/// The first bytes of a text's loose MD5, as a number.
fn unicode_loose_hash(value: &Value) -> Result<Value, String> {
    let registry = Registry::standard();
    let md5 = registry.create("unicode_loose_md5", "md5", &Params::default());
    let md5 = md5.map_err(|error| error.to_string())?;
    let functional = md5.functional().ok_or("unicode_loose_md5 is functional")?;
    match functional.map_one(&[value.into()]) {
        Ok(Destination::KeyspaceId(id)) => {
            let first = id.as_bytes().first_chunk::<8>().ok_or("an MD5 of sixteen bytes")?;
            Ok(Value::Uint(u64::from_be_bytes(*first)))
        }
        other => Err(format!("no hash: {other:?}")),
    }
}

/// The values that a statement on a lookup's table asked for; none if it is another one's.
fn asked(answer: &ShardStatement, table: &str) -> Option<Vec<Value>> {
    let Statement::Query(Query::Select(select)) = &*answer.statement else { return None };
    let [TableExpr::Table(from)] = &select.from[..] else { return None };
    let Some(Expr::Compare { op: CompareOp::In, right, .. }) = &select.filter else { return None };
    if !from.name.name.is(table) {
        return None;
    }
    list(right, &answer.binds).ok()
}

fn same(one: &Value, other: &Value) -> bool {
    one.to_wire() == other.to_wire()
}

// ---------------------------------------------------------------- values

fn lists(values: &[Expr], how: By, binds: &Binds) -> Result<Vec<Vec<Value>>, String> {
    let column = |expr: &Expr| match how {
        By::Row => Ok(vec![evaluate(expr, binds)?]),
        By::Lists | By::Rows | By::Range => list(expr, binds),
    };
    values.iter().map(column).collect()
}

/// Rows of values, one a column.
fn rows(how: By, columns: &[Vec<Value>]) -> Vec<Vec<&Value>> {
    match how {
        By::Lists => columns.iter().fold(vec![Vec::new()], |rows, column| {
            let with = |row: &Vec<_>, value| row.iter().copied().chain([value]).collect();
            rows.iter().flat_map(|row| column.iter().map(move |value| with(row, value))).collect()
        }),
        By::Row | By::Rows | By::Range => {
            let count = columns.iter().map(Vec::len).min().unwrap_or(0);
            (0..count).map(|at| columns.iter().filter_map(|c| c.get(at)).collect()).collect()
        }
    }
}

fn evaluate(expr: &Expr, binds: &Binds) -> Result<Value, String> {
    if let Expr::Argument { name, .. } = expr
        && let Some(Bind::Value(value)) = binds.get(name.as_str())
    {
        return Ok(value.clone());
    }
    let mut env = Env::new(jiff::civil::DateTime::default());
    env.binds = Arc::new(binds.clone());
    let program = Program::compile(expr, &NoColumns).map_err(|error| error.message)?;
    program.run(&[], &mut env).map_err(|error| error.message)
}

fn list(expr: &Expr, binds: &Binds) -> Result<Vec<Value>, String> {
    match expr {
        Expr::Tuple(items) => items.iter().map(|item| evaluate(item, binds)).collect(),
        Expr::ListArgument(name) => of_list(name.as_str(), binds),
        other => Ok(vec![evaluate(other, binds)?]),
    }
}

/// `list`, or `list:1` for the second column of its tuples.
fn of_list(name: &str, binds: &Binds) -> Result<Vec<Value>, String> {
    let (list, column) = match name.split_once(':') {
        Some((list, column)) => (list, column.parse::<usize>().ok()),
        None => (name, None),
    };
    let Some(Bind::List(items)) = binds.get(list) else {
        return Err(format!("there is no list {name}"));
    };
    let value = |item: &Bind| match (item, column) {
        (Bind::Value(value), None) => Ok(value.clone()),
        (Bind::List(row), Some(column)) => match row.get(column) {
            Some(Bind::Value(value)) => Ok(value.clone()),
            _ => Err(format!("{name}: a row without that column")),
        },
        _ => Err(format!("{name}: tuples and single values")),
    };
    items.iter().map(value).collect()
}
