//! What a wrong scenario gets: its line, the part that is wrong, what is wrong with it; before
//! anything runs.

#![allow(clippy::unwrap_used)] // A test that cannot go on fails.

use std::path::{Path, PathBuf};

use vindicate::scenario::{Options, run};

const HEAD: &str = "# A claim.\ncluster cells=zone1 tablets=primary\n";

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("scenarios/lookup")
}

/// Runs the head with a third line: the error, its part and its hint.
fn error(line: &str) -> (String, String, Option<String>) {
    let options = Options { folder: folder(), ..Options::default() };
    let text = format!("{HEAD}{line}\n---\nok\n");
    let error = run(&text, &options).expect_err(line);
    assert_eq!(error.line, 3, "{line}: {error}");
    assert!(error.part.is_empty() || line.contains(&error.part), "{line}: {error:?}");
    (error.message, error.part, error.hint)
}

fn check(line: &str, part: &str, message: &str) {
    let (found, found_part, _) = error(line);
    assert!(found.contains(message), "{line}: {found}");
    assert_eq!(found_part, part, "{line}: {found}");
}

#[test]
fn commands_and_arguments() {
    check("fly", "fly", "unknown command");
    check("keyspace customer colour=blue", "colour=blue", "colour");
    check("vschema", "", "the keyspace is missing");
    check("advance 5", "5", "5");
    check("cluster enable_buffer=maybe", "maybe", "true or false");
    check("cluster buffer_window=2s", "", "nothing is buffered");
    check(
        "cluster enable_buffer=true buffer_window=100ms",
        "",
        "--buffer-window must be >= 1s (specified value: 100ms)",
    );
}

#[test]
fn shards_leave_no_gap_and_do_not_overlap() {
    check("keyspace customer shards='-40,80-'", "80-", "");
    check("keyspace customer shards='-80,40-'", "40-", "");
    check("keyspace customer shards='40-'", "40-", "the first ids belong to no shard");
    check("keyspace customer shards='-80'", "-80", "the last ids belong to no shard");
    check("keyspace customer shards='-8x,8x-'", "-8x", "");
}

#[test]
fn files_that_are_not_there() {
    check("vschema customer none.json", "none.json", "none.json");
    check("schema customer none.sql", "none.sql", "none.sql");
}

#[test]
fn vschemas() {
    let inline = |json: &str, part: &str, message: &str| {
        check(&format!("vschema customer '{json}'"), part, message);
    };
    inline("{\"sharded\": tru}", "}", "line: 1, position 16");
    inline("{\"sharded\": 1}", "1", "/sharded");
    let column = "{\"sharded\": true, \"vindexes\": {\"h\": {\"type\": \"hush\"}}}";
    inline(column, "\"hush\"", "vindexType \"hush\" not found");
    let missing = "{\"sharded\": true, \"vindexes\": {\"h\": {\"type\": \"hash\"}}, \
                   \"tables\": {\"t\": {\"column_vindexes\": [{\"name\": \"h\"}]}}}";
    inline(missing, "{\"name\": \"h\"}", "must specify at least one column for vindex (h)");
}

#[test]
fn a_file_is_named_with_line_and_column() {
    let name = format!("bad-input-{}.json", std::process::id());
    let path = std::env::temp_dir().join(&name);
    std::fs::write(&path, "{\n  \"sharded\": 1\n}\n").unwrap();
    let line = format!("vschema customer '{}'", path.display());
    let (message, part, _) = error(&line);
    std::fs::remove_file(&path).unwrap();
    assert!(message.contains(&format!("{name}:2:14: ")), "{message}");
    assert_eq!(part, path.display().to_string());
}

#[test]
fn schemas() {
    check("schema customer 'create tabel t (id int)'", "create tabel t (id int)", "syntax error");
}
