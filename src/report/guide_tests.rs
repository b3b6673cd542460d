//! Every table of the CreateLookupVindex guide, byte for byte.
//!
//! The guide is found through `VINDICATE_GUIDE`, by default `../shared/guide` beside the workspace;
//! where neither is there these tests say so and pass.

use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::report::mysql_table::{ColumnText, mysql_table, query_ok, rows_in_set, seconds, table};
use crate::report::vtctl_table::vtctl_table;

fn guide() -> Option<String> {
    let folder = match std::env::var_os("VINDICATE_GUIDE") {
        Some(folder) => PathBuf::from(folder),
        None => Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/guide"),
    };
    if !folder.is_dir() && std::env::var_os("VINDICATE_GUIDE").is_none() {
        println!("skipped: no folder of guides, and VINDICATE_GUIDE is not set");
        return None;
    }
    Some(std::fs::read_to_string(folder.join("create-lookup-vindex-guide-v6.md")).unwrap())
}

/// A table as the guide prints it, and the line below it.
struct Printed<'a> {
    text: String,
    below: &'a str,
    command: &'a str,
}

fn tables(guide: &str) -> Vec<Printed<'_>> {
    let mut tables = Vec::new();
    let mut command = "";
    let mut lines = guide.lines().peekable();
    while let Some(line) = lines.next() {
        if line.starts_with("mysql> ") || line.starts_with("$ ") {
            command = line;
        }
        if !line.starts_with('+') {
            continue;
        }
        let mut text = format!("{line}\n");
        while let Some(line) = lines.next_if(|line| line.starts_with(['+', '|'])) {
            text.push_str(line);
            text.push('\n');
        }
        tables.push(Printed { text, below: lines.peek().copied().unwrap_or(""), command });
    }
    tables
}

/// The cells between the bars of one line, without the blanks around them.
fn cells(line: &str) -> Vec<&str> {
    line.trim_matches('|').split('|').map(str::trim).collect()
}

const NUMBERS: [&str; 3] = ["order_id", "customer_id", "price"];

/// Columns and rows of a table of the mysql client.
fn parse(text: &str) -> (Vec<ColumnText<'_>>, Vec<Vec<Option<String>>>) {
    let mut lines = text.lines().filter(|line| line.starts_with('|')).map(cells);
    let columns = lines.next().unwrap().into_iter().map(|name| ColumnText {
        name,
        numeric: NUMBERS.contains(&name),
        nullable: name != "Key",
    });
    let rows = lines.map(|row| {
        row.into_iter().map(|value| (value != "NULL").then(|| value.to_string())).collect()
    });
    (columns.collect(), rows.collect())
}

fn printed_seconds(line: &str) -> String {
    let text = line.rsplit_once('(').unwrap().1.strip_suffix(" sec)").unwrap();
    seconds(Duration::from_millis(text.replace('.', "").parse::<u64>().unwrap() * 10))
}

#[test]
fn tables_of_the_mysql_client() {
    let Some(guide) = guide() else { return };
    let mut compared = 0;
    for printed in tables(&guide).iter().filter(|table| table.command.starts_with("mysql> ")) {
        let (columns, rows) = parse(&printed.text);
        if printed.below.contains(" in set") {
            let expected = format!("{}{}\n", printed.text, printed.below);
            assert_eq!(mysql_table(&columns, &rows, &printed_seconds(printed.below)), expected);
        } else {
            // The guide left one count of rows out.
            assert_eq!(printed.below, "```");
            assert_eq!(table(&columns, &rows), printed.text);
        }
        compared += 1;
    }
    assert_eq!(compared, 17);
}

#[test]
fn closing_lines_of_the_mysql_client() {
    let Some(guide) = guide() else { return };
    let mut compared = 0;
    for line in guide.lines().filter(|line| line.ends_with(" sec)")) {
        let seconds = printed_seconds(line);
        let printed = match line.starts_with("Query OK") {
            true => query_ok(1, 0, &seconds),
            false => rows_in_set(line.split(' ').next().unwrap().parse().unwrap(), 0, &seconds),
        };
        assert_eq!(printed, format!("{line}\n"));
        compared += 1;
    }
    assert_eq!(compared, 16 + 7);
}

/// The rows of `_vt.vreplication` on the primary of shard `target`, as the guide shows them.
fn streams(target: &str) -> Vec<Vec<Option<String>>> {
    let stream = |id: &str, source: &str, pos: &str| {
        let source = format!(
            "keyspace:\"customer\" shard:\"{source}\" filter:<rules:<match:\"corder_lookup\" \
             filter:\"select sku as sku, keyspace_id() as keyspace_id from corder where \
             in_keyrange(sku, 'customer.binary_md5', '{target}') group by sku, keyspace_id\" > > \
             stop_after_copy:true "
        );
        let most = i64::MAX.to_string();
        let texts = [
            id,
            "corder_lookup_vdx",
            &source,
            pos,
            "",
            &most,
            &most,
            "",
            "RDONLY",
            "1597282811",
            "0",
            "Stopped",
            "Stopped after copy.",
            "vt_customer",
        ];
        texts.map(|text| Some(text.to_string())).to_vec()
    };
    vec![
        stream("2", "-80", "MySQL56/68da1cdd-dd03-11ea-95de-68a86d2718b0:1-43"),
        stream("3", "80-", "MySQL56/7d2c819e-dd03-11ea-92e4-68a86d2718b0:1-38"),
    ]
}

#[test]
fn tables_of_vtctlclient() {
    let Some(guide) = guide() else { return };
    let tables = tables(&guide);
    let tables: Vec<&Printed> =
        tables.iter().filter(|table| table.command.starts_with("$ ")).collect();
    assert_eq!(tables.len(), 3);
    let columns = "id workflow source pos stop_pos max_tps max_replication_lag cell tablet_types \
                   time_updated transaction_timestamp state message db_name";
    let columns: Vec<&str> = columns.split(' ').collect();
    assert_eq!(vtctl_table(&columns, &streams("-80")), tables[0].text);
    assert_eq!(vtctl_table(&columns, &streams("80-")), tables[1].text);
    assert_eq!(vtctl_table(&["vrepl_id", "table_name", "lastpk"], &[]), tables[2].text);
}
