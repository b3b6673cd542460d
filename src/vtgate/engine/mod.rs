//! Running a plan: one file a kind of primitive.
//!
//! See `go/vt/vtgate/engine`. A primitive gives an [`Outcome`]; what it sends goes through
//! [`super::scatter`], what a lookup vindex asks for through [`super::cursor`].

mod aggregate;
mod dml;
mod generate;
mod hash_join;
mod insert;
mod insert_query;
mod keyed;
pub(super) mod lock;
mod lookup;
mod mirror;
mod new_rows;
mod recurse_cte;
mod route;
mod routing;
mod rows;
pub(super) mod send;
mod transaction_status;
mod utility;
mod vindex_function;

use std::pin::Pin;
use std::sync::Arc;

use sim::eval::{Env, NoColumns, Program};
use sim::mysql::outcome::Outcome;
use sim::sql::ast::Expr;
use sim::sql_error::SqlError;
use sim::value::{Bind, Binds, Value};

use super::executor::{Run, unsupported};
use crate::key::{Code, Destination};
use crate::planner::node::Node;
use crate::planner::primitive::{Limit, Primitive, Rows};
use crate::planner::table;
use crate::planner::utility::Utility;
use crate::rpc::Status;
use crate::vindex::{Row, Vindex};

type Running<'a> = Pin<Box<dyn Future<Output = Result<Outcome, Status>> + 'a>>;

impl Run {
    /// Runs a primitive and what is below it.
    pub fn primitive<'a>(&'a self, primitive: &'a Primitive, binds: &'a Arc<Binds>) -> Running<'a> {
        Box::pin(async move {
            self.log.begin(Node::of(primitive));
            let result = match primitive {
                Primitive::Route(route) => self.route(route, binds).await,
                Primitive::VindexLookup(lookup) => self.vindex_lookup(lookup, binds).await,
                Primitive::Insert(insert) => self.insert(insert, binds).await,
                Primitive::Update(update) => self.update(update, binds).await,
                Primitive::Delete(delete) => self.delete(delete, binds).await,
                Primitive::Limit(limit) => self.limit(limit, binds).await,
                Primitive::Aggregate(aggregate) => self.aggregate(aggregate, binds).await,
                Primitive::Send(send) | Primitive::Ddl(send) => self.send(send, binds).await,
                Primitive::Rows(rows) => Ok(constant(rows)),
                Primitive::Sort(sort) => self.sort(sort, binds).await,
                Primitive::Filter(filter) => self.filter(filter, binds).await,
                Primitive::Distinct(distinct) => self.distinct(distinct, binds).await,
                Primitive::Projection(projection) => self.projection(projection, binds).await,
                Primitive::SimpleProjection(projection) => {
                    self.simple_projection(projection, binds).await
                }
                Primitive::Join(join) => self.join(join, binds).await,
                Primitive::HashJoin(join) => self.hash_join(join, binds).await,
                Primitive::RecurseCte(cte) => self.recurse_cte(cte, binds).await,
                Primitive::SemiJoin(join) => self.semi_join(join, binds).await,
                Primitive::UncorrelatedSubquery(subquery) => {
                    self.uncorrelated_subquery(subquery, binds).await
                }
                Primitive::SingleRow => Ok(table::outcome(&[], vec![Vec::new().into()])),
                Primitive::Utility(utility) => self.utility(utility, binds).await,
                other => Err(unsupported(format!("execution of {}", other.operator()))),
            };
            self.log.end(Node::of(primitive), &result);
            result
        })
    }

    async fn limit(&self, limit: &Limit, binds: &Arc<Binds>) -> Result<Outcome, Status> {
        let count = self.limit_value(&limit.count, binds)?;
        let offset = match &limit.offset {
            Some(offset) => self.limit_value(offset, binds)?,
            None => 0,
        };
        // Each shard gives as many rows as could be wanted of it alone.
        let mut below = (**binds).clone();
        let upper = match may_drop_rows(&limit.input) {
            true => Value::Int(i64::MAX),
            false => Value::Uint(count.saturating_add(offset)),
        };
        below.insert("__upper_limit".into(), Bind::Value(upper));
        let mut outcome = self.primitive(&limit.input, &Arc::new(below)).await?;
        let from = usize::try_from(offset).unwrap_or(usize::MAX).min(outcome.rows.len());
        outcome.rows.drain(..from);
        outcome.rows.truncate(usize::try_from(count).unwrap_or(usize::MAX));
        Ok(outcome)
    }

    fn limit_value(&self, expr: &Expr, binds: &Binds) -> Result<u64, Status> {
        match self.evaluate(expr, binds)? {
            Value::Int(number) if 0 <= number => Ok(number as u64),
            Value::Uint(number) => Ok(number),
            other => {
                let text = format!("requested limit is out of range: {other}");
                Err(Status::new(Code::InvalidArgument, text))
            }
        }
    }

    // ------------------------------------------------------------ values

    /// What a value of a plan is in this execution.
    pub(super) fn evaluate(&self, expr: &Expr, binds: &Binds) -> Result<Value, Status> {
        // Rows have an argument a column, and thousands of others beside it.
        if let Expr::Argument { name, .. } = expr
            && let Some(Bind::Value(value)) = binds.get(name.as_str())
        {
            return Ok(value.clone());
        }
        let now = self.process.now().to_zoned(jiff::tz::TimeZone::UTC).datetime();
        let mut env = Env::new(now);
        env.binds = Arc::new(binds.clone());
        let program = Program::compile(expr, &NoColumns).map_err(sql)?;
        program.run(&[], &mut env).map_err(sql)
    }

    /// The values of a list: a tuple, or a list bind variable.
    pub(super) fn evaluate_list(&self, expr: &Expr, binds: &Binds) -> Result<Vec<Value>, Status> {
        match expr {
            Expr::Tuple(items) => items.iter().map(|item| self.evaluate(item, binds)).collect(),
            Expr::ListArgument(name) => match binds.get(name.as_str()) {
                Some(Bind::List(items)) => items.iter().map(single).collect(),
                _ => column_of_list(name.as_str(), binds),
            },
            other => Ok(vec![self.evaluate(other, binds)?]),
        }
    }

    // ------------------------------------------------------------ vindexes

    pub(super) fn vindex(&self, keyspace: &str, name: &str) -> Result<Arc<dyn Vindex>, Status> {
        let found = self.snapshot.vschema.find_vindex(keyspace, name);
        let found = found.map_err(|error| Status::new(error.code, error.to_string()))?;
        found.ok_or_else(|| {
            let text = format!("vindex {name} not found in keyspace {keyspace}");
            Status::new(Code::NotFound, text)
        })
    }

    /// Maps rows of vindex column values to destinations.
    pub(super) async fn map(
        &self,
        vindex: &Arc<dyn Vindex>,
        rows: &[Row],
    ) -> Result<Vec<Destination>, Status> {
        if let Some(functional) = vindex.functional() {
            return functional.map(rows).map_err(super::cursor::status);
        }
        let Some(lookup) = vindex.lookup() else {
            let text = format!("vindex {} does not have Map function", vindex.name());
            return Err(Status::new(Code::Internal, text));
        };
        let ids: Vec<_> = rows.iter().filter_map(|row| row.first().cloned()).collect();
        self.converse(lookup.map(self.vindex_context(false), &ids)).await
    }

    /// The names of a destination's shards.
    pub(super) fn resolve(
        &self,
        keyspace: &str,
        destination: &Destination,
    ) -> Result<Vec<String>, Status> {
        let shards = self.snapshot.shards(keyspace)?;
        let process = self.process;
        let mut pick = |n: usize| process.choose("any shard", 0, 0..=n as u64 - 1) as usize;
        let resolved = destination.resolve(&shards, &mut pick);
        let names = resolved.map_err(|error| Status::new(error.code(), error.to_string()))?;
        Ok(names.into_iter().map(str::to_owned).collect())
    }
}

/// Whether rows get lost or change places between a limit and what is told of it: with no more
/// rows than are wanted the right ones would be missing. Vitess does not ask.
fn may_drop_rows(input: &Primitive) -> bool {
    match input {
        Primitive::Sort(_) | Primitive::Filter(_) | Primitive::HashJoin(_) => true,
        Primitive::RecurseCte(cte) => cte.distinct,
        Primitive::Distinct(distinct) => may_drop_rows(&distinct.input),
        Primitive::Projection(projection) => may_drop_rows(&projection.input),
        Primitive::SimpleProjection(projection) => may_drop_rows(&projection.input),
        Primitive::Utility(Utility::Concatenate(inputs)) => inputs.iter().any(may_drop_rows),
        _ => false,
    }
}

fn constant(rows: &Rows) -> Outcome {
    let names: Vec<&str> = rows.fields.iter().map(|(name, _)| &**name).collect();
    table::outcome(&names, rows.rows.iter().map(|row| row.clone().into()).collect())
}

fn single(bind: &Bind) -> Result<Value, Status> {
    match bind {
        Bind::Value(value) => Ok(value.clone()),
        Bind::List(_) => Err(unsupported("tuples in a list of values")),
    }
}

/// `list:1` is the second column of a list of tuples.
fn column_of_list(name: &str, binds: &Binds) -> Result<Vec<Value>, Status> {
    let found = name.split_once(':').and_then(|(list, at)| {
        let at: usize = at.parse().ok()?;
        match binds.get(list)? {
            Bind::List(rows) => Some((rows, at)),
            Bind::Value(_) => None,
        }
    });
    let Some((rows, at)) = found else { return Err(missing_bind(name)) };
    let column = |row: &Bind| match row {
        Bind::List(items) => items.get(at).map_or_else(|| Err(missing_bind(name)), single),
        Bind::Value(_) => Err(missing_bind(name)),
    };
    rows.iter().map(column).collect()
}

fn missing_bind(name: &str) -> Status {
    let text = format!("VT03026: '{name}' bind variable does not exists");
    Status::new(Code::InvalidArgument, text)
}

pub(super) fn sql(error: SqlError) -> Status {
    let text = format!("{} (errno {}) (sqlstate {})", error.message, error.errno, error.state);
    Status::new(Code::InvalidArgument, text)
}
