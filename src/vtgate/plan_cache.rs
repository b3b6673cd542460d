//! Plans, and which statements share one.
//!
//! A query or a data change is planned with bind variables in place of its literals, so that
//! `where id = 1` and `where id = 2` are one plan. The cache's key is everything that planning
//! reads; a new vschema empties it. What is explained is planned as it was written, and a test
//! binds the plans that run and compares. See `Executor.getCachedOrBuildPlan`, `engine.PlanKey`.
//!
//! Statements of other kinds are planned each time, as in Vitess. It knows nothing of running them.

use std::collections::BTreeMap;
use std::rc::Rc;
use std::sync::Arc;

use sim::sql::ast::{Comments, Query, Statement};
use sim::value::{Binds, Value};

use super::executor::{Run, planned};
use super::session::Session;
use super::{Edition, Gate};
use crate::planner::environment::Environment;
use crate::planner::normalize::parameterize;
use crate::planner::primitive::Plan;
use crate::planner::statement::Outer;
use crate::planner::{self, Context, PlanError};
use crate::rpc::Status;
use crate::topo::TabletType;

/// Everything that planning reads, beside what is the same for all of a vtgate's life.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct PlanKey {
    vschema_version: u64,
    /// Of the tables' definitions.
    definitions: u64,
    keyspace: Option<Rc<str>>,
    /// The shard target.
    destination: Option<Rc<str>>,
    tablet_type: TabletType,
    collation: String,
    foreign_key_checks: Option<bool>,
    select_limit: Option<u64>,
    /// With bind variables in place of literals.
    query: Rc<str>,
}

/// See the [module](self).
#[derive(Debug, Default)]
pub struct PlanCache {
    plans: BTreeMap<PlanKey, Arc<Plan>>,
}

impl PlanCache {
    pub fn clear(&mut self) {
        self.plans.clear();
    }

    fn get(&self, key: &PlanKey) -> Option<Arc<Plan>> {
        self.plans.get(key).cloned()
    }

    fn insert(&mut self, key: PlanKey, plan: Arc<Plan>) {
        self.plans.insert(key, plan);
    }
}

/// A plan and the values that the statement itself gives it.
pub struct Planned {
    pub plan: Arc<Plan>,
    pub binds: Arc<Binds>,
}

impl Run {
    /// Plans a client's statement.
    pub(super) fn plan_outer(&self, outer: Outer, sql: &Rc<str>) -> Result<Planned, Status> {
        match outer {
            Outer::Sql(statement) => self.plan_statement(statement, sql),
            _ => {
                let plan = self.with_context(|context| planner::build(sql, context))?;
                Ok(Planned { plan: Arc::new(plan), binds: Arc::default() })
            }
        }
    }

    fn plan_statement(&self, mut statement: Statement, sql: &Rc<str>) -> Result<Planned, Status> {
        if !is_kept(&statement) || self.session.borrow().is_on("skip_query_plan_cache", false) {
            let build = |context: &Context<'_>| planner::build_statement(statement, sql, context);
            let plan = self.with_context(build)?;
            return Ok(Planned { plan: Arc::new(plan), binds: Arc::default() });
        }
        let binds = Arc::new(parameterize::parameterize(&mut statement));
        let query: Rc<str> = statement.to_string().into();
        let plan =
            self.kept(query, |query, context| planner::build_statement(statement, query, context))?;
        Ok(Planned { plan, binds })
    }

    /// Plans a statement as it was written, for who shows the plan.
    pub(super) fn plan_as_written(&self, sql: &str) -> Result<Plan, Status> {
        self.with_context(|context| planner::build(sql, context))
    }

    /// Plans what a vindex asks for: a text that has its bind variables. The session's shard target
    /// does not count.
    pub(super) fn plan_nested(&self, sql: &Rc<str>) -> Result<Arc<Plan>, Status> {
        let shard = self.session.borrow_mut().target.shard.take();
        let plan = self.kept(Rc::clone(sql), planner::build);
        self.session.borrow_mut().target.shard = shard;
        plan
    }

    fn kept(
        &self,
        query: Rc<str>,
        build: impl FnOnce(&str, &Context<'_>) -> Result<Plan, PlanError>,
    ) -> Result<Arc<Plan>, Status> {
        let key = self.key(Rc::clone(&query));
        if let Some(plan) = self.gate.plans.borrow().get(&key) {
            return Ok(plan);
        }
        let plan = Arc::new(self.with_context(|context| build(&query, context))?);
        self.gate.plans.borrow_mut().insert(key, Arc::clone(&plan));
        Ok(plan)
    }

    fn key(&self, query: Rc<str>) -> PlanKey {
        let session = self.session.borrow();
        PlanKey {
            vschema_version: self.snapshot.version,
            definitions: self.snapshot.definitions,
            keyspace: session.target.keyspace.clone(),
            destination: session.target.shard.clone(),
            tablet_type: session.target.kind,
            collation: Environment::default().collation,
            foreign_key_checks: foreign_key_checks(&session),
            select_limit: select_limit(&session),
            query,
        }
    }

    fn with_context<T>(
        &self,
        plan: impl FnOnce(&Context<'_>) -> Result<T, PlanError>,
    ) -> Result<T, Status> {
        let environment = environment(&self.session.borrow());
        let target = self.session.borrow().target.clone();
        let context = Context {
            vschema: &self.snapshot.vschema,
            keyspace: target.keyspace.as_deref(),
            shard: target.shard.as_deref(),
            tablet_type: target.kind.name(),
            tables_header: tables_header(&self.gate),
            environment: &environment,
            trace: None,
        };
        plan(&context).map_err(planned)
    }
}

fn tables_header(gate: &Gate) -> &'static str {
    match gate.options.edition {
        Edition::V24 => "Tables_in_",
        Edition::V6 => "Tables_in_vt_",
    }
}

/// Whether a statement's plan is worth keeping.
fn is_kept(statement: &Statement) -> bool {
    let comments = match statement {
        Statement::Query(Query::Select(select)) => Some(&select.comments),
        Statement::Query(_) => None,
        Statement::Insert(insert) => Some(&insert.comments),
        Statement::Update(update) => Some(&update.comments),
        Statement::Delete(delete) => Some(&delete.comments),
        _ => return false,
    };
    !comments.is_some_and(skips_cache)
}

/// `/*vt+ SKIP_QUERY_PLAN_CACHE=1 */`.
fn skips_cache(comments: &Comments) -> bool {
    let bodies = comments.0.iter().filter_map(|comment| comment.strip_prefix("/*vt+"));
    let mut words = bodies.flat_map(|body| body.trim_end_matches("*/").split_whitespace());
    words.any(|word| {
        let (key, value) = word.split_once('=').unwrap_or((word, "1"));
        let is_on = value == "1" || value.eq_ignore_ascii_case("true");
        key.eq_ignore_ascii_case("skip_query_plan_cache") && is_on
    })
}

/// What planning reads of a session.
fn environment(session: &Session) -> Environment {
    let text = |(name, value): (&Arc<str>, &Value)| match value {
        Value::Text(text) => Some((name.to_string(), text.to_string())),
        _ => None,
    };
    Environment {
        foreign_key_checks: foreign_key_checks(session),
        select_limit: select_limit(session),
        system_settings: session.is_on("enable_system_settings", true),
        prepared: session.prepared.clone(),
        user_variables: session.user_variables.iter().filter_map(text).collect(),
        target: session.target.text.to_string(),
        ..Environment::default()
    }
}

fn foreign_key_checks(session: &Session) -> Option<bool> {
    session.settings.get("foreign_key_checks").map(|text| text != "0")
}

fn select_limit(session: &Session) -> Option<u64> {
    match session.aware.get("sql_select_limit") {
        Some(Value::Int(limit)) => u64::try_from(*limit).ok().filter(|limit| 0 < *limit),
        Some(Value::Uint(limit)) => Some(*limit).filter(|limit| 0 < *limit),
        _ => None,
    }
}
