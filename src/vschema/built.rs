//! Vschemas that were built a moment ago.
//!
//! Each vtgate of a run builds what topo serves, and so does the judge; and the runs of a search
//! begin with the same vschema. Building depends on nothing but the source, the definitions that
//! are tracked and the mutants that are on, so each thread remembers the last few.
//!
//! It knows nothing of how a vschema is built.

use std::cell::RefCell;
use std::collections::VecDeque;

use crate::mutant;
use crate::vindex::Registry;
use crate::vschema::definition::Definition;
use crate::vschema::{SrvVSchema, VSchema};

/// A run's vschema, that of the run before, and what an operator makes of it, each before and after
/// its keyspaces' definitions have come.
const KEPT: usize = 16;

struct Built {
    mutants: u128,
    definitions: Vec<Definition>,
    vschema: VSchema,
}

thread_local! {
    /// The last one used is first.
    static BUILT: RefCell<VecDeque<Built>> = const { RefCell::new(VecDeque::new()) };
}

impl VSchema {
    /// As [`VSchema::build`], with Vitess's vindexes and what the definitions tell.
    pub fn build_once(source: &SrvVSchema, definitions: &[Definition]) -> VSchema {
        let mutants = mutant::all_on();
        BUILT.with(|built| {
            let mut built = built.borrow_mut();
            let is_it = |known: &Built| {
                known.mutants == mutants
                    && known.definitions == definitions
                    && known.vschema.source == *source
            };
            let known = built.iter().position(is_it).and_then(|at| built.remove(at));
            let built_now = known.unwrap_or_else(|| {
                let mut vschema = VSchema::build(source, &Registry::standard());
                vschema.track(definitions);
                Built { mutants, definitions: definitions.to_vec(), vschema }
            });
            let vschema = built_now.vschema.clone();
            built.push_front(built_now);
            built.truncate(KEPT);
            vschema
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mutant::Mutant;

    #[test]
    fn another_mutant_is_another_vschema() {
        let json = r#"{"keyspaces": {"k": {"sharded": true, "vindexes": {"v": {"type": "lookup_unique",
            "params": {"table": "k.v", "from": "a", "to": "b", "write_only": "true"}}}}}}"#;
        let source = SrvVSchema::parse(json).unwrap();
        let is_read = || {
            let built = VSchema::build_once(&source, &[]);
            let again = VSchema::build_once(&source, &[]);
            let of = |vschema: &VSchema| format!("{:?}", vschema.keyspaces);
            assert_eq!(of(&built), of(&again));
            of(&built)
        };
        let faithful = is_read();
        let _guard = mutant::switch_on(&[Mutant::WriteOnlyIsRead]);
        assert_ne!(is_read(), faithful);
    }
}
