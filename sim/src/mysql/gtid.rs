//! GTIDs, sets of them, and the text of a position.
//!
//! A transaction's GTID is the uuid of the server that first committed it and a number that this
//! server counts up. What a server has executed is a set: intervals a uuid. The set is a history of
//! the *shard*, not of a server: after a reparent it has one uuid for every server that ever was
//! primary. Containment is a partial order: of two sets neither may contain the other.
//!
//! A position is a set tagged with its flavor, `MySQL56/<set>`, as Vitess writes it. Tags inside a
//! GTID (8.4's `uuid:tag:n`) are left out. It knows nothing of transactions.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use thiserror::Error;

/// The identity of a server, 16 bytes; prints lower case 8-4-4-4-12.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ServerUuid(pub [u8; 16]);

/// One transaction's name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Gtid {
    pub server: ServerUuid,
    /// From 1.
    pub sequence: u64,
}

/// A set of GTIDs. Intervals are inclusive, ascending, and neither touch nor overlap.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct GtidSet {
    servers: BTreeMap<ServerUuid, Vec<(u64, u64)>>,
}

/// Why a text is no GTID, set or position; the words are Vitess's where it has some.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum GtidError {
    #[error("invalid MySQL 5.6 SID: {0:?}")]
    Server(String),
    #[error("invalid MySQL 5.6 GTID: {0:?}")]
    Gtid(String),
    #[error("invalid MySQL 5.6 GTID set: {0:?}")]
    Set(String),
    #[error("parse error: unknown GTIDSet flavor {0:?}")]
    Flavor(String),
}

const FLAVOR: &str = "MySQL56";

impl GtidSet {
    pub fn new() -> GtidSet {
        GtidSet::default()
    }

    pub fn is_empty(&self) -> bool {
        self.servers.is_empty()
    }

    pub fn add(&mut self, gtid: Gtid) {
        // A server counts up: mostly the last interval grows.
        let last = self.servers.get_mut(&gtid.server).and_then(|own| own.last_mut());
        if let Some(last) = last.filter(|last| last.1.checked_add(1) == Some(gtid.sequence)) {
            last.1 = gtid.sequence;
            return;
        }
        self.add_interval(gtid.server, gtid.sequence, gtid.sequence);
    }

    pub fn contains(&self, gtid: Gtid) -> bool {
        self.servers.get(&gtid.server).is_some_and(|intervals| {
            intervals.iter().any(|(low, high)| (*low..=*high).contains(&gtid.sequence))
        })
    }

    /// Vitess's AtLeast: every GTID of the other set is in this one.
    pub fn contains_set(&self, other: &GtidSet) -> bool {
        other.servers.iter().all(|(server, intervals)| {
            intervals.iter().all(|(low, high)| {
                self.servers.get(server).is_some_and(|own| {
                    own.iter().any(|(own_low, own_high)| own_low <= low && high <= own_high)
                })
            })
        })
    }

    pub fn union(&mut self, other: &GtidSet) {
        for (server, low, high) in other.intervals() {
            self.add_interval(server, low, high);
        }
    }

    /// What is in this set and not in the other.
    pub fn subtract(&self, other: &GtidSet) -> GtidSet {
        let mut rest = GtidSet::new();
        for (server, low, high) in self.intervals() {
            let mut next = low;
            for (cut_low, cut_high) in other.servers.get(&server).into_iter().flatten() {
                if *cut_high < next || high < *cut_low {
                    continue;
                }
                if next < *cut_low {
                    rest.add_interval(server, next, cut_low - 1);
                }
                next = cut_high.saturating_add(1);
            }
            if next <= high {
                rest.add_interval(server, next, high);
            }
        }
        rest
    }

    /// All but a server's own.
    pub fn without(&self, server: ServerUuid) -> GtidSet {
        let mut rest = self.clone();
        rest.servers.remove(&server);
        rest
    }

    pub fn intervals(&self) -> impl Iterator<Item = (ServerUuid, u64, u64)> + '_ {
        self.servers.iter().flat_map(|(server, intervals)| {
            intervals.iter().map(|(low, high)| (*server, *low, *high))
        })
    }

    /// The number of GTIDs in the set.
    pub fn count(&self) -> u64 {
        self.intervals().fold(0, |sum: u64, (_, low, high)| sum.saturating_add(high - low + 1))
    }

    /// The highest number of a server, 0 where the set has none of it.
    pub fn last(&self, server: ServerUuid) -> u64 {
        self.servers.get(&server).and_then(|intervals| intervals.last()).map_or(0, |last| last.1)
    }

    /// The position text, `MySQL56/<set>`; an empty set encodes as the empty text.
    pub fn encode_position(&self) -> String {
        if self.is_empty() { String::new() } else { format!("{FLAVOR}/{self}") }
    }

    pub fn decode_position(text: &str) -> Result<GtidSet, GtidError> {
        if text.is_empty() {
            return Ok(GtidSet::new());
        }
        match text.split_once('/') {
            Some((FLAVOR, set)) => set.parse(),
            Some((flavor, _)) => Err(GtidError::Flavor(flavor.to_string())),
            None => Err(GtidError::Flavor(String::new())),
        }
    }

    fn add_interval(&mut self, server: ServerUuid, low: u64, high: u64) {
        let intervals = self.servers.entry(server).or_default();
        let start = intervals.partition_point(|(_, h)| h.saturating_add(1) < low);
        let end = intervals.partition_point(|(l, _)| *l <= high.saturating_add(1));
        let merged = intervals[start..end]
            .iter()
            .fold((low, high), |sum, interval| (sum.0.min(interval.0), sum.1.max(interval.1)));
        intervals.splice(start..end, [merged]);
    }
}

impl FromStr for GtidSet {
    type Err = GtidError;

    /// Blanks around commas are trimmed, empty pieces skipped, an interval that ends before it
    /// starts dropped, a uuid that comes twice merged: as Vitess reads them.
    fn from_str(text: &str) -> Result<GtidSet, GtidError> {
        let mut set = GtidSet::new();
        for piece in text.split(',').map(str::trim).filter(|piece| !piece.is_empty()) {
            let invalid = || GtidError::Set(text.to_string());
            let (server, intervals) = piece.split_once(':').ok_or_else(invalid)?;
            let server: ServerUuid = server.trim().parse()?;
            for interval in intervals.split(':') {
                let (low, high) = interval.split_once('-').unwrap_or((interval, interval));
                let number = |digits: &str| digits.trim().parse::<u64>().map_err(|_| invalid());
                let (low, high) = (number(low)?, number(high)?);
                if low < 1 {
                    return Err(invalid());
                }
                if low <= high {
                    set.add_interval(server, low, high);
                }
            }
        }
        Ok(set)
    }
}

impl fmt::Display for GtidSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, (server, intervals)) in self.servers.iter().enumerate() {
            if 0 < index {
                f.write_str(",")?;
            }
            write!(f, "{server}")?;
            for (low, high) in intervals {
                if low == high {
                    write!(f, ":{low}")?;
                } else {
                    write!(f, ":{low}-{high}")?;
                }
            }
        }
        Ok(())
    }
}

impl FromStr for Gtid {
    type Err = GtidError;

    fn from_str(text: &str) -> Result<Gtid, GtidError> {
        let invalid = || GtidError::Gtid(text.to_string());
        let (server, sequence) = text.split_once(':').ok_or_else(invalid)?;
        let sequence: u64 = sequence.parse().map_err(|_| invalid())?;
        if sequence < 1 {
            return Err(invalid());
        }
        Ok(Gtid { server: server.parse()?, sequence })
    }
}

impl fmt::Display for Gtid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.server, self.sequence)
    }
}

impl FromStr for ServerUuid {
    type Err = GtidError;

    fn from_str(text: &str) -> Result<ServerUuid, GtidError> {
        let invalid = || GtidError::Server(text.to_string());
        let groups: Vec<&str> = text.split('-').collect();
        if groups.iter().map(|group| group.len()).ne([8, 4, 4, 4, 12]) {
            return Err(invalid());
        }
        let digits = groups.concat();
        if !digits.bytes().all(|digit| digit.is_ascii_hexdigit()) {
            return Err(invalid());
        }
        let bytes = u128::from_str_radix(&digits, 16).map_err(|_| invalid())?.to_be_bytes();
        Ok(ServerUuid(bytes))
    }
}

impl fmt::Display for ServerUuid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let hex = format!("{:032x}", u128::from_be_bytes(self.0));
        let parts = [&hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..]];
        f.write_str(&parts.join("-"))
    }
}

impl fmt::Debug for ServerUuid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const A: &str = "68da1cdd-dd03-11ea-95de-68a86d2718b0";
    const B: &str = "99999999-dd03-11ea-95de-68a86d2718b0";

    fn check(input: &str, expected: &str) {
        let input = input.replace("A", A).replace("B", B);
        let expected = expected.replace("A", A).replace("B", B);
        let printed = match input.parse::<GtidSet>() {
            Ok(set) => set.to_string(),
            Err(error) => format!("error {error}"),
        };
        assert_eq!(printed, expected, "for {input}");
    }

    #[test]
    fn sets_parse_and_print() {
        check("", "");
        check("A:1-43", "A:1-43");
        check("A:5", "A:5");
        check(" A:1-3 , ,B:7:1-2", "A:1-3,B:1-2:7");
        check("A:1-3,A:4-5", "A:1-5");
        check("A:5-3:8", "A:8");
        check("B:1,A:1", "A:1,B:1");
        check("A:0-3", "error invalid MySQL 5.6 GTID set: \"A:0-3\"");
        check("x:1", "error invalid MySQL 5.6 SID: \"x\"");
    }

    #[test]
    fn positions_carry_a_flavor() {
        let set: GtidSet = format!("{A}:1-43").parse().unwrap();
        assert_eq!(set.encode_position(), format!("MySQL56/{A}:1-43"));
        assert_eq!(GtidSet::decode_position(&set.encode_position()), Ok(set));
        assert_eq!(GtidSet::decode_position(""), Ok(GtidSet::new()));
        let error = GtidSet::decode_position(&format!("{A}:1-43")).unwrap_err();
        assert_eq!(error.to_string(), "parse error: unknown GTIDSet flavor \"\"");
    }

    #[test]
    fn containment_is_a_partial_order() {
        let old: GtidSet = format!("{A}:1-43").parse().unwrap();
        let new: GtidSet = format!("{A}:1-42,{B}:1").parse().unwrap();
        assert!(!old.contains_set(&new) && !new.contains_set(&old));
        assert_eq!(old.subtract(&new).to_string(), format!("{A}:43"));
    }

    fn small_set() -> impl Strategy<Value = GtidSet> {
        proptest::collection::vec((0..2u8, 1..20u64), 0..15).prop_map(|gtids| {
            let mut set = GtidSet::new();
            for (server, sequence) in gtids {
                set.add(Gtid { server: ServerUuid([server; 16]), sequence });
            }
            set
        })
    }

    proptest! {
        #[test]
        fn set_algebra_agrees_with_members(a in small_set(), b in small_set()) {
            let mut both = a.clone();
            both.union(&b);
            let rest = a.subtract(&b);
            for server in [0, 1].map(|byte| ServerUuid([byte; 16])) {
                for sequence in 1..21 {
                    let gtid = Gtid { server, sequence };
                    prop_assert_eq!(both.contains(gtid), a.contains(gtid) || b.contains(gtid));
                    prop_assert_eq!(rest.contains(gtid), a.contains(gtid) && !b.contains(gtid));
                }
            }
            prop_assert_eq!(a.contains_set(&b), b.subtract(&a).is_empty());
            prop_assert_eq!(both.to_string().parse::<GtidSet>(), Ok(both));
        }
    }
}
