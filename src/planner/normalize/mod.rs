//! Rewrites of the whole statement before anything is planned.
//!
//! In Vitess this is `go/vt/sqlparser/normalizer.go`. It makes of every statement the form that the
//! planner expects, and takes out of it what only vtgate knows:
//!
//! ```text
//!   not (a = 1)                      a != 1
//!   exists (select a from t)         exists (select 1 from t)
//!   max(distinct a)                  max(a)
//!   (select 5)                       5
//!   last_insert_id(), @@autocommit   :__lastInsertId, :__vtautocommit
//!   @v                               :__vtudvv
//!   a view                           (its select) as view
//! ```
//!
//! A select expression that changes keeps its old text as its alias, so that the client sees the
//! name that it asked for. One walk does it all, the parts of a node before the node, subqueries
//! with everything else. Replacing literals by bind variables is a step of its own:
//! [`parameterize`].
//!
//! It knows nothing of tables' columns, vindexes or plans.

pub mod hint;
pub mod parameterize;
mod rewrite;
pub mod variable;
mod walk;

pub use walk::is_system_schema;

use std::collections::BTreeSet;
use std::sync::Arc;

use sim::sql::ast::Statement;

use crate::planner::{Context, PlanError};

/// What a normalised statement needs from its session.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Normalized {
    /// The bind variables that the session fills in, without their colon: `__lastInsertId`,
    /// `__vtudvname`, `__vtautocommit`.
    pub variables: BTreeSet<Arc<str>>,
    /// `last_insert_id(x)` stands somewhere: what it sets must come back to the session.
    pub sets_last_insert_id: bool,
}

/// Rewrites a statement.
pub fn normalize(
    statement: &mut Statement,
    context: &Context<'_>,
) -> Result<Normalized, PlanError> {
    let mut normalizer = walk::Normalizer::new(statement, context);
    normalizer.statement(statement)?;
    Ok(normalizer.finish())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::planner::environment::Environment;
    use crate::vindex::Registry;
    use crate::vschema::{SrvVSchema, VSchema};

    fn vschema() -> VSchema {
        let source = r#"{"keyspaces": {"u": {"tables": {"t": {}}}, "w": {"tables": {"t": {}}}}}"#;
        let mut vschema =
            VSchema::build(&SrvVSchema::parse(source).unwrap(), &Registry::standard());
        vschema.add_view("u", "v", "select a.id from a join b on a.id = b.id");
        vschema
    }

    fn run(text: &str, keyspace: Option<&str>, checks: Option<bool>) -> (String, Normalized) {
        let environment = Environment { foreign_key_checks: checks, ..Environment::default() };
        let context = Context {
            vschema: &vschema(),
            keyspace,
            shard: None,
            tablet_type: "primary",
            tables_header: "Tables_in_",
            environment: &environment,
            trace: None,
        };
        let mut statement = sim::sql::parse(text).unwrap();
        match normalize(&mut statement, &context) {
            Ok(normalized) => (statement.to_string(), normalized),
            Err(error) => (error.message, Normalized::default()),
        }
    }

    fn check(text: &str, expected: &str) {
        assert_eq!(run(text, None, None).0, expected, "{text}");
    }

    #[test]
    fn conditions_are_turned_round() {
        check("select a from t where not (a = 1)", "select a from t where a != 1");
        check("select a from t where not (a < 1)", "select a from t where a >= 1");
        check("select a from t where not a in (1)", "select a from t where a not in (1)");
        check("select a from t where not a like 'x'", "select a from t where a not like 'x'");
        check("select a from t where not not a", "select a from t where a");
        check("select a from t where not true", "select a from t where false");
        check("select a from t where not (a <=> 1)", "select a from t where not a <=> 1");
        check("update t set a = not (b = 1)", "update t set a = b != 1");
        check(
            "select a from t where x in (select b from s where not (c != 2))",
            "select a from t where x in (select b from s where c = 2)",
        );
    }

    #[test]
    fn subqueries_become_simpler() {
        check(
            "select a from t where exists (select b, c from s group by b)",
            "select a from t where exists (select 1 from s)",
        );
        check("select a from t where exists (select max(b) from s)", "select a from t where true");
        check(
            "select a from t where exists (select b from s having b > 1)",
            "select a from t where exists (select b from s having b > 1)",
        );
        check("select (select 1 + 2) from t", "select 1 + 2 as `(select 1 + 2 from dual)` from t");
        check("select a from t where a = (select 5 from dual)", "select a from t where a = 5");
        check("select a from t where a in (select 5)", "select a from t where a in (5)");
        check("select (select a from dual) from t", "select (select a from dual) from t");
        check(
            "select a from t where a = (select 5 limit 1)",
            "select a from t where a = (select 5 from dual limit 1)",
        );
    }

    #[test]
    fn what_the_session_knows_becomes_a_bind_variable() {
        let (text, normalized) =
            run("select last_insert_id(), database(), @X, @@autocommit, @@sql_mode", None, None);
        assert_eq!(
            text,
            "select :__lastInsertId as `last_insert_id()`, :__vtdbname as `database()`, \
             :__vtudvx as `@X`, :__vtautocommit as `@@autocommit`, @@sql_mode from dual"
        );
        let names: Vec<&str> = normalized.variables.iter().map(|name| &**name).collect();
        assert_eq!(names, ["__lastInsertId", "__vtautocommit", "__vtdbname", "__vtudvx"]);
        check("select database() from t", "select database() from t");
        check("select found_rows() as n", "select :__vtfrows as n from dual");
        check("select row_count(1)", "Argument to row_count() not supported");
        check("select @a := 1", "VT12001: unsupported: Assignment expression");
        assert!(run("update t set a = last_insert_id(a + 1)", None, None).1.sets_last_insert_id);
        check("insert into t(a) values (@v)", "insert into t(a) values (:__vtudvv)");
        check("set autocommit = 1, @v = @w", "set @@session.autocommit = 1, @v = :__vtudvw");
        check("select max(distinct a) from t", "select max(a) as `max(distinct a)` from t");
        check("select count(distinct a) from t", "select count(distinct a) from t");
    }

    #[test]
    fn tables_are_views_or_of_the_system() {
        check(
            "select v.id from v join t",
            "select v.id from (select a.id from a join b on a.id = b.id) as v join t",
        );
        let system = |text: &str| run(text, Some("information_schema"), None).0;
        assert_eq!(system("select 1 from tables"), "select 1 from information_schema.`tables`");
        assert_eq!(system("select 1 from u.t"), "select 1 from u.t");
        assert_eq!(system("select 1"), "select 1 from dual");
    }

    #[test]
    fn a_session_that_says_how_keys_are_checked_says_so_in_each_statement() {
        let on = |text: &str| run(text, None, Some(true)).0;
        assert_eq!(
            on("delete from t where a in (select b from s)"),
            "delete /*+ SET_VAR(foreign_key_checks=On) */ from t where a in \
             (select /*+ SET_VAR(foreign_key_checks=On) */ b from s)"
        );
        // The statement's own word counts for all of it.
        let own = "update /*+ SET_VAR(foreign_key_checks=0) */ t set a = 1";
        assert_eq!(on(own), "update /*+ SET_VAR(foreign_key_checks=Off) */ t set a = 1");
        check(own, "update /*+ SET_VAR(foreign_key_checks=Off) */ t set a = 1");
    }
}
