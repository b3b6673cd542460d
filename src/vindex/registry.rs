//! The vindex types by name: how a vschema's `type` becomes a vindex.
//!
//! [`Registry::standard`] has Vitess's types. A custom one registers a constructor under a name of
//! its own, and from then on a vschema may use it and the planner routes with it by its properties.
//! Names are case-sensitive and have no aliases. It knows nothing of vschemas.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::key::quote::quote;
use crate::vindex::lookup::{Lookup, PROFILES};
use crate::vindex::params::Params;
use crate::vindex::{BinaryMd5, Hash, Numeric, Vindex, VindexError, Xxhash};

/// What makes a vindex from its name and its parameters.
pub type Constructor =
    Arc<dyn Fn(&str, &Params) -> Result<Arc<dyn Vindex>, VindexError> + Send + Sync>;

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
        registry.register("binary_md5", |name, params| Ok(Arc::new(BinaryMd5::new(name, params))));
        registry.register("hash", |name, params| Ok(Arc::new(Hash::new(name, params))));
        registry.register("numeric", |name, params| Ok(Arc::new(Numeric::new(name, params))));
        registry.register("xxhash", |name, params| Ok(Arc::new(Xxhash::new(name, params))));
        for profile in &PROFILES {
            registry.register(profile.type_name, |name, params| {
                Ok(Arc::new(Lookup::new(name, profile, params)?))
            });
        }
        registry
    }

    /// Adds a type, or replaces the one of that name.
    pub fn register<F>(&mut self, type_name: &str, constructor: F)
    where
        F: Fn(&str, &Params) -> Result<Arc<dyn Vindex>, VindexError> + Send + Sync + 'static,
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
            Some(constructor) => constructor(name, params),
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
