//! The words of a command: flags with one dash or two, and the rest.
//!
//! `-name=value`, `-name value` for the flags that take one, `-name` alone for switches. `-` and
//! `_` in a flag's name are the same. It knows nothing of commands.

use std::collections::BTreeMap;

/// See the [module](self).
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Args {
    pub flags: BTreeMap<String, String>,
    pub rest: Vec<String>,
}

/// Flags whose value may be the next word.
const TAKES_VALUE: [&str; 14] = [
    "cells",
    "cell",
    "tablet_types",
    "keyspace_shard",
    "new_primary",
    "new_master",
    "sql",
    "vschema",
    "rules",
    "avoid_tablet",
    "durability_policy",
    "expected_primary",
    "ignore_replicas",
    "wait_replicas_timeout",
];

impl Args {
    pub fn parse(words: &[String]) -> Args {
        let mut args = Args::default();
        let mut words = words.iter().peekable();
        while let Some(word) = words.next() {
            // A word that begins with a dash and is no flag: a shard (`-80`), or `-` and `--`.
            let name = word.strip_prefix("--").or_else(|| word.strip_prefix('-'));
            let is_flag = |name: &str| name.starts_with(|c: char| c.is_ascii_alphabetic());
            let Some(name) = name.filter(|name| is_flag(name)) else {
                if word != "--" {
                    args.rest.push(word.clone());
                }
                continue;
            };
            let (name, value) = match name.split_once('=') {
                Some((name, value)) => (name, Some(value.to_owned())),
                None => (name, None),
            };
            let name = name.replace('-', "_");
            let value = match value {
                Some(value) => value,
                None if TAKES_VALUE.contains(&name.as_str()) => {
                    words.next().cloned().unwrap_or_default()
                }
                None => "true".to_owned(),
            };
            args.flags.insert(name, value);
        }
        args
    }

    pub fn flag(&self, name: &str) -> Option<&str> {
        self.flags.get(name).map(String::as_str)
    }

    pub fn is_set(&self, name: &str) -> bool {
        self.flag(name).is_some_and(|value| value != "false" && value != "0")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn flags_have_one_dash_or_two() {
        let check = |line: &str, flags: &[(&str, &str)], rest: &[&str]| {
            let words: Vec<String> = line.split(' ').map(str::to_owned).collect();
            let args = Args::parse(&words);
            let owned = |(a, b): &(&str, &str)| ((*a).to_owned(), (*b).to_owned());
            assert_eq!(args.flags, flags.iter().map(owned).collect(), "{line}");
            assert_eq!(args.rest, rest, "{line}");
        };
        check(
            "-tablet_types=RDONLY customer {}",
            &[("tablet_types", "RDONLY")],
            &["customer", "{}"],
        );
        check("-- --tablet-types RDONLY ks", &[("tablet_types", "RDONLY")], &["ks"]);
        check(
            "-continue_after_copy_with_owner ks",
            &[("continue_after_copy_with_owner", "true")],
            &["ks"],
        );
        check("customer -80", &[], &["customer", "-80"]);
    }
}
