//! The weights of the root collation: what `examples/collation_table.rs` made of published data.
//!
//! `root.bin` is, all numbers least significant byte first:
//!
//! ```text
//!   7 lengths (u32)       of the sections below from the second on
//!   pages                 0x110 bytes: which page 4096 characters have
//!   pages_of              64 block numbers (u16) a page
//!   blocks                64 elements (u32) a block
//!   expansions            u32: a count, and as many elements
//!   contraction elements  u32
//!   contraction entries   u8 low, high, next, index
//!   decompositions        a length (u8) and so many bytes of UTF-8
//!   marks                 a character (u32), the class of its first and of its last mark (u8)
//! ```
//!
//! The elements are those of `golang.org/x/text/collate` 0.7.0 (CLDR 23, Unicode 6.2.0), whose
//! licence is in `NOTICE`. It knows nothing of texts.

use std::sync::LazyLock;

/// The weights.
pub(super) struct Table {
    pages: Vec<u8>,
    pages_of: Vec<u16>,
    blocks: Vec<u32>,
    expansions: Vec<u32>,
    pub contraction_elements: Vec<u32>,
    pub contraction_entries: Vec<ContractionEntry>,
    decompositions: Vec<String>,
    marks: Vec<(u32, Mark)>,
}

/// One step of a contraction's match.
#[derive(Clone, Copy, Default)]
pub(super) struct ContractionEntry {
    pub low: u8,
    pub high: u8,
    pub next: u8,
    pub index: u8,
}

/// The combining classes of the first and the last character of a canonical decomposition.
#[derive(Clone, Copy)]
pub(super) struct Mark {
    pub lead: u8,
    pub trail: u8,
}

/// The root collation.
pub(super) static ROOT: LazyLock<Table> =
    LazyLock::new(|| Table::read(include_bytes!("root.bin")).expect("root.bin is whole"));

impl Table {
    /// The element of a character; zero where it has none.
    pub fn element(&self, c: char) -> u32 {
        let code = u32::from(c) as usize;
        let page = usize::from(self.pages[code >> 12]);
        let block = usize::from(self.pages_of[page << 6 | code >> 6 & 63]);
        self.blocks[block << 6 | code & 63]
    }

    pub fn expansion(&self, start: u32) -> &[u32] {
        let start = start as usize;
        let count = self.expansions.get(start).copied().unwrap_or(0) as usize;
        self.expansions.get(start + 1..start + 1 + count).unwrap_or(&[])
    }

    pub fn decomposition(&self, index: u32) -> &str {
        self.decompositions.get(index as usize).map_or("", String::as_str)
    }

    /// The marks that a character's canonical decomposition begins and ends with, if it begins so.
    pub fn mark(&self, c: char) -> Option<Mark> {
        let found = self.marks.binary_search_by_key(&u32::from(c), |(code, _)| *code);
        found.ok().map(|i| self.marks[i].1)
    }

    fn read(bytes: &[u8]) -> Option<Table> {
        let mut reader = Reader { bytes };
        let lens: Vec<usize> = reader.u32s(7)?.into_iter().map(|len| len as usize).collect();
        let table = Table {
            pages: reader.take(0x110)?.to_vec(),
            pages_of: reader
                .take(lens[0] * 128)?
                .chunks(2)
                .map(|b| u16::from_le_bytes([b[0], b[1]]))
                .collect(),
            blocks: reader.u32s(lens[1] * 64)?,
            expansions: reader.u32s(lens[2])?,
            contraction_elements: reader.u32s(lens[3])?,
            contraction_entries: reader
                .take(lens[4] * 4)?
                .chunks(4)
                .map(|b| ContractionEntry { low: b[0], high: b[1], next: b[2], index: b[3] })
                .collect(),
            decompositions: (0..lens[5]).map(|_| reader.text()).collect::<Option<_>>()?,
            marks: reader
                .take(lens[6] * 6)?
                .chunks(6)
                .map(|b| {
                    (u32::from_le_bytes([b[0], b[1], b[2], b[3]]), Mark { lead: b[4], trail: b[5] })
                })
                .collect(),
        };
        reader.bytes.is_empty().then_some(table)
    }
}

struct Reader<'a> {
    bytes: &'a [u8],
}

impl<'a> Reader<'a> {
    fn take(&mut self, len: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.bytes.split_at_checked(len)?;
        self.bytes = rest;
        Some(taken)
    }

    fn u32s(&mut self, count: usize) -> Option<Vec<u32>> {
        let bytes = self.take(count * 4)?;
        Some(bytes.chunks(4).map(|b| u32::from_le_bytes([b[0], b[1], b[2], b[3]])).collect())
    }

    fn text(&mut self) -> Option<String> {
        let len = usize::from(self.take(1)?[0]);
        String::from_utf8(self.take(len)?.to_vec()).ok()
    }
}
