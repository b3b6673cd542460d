//! Where the servers are known to part, each with its reason: an entry either normalises what both
//! say before it is compared, or allows an outcome.
//!
//! MySQL 8.4 is what the model follows. MariaDB is the second opinion; what it does otherwise is
//! listed here and nowhere else.

use crate::answer::Answer;
use crate::programs::Outcome;
use crate::server::Product;

pub struct Difference {
    pub name: &'static str,
    pub reason: &'static str,
}

pub const NOT_MODELLED: &str = "not-modelled";
pub const RANGE_ERROR: &str = "range-error";
pub const COERCED: &str = "coerced-constant";
pub const RACE: &str = "race";
pub const LEFT_OUT: &str = "left-out";
pub const UNDECODABLE: &str = "undecodable";
pub const ROW_ORDER: &str = "row-order";
const UPGRADE: &str = "upgrade-kills-waiter";
const UNDONE_INSERT: &str = "undone-insert-leaves-no-gap";
const RANGE_END: &str = "range-end-is-next-key";
const EDGES: &str = "other-victim";
const SUCCESSOR: &str = "unique-successor-is-next-key";
const DELETED: &str = "deleted-row-is-not-locked";

pub const KNOWN: [Difference; 26] = [
    Difference {
        name: RACE,
        reason: "several threads wake at once and interleave inside of statements: the same case \
                 on the same server ends now in this way and now in that, one of them the model's",
    },
    Difference {
        name: LEFT_OUT,
        reason: "a statement is answered differently, which is the business of `programs`; the \
                 events of the others are compared",
    },
    Difference {
        name: UNDECODABLE,
        reason: "the library that reads the real binlog fails on a TIME(1) or TIME(2) below zero",
    },
    Difference {
        name: ROW_ORDER,
        reason: "in which order an UPDATE or DELETE meets the rows of a join, or (MariaDB) those \
                 that ORDER BY finds equal, is the server's choice; the same rows are changed",
    },
    Difference {
        name: UPGRADE,
        reason: "a holder of S asks for X behind a waiting X: MySQL lets it pass, MariaDB finds a \
                 deadlock and ends the waiter",
    },
    Difference {
        name: UNDONE_INSERT,
        reason: "a row that was inserted and undone inside of a living transaction leaves its gap \
                 locked on MySQL, nothing on MariaDB",
    },
    Difference {
        name: RANGE_END,
        reason: "the record behind a range, or the one before a full unique key, is locked whole \
                 on MariaDB, its gap or nothing on MySQL",
    },
    Difference {
        name: EDGES,
        reason: "lock structs are counted and waiters are chained otherwise: another member of a \
                 cycle dies, or none does yet",
    },
    Difference {
        name: SUCCESSOR,
        reason: "a duplicate check locks the entry behind the last equal one: its gap on MySQL, the \
                 entry itself on MariaDB",
    },
    Difference {
        name: DELETED,
        reason: "below REPEATABLE READ a locking read passes a record that is marked as deleted: \
                 MySQL locks it and waits for whoever has it, MariaDB does neither",
    },
    Difference { name: NOT_MODELLED, reason: "the model refuses with 1235" },
    Difference {
        name: RANGE_ERROR,
        reason: "of a joined or nested query the optimizer evaluates what it does not need, or \
                 not what it does not look at: one server has 1690",
    },
    Difference {
        name: "default-asked-first",
        reason: "MariaDB refuses DEFAULT of a column without one before it has a row, and under IGNORE",
    },
    Difference {
        name: "negative-decimals",
        reason: "as an unsigned integer a negative decimal is 0 on MariaDB, its complement on MySQL",
    },
    Difference {
        name: "wrong-arguments",
        reason: "inet_aton, inet_ntoa and unhex of what is none warn on MySQL only, which strict mode \
                 makes 1411",
    },
    Difference {
        name: "dropped-primary-key",
        reason: "MySQL copies the table and counts its rows, MariaDB counts none",
    },
    Difference {
        name: "short-dates",
        reason: "a date without a time is a time of the day to MariaDB's addtime, subtime, timediff",
    },
    Difference {
        name: "rounded-texts",
        reason: "a rounded text is a decimal on MariaDB, a double on MySQL",
    },
    Difference {
        name: "limit-argument",
        reason: "EXECUTE with an argument for LIMIT: MariaDB takes texts, and refuses negative numbers \
                 with 1210",
    },
    Difference {
        name: "long-columns",
        reason: "MariaDB cuts a key to what it takes of a TEXT or BLOB, and lets these have defaults",
    },
    Difference {
        name: "key-column-stays",
        reason: "MariaDB refuses to drop a column of a unique key of several columns",
    },
    Difference {
        name: "texts-of-times",
        reason: "which texts and numbers are a date or a time: '' or 128 is on one server, 1292 on \
                 the other",
    },
    Difference {
        name: "rounded-quotient",
        reason: "MySQL 9 rounds a quotient to the digits that it shows before it goes on, MariaDB does \
                 not",
    },
    Difference {
        name: "implied-default",
        reason: "a column without a default has its type's zero on MariaDB where the INSERT has ON \
                 DUPLICATE KEY UPDATE, or NULL where DROP DEFAULT took it away",
    },
    Difference {
        name: COERCED,
        reason: "whether a change that compares a text with a number has the 1292 of a strict \
                 mode depends on which of several conditions the optimizer asks first",
    },
    Difference {
        name: "nowait-errno",
        reason: "MariaDB says 1205 where MySQL has 3572 for NOWAIT",
    },
];

/// Behind a colon a name may say more.
pub fn reason(name: &str) -> &'static str {
    let name = name.split(':').next().unwrap_or(name);
    KNOWN.iter().find(|known| known.name == name).map_or("", |known| known.reason)
}

/// An error number as MySQL would give it.
pub fn errno(product: Product, text: &str, errno: u16) -> u16 {
    match (product, errno) {
        (Product::MariaDb, 1205) if text.contains("nowait") => 3572,
        (Product::MariaDb, 4025) => 3819,
        (Product::MariaDb, 1969) => 3024,
        _ => errno,
    }
}

/// A number or time without zeros at its end: how many digits an expression's result shows behind
/// the point differs.
pub fn without_scale(text: &str) -> String {
    let fraction = text.rsplit_once('.').map(|(_, fraction)| fraction);
    match fraction {
        Some(digits) if !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit()) => {
            text.trim_end_matches('0').trim_end_matches('.').to_string()
        }
        _ => text.to_string(),
    }
}

/// By name: is it this difference that two answers show?
type IsIt = fn(&str, &Answer, &Answer) -> bool;

const ANSWERS: [(&str, IsIt); 11] = [
    ("wrong-arguments", |_, _, own| own.errno() == Some(1411)),
    ("negative-decimals", |text, real, own| {
        text.contains(" as unsigned)") && real.error.is_none() && real.rows != own.rows
    }),
    ("dropped-primary-key", |text, real, own| {
        text.ends_with(" drop primary key") && real.error.is_none() && own.error.is_none()
    }),
    ("short-dates", |text, real, own| {
        let words = ["addtime(", "subtime(", "timediff("];
        words.iter().any(|word| text.contains(word)) && real.rows != own.rows
    }),
    ("rounded-texts", |text, real, own| {
        (text.contains("round('") || text.contains("truncate('")) && real.rows != own.rows
    }),
    ("implied-default", |text, real, own| {
        let duplicates = text.contains(" on duplicate key update ");
        own.errno() == Some(1364) && (duplicates || real.error.is_none())
    }),
    ("limit-argument", |text, _, own| {
        text.starts_with("execute ") && matches!(own.errno(), Some(1210 | 1690))
    }),
    ("long-columns", |text, real, own| {
        text.starts_with("alter ")
            && real.errno().is_none()
            && matches!(own.errno(), Some(1101 | 1170))
    }),
    ("key-column-stays", |text, real, _| {
        text.contains(" drop column ") && real.errno() == Some(1072)
    }),
    ("texts-of-times", |text, real, own| {
        let changes = ["insert", "replace", "update", "alter"];
        let one = (real.errno() == Some(1292)) != (own.errno() == Some(1292));
        one && changes.iter().any(|word| text.starts_with(word))
    }),
    ("rounded-quotient", |text, real, own| {
        text.contains(" / ") && real.error.is_none() && own.error.is_none() && real.rows != own.rows
    }),
];

/// What is known of two answers to a statement of a program that differ.
pub fn of_answers(product: Product, text: &str, real: &Answer, own: &Answer) -> Option<Outcome> {
    if product == Product::MySql {
        return None;
    }
    let (theirs, ours) = (real.errno(), own.errno());
    // Which of the errors of a row's values comes first.
    const VALUES: [u16; 9] = [1048, 1264, 1265, 1292, 1364, 1366, 1406, 1411, 1690];
    let of_values = |errno: Option<u16>| errno.is_some_and(|errno| VALUES.contains(&errno));
    if of_values(theirs) && of_values(ours) {
        return Some(Outcome::Same);
    }
    // MariaDB asks for the defaults of a statement before it has a row to fill.
    if theirs == Some(1364) && ours.is_none() {
        return Some(match own.affected {
            0 => Outcome::Same,
            _ => Outcome::Parted("default-asked-first"),
        });
    }
    let found = ANSWERS.iter().find(|(_, is_it)| is_it(text, real, own));
    if let Some((name, _)) = found {
        return Some(Outcome::Parted(name));
    }
    None
}

/// An answer as it is compared.
pub fn shown(product: Product, text: &str, answer: &Answer) -> String {
    match answer.errno() {
        Some(number) => format!("ERROR {}", errno(product, text, number)),
        None => answer.to_string(),
    }
}

/// The known difference that a report of a schedule shows, if it is one. `told` begins with what
/// was set up and ends in the step at which the two part: what the real server did, and behind `model:` what the model did.
pub fn known(product: Product, told: &str) -> Option<&'static str> {
    if product == Product::MySql {
        return None;
    }
    let lines: Vec<&str> = told.lines().collect();
    let at = lines.iter().position(|line| line.trim_start().starts_with("model: "))?;
    let (steps, model) = (&lines[..at], lines[at].trim_start());
    let real = steps.last()?.split_once("   -> ")?.1;
    let waits = |text: &str| text.contains(" waits for ");
    let dies = |text: &str| text.contains("ERROR 1213");
    let played = |line: &&&str| line.starts_with('S') && line.contains("> ");
    let any = |test: &dyn Fn(&str) -> bool| steps.iter().filter(played).any(|step| test(step));
    let inserted = |step: &str| step.contains("> insert") || step.contains("> replace");
    let undone = |step: &str| {
        let moved = step.contains("> update") && step.contains("ERROR 1062");
        let rolled_back = step.contains("> rollback to");
        inserted(step) || moved || rolled_back
    };
    let ranges = |step: &str| {
        let words = [" > ", " >= ", " < ", " <= ", " between ", " in (", " order by "];
        words.iter().any(|word| step.contains(word))
    };
    let deletes = |line: &&str| line.contains("delete");
    let changes = |step: &str| inserted(step) || step.contains("> update");
    let last = steps.last().copied().unwrap_or("");
    let gives_up = last.contains("nowait") || last.contains("skip locked");
    match (waits(real), waits(model)) {
        _ if dies(real) && dies(model) => Some(EDGES),
        _ if dies(real) => Some(UPGRADE),
        (false, true) if any(&undone) => Some(UNDONE_INSERT),
        (_, true) if steps.iter().any(deletes) && below_repeatable(steps) => Some(DELETED),
        (true, false) if any(&ranges) => Some(RANGE_END),
        (true, false) if changes(last) => Some(SUCCESSOR),
        (true, _) if dies(model) => Some(EDGES),
        (false, false) if gives_up && any(&ranges) => Some(RANGE_END),
        _ => None,
    }
}

fn below_repeatable(lines: &[&str]) -> bool {
    lines.iter().any(|line| line.ends_with(" committed") || line.ends_with(" uncommitted"))
}
