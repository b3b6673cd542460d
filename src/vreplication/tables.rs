//! The `_vt` tables of streams, and a stream's source as text.
//!
//! The layout of the guide's time has the 14 columns that the guide prints; today's has more. It
//! knows nothing of how streams run.

/// The tables, as each tablet's server gets them.
pub fn definitions(v6: bool, first_id: u64) -> Vec<String> {
    let more = match v6 {
        true => "",
        false => {
            "rows_copied bigint default 0, tags varbinary(1024) default '', \
             time_heartbeat bigint default 0, workflow_type int default 0, \
             time_throttled bigint default 0, component_throttled varchar(255) default '', \
             reason_throttled varchar(1000) default '', workflow_sub_type int default 0, \
             defer_secondary_keys tinyint default 0, options varbinary(1000) not null default '{}', "
        }
    };
    let copy_state = match v6 {
        true => {
            "create table copy_state (vrepl_id int not null, \
             table_name varbinary(128) not null, lastpk varbinary(2000), \
             primary key (vrepl_id, table_name))"
        }
        false => {
            "create table copy_state (id bigint unsigned not null auto_increment, \
             vrepl_id int not null, table_name varbinary(128) not null, lastpk varbinary(2000), \
             primary key (id), key vrepl_id (vrepl_id, table_name))"
        }
    };
    vec![
        "create database if not exists _vt".to_owned(),
        "use _vt".to_owned(),
        format!(
            "create table vreplication (id int not null auto_increment, \
             workflow varbinary(1000), source varbinary(10000) not null, \
             pos varbinary(10000) not null, stop_pos varbinary(10000), max_tps bigint not null, \
             max_replication_lag bigint not null, cell varbinary(1000), \
             tablet_types varbinary(100), time_updated bigint not null, \
             transaction_timestamp bigint not null, state varbinary(100) not null, \
             message varbinary(1000), db_name varbinary(255) not null, {more}primary key (id)) \
             auto_increment={first_id}"
        ),
        copy_state.to_owned(),
    ]
}

/// Where a stream reads and what (`BinlogSource`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BinlogSource {
    pub keyspace: String,
    pub shard: String,
    /// The target's table.
    pub table: String,
    pub filter: String,
    pub stop_after_copy: bool,
}

impl BinlogSource {
    /// Proto text; the old printer puts angle brackets and blanks.
    pub fn print(&self, v6: bool) -> String {
        let filter = escape(&self.filter);
        let rules = match v6 {
            true => format!("filter:<rules:<match:\"{}\" filter:\"{filter}\" > > ", self.table),
            false => format!("filter:{{rules:{{match:\"{}\" filter:\"{filter}\"}}}}", self.table),
        };
        let mut text = format!("keyspace:\"{}\" shard:\"{}\" {rules}", self.keyspace, self.shard);
        if self.stop_after_copy {
            text.push_str(if v6 { "stop_after_copy:true " } else { " stop_after_copy:true" });
        }
        text
    }

    /// Reads either printer's text; None for anything else.
    pub fn parse(text: &str) -> Option<BinlogSource> {
        let rule = &text[text.find("match:\"")?..];
        Some(BinlogSource {
            keyspace: field(text, "keyspace")?,
            shard: field(text, "shard")?,
            table: field(rule, "match")?,
            filter: field(rule, "filter")?,
            stop_after_copy: text.contains("stop_after_copy:true"),
        })
    }
}

/// The quoted value of the first field of this name.
fn field(text: &str, name: &str) -> Option<String> {
    let start = text.find(&format!("{name}:\""))? + name.len() + 2;
    let mut value = String::new();
    let mut chars = text[start..].chars();
    loop {
        match chars.next()? {
            '"' => return Some(value),
            '\\' => value.push(chars.next()?),
            other => value.push(other),
        }
    }
}

fn escape(text: &str) -> String {
    text.replace('\\', "\\\\").replace('"', "\\\"")
}

/// What a message column holds: at most 1000 bytes, its middle cut out.
pub fn message(text: &str, v6: bool) -> String {
    if text.len() <= 950 {
        return text.to_owned();
    }
    let head = |n: usize| &text[..floor(text, n)];
    if v6 {
        return format!("{}...", head(950));
    }
    let tail = &text[ceil(text, text.len() - 474)..];
    format!("{} ... [TRUNCATED] ... {tail}", head(454))
}

fn floor(text: &str, mut at: usize) -> usize {
    while !text.is_char_boundary(at) {
        at -= 1;
    }
    at
}

fn ceil(text: &str, mut at: usize) -> usize {
    while !text.is_char_boundary(at) {
        at += 1;
    }
    at
}

#[cfg(test)]
mod tests {
    use super::*;

    fn source() -> BinlogSource {
        BinlogSource {
            keyspace: "customer".into(),
            shard: "-80".into(),
            table: "corder_lookup".into(),
            filter: "select sku as sku from corder group by sku".into(),
            stop_after_copy: true,
        }
    }

    #[test]
    fn a_source_prints_as_either_printer_and_reads_back() {
        let v6 = "keyspace:\"customer\" shard:\"-80\" filter:<rules:<match:\"corder_lookup\" filter:\"select sku as sku from corder group by sku\" > > stop_after_copy:true ";
        assert_eq!(source().print(true), v6);
        let v24 = "keyspace:\"customer\" shard:\"-80\" filter:{rules:{match:\"corder_lookup\" filter:\"select sku as sku from corder group by sku\"}} stop_after_copy:true";
        assert_eq!(source().print(false), v24);
        for v6 in [true, false] {
            assert_eq!(BinlogSource::parse(&source().print(v6)), Some(source()));
        }
        assert_eq!(BinlogSource::parse("keyspace:\"x"), None);
    }

    #[test]
    fn a_long_message_keeps_its_ends() {
        let text = "x".repeat(2000);
        assert_eq!(message(&text, false).len(), 949);
        assert_eq!(message(&text, true).len(), 953);
        assert_eq!(message("short", false), "short");
    }
}
