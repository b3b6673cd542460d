//! `--setup FILE`: what planning reads beside vschema and query, as data.
//!
//! The file is an entry of the manifest of the planner cases (`score.py` writes it): flags of the
//! session and the server, keys that schema tracking would find, stand-in vindex types. All of it
//! may be left out. It knows nothing of vschemas, but for what it adds to one.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value as Json;
use sim::sql::ast::{Expr, Query, SelectItem, Statement};

use crate::cli::CommandError;
use crate::cli::plan::stand_in::{Cost, StandInType};
use crate::planner::environment::Environment;
use crate::vindex::Registry;
use crate::vschema::tracked::{ForeignKey, ReferenceAction};
use crate::vschema::{SrvVSchema, TableName, VSchema};

/// A set-up as it was read.
#[derive(Clone, Debug, Default)]
pub struct Setup {
    json: Json,
}

impl Setup {
    pub fn parse(text: &str, file: &str) -> Result<Setup, CommandError> {
        let bad = |what: String| {
            CommandError::usage(format!("{file}: {what}")).hint(
                "a set-up is a JSON object with entry, keys and shared, as score.py writes it",
            )
        };
        match serde_json::from_str(text) {
            Ok(json @ Json::Object(_)) => Ok(Setup { json }),
            Ok(_) => Err(bad("expected an object".to_string())),
            Err(error) => Err(bad(error.to_string())),
        }
    }

    /// Vitess's types and the stand-ins.
    pub fn registry(&self) -> Registry {
        let mut registry = Registry::standard();
        for (name, value) in entries(self.at("/shared/test_vindex_types")) {
            let words: Vec<&str> = items(Some(value)).filter_map(Json::as_str).collect();
            let cost = match value.get(0).and_then(Json::as_i64) {
                Some(cost) => Cost::Fixed(cost),
                None => Cost::Param(0),
            };
            StandInType::parse(cost, &words).register(name, &mut registry);
        }
        registry
    }

    /// Changes the source before it is built: the collation of text columns that have none.
    pub fn prepare(&self, source: &mut SrvVSchema) {
        if !self.flag("/entry/set_text_collation") {
            return;
        }
        let tables = source.keyspaces.values_mut().flat_map(|ks| ks.tables.values_mut());
        let columns = tables.flat_map(|table| &mut table.columns);
        for column in columns.filter(|column| column.kind.is_text()) {
            if column.collation_name.is_empty() {
                column.collation_name = "latin1_swedish_ci".to_string();
            }
        }
    }

    /// Adds what schema tracking would find: views, functions, keys.
    pub fn track(&self, vschema: &mut VSchema) {
        const KEYSPACE: &str = "user";
        if vschema.keyspaces.contains_key(KEYSPACE) {
            for (name, sql) in entries(self.at("/shared/in_keyspace_user_add_view")) {
                vschema.add_view(KEYSPACE, name, sql.as_str().unwrap_or(""));
            }
            let names = items(self.at("/shared/in_keyspace_user_add_aggregate_udf"));
            for name in names.filter_map(Json::as_str) {
                vschema.track_aggregate_function(KEYSPACE, name);
            }
        }
        for key in items(self.at("/keys/primary_keys")) {
            let columns = texts(key, "columns");
            vschema.track_primary_key(text(key, "keyspace"), text(key, "table"), columns);
        }
        for key in items(self.at("/keys/foreign_keys")) {
            vschema.track_foreign_key(foreign_key(key));
        }
        for key in items(self.at("/keys/unique_keys")) {
            let parts = texts(key, "exprs").iter().filter_map(|text| expression(text)).collect();
            vschema.track_unique_key(text(key, "keyspace"), text(key, "table"), parts);
        }
    }

    /// The environment that it describes; what it leaves out is as by default.
    pub fn environment(&self, vschema: &VSchema) -> Environment {
        let default = Environment::default();
        if self.json.is_null() {
            return default;
        }
        let or = |pointer: &str, default: String| self.text(pointer).unwrap_or(default);
        let flag = |pointer: &str, default: bool| {
            self.at(pointer).and_then(Json::as_bool).unwrap_or(default)
        };
        // "main when the vschema has it".
        let any = self.text("/shared/any_keyspace").unwrap_or_default();
        let any = any.split_whitespace().next().unwrap_or("").to_string();
        let prepared = entries(self.at("/shared/prepared_statements")).map(|(name, value)| {
            let text = value.get(0).and_then(Json::as_str).unwrap_or("").to_string();
            let count = value.get(1).and_then(Json::as_u64).unwrap_or(0);
            (name.to_string(), (text, usize::try_from(count).unwrap_or(0)))
        });
        let variables = entries(self.at("/shared/user_defined_variables")).map(|(name, value)| {
            (name.to_ascii_lowercase(), value.as_str().unwrap_or("").to_string())
        });
        let databases = self
            .text("/shared/keyspace_known_to_wrapper")
            .map(|_| self.default_keyspace().into_iter().filter(|name| !name.is_empty()).collect());
        Environment {
            collation: or("/entry/connection_collation", default.collation),
            mysql_version: or("/entry/mysql_version", default.mysql_version),
            foreign_key_checks: self.at("/entry/flags/foreign_key_checks").and_then(Json::as_bool),
            select_limit: None,
            system_settings: flag("/entry/flags/sysvar_set_enabled", default.system_settings),
            views: flag("/entry/flags/views_enabled", default.views),
            prepared: prepared.collect(),
            user_variables: variables.collect::<BTreeMap<_, _>>(),
            any_keyspace: vschema.keyspaces.contains_key(&any).then_some(any),
            databases,
            shown_tables: self.shown_tables(),
            // The wrapper of Vitess's tests answers with this whatever its target is.
            target: "targetString".to_string(),
        }
    }

    /// The session's keyspace where tables are looked up, which may differ from the one that
    /// `database()` names; a session in a system schema has only the latter.
    pub fn keyspace(&self) -> Option<String> {
        self.text("/entry/vcursor_keyspace")
            .filter(|name| !name.is_empty())
            .or_else(|| self.default_keyspace())
            .filter(|name| !name.is_empty())
    }

    fn default_keyspace(&self) -> Option<String> {
        self.text("/entry/default_keyspace")
    }

    /// The session's target within its keyspace: a shard, or a range in brackets.
    pub fn shard(&self) -> Option<String> {
        let text = self.text("/entry/flags/shard_destination")?;
        let inner = |name: &str| text.strip_prefix(name)?.strip_prefix('(')?.strip_suffix(')');
        match (inner("Shard"), inner("ExactKeyRange")) {
            (Some(shard), _) => Some(shard.to_string()),
            (None, Some(range)) => Some(format!("[{range}]")),
            (None, None) => None,
        }
    }

    fn shown_tables(&self) -> Option<BTreeMap<String, BTreeSet<String>>> {
        let shown = self.at("/shared/srv_vschema_shown")?;
        let tables = |(name, keyspace): (&String, &Json)| {
            (name.clone(), texts(keyspace, "tables").into_iter().collect())
        };
        Some(entries(Some(shown)).map(tables).collect())
    }

    fn at(&self, pointer: &str) -> Option<&Json> {
        self.json.pointer(pointer)
    }

    fn text(&self, pointer: &str) -> Option<String> {
        self.at(pointer).and_then(Json::as_str).map(str::to_string)
    }

    fn flag(&self, pointer: &str) -> bool {
        self.at(pointer).and_then(Json::as_bool).unwrap_or(false)
    }
}

fn entries(json: Option<&Json>) -> impl Iterator<Item = (&String, &Json)> {
    json.and_then(Json::as_object).into_iter().flatten()
}

fn items(json: Option<&Json>) -> impl Iterator<Item = &Json> {
    json.and_then(Json::as_array).into_iter().flatten()
}

fn text<'a>(json: &'a Json, name: &str) -> &'a str {
    json.get(name).and_then(Json::as_str).unwrap_or("")
}

fn texts(json: &Json, name: &str) -> Vec<String> {
    items(json.get(name)).filter_map(Json::as_str).map(str::to_string).collect()
}

fn foreign_key(json: &Json) -> ForeignKey {
    // A foreign key may cross keyspaces: the other side then names its own.
    let keyspace = text(json, "keyspace");
    let table = |side: &str| match text(json, side).split_once('.') {
        Some((own, name)) => TableName::new(own, name),
        None => TableName::new(keyspace, text(json, side)),
    };
    let action = |name: &str| ReferenceAction::parse(text(json, name)).unwrap_or_default();
    ForeignKey {
        child: table("child_table"),
        child_columns: texts(json, "child_columns"),
        parent: table("parent_table"),
        parent_columns: texts(json, "parent_columns"),
        on_update: action("on_update"),
        on_delete: action("on_delete"),
    }
}

fn expression(text: &str) -> Option<Expr> {
    let Ok(Statement::Query(Query::Select(select))) = sim::sql::parse(&format!("select {text}"))
    else {
        return None;
    };
    match select.items.into_iter().next() {
        Some(SelectItem::Expr { expr, alias: None }) => Some(expr),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_set_up_describes_server_and_session() {
        let text = r#"{
            "entry": {"default_keyspace": "ks", "vcursor_keyspace": null, "set_text_collation": true,
                      "flags": {"shard_destination": "ExactKeyRange(-80)", "views_enabled": false,
                                "foreign_key_checks": true}},
            "keys": {"primary_keys": [{"keyspace": "ks", "table": "t", "columns": ["a", "b"]}],
                     "unique_keys": [{"keyspace": "ks", "table": "t", "exprs": ["a + 1", "b"]}]},
            "shared": {"any_keyspace": "ks when the vschema has it",
                       "prepared_statements": {"p": ["select 1", 2]},
                       "keyspace_known_to_wrapper": "only one",
                       "test_vindex_types": {"odd": [7, "unique"]}}}"#;
        let setup = Setup::parse(text, "setup.json").unwrap();
        let mut source = SrvVSchema::parse(
            r#"{"keyspaces": {"ks": {"tables": {"t": {"columns": [
                {"name": "a", "type": "VARCHAR"}, {"name": "b", "type": "INT16"}]}}}}}"#,
        )
        .unwrap();
        setup.prepare(&mut source);
        let mut vschema = VSchema::build(&source, &setup.registry());
        setup.track(&mut vschema);
        let table = vschema.find_table("ks", "t").unwrap();
        let collations: Vec<&str> =
            table.columns.iter().map(|column| column.collation_name.as_str()).collect();
        assert_eq!(collations, ["latin1_swedish_ci", ""]);
        assert_eq!(vschema.primary_key("ks", "t").unwrap(), ["a", "b"]);
        assert_eq!(vschema.unique_keys("ks", "t")[0][0].to_string(), "a + 1");
        let environment = setup.environment(&vschema);
        assert_eq!(environment.any_keyspace.as_deref(), Some("ks"));
        assert_eq!(environment.foreign_key_checks, Some(true));
        assert_eq!(environment.prepared["p"], ("select 1".to_string(), 2));
        assert_eq!(environment.databases.unwrap().into_iter().collect::<Vec<_>>(), ["ks"]);
        assert!(!environment.views && environment.system_settings);
        assert_eq!(setup.keyspace().as_deref(), Some("ks"));
        assert_eq!(setup.shard().as_deref(), Some("[-80]"));
        assert!(Setup::parse("[1]", "f").is_err());
        assert!(Setup::parse("{", "f").is_err());
    }
}
