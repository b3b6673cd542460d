//! Routing rules: a table, a shard or a keyspace answers for another; mirror rules: a table's
//! queries are also sent to another.
//!
//! A rule's key is used as it is written: `[keyspace.]table[@tablet type]`. What is wrong with a
//! rule is stored under its key and told to the query that meets it. It knows nothing of traffic.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::key::Code;
use crate::vschema::json::join;
use crate::vschema::source::{MirrorRuleSource, RoutingRuleSource};
use crate::vschema::{Problem, Table, TableName, VSchema, VSchemaError};

/// Where a routing rule leads.
#[derive(Clone, Debug)]
pub(super) enum RoutingRule {
    Table(TableName),
    View(TableName),
    /// The table may not be used.
    Disabled,
    Error(VSchemaError),
}

/// The keyspace and shard of a shard routing rule.
pub(super) type ShardRoutingKey = (String, String);

/// Where a mirror rule leads.
#[derive(Clone, Debug)]
pub(super) enum MirrorRule {
    Mirror { to: TableName, percent: f64 },
    Error(VSchemaError),
}

/// Where a table's queries are repeated, and how often.
#[derive(Clone, Debug)]
pub struct Mirror {
    pub table: Arc<Table>,
    pub percent: f64,
}

/// The tablet types that a name may end with.
const TABLET_TYPES: [&str; 9] = [
    "unknown",
    "primary",
    "replica",
    "rdonly",
    "spare",
    "experimental",
    "backup",
    "restore",
    "drained",
];

impl VSchema {
    /// The keyspace that answers for a shard of this one.
    pub fn route_shard<'a>(&'a self, keyspace: &'a str, shard: &str) -> &'a str {
        let key = (keyspace.to_string(), shard.to_string());
        self.shard_routing_rules.get(&key).map_or(keyspace, String::as_str)
    }

    /// The keyspace that answers for this one at tablets of a type.
    pub fn route_keyspace<'a>(&'a self, keyspace: &'a str, tablet_type: &str) -> &'a str {
        let bare = || self.keyspace_routing_rules.get(keyspace);
        let rule = match tablet_type {
            "" | "primary" => bare(),
            "replica" | "rdonly" => {
                self.keyspace_routing_rules.get(&format!("{keyspace}@{tablet_type}")).or_else(bare)
            }
            _ => self.keyspace_routing_rules.get(&format!("{keyspace}@{tablet_type}")),
        };
        rule.map_or(keyspace, String::as_str)
    }

    /// The table that a routing rule gives for this one, or none where there is no rule.
    pub(super) fn route_table(
        &self,
        keyspace: &str,
        name: &str,
        tablet_type: &str,
    ) -> Option<Result<Arc<Table>, VSchemaError>> {
        let rule = rule_for(&self.routing_rules, keyspace, name, tablet_type)?;
        match rule {
            RoutingRule::Table(table) => Some(self.find_table(&table.keyspace, &table.name)),
            RoutingRule::View(_) => None,
            RoutingRule::Disabled => Some(Err(VSchemaError::new(
                Code::FailedPrecondition,
                format!("table {name} has been disabled"),
            ))),
            RoutingRule::Error(error) => Some(Err(error.clone())),
        }
    }

    /// The view that a routing rule gives for this name.
    pub fn route_view(&self, keyspace: &str, name: &str, tablet_type: &str) -> Option<&TableName> {
        match rule_for(&self.routing_rules, keyspace, name, tablet_type)? {
            RoutingRule::View(view) => Some(view),
            _ => None,
        }
    }

    /// The mirror of a table.
    pub fn find_mirror(
        &self,
        keyspace: &str,
        name: &str,
        tablet_type: &str,
    ) -> Result<Option<Mirror>, VSchemaError> {
        match rule_for(&self.mirror_rules, keyspace, name, tablet_type) {
            None => Ok(None),
            Some(MirrorRule::Mirror { to, percent }) => {
                let table = self.find_table(&to.keyspace, &to.name)?;
                Ok(Some(Mirror { table, percent: *percent }))
            }
            Some(MirrorRule::Error(error)) => Err(error.clone()),
        }
    }

    pub(super) fn build_routing_rules(&mut self, problems: &mut Vec<Problem>) {
        self.routing_rules.clear();
        for (i, source) in self.source.routing_rules.clone().iter().enumerate() {
            let rule = match self.routing_rule(source) {
                Ok(rule) => rule,
                Err(error) => {
                    let pointer = join("/routing_rules/rules", i);
                    problems.push(Problem { pointer, keyspace: None, error: error.clone() });
                    RoutingRule::Error(error)
                }
            };
            self.routing_rules.insert(source.from_table.clone(), rule);
        }
    }

    fn routing_rule(&self, source: &RoutingRuleSource) -> Result<RoutingRule, VSchemaError> {
        let from = &source.from_table;
        let target = match &source.to_tables[..] {
            [_, _, ..] => {
                let targets = source.to_tables.join(" ");
                let message = format!("table {from} has more than one target: [{targets}]");
                return Err(VSchemaError::new(Code::InvalidArgument, message));
            }
            // A rule without targets takes the place of another without complaint.
            [] => return Ok(RoutingRule::Disabled),
            [target] => target,
        };
        if self.routing_rules.contains_key(from) {
            let message = format!("duplicate rule for entry {from}");
            return Err(VSchemaError::new(Code::AlreadyExists, message));
        }
        let target = TableName::parse_qualified(target)
            .map_err(|error| VSchemaError::new(Code::InvalidArgument, error.to_string()))?;
        let keyspace = self.find_keyspace(&target.keyspace)?;
        if keyspace.views.contains_key(&target.name) {
            return Ok(RoutingRule::View(target));
        }
        self.find_table(&target.keyspace, &target.name)?;
        Ok(RoutingRule::Table(target))
    }

    pub(super) fn build_shard_and_keyspace_routing(&mut self) {
        for rule in &self.source.shard_routing_rules {
            let key = (rule.from_keyspace.clone(), rule.shard.clone());
            self.shard_routing_rules.insert(key, rule.to_keyspace.clone());
        }
        for rule in &self.source.keyspace_routing_rules {
            self.keyspace_routing_rules
                .insert(rule.from_keyspace.clone(), rule.to_keyspace.clone());
        }
    }

    pub(super) fn build_mirror_rules(&mut self, problems: &mut Vec<Problem>) {
        let mut from_keyspaces: BTreeMap<String, String> = BTreeMap::new();
        let mut to_keyspaces: Vec<String> = Vec::new();
        let mut problem = |i: usize, error: &VSchemaError| {
            let pointer = join("/mirror_rules/rules", i);
            problems.push(Problem { pointer, keyspace: None, error: error.clone() });
        };
        let sources = self.source.mirror_rules.clone();
        let mut indexes: BTreeMap<String, usize> = BTreeMap::new();
        for (i, source) in sources.iter().enumerate() {
            let rule = match self.mirror_rule(source) {
                Ok((from_keyspace, to)) => {
                    to_keyspaces.push(to.keyspace.clone());
                    from_keyspaces.insert(source.from_table.clone(), from_keyspace);
                    MirrorRule::Mirror { to, percent: source.percent }
                }
                Err(error) => {
                    problem(i, &error);
                    MirrorRule::Error(error)
                }
            };
            self.mirror_rules.insert(source.from_table.clone(), rule);
            indexes.insert(source.from_table.clone(), i);
        }
        for (from_table, rule) in &mut self.mirror_rules {
            let from_keyspace = from_keyspaces.get(from_table);
            let is_chained = from_keyspace.is_some_and(|keyspace| to_keyspaces.contains(keyspace));
            if is_chained && matches!(rule, MirrorRule::Mirror { .. }) {
                let error =
                    VSchemaError::new(Code::InvalidArgument, "mirror chaining is not allowed");
                problem(indexes.get(from_table).copied().unwrap_or(0), &error);
                *rule = MirrorRule::Error(error);
            }
        }
    }

    /// The keyspace that a rule leads out of, and the table that it leads to.
    fn mirror_rule(&self, source: &MirrorRuleSource) -> Result<(String, TableName), VSchemaError> {
        let invalid = |message: String| VSchemaError::new(Code::InvalidArgument, message);
        let from_text = &source.from_table;
        if self.mirror_rules.contains_key(from_text) {
            let message = format!("from table: duplicate rule for entry '{from_text}'");
            return Err(VSchemaError::new(Code::AlreadyExists, message));
        }
        let (name, tablet_type) = split_tablet_type(from_text);
        let from = TableName::parse_qualified(name)
            .map_err(|error| invalid(format!("from table: {error}")))?;
        if let Some(tablet_type) = tablet_type.filter(|tablet_type| !is_tablet_type(tablet_type)) {
            return Err(invalid(format!("from table: invalid tablet type: '{tablet_type}'")));
        }
        let found = self.find_table(&from.keyspace, &from.name);
        let from = found.map_err(|error| prefixed("from table", error))?;
        let to_text = &source.to_table;
        if split_tablet_type(to_text).1.is_some() {
            return Err(invalid(format!(
                "to table: tablet type may not be specified: '{to_text}'"
            )));
        }
        let to = TableName::parse_qualified(to_text)
            .map_err(|error| invalid(format!("to table: {error}")))?;
        let found = self.find_table(&to.keyspace, &to.name);
        found.map_err(|error| prefixed("to table", error))?;
        if to.keyspace == from.keyspace {
            return Err(invalid(
                "to table: cannot reside in same keyspace as from table".to_string(),
            ));
        }
        Ok((from.keyspace.clone(), to))
    }
}

/// The rule for a name at tablets of a type, or else at all.
fn rule_for<'a, T>(
    rules: &'a BTreeMap<String, T>,
    keyspace: &str,
    name: &str,
    tablet_type: &str,
) -> Option<&'a T> {
    if rules.is_empty() {
        return None;
    }
    let name = TableName::new(keyspace, name).to_string();
    rules.get(&format!("{name}@{tablet_type}")).or_else(|| rules.get(&name))
}

fn split_tablet_type(text: &str) -> (&str, Option<&str>) {
    match text.rsplit_once('@') {
        Some((name, tablet_type)) => (name, Some(tablet_type)),
        None => (text, None),
    }
}

fn is_tablet_type(text: &str) -> bool {
    TABLET_TYPES.contains(&text.to_ascii_lowercase().as_str())
}

fn prefixed(what: &str, mut error: VSchemaError) -> VSchemaError {
    error.message = format!("{what}: {}", error.message);
    error
}
