//! The vindex types by name: how a vschema's `type` becomes a vindex.
//!
//! [`Registry::standard`] has Vitess's types. A custom one registers a constructor under a name of
//! its own, and from then on a vschema may use it and the planner routes with it by its properties.
//! Names are case-sensitive and have no aliases. It knows nothing of vschemas.

use std::collections::BTreeMap;
use std::sync::Arc;

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
    constructors: BTreeMap<String, Constructor>,
}

impl Registry {
    /// A registry without types.
    pub fn empty() -> Registry {
        Registry { constructors: BTreeMap::new() }
    }

    /// Vitess's types.
    pub fn standard() -> Registry {
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
        self.constructors.insert(type_name.to_string(), Arc::new(constructor));
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
