//! The command line.

use std::ops::Range;
use std::time::Duration;

use crate::server::Product;

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Arguments {
    pub seeds: Range<u64>,
    pub product: Product,
    pub kind: KindName,
    /// No case begins later than this after the start.
    pub time: Option<Duration>,
    /// A file with one schedule.
    pub case: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KindName {
    Schedules,
    Programs,
    Events,
}

#[derive(Debug, thiserror::Error)]
pub enum ArgumentError {
    #[error("{0} takes a value")]
    NoValue(String),
    #[error(
        "unknown option {0}: --seeds A..B --for SECONDS --case FILE --server mysql|mariadb --kind \
         schedules|programs|events"
    )]
    Unknown(String),
    #[error("{option} cannot be {value}")]
    Value { option: String, value: String },
}

pub fn parse(words: impl Iterator<Item = String>) -> Result<Arguments, ArgumentError> {
    let mut arguments = Arguments {
        seeds: 0..100,
        product: Product::MySql,
        kind: KindName::Schedules,
        time: None,
        case: None,
    };
    let mut words = words;
    while let Some(option) = words.next() {
        let Some(value) = words.next() else { return Err(ArgumentError::NoValue(option)) };
        let bad = || ArgumentError::Value { option: option.clone(), value: value.clone() };
        match &*option {
            "--seeds" => arguments.seeds = seeds(&value).ok_or_else(bad)?,
            "--server" => {
                arguments.product = match &*value {
                    "mysql" => Product::MySql,
                    "mariadb" => Product::MariaDb,
                    _ => return Err(bad()),
                }
            }
            "--for" => {
                let seconds = value.trim_end_matches('s').parse().map_err(|_| bad())?;
                arguments.time = Some(Duration::from_secs(seconds));
            }
            "--case" => arguments.case = Some(value),
            "--kind" => {
                arguments.kind = match &*value {
                    "schedules" => KindName::Schedules,
                    "programs" => KindName::Programs,
                    "events" => KindName::Events,
                    _ => return Err(bad()),
                }
            }
            _ => return Err(ArgumentError::Unknown(option)),
        }
    }
    Ok(arguments)
}

/// `A..B` excludes B; a number alone is one seed.
fn seeds(text: &str) -> Option<Range<u64>> {
    match text.split_once("..") {
        Some((from, to)) => {
            let range = from.parse().ok()?..to.parse().ok()?;
            (range.start < range.end).then_some(range)
        }
        None => {
            let seed: u64 = text.parse().ok()?;
            Some(seed..seed.checked_add(1)?)
        }
    }
}
