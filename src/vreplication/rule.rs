//! A stream's rule: which columns of which rows, and what the target does with them.
//!
//! `select sku as sku, keyspace_id() as keyspace_id from corder where in_keyrange(sku,
//! 'customer.binary_md5', '-80') group by sku, keyspace_id`: the source computes the columns and
//! filters; the GROUP BY over all columns says that the first value wins (INSERT IGNORE, and
//! deletes are not replicated). See `go/vt/vttablet/tabletserver/vstreamer/planbuilder.go` and
//! `.../vreplication/table_plan_builder.go`.
//!
//! It knows nothing of streams.

use std::sync::Arc;

use sim::eval::{ColumnKind, Env, Program, Scope};
use sim::mysql::schema::Table;
use sim::sql::ast::{
    ColumnName, Expr, Function, Ident, Literal, Query, SelectItem, Statement, TableExpr,
};
use sim::sql_error::SqlError;
use sim::value::{Row, Value};

use crate::key::{Code, Destination, KeyRange, KeyspaceId};
use crate::rpc::Status;
use crate::vindex::{self, Vindex};
use crate::vschema::VSchema;

/// A rule as its text says.
#[derive(Clone, Debug)]
pub struct Rule {
    pub source_table: String,
    /// Source expression and target column.
    pub columns: Vec<(SourceColumn, Ident)>,
    pub in_keyrange: Option<InKeyrange>,
    /// Conjuncts of the filter besides `in_keyrange`.
    pub filters: Vec<Expr>,
    /// GROUP BY covers every column: the first value wins.
    pub insert_ignore: bool,
}

#[derive(Clone, Debug, PartialEq)]
pub enum SourceColumn {
    Column(Ident),
    KeyspaceId,
}

#[derive(Clone, Debug, PartialEq)]
pub struct InKeyrange {
    pub columns: Vec<Ident>,
    /// `keyspace.name`, or a type.
    pub vindex: String,
    pub range: String,
}

impl Rule {
    pub fn parse(query: &str) -> Result<Rule, Status> {
        let bad =
            |what: &str| Status::new(Code::InvalidArgument, format!("{what} in query: {query}"));
        let statement = sim::sql::parse(query).map_err(|error| {
            Status::new(Code::InvalidArgument, format!("{error} in query: {query}"))
        })?;
        let Statement::Query(Query::Select(select)) = statement else {
            return Err(bad("unsupported non-select statement"));
        };
        if select.distinct {
            return Err(bad("unsupported distinct clause"));
        }
        let [TableExpr::Table(table)] = select.from.as_slice() else {
            return Err(bad("unsupported multi-table usage"));
        };
        let mut columns = Vec::new();
        for item in &select.items {
            columns.push(column(item).ok_or_else(|| bad("unsupported select expression"))?);
        }
        let mut in_keyrange = None;
        let mut filters = Vec::new();
        for conjunct in conjuncts(select.filter.as_ref()) {
            match parse_in_keyrange(conjunct) {
                Some(parsed) => in_keyrange = Some(parsed),
                None => filters.push(conjunct.clone()),
            }
        }
        let grouped = |name: &Ident| {
            let same = |e: &Expr| matches!(e, Expr::Column(c) if c.name.is(name.as_str()));
            select.group_by.iter().any(same)
        };
        Ok(Rule {
            source_table: table.name.name.as_str().to_owned(),
            insert_ignore: !select.group_by.is_empty()
                && columns.iter().all(|(_, name)| grouped(name)),
            columns,
            in_keyrange,
            filters,
        })
    }
}

fn conjuncts(filter: Option<&Expr>) -> Vec<&Expr> {
    match filter {
        None => Vec::new(),
        Some(Expr::And(terms)) => terms.iter().collect(),
        Some(other) => vec![other],
    }
}

fn column(item: &SelectItem) -> Option<(SourceColumn, Ident)> {
    let SelectItem::Expr { expr, alias } = item else { return None };
    match expr {
        Expr::Column(ColumnName { table: None, name }) => {
            let target = alias.clone().unwrap_or_else(|| name.clone());
            Some((SourceColumn::Column(name.clone()), target))
        }
        Expr::Function(Function { name, args, .. })
            if name.is("keyspace_id") && args.is_empty() =>
        {
            Some((SourceColumn::KeyspaceId, alias.clone()?))
        }
        _ => None,
    }
}

fn parse_in_keyrange(expr: &Expr) -> Option<InKeyrange> {
    let Expr::Function(Function { name, args, .. }) = expr else { return None };
    if !name.is("in_keyrange") {
        return None;
    }
    let text = |expr: &Expr| match expr {
        Expr::Literal(Literal::String(text)) => Some(text.to_string()),
        _ => None,
    };
    let (range, rest) = args.split_last()?;
    let (vindex, columns) = rest.split_last()?;
    let name = |expr: &Expr| match expr {
        Expr::Column(column) => Some(column.name.clone()),
        _ => None,
    };
    Some(InKeyrange {
        columns: columns.iter().map(name).collect::<Option<_>>()?,
        vindex: text(vindex)?,
        range: text(range)?,
    })
}

/// A rule bound to the source's table and the served vschema.
pub struct SourcePlan {
    columns: Vec<Bound>,
    filter: Option<(Vec<usize>, Arc<dyn Vindex>, KeyRange)>,
    filters: Vec<Program>,
}

enum Bound {
    Column(usize),
    /// By these columns' values.
    KeyspaceId(Vec<usize>, Arc<dyn Vindex>),
}

/// The source table's columns, for predicates.
struct TableScope<'a>(&'a Table);

impl Scope for TableScope<'_> {
    fn resolve(&self, column: &ColumnName) -> Result<(usize, ColumnKind), SqlError> {
        let found = self.0.column(column.name.as_str());
        let at =
            found.ok_or_else(|| SqlError::unknown_column(column.name.as_str(), "where clause"))?;
        let column = &self.0.columns[at];
        Ok((at, ColumnKind::of(&column.ty, column.collation)))
    }
}

impl SourcePlan {
    /// `keyspace` is the source's.
    pub fn bind(
        rule: &Rule,
        table: &Table,
        vschema: &VSchema,
        keyspace: &str,
    ) -> Result<SourcePlan, Status> {
        let position = |name: &Ident| {
            table.column(name.as_str()).ok_or_else(|| {
                let text = format!("column {} not found in table {}", name.as_str(), table.name);
                Status::new(Code::FailedPrecondition, text)
            })
        };
        let mut columns = Vec::new();
        for (source, _) in &rule.columns {
            columns.push(match source {
                SourceColumn::Column(name) => Bound::Column(position(name)?),
                SourceColumn::KeyspaceId => {
                    let (vindex, names) = best_vindex(vschema, keyspace, &table.name)?;
                    let at = names.iter().map(|name| position(&Ident::new(name)));
                    Bound::KeyspaceId(at.collect::<Result<_, _>>()?, vindex)
                }
            });
        }
        let filter = match &rule.in_keyrange {
            None => None,
            Some(InKeyrange { columns, vindex, range }) => {
                let at = columns.iter().map(position).collect::<Result<_, _>>()?;
                let ranges = crate::key::sharding_spec::parse_sharding_spec(range);
                let ranges = ranges
                    .map_err(|error| Status::new(Code::InvalidArgument, error.to_string()))?;
                let range = ranges.into_iter().next().unwrap_or(KeyRange::COMPLETE);
                Some((at, find_vindex(vschema, vindex)?, range))
            }
        };
        let compile = |expr| Program::compile(expr, &TableScope(table));
        let filters: Result<Vec<Program>, SqlError> = rule.filters.iter().map(compile).collect();
        let filters = filters.map_err(|error| Status::new(Code::InvalidArgument, error.message))?;
        Ok(SourcePlan { columns, filter, filters })
    }

    /// The rule's columns of a source row; None where the row does not pass.
    pub fn apply(&self, row: &Row) -> Result<Option<Row>, Status> {
        let mut env = Env::new(jiff::civil::DateTime::default());
        for filter in &self.filters {
            let passes = filter.matches(row, &mut env);
            if !passes.map_err(|error| Status::new(Code::Unknown, error.message))? {
                return Ok(None);
            }
        }
        if let Some((columns, vindex, range)) = &self.filter
            && !range.contains(&map(vindex, row, columns)?)
        {
            return Ok(None);
        }
        let value = |bound: &Bound| {
            Ok(match bound {
                Bound::Column(at) => row[*at].clone(),
                Bound::KeyspaceId(columns, vindex) => {
                    Value::bytes(map(vindex, row, columns)?.as_bytes())
                }
            })
        };
        let values: Result<Vec<Value>, Status> = self.columns.iter().map(value).collect();
        Ok(Some(values?.into()))
    }
}

fn map(vindex: &Arc<dyn Vindex>, row: &Row, columns: &[usize]) -> Result<KeyspaceId, Status> {
    let values: vindex::Row = columns.iter().map(|at| (&row[*at]).into()).collect();
    let Some(functional) = vindex.functional() else {
        let text = format!("vindex must be Unique to be used for VReplication: {}", vindex.name());
        return Err(Status::new(Code::InvalidArgument, text));
    };
    let destination = functional.map_one(&values);
    let destination = destination.map_err(|error| Status::new(error.code, error.message))?;
    match destination {
        Destination::KeyspaceId(ksid) => Ok(ksid),
        other => {
            let values: Vec<String> = values.iter().map(ToString::to_string).collect();
            let text = format!(
                "could not map [{}] to a keyspace id, got destination {other}",
                values.join(" ")
            );
            Err(Status::new(Code::Unknown, text))
        }
    }
}

/// The cheapest unique vindex of a table that computes.
fn best_vindex(
    vschema: &VSchema,
    keyspace: &str,
    table: &str,
) -> Result<(Arc<dyn Vindex>, Vec<String>), Status> {
    let not_found = |text: String| Status::new(Code::Unknown, text);
    let Some(known) = vschema.keyspaces.get(keyspace) else {
        return Err(not_found(format!("keyspace {keyspace} not found in vschema")));
    };
    let Some(table) = known.tables.get(table) else {
        return Err(not_found(format!("table {table} not found")));
    };
    if table.column_vindexes.is_empty() {
        let text = format!("table {} has no vindex", table.name);
        return Err(Status::new(Code::InvalidArgument, text));
    }
    let usable = table.column_vindexes.iter().filter(|column_vindex| {
        column_vindex.unique && !column_vindex.vindex.properties().needs_vcursor
    });
    let best = usable.min_by_key(|column_vindex| column_vindex.cost).ok_or_else(|| {
        let name = &table.name;
        not_found(format!("could not find a vindex to compute keyspace id for table {name}"))
    })?;
    Ok((Arc::clone(&best.vindex), best.columns.clone()))
}

/// `keyspace.name` must exist; a bare name is a type.
fn find_vindex(vschema: &VSchema, text: &str) -> Result<Arc<dyn Vindex>, Status> {
    let missing = || Status::new(Code::Unknown, format!("vindex {text} not found"));
    let found = match text.split_once('.') {
        Some((keyspace, name)) => {
            let known = vschema.keyspaces.get(keyspace);
            known.and_then(|known| known.vindexes.get(name).cloned()).ok_or_else(missing)?
        }
        None => vindex::Registry::standard()
            .create(text, text, &vindex::Params::new())
            .map_err(|error| Status::new(error.code, error.message))?,
    };
    if !found.properties().unique {
        let text = format!("vindex must be Unique to be used for VReplication: {}", found.name());
        return Err(Status::new(Code::InvalidArgument, text));
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rule_of_a_lookup_is_read() {
        let text = "select sku as sku, keyspace_id() as keyspace_id from corder where in_keyrange(sku, 'customer.binary_md5', '-80') group by sku, keyspace_id";
        let rule = Rule::parse(text).unwrap();
        assert_eq!(rule.source_table, "corder");
        assert!(rule.insert_ignore && rule.filters.is_empty());
        assert_eq!(rule.columns[1], (SourceColumn::KeyspaceId, Ident::new("keyspace_id")));
        let keyrange = rule.in_keyrange.unwrap();
        assert_eq!(
            (keyrange.vindex.as_str(), keyrange.range.as_str()),
            ("customer.binary_md5", "-80")
        );
        assert!(!Rule::parse("select a, b from t").unwrap().insert_ignore);
        for text in ["select distinct a from t", "select a from t, u", "delete from t"] {
            assert!(Rule::parse(text).is_err(), "{text}");
        }
    }
}
