//! The files of a binlog: where each begins, and which are gone.
//!
//! A file ends with FLUSH BINARY LOGS, when it has grown past `max_binlog_size`, and at every start
//! of the server. PURGE BINARY LOGS removes the oldest. Sizes are estimates: they are counted from
//! the rows' text, not from an encoding. It knows nothing of what stands in a transaction.

use super::binlog::{BinlogTransaction, Event};
use crate::value::{Row, Value};

/// See the [module](self).
#[derive(Clone, Debug)]
pub struct BinlogFiles {
    files: Vec<BinlogFile>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BinlogFile {
    pub number: u32,
    /// Its first transaction's place in what is left of the binlog.
    pub first: usize,
    pub size: u64,
}

/// A file of this name is not in the index: 1373.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NoSuchFile;

/// Magic number, format description, previous GTIDs.
const HEADER: u64 = 158;

impl Default for BinlogFiles {
    fn default() -> BinlogFiles {
        BinlogFiles { files: vec![BinlogFile { number: 1, first: 0, size: HEADER }] }
    }
}

impl BinlogFile {
    pub fn name(&self) -> String {
        format!("binlog.{:06}", self.number)
    }
}

impl BinlogFiles {
    /// Oldest first; the last is written to.
    pub fn all(&self) -> &[BinlogFile] {
        &self.files
    }

    /// A transaction was appended; whether the file is full.
    pub fn grew(&mut self, bytes: u64, max_size: u64) -> bool {
        let Some(last) = self.files.last_mut() else { return false };
        last.size += bytes;
        max_size <= last.size
    }

    /// Begins a new file behind so many transactions.
    pub fn rotate(&mut self, transactions: usize) {
        let number = self.files.last().map_or(0, |file| file.number) + 1;
        self.files.push(BinlogFile { number, first: transactions, size: HEADER });
    }

    /// Removes the files before this one; how many transactions go with them.
    pub fn purge_to(&mut self, name: &str) -> Result<usize, NoSuchFile> {
        let at = self.files.iter().position(|file| file.name() == name).ok_or(NoSuchFile)?;
        let gone = self.files[at].first;
        self.files.drain(..at);
        self.files.iter_mut().for_each(|file| file.first -= gone);
        Ok(gone)
    }

    /// The binlog lost its tail. Files that began behind it stay, empty.
    pub fn truncate(&mut self, transactions: usize) {
        self.files.iter_mut().for_each(|file| file.first = file.first.min(transactions));
    }
}

/// About how many bytes a transaction takes.
pub fn size_of(transaction: &BinlogTransaction) -> u64 {
    const FRAME: usize = 42 + 79 + 31;
    let row = |row: &Option<Row>| row.as_ref().map_or(0, |row| row.iter().map(text_length).sum());
    let event = |event: &Event| match event {
        Event::Query { text, .. } => 60 + text.len(),
        Event::Savepoint { name } => 60 + name.len(),
        Event::Rows(rows) => {
            let changes = rows.changes.iter();
            90 + changes.map(|change| row(&change.before) + row(&change.after)).sum::<usize>()
        }
    };
    (FRAME + transaction.events.iter().map(event).sum::<usize>()) as u64
}

fn text_length(value: &Value) -> usize {
    let digits = |number: u64| number.checked_ilog10().map_or(1, |power| power as usize + 1);
    match value {
        Value::Int(number) => digits(number.unsigned_abs()) + usize::from(*number < 0),
        Value::Uint(number) => digits(*number),
        Value::Text(text) => text.len(),
        other => other.to_string().len(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_length_is_that_of_the_text() {
        let numbers = [0, 1, 9, 10, -1, -10, i64::MAX, i64::MIN].map(Value::Int);
        let others = [Value::Uint(u64::MAX), Value::Null, Value::text("a"), Value::bytes(&[255])];
        for value in numbers.iter().chain(&others) {
            assert_eq!(text_length(value), value.to_string().len(), "{value:?}");
        }
    }

    #[test]
    fn files_rotate_and_are_purged_from_the_oldest() {
        let mut files = BinlogFiles::default();
        assert!(!files.grew(10, 200));
        assert!(files.grew(40, 200));
        files.rotate(2);
        files.rotate(5);
        assert_eq!(files.purge_to("binlog.000009"), Err(NoSuchFile));
        assert_eq!(files.purge_to("binlog.000002"), Ok(2));
        let firsts: Vec<_> = files.all().iter().map(|file| (file.number, file.first)).collect();
        assert_eq!(firsts, [(2, 0), (3, 3)]);
    }
}
