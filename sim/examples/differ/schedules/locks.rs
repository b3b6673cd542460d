//! A lock as one text, the same on both sides: `S1 PRIMARY X,REC[20]`, `S2 kk X[20,7] waiting`.

pub struct Lock<'a> {
    pub session: usize,
    pub table: &'a str,
    pub index: &'a str,
    pub mode: &'a str,
    pub record: &'a str,
    pub waiting: bool,
}

impl Lock<'_> {
    pub fn text(&self) -> String {
        let Lock { session, table, index, mode, record, waiting } = self;
        // The supremum has a gap only; MySQL may or may not say so.
        let mode = match *record {
            "supremum" => mode.strip_suffix(",GAP").unwrap_or(mode),
            _ => mode,
        };
        let record = without_row_id(record);
        let waiting = if *waiting { " waiting" } else { "" };
        format!("S{} {table}.{index} {mode}[{record}]{waiting}", session + 1)
    }
}

pub fn of_table(session: usize, table: &str, mode: &str) -> String {
    format!("S{} {table} {mode}", session + 1)
}

/// In order, the supremum's each once.
pub fn sorted(mut locks: Vec<String>) -> Vec<String> {
    locks.sort();
    locks.dedup_by(|a, b| a == b && a.contains("[supremum]"));
    locks
}

/// `performance_schema.data_locks` spells modes and records at length.
pub fn mode(text: &str) -> String {
    text.replace("REC_NOT_GAP", "REC").replace("INSERT_INTENTION", "II")
}

pub fn record(text: &str) -> String {
    if text == "supremum pseudo-record" {
        return "supremum".to_string();
    }
    text.replace(", ", ",").replace('\'', "")
}

/// A hidden row id counts the rows of a whole server: it compares with nothing.
fn without_row_id(record: &str) -> String {
    match record.rfind("0x") {
        Some(at) => format!("{}row", &record[..at]),
        None => record.to_string(),
    }
}
