//! Makes the weight table of the `unicode_loose_*` vindexes from published data.
//!
//! ```text
//!   apt-get download golang-golang-x-text-dev unicode-data     # x/text 0.7.0, Unicode 15.0.0
//!   cargo run --example collation_table -- \
//!       .../golang.org/x/text/collate/tables.go .../UnicodeData.txt src/vindex/collation/root.bin
//! ```
//!
//! The tables of `golang.org/x/text/collate` hold all locales in one trie. This keeps what the root
//! locale reaches, numbered anew, and from the Unicode data the compatibility decompositions and
//! combining classes that the collator looks at. `src/vindex/collation/table.rs` says how the file
//! is laid out; a test there checks it by the digest of all characters' keys.

use std::collections::BTreeMap;
use std::process::ExitCode;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [go_tables, unicode_data, out] = &arguments[..] else {
        eprintln!("usage: collation_table TABLES.GO UNICODEDATA.TXT OUT");
        return ExitCode::from(2);
    };
    match generate(go_tables, unicode_data, out) {
        Ok(summary) => {
            println!("{summary}");
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("collation_table: {error}");
            ExitCode::from(2)
        }
    }
}

fn generate(go_tables: &str, unicode_data: &str, out: &str) -> Result<String, String> {
    let read =
        |path: &str| std::fs::read_to_string(path).map_err(|error| format!("{path}: {error}"));
    let go = GoTables::parse(&read(go_tables)?)?;
    let unicode = UnicodeData::parse(&read(unicode_data)?)?;
    let table = Table::new(&go, &unicode)?;
    let bytes = table.to_bytes()?;
    std::fs::write(out, &bytes).map_err(|error| format!("{out}: {error}"))?;
    Ok(format!(
        "{out}: {} bytes, {} blocks, {} expansion words, {} decompositions, {} classes",
        bytes.len(),
        table.blocks.len(),
        table.expansions.len(),
        table.decompositions.len(),
        unicode.classes.len()
    ))
}

/// The arrays of `collate/tables.go`.
struct GoTables {
    lookup: Vec<u32>,
    values: Vec<u32>,
    expansions: Vec<u32>,
    contraction_elements: Vec<u32>,
    contraction_entries: Vec<u32>,
}

impl GoTables {
    fn parse(text: &str) -> Result<GoTables, String> {
        Ok(GoTables {
            lookup: array(text, "mainLookup")?,
            values: array(text, "mainValues")?,
            expansions: array(text, "mainExpandElem")?,
            contraction_elements: array(text, "mainContractElem")?,
            contraction_entries: array(text, "mainCTEntries")?,
        })
    }

    /// The trie's value for one character, in the root locale.
    fn element(&self, c: char) -> u32 {
        const ROOT: u32 = 64 * 0x15;
        let lookup = |index: u32| self.lookup.get(index as usize).copied().unwrap_or(0);
        let mut utf8 = [0; 4];
        let bytes: Vec<u32> = c.encode_utf8(&mut utf8).bytes().map(u32::from).collect();
        let index = match bytes[..] {
            [b0] => b0,
            [b0, b1] => 64 * lookup(ROOT + b0) + b1,
            [b0, b1, b2] => 64 * lookup(64 * lookup(ROOT + b0) + b1) + b2,
            [b0, b1, b2, b3] => 64 * lookup(64 * lookup(64 * lookup(ROOT + b0) + b1) + b2) + b3,
            _ => return 0,
        };
        self.values.get(index as usize).copied().unwrap_or(0)
    }
}

/// Reads a Go array literal: values in order, or after an index of their own. An entry in braces
/// gives one word, its first field in the low byte.
fn array(text: &str, name: &str) -> Result<Vec<u32>, String> {
    let start = text.find(&format!("var {name} = [")).ok_or(format!("no array {name}"))?;
    let (head, body) = text[start..].split_once("{\n").ok_or(format!("{name}: no body"))?;
    let body = body.split_once("\n}").ok_or(format!("{name}: no end"))?.0;
    let len = head.split_once('[').and_then(|(_, rest)| rest.split_once(']'));
    let len: usize =
        len.and_then(|(len, _)| len.parse().ok()).ok_or(format!("{name}: no length"))?;
    let mut values = vec![0; len];
    let mut at = 0;
    let mut fields = Vec::new();
    for line in body.lines() {
        let line = line.split("//").next().unwrap_or("");
        let is_entry = line.contains('{');
        for item in line.split(',').map(str::trim) {
            let item = item.trim_matches(['{', '}', ' ']);
            if item.is_empty() {
                continue;
            }
            let (index, item) = match item.split_once(':') {
                Some((index, item)) => (Some(index.trim()), item.trim()),
                None => (None, item),
            };
            let value = number(item).ok_or(format!("{name}: {item}"))?;
            if is_entry {
                fields.push(value);
                continue;
            }
            if let Some(index) = index {
                at = number(index).ok_or(format!("{name}: {index}"))? as usize;
            }
            *values.get_mut(at).ok_or(format!("{name}: index {at}"))? = value;
            at += 1;
        }
        if is_entry {
            let word = fields.drain(..).rev().fold(0, |word, field| word << 8 | field);
            *values.get_mut(at).ok_or(format!("{name}: index {at}"))? = word;
            at += 1;
        }
    }
    Ok(values)
}

fn number(text: &str) -> Option<u32> {
    match text.strip_prefix("0x") {
        Some(digits) => u32::from_str_radix(digits, 16).ok(),
        None => text.parse().ok(),
    }
}

/// What `UnicodeData.txt` says of decompositions and combining classes.
struct UnicodeData {
    classes: BTreeMap<char, u8>,
    /// Direct decompositions: whether canonical, and into what.
    decompositions: BTreeMap<char, (bool, Vec<char>)>,
}

impl UnicodeData {
    fn parse(text: &str) -> Result<UnicodeData, String> {
        let mut data = UnicodeData { classes: BTreeMap::new(), decompositions: BTreeMap::new() };
        for line in text.lines() {
            let fields: Vec<&str> = line.split(';').collect();
            let [code, _, _, class, _, decomposition, ..] = fields[..] else {
                return Err(format!("UnicodeData: {line}"));
            };
            // Surrogates are no characters.
            let Some(c) = scalar(code) else { continue };
            match class.parse::<u8>() {
                Ok(0) => {}
                Ok(class) => {
                    data.classes.insert(c, class);
                }
                Err(_) => return Err(format!("UnicodeData: {line}")),
            }
            let mut parts = decomposition.split_whitespace().peekable();
            let is_canonical = parts.next_if(|part| part.starts_with('<')).is_none();
            let into: Vec<char> = parts.filter_map(scalar).collect();
            if !into.is_empty() {
                data.decompositions.insert(c, (is_canonical, into));
            }
        }
        Ok(data)
    }

    fn class(&self, c: char) -> u8 {
        self.classes.get(&c).copied().unwrap_or(0)
    }

    /// The full decomposition, with marks in canonical order.
    fn decompose(&self, c: char, compatibly: bool) -> Vec<char> {
        let mut out = Vec::new();
        self.push_decomposition(c, compatibly, &mut out);
        let mut start = 0;
        while start < out.len() {
            let marks = out[start..].iter().take_while(|c| self.class(**c) != 0).count();
            out[start..start + marks].sort_by_key(|c| self.class(*c));
            start += marks + 1;
        }
        out
    }

    fn push_decomposition(&self, c: char, compatibly: bool, out: &mut Vec<char>) {
        match self.decompositions.get(&c) {
            Some((is_canonical, into)) if *is_canonical || compatibly => {
                into.iter().for_each(|c| self.push_decomposition(*c, compatibly, out));
            }
            _ => out.push(c),
        }
    }
}

fn scalar(hex: &str) -> Option<char> {
    u32::from_str_radix(hex, 16).ok().and_then(char::from_u32)
}

/// What the vindexes need.
struct Table {
    /// Sixteen pages of 4096 characters a plane: which row of `blocks_of` is whose.
    pages: Vec<u8>,
    pages_of: Vec<Vec<u16>>,
    blocks: Vec<Vec<u32>>,
    /// Each a count and as many elements.
    expansions: Vec<u32>,
    contraction_elements: Vec<u32>,
    contraction_entries: Vec<u32>,
    decompositions: Vec<String>,
    /// Characters whose canonical decomposition begins with a mark: class of its first and last.
    marks: Vec<(u32, u8, u8)>,
}

impl Table {
    fn new(go: &GoTables, unicode: &UnicodeData) -> Result<Table, String> {
        let mut table = Table {
            pages: Vec::new(),
            pages_of: Vec::new(),
            blocks: Vec::new(),
            expansions: Vec::new(),
            contraction_elements: Vec::new(),
            contraction_entries: go.contraction_entries.clone(),
            decompositions: Vec::new(),
            marks: Vec::new(),
        };
        let mut expansions = BTreeMap::new();
        for element in &go.contraction_elements {
            let element = table.renumber(*element, go, &mut expansions)?;
            table.contraction_elements.push(element);
        }
        for page in 0..0x110 {
            let mut blocks = Vec::new();
            for block in 0..64 {
                let mut elements = Vec::new();
                for code in (0..64).map(|i| page << 12 | block << 6 | i) {
                    let c = char::from_u32(code);
                    let element = c.map_or(0, |c| go.element(c));
                    elements.push(match (element, c) {
                        (0xf000_0000.., Some(c)) => table.add_decomposition(c, unicode),
                        _ => table.renumber(element, go, &mut expansions)?,
                    });
                }
                blocks.push(position_or_push(&mut table.blocks, elements) as u16);
            }
            let page = position_or_push(&mut table.pages_of, blocks);
            table.pages.push(u8::try_from(page).map_err(|_| "too many pages")?);
        }
        for c in '\0'..=char::MAX {
            let decomposition = unicode.decompose(c, false);
            let class = |c: Option<&char>| c.map_or(0, |c| unicode.class(*c));
            let (lead, trail) = (class(decomposition.first()), class(decomposition.last()));
            if lead != 0 {
                table.marks.push((u32::from(c), lead, trail));
            }
        }
        Ok(table)
    }

    /// Gives an expansion its place in the table; other elements stay as they are.
    fn renumber(
        &mut self,
        element: u32,
        go: &GoTables,
        known: &mut BTreeMap<u32, u32>,
    ) -> Result<u32, String> {
        if !(0xe000_0000..0xf000_0000).contains(&element) {
            return Ok(element);
        }
        let old = element & 0xffff;
        if let Some(new) = known.get(&old) {
            return Ok(*new);
        }
        let count = go.expansions.get(old as usize).copied().unwrap_or(0) as usize;
        let words = go.expansions.get(old as usize..=old as usize + count);
        let words = words.ok_or(format!("expansion {old:x} ends outside"))?;
        let new = 0xe000_0000 | self.expansions.len() as u32;
        if 0xffff < self.expansions.len() {
            return Err("too many expansions".to_string());
        }
        self.expansions.extend(words);
        known.insert(old, new);
        Ok(new)
    }

    fn add_decomposition(&mut self, c: char, unicode: &UnicodeData) -> u32 {
        let text: String = unicode.decompose(c, true).into_iter().collect();
        self.decompositions.push(text);
        0xf000_0000 | (self.decompositions.len() - 1) as u32
    }

    fn to_bytes(&self) -> Result<Vec<u8>, String> {
        let lens = [
            self.pages_of.len(),
            self.blocks.len(),
            self.expansions.len(),
            self.contraction_elements.len(),
            self.contraction_entries.len(),
            self.decompositions.len(),
            self.marks.len(),
        ];
        let mut out = Vec::new();
        for len in lens {
            let len = u32::try_from(len).map_err(|_| "section too long")?;
            out.extend(len.to_le_bytes());
        }
        out.extend(&self.pages);
        self.pages_of.iter().flatten().for_each(|block| out.extend(block.to_le_bytes()));
        let words = self.blocks.iter().flatten().chain(&self.expansions);
        let words = words.chain(&self.contraction_elements).chain(&self.contraction_entries);
        words.for_each(|word| out.extend(word.to_le_bytes()));
        for text in &self.decompositions {
            out.push(u8::try_from(text.len()).map_err(|_| "decomposition too long")?);
            out.extend(text.bytes());
        }
        for (code, lead, trail) in &self.marks {
            out.extend(code.to_le_bytes());
            out.extend([*lead, *trail]);
        }
        Ok(out)
    }
}

fn position_or_push<T: PartialEq>(items: &mut Vec<T>, item: T) -> usize {
    match items.iter().position(|known| *known == item) {
        Some(position) => position,
        None => {
            items.push(item);
            items.len() - 1
        }
    }
}
