//! Row events of random programs: what the binlog says that the same statements did.
//!
//! The programs are those of [`programs`](crate::programs). Both servers run one; then the real
//! server's binlog is decoded and held against the model's: transactions, definitions, the rows
//! events of each in their order, with table, kind and both images of every row. What an event is
//! called is what a line says; the number of rows that fit into one event is not compared.
//!
//! A statement that the two answer differently is another kind's business: it is left out, and the
//! rest of its program compared.

mod model_log;
mod real_log;

use mysql::Error;

use crate::answer::{Answer, Connection, Count};
use crate::differences;
use crate::model::ModelServer;
use crate::programs::{self, generate};
use crate::real::Real;
use crate::server::{Product, RealServer};
use crate::shrink::shrink;
use crate::{Kind, Verdict};

pub struct Events<'a> {
    server: &'a RealServer,
    real: Real,
}

/// What became of a program on both servers.
enum Played {
    Same,
    /// But for the order in which a statement met its rows.
    SameRows,
    /// The statement at this place is answered differently.
    Parts(usize),
    Differs(String),
}

/// How closely a program is watched.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Watch {
    Answers,
    /// All tables too, after every statement.
    Contents,
}

impl<'a> Events<'a> {
    pub fn new(server: &'a RealServer) -> Result<Events<'a>, Error> {
        Ok(Events { server, real: server.connect(Count::Changed)? })
    }

    /// Runs a script of statements and tells where the two logs part.
    pub fn replay(&mut self, text: &str) -> Result<(String, bool), Error> {
        let program = programs::statements(text);
        Ok(match self.play(&program, Watch::Answers)? {
            Played::Same | Played::SameRows => ("both logs say the same".to_string(), true),
            Played::Parts(at) => (format!("answered differently: {}", program[at]), true),
            Played::Differs(told) => (told, false),
        })
    }

    fn play(&mut self, program: &[String], watch: Watch) -> Result<Played, Error> {
        self.real.reset()?;
        let product = self.server.product;
        self.real.query("drop database if exists program");
        for text in programs::setups(product) {
            self.real.query(&programs::spoken(product, &text));
        }
        let server = ModelServer::with(programs::options());
        let mut model = server.connect(Count::Changed);
        for text in programs::setups(product) {
            model.query(&text);
        }
        let start = real_log::position(&mut self.real);
        let logged = server.0.borrow().durable().binlog.len();
        for (at, statement) in program.iter().enumerate() {
            let spoken = programs::spoken(product, statement);
            let (real, own) = (self.real.query(&spoken), model.query(statement));
            if part(&real, &own) || watch == Watch::Contents && self.contents_part(&mut model) {
                return Ok(Played::Parts(at));
            }
        }
        self.real.query("rollback");
        model.query("rollback");
        let real = real_log::read(self.server.connect(Count::Changed)?, &start)?;
        let own = model_log::read(&server.0.borrow().durable().binlog[logged..]);
        let unordered = program.iter().any(|text| is_unordered(self.server.product, text));
        Ok(match first_difference(&real, &own) {
            None => Played::Same,
            Some(_) if unordered && sorted(&real) == sorted(&own) => Played::SameRows,
            Some(told) => Played::Differs(format!("{};\n{told}", program.join(";\n"))),
        })
    }

    fn contents_part(&mut self, model: &mut impl Connection) -> bool {
        let tables = self.real.query("show tables");
        tables.rows.iter().filter_map(|row| row.first()?.as_ref()).any(|name| {
            let text = format!("select * from {}", String::from_utf8_lossy(name));
            let sorted = |answer: Answer| {
                let mut rows = answer.rows;
                rows.sort();
                rows
            };
            sorted(self.real.query(&text)) != sorted(model.query(&text))
        })
    }

    /// Plays what is left of a program when every statement is gone that is answered differently;
    /// how many those were.
    fn play_what_agrees(&mut self, program: &mut Vec<String>) -> Result<(Played, usize), Error> {
        let whole = program.len();
        loop {
            let mut played = self.play(program, Watch::Answers)?;
            if matches!(played, Played::Differs(_)) {
                // The same count of rows is not the same rows.
                let closely = self.play(program, Watch::Contents)?;
                if matches!(closely, Played::Parts(_)) {
                    played = closely;
                }
            }
            match played {
                Played::Parts(at) => drop(program.remove(at)),
                played => return Ok((played, whole - program.len())),
            }
        }
    }
}

impl Kind for Events<'_> {
    fn run(&mut self, seed: u64) -> Result<Verdict, Error> {
        let mut program = generate::program(seed, self.server.product);
        if program.iter().any(|text| is_undecodable(text)) {
            return Ok(Verdict::Agrees(vec![differences::UNDECODABLE.to_string()]));
        }
        let (played, left_out) = self.play_what_agrees(&mut program)?;
        let Played::Differs(told) = played else {
            let mut names = Vec::new();
            names.extend((left_out != 0).then(|| differences::LEFT_OUT.to_string()));
            let ordered = matches!(played, Played::SameRows);
            names.extend(ordered.then(|| differences::ROW_ORDER.to_string()));
            return Ok(Verdict::Agrees(names));
        };
        let differs = |played| matches!(played, Ok(Played::Differs(_)));
        let small = shrink(&program, |part| differs(self.play(part, Watch::Contents)));
        match self.play(&small, Watch::Contents)? {
            Played::Differs(told) => Ok(Verdict::Differs(told)),
            _ => Ok(Verdict::Differs(told)),
        }
    }
}

/// Do two answers to one statement tell of different changes?
fn part(real: &Answer, own: &Answer) -> bool {
    let failed = (real.error.is_some(), own.error.is_some());
    let counts = real.error.is_none() && !real.is_result_set();
    failed.0 != failed.1 || counts && real.affected != own.affected
}

/// A TIME of one or two digits behind the second: below zero, the decoder fails.
fn is_undecodable(text: &str) -> bool {
    text.contains(" time(1)") || text.contains(" time(2)")
}

/// Does a change meet its rows in an order that the statement leaves open? Rows that ORDER BY
/// finds equal stay in their order on MySQL.
fn is_unordered(product: Product, text: &str) -> bool {
    let several = match text.split_once(" set ") {
        Some((tables, _)) if text.starts_with("update ") => tables.contains(", "),
        _ => text.starts_with("delete ") && !text.starts_with("delete from "),
    };
    let changes = text.starts_with("update ") || text.starts_with("delete ");
    let ties = product == Product::MariaDb && text.contains(" order by ");
    changes && (several || text.contains(" join ") || ties)
}

/// A log with the rows of each event, and the events of each transaction, in the order of their
/// texts.
fn sorted(log: &[String]) -> Vec<String> {
    let mut events: Vec<(String, Vec<String>)> = Vec::new();
    for line in log {
        match events.last_mut() {
            // The new image of an updated row follows the old one.
            Some((_, rows)) if line.starts_with("  ") => match rows.last_mut() {
                Some(before) if line.starts_with("  +") && is_before(before) => {
                    before.push_str(line);
                }
                _ => rows.push(line.clone()),
            },
            _ => events.push((line.clone(), Vec::new())),
        }
    }
    events.iter_mut().for_each(|(_, rows)| rows.sort());
    for transaction in events.split_mut(|(head, _)| head == "begin" || head == "commit") {
        transaction.sort();
    }
    events.into_iter().flat_map(|(head, rows)| std::iter::once(head).chain(rows)).collect()
}

fn is_before(line: &str) -> bool {
    line.starts_with("  -") && !line.contains("  +")
}

/// The first line at which two logs part, with those before it.
fn first_difference(real: &[String], own: &[String]) -> Option<String> {
    let same = real.iter().zip(own).take_while(|(real, own)| real == own).count();
    if same == real.len().max(own.len()) {
        return None;
    }
    let line = |log: &[String]| log.get(same).map_or("(ends here)", |line| line).to_string();
    let before: String = real[..same].iter().map(|line| format!("    {line}\n")).collect();
    Some(format!("{before}  real:  {}\n  model: {}", line(real), line(own)))
}
