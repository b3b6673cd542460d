//! Where the servers are known to part, each with its reason: an entry either normalises what both
//! say before it is compared, or allows an outcome.
//!
//! MySQL 8.4 is what the model follows. MariaDB is the second opinion; what it does otherwise is
//! listed here and nowhere else.

use crate::answer::Answer;
use crate::server::Product;

pub struct Difference {
    pub name: &'static str,
    pub reason: &'static str,
}

pub const RACE: &str = "race";

pub const KNOWN: [Difference; 2] = [
    Difference {
        name: RACE,
        reason: "several threads wake at once and interleave inside of statements: the same case \
                 on the same server ends now in this way and now in that, one of them the model's",
    },
    Difference {
        name: "nowait-errno",
        reason: "MariaDB says 1205 where MySQL has 3572 for NOWAIT",
    },
];

pub fn reason(name: &str) -> &'static str {
    KNOWN.iter().find(|known| known.name == name).map_or("", |known| known.reason)
}

/// An error number as MySQL would give it.
pub fn errno(product: Product, text: &str, errno: u16) -> u16 {
    match (product, errno) {
        (Product::MariaDb, 1205) if text.contains("nowait") => 3572,
        (Product::MariaDb, 4025) => 3819,
        (Product::MariaDb, 1969) => 3024,
        _ => errno,
    }
}

/// An answer as it is compared.
pub fn shown(product: Product, text: &str, answer: &Answer) -> String {
    match answer.errno() {
        Some(number) => format!("ERROR {}", errno(product, text, number)),
        None => answer.to_string(),
    }
}

/// The known difference that a report of a schedule shows, if it is one.
pub fn known(_product: Product, _told: &str) -> Option<&'static str> {
    None
}
