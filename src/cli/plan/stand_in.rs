//! Vindex types that exist in name only: what a `--setup` says of a type is all that planning
//! needs.
//!
//! Vitess's planner tests register such types (`hash_test`, `multiCol_test` ..); here they come as
//! data. See `go/vt/vtgate/planbuilder/vindex_test.go`. It knows nothing of plans, and maps no
//! value.

use std::sync::Arc;

use crate::vindex::lookup::{Lookup, PROFILES};
use crate::vindex::{Columns, LookupProperties, Params, Properties, Registry, Vindex, VindexError};

/// What a set-up says of a type.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StandInType {
    pub cost: Cost,
    pub unique: bool,
    pub lookup: bool,
    /// Whether a SELECT plans the lookup as a query of its own.
    pub planable: bool,
    pub multi_column: bool,
    pub partial: bool,
    /// Whether the parameter `write_only` keeps routing away.
    pub backfills: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cost {
    Fixed(i64),
    /// The parameter `cost`, or this where it is absent.
    Param(i64),
}

impl StandInType {
    /// Reads words such as `non-unique lookup planable`, `param write_only=backfill`.
    pub fn parse(cost: Cost, words: &[&str]) -> StandInType {
        let all: Vec<&str> = words.iter().flat_map(|text| text.split([' ', ','])).collect();
        let has = |word: &str| all.contains(&word);
        StandInType {
            cost,
            unique: has("unique"),
            lookup: has("lookup"),
            planable: has("planable"),
            multi_column: has("multicolumn"),
            partial: has("partial"),
            backfills: has("write_only=backfill"),
        }
    }

    /// Makes the type known under a name.
    pub fn register(self, type_name: &str, registry: &mut Registry) {
        registry.register(type_name, move |name, params| {
            Ok(Arc::new(StandIn::new(name, &self, params)?))
        });
    }

    fn properties(&self, params: &Params) -> Properties {
        let given = params.get("cost").and_then(|text| text.parse().ok());
        let columns = match self.multi_column {
            true => Columns::Multi { max: 8, partial: self.partial },
            false => Columns::Single,
        };
        let backfilling = self.backfills && params.contains_key("write_only");
        let lookup = LookupProperties { planable: self.planable, backfilling, wants_owner: false };
        Properties {
            cost: match self.cost {
                Cost::Fixed(cost) => cost,
                Cost::Param(default) => given.unwrap_or(default),
            },
            unique: self.unique,
            needs_vcursor: self.lookup,
            columns,
            lookup: self.lookup.then_some(lookup),
            ..Properties::FUNCTIONAL
        }
    }
}

#[derive(Debug)]
struct StandIn {
    name: String,
    properties: Properties,
    lookup: Option<Lookup>,
}

impl StandIn {
    fn new(name: &str, of: &StandInType, params: &Params) -> Result<StandIn, VindexError> {
        let profile = PROFILES.iter().find(|profile| {
            profile.type_name == if of.unique { "lookup_unique" } else { "lookup" }
        });
        let lookup = match profile.filter(|_| of.planable) {
            Some(profile) => Some(Lookup::new(name, profile, &known(params))?),
            None => None,
        };
        Ok(StandIn { name: name.to_string(), properties: of.properties(params), lookup })
    }
}

/// The parameters that say where the lookup's table is; a stand-in takes any others as they come.
fn known(params: &Params) -> Params {
    let names = ["table", "from", "to"];
    let known = params.iter().filter(|(name, _)| names.contains(&name.as_str()));
    known.map(|(name, text)| (name.clone(), text.clone())).collect()
}

impl Vindex for StandIn {
    fn name(&self) -> &str {
        &self.name
    }

    fn properties(&self) -> Properties {
        self.properties
    }

    fn lookup(&self) -> Option<&Lookup> {
        self.lookup.as_ref()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_say_what_a_type_is() {
        let check = |cost: Cost, words: &[&str], params: &[(&str, &str)], expected: &str| {
            let mut registry = Registry::empty();
            StandInType::parse(cost, words).register("x", &mut registry);
            let params =
                params.iter().map(|(name, text)| (name.to_string(), text.to_string())).collect();
            let vindex = registry.create("x", "v", &params).unwrap();
            let Properties { cost, unique, lookup, columns, .. } = vindex.properties();
            let query = vindex.lookup().map(|lookup| lookup.query().1.to_string());
            let backfilling = lookup.map(|lookup| lookup.backfilling);
            let text = format!("{cost} unique={unique} {backfilling:?} {query:?} {columns:?}");
            assert_eq!(text, expected, "{words:?}");
        };
        use Cost::{Fixed, Param};
        check(Fixed(1), &["unique"], &[], "1 unique=true None None Single");
        check(Fixed(2), &["unique lookup"], &[], "2 unique=true Some(false) None Single");
        check(
            Fixed(3),
            &["non-unique lookup planable", "param write_only=backfill"],
            &[("from", "name"), ("write_only", "true"), ("other", "x")],
            "3 unique=false Some(true) Some(\"name\") Single",
        );
        check(
            Fixed(1),
            &["unique multicolumn, partial"],
            &[],
            "1 unique=true None None Multi { max: 8, partial: true }",
        );
        check(
            Param(0),
            &["IsUnique() is FALSE despite its name, lookup planable"],
            &[("from", "a,b"), ("cost", "300")],
            "300 unique=false Some(false) Some(\"a\") Single",
        );
    }
}
