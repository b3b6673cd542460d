//! House rules that no compiler knows, read from the source.
//!
//! Module direction, who may name which library, one spot a mutant, words and lengths that don't
//! belong. Each rule is a function from texts to complaints, so that it is tested on texts that
//! break it.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

/// Modules of `src/`: each may use those before it.
///
/// `sql_text` and `report` are leaves that several use: texts in, texts out.
const ORDER: [&str; 23] = [
    "key",
    "sql_text",
    "report",
    "history",
    "mutant",
    "vindex",
    "vschema",
    "planner",
    "topo",
    "rpc",
    "vreplication",
    "vttablet",
    "vtgate",
    "vtctl",
    "cluster",
    "workload",
    "checker",
    "scenario",
    "fuzz",
    "cli",
    "main",
    "lib",
    "",
];

/// Uses against the order, each with its reason.
const EXCEPTIONS: [(&str, &str); 1] = [
    // A tablet's alias is a name; the history says which tablet, and asks topo nothing.
    ("history", "topo"),
];

/// What the judge may read: data, keys and the functional vindexes. Nothing that is judged.
const CHECKER_MAY_USE: [&str; 6] = ["key", "history", "vindex", "vschema", "topo", "checker"];

#[test]
fn modules_use_what_stands_before_them() {
    none(sources().iter().filter(|source| source.is_below("src")).flat_map(direction));
}

#[test]
fn the_judge_shares_no_code_with_the_accused() {
    none(sources().iter().filter(|source| source.is_below("src/checker")).flat_map(judge));
}

#[test]
fn libraries_are_named_in_their_place() {
    none(sources().iter().flat_map(libraries));
}

#[test]
fn each_mutant_is_asked_for_once() {
    let sources = sources();
    let registry = sources.iter().find(|source| source.path == Path::new("src/mutant.rs"));
    let variants = variants(&registry.expect("src/mutant.rs is there").code);
    assert_eq!(variants.len(), vindicate::mutant::Mutant::ALL.len(), "variants of Mutant");
    let others: Vec<&Source> = sources
        .iter()
        .filter(|source| source.is_below("src") && source.path != Path::new("src/mutant.rs"))
        .collect();
    none(mutants(&variants, &others));
}

#[test]
fn words_that_do_not_belong() {
    none(sources().iter().flat_map(words));
}

#[test]
fn lines_are_not_long() {
    none(sources().iter().flat_map(long_lines));
}

#[test]
fn scenarios_are_scenarios() {
    none(files(Path::new("scenarios")).iter().filter_map(|path| {
        let text = std::fs::read_to_string(root().join(path)).ok()?;
        scenario(path, &text)
    }));
}

fn none(complaints: impl IntoIterator<Item = String>) {
    let complaints: Vec<String> = complaints.into_iter().collect();
    assert!(complaints.is_empty(), "\n{}\n", complaints.join("\n"));
}

/// A Rust file.
struct Source {
    /// From the workspace's root.
    path: PathBuf,
    text: String,
    /// The text without comments and the insides of literals, line for line.
    code: String,
}

impl Source {
    fn new(path: &str, text: &str) -> Source {
        Source { path: PathBuf::from(path), text: text.to_string(), code: code(text) }
    }

    fn is_below(&self, folder: &str) -> bool {
        self.path.starts_with(folder)
    }

    /// The module that this file is: `src/vtgate/engine/mod.rs` is `vtgate`, `engine`.
    fn module(&self) -> Vec<String> {
        let below = self.path.strip_prefix("src").unwrap_or(&self.path).with_extension("");
        let mut parts: Vec<String> =
            below.iter().map(|part| part.to_string_lossy().into_owned()).collect();
        if parts.last().is_some_and(|part| part == "mod") {
            parts.pop();
        }
        parts
    }

    fn at(&self, offset: usize) -> String {
        let line = self.code[..offset].matches('\n').count() + 1;
        format!("{}:{line}", self.path.display())
    }
}

fn direction(source: &Source) -> Vec<String> {
    let module = source.module();
    let from = module.first().cloned().unwrap_or_default();
    let position = |name: &str| ORDER.iter().position(|known| *known == name);
    let Some(here) = position(&from) else {
        return vec![format!("{}: {from} has no place in the order", source.path.display())];
    };
    let mut complaints = climbs(source, module.len());
    for (offset, path) in crate_paths(&source.code) {
        let Some(to) = path.first().filter(|to| **to != from) else { continue };
        let is_exception = EXCEPTIONS.contains(&(from.as_str(), to.as_str()));
        match position(to) {
            _ if is_exception => {}
            Some(there) if there < here => {}
            Some(_) => complaints.push(format!("{}: {from} uses {to}", source.at(offset))),
            None => complaints.push(format!("{}: {to} has no place", source.at(offset))),
        }
    }
    complaints
}

/// `super::` up to the crate's root, which would hide a use from the order.
fn climbs(source: &Source, depth: usize) -> Vec<String> {
    let inner = source.code.find("mod tests {").unwrap_or(source.code.len());
    let mut complaints = Vec::new();
    let mut offset = 0;
    while let Some(found) = source.code[offset..].find("super::") {
        let start = offset + found;
        let chain = source.code[start..].split("super::").take_while(|part| part.is_empty());
        // The first part is before the first `super`, and as empty as those between.
        let count = source.code[start..]
            .split("super::")
            .skip(1)
            .take_while(|part| part.is_empty())
            .count()
            + usize::from(chain.count() > 0);
        let depth = depth + usize::from(start > inner);
        if count >= depth {
            complaints.push(format!("{}: climbs to the root: say crate::", source.at(start)));
        }
        offset = start + count.max(1) * "super::".len();
    }
    complaints
}

fn judge(source: &Source) -> Vec<String> {
    let mut complaints = Vec::new();
    for (offset, path) in crate_paths(&source.code) {
        let first = path.first().map_or("", String::as_str);
        let is_lookup = first == "vindex" && path.get(1).is_some_and(|part| part == "lookup");
        if !CHECKER_MAY_USE.contains(&first) || is_lookup {
            complaints.push(format!("{}: the judge uses {}", source.at(offset), path.join("::")));
        }
    }
    complaints
}

fn libraries(source: &Source) -> Vec<String> {
    let path = source.path.to_string_lossy();
    let is_in = |places: &[&str]| places.iter().any(|place| path.starts_with(place));
    let rules: [(&str, &[&str]); 2] = [
        ("madsim", &["sim/src/host/", "sim/benches/"]),
        ("sqlparser", &["sim/src/sql/lower", "sim/src/sql/dialect"]),
    ];
    let broken = rules
        .into_iter()
        .filter(|(word, places)| !is_in(places) && words_of(&source.code).any(|w| w == *word));
    broken.map(|(word, _)| format!("{path}: names {word}")).collect()
}

/// The variants of `enum Mutant`.
fn variants(code: &str) -> Vec<String> {
    let body = code.split_once("enum Mutant {").and_then(|(_, rest)| rest.split_once('}'));
    let names = body.map_or("", |(body, _)| body).split(',').map(str::trim);
    names.filter(|name| !name.is_empty()).map(str::to_string).collect()
}

fn mutants(variants: &[String], sources: &[&Source]) -> Vec<String> {
    let mut asked: BTreeMap<&str, Vec<String>> = BTreeMap::new();
    for source in sources {
        let code: String = source.code.split_whitespace().collect();
        for variant in variants {
            let question = format!("mutant::is(Mutant::{variant})");
            let count = code.matches(&question).count();
            let places = asked.entry(variant).or_default();
            places.extend((0..count).map(|_| source.path.display().to_string()));
        }
    }
    asked
        .into_iter()
        .filter(|(_, places)| places.len() != 1)
        .map(|(variant, places)| format!("{variant} is asked for in {places:?}"))
        .collect()
}

fn words(source: &Source) -> Vec<String> {
    let mut complaints = Vec::new();
    // Written in two parts, or this file would break its own rule.
    let marks = [concat!("TO", "DO"), concat!("FIX", "ME"), concat!("XX", "X")];
    let found: BTreeSet<&str> =
        words_of(&source.text).filter(|word| marks.contains(word)).collect();
    complaints.extend(found.into_iter().map(|word| format!("{}: {word}", source.path.display())));
    let code: BTreeSet<&str> = words_of(&source.code).collect();
    for word in ["HashMap", "HashSet", "todo", "unimplemented", "dbg"] {
        if code.contains(word) && (word != "dbg" || source.code.contains("dbg!(")) {
            complaints.push(format!("{}: {word}", source.path.display()));
        }
    }
    for name in ["util", "utils", "common", "helpers"] {
        if source.module().iter().any(|part| part == name) {
            complaints.push(format!("{}: a module named {name}", source.path.display()));
        }
    }
    complaints
}

const LINE: usize = 100;

/// Long lines that are not long by the insides of a literal.
fn long_lines(source: &Source) -> Vec<String> {
    let mut complaints = Vec::new();
    for (i, line) in without_literals(&source.text).lines().enumerate() {
        let width = line.chars().count();
        if LINE < width {
            complaints.push(format!("{}:{}: {width} columns", source.path.display(), i + 1));
        }
    }
    complaints
}

/// What is wrong with a file below `scenarios/`.
fn scenario(path: &Path, text: &str) -> Option<String> {
    let complaint = |what: &str| Some(format!("{}: {what}", path.display()));
    match path.extension().map(|extension| extension.to_string_lossy().into_owned()).as_deref() {
        Some("json" | "sql" | "queries") => None,
        Some("rs") if path == Path::new("scenarios/main.rs") => None,
        Some(_) => complaint("neither a scenario nor the input of one"),
        None if !text.starts_with("# ") => complaint("does not begin with what is at stake"),
        None if !text.lines().any(|line| line == "---") => complaint("holds no output"),
        None => None,
    }
}

/// Every `crate::` path with its offset; a path with braces as several.
fn crate_paths(code: &str) -> Vec<(usize, Vec<String>)> {
    let mut paths = Vec::new();
    for (offset, _) in code.match_indices("crate::") {
        let before = code[..offset].chars().next_back();
        // `$crate::` is the same; `my_crate::` is another.
        if before.is_none_or(|c| !c.is_alphanumeric() && c != '_') {
            let mut rest = &code[offset + "crate::".len()..];
            let mut found = Vec::new();
            tree(&mut rest, &mut Vec::new(), &mut found);
            paths.extend(found.into_iter().map(|path| (offset, path)));
        }
    }
    paths
}

/// Reads `a::b`, `{a, b::{c, d}}` or `*` off the front.
fn tree(rest: &mut &str, prefix: &mut Vec<String>, found: &mut Vec<Vec<String>>) {
    let depth = prefix.len();
    loop {
        *rest = rest.trim_start();
        if let Some(inside) = rest.strip_prefix('{') {
            *rest = inside;
            while !rest.trim_start().starts_with('}') && !rest.trim_start().is_empty() {
                tree(rest, prefix, found);
                // Past `as name`, up to the comma or the brace.
                let end = rest.find([',', '}']).unwrap_or(rest.len());
                *rest = rest[end..].strip_prefix(',').unwrap_or(&rest[end..]);
            }
            *rest = rest.trim_start().strip_prefix('}').unwrap_or("");
            break;
        }
        let end = rest.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(rest.len());
        prefix.push(rest[..end].to_string());
        *rest = &rest[end..];
        match rest.strip_prefix("::") {
            Some(more) => *rest = more,
            None => {
                found.push(prefix.clone());
                break;
            }
        }
    }
    prefix.truncate(depth);
}

fn words_of(text: &str) -> impl Iterator<Item = &str> {
    text.split(|c: char| !c.is_alphanumeric() && c != '_')
}

/// What a piece of source is.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Piece {
    Code,
    Comment,
    /// The inside of a string or character.
    Literal,
}

/// Keeps code and newlines.
fn code(text: &str) -> String {
    pieces(text).filter(|(c, piece)| *piece == Piece::Code || *c == '\n').map(|(c, _)| c).collect()
}

/// Keeps code, comments and newlines.
fn without_literals(text: &str) -> String {
    let is_kept = |(c, piece): &(char, Piece)| *piece != Piece::Literal || *c == '\n';
    pieces(text).filter(is_kept).map(|(c, _)| c).collect()
}

/// Each character with what it is part of. Delimiters of literals are code.
fn pieces(text: &str) -> impl Iterator<Item = (char, Piece)> {
    let chars: Vec<char> = text.chars().collect();
    let mut kinds = vec![Piece::Code; chars.len()];
    let at = |i: usize| chars.get(i).copied().unwrap_or('\0');
    let mut i = 0;
    while i < chars.len() {
        let is_word = 0 < i && (at(i - 1).is_alphanumeric() || at(i - 1) == '_');
        let (end, kind) = match at(i) {
            '/' if at(i + 1) == '/' => {
                let length = chars[i..].iter().take_while(|c| **c != '\n').count();
                (i + length, Piece::Comment)
            }
            '/' if at(i + 1) == '*' => (end_of_comment(&chars, i), Piece::Comment),
            '"' => (end_of_string(&chars, i), Piece::Literal),
            'r' | 'b' if !is_word && raw_hashes(&chars, i).is_some() => {
                let (start, hashes) = raw_hashes(&chars, i).unwrap_or((i, 0));
                (end_of_raw(&chars, start, hashes), Piece::Literal)
            }
            '\'' if at(i + 1) == '\\' => {
                let length = chars[i + 3..].iter().take_while(|c| **c != '\'').count();
                (i + 3 + length + 1, Piece::Literal)
            }
            '\'' if at(i + 2) == '\'' => (i + 3, Piece::Literal),
            _ => (i + 1, Piece::Code),
        };
        let end = end.clamp(i + 1, chars.len());
        match kind {
            Piece::Code => {}
            Piece::Comment => kinds[i..end].fill(kind),
            Piece::Literal => kinds[i + 1..(end - 1).max(i + 1)].fill(kind),
        }
        i = end;
    }
    chars.into_iter().zip(kinds)
}

fn end_of_comment(chars: &[char], start: usize) -> usize {
    let (mut depth, mut i) = (0, start);
    while i < chars.len() {
        match (chars[i], chars.get(i + 1)) {
            ('/', Some('*')) => (depth, i) = (depth + 1, i + 2),
            ('*', Some('/')) if depth == 1 => return i + 2,
            ('*', Some('/')) => (depth, i) = (depth - 1, i + 2),
            _ => i += 1,
        }
    }
    i
}

fn end_of_string(chars: &[char], start: usize) -> usize {
    let mut i = start + 1;
    while i < chars.len() && chars[i] != '"' {
        i += if chars[i] == '\\' { 2 } else { 1 };
    }
    i + 1
}

/// The opening quote of `r"`, `r#"`, `br"` and so on, and how many hashes stand before it.
fn raw_hashes(chars: &[char], start: usize) -> Option<(usize, usize)> {
    let r = if chars[start] == 'b' { start + 1 } else { start };
    let hashes = chars.get(r + 1..)?.iter().take_while(|c| **c == '#').count();
    let is_raw = chars[r] == 'r' && chars.get(r + 1 + hashes) == Some(&'"');
    is_raw.then_some((r + 1 + hashes, hashes))
}

fn end_of_raw(chars: &[char], quote: usize, hashes: usize) -> usize {
    let closes = |i: &usize| {
        chars[*i] == '"'
            && chars[i + 1..].iter().take(hashes).filter(|c| **c == '#').count() == hashes
    };
    (quote + 1..chars.len()).find(closes).map_or(chars.len(), |i| i + 1 + hashes)
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn sources() -> Vec<Source> {
    let folders = [
        "src",
        "peak/src",
        "sim/src",
        "sim/benches",
        "sim/tests",
        "benches",
        "examples",
        "tests",
        "scenarios",
    ];
    let mut sources = Vec::new();
    for path in folders.iter().flat_map(|folder| files(Path::new(folder))) {
        if path.extension().is_some_and(|extension| extension == "rs") {
            let text = std::fs::read_to_string(root().join(&path)).expect("it was just listed");
            sources.push(Source::new(&path.to_string_lossy(), &text));
        }
    }
    assert!(50 < sources.len(), "{} Rust files were found", sources.len());
    sources
}

/// All files below a folder of the workspace, in order; none where it isn't there.
fn files(folder: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    let mut folders = vec![folder.to_path_buf()];
    while let Some(folder) = folders.pop() {
        let Ok(entries) = std::fs::read_dir(root().join(&folder)) else { continue };
        for entry in entries.flatten() {
            let path = folder.join(entry.file_name());
            match entry.path().is_dir() {
                true => folders.push(path),
                false => files.push(path),
            }
        }
    }
    files.sort();
    files
}

mod rules {
    use super::*;

    fn check(rule: fn(&Source) -> Vec<String>, path: &str, text: &str, expected: &[&str]) {
        assert_eq!(rule(&Source::new(path, text)), expected, "{path}: {text}");
    }

    #[test]
    fn direction_of_paths() {
        let rule = direction;
        check(rule, "src/vtgate/mod.rs", "use crate::planner::Plan;", &[]);
        check(rule, "src/vtgate/engine/mod.rs", "// crate::cli\nuse crate::vtgate::x;", &[]);
        check(
            rule,
            "src/planner/mod.rs",
            "use crate::key::A;\nuse crate::{key::B, vtgate::{C, D as E}, vtctl};\n",
            &[
                "src/planner/mod.rs:2: planner uses vtgate",
                "src/planner/mod.rs:2: planner uses vtgate",
                "src/planner/mod.rs:2: planner uses vtctl",
            ],
        );
        check(rule, "src/history.rs", "use crate::topo::Alias;", &[]);
        check(rule, "src/new.rs", "", &["src/new.rs: new has no place in the order"]);
        let climb = "src/key/shard.rs:1: climbs to the root: say crate::";
        check(rule, "src/key/shard.rs", "use super::super::vtgate;", &[climb]);
        check(
            rule,
            "src/key/shard.rs",
            "use super::Shard; mod tests { use super::super::x; }",
            &[],
        );
        check(rule, "src/vtgate/engine/send.rs", "use super::super::executor;", &[]);
    }

    #[test]
    fn what_the_judge_reads() {
        let rule = judge;
        check(rule, "src/checker/mod.rs", "use crate::vindex::{Functional, Vindex};", &[]);
        check(
            rule,
            "src/checker/mod.rs",
            "use crate::vindex::{lookup::Ask, Value};\nuse crate::vtgate::Session;",
            &[
                "src/checker/mod.rs:1: the judge uses vindex::lookup::Ask",
                "src/checker/mod.rs:2: the judge uses vtgate::Session",
            ],
        );
    }

    #[test]
    fn names_of_libraries() {
        let rule = libraries;
        check(rule, "src/key/mod.rs", "// madsim\nlet x = \"sqlparser\";", &[]);
        check(rule, "sim/src/host/nodes.rs", "use madsim::task;", &[]);
        check(rule, "sim/src/world.rs", "use madsim::task;", &["sim/src/world.rs: names madsim"]);
        check(rule, "src/a.rs", "use sqlparser::ast;", &["src/a.rs: names sqlparser"]);
    }

    #[test]
    fn mutants_that_nobody_asks_for() {
        let variants = variants("pub enum Mutant {\n    First,\n    Second,\n    Third,\n}");
        let once = Source::new("src/a.rs", "mutant::is(Mutant::First) mutant::is(Mutant::Second)");
        let again = Source::new("src/b.rs", "if mutant::is(\n    Mutant::Second\n) {}");
        assert_eq!(
            mutants(&variants, &[&once, &again]),
            ["Second is asked for in [\"src/a.rs\", \"src/b.rs\"]", "Third is asked for in []"]
        );
    }

    #[test]
    fn words_and_lengths() {
        let mark = concat!("// TO", "DO: later");
        check(words, "src/a.rs", mark, &[concat!("src/a.rs: TO", "DO")]);
        check(words, "src/a.rs", "let x: HashMap<u8, u8>;", &["src/a.rs: HashMap"]);
        check(words, "src/a.rs", "// No HashMap here.", &[]);
        check(words, "src/util/mod.rs", "", &["src/util/mod.rs: a module named util"]);
        let long = "x".repeat(101);
        check(long_lines, "src/a.rs", &format!("let x = \"{long}\";"), &[]);
        check(long_lines, "src/a.rs", &format!("let x = r#\"{long}\"#;"), &[]);
        check(long_lines, "src/a.rs", &format!("a\n//{long}"), &["src/a.rs:2: 103 columns"]);
    }

    #[test]
    fn literals_and_comments_are_no_code() {
        let check = |text: &str, expected: &str| assert_eq!(code(text), expected);
        check("a /* b /* c */ d */ e // f\ng", "a  e \ng");
        check(r#"f("a\"b", 'c', '\'', &'static x)"#, r#"f("", '', '', &'static x)"#);
        check("r#\"a\"b\"# c br\"d\" e", "r# c b\" e");
    }

    #[test]
    fn files_below_scenarios() {
        let check = |path: &str, text: &str, is_fine: bool| {
            assert_eq!(scenario(Path::new(path), text).is_none(), is_fine, "{path}");
        };
        check("scenarios/a", "# A claim.\ncluster\n---\nok\n", true);
        check("scenarios/a", "cluster\n---\nok\n", false);
        check("scenarios/a", "# A claim.\ncluster\n", false);
        check("scenarios/a.sql", "", true);
        check("scenarios/a.yaml", "", false);
        check("scenarios/b/main.rs", "", false);
    }
}
