//! EXPLAIN, which MySQL answers, and VEXPLAIN, which vtgate answers.
//!
//! See `planbuilder/{explain,vexplain}.go`. It knows nothing of how the explained statement runs.

use sim::sql::ast::{Explain, Ident, Query, Statement, TableExpr, TableName, Verbatim};

use super::resolve::{self, text_rows, to_any_shard, to_one_shard, used};
use super::{Planned, Utility, keys};
use crate::key::Code;
use crate::planner::primitive::{Keyspace, Plan, Primitive};
use crate::planner::statement::{Outer, VExplainKind};
use crate::planner::walk::{self, VisitMut};
use crate::planner::{Context, PlanError, build, expression};

/// MySQL explains the statement as it would be on one server; all tables must be in one keyspace.
pub fn plan(explain: &Explain, query: &str, context: &Context<'_>) -> Result<Planned, PlanError> {
    let mut explain = explain.clone();
    let is_query = matches!(
        *explain.statement,
        Statement::Query(_) | Statement::Insert(_) | Statement::Update(_) | Statement::Delete(_)
    );
    if !is_query {
        let place = resolve::place(None, context)?;
        let destination = place.destination.unwrap_or_else(|| "AnyShard()".to_owned());
        let text = query.trim().trim_end_matches(';').to_owned();
        let statement = Statement::Verbatim { kind: Verbatim::Do, text };
        return Ok((Some(to_one_shard(place.keyspace, destination, statement)), Vec::new()));
    }
    let mut tables = Tables { context, found: Vec::new(), error: None };
    walk::statement_mut(&mut explain.statement, &mut tables);
    if let Statement::Insert(insert) = &*explain.statement {
        tables.changed(&insert.table);
    }
    if let Some(error) = tables.error {
        return Err(error);
    }
    let mut keyspace: Option<Keyspace> = None;
    for (of, _) in &tables.found {
        match &keyspace {
            Some(known) if known != of => {
                let text = "VT03031: EXPLAIN is only supported for single keyspace";
                return Err(PlanError::new(Code::Unimplemented, text));
            }
            _ => keyspace = Some(of.clone()),
        }
    }
    let names = tables.found.iter().map(|(of, name)| used(of, name)).collect();
    let keyspace = match keyspace {
        Some(keyspace) => keyspace,
        None => resolve::any_keyspace(context)?,
    };
    expression::drop_keyspaces(&mut explain.statement);
    Ok((Some(to_any_shard(keyspace, Statement::Explain(explain))), names))
}

/// The tables of a statement, by the names that it has for them; each gets its real name.
struct Tables<'a> {
    context: &'a Context<'a>,
    found: Vec<(Keyspace, String)>,
    error: Option<PlanError>,
}

impl Tables<'_> {
    /// The table that an INSERT changes keeps its name.
    fn changed(&mut self, name: &TableName) {
        match resolve::known_table(name, self.context) {
            Ok((_, place)) => self.found.push((place.keyspace, name.name.as_str().to_owned())),
            Err(error) => {
                self.error.get_or_insert(error);
            }
        }
    }

    fn dual(&mut self) {
        match resolve::any_keyspace(self.context) {
            Ok(keyspace) => self.found.push((keyspace, "dual".to_owned())),
            Err(error) => {
                self.error.get_or_insert(error);
            }
        }
    }
}

impl VisitMut for Tables<'_> {
    fn query(&mut self, query: &mut Query) -> bool {
        if matches!(query, Query::Select(select) if select.from.is_empty()) {
            self.dual();
        }
        true
    }

    fn table(&mut self, node: &mut TableExpr) -> bool {
        if let TableExpr::Table(table) = node {
            if table.name.qualifier.is_none() && table.name.name.is("dual") {
                self.dual();
                return true;
            }
            match resolve::known_table(&table.name, self.context) {
                Ok((real, place)) => {
                    let written = table.alias.as_ref().unwrap_or(&table.name.name);
                    self.found.push((place.keyspace, written.as_str().to_owned()));
                    if table.alias.is_none() && table.name.name.as_str() != real.name {
                        table.alias = Some(table.name.name.clone());
                    }
                    table.name = TableName { qualifier: None, name: Ident::new(&real.name) };
                }
                Err(error) => {
                    self.error.get_or_insert(error);
                }
            }
        }
        true
    }
}

/// VEXPLAIN: of a plan that runs, with what it sent; of one that doesn't, the plan as text.
pub fn vexplain(outer: &Outer, context: &Context<'_>) -> Result<Planned, PlanError> {
    match outer {
        Outer::ExplainVitess(statement) | Outer::VExplainPlan(statement) => {
            let plan = build(statement, context)?;
            let outcome = crate::planner::json::vexplain(&plan);
            let cell = outcome.rows.first().and_then(|row| row.first());
            let text = cell.map(|value| value.to_string()).unwrap_or_default();
            Ok((Some(text_rows(&["JSON"], vec![vec![text]])), Vec::new()))
        }
        Outer::VExplain(explain) => {
            let plan = build(&explain.statement, context)?;
            if explain.kind == VExplainKind::Keys {
                let rows = vec![vec![keys::of(&explain.statement, &plan, context)?]];
                return Ok((Some(text_rows(&["ColumnUsage"], rows)), Vec::new()));
            }
            let changes = matches!(
                plan.root,
                Some(Primitive::Insert(_) | Primitive::Update(_) | Primitive::Delete(_))
            );
            if changes && !explain.runs_changes && explain.kind != VExplainKind::Trace {
                let text = "VT09008: vexplain queries/all will actually run queries";
                return Err(PlanError::new(Code::FailedPrecondition, text));
            }
            let Plan { root, tables_used, variables, .. } = plan;
            let input = root.ok_or_else(|| PlanError::unsupported("vexplain of no plan"))?;
            let utility =
                Utility::VExplain { kind: explain.kind, input: Box::new(input), variables };
            Ok((Some(Primitive::Utility(utility)), tables_used))
        }
        _ => Err(PlanError::unsupported("this explain")),
    }
}
