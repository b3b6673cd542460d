//! Mirror rules: some of a table's queries are asked a second time elsewhere.
//!
//! ```text
//!   ks.t is mirrored to other.t by 2 %
//!   select id from ks.t  ->  Mirror 2 % { Route ks, Route other }
//! ```
//!
//! What a query means is settled with the tables that it names; only then is it planned twice. The
//! lowest percentage of its tables counts. See `operators/mirror.go`.
//!
//! It knows nothing of when a query is asked twice.

use super::Context;
use super::primitive::Primitive;
use super::select::Planned;
use super::semantics::Semantics;
use super::semantics::tables::Source;
use super::utility::{Mirror, Utility};
use crate::vschema::{Table, routing};

/// A statement's tables as the mirrored plan has them.
pub struct Mirrored {
    pub percent: f64,
    pub semantics: Semantics,
}

/// None where no table is mirrored.
pub fn of(semantics: &Semantics, context: &Context<'_>) -> Option<Mirrored> {
    let is_mirrored = semantics.tables.iter().any(|table| match &table.source {
        Source::Real(real) => rule(&real.table, context).is_some(),
        _ => false,
    });
    if !is_mirrored {
        return None;
    }
    let mut mirrored = semantics.clone();
    let mut percent: Option<f64> = None;
    for table in &mut mirrored.tables {
        let Source::Real(real) = &mut table.source else { continue };
        let Some(rule) = rule(&real.table, context) else { continue };
        percent = Some(percent.map_or(rule.percent, |known| known.min(rule.percent)));
        real.table = rule.table;
    }
    percent.map(|percent| Mirrored { percent, semantics: mirrored })
}

/// A rule that is wrong in itself, or of no percent, is none.
pub fn rule(table: &Table, context: &Context<'_>) -> Option<routing::Mirror> {
    let rule = context.vschema.find_mirror(&table.keyspace, &table.name, context.tablet_type);
    rule.ok().flatten().filter(|rule| rule.percent > 0.0)
}

/// Both plans as one.
pub fn both(percent: f64, plan: Planned, mirrored: Planned) -> Planned {
    let ((Some(plan), mut used), (Some(mirrored), more)) = (plan, mirrored) else {
        return (None, Vec::new());
    };
    used.extend(more);
    used.sort();
    used.dedup();
    let mirror = Mirror { percent, input: plan, mirrored };
    (Some(Primitive::Utility(Utility::Mirror(Box::new(mirror)))), used)
}

#[cfg(test)]
mod tests {
    use crate::planner::environment::Environment;
    use crate::planner::{Context, build, json};
    use crate::vindex::Registry;
    use crate::vschema::{SrvVSchema, VSchema};

    const VSCHEMA: &str = r#"{"keyspaces": {
        "app": {"sharded": true, "vindexes": {"hash": {"type": "hash"}}, "tables": {
            "person": {"column_vindexes": [{"column": "id", "name": "hash"}]}}},
        "old": {"tables": {"man": {}, "note": {}, "none": {}}},
        "new": {"tables": {"note": {}, "none": {}}}},
      "mirror_rules": {"rules": [
        {"from_table": "old.man", "to_table": "app.person", "percent": 5},
        {"from_table": "old.note", "to_table": "new.note", "percent": 2.5},
        {"from_table": "old.none", "to_table": "new.none", "percent": 0}]}}"#;

    /// The percentage and both texts, or the operator where nothing is mirrored.
    fn plan(query: &str) -> String {
        let vschema = VSchema::build(&SrvVSchema::parse(VSCHEMA).unwrap(), &Registry::standard());
        let context = Context {
            vschema: &vschema,
            keyspace: Some("old"),
            shard: None,
            tablet_type: "primary",
            tables_header: "",
            environment: &Environment::default(),
            trace: None,
        };
        let plan = json::plan(&build(query, &context).unwrap());
        let root = &plan["Instructions"];
        let text = |at: usize| root["Inputs"][at]["Query"].as_str().unwrap_or("no route");
        match root["OperatorType"].as_str() {
            Some("Mirror") => format!("{} % of {} | {}", root["Percent"], text(0), text(1)),
            other => other.unwrap_or_default().to_string(),
        }
    }

    #[test]
    fn queries_of_mirrored_tables_are_planned_twice() {
        for (query, expected) in [
            (
                "select id from man where id = 1",
                "5 % of select id from man where id = 1 | \
                 select id from person as man where id = 1",
            ),
            ("select id from note", "2.5 % of select id from note | select id from note"),
            (
                "select m.id from man m, note n",
                "2.5 % of select m.id from man as m, note as n | no route",
            ),
            ("select id from none", "Route"),
            ("select id from person", "Route"),
            ("delete from man where id = 1", "Delete"),
        ] {
            assert_eq!(plan(query), expected, "{query}");
        }
    }
}
