//! Vschemas that were built a moment ago.
//!
//! Each vtgate of a run builds what topo serves, and so does the judge; and the runs of a search
//! begin with the same vschema. Building depends on nothing but the source and the mutants that are
//! on, so each thread remembers the last few.
//!
//! It knows nothing of how a vschema is built.

use std::cell::RefCell;
use std::collections::VecDeque;

use crate::mutant;
use crate::vindex::Registry;
use crate::vschema::VSchema;
use crate::vschema::source::SrvVSchema;

/// A run's vschema, that of the run before, and what an operator makes of it.
const KEPT: usize = 8;

thread_local! {
    /// With the mutants that were on; the last one used is first.
    static BUILT: RefCell<VecDeque<(u128, VSchema)>> = const { RefCell::new(VecDeque::new()) };
}

impl VSchema {
    /// As [`VSchema::build`], with Vitess's vindexes.
    pub fn build_once(source: &SrvVSchema) -> VSchema {
        let mutants = mutant::all_on();
        BUILT.with(|built| {
            let mut built = built.borrow_mut();
            let is_it = |(of, known): &(u128, VSchema)| *of == mutants && known.source == *source;
            let known = built.iter().position(is_it).and_then(|at| built.remove(at));
            let (_, vschema) =
                known.unwrap_or_else(|| (mutants, VSchema::build(source, &Registry::standard())));
            built.push_front((mutants, vschema.clone()));
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
            let built = VSchema::build_once(&source);
            let again = VSchema::build_once(&source);
            let of = |vschema: &VSchema| format!("{:?}", vschema.keyspaces);
            assert_eq!(of(&built), of(&again));
            of(&built)
        };
        let faithful = is_read();
        let _guard = mutant::switch_on(&[Mutant::WriteOnlyIsRead]);
        assert_ne!(is_read(), faithful);
    }
}
