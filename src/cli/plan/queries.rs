//! The queries to plan: arguments, files of queries, folders of such files.
//!
//! A file holds queries with semicolons between; comments of lines (`-- x`, `# x`) before a query
//! say what it is about. In a folder the files `*.sql` and `*.queries` count, in the order of their
//! names. It knows nothing of SQL beyond quotes and comments.

use std::path::{Path, PathBuf};

use crate::cli::{CommandError, read_text};

/// A query, and where it stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Query {
    pub text: String,
    /// The file, for queries from files.
    pub file: Option<PathBuf>,
    /// Counted from 1.
    pub line: usize,
}

const EXTENSIONS: [&str; 2] = ["sql", "queries"];

/// Reads what the arguments name: paths that exist, and queries.
pub fn find(arguments: &[String]) -> Result<Vec<Query>, CommandError> {
    let mut queries = Vec::new();
    for argument in arguments {
        let path = Path::new(argument);
        if path.is_dir() {
            for file in below(path)? {
                queries.extend(of_file(&file)?);
            }
        } else if path.is_file() || names_a_file(path) {
            queries.extend(of_file(path)?);
        } else {
            queries.push(Query { text: argument.clone(), file: None, line: 1 });
        }
    }
    match queries.is_empty() {
        false => Ok(queries),
        true => Err(CommandError::usage("there is no query to plan")
            .hint("give a query in quotes, a file of queries, or a folder of such files")),
    }
}

/// Whether an argument can only be a path: one word with an extension of ours.
fn names_a_file(path: &Path) -> bool {
    let extension = path.extension().and_then(|extension| extension.to_str());
    let is_one_word = path.to_str().is_some_and(|text| !text.contains(char::is_whitespace));
    is_one_word && extension.is_some_and(|extension| EXTENSIONS.contains(&extension))
}

fn of_file(path: &Path) -> Result<Vec<Query>, CommandError> {
    let text = read_text(path)?;
    let queries = split(&text).into_iter();
    Ok(queries.map(|query| Query { file: Some(path.to_path_buf()), ..query }).collect())
}

fn below(folder: &Path) -> Result<Vec<PathBuf>, CommandError> {
    let failed = |source| CommandError::Read { path: folder.to_path_buf(), source };
    let mut files = Vec::new();
    for entry in std::fs::read_dir(folder).map_err(failed)? {
        let path = entry.map_err(failed)?.path();
        if path.is_dir() {
            files.extend(below(&path)?);
        } else if names_a_file(&path) {
            files.push(path);
        }
    }
    files.sort();
    Ok(files)
}

/// The queries of a text.
pub fn split(text: &str) -> Vec<Query> {
    let mut queries = Vec::new();
    let mut scanner = Scanner { text, at: 0 };
    loop {
        scanner.skip_blanks_and_line_comments();
        let start = scanner.at;
        if start == text.len() {
            return queries;
        }
        scanner.skip_query();
        let query = text[start..scanner.at].trim_end();
        if !query.is_empty() {
            let line = 1 + text[..start].matches('\n').count();
            queries.push(Query { text: query.to_string(), file: None, line });
        }
        // The semicolon.
        scanner.at = text.len().min(scanner.at + 1);
    }
}

/// Walks over a text; it always stands at a character's first byte.
struct Scanner<'a> {
    text: &'a str,
    at: usize,
}

impl Scanner<'_> {
    fn rest(&self) -> &str {
        &self.text[self.at..]
    }

    fn skip_blanks_and_line_comments(&mut self) {
        loop {
            let rest = self.rest();
            let blanks = rest.len() - rest.trim_start().len();
            self.at += blanks;
            match self.line_comment() {
                0 => return,
                length => self.at += length,
            }
        }
    }

    /// The length of the comment that starts here.
    fn line_comment(&self) -> usize {
        let rest = self.rest();
        let is_comment = rest.starts_with('#')
            || (rest.starts_with("--") && rest[2..].chars().next().is_none_or(char::is_whitespace));
        if is_comment { rest.find('\n').unwrap_or(rest.len()) } else { 0 }
    }

    /// Goes to the query's semicolon, or to the end.
    fn skip_query(&mut self) {
        while let Some(next) = self.rest().chars().next() {
            match next {
                ';' => return,
                '\'' | '"' | '`' => self.skip_quoted(next),
                '/' if self.rest().starts_with("/*") => {
                    self.at += self.rest().find("*/").map_or(self.rest().len(), |end| end + 2);
                }
                _ => match self.line_comment() {
                    0 => self.at += next.len_utf8(),
                    length => self.at += length,
                },
            }
        }
    }

    /// Goes behind the closing quote; a doubled one closes and opens again.
    fn skip_quoted(&mut self, quote: char) {
        let mut escaped = false;
        for (at, c) in self.rest().char_indices().skip(1) {
            if c == quote && !escaped {
                self.at += at + 1;
                return;
            }
            escaped = c == '\\' && !escaped && quote != '`';
        }
        self.at = self.text.len();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn queries_end_at_semicolons() {
        let check = |text: &str, expected: &[(usize, &str)]| {
            let queries = split(text);
            let got: Vec<(usize, &str)> =
                queries.iter().map(|query| (query.line, query.text.as_str())).collect();
            assert_eq!(got, expected, "{text}");
        };
        check("", &[]);
        check(" ; ;\n", &[]);
        check("select 1", &[(1, "select 1")]);
        check("# about\n-- it\nselect 1 ;\nselect\n2;", &[(3, "select 1"), (4, "select\n2")]);
        check("select ';' ; select \";\", `;`", &[(1, "select ';'"), (1, "select \";\", `;`")]);
        check("select 'it''s;', '\\';' ; x", &[(1, "select 'it''s;', '\\';'"), (1, "x")]);
        check("select /* ; */ 1 -- ; \n ; x", &[(1, "select /* ; */ 1 -- ;"), (2, "x")]);
        check("select 1--1; x", &[(1, "select 1--1"), (1, "x")]);
        check("select 'open;", &[(1, "select 'open;")]);
    }
}
