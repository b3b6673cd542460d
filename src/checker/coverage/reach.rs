//! What a fault can reach: a client, a vtgate, a shard, by the names in its text.
//!
//! ```text
//!   crash vtgate-1                   sessions on that vtgate
//!   cut vtgate-1 zone1-0000000300    of those, who has something on that shard
//!   kill-query a list=pre            sessions of client a
//! ```
//!
//! It knows nothing of who has what.

use std::rc::Rc;

use crate::history::client_of;
use crate::topo::Alias;

/// What a fault names; nothing named is all.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Reach {
    pub client: Option<Rc<str>>,
    pub vtgate: Option<Rc<str>>,
    /// `keyspace/shard`
    pub shard: Option<Rc<str>>,
}

impl Reach {
    /// Reads a fault's text; `shard_of` says where a tablet is.
    pub fn of(fault: &str, shard_of: impl Fn(&Alias) -> Option<Rc<str>>) -> Reach {
        let mut reach = Reach::default();
        let mut words = fault.split_whitespace();
        let kind = words.next().unwrap_or_default();
        for (at, word) in words.enumerate() {
            let (key, word) = word.split_once('=').unwrap_or(("", word));
            if key == "list" {
                continue;
            }
            if word.starts_with("vtgate-") {
                reach.vtgate.get_or_insert_with(|| word.into());
            } else if let Some(shard) = shard(word, &shard_of) {
                reach.shard.get_or_insert(shard);
            } else if at == 0 && names_a_client(kind) {
                reach.client = Some(word.into());
            }
        }
        reach
    }

    /// Whether it can reach a session on this vtgate, where that is known.
    pub fn has(&self, session: &str, vtgate: Option<&str>) -> bool {
        self.client.as_deref().is_none_or(|own| own == client_of(session))
            && match (self.vtgate.as_deref(), vtgate) {
                (Some(own), Some(vtgate)) => own == vtgate,
                _ => true,
            }
    }
}

fn names_a_client(kind: &str) -> bool {
    ["disconnect", "client-timeout"].contains(&kind) || kind.starts_with("kill-")
}

/// The shard of `primary(customer/80-)`, `mysqld(customer/80-)`, `customer/80-`, or of a tablet's
/// alias with `mysqld-` before it or without.
fn shard(word: &str, shard_of: &impl Fn(&Alias) -> Option<Rc<str>>) -> Option<Rc<str>> {
    let symbol = word.strip_prefix("primary(").or_else(|| word.strip_prefix("mysqld("));
    let symbol = symbol.and_then(|rest| rest.strip_suffix(')'));
    if let Some(shard) = symbol.or(Some(word).filter(|word| word.contains('/'))) {
        return Some(shard.into());
    }
    let alias = Alias::parse(word.strip_prefix("mysqld-").unwrap_or(word))?;
    shard_of(&alias)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fault_names_what_it_reaches() {
        let check = |fault: &str, client: &str, vtgate: &str, shard: &str| {
            let reach = Reach::of(fault, |alias| {
                let known = Alias::new("zone1", 300);
                (*alias == known).then(|| Rc::from("customer/-80"))
            });
            let some = |text: &str| Some(text).filter(|text| !text.is_empty()).map(Rc::from);
            let expected = Reach { client: some(client), vtgate: some(vtgate), shard: some(shard) };
            assert_eq!(reach, expected, "{fault}");
        };
        check("crash vtgate-1", "", "vtgate-1", "");
        check("crash mysqld(customer/80-)", "", "", "customer/80-");
        check("power-off zone1-0000000300 torn=1", "", "", "customer/-80");
        check("crash mysqld-zone1-0000000300", "", "", "customer/-80");
        check("cut vtgate-2 primary(product/0)", "", "vtgate-2", "product/0");
        check("break Commit after from=vtgate-1 skip=2", "", "vtgate-1", "");
        check("kill-query a list=pre shard=customer/80-", "a", "", "customer/80-");
        check("client-timeout b 5s", "b", "", "");
        check("heal", "", "", "");
    }
}
