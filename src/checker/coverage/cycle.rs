//! Cycles of waits that go through two servers: none of them sees more than its own part.
//!
//! ```text
//!   zone1-300   a pre     waits for  b pre
//!   zone1-400   b normal  waits for  a normal
//! ```
//!
//! It knows nothing of locks.

use std::collections::BTreeSet;

use crate::checker::live::{Waiting, session};
use crate::topo::Alias;

struct Edge<'a> {
    from: &'a str,
    to: &'a str,
    on: &'a Alias,
}

/// The sessions that wait for each other around such a cycle.
pub fn across_servers(waits: &[Waiting]) -> BTreeSet<String> {
    // Most of the time nobody waits.
    if waits.len() < 2 {
        return BTreeSet::new();
    }
    let edges: Vec<Edge> = waits
        .iter()
        .filter_map(|wait| Some((wait, session(&wait.waiter)?)))
        .flat_map(|(wait, from)| {
            let holders = wait.holders.iter().filter_map(|holder| session(holder));
            let others = holders.filter(move |to| *to != from);
            others.map(move |to| Edge { from, to, on: &wait.tablet })
        })
        .collect();
    let around = edges.iter().filter(|edge| comes_back(edge, &edges));
    around.map(|edge| edge.from.to_owned()).collect()
}

/// Whether a way leads from an edge's end to its beginning, through another server.
fn comes_back(first: &Edge, edges: &[Edge]) -> bool {
    let mut reached = BTreeSet::from([(first.to, false)]);
    loop {
        let next: Vec<(&str, bool)> = reached
            .iter()
            .flat_map(|(at, elsewhere)| {
                let on = edges.iter().filter(move |edge| edge.from == *at);
                on.map(move |edge| (edge.to, *elsewhere || edge.on != first.on))
            })
            .collect();
        let before = reached.len();
        reached.extend(next);
        if reached.contains(&(first.from, true)) {
            return true;
        }
        if reached.len() == before {
            return false;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cycle_goes_through_two_servers() {
        let wait = |tablet: u32, waiter: &str, holder: &str| Waiting {
            tablet: Alias::new("zone1", tablet),
            waiter: waiter.into(),
            holders: vec![holder.into()],
            what: String::new(),
        };
        let check = |waits: &[Waiting], expected: &[&str]| {
            let expected = expected.iter().map(ToString::to_string).collect();
            assert_eq!(across_servers(waits), expected, "{waits:?}");
        };
        check(&[wait(1, "a pre", "b pre"), wait(2, "b normal", "a normal")], &["a", "b"]);
        check(&[wait(1, "a pre", "b pre"), wait(1, "b normal", "a normal")], &[]);
        check(&[wait(1, "a pre", "b pre"), wait(2, "c normal", "a normal")], &[]);
        check(&[wait(1, "a pre", "a post"), wait(2, "a normal", "a pre")], &[]);
        let three =
            [wait(1, "a pre", "b pre"), wait(1, "b pre", "c pre"), wait(2, "c normal", "a normal")];
        check(&three, &["a", "b", "c"]);
    }
}
