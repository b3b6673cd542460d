//! The words of a scenario's line, and what is wrong with one.
//!
//! `name positional key=value`, each taken once; what is left over at the end is an error. It knows
//! nothing of commands.

use std::time::Duration;

use goldenscript::{Argument, Command};

/// What is wrong, and with which part of the line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bad {
    pub message: String,
    pub part: String,
    pub hint: Option<String>,
}

pub type Read<T> = Result<T, Bad>;

impl Bad {
    pub fn new(message: impl Into<String>, part: &str) -> Bad {
        Bad { message: message.into(), part: part.to_owned(), hint: None }
    }

    pub fn hint(mut self, hint: impl Into<String>) -> Bad {
        self.hint = Some(hint.into());
        self
    }
}

/// A command's words; what is left over at the end is an error.
pub struct Words {
    pub all: Vec<String>,
    pub positional: Vec<String>,
    pub keys: Vec<(String, String)>,
}

impl Words {
    pub fn new(command: &Command) -> Read<Words> {
        let mut words = Words { all: Vec::new(), positional: Vec::new(), keys: Vec::new() };
        for argument in &command.args {
            words.all.push(argument.to_string());
            match argument {
                Argument::Positional(word) => words.positional.push(word.clone()),
                Argument::KeyValue(key, value) => words.keys.push((key.clone(), value.clone())),
                other => {
                    return Err(Bad::new("an argument of an unknown kind", &other.to_string()));
                }
            }
        }
        words.positional.reverse();
        Ok(words)
    }

    /// Words with spaces between them, as `do='..'` holds them.
    pub fn of_text(text: &str) -> Words {
        let mut words = Words { all: Vec::new(), positional: Vec::new(), keys: Vec::new() };
        for word in text.split_whitespace() {
            match word.split_once('=') {
                Some((key, value)) => words.keys.push((key.to_owned(), value.to_owned())),
                None => words.positional.push(word.to_owned()),
            }
        }
        words.positional.reverse();
        words
    }

    pub fn next(&mut self, what: &str) -> Read<String> {
        self.positional.pop().ok_or_else(|| Bad::new(format!("{what} is missing"), ""))
    }

    pub fn key(&mut self, name: &str) -> Option<String> {
        let at = self.keys.iter().position(|(key, _)| key == name)?;
        Some(self.keys.remove(at).1)
    }

    pub fn needed(&mut self, name: &str) -> Read<String> {
        self.key(name).ok_or_else(|| Bad::new(format!("`{name}=` is missing"), ""))
    }

    pub fn number<T: std::str::FromStr>(&mut self, name: &str) -> Read<Option<T>> {
        let Some(text) = self.key(name) else { return Ok(None) };
        let number = text.parse();
        number.map(Some).map_err(|_| Bad::new(format!("`{name}` is not a number: {text}"), &text))
    }

    /// A duration that stands without a key.
    pub fn span(&mut self, what: &str) -> Read<Duration> {
        let text = self.next(what)?;
        duration(&text)
    }

    pub fn duration(&mut self, name: &str) -> Read<Option<Duration>> {
        self.key(name).map(|text| duration(&text)).transpose()
    }

    /// `done`, unless something is left over.
    pub fn finish<T>(self, done: T) -> Read<T> {
        if let Some((key, value)) = self.keys.first() {
            return Err(Bad::new(format!("unknown argument `{key}`"), &format!("{key}={value}")));
        }
        if let Some(word) = self.positional.last() {
            return Err(Bad::new(format!("unexpected argument `{word}`"), word));
        }
        Ok(done)
    }
}

/// `10ms`, `5s`, `2m`, `1h`.
pub fn duration(text: &str) -> Read<Duration> {
    let split = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let bad = || {
        Bad::new(format!("not a duration: {text}"), text)
            .hint("a duration is 10us, 10ms, 5s, 2m or 1h")
    };
    let number: u64 = text[..split].parse().map_err(|_| bad())?;
    let seconds = |factor: u64| number.checked_mul(factor).map(Duration::from_secs);
    match &text[split..] {
        "us" => Ok(Duration::from_micros(number)),
        "ms" => Ok(Duration::from_millis(number)),
        "s" => seconds(1).ok_or_else(bad),
        "m" => seconds(60).ok_or_else(bad),
        "h" => seconds(3600).ok_or_else(bad),
        _ => Err(bad()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_duration_has_a_unit() {
        assert_eq!(duration("5s"), Ok(Duration::from_secs(5)));
        assert_eq!(duration("10us"), Ok(Duration::from_micros(10)));
        for text in ["5", "s", "", "5x", "99999999999999999999s", "9999999999999999999h"] {
            assert!(duration(text).is_err(), "{text}");
        }
    }
}
