//! Primitives that work on rows alone: sort, filter, distinct, projection, subquery pulled out.
//!
//! See `engine/{memory_sort,filter,distinct,projection,uncorrelated_subquery}.go`. It knows nothing
//! of shards.

use std::collections::BTreeMap;
use std::sync::Arc;

use sim::collation::Collation;
use sim::eval::{
    ColumnKind, Env, Kind, NoColumns, Program, aggregate::sort_order, is_true, kind_of,
};
use sim::mysql::outcome::{Column, Outcome};
use sim::sql::ast::Expr;
use sim::value::{Bind, Binds, Row, Value};

use super::route::{compared, sort, truncate};
use crate::key::Code;
use crate::planner::primitive::{
    CheckColumn, Distinct, Filter, Join, JoinSide, ProjectedColumn, Projection, Pullout, SemiJoin,
    SimpleProjection, Sort, UncorrelatedSubquery,
};
use crate::rpc::Status;
use crate::vtgate::executor::Run;

impl Run {
    pub(super) async fn sort(&self, node: &Sort, binds: &Arc<Binds>) -> Result<Outcome, Status> {
        let mut outcome = self.primitive(&node.input, binds).await?;
        sort(&mut outcome, &node.order_by);
        truncate(&mut outcome, node.result_columns);
        Ok(outcome)
    }

    pub(super) async fn filter(
        &self,
        node: &Filter,
        binds: &Arc<Binds>,
    ) -> Result<Outcome, Status> {
        let mut outcome = self.primitive(&node.input, binds).await?;
        let program = Program::compile(&node.evaluated, &NoColumns).map_err(super::sql)?;
        let mut kept = Vec::new();
        for row in std::mem::take(&mut outcome.rows) {
            let mut env = self.row_env(&row, binds);
            let value = program.run(&[], &mut env).map_err(super::sql)?;
            if is_true(&value, &mut env) {
                kept.push(row);
            }
        }
        outcome.rows = kept;
        truncate(&mut outcome, node.result_columns);
        Ok(outcome)
    }

    /// The input's columns as `:0`, `:1` .., beside the statement's own variables.
    fn row_env(&self, row: &Row, binds: &Binds) -> Env {
        let now = self.process.now().to_zoned(jiff::tz::TimeZone::UTC).datetime();
        let mut env = Env::new(now);
        let mut own = binds.clone();
        for (at, value) in row.iter().enumerate() {
            own.insert(at.to_string().into(), Bind::Value(value.clone()));
        }
        env.binds = Arc::new(own);
        env
    }

    pub(super) async fn distinct(
        &self,
        node: &Distinct,
        binds: &Arc<Binds>,
    ) -> Result<Outcome, Status> {
        let mut outcome = self.primitive(&node.input, binds).await?;
        let mut env = Env::new(jiff::civil::DateTime::default());
        let mut kept: Vec<Row> = Vec::new();
        for row in std::mem::take(&mut outcome.rows) {
            let seen = kept.iter().any(|other| equal(other, &row, &node.columns, &mut env));
            if !seen {
                kept.push(row);
            }
        }
        outcome.rows = kept;
        truncate(&mut outcome, node.result_columns);
        Ok(outcome)
    }

    pub(super) async fn projection(
        &self,
        node: &Projection,
        binds: &Arc<Binds>,
    ) -> Result<Outcome, Status> {
        let input = self.primitive(&node.input, binds).await?;
        let mut rows: Vec<Row> = Vec::new();
        for row in &input.rows {
            let mut env = self.row_env(row, binds);
            let value = |column: &ProjectedColumn| {
                let program = Program::compile(&column.evaluated, &NoColumns);
                let program = program.map_err(super::sql)?;
                program.run(&[], &mut env).map_err(super::sql)
            };
            let values: Vec<Value> =
                node.columns.iter().map(value).collect::<Result<_, Status>>()?;
            rows.push(values.into());
        }
        let column = |(at, projected): (usize, &ProjectedColumn)| {
            let first = rows.first().and_then(|row| row.get(at));
            output_column(projected, &input.columns, first)
        };
        let columns: Vec<Column> = node.columns.iter().enumerate().map(column).collect();
        Ok(Outcome { columns: columns.into(), rows, ..Outcome::default() })
    }

    pub(super) async fn simple_projection(
        &self,
        node: &SimpleProjection,
        binds: &Arc<Binds>,
    ) -> Result<Outcome, Status> {
        let mut outcome = self.primitive(&node.input, binds).await?;
        if !node.columns.is_empty() {
            let pick = |row: &Row| {
                let values = node.columns.iter().filter_map(|at| row.get(*at).cloned());
                Row::from(values.collect::<Vec<Value>>())
            };
            outcome.rows = outcome.rows.iter().map(pick).collect();
            let columns = node.columns.iter().filter_map(|at| outcome.columns.get(*at).cloned());
            outcome.columns = columns.collect();
        }
        for (at, name) in &node.names {
            if let Some(column) = Arc::make_mut(&mut outcome.columns).get_mut(*at) {
                column.name = Arc::clone(name);
            }
        }
        Ok(outcome)
    }

    pub(super) async fn join(&self, node: &Join, binds: &Arc<Binds>) -> Result<Outcome, Status> {
        let left = self.primitive(&node.left, binds).await?;
        let mut joined = Outcome::default();
        let mut right_columns = None;
        for row in &left.rows {
            let right = self.primitive(&node.right, &told(&node.vars, row, binds)).await?;
            for match_ in &right.rows {
                joined.rows.push(picked(&node.columns, row, Some(match_)));
            }
            if right.rows.is_empty() && node.outer {
                joined.rows.push(picked(&node.columns, row, None));
            }
            right_columns = Some(right.columns);
        }
        let right_columns = match right_columns {
            Some(columns) => columns,
            // Nobody has asked the right; its columns are those of no row.
            None => {
                let nulls: Vec<Value> = left.columns.iter().map(|_| Value::Null).collect();
                let told = told(&node.vars, &nulls.into(), binds);
                self.primitive(&node.right, &told).await?.columns
            }
        };
        let column = |side: &JoinSide| match side {
            JoinSide::Left(at) => left.columns.get(*at).cloned(),
            JoinSide::Right(at) => right_columns.get(*at).cloned(),
        };
        joined.columns = node.columns.iter().filter_map(column).collect();
        Ok(joined)
    }

    pub(super) async fn semi_join(
        &self,
        node: &SemiJoin,
        binds: &Arc<Binds>,
    ) -> Result<Outcome, Status> {
        let mut outer = self.primitive(&node.outer, binds).await?;
        let mut kept = Vec::new();
        for row in std::mem::take(&mut outer.rows) {
            let found = self.primitive(&node.subquery, &told(&node.vars, &row, binds)).await?;
            if !found.rows.is_empty() {
                kept.push(row);
            }
        }
        outer.rows = kept;
        Ok(outer)
    }

    pub(super) async fn uncorrelated_subquery(
        &self,
        node: &UncorrelatedSubquery,
        binds: &Arc<Binds>,
    ) -> Result<Outcome, Status> {
        let inner = self.primitive(&node.subquery, binds).await?;
        let mut own = (**binds).clone();
        let first = |row: &Row| Bind::Value(row.first().cloned().unwrap_or(Value::Null));
        match node.pullout {
            Pullout::Value => {
                if 1 < inner.rows.len() {
                    let text = "subquery returned more than one row";
                    return Err(Status::new(Code::Unknown, text));
                }
                let value = inner.rows.first().map_or(Bind::Value(Value::Null), first);
                own.insert(Arc::clone(&node.argument), value);
            }
            Pullout::In | Pullout::NotIn => {
                let mut list: Vec<Bind> = inner.rows.iter().map(first).collect();
                if list.is_empty() {
                    // An empty list is no SQL; nobody reads this one.
                    list.push(Bind::Value(Value::Int(0)));
                }
                own.insert(Arc::clone(&node.argument), Bind::List(list));
            }
            Pullout::Exists | Pullout::ExistsValue => {}
        }
        if let Some(has_values) = &node.has_values {
            let has = Value::Int(i64::from(!inner.rows.is_empty()));
            own.insert(Arc::clone(has_values), Bind::Value(has));
        }
        self.primitive(&node.outer, &Arc::new(own)).await
    }
}

/// Gives columns other names, from the first on.
pub(super) fn rename(outcome: &mut Outcome, names: &[Arc<str>]) {
    if names.is_empty() {
        return;
    }
    for (column, name) in Arc::make_mut(&mut outcome.columns).iter_mut().zip(names) {
        column.name = Arc::clone(name);
    }
}

/// What the right is told of a left row.
pub(super) fn told(vars: &BTreeMap<Arc<str>, usize>, row: &Row, binds: &Binds) -> Arc<Binds> {
    let mut own = binds.clone();
    for (name, at) in vars {
        let value = row.get(*at).cloned().unwrap_or(Value::Null);
        own.insert(Arc::clone(name), Bind::Value(value));
    }
    Arc::new(own)
}

/// A column that is one of the input's keeps that one's type; another has its values'.
fn output_column(projected: &ProjectedColumn, input: &[Column], first: Option<&Value>) -> Column {
    let name = Arc::clone(&projected.name);
    if let Expr::Argument { name: offset, .. } = &projected.evaluated
        && let Some(column) = offset.0.parse().ok().and_then(|at: usize| input.get(at))
    {
        return Column { name, ..column.clone() };
    }
    let kind = match first.map(kind_of) {
        Some(kind) => ColumnKind::new(kind),
        None => Program::compile(&projected.evaluated, &NoColumns)
            .map_or(ColumnKind::new(Kind::Null), |program| program.kind()),
    };
    Column { name, table: None, original_table: None, kind, ty: None, not_null: false }
}

/// A joined row.
pub(super) fn picked(columns: &[JoinSide], left: &Row, right: Option<&Row>) -> Row {
    let value = |side: &JoinSide| match side {
        JoinSide::Left(at) => left.get(*at).cloned(),
        JoinSide::Right(at) => right.and_then(|right| right.get(*at).cloned()),
    };
    let values: Vec<Value> =
        columns.iter().map(|side| value(side).unwrap_or(Value::Null)).collect();
    values.into()
}

/// Two NULLs are one value here.
fn equal(left: &Row, right: &Row, columns: &[CheckColumn], env: &mut Env) -> bool {
    columns.iter().all(|check| {
        let of = |row| compared(row, check.column, check.weight_column);
        let collation = check.collation.as_deref().and_then(Collation::by_name);
        let collation = collation.unwrap_or(env.collation);
        sort_order(of(left), of(right), collation, env).is_eq()
    })
}
