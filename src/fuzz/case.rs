//! A case: what a run does, as data that prints as a scenario.
//!
//! Everything that shapes the run stands in it, but the order and delay of messages: those are the
//! tape's. So a case with its tape is a scenario with `decide` lines, and can be made smaller line
//! by line.

use std::collections::VecDeque;
use std::fmt::Write;
use std::sync::Arc;
use std::time::Duration;

use sim::decide::Tape;
use sim::seed::{Draw, Seed};

use super::backfill::{Backfill, Streams};
use super::faults::{self, Kind, Targets};
use super::profile::Profile;
use super::schema::Schema;
use super::schema::given::Given;
use super::tables::{self, Table};
use super::workload::{Queries, Workload};

/// See the [module](self).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Case {
    pub schema: Schema,
    /// Tablets a shard: a primary, then replicas.
    pub tablets: u64,
    pub vtgates: u64,
    /// A commit waits for a replica, which then may become the primary.
    pub is_semi_sync: bool,
    /// vtgates keep requests while a primary is replaced.
    pub is_buffered: bool,
    pub streams: Streams,
    /// Each with its vtgate's number.
    pub sessions: Vec<(String, u64)>,
    pub steps: Vec<Step>,
}

/// Something that is done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// A statement is sent, and not waited for.
    Send {
        session: String,
        sql: String,
    },
    /// A statement is sent, and waited for until it is answered or blocked.
    Ask {
        session: String,
        sql: String,
    },
    Advance(Duration),
    /// Any other command of the scenario language: a fault, what ends a run.
    Command(String),
}

/// Where the schemas of a campaign's cases come from.
#[derive(Clone, Debug, Default)]
pub enum Source {
    #[default]
    Drawn,
    Given(Arc<Given>),
}

/// A statement that a client has still to send.
#[derive(Clone)]
enum Queued {
    Alone(String),
    /// All clients send theirs at once.
    Storm(String),
}

/// Percent of runs with faults that begin with an entry without its row.
const DANGLES: u64 = 12;

/// Percent of runs with replicas whose faults are all of replication, and of who is primary.
const ABOUT_PRIMARIES: u64 = 30;

/// Percent of runs with faults whose vtgates buffer.
const BUFFERED: u64 = 30;

pub fn millis(number: u64) -> Duration {
    Duration::from_millis(number)
}

impl Step {
    /// As a scenario's line.
    pub fn line(&self) -> String {
        match self {
            Step::Send { session, sql } => {
                format!("send {session} \"{}\"", escaped(&line(sql), '"'))
            }
            Step::Ask { session, sql } => format!("{session}:> {}", line(sql)),
            Step::Advance(time) if time.subsec_micros() % 1000 != 0 => {
                format!("advance {}us", time.as_micros())
            }
            Step::Advance(time) if time.subsec_millis() != 0 => {
                format!("advance {}ms", time.as_millis())
            }
            Step::Advance(time) => format!("advance {}s", time.as_secs()),
            Step::Command(line) => line.clone(),
        }
    }
}

impl Case {
    /// The case of a seed.
    pub fn draw(profile: &Profile, seed: Seed, source: &Source) -> Case {
        let draw = &mut Draw::new(seed, "fuzz/schema");
        match source {
            Source::Drawn => {
                let schema = Schema::draw(draw, profile);
                // Drawn definitions can be read.
                let tables = tables::read(&schema).unwrap_or_default();
                Case::with(profile, seed, schema, &tables, None)
            }
            Source::Given(given) => {
                let schema = given.draw(draw, profile);
                Case::with(profile, seed, schema, given.tables(), given.queries())
            }
        }
    }

    fn with(
        profile: &Profile,
        seed: Seed,
        schema: Schema,
        tables: &[Table],
        queries: Option<&Queries>,
    ) -> Case {
        let draw = &mut Draw::new(seed, "fuzz/size");
        let vtgates = draw.between(1, profile.vtgates);
        let is_alone = draw.chance(profile.alone_percent);
        let clients = draw.between(profile.clients.0, profile.clients.1);
        let count = if is_alone { 1 } else { clients };
        let sessions: Vec<(String, u64)> = (0..count)
            .map(|at| (char::from(b'a' + at as u8).to_string(), 1 + at % vtgates))
            .collect();
        let tablets = if draw.chance(profile.replicas_percent) { 3 } else { 1 };
        let transactions = draw.between(profile.transactions.0, profile.transactions.1);
        let is_semi_sync =
            1 < tablets && Draw::new(seed, "fuzz/durability").chance(profile.semi_sync_percent);
        let is_buffered =
            0 < profile.most_faults && Draw::new(seed, "fuzz/buffer").chance(BUFFERED);
        let mut case = Case {
            schema,
            tablets,
            vtgates,
            is_semi_sync,
            is_buffered,
            streams: Streams::default(),
            sessions,
            steps: Vec::new(),
        };
        let rows: Vec<Step> = case.schema.rows.iter().map(|sql| case.ask_first(sql)).collect();
        let filling = &mut Draw::new(seed, "fuzz/backfill");
        let is_filled = !is_alone && filling.chance(profile.backfill_percent);
        let backfill =
            if is_filled { Backfill::take(filling, &mut case.schema, tables) } else { None };
        let draw = &mut Draw::new(seed, "fuzz/workload");
        let mut workload = Workload::draw(draw, tables, queries);
        if let Some(backfill) = backfill {
            case.streams = backfill.streams(filling);
            case.steps = case.work(draw, &mut workload, transactions);
            case.add_faults(&mut Draw::new(seed, "fuzz/faults"), profile, Some(&backfill));
            let work = std::mem::take(&mut case.steps);
            let later = case.work(draw, &mut workload, transactions.div_ceil(2));
            case.steps = backfill.steps(filling, &case, &mut workload, (work, later));
            case.steps.splice(0..0, rows);
            return case;
        }
        let dangles = 0 < profile.most_faults && !is_alone && draw.chance(DANGLES);
        let first = if dangles { case.leave_an_entry(draw, &mut workload) } else { Vec::new() };
        case.steps = case.work(draw, &mut workload, transactions);
        case.steps.splice(0..0, first);
        if !is_alone {
            case.add_faults(&mut Draw::new(seed, "fuzz/faults"), profile, None);
        }
        case.steps.splice(0..0, rows);
        case
    }

    /// The first session asks, and waits.
    fn ask_first(&self, sql: &str) -> Step {
        let session = self.sessions.first().map(|(name, _)| name.clone()).unwrap_or_default();
        Step::Ask { session, sql: sql.to_owned() }
    }

    /// A row whose entry is committed and the row is not, so that others meet what dangles.
    fn leave_an_entry(&self, draw: &mut Draw, workload: &mut Workload) -> Vec<Step> {
        let session = draw.pick(&self.sessions).0.clone();
        let Some(sql) = workload.owner_row(draw) else { return Vec::new() };
        let at = format!("at session={session} point=pre-committed do='break Commit before'");
        let insert = Step::Send { session, sql };
        vec![Step::Command(at), insert, Step::Advance(millis(draw.between(5, 20)))]
    }

    /// The clients' transactions, in an order that keeps each client's own.
    fn work(&self, draw: &mut Draw, workload: &mut Workload, transactions: u64) -> Vec<Step> {
        let clients = self.sessions.len();
        let mut queues: Vec<VecDeque<Queued>> = vec![VecDeque::new(); clients];
        if let Some(setting) = workload.settings(draw) {
            queues.iter_mut().for_each(|queue| queue.push_back(Queued::Alone(setting.clone())));
        }
        let mut drawn = 0;
        while drawn < transactions {
            if let Some(storm) = workload.storm(draw, clients) {
                drawn += clients as u64;
                for (queue, sql) in queues.iter_mut().zip(storm) {
                    queue.push_back(Queued::Storm(sql));
                }
                continue;
            }
            drawn += 1;
            let client = draw.below(clients as u64) as usize;
            let transaction = workload.transaction(draw);
            queues[client].extend(transaction.into_iter().map(Queued::Alone));
        }
        // How close statements of different clients are to each other, in this run.
        let pauses = *draw.pick(&[0, 0, 20, 60]);
        let longest = *draw.pick(&[200, 1_000, 5_000]);
        let mut steps = Vec::new();
        while queues.iter().any(|queue| !queue.is_empty()) {
            let is_alone = |at: &usize| matches!(queues[*at].front(), Some(Queued::Alone(_)));
            let ready: Vec<usize> = (0..clients).filter(is_alone).collect();
            if ready.is_empty() {
                // All have come to the same storm. A pause lets them end what they do.
                steps.push(Step::Advance(millis(draw.between(5, 30))));
                let storm = (0..clients).filter_map(|at| self.send(&mut queues, at));
                steps.extend(storm);
                continue;
            }
            steps.extend(self.send(&mut queues, *draw.pick(&ready)));
            if draw.chance(pauses) {
                let micros = draw.between(1, longest / 100) * 100;
                steps.push(Step::Advance(Duration::from_micros(micros)));
            }
        }
        steps
    }

    /// A client's next statement.
    fn send(&self, queues: &mut [VecDeque<Queued>], client: usize) -> Option<Step> {
        let (Queued::Alone(sql) | Queued::Storm(sql)) = queues[client].pop_front()?;
        Some(Step::Send { session: self.sessions[client].0.clone(), sql })
    }

    fn add_faults(&mut self, draw: &mut Draw, profile: &Profile, filling: Option<&Backfill>) {
        let is_allowed =
            |kind: Kind| self.allows(kind) && (filling.is_none() || Backfill::allows(kind));
        let is_about_primaries = 1 < self.tablets && draw.chance(ABOUT_PRIMARIES);
        let is_on = |draw: &mut Draw, kind: Kind| match is_about_primaries {
            true => kind.needs_replicas(),
            false => draw.chance(kind.percent()),
        };
        let kinds: Vec<Kind> =
            Kind::ALL.into_iter().filter(|kind| is_allowed(*kind) && is_on(draw, *kind)).collect();
        if kinds.is_empty() {
            return;
        }
        let sessions: Vec<String> = self.sessions.iter().map(|(name, _)| name.clone()).collect();
        let (vtgates, tablets) = (self.vtgates, self.tablets);
        for _ in 0..draw.between(0, profile.most_faults) {
            let targets = Targets { schema: &self.schema, sessions: &sessions, vtgates, tablets };
            let kind = *draw.pick(&kinds);
            let fault = match filling {
                Some(filling) if draw.chance(50) => vec![filling.fault(draw, self)],
                _ => targets.fault(draw, kind),
            };
            let mut at = draw.below(self.steps.len() as u64 + 1) as usize;
            // Sending takes no time: a moment later the statement before is under way.
            if draw.chance(50) {
                let micros = draw.between(1, 80) * 100;
                self.steps.insert(at, Step::Advance(Duration::from_micros(micros)));
                at += 1;
            }
            for (nth, step) in fault.into_iter().enumerate() {
                // What mends it comes later, with statements between.
                if 0 < nth {
                    at = (at + draw.below(4) as usize).min(self.steps.len());
                }
                self.steps.insert(at, step);
                at += 1;
            }
        }
    }

    fn allows(&self, kind: Kind) -> bool {
        !kind.needs_replicas() || 1 < self.tablets
    }

    /// The scenario's head: all before the first `---`.
    fn head(&self) -> String {
        let tablets = match self.tablets {
            1 => "primary",
            2 => "'primary,replica'",
            _ if self.is_semi_sync => "'primary,replica,replica' durability_policy=semi_sync",
            _ => "'primary,replica,rdonly'",
        };
        let vtgates =
            if self.vtgates == 1 { String::new() } else { format!(" vtgates={}", self.vtgates) };
        let mut head = format!("cluster tablets={tablets}{vtgates}");
        if self.is_buffered {
            head.push_str(" enable_buffer=true");
        }
        if let Some(bytes) = self.streams.packet_size {
            let _ = write!(head, " packet_size={bytes}");
        }
        head.push_str(if self.streams.is_v6 { " edition=v6\n" } else { "\n" });
        for keyspace in &self.schema.keyspaces {
            let _ = writeln!(head, "keyspace {} shards='{}'", keyspace.name, keyspace.shards);
        }
        for keyspace in &self.schema.keyspaces {
            let (name, definitions) = (&keyspace.name, keyspace.definitions.join("; "));
            let vschema = escaped(&keyspace.vschema.print_line(), '\'');
            let _ = writeln!(head, "vschema {name} '{vschema}'");
            if !definitions.is_empty() {
                let _ = writeln!(head, "schema {name} '{}'", escaped(&definitions, '\''));
            }
        }
        head
    }

    /// The scenario, without outputs. Comments stand before it; `decide` lines are the tape's.
    pub fn text(&self, comments: &str, tape: &Tape) -> String {
        let mut text = String::new();
        for line in comments.lines() {
            let _ = writeln!(text, "# {line}");
        }
        text.push_str(&self.head());
        for line in tape.to_string().lines() {
            let _ = writeln!(text, "decide '{line}'");
        }
        text.push_str("---\n\n");
        for (name, vtgate) in &self.sessions {
            let vtgate = if *vtgate == 1 { String::new() } else { format!(" vtgate={vtgate}") };
            let _ = writeln!(text, "session {name}{vtgate} target={}", self.schema.home);
        }
        for step in self.steps.iter().chain(&faults::end()) {
            let _ = writeln!(text, "{}", step.line());
        }
        text.push_str("---\n");
        text
    }

    /// Command lines beside the head and the end, which every case has.
    pub fn lines(&self, tape: &Tape) -> usize {
        self.steps.len() + tape.len()
    }
}

/// A statement on one line.
fn line(sql: &str) -> String {
    sql.lines().map(str::trim).collect::<Vec<&str>>().join(" ")
}

/// Text inside of a scenario's quotes.
fn escaped(text: &str, quote: char) -> String {
    let mut escaped = String::with_capacity(text.len());
    for char in text.chars() {
        match char {
            char if char == quote || char == '\\' => escaped.extend(['\\', char]),
            char => escaped.push(char),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scenario::{Options, run};

    /// What clients say comes through the scenario's own quotes as it is.
    #[test]
    fn a_statement_may_have_quotes_and_lines() {
        let profile = Profile::named("small").unwrap();
        let sql = "select 'it''s', \"two\", 'a\\\\b'\n  as c";
        let session = "a".to_owned();
        let steps = [
            Step::Send { session: session.clone(), sql: sql.to_owned() },
            Step::Command("settle".to_owned()),
            Step::Ask { session, sql: sql.to_owned() },
        ];
        let drawn = Case::draw(profile, Seed(1), &Source::Drawn);
        let case = Case { steps: steps.to_vec(), sessions: vec![("a".to_owned(), 1)], ..drawn };
        let output = run(&case.text("", &Tape::default()), &Options::default()).unwrap().output;
        let cells = |line: &str| {
            let cells: Vec<String> = line.split('|').map(|cell| cell.trim().to_owned()).collect();
            cells.get(1..cells.len() - 1).map(<[String]>::to_vec)
        };
        let row = ["it's", "two", "a\\b"].map(str::to_owned).to_vec();
        let rows = output.lines().filter(|line| cells(line).as_ref() == Some(&row));
        assert_eq!(rows.count(), 2, "{output}");
    }
}
