//! A crash at every step of every commit, under every setting of the two logs.
//!
//! A workload is a script for each session; a schedule says whose statement goes on next. The run
//! is repeated, each time stopped one step later, and what the crash leaves is recovered. What must
//! be there then is made without recovery: a fresh server applies, from the binlog of the whole
//! run, the transactions that the two logs keep between them. On top of that stand the promises:
//! what each pair of settings owes to a client that has got its OK.

use std::collections::BTreeSet;
use std::sync::Arc;

use sim::mysql::binlog::BinlogTransaction;
use sim::mysql::durable::{Durable, RedoRecord};
use sim::mysql::execution::{Execution, Step, SyncPoint};
use sim::mysql::gtid::{Gtid, GtidSet, ServerUuid};
use sim::mysql::options::{FlushLog, Options, SemiSync, WaitPoint};
use sim::mysql::schema::Table;
use sim::mysql::server::Server;
use sim::mysql::session::ConnectionId;
use sim::value::Row;

const NOW: jiff::Timestamp = jiff::Timestamp::UNIX_EPOCH;

struct Workload {
    name: &'static str,
    /// A script for each session.
    sessions: &'static [&'static [&'static str]],
}

const WORKLOADS: [Workload; 8] = [
    Workload {
        name: "inserts",
        sessions: &[&["insert into t values (1, 1)", "insert into t values (2, 2), (3, 3)"]],
    },
    Workload {
        name: "updates",
        sessions: &[&[
            "update t set v = v + 1 where id < 102",
            "update t set id = 7 where id = 100",
            "update t set v = 0 where id = 999",
            "replace into t values (101, 50)",
        ]],
    },
    Workload {
        name: "deletes",
        sessions: &[&[
            "delete from t where id = 100",
            "delete from t",
            "insert into t values (100, 5)",
        ]],
    },
    Workload {
        name: "definitions",
        sessions: &[&[
            "create table n (a int primary key)",
            "insert into n values (1)",
            "alter table t add column w varchar(5) not null default 'x'",
            "insert into t values (1, 1, 'y')",
            "truncate table n",
            "insert into n values (2)",
            "drop table n",
        ]],
    },
    Workload {
        name: "several_tables",
        sessions: &[&[
            "begin",
            "insert into t values (1, 1)",
            "insert into h values (1, 'a'), (1, 'a')",
            "savepoint s",
            "delete from t where id = 100",
            "rollback to s",
            "update h set y = 'b'",
            "commit",
            "begin",
            "insert into t values (2, 2)",
            "rollback",
            "delete from h",
        ]],
    },
    Workload {
        name: "one_group",
        sessions: &[
            &["insert into t values (1, 1)", "insert into t values (2, 1)"],
            &["insert into t values (11, 1)", "insert into t values (12, 1)"],
            &["insert into t values (21, 1)", "update t set v = 9 where id = 21"],
        ],
    },
    Workload {
        name: "group_of_transactions",
        sessions: &[
            &["begin", "insert into t values (1, 1)", "delete from t where id = 100", "commit"],
            &["begin", "insert into t values (2, 1)", "insert into h values (5, 'c')", "commit"],
        ],
    },
    Workload {
        name: "waits_for_a_commit",
        sessions: &[
            &["update t set v = v + 1 where id = 100", "update t set v = v + 1 where id = 101"],
            &["update t set v = v + 10 where id = 100", "update t set v = v + 10 where id = 101"],
        ],
    },
];

/// Whose statement goes on.
#[derive(Clone, Copy, Debug)]
enum Schedule {
    /// One session after the other.
    InTurn,
    /// A step of each.
    RoundRobin,
    /// The first session that can, from the last.
    Backwards,
}

const SCHEDULES: [Schedule; 3] = [Schedule::InTurn, Schedule::RoundRobin, Schedule::Backwards];

#[derive(Clone, Copy, Debug, PartialEq)]
struct Settings {
    flush_log: FlushLog,
    sync_binlog: u64,
    wait_point: Option<WaitPoint>,
    /// What runs once a second has run in the middle.
    second_passes: bool,
}

impl Settings {
    fn options(self) -> Options {
        let mut options = Options::new(ServerUuid([1; 16]), 1);
        options.flush_log = self.flush_log;
        options.sync_binlog = self.sync_binlog;
        if let Some(wait_point) = self.wait_point {
            options.semi_sync = SemiSync { wait_point, ..SemiSync::VITESS };
        }
        options
    }

    fn all() -> Vec<Settings> {
        let mut all = Vec::new();
        for flush_log in [FlushLog::Lazy, FlushLog::Sync, FlushLog::Write] {
            for sync_binlog in [0, 1, 2] {
                for second_passes in [false, true] {
                    let wait_point = None;
                    all.push(Settings { flush_log, sync_binlog, wait_point, second_passes });
                }
            }
        }
        for wait_point in [WaitPoint::AfterSync, WaitPoint::AfterCommit] {
            all.push(Settings {
                flush_log: FlushLog::Sync,
                sync_binlog: 1,
                wait_point: Some(wait_point),
                second_passes: false,
            });
        }
        all
    }
}

/// A run on its way.
struct Driver {
    server: Server,
    connections: Vec<ConnectionId>,
    scripts: Vec<Vec<&'static str>>,
    running: Vec<Option<Execution>>,
    /// Waits for a lock.
    blocked: BTreeSet<usize>,
    /// What the clients have got an OK for, as the server had executed it then.
    acknowledged: GtidSet,
    /// What of it had been acknowledged by a replica, or needed no such thing.
    steps: usize,
}

const FIXTURE: [&str; 5] = [
    "create database te",
    "use te",
    "create table t (id int primary key, v int)",
    "create table h (x int, y varchar(5))",
    "insert into t values (100, 0), (101, 0)",
];

impl Driver {
    fn new(workload: &Workload, settings: Settings) -> Driver {
        let mut server = Server::new(settings.options());
        let setup = server.connect("root", None);
        for text in FIXTURE {
            let mut execution = server.start_text(setup, text, NOW);
            while let Step::Sync(_) = server.step(&mut execution) {}
        }
        server.sync_logs();
        let connections: Vec<_> =
            workload.sessions.iter().map(|_| server.connect("root", Some("te"))).collect();
        let reversed = |script: &&[&'static str]| script.iter().rev().copied().collect();
        Driver {
            scripts: workload.sessions.iter().map(reversed).collect(),
            running: connections.iter().map(|_| None).collect(),
            acknowledged: server.executed().clone(),
            server,
            connections,
            blocked: BTreeSet::new(),
            steps: 0,
        }
    }

    /// Does one step; false where nothing is left to do.
    fn step(&mut self, schedule: Schedule) -> bool {
        let count = self.connections.len();
        let can = |session: &usize| {
            !self.blocked.contains(session)
                && (self.running[*session].is_some() || !self.scripts[*session].is_empty())
        };
        let next = match schedule {
            Schedule::InTurn => (0..count).find(can),
            Schedule::RoundRobin => (0..count).map(|at| (at + self.steps) % count).find(can),
            Schedule::Backwards => (0..count).rev().find(can),
        };
        let Some(session) = next else { return false };
        self.steps += 1;
        let connection = self.connections[session];
        let mut execution = self.running[session].take().unwrap_or_else(|| {
            let text = self.scripts[session].pop().expect("it has a statement left");
            self.server.start_text(connection, text, NOW)
        });
        match self.server.step(&mut execution) {
            Step::Done(result) => {
                result.expect("no statement fails");
                // What this client was told of is what the server has executed of it; the rest of
                // a group that its leader commits is told as soon as it is stepped.
                self.note_acknowledged(session);
            }
            Step::Sync(_) => self.running[session] = Some(execution),
            Step::Wait(_) => {
                self.blocked.insert(session);
                self.running[session] = Some(execution);
            }
        }
        for granted in self.server.take_granted() {
            let at = self.connections.iter().position(|connection| *connection == granted);
            self.blocked.remove(&at.expect("a session of ours"));
        }
        true
    }

    fn note_acknowledged(&mut self, session: usize) {
        let tag = format!("s{session}");
        let executed = self.server.executed();
        for transaction in &self.server.durable().binlog {
            if *transaction.tag == *tag && executed.contains(transaction.gtid) {
                self.acknowledged.add(transaction.gtid);
            }
        }
    }

    fn run(workload: &Workload, settings: Settings, schedule: Schedule, steps: usize) -> Driver {
        let mut driver = Driver::new(workload, settings);
        for (session, connection) in driver.connections.clone().into_iter().enumerate() {
            driver.server.set_tag(connection, &format!("s{session}"));
        }
        while driver.steps < steps && driver.step(schedule) {
            if settings.second_passes && driver.steps == steps / 2 {
                driver.server.sync_logs();
            }
        }
        driver
    }
}

type Image = Vec<(Arc<Table>, Vec<Row>)>;

fn images(server: &Server) -> Image {
    let mut images: Image = server.tables().map(|table| (table.schema, table.rows)).collect();
    // Rows without a key stand in the order of their hidden ids, which a replica gives anew.
    for (schema, rows) in &mut images {
        if schema.has_hidden_row_id() {
            rows.sort_by_key(|row| format!("{row:?}"));
        }
    }
    images
}

/// What these transactions make of the fixture, on a server that never crashed.
fn applied(binlog: &[Arc<BinlogTransaction>], kept: &GtidSet) -> Image {
    let mut replica = Server::new(Options::new(ServerUuid([2; 16]), 2));
    let applier = replica.connect_applier();
    for transaction in binlog.iter().filter(|transaction| kept.contains(transaction.gtid)) {
        replica.apply_transaction(applier, transaction, NOW).expect("it applied at the source");
    }
    images(&replica)
}

/// The transactions whose rows the logs keep between them: prepared, and decided by either.
fn kept(durable: &Durable, run: &[Arc<BinlogTransaction>]) -> GtidSet {
    let mut prepared = BTreeSet::new();
    let mut decided: BTreeSet<Gtid> = durable.binlog.iter().map(|logged| logged.gtid).collect();
    for record in &durable.redo {
        match record {
            RedoRecord::Prepare { xid, .. } => {
                prepared.insert(*xid);
            }
            RedoRecord::Commit { gtid, .. } => decided.extend(*gtid),
            RedoRecord::AutoIncrement { .. } => {}
        }
    }
    let mut kept = GtidSet::new();
    for logged in run {
        if prepared.contains(&logged.xid) && decided.contains(&logged.gtid) {
            kept.add(logged.gtid);
        }
    }
    kept
}

fn set_of(transactions: &[Arc<BinlogTransaction>]) -> GtidSet {
    let mut set = GtidSet::new();
    transactions.iter().for_each(|transaction| set.add(transaction.gtid));
    set
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Death {
    Process,
    /// So much is kept of each log behind what was synced.
    Machine {
        redo: usize,
        binlog: usize,
    },
}

fn deaths(durable: &Durable) -> Vec<Death> {
    let mut deaths = vec![Death::Process];
    for redo in 0..=durable.unsynced_redo() {
        for binlog in 0..=durable.unsynced_binlog() {
            deaths.push(Death::Machine { redo, binlog });
        }
    }
    deaths
}

/// How many crashes were looked at.
fn check(workload: &Workload, settings: Settings, schedule: Schedule) -> usize {
    let whole = Driver::run(workload, settings, schedule, usize::MAX);
    let name = workload.name;
    assert!(whole.blocked.is_empty(), "{name}: everybody is served");
    let mut crashes = 0;
    for steps in 0..=whole.steps {
        let at_crash = Driver::run(workload, settings, schedule, steps);
        let run = at_crash.server.durable().binlog.clone();
        for death in deaths(at_crash.server.durable()) {
            let what = format!("{name}, {settings:?}, {schedule:?}, step {steps}, {death:?}");
            // The run is made again, since a server dies but once.
            let driver = Driver::run(workload, settings, schedule, steps);
            let acknowledged = driver.acknowledged.clone();
            let durable = match death {
                Death::Process => driver.server.die(),
                Death::Machine { redo, binlog } => driver.server.lose_power(redo, binlog),
            };
            crashes += 1;
            let kept = kept(&durable, &run);
            let logged = set_of(&durable.binlog);
            promises(&what, settings, death, &acknowledged, &run, &logged, &kept);
            let recovered = Server::recover(settings.options(), durable);
            assert_eq!(recovered.check_tables(), Vec::<String>::new(), "{what}");
            assert_eq!(images(&recovered), applied(&run, &kept), "{what}");
            let mut executed = logged.clone();
            executed.union(&kept);
            assert_eq!(*recovered.executed(), executed, "{what}");
            goes_on(&what, settings, recovered, &executed, &logged);
        }
    }
    crashes
}

/// What the settings owe.
fn promises(
    what: &str,
    settings: Settings,
    death: Death,
    acknowledged: &GtidSet,
    run: &[Arc<BinlogTransaction>],
    logged: &GtidSet,
    kept: &GtidSet,
) {
    // The binlog that is left is the beginning of the binlog that was.
    assert_eq!(*logged, set_of(&run[..logged.count() as usize]), "{what}");
    let binlog_is_safe = death == Death::Process || settings.sync_binlog == 1;
    let redo_is_safe = match death {
        Death::Process => settings.flush_log != FlushLog::Lazy,
        Death::Machine { .. } => settings.flush_log == FlushLog::Sync,
    };
    if binlog_is_safe {
        assert!(logged.contains_set(acknowledged), "{what}: an OK is in the binlog");
    }
    if redo_is_safe {
        // Redo was synced before the binlog was written: what is logged has its rows.
        assert!(kept.contains_set(logged), "{what}: what is logged has its rows");
    }
    if binlog_is_safe && redo_is_safe {
        assert!(kept.contains_set(acknowledged), "{what}: an OK has its rows");
        assert_eq!(kept, logged, "{what}: binlog and tables agree");
    }
    if death == Death::Process {
        assert_eq!(*logged, set_of(run), "{what}: what was written outlives the server");
    }
}

/// The recovered server is one to go on with: a second crash changes nothing, new commits get new
/// names, and a replica that lacks what the binlog lost is refused.
fn goes_on(
    what: &str,
    settings: Settings,
    recovered: Server,
    executed: &GtidSet,
    logged: &GtidSet,
) {
    let before = images(&recovered);
    let mut again = Server::recover(settings.options(), recovered.crash());
    assert_eq!(images(&again), before, "{what}, crashed again");
    assert_eq!(again.executed(), executed, "{what}, crashed again");
    let refused = again.binlog_from(&GtidSet::new()).is_err();
    assert_eq!(refused, executed != logged, "{what}: what the binlog lacks is purged");
    let connection = again.connect("root", Some("te"));
    let mut execution = again.start_text(connection, "insert into h values (9, 'z')", NOW);
    while let Step::Sync(_) = again.step(&mut execution) {}
    assert_eq!(again.executed().count(), executed.count() + 1, "{what}: a new name");
}

#[test]
fn every_crash_leaves_what_the_settings_promise() {
    let mut crashes = 0;
    for workload in &WORKLOADS {
        for settings in Settings::all() {
            let alone = workload.sessions.len() == 1;
            for schedule in if alone { &SCHEDULES[..1] } else { &SCHEDULES[..] } {
                crashes += check(workload, settings, *schedule);
            }
        }
    }
    assert!(10_000 < crashes, "only {crashes} crashes");
}

/// With 1 and 1 the client's OK decides nothing: in the synced binlog is committed.
#[test]
fn a_commit_without_its_ok_is_there_iff_it_is_in_the_synced_binlog() {
    let settings = Settings {
        flush_log: FlushLog::Sync,
        sync_binlog: 1,
        wait_point: Some(WaitPoint::AfterSync),
        second_passes: false,
    };
    let mut seen = Vec::new();
    for stop in [SyncPoint::Redo, SyncPoint::Binlog] {
        let mut driver = Driver::new(&WORKLOADS[0], settings);
        let connection = driver.connections[0];
        let mut execution =
            driver.server.start_text(connection, "insert into t values (5, 5)", NOW);
        loop {
            match driver.server.step(&mut execution) {
                Step::Sync(point) if point == stop => break,
                Step::Sync(_) => {}
                Step::Done(_) | Step::Wait(_) => panic!("the commit never came to {stop:?}"),
            }
        }
        let recovered = Server::recover(settings.options(), driver.server.crash());
        seen.push((stop, images(&recovered)[1].1.len()));
    }
    let mut driver = Driver::new(&WORKLOADS[0], settings);
    let connection = driver.connections[0];
    let mut execution = driver.server.start_text(connection, "insert into t values (5, 5)", NOW);
    while !matches!(driver.server.step(&mut execution), Step::Sync(SyncPoint::Acknowledge(_))) {}
    let recovered = Server::recover(settings.options(), driver.server.crash());
    let waiting = images(&recovered)[1].1.len();
    assert_eq!((seen, waiting), (vec![(SyncPoint::Redo, 2), (SyncPoint::Binlog, 2)], 3));
}

/// Without a binlog the engine's own commit record decides.
#[test]
fn without_a_binlog_an_ok_is_in_the_redo_log() {
    let script = WORKLOADS[0].sessions[0];
    let options = || Options { log_bin: false, ..Options::new(ServerUuid([1; 16]), 1) };
    let count = |steps: usize| {
        let mut server = Server::new(options());
        let setup = server.connect("root", None);
        for text in FIXTURE {
            let mut execution = server.start_text(setup, text, NOW);
            while let Step::Sync(_) = server.step(&mut execution) {}
        }
        let (mut left, mut acknowledged) = (steps, 0);
        for text in script {
            let mut execution = server.start_text(setup, text, NOW);
            loop {
                if left == 0 {
                    let recovered = Server::recover(options(), server.crash());
                    return Some((acknowledged, images(&recovered)[1].1.len()));
                }
                left -= 1;
                match server.step(&mut execution) {
                    Step::Done(result) => {
                        acknowledged += result.expect("no statement fails").affected;
                        break;
                    }
                    Step::Sync(_) => {}
                    Step::Wait(_) => panic!("nobody holds anything"),
                }
            }
        }
        None
    };
    let all: Vec<_> = (0..).map_while(count).collect();
    assert_eq!(all, [(0, 2), (0, 2), (1, 3), (1, 3)]);
}
