//! Cases: a small table of a random shape, a few rows with gaps, and statements of two to four
//! sessions.
//!
//! What MySQL's optimizer decides by statistics is pinned: FORCE INDEX where the syntax has it, an
//! optimizer hint for DELETE (the model, which counts no rows, takes the index that fits).

use rand::seq::IndexedRandom;
use rand::{RngExt, SeedableRng};
use rand_xoshiro::Xoshiro256PlusPlus;

use super::record::{Act, Step};
use crate::server::Product;

#[derive(Clone, Debug)]
pub struct Case {
    /// Run alone, with autocommit: definitions, rows, perhaps deletes that leave marked records.
    pub setup: Vec<String>,
    /// One a session.
    pub isolations: Vec<&'static str>,
    pub steps: Vec<Step>,
}

/// What every session does at the end.
pub fn ends(case: &Case) -> &'static [&'static str] {
    let locks =
        |step: &Step| matches!(&step.act, Act::Run(text) if text.starts_with("lock tables"));
    if case.steps.iter().any(locks) { &["commit", "unlock tables"] } else { &["commit"] }
}

/// Does the case wait for more than rows?
pub fn defines(case: &Case) -> bool {
    const WORDS: [&str; 5] = ["alter ", "truncate ", "drop ", "lock ", "unlock "];
    case.steps.iter().any(|step| match &step.act {
        Act::Run(text) => WORDS.iter().any(|word| text.starts_with(word)),
        _ => false,
    })
}

/// What is compared at the end.
pub fn contents() -> [&'static str; 2] {
    ["select * from t", "select * from d"]
}

impl Case {
    /// Reads what [`Case::describe`] and a report print; what stands behind an arrow is theirs.
    pub fn parse(text: &str) -> Case {
        let mut case = Case { setup: Vec::new(), isolations: Vec::new(), steps: Vec::new() };
        for line in text.lines().map(|line| line.split("   -> ").next().unwrap_or(line)) {
            if let Some((session, isolation)) = line.split_once(" is at ") {
                debug_assert!(session.starts_with('S'), "a session's isolation level");
                case.isolations
                    .push(LEVELS.iter().find(|level| **level == isolation).unwrap_or(&REPEATABLE));
            } else if let Some(statement) = line.strip_suffix(';') {
                case.setup.push(statement.to_string());
            } else {
                case.steps.extend(Step::parse(line));
            }
        }
        case
    }

    pub fn describe(&self) -> String {
        let mut text = String::new();
        for statement in &self.setup {
            text.push_str(&format!("{statement};\n"));
        }
        for (session, isolation) in self.isolations.iter().enumerate() {
            text.push_str(&format!("S{} is at {isolation}\n", session + 1));
        }
        text
    }
}

pub fn case(seed: u64, product: Product) -> Case {
    let mut rng = Xoshiro256PlusPlus::seed_from_u64(seed);
    let shape = Shape::random(&mut rng);
    let mut setup = vec![
        shape.definition(),
        "create table d (id int primary key, v int)".to_string(),
        "insert into d values (10,0), (30,0)".to_string(),
    ];
    setup.extend(shape.rows(&mut rng));
    let sessions = *[2, 2, 2, 3, 3, 4].choose(&mut rng).expect("a choice");
    let isolations = isolations(&mut rng, sessions);
    let mut generator = Generator { rng, shape, product };
    let steps = generator.steps(sessions);
    Case { setup, isolations, steps }
}

const LEVELS: [&str; 4] = ["read uncommitted", COMMITTED, REPEATABLE, "serializable"];
const REPEATABLE: &str = "repeatable read";
const COMMITTED: &str = "read committed";

fn isolations(rng: &mut Xoshiro256PlusPlus, sessions: usize) -> Vec<&'static str> {
    let any = |rng: &mut Xoshiro256PlusPlus| match rng.random_range(0..10) {
        0..4 => REPEATABLE,
        4..8 => COMMITTED,
        8 => "read uncommitted",
        _ => "serializable",
    };
    let one = any(rng);
    let mixed = rng.random_bool(0.3);
    (0..sessions).map(|_| if mixed { any(rng) } else { one }).collect()
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Primary {
    Int,
    Composite,
    Text,
    /// A column `id` without a key: the clustered index is a unique key without NULLs, or hidden.
    Hidden,
}

/// An index: its name, its columns in order, whether it is unique.
#[derive(Clone, Debug)]
struct Index {
    name: &'static str,
    definition: &'static str,
    columns: &'static [&'static str],
}

#[derive(Clone, Debug)]
struct Shape {
    primary: Primary,
    indexes: Vec<Index>,
    nullable: bool,
    automatic: bool,
    /// Tables are altered, truncated, dropped and locked as a whole.
    defines: bool,
}

const INDEXES: [Index; 8] = [
    Index { name: "uu", definition: "unique key uu (u)", columns: &["u"] },
    Index { name: "uk", definition: "unique key uk (u, k)", columns: &["u", "k"] },
    Index { name: "kk", definition: "key kk (k)", columns: &["k"] },
    Index { name: "ku", definition: "key ku (k, u)", columns: &["k", "u"] },
    Index { name: "sp", definition: "key sp (s(1))", columns: &["s"] },
    Index { name: "us", definition: "unique key us (s)", columns: &["s"] },
    Index { name: "ks", definition: "key ks (s, k)", columns: &["s", "k"] },
    Index { name: "up", definition: "unique key up (s(2))", columns: &["s"] },
];

impl Shape {
    fn random(rng: &mut Xoshiro256PlusPlus) -> Shape {
        let primary = match rng.random_range(0..20) {
            0..11 => Primary::Int,
            11..15 => Primary::Composite,
            15..18 => Primary::Text,
            _ => Primary::Hidden,
        };
        let count = *[0, 1, 1, 1, 1, 2, 2, 3].choose(rng).expect("a choice");
        // The first four are the common ones.
        let mut indexes: Vec<Index> = Vec::new();
        while indexes.len() < count {
            let at =
                if rng.random_bool(0.75) { rng.random_range(0..3) } else { rng.random_range(0..8) };
            // A prefix index ends in the clustered key, which may be the whole of its column.
            let ends_in_itself =
                primary == Primary::Hidden && matches!(INDEXES[at].name, "sp" | "up");
            if !ends_in_itself && indexes.iter().all(|index| index.name != INDEXES[at].name) {
                indexes.push(INDEXES[at].clone());
            }
        }
        let automatic = primary == Primary::Int && rng.random_bool(0.2);
        let (nullable, defines) = (rng.random_bool(0.5), rng.random_bool(0.15));
        Shape { primary, indexes, nullable, automatic, defines }
    }

    fn definition(&self) -> String {
        let null = if self.nullable { "" } else { " not null" };
        let primary = match self.primary {
            Primary::Int if self.automatic => "id int not null auto_increment".to_string(),
            Primary::Int | Primary::Hidden => "id int not null".to_string(),
            Primary::Composite => "a int not null, b int not null".to_string(),
            Primary::Text => "id varchar(8) not null".to_string(),
        };
        let key = match self.primary {
            Primary::Composite => ", primary key (a, b)",
            Primary::Hidden => "",
            _ => ", primary key (id)",
        };
        let indexes: String =
            self.indexes.iter().map(|index| format!(", {}", index.definition)).collect();
        format!(
            "create table t ({primary}, u int{null}, k int{null}, s varchar(8){null}, v \
             int{key}{indexes}) collate utf8mb4_bin"
        )
    }

    /// Rows at 10, 20, 30 .., of which some are deleted again.
    fn rows(&self, rng: &mut Xoshiro256PlusPlus) -> Vec<String> {
        let count: usize = rng.random_range(1..=5);
        let mut rows = Vec::new();
        for at in 1..=count {
            let key = at * 10;
            let primary = match self.primary {
                Primary::Int | Primary::Hidden => format!("{key}"),
                Primary::Composite => format!("{}, {}", at.div_ceil(2) * 10, (at % 2 + 1) * 10),
                Primary::Text => format!("'{}'", TEXTS[at * 2 - 1]),
            };
            let null = self.nullable && rng.random_bool(0.15);
            let u = if null { "null".to_string() } else { key.to_string() };
            let k = rng.random_range(1..=3) * 10;
            let s = TEXTS[at * 2 - 1];
            rows.push(format!("({primary}, {u}, {k}, '{s}', 0)"));
        }
        let mut texts = vec![format!("insert into t values {}", rows.join(", "))];
        if rng.random_bool(0.25) {
            let key = rng.random_range(1..=count) * 10;
            texts.push(format!(
                "delete from t where {}",
                match self.primary {
                    Primary::Int | Primary::Hidden => format!("id = {key}"),
                    Primary::Composite => format!("a = {key} and b = 10"),
                    Primary::Text => format!("id = '{}'", TEXTS[key / 5 - 1]),
                }
            ));
        }
        texts
    }
}

/// In the order of utf8mb4_bin; rows begin at every second one.
const TEXTS: [&str; 12] = ["a", "ab", "ac", "b", "ba", "bb", "c", "ca", "cb", "d", "da", "e"];

struct Generator {
    rng: Xoshiro256PlusPlus,
    shape: Shape,
    product: Product,
}

impl Generator {
    fn steps(&mut self, sessions: usize) -> Vec<Step> {
        let mut steps = Vec::new();
        for session in 0..sessions {
            if self.chance(0.85) {
                let text = match (self.rng.random_range(0..30), self.product) {
                    (0..2, _) => "start transaction with consistent snapshot",
                    // MariaDB's BEGIN takes the mode back, MySQL's does not.
                    (2, Product::MySql) => "start transaction read only",
                    _ => "begin",
                };
                steps.push(Step { session, act: Act::Run(text.to_string()) });
            }
        }
        let count = self.rng.random_range(3..=14);
        for _ in 0..count {
            let session = self.rng.random_range(0..sessions);
            let act = match self.rng.random_range(0..1000) {
                0..3 if !self.shape.defines => Act::RunOut(self.statement()),
                3..20 => Act::Kill,
                _ => Act::Run(self.statement()),
            };
            steps.push(Step { session, act });
        }
        steps
    }

    fn statement(&mut self) -> String {
        if self.shape.defines && self.chance(0.15) {
            return self.definition();
        }
        match self.rng.random_range(0..100) {
            0..20 => self.locking_select(),
            20..24 => self.plain_select(),
            24..46 => self.insert(),
            46..66 => self.update(),
            66..80 => self.delete(),
            80..82 => "savepoint p".to_string(),
            82 => "savepoint q".to_string(),
            83..85 => "rollback to p".to_string(),
            85 => self.one_of(&["rollback to q", "release savepoint p"]),
            86..92 => "commit".to_string(),
            92..96 => "rollback".to_string(),
            96..98 => "begin".to_string(),
            _ => self.insert_select(),
        }
    }

    /// What needs a table alone, or keeps it.
    fn definition(&mut self) -> String {
        self.one_of(&[
            "alter table t engine = innodb",
            "alter table t modify v bigint",
            "alter table d add column w int",
            "truncate table t",
            "truncate table d",
            "drop table d",
            "lock tables t write",
            "lock tables t read",
            "lock tables t read, d write",
            "unlock tables",
            "unlock tables",
        ])
    }

    fn one_of(&mut self, texts: &[&str]) -> String {
        texts[self.rng.random_range(0..texts.len())].to_string()
    }

    fn locking_select(&mut self) -> String {
        let (index, filter) = self.filter();
        let columns = self.columns(index);
        let lock = match (self.rng.random_range(0..14), self.product) {
            (0, _) => "for update nowait",
            (1, _) => "for update skip locked",
            (2, Product::MySql) => "for share nowait",
            (3, Product::MySql) => "for share skip locked",
            (4..6, Product::MySql) => "for share",
            (6..8, Product::MySql) => "lock in share mode",
            (2..8, _) => "lock in share mode",
            _ => "for update",
        };
        let ordered = self.is_ordered(index);
        let order = match self.rng.random_range(0..10) {
            0 if ordered => format!(" order by {} desc", self.primary_order("desc")),
            1 if ordered => format!(" order by {} limit 1", self.primary_order("")),
            2 if ordered => format!(" order by {} desc limit 1", self.primary_order("desc")),
            _ => String::new(),
        };
        format!("select {columns} from t{}{filter}{order} {lock}", self.force(index))
    }

    fn plain_select(&mut self) -> String {
        let (index, filter) = self.filter();
        format!("select {} from t{}{filter}", self.columns(index), self.force(index))
    }

    /// `a desc, b`: both parts of a composite key in one direction.
    fn primary_order(&self, direction: &str) -> String {
        match self.shape.primary {
            Primary::Composite => format!("a {direction}, b").trim().replace(" ,", ","),
            _ => "id".to_string(),
        }
    }

    /// Does the index give the order of the primary key?
    fn is_ordered(&self, index: usize) -> bool {
        index == 0 && self.shape.primary != Primary::Hidden
    }

    /// The first row only, now and then.
    fn first(&mut self, index: usize) -> String {
        match self.is_ordered(index) && self.chance(0.08) {
            true => format!(" order by {} limit 1", self.primary_order("")),
            false => String::new(),
        }
    }

    fn insert(&mut self) -> String {
        let kind = self.rng.random_range(0..10);
        let count = if self.chance(0.3) { 2 } else { 1 };
        let rows: Vec<String> = (0..count).map(|_| self.row()).collect();
        let rows = rows.join(", ");
        match kind {
            0 => format!("insert ignore into t values {rows}"),
            1..3 => {
                let set = self.assignment();
                format!("insert into t values {rows} on duplicate key update {set}")
            }
            3..5 => format!("replace into t values {rows}"),
            _ => format!("insert into t values {rows}"),
        }
    }

    fn insert_select(&mut self) -> String {
        let (index, filter) = self.filter();
        let source = match self.shape.primary {
            Primary::Int | Primary::Hidden => "id, v",
            Primary::Composite => "a + b, v",
            Primary::Text => "length(id), v",
        };
        let (before, after) = match self.rng.random_range(0..8) {
            0 => ("insert ignore", ""),
            1 => ("replace", ""),
            2 => ("insert", " on duplicate key update d.v = d.v + 1"),
            _ => ("insert", ""),
        };
        format!("{before} into d select {source} from t{}{filter}{after}", self.force(index))
    }

    fn update(&mut self) -> String {
        let (index, filter) = self.filter();
        let set = self.assignment();
        let first = self.first(index);
        format!("update t{} set {set}{filter}{first}", self.force(index))
    }

    fn delete(&mut self) -> String {
        let (mut index, mut filter) = self.filter();
        // The model reads no hints: where two indexes serve, it might take the other one.
        let served = |at: usize| {
            let own = self.shape.indexes[at - 1].columns;
            self.shape.indexes.iter().filter(|other| own.contains(&other.columns[0])).count()
        };
        if index != 0 && 1 < served(index) {
            (index, filter) = (0, String::new());
        }
        let hint = match self.product {
            Product::MySql if index == 0 && self.shape.primary == Primary::Hidden => {
                " /*+ no_index(t) */".to_string()
            }
            Product::MySql => format!(" /*+ index(t {}) */", self.index_name(index)),
            Product::MariaDb => String::new(),
        };
        let first = self.first(index);
        format!("delete{hint} from t{filter}{first}")
    }

    fn assignment(&mut self) -> String {
        match self.rng.random_range(0..12) {
            0..2 => format!("u = {}", self.number()),
            2..4 => format!("k = {}", self.number()),
            4 => format!("s = '{}'", self.text()),
            5 => match self.shape.primary {
                Primary::Int | Primary::Hidden => format!("id = {}", self.key()),
                Primary::Composite => format!("b = {}", self.key()),
                Primary::Text => format!("id = '{}'", self.text()),
            },
            6 => format!("u = {}, k = {}", self.number(), self.number()),
            7 => "v = 0".to_string(),
            _ => "v = v + 1".to_string(),
        }
    }

    fn row(&mut self) -> String {
        let generated = self.shape.automatic && self.chance(0.4);
        let primary = match self.shape.primary {
            Primary::Int if generated => "null".to_string(),
            Primary::Int | Primary::Hidden => self.key().to_string(),
            Primary::Composite => format!("{}, {}", self.key(), self.key()),
            Primary::Text => format!("'{}'", self.text()),
        };
        let (u, k) = (self.number(), self.number());
        format!("({primary}, {u}, {k}, '{}', 0)", self.text())
    }

    /// An index, by number, and a WHERE that it serves.
    fn filter(&mut self) -> (usize, String) {
        let index = match self.chance(0.55) {
            true => 0,
            false => self.rng.random_range(0..=self.shape.indexes.len()),
        };
        let filter = match index {
            0 => self.primary_filter(),
            _ => Some(self.secondary_filter(index)),
        };
        let Some(mut filter) = filter else { return (0, String::new()) };
        // Two values of one column would be seen through before anything is read.
        if !filter.starts_with("v =") && self.chance(0.15) {
            filter.push_str(&format!(" and v = {}", self.rng.random_range(0..2)));
        }
        (index, format!(" where {filter}"))
    }

    fn primary_filter(&mut self) -> Option<String> {
        match (self.shape.primary, self.rng.random_range(0..20)) {
            (_, 0) => None,
            (_, 1..3) => Some(format!("v = {}", self.rng.random_range(0..2))),
            (Primary::Composite, 3..9) => {
                Some(format!("a = {} and b = {}", self.key(), self.key()))
            }
            (Primary::Composite, 9..12) => Some(format!("a = {}", self.key())),
            (Primary::Composite, 12..14) => {
                let range = self.range("b");
                Some(format!("a = {} and {range}", self.key()))
            }
            (Primary::Composite, _) => Some(self.range("a")),
            (primary @ (Primary::Int | Primary::Hidden | Primary::Text), 3..10) => {
                Some(format!("id = {}", self.literal(primary)))
            }
            (primary @ (Primary::Int | Primary::Hidden | Primary::Text), 10..12) => {
                let (one, other) = (self.literal(primary), self.literal(primary));
                Some(match one == other {
                    true => format!("id = {one}"),
                    false => format!("id in ({one}, {other})"),
                })
            }
            (Primary::Int | Primary::Hidden, _) => Some(self.range("id")),
            (Primary::Text, _) => Some(self.text_range("id")),
        }
    }

    fn secondary_filter(&mut self, index: usize) -> String {
        let columns = self.shape.indexes[index - 1].columns;
        let mut parts = Vec::new();
        for (at, column) in columns.iter().enumerate() {
            let last = at + 1 == columns.len();
            if 0 < at && self.chance(0.4) {
                break;
            }
            let range = self.chance(0.3);
            let null = self.shape.nullable && self.chance(0.1);
            parts.push(match *column {
                column if null => format!("{column} is null"),
                "s" if range => self.text_range("s"),
                "s" => format!("s = '{}'", self.text()),
                column if range => self.range(column),
                column if last && self.chance(0.1) => {
                    let key = self.key();
                    format!("{column} in ({key}, {})", key + 5)
                }
                column => format!("{column} = {}", self.key()),
            });
            if range {
                break;
            }
        }
        parts.join(" and ")
    }

    fn range(&mut self, column: &str) -> String {
        let (a, b) = (self.key(), self.key());
        let (low, high) = (a.min(b), a.max(b));
        match self.rng.random_range(0..8) {
            0 => format!("{column} > {a}"),
            1 => format!("{column} >= {a}"),
            2 => format!("{column} < {a}"),
            3 => format!("{column} <= {a}"),
            4 => format!("{column} >= {low} and {column} < {high}"),
            5 => format!("{column} > {low} and {column} <= {high}"),
            6 => format!("{column} > {low} and {column} < {high}"),
            _ => format!("{column} between {low} and {high}"),
        }
    }

    fn text_range(&mut self, column: &str) -> String {
        let (a, b) = (self.text(), self.text());
        let (low, high) = (a.min(b), a.max(b));
        match self.rng.random_range(0..4) {
            0 => format!("{column} > '{a}'"),
            1 => format!("{column} <= '{a}'"),
            2 => format!("{column} >= '{low}' and {column} < '{high}'"),
            _ => format!("{column} between '{low}' and '{high}'"),
        }
    }

    /// All columns, or such as the index alone can answer.
    fn columns(&mut self, index: usize) -> String {
        // To see whether a covering index is scanned takes EXPLAIN, which waits for definitions.
        if index == 0 || self.shape.defines || self.chance(0.7) {
            return "*".to_string();
        }
        self.shape.indexes[index - 1].columns.join(", ")
    }

    fn force(&self, index: usize) -> String {
        match index == 0 && self.shape.primary == Primary::Hidden {
            true => " use index ()".to_string(),
            false => format!(" force index ({})", self.index_name(index)),
        }
    }

    fn index_name(&self, index: usize) -> &'static str {
        match index {
            0 => "primary",
            _ => self.shape.indexes[index - 1].name,
        }
    }

    fn literal(&mut self, primary: Primary) -> String {
        match primary {
            Primary::Text => format!("'{}'", self.text()),
            _ => self.key().to_string(),
        }
    }

    /// Multiples of ten exist more often.
    fn key(&mut self) -> u64 {
        match self.chance(0.6) {
            true => self.rng.random_range(1..=5) * 10,
            false => self.rng.random_range(0..=5) * 10 + 5,
        }
    }

    /// A key's value, or NULL where the columns take it.
    fn number(&mut self) -> String {
        if self.shape.nullable && self.chance(0.1) {
            return "null".to_string();
        }
        self.key().to_string()
    }

    fn text(&mut self) -> &'static str {
        TEXTS.choose(&mut self.rng).expect("there are texts")
    }

    fn chance(&mut self, probability: f64) -> bool {
        self.rng.random_bool(probability)
    }
}
