//! A command of a scenario, read and checked before anything runs.
//!
//! `name positional key=value`, or `session:> the rest of the line`. What a command names is looked
//! up here as far as that needs no run: files, JSON, shard lists, SQL of a schema. It knows nothing
//! of how a command is done.

use std::fmt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use goldenscript::{Command, Context};
use sim::decide::Tape;
use sim::mysql::gtid::ServerUuid;
use sim::mysql::options::FlushLog;

use super::fault::{Fault, kinds};
use super::moment::Moment;
use super::planted::Planted;
use super::words::{Bad, Read, Words, duration};
use crate::checker::verdict::Invariant;
use crate::cluster::Durability;
use crate::key::Shard;
use crate::topo::{DurabilityPolicy, TabletType};
use crate::vindex::Registry;
use crate::vschema::place::{Place, locate, place_of};
use crate::vschema::{KeyspaceSource, VSchema};
use crate::vtgate::Edition;
use crate::vtgate::buffer::BufferOptions;

/// See the [module](self).
#[derive(Clone, Debug)]
pub enum Action {
    Cluster(ClusterOptions),
    Keyspace {
        name: String,
        shards: Vec<Shard>,
        uid: Option<u32>,
    },
    Server {
        keyspace: String,
        shard: String,
        uuid: Option<ServerUuid>,
        executed: u64,
    },
    VSchema {
        keyspace: String,
        vschema: Box<KeyspaceSource>,
    },
    Schema {
        keyspace: String,
        sql: String,
    },
    Session {
        name: String,
        vtgate: usize,
        target: Option<String>,
    },
    Statement {
        session: String,
        sql: String,
    },
    /// A statement that is sent, and not waited for; or a command of session vtctl.
    Send {
        session: String,
        sql: String,
    },
    /// Statements of several sessions, sent at once; then until all are answered or blocked.
    Concurrently(Vec<Queue>),
    /// Until everything that was sent is answered or blocked.
    Wait,
    Vtctl {
        line: String,
    },
    Advance(Duration),
    Settle,
    UntilStreams {
        workflow: String,
        state: String,
        within: Duration,
    },
    Fault(Fault),
    /// Everything is healed, and put right as an operator would.
    Recover,
    At {
        moment: Moment,
        fault: Fault,
    },
    Check,
    /// Questions at the end of a run.
    Verify,
    ExpectRows {
        query: String,
        rows: usize,
    },
    ExpectDangling(usize),
    ExpectViolated(String),
    Trace,
    Dump {
        table: String,
    },
    Locks,
    /// With this mutant on, the scenario shows it.
    Mutant(Planted),
    Decide(Tape),
}

/// What one session sends, one statement after the other.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Queue {
    pub session: String,
    pub statements: Vec<String>,
}

/// What a scenario may say of its cluster.
#[derive(Clone, Debug, Default)]
pub struct ClusterOptions {
    pub cells: Vec<String>,
    pub tablets: Vec<TabletType>,
    pub edition: Edition,
    pub vtgates: usize,
    pub buffer: Option<BufferOptions>,
    /// vtgates track what the tables are on the shards.
    pub schema_change_signal: bool,
    pub start: Option<jiff::Timestamp>,
    pub term_start: Option<jiff::Timestamp>,
    pub first_stream: Option<u64>,
    pub packet_size: Option<usize>,
    pub transaction_timeout: Option<Duration>,
    pub query_timeout: Option<Duration>,
    pub tx_pool_size: Option<usize>,
    pub max_result_size: Option<usize>,
    pub durability: Durability,
    pub durability_policy: Option<DurabilityPolicy>,
}

/// Commands that need no session.
const COMMANDS: [&str; 21] = [
    "cluster",
    "keyspace",
    "server",
    "vschema",
    "schema",
    "session",
    "send",
    "concurrently",
    "wait",
    "advance",
    "settle",
    "until",
    "recover",
    "at",
    "check",
    "verify",
    "expect",
    "trace",
    "dump",
    "locks",
    "mutant",
];

/// Those, and the faults.
fn commands() -> impl Iterator<Item = &'static str> {
    COMMANDS.into_iter().chain(kinds::KINDS.iter().map(|kind| kind.word))
}

impl Action {
    pub fn read(command: &Command, context: &Context, folder: &Path) -> Read<Action> {
        let words = Words::new(command)?;
        match context.prefix.as_deref() {
            Some("vtctl") => Ok(Action::Vtctl { line: command.name.clone() }),
            Some(session) => {
                Ok(Action::Statement { session: session.to_owned(), sql: command.name.clone() })
            }
            None if command.name == "decide" => decide(words),
            None if commands().any(|known| known == command.name) => {
                words.read(&command.name, folder)
            }
            // `> text` without a prefix is a statement of session main.
            None if command.name.contains(' ') || command.args.is_empty() => {
                if command.args.is_empty()
                    && !command.name.contains(' ')
                    && !is_sql_word(&command.name)
                {
                    return Err(unknown(&command.name));
                }
                Ok(Action::Statement { session: "main".to_owned(), sql: command.name.clone() })
            }
            None => Err(unknown(&command.name)),
        }
    }
}

/// Statements of one word.
fn is_sql_word(word: &str) -> bool {
    let word = word.trim_end_matches(';');
    ["begin", "commit", "rollback"].iter().any(|known| word.eq_ignore_ascii_case(known))
}

pub fn unknown(name: &str) -> Bad {
    let near = commands().min_by_key(|known| distance(known, name));
    let bad = Bad::new(format!("unknown command `{name}`"), name);
    match near.filter(|near| distance(near, name) < 4) {
        Some(near) => bad.hint(format!("did you mean `{near}`? A statement begins with `> `")),
        None => {
            let all: Vec<&str> = commands().collect();
            bad.hint(format!("commands are {}; a statement begins with `> `", all.join(", ")))
        }
    }
}

/// Levenshtein's.
fn distance(left: &str, right: &str) -> usize {
    let right: Vec<char> = right.chars().collect();
    let mut row: Vec<usize> = (0..=right.len()).collect();
    for (i, l) in left.chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, r) in right.iter().enumerate() {
            let cost = diagonal + usize::from(l != *r);
            diagonal = row[j + 1];
            row[j + 1] = cost.min(row[j] + 1).min(row[j + 1] + 1);
        }
    }
    row[right.len()]
}

fn decide(mut words: Words) -> Read<Action> {
    // As one quoted word, or as `name=value`.
    let pairs = words.keys.iter().map(|(key, value)| format!("{key} = {value}"));
    let text: Vec<String> = words.positional.iter().rev().cloned().chain(pairs).collect();
    let text = text.join(" ");
    let parsed = Tape::parse(&text).map_err(|error| Bad::new(error.to_string(), &error.text))?;
    words.positional.clear();
    words.keys.clear();
    match parsed.len() {
        1 => Ok(Action::Decide(parsed)),
        _ => Err(Bad::new("expected `decide 'component/purpose#ordinal = value'`", &text)),
    }
}

impl Words {
    fn read(mut self, name: &str, folder: &Path) -> Read<Action> {
        let action = match name {
            "cluster" => self.cluster()?,
            "keyspace" => self.keyspace()?,
            "server" => self.server()?,
            "vschema" => {
                let keyspace = self.next("the keyspace")?;
                let text = self.text(folder, "the vschema")?;
                Action::VSchema { keyspace, vschema: Box::new(vschema(&text)?) }
            }
            "schema" => {
                let keyspace = self.next("the keyspace")?;
                let sql = self.text(folder, "the schema")?.text;
                check_sql(&sql)?;
                Action::Schema { keyspace, sql }
            }
            "session" => Action::Session {
                name: self.next("the session's name")?,
                vtgate: self.number("vtgate")?.unwrap_or(1),
                target: self.key("target"),
            },
            "send" => Action::Send {
                session: self.next("the session's name")?,
                sql: self.next("the statement")?,
            },
            "concurrently" => self.concurrently()?,
            "wait" => Action::Wait,
            "advance" => {
                let text = self.next("the time")?;
                Action::Advance(duration(&text)?)
            }
            "settle" => Action::Settle,
            "until" => Action::UntilStreams {
                workflow: self.needed("stream")?,
                state: self.needed("state")?,
                within: self.duration("within")?.unwrap_or(Duration::from_secs(600)),
            },
            "recover" => Action::Recover,
            "at" => self.at()?,
            "check" => Action::Check,
            "verify" => Action::Verify,
            "expect" => self.expect()?,
            "trace" => Action::Trace,
            "dump" => Action::Dump { table: self.next("the table")? },
            "locks" => Action::Locks,
            "mutant" => Action::Mutant(Planted::read(&mut self)?),
            fault => Action::Fault(Fault::read(&mut self, fault)?),
        };
        self.finish(action)
    }

    /// `concurrently a='..' b='..; ..'`
    fn concurrently(&mut self) -> Read<Action> {
        let mut queues = Vec::new();
        for (session, text) in std::mem::take(&mut self.keys) {
            let statements: Vec<String> =
                crate::sql_text::statements(&text).into_iter().map(str::to_owned).collect();
            if statements.is_empty() {
                return Err(Bad::new(format!("session {session} sends nothing"), &session));
            }
            queues.push(Queue { session, statements });
        }
        match queues.len() {
            2.. => Ok(Action::Concurrently(queues)),
            _ => Err(Bad::new("fewer than two sessions send something", "")
                .hint("concurrently a='insert ..' b='delete ..'")),
        }
    }

    fn cluster(&mut self) -> Read<Action> {
        let cells = self.key("cells").unwrap_or_else(|| "zone1".to_owned());
        let tablets = self.key("tablets").unwrap_or_else(|| "primary,replica,rdonly".to_owned());
        let kind = |word: &str| {
            TabletType::parse(word.trim()).ok_or_else(|| {
                Bad::new(format!("unknown tablet type `{word}`"), word)
                    .hint("tablet types are primary, replica and rdonly")
            })
        };
        let edition = match self.key("edition").as_deref() {
            None | Some("v24") => Edition::V24,
            Some("v6") => Edition::V6,
            Some(other) => {
                return Err(Bad::new(format!("unknown edition `{other}`"), other)
                    .hint("editions are v24 and v6"));
            }
        };
        Ok(Action::Cluster(ClusterOptions {
            cells: cells.split(',').map(|cell| cell.trim().to_owned()).collect(),
            tablets: tablets.split(',').map(kind).collect::<Read<_>>()?,
            edition,
            vtgates: self.number("vtgates")?.unwrap_or(1),
            buffer: self.buffer()?,
            schema_change_signal: self.flag("schema_change_signal")?.unwrap_or(true),
            start: self.time("start")?,
            term_start: self.time("term_start")?,
            first_stream: self.number("first_stream")?,
            packet_size: self.number("packet_size")?,
            transaction_timeout: self.duration("transaction_timeout")?,
            query_timeout: self.duration("query_timeout")?,
            tx_pool_size: self.number("tx_pool_size")?,
            max_result_size: self.number("max_result_size")?,
            durability: self.durability()?,
            durability_policy: self.durability_policy()?,
        }))
    }

    /// `enable_buffer=true`, and vtgate's other flags of it.
    fn buffer(&mut self) -> Read<Option<BufferOptions>> {
        let enabled = self.flag("enable_buffer")?.unwrap_or(false);
        let defaults = BufferOptions::default();
        let max_failover = self.duration("buffer_max_failover_duration")?;
        let min_between = self.duration("buffer_min_time_between_failovers")?;
        let concurrency = self.number("buffer_drain_concurrency")?;
        let options = BufferOptions {
            window: self.duration("buffer_window")?.unwrap_or(defaults.window),
            size: self.number("buffer_size")?.unwrap_or(defaults.size),
            max_failover_duration: max_failover.unwrap_or(defaults.max_failover_duration),
            min_time_between_failovers: min_between.unwrap_or(defaults.min_time_between_failovers),
            drain_concurrency: concurrency.unwrap_or(defaults.drain_concurrency),
        };
        options.check().map_err(|message| Bad::new(message, ""))?;
        match enabled {
            true => Ok(Some(options)),
            false if options == defaults => Ok(None),
            false => Err(Bad::new("nothing is buffered", "")
                .hint("flags of the buffer need enable_buffer=true")),
        }
    }

    fn flag(&mut self, name: &str) -> Read<Option<bool>> {
        match self.key(name).as_deref() {
            None => Ok(None),
            Some("true") => Ok(Some(true)),
            Some("false") => Ok(Some(false)),
            Some(other) => Err(Bad::new(format!("`{name}` is true or false"), other)),
        }
    }

    fn durability(&mut self) -> Read<Durability> {
        let mut durability = Durability::default();
        if let Some(number) = self.number("innodb_flush_log_at_trx_commit")? {
            durability.flush_log = FlushLog::of_number(number).ok_or_else(|| {
                Bad::new("innodb_flush_log_at_trx_commit is 0, 1 or 2", &number.to_string())
            })?;
        }
        if let Some(every) = self.number("sync_binlog")? {
            durability.sync_binlog = every;
        }
        if let Some(timeout) = self.duration("semi_sync_timeout")? {
            durability.semi_sync_timeout = timeout;
        }
        Ok(durability)
    }

    fn durability_policy(&mut self) -> Read<Option<DurabilityPolicy>> {
        let Some(name) = self.key("durability_policy") else { return Ok(None) };
        let known = DurabilityPolicy::parse(&name);
        known.map(Some).ok_or_else(|| {
            let names: Vec<&str> = DurabilityPolicy::ALL.iter().map(|p| p.name()).collect();
            Bad::new(format!("durability policy {name} not found"), &name)
                .hint(format!("policies are {}", names.join(", ")))
        })
    }

    fn time(&mut self, name: &str) -> Read<Option<jiff::Timestamp>> {
        let Some(text) = self.key(name) else { return Ok(None) };
        let time = text.parse();
        time.map(Some).map_err(|_| {
            Bad::new(format!("`{name}` is not a time: {text}"), &text)
                .hint("a time is written 2026-01-01T00:00:00Z")
        })
    }

    fn keyspace(&mut self) -> Read<Action> {
        let name = self.next("the keyspace's name")?;
        let text = self.key("shards").unwrap_or_else(|| "0".to_owned());
        Ok(Action::Keyspace { name, shards: shards(&text)?, uid: self.number("uid")? })
    }

    fn server(&mut self) -> Read<Action> {
        let text = self.next("keyspace/shard")?;
        let Some((keyspace, shard)) = text.split_once('/') else {
            return Err(Bad::new(format!("expected keyspace/shard, found `{text}`"), &text));
        };
        let uuid = match self.key("uuid") {
            None => None,
            Some(text) => Some(parse_uuid(&text)?),
        };
        Ok(Action::Server {
            keyspace: keyspace.to_owned(),
            shard: shard.to_owned(),
            uuid,
            executed: self.number("executed")?.unwrap_or(0),
        })
    }

    /// Text of a file beside the scenario, or text that stands in it.
    fn text(&mut self, folder: &Path, what: &str) -> Read<Text> {
        let word = self.next(what)?;
        if word.contains(['{', ';', '\n', ' ']) {
            return Ok(Text { text: word, file: None });
        }
        let path = folder.join(&word);
        let text = std::fs::read_to_string(&path).map_err(|error| {
            Bad::new(format!("{}: {error}", path.display()), &word)
                .hint("files are named from the folder that the scenario is in")
        })?;
        Ok(Text { text, file: Some((word, path)) })
    }

    fn at(&mut self) -> Read<Action> {
        let moment = Moment::read(self)?;
        let text = self.needed("do")?;
        Ok(Action::At { moment, fault: Fault::parse(&text)? })
    }

    fn expect(&mut self) -> Read<Action> {
        if let Some(count) = self.number("dangling")? {
            return Ok(Action::ExpectDangling(count));
        }
        if let Some(rows) = self.number("rows")? {
            return Ok(Action::ExpectRows { query: self.next("the query")?, rows });
        }
        match self.next("what is expected")?.as_str() {
            "violated" => {
                let invariant = self.next("the invariant")?;
                if Invariant::parse(&invariant).is_none() {
                    let known = Invariant::ALL.map(Invariant::name);
                    return Err(Bad::new(format!("unknown invariant `{invariant}`"), &invariant)
                        .hint(format!("invariants are {}", known.join(", "))));
                }
                Ok(Action::ExpectViolated(invariant))
            }
            other => Err(Bad::new(format!("cannot expect `{other}`"), other)
                .hint("expect dangling=N, expect rows=N 'query', expect violated INVARIANT")),
        }
    }
}

fn parse_uuid(text: &str) -> Read<ServerUuid> {
    let bad = || Bad::new(format!("not a uuid: {text}"), text);
    let digits: String = text.chars().filter(|c| *c != '-').collect();
    let bytes = crate::key::hex::decode(digits.as_bytes()).map_err(|_| bad())?;
    Ok(ServerUuid(bytes.try_into().map_err(|_| bad())?))
}

/// Shards that tile the space of keyspace ids, in order; or one shard that is not range based.
fn shards(text: &str) -> Read<Vec<Shard>> {
    let mut shards = Vec::new();
    for name in text.split(',') {
        let shard = Shard::parse(name.trim()).map_err(|error| Bad::new(error.to_string(), name))?;
        shards.push(shard);
    }
    if let [only] = shards.as_slice()
        && !only.name.contains('-')
    {
        return Ok(shards);
    }
    let hint = "the ranges of a keyspace's shards follow each other from the first id to the last: -80,80-";
    for pair in shards.windows(2) {
        if pair[0].range.end.normalized() != pair[1].range.start.normalized() {
            let end = crate::key::hex::encode(pair[0].range.end.as_bytes());
            let text = format!(
                "shards {} and {} leave a gap or overlap at {end}",
                pair[0].name, pair[1].name
            );
            return Err(Bad::new(text, &pair[1].name).hint(hint));
        }
    }
    let (first, last) = (&shards[0], &shards[shards.len() - 1]);
    if !first.range.start.is_empty() {
        return Err(Bad::new("the first ids belong to no shard", &first.name).hint(hint));
    }
    if !last.range.end.is_empty() {
        return Err(Bad::new("the last ids belong to no shard", &last.name).hint(hint));
    }
    Ok(shards)
}

/// A text that stands in the scenario, or in a file that the scenario names.
struct Text {
    text: String,
    /// The word that names it, and where it is.
    file: Option<(String, PathBuf)>,
}

impl Text {
    /// Says what is wrong at a place of it.
    fn bad(&self, place: Place, message: impl fmt::Display) -> Bad {
        let Some((word, path)) = &self.file else {
            let rest = self.text.get(place.offset..).unwrap_or("");
            let part = rest.get(..place.len).filter(|part| !part.is_empty()).unwrap_or(rest);
            return Bad::new(message.to_string(), part.lines().next().unwrap_or(""));
        };
        let Place { line, column, .. } = place;
        Bad::new(format!("{}:{line}:{column}: {message}", path.display()), word)
    }
}

fn vschema(text: &Text) -> Read<KeyspaceSource> {
    let source = KeyspaceSource::parse(&text.text).map_err(|error| {
        text.bad(place_of(&text.text, &error), format!("the vschema is not valid: {error}"))
    })?;
    let registry = Registry::standard();
    VSchema::build_keyspace(&source, &registry).map_err(|error| {
        let (problems, _) = VSchema::check_keyspace(&source, &registry);
        let pointer = problems.first().map_or("", |problem| &problem.pointer);
        text.bad(locate(&text.text, pointer), format!("the vschema is not valid: {error}"))
            .hint("`vindicate vschema check FILE` shows every error of a vschema")
    })?;
    Ok(source)
}

fn check_sql(sql: &str) -> Read<()> {
    for statement in crate::sql_text::statements(sql) {
        sim::sql::parse(statement).map_err(|error| Bad::new(error.to_string(), statement))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shards_tile_the_space() {
        assert_eq!(shards("-80,80-").unwrap().len(), 2);
        assert_eq!(shards("0").unwrap().len(), 1);
        assert_eq!(shards("-").unwrap().len(), 1);
        for text in ["-80,90-", "-80,40-", "40-", "-80", "80-40", "-8", ""] {
            assert!(shards(text).is_err(), "{text}");
        }
    }
}
