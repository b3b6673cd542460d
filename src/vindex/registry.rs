//! The vindex types by name: how a vschema's `type` becomes a vindex.
//!
//! [`Registry::standard`] has Vitess's types. A custom one registers a constructor under a name of
//! its own, and from then on a vschema may use it and the planner routes with it by its properties.
//! Names are case-sensitive and have no aliases. It knows nothing of vschemas.

use std::collections::BTreeMap;
use std::sync::{Arc, LazyLock};

use crate::key::quote::quote;
use crate::vindex::binary::Binary;
use crate::vindex::binary_md5::BinaryMd5;
use crate::vindex::cfc::Cfc;
use crate::vindex::hash::Hash;
use crate::vindex::lookup::{Lookup, PROFILES};
use crate::vindex::multicol::Multicol;
use crate::vindex::null::Null;
use crate::vindex::numeric::Numeric;
use crate::vindex::numeric_static_map::NumericStaticMap;
use crate::vindex::params::Params;
use crate::vindex::region_experimental::RegionExperimental;
use crate::vindex::region_json::RegionJson;
use crate::vindex::reverse_bits::ReverseBits;
use crate::vindex::unicode_loose::{KeyHash, UnicodeLoose};
use crate::vindex::xxhash::Xxhash;
use crate::vindex::{Vindex, VindexError};

/// What makes a vindex from its name, its parameters, and the types that it may be made of.
type Constructor =
    Arc<dyn Fn(&str, &Params, &Registry) -> Result<Arc<dyn Vindex>, VindexError> + Send + Sync>;

/// Constructors by type name.
#[derive(Clone)]
pub struct Registry {
    constructors: Arc<BTreeMap<String, Constructor>>,
}

/// Made once: a run asks for it again and again.
static STANDARD: LazyLock<Registry> = LazyLock::new(Registry::of_vitess);

impl Registry {
    /// A registry without types.
    pub fn empty() -> Registry {
        Registry { constructors: Arc::default() }
    }

    /// Vitess's types.
    pub fn standard() -> Registry {
        STANDARD.clone()
    }

    fn of_vitess() -> Registry {
        let mut registry = Registry::empty();
        registry.register("binary", |name, params| Ok(Arc::new(Binary::new(name, params))));
        registry.register("binary_md5", |name, params| Ok(Arc::new(BinaryMd5::new(name, params))));
        registry.register("cfc", |name, params| Ok(Arc::new(Cfc::new(name, params)?)));
        registry.register("hash", |name, params| Ok(Arc::new(Hash::new(name, params))));
        registry.register("null", |name, params| Ok(Arc::new(Null::new(name, params))));
        registry.register("numeric", |name, params| Ok(Arc::new(Numeric::new(name, params))));
        registry.register("region_experimental", |name, params| {
            Ok(Arc::new(RegionExperimental::new(name, params)?))
        });
        registry
            .register("region_json", |name, params| Ok(Arc::new(RegionJson::new(name, params)?)));
        registry
            .register("reverse_bits", |name, params| Ok(Arc::new(ReverseBits::new(name, params))));
        registry.register("unicode_loose_md5", |name, params| {
            Ok(Arc::new(UnicodeLoose::new(name, params, KeyHash::Md5)))
        });
        registry.register("unicode_loose_xxhash", |name, params| {
            Ok(Arc::new(UnicodeLoose::new(name, params, KeyHash::Xxhash)))
        });
        registry.register("xxhash", |name, params| Ok(Arc::new(Xxhash::new(name, params))));
        for profile in &PROFILES {
            registry.register(profile.type_name, |name, params| {
                Ok(Arc::new(Lookup::new(name, profile, params)?))
            });
        }
        registry.register_composite("multicol", |name, params, registry| {
            Ok(Arc::new(Multicol::new(name, params, registry)?))
        });
        registry.register_composite("numeric_static_map", |name, params, registry| {
            Ok(Arc::new(NumericStaticMap::new(name, params, registry)?))
        });
        registry
    }

    /// Adds a type, or replaces the one of that name.
    pub fn register<F>(&mut self, type_name: &str, constructor: F)
    where
        F: Fn(&str, &Params) -> Result<Arc<dyn Vindex>, VindexError> + Send + Sync + 'static,
    {
        self.register_composite(type_name, move |name, params, _| constructor(name, params));
    }

    /// Adds a type that is made of others, which it finds by name.
    pub fn register_composite<F>(&mut self, type_name: &str, constructor: F)
    where
        F: Fn(&str, &Params, &Registry) -> Result<Arc<dyn Vindex>, VindexError>
            + Send
            + Sync
            + 'static,
    {
        let constructors = Arc::make_mut(&mut self.constructors);
        constructors.insert(type_name.to_string(), Arc::new(constructor));
    }

    /// Makes a vindex.
    pub fn create(
        &self,
        type_name: &str,
        name: &str,
        params: &Params,
    ) -> Result<Arc<dyn Vindex>, VindexError> {
        match self.constructors.get(type_name) {
            Some(constructor) => constructor(name, params, self),
            None => Err(VindexError::unknown(format!(
                "vindexType {} not found",
                quote(type_name.as_bytes())
            ))),
        }
    }

    /// The names of all types, sorted.
    pub fn type_names(&self) -> impl Iterator<Item = &str> {
        self.constructors.keys().map(String::as_str)
    }
}

impl std::fmt::Debug for Registry {
    fn fmt(&self, f: &mut std::fmt::Formatter) -> std::fmt::Result {
        f.debug_set().entries(self.type_names()).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::vindex::{Kind, Row, Value};

    #[test]
    fn every_functional_type_has_its_points() {
        let registry = Registry::standard();
        let check = |type_name: &str, params: &str, row: &[(Kind, &str)], expected: &str| {
            let pairs = params.split(';').filter_map(|pair| pair.split_once('='));
            let params = pairs.map(|(name, text)| (name.to_string(), text.to_string())).collect();
            let row: Row = row.iter().map(|(kind, text)| Value::new(*kind, *text)).collect();
            let vindex = registry.create(type_name, type_name, &params);
            let mapped = vindex.and_then(|vindex| vindex.functional().unwrap().map_one(&row));
            let got = mapped.map_or_else(|error| error.to_string(), |mapped| mapped.to_string());
            assert_eq!(got.trim_start_matches("Destination"), expected, "{type_name} {row:?}");
        };
        use Kind::{Float64, Int64, Null, Varbinary, Varchar};
        check("binary", "", &[(Varchar, "test1")], "KeyspaceID(7465737431)");
        check("binary", "", &[(Null, "")], "KeyspaceID()");
        check("binary_md5", "", &[(Null, "")], "KeyspaceID(d41d8cd98f00b204e9800998ecf8427e)");
        check("hash", "", &[(Int64, "1")], "KeyspaceID(166b40b44aba4bd6)");
        check("hash", "", &[(Int64, "-1")], "KeyspaceID(355550b2150e2451)");
        check("hash", "", &[(Varchar, "-1")], "None()");
        check("hash", "", &[(Null, "")], "None()");
        check("null", "", &[(Int64, "1")], "KeyspaceID(00)");
        check("numeric", "", &[(Varchar, " 1 ")], "KeyspaceID(0000000000000001)");
        check("numeric", "", &[(Float64, "1.1")], "None()");
        check("reverse_bits", "", &[(Int64, "1")], "KeyspaceID(8000000000000000)");
        check("xxhash", "", &[(Int64, "1")], "KeyspaceID(d46405367612b4b7)");
        check("xxhash", "", &[(Null, "")], "KeyspaceID(99e9d85137db46ef)");
        check(
            "unicode_loose_md5",
            "",
            &[(Varbinary, "")],
            "KeyspaceID(d41d8cd98f00b204e9800998ecf8427e)",
        );
        check(
            "cfc",
            "hash=md5;offsets=[3,5]",
            &[(Varbinary, "12345567")],
            "KeyspaceID(202cb96c8399c5e0)",
        );
        check(
            "cfc",
            "hash=md5;offsets=[3,5]",
            &[(Varbinary, "abc")],
            "insufficient size for cfc vindex cfc. need 5, got 3",
        );
        let one = (Int64, "1");
        check("multicol", "column_count=3", &[one; 3], "KeyspaceID(166b40166b40166b)");
        check("multicol", "column_count=3", &[one], "KeyRange(166b40-166b41)");
        check("multicol", "column_count=1", &[one; 2], "None()");
        // A hash that is too short for its bytes is filled up, except the last.
        let short = "column_count=3;column_vindex=binary, binary ,binary;column_bytes=2,,1";
        check("multicol", short, &[(Varchar, "a"); 3], "KeyspaceID(6100610000000061)");
        check("region_experimental", "region_bytes=1", &[(Int64, "256")], "KeyRange(00-01)");
        check(
            "region_experimental",
            "region_bytes=2",
            &[one, one],
            "KeyspaceID(0001166b40b44aba4bd6)",
        );
        check("region_experimental", "region_bytes=2", &[one; 3], "None()");
        check("region_json", "", &[one], "open : no such file or directory");
        let map = r#"json={"1":2};fallback_type=xxhash"#;
        check("numeric_static_map", map, &[one], "KeyspaceID(0000000000000002)");
        check("numeric_static_map", map, &[(Varchar, "a")], "None()");
        check("foo", "", &[one], "vindexType \"foo\" not found");
        check("Hash", "", &[one], "vindexType \"Hash\" not found");
    }

    #[test]
    fn regions_come_from_a_file() {
        let path = std::env::temp_dir().join(format!("vindicate-regions-{}", std::process::id()));
        std::fs::write(&path, r#"{"US": 1, "far": 65537}"#).unwrap();
        let make = |bytes: &str| {
            let params = [("region_map", path.to_str().unwrap()), ("region_bytes", bytes)]
                .map(|(name, text)| (name.to_string(), text.to_string()));
            Registry::standard().create("region_json", "r", &params.into())
        };
        let map = |country: &str| {
            let row = [Value::int64(1), Value::varchar(country)];
            make("1").unwrap().functional().unwrap().map_one(&row).unwrap().to_string()
        };
        assert_eq!(map("US"), "DestinationKeyspaceID(01166b40b44aba4bd6)");
        assert_eq!(map("far"), "DestinationKeyspaceID(01166b40b44aba4bd6)");
        assert_eq!(map("us"), "DestinationNone()");
        assert_eq!(make("3").unwrap_err().message, "region_bytes must be 1 or 2: 3");
        assert_eq!(make("").unwrap_err().message, "strconv.Atoi: parsing \"\": invalid syntax");
        std::fs::remove_file(&path).unwrap();
    }
}
