//! What holds for every schedule: random statements of four sessions, with waits, timeouts,
//! savepoints, purges, and a crash somewhere.

use std::collections::BTreeMap;

use proptest::prelude::*;
use sim::mysql::execution::{Cancel, Execution, Step};
use sim::mysql::gtid::ServerUuid;
use sim::mysql::lock::queue::GrantOrder;
use sim::mysql::options::Options;
use sim::mysql::server::Server;
use sim::mysql::session::ConnectionId;

const SESSIONS: usize = 4;

#[derive(Clone, Debug)]
enum Action {
    Statement {
        session: usize,
        text: String,
    },
    /// A session's wait times out, or its statement is killed.
    Cancel {
        session: usize,
        reason: Cancel,
    },
    Purge,
    Reconnect {
        session: usize,
    },
}

struct Driver {
    server: Server,
    connections: Vec<ConnectionId>,
    waiting: BTreeMap<usize, Execution>,
    /// What may still happen before the server is lost.
    steps_left: usize,
}

fn options(server: u8, order: GrantOrder) -> Options {
    let mut options = Options::new(ServerUuid([server; 16]), u32::from(server));
    options.grant_order = order;
    options
}

impl Driver {
    fn new(isolation: &str, order: GrantOrder, steps_left: usize) -> Driver {
        let mut server = Server::new(options(1, order));
        let setup = server.connect("root", None);
        let mut driver = Driver {
            server,
            connections: Vec::new(),
            waiting: BTreeMap::new(),
            steps_left: usize::MAX,
        };
        for text in [
            "create database te",
            "use te",
            "create table a (id int primary key, u int, k int, v int, unique key uu (u), key kk (k, v))",
            "create table h (x int, y varchar(5), key kx (x))",
            "insert into a values (2,2,2,0), (4,4,4,0), (6,6,6,0)",
        ] {
            let execution = driver.server.start_text(setup, text, jiff::Timestamp::UNIX_EPOCH);
            let mut execution = execution;
            while let Step::Sync(_) = driver.server.step(&mut execution) {}
        }
        for _ in 0..SESSIONS {
            let connection = driver.server.connect("root", Some("te"));
            driver.connections.push(connection);
        }
        for session in 0..SESSIONS {
            driver.run(session, &format!("set session transaction isolation level {isolation}"));
        }
        driver.steps_left = steps_left;
        driver
    }

    fn run(&mut self, session: usize, text: &str) {
        if self.waiting.contains_key(&session) {
            return;
        }
        let connection = self.connections[session];
        let execution = self.server.start_text(connection, text, jiff::Timestamp::UNIX_EPOCH);
        self.step(session, execution);
        self.wake();
    }

    fn step(&mut self, session: usize, mut execution: Execution) {
        loop {
            if self.steps_left == 0 {
                return;
            }
            self.steps_left -= 1;
            match self.server.step(&mut execution) {
                Step::Done(_) => return,
                Step::Sync(_) => {}
                Step::Wait(wait) => {
                    assert!(!wait.holders.is_empty(), "a wait has a holder: {}", wait.describe());
                    self.waiting.insert(session, execution);
                    return;
                }
            }
        }
    }

    fn wake(&mut self) {
        loop {
            let granted = self.server.take_granted();
            if granted.is_empty() || self.steps_left == 0 {
                break;
            }
            for connection in granted {
                let session = self.connections.iter().position(|own| *own == connection);
                let session = session.expect("only sessions of ours are granted");
                if let Some(execution) = self.waiting.remove(&session) {
                    self.step(session, execution);
                }
            }
        }
        if self.steps_left != 0 {
            assert!(self.waiting.len() < SESSIONS, "everybody waits: {:?}", self.server.waits());
        }
    }

    fn act(&mut self, action: &Action) {
        match action {
            Action::Statement { session, text } => self.run(*session, text),
            Action::Cancel { session, reason } => {
                if let Some(execution) = self.waiting.remove(session) {
                    let _ = self.server.cancel(execution, *reason);
                    self.wake();
                }
            }
            Action::Purge => {
                self.server.purge();
                self.wake();
            }
            Action::Reconnect { session } => {
                self.waiting.remove(session);
                self.server.disconnect(self.connections[*session]);
                self.connections[*session] = self.server.connect("root", Some("te"));
                self.wake();
            }
        }
    }

    /// Ends every session, one way or the other.
    fn finish(&mut self) {
        for session in 0..SESSIONS {
            if let Some(execution) = self.waiting.remove(&session) {
                let _ = self.server.cancel(execution, Cancel::Timeout);
            }
            self.run(session, if session % 2 == 0 { "commit" } else { "rollback" });
        }
        assert!(self.waiting.is_empty(), "nobody waits for nobody");
    }
}

fn contents(server: &Server) -> Vec<String> {
    let show = |image: sim::mysql::server::TableImage| {
        let mut rows: Vec<String> = image.rows.iter().map(|row| format!("{row:?}")).collect();
        // Rows without a key have no order that a replica would keep.
        rows.sort();
        format!("{} {rows:?}", image.schema.name)
    };
    server.tables().map(show).collect()
}

/// A replica that has applied everything that this server sends.
fn replica_of(server: &Server) -> Server {
    let mut replica = Server::new(options(2, GrantOrder::Cats));
    replica.options_mut().super_read_only = true;
    let applier = replica.connect_applier();
    let position = replica.executed().clone();
    let transactions: Vec<_> =
        server.binlog_from(&position).expect("nothing is purged").cloned().collect();
    for transaction in transactions {
        let result = replica.apply_transaction(applier, &transaction, jiff::Timestamp::UNIX_EPOCH);
        assert!(result.is_ok(), "{result:?}");
    }
    replica
}

fn action() -> impl Strategy<Value = Action> {
    let key = 0..8i32;
    let statement =
        (0..28u8, key.clone(), key.clone(), key).prop_map(|(kind, a, b, c)| match kind {
            0 | 1 => "begin".to_string(),
            2 | 3 => "commit".to_string(),
            4 => "rollback".to_string(),
            5 => "savepoint s".to_string(),
            6 => "rollback to s".to_string(),
            7 | 8 => format!("insert into a values ({a}, {b}, {c}, 1)"),
            9 => format!("insert into a values ({a}, {b}, {c}, 1), ({b}, {c}, {a}, 2)"),
            10 => format!("insert ignore into a values ({a}, {b}, {c}, 3)"),
            11 => format!(
                "insert into a values ({a}, {b}, {c}, 4) on duplicate key update v = v + 1, k = {b}"
            ),
            12 => format!("replace into a values ({a}, {b}, {c}, 5)"),
            13 => format!("update a set v = v + 1 where id = {a}"),
            14 => format!("update a set k = {b} where k = {a}"),
            15 => format!("update a set u = {b} where id = {a}"),
            16 => format!("update a set id = {b} where id = {a}"),
            17 => format!("update a set v = v + 1 where id in ({a}, {b}, {c})"),
            18 => format!("delete from a where id = {a}"),
            19 => format!("delete from a where k between {a} and {b}"),
            20 => format!("select * from a where id = {a} for update"),
            21 => format!("select * from a where k = {a} lock in share mode"),
            22 => format!("select * from a where u >= {a} and u < {b} for update"),
            23 => format!("select * from a where v = {a} for update"),
            24 => "select * from a".to_string(),
            25 => format!("insert into h values ({a}, 'x'), ({b}, null)"),
            26 => format!("update h set y = 'z{b}' where x = {a}"),
            _ => format!("delete from h where x < {a} limit 2"),
        });
    prop_oneof![
        30 => (0..SESSIONS, statement)
            .prop_map(|(session, text)| Action::Statement { session, text }),
        2 => (0..SESSIONS, any::<bool>()).prop_map(|(session, killed)| Action::Cancel {
            session,
            reason: if killed { Cancel::Killed } else { Cancel::Timeout },
        }),
        1 => Just(Action::Purge),
        1 => (0..SESSIONS).prop_map(|session| Action::Reconnect { session }),
    ]
}

fn isolation() -> impl Strategy<Value = &'static str> {
    prop_oneof![
        Just("read uncommitted"),
        Just("read committed"),
        Just("repeatable read"),
        Just("serializable"),
    ]
}

fn order() -> impl Strategy<Value = GrantOrder> {
    prop_oneof![Just(GrantOrder::Cats), Just(GrantOrder::Fifo)]
}

proptest! {

    /// No lock outlives its session, indexes agree, and a replica has the same rows and GTIDs.
    #[test]
    fn schedules_end_clean(
        level in isolation(),
        order in order(),
        actions in proptest::collection::vec(action(), 1..80),
    ) {
        let mut driver = Driver::new(level, order, usize::MAX);
        for action in &actions {
            driver.act(action);
            prop_assert_eq!(driver.server.check_tables(), Vec::<String>::new());
        }
        driver.finish();
        prop_assert_eq!(driver.server.lock_report(), vec![]);
        driver.server.purge();
        prop_assert_eq!(driver.server.check_tables(), Vec::<String>::new());
        let replica = replica_of(&driver.server);
        prop_assert_eq!(contents(&replica), contents(&driver.server));
        prop_assert_eq!(replica.executed(), driver.server.executed());
        prop_assert_eq!(replica.check_tables(), Vec::<String>::new());
    }

    /// Under 1/1 a crash at any step leaves what the synced binlog says, once and again.
    #[test]
    fn recovery_gives_the_synced_prefix(
        level in isolation(),
        steps in 1..150usize,
        actions in proptest::collection::vec(action(), 1..60),
    ) {
        let mut driver = Driver::new(level, GrantOrder::Cats, steps);
        for action in &actions {
            if driver.steps_left == 0 {
                break;
            }
            driver.act(action);
        }
        let acknowledged = driver.server.executed().clone();
        let recovered = Server::recover(options(1, GrantOrder::Cats), driver.server.crash());
        prop_assert!(recovered.executed().contains_set(&acknowledged));
        prop_assert_eq!(recovered.check_tables(), Vec::<String>::new());
        let replica = replica_of(&recovered);
        prop_assert_eq!(contents(&replica), contents(&recovered));
        let before = contents(&recovered);
        let again = Server::recover(options(1, GrantOrder::Cats), recovered.crash());
        prop_assert_eq!(contents(&again), before);
    }
}
