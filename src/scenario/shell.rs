//! A line of vtctlclient as a shell reads it: words, quotes, `"$(cat FILE)"`, `-server`, one `|
//! grep`.
//!
//! It knows nothing of commands.

use std::path::Path;

/// The words of the command and what a `grep` behind it looks for.
pub fn command(line: &str, folder: &Path) -> Result<(Vec<String>, Option<String>), String> {
    let words = words(line, folder)?;
    let mut words = words.into_iter();
    let mut command = Vec::new();
    let mut grep = None;
    while let Some(word) = words.next() {
        match word {
            Word::Pipe => match (words.next(), words.next(), words.next()) {
                (Some(Word::Text(grep_word)), Some(Word::Text(what)), None)
                    if grep_word == "grep" =>
                {
                    grep = Some(what);
                    break;
                }
                _ => return Err("only `| grep WORD` can follow a command".to_owned()),
            },
            Word::Text(text) => command.push(text),
        }
    }
    // `vtctlclient -server host:port` says which vtctld; there is one.
    if command.first().is_some_and(|word| word == "vtctlclient") {
        command.remove(0);
    }
    if command.first().is_some_and(|word| word.trim_start_matches('-') == "server") {
        command.drain(..2.min(command.len()));
    }
    Ok((command, grep))
}

enum Word {
    Text(String),
    Pipe,
}

fn words(line: &str, folder: &Path) -> Result<Vec<Word>, String> {
    let mut words = Vec::new();
    let mut current: Option<String> = None;
    let mut chars = line.chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            ' ' | '\t' => words.extend(current.take().map(Word::Text)),
            '|' => {
                words.extend(current.take().map(Word::Text));
                words.push(Word::Pipe);
            }
            '\'' | '"' => {
                let word = current.get_or_insert_with(String::new);
                let mut quoted = String::new();
                loop {
                    match chars.next() {
                        None => return Err(format!("a quote {c} is not closed: {line}")),
                        Some(end) if end == c => break,
                        Some('\\') if c == '"' => quoted.extend(chars.next()),
                        Some(other) => quoted.push(other),
                    }
                }
                let file = quoted.strip_prefix("$(cat ").and_then(|rest| rest.strip_suffix(')'));
                match file.filter(|_| c == '"') {
                    Some(name) => {
                        let path = folder.join(name.trim());
                        let text = std::fs::read_to_string(&path)
                            .map_err(|error| format!("{}: {error}", path.display()))?;
                        word.push_str(&text);
                    }
                    None => word.push_str(&quoted),
                }
            }
            '\\' => current.get_or_insert_with(String::new).extend(chars.next()),
            other => current.get_or_insert_with(String::new).push(other),
        }
    }
    words.extend(current.map(Word::Text));
    Ok(words)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_read_as_a_shell_reads_it() {
        let check = |line: &str, expected: &[&str], grep: Option<&str>| {
            let (words, found) = command(line, Path::new(".")).unwrap();
            assert_eq!(
                (words.as_slice(), found.as_deref()),
                (&expected.iter().map(|w| (*w).to_owned()).collect::<Vec<_>>()[..], grep),
                "{line}"
            );
        };
        check(
            "vtctlclient -server localhost:15999 ListAllTablets | grep customer",
            &["ListAllTablets"],
            Some("customer"),
        );
        check(
            "ApplySchema -sql 'create table t (a int)' ks",
            &["ApplySchema", "-sql", "create table t (a int)", "ks"],
            None,
        );
        check(
            "VReplicationExec zone1-300 \"select * from _vt.vreplication\"",
            &["VReplicationExec", "zone1-300", "select * from _vt.vreplication"],
            None,
        );
        for line in ["a 'b", "a | sort", "a | grep b c", "a \"$(cat no-such-file)\""] {
            assert!(command(line, Path::new(".")).is_err(), "{line}");
        }
    }
}
