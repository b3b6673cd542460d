//! Histories written by hand, and what the judge says of each.
//!
//! A history is lines. A session's share of a shard, by list:
//!
//! ```text
//!   a pre product/0 commits +lookup Product_5 1     begin, the server's commit, its answer
//!   a pre product/0 late +lookup Product_5 1        of the transaction before, whose end was told
//!   a pre product/0 begins | fails | runs .. | unanswered | rolls | calls | answers | killed
//!   a sends begin        a ends commit      a reverts | half reverts      a leaves      later 29
//!   dba customer/-80 writes -order 5 1 Product_5    a commit with another tag
//!   promote customer/-80 102       replicate customer/-80 102       fault ..
//!   vschema write_only | filled      a plans 0 (before that vschema) | 1
//!   a asks commit         a told ok 1 | error 1062 duplicate | unknown | rows 5 1 x, 6 1 y
//! ```
//!
//! Rows are `order <id> <customer> <sku>` and `lookup <sku> <customer>`, whose keyspace id the
//! lookup row has; `+` and `-` a row, `~` for an update, `row > row`. Customers 1, 2 and 3 live in
//! -80, 4 in 80-. Several changes of a commit are separated by `;`.

use std::collections::BTreeMap;
use std::rc::Rc;
use std::sync::Arc;

use sim::collation::Collation;
use sim::mysql::binlog::{self, BinlogTransaction, RowChange, RowsEvent};
use sim::mysql::gtid::{Gtid, ServerUuid};
use sim::mysql::outcome::Outcome;
use sim::mysql::schema::Table;
use sim::mysql::server::TableImage;
use sim::mysql::session::ConnectionId;
use sim::mysql::statement::build;
use sim::sql::ast::Statement;
use sim::sql_error::SqlError;
use sim::value::{Row, Value};

use crate::checker::departure::Departure;
use crate::checker::{Cause, Judge, Standing, Violation};
use crate::history::{Answer, AskId, Event, List, Outcome as CommitOutcome, PlanBegun, Sent};
use crate::topo::{Alias, Change, KeyspaceRecord, ShardRecord, TabletRecord, TabletType, Topo};
use crate::vindex::Registry;
use crate::vschema::{SrvVSchema, VSchema};

/// Where the lookup table lives and of which type it is.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Shape {
    /// `product.corder_lookup`, unsharded.
    Unique,
    NonUnique,
    /// In the sharded keyspace product, by xxhash of the sku.
    Sharded,
    /// As `Unique`; an order's key has its customer in it, so that one server can stand beside.
    Keyed,
}

pub(super) struct History {
    pub judge: Judge,
    shape: Shape,
    now: u64,
    primaries: BTreeMap<String, u32>,
    log: BTreeMap<String, Vec<Arc<BinlogTransaction>>>,
    transactions: BTreeMap<(String, List, String), u64>,
    /// The last of each that is over.
    ended: BTreeMap<(String, List, String), u64>,
    next: u64,
    asks: AskId,
}

fn vschema(shape: Shape, write_only: bool) -> VSchema {
    let sharded = shape == Shape::Sharded;
    let kind =
        if shape == Shape::NonUnique { "consistent_lookup" } else { "consistent_lookup_unique" };
    let product = match sharded {
        true => {
            r#"{"sharded": true, "vindexes": {"xxhash": {"type": "xxhash"}}, "tables":
               {"corder_lookup": {"column_vindexes": [{"column": "sku", "name": "xxhash"}]}}}"#
        }
        false => r#"{"tables": {"corder_lookup": {}}}"#,
    };
    let text = format!(
        r#"{{"keyspaces": {{"product": {product}, "customer": {{"sharded": true,
        "vindexes": {{"hash": {{"type": "hash"}}, "corder_lookup": {{"type": "{kind}", "owner": "corder",
          "params": {{"table": "product.corder_lookup", "from": "sku", "to": "keyspace_id",
                      "ignore_nulls": "true", "write_only": "{write_only}"}}}}}},
        "tables": {{"corder": {{"column_vindexes": [{{"column": "customer_id", "name": "hash"}},
          {{"column": "sku", "name": "corder_lookup"}}]}}}}}}}}}}"#
    );
    VSchema::build(&SrvVSchema::parse(&text).unwrap(), &Registry::standard())
}

fn table(database: &str, sql: &str) -> Arc<Table> {
    let Statement::CreateTable(create) = sim::sql::parse(sql).unwrap() else { panic!("{sql}") };
    let path = (Arc::from(database), Arc::from(create.table.name.as_str()));
    let mut table = build::table(&create, &path, Collation::Utf8mb40900AiCi).unwrap().0;
    table.order_indexes();
    Arc::new(table)
}

fn corder(shape: Shape) -> Arc<Table> {
    let key = if shape == Shape::Keyed { "order_id, customer_id" } else { "order_id" };
    let sql = format!(
        "create table corder (order_id bigint, customer_id bigint, sku varchar(64), primary key ({key}))"
    );
    table("vt_customer", &sql)
}

fn corder_lookup(shape: Shape) -> Arc<Table> {
    let key = if shape == Shape::NonUnique { "sku, keyspace_id" } else { "sku" };
    let sql = format!(
        "create table corder_lookup (sku varchar(64), keyspace_id varbinary(128), primary key ({key}))"
    );
    table("vt_product", &sql)
}

/// The hash of a customer.
fn id(customer: &str) -> Vec<u8> {
    let vschema = vschema(Shape::Unique, false);
    let hash = Arc::clone(&vschema.keyspaces["customer"].vindexes["hash"]);
    let customer = [Value::Int(customer.parse().unwrap())];
    crate::checker::value::keyspace_id(&*hash, &customer).unwrap().as_bytes().to_vec()
}

fn row(words: &[&str]) -> (bool, Row) {
    let sku = |word: &str| if word == "null" { Value::Null } else { Value::text(word) };
    match words {
        ["order", order, customer, value] => {
            let number = |word: &str| Value::Int(word.parse().unwrap());
            (true, [number(order), number(customer), sku(value)].into())
        }
        ["lookup", value, customer] => (false, [sku(value), Value::bytes(&id(customer))].into()),
        other => panic!("no row: {other:?}"),
    }
}

fn answer(what: &str, given: &[&str]) -> Answer {
    let mut outcome = Outcome::default();
    match what {
        "ok" => outcome.affected = given.first().map_or(0, |count| count.parse().unwrap()),
        "rows" => {
            let rows = given.split(|word| *word == ",").filter(|row| !row.is_empty());
            outcome.rows = rows.map(|words| row(&[&["order"], words].concat()).1).collect();
        }
        "error" => {
            let errno = given[0].parse().unwrap();
            return Answer::Error(SqlError::new(errno, "HY000", given[1..].join(" ")));
        }
        "unknown" => return Answer::Unknown("connection lost".into()),
        other => panic!("no answer: {other}"),
    }
    Answer::Ok(Rc::new(outcome))
}

fn topology(shape: Shape) -> Topo {
    let mut topo = Topo::default();
    let product: &[(&str, u32)] =
        if shape == Shape::Sharded { &[("-80", 301), ("80-", 401)] } else { &[("0", 301)] };
    for (keyspace, shards) in
        [("customer", [("-80", 101), ("80-", 201)].as_slice()), ("product", product)]
    {
        let record = KeyspaceRecord {
            durability_policy: Default::default(),
            vschema: Default::default(),
            shards: shards
                .iter()
                .map(|(shard, uid)| {
                    let record = ShardRecord {
                        range: shard.parse().ok(),
                        primary: Some(Alias::new("zone1", *uid)),
                        term_start: None,
                    };
                    (Rc::from(*shard), record)
                })
                .collect(),
            shard_order: shards.iter().map(|(shard, _)| Rc::from(*shard)).collect(),
        };
        topo.apply(Change::Keyspace { name: keyspace.into(), record });
        for (shard, uid) in shards {
            for uid in [*uid, uid + 1] {
                topo.apply(Change::Tablet(TabletRecord {
                    alias: Alias::new("zone1", uid),
                    keyspace: keyspace.into(),
                    shard: (*shard).into(),
                    kind: TabletType::Replica,
                    hostname: "".into(),
                    port: 0,
                    mysql_port: 0,
                    term_start: None,
                }));
            }
        }
    }
    topo
}

fn uuid(uid: u32) -> ServerUuid {
    ServerUuid([uid as u8; 16])
}

impl History {
    pub(super) fn new(shape: Shape, write_only: bool) -> History {
        let topo = topology(shape);
        let mut judge = Judge::new(&topo);
        topo.tablets.keys().for_each(|alias| judge.server_is(alias, uuid(alias.uid)));
        judge.vschema_changed(1, &vschema(shape, write_only), 0);
        let primaries = [("customer/-80", 101), ("customer/80-", 201), ("product/0", 301)];
        let sharded = [("product/-80", 301), ("product/80-", 401)];
        History {
            judge,
            shape,
            now: 0,
            primaries: primaries
                .into_iter()
                .chain(sharded)
                .map(|(s, uid)| (s.into(), uid))
                .collect(),
            log: BTreeMap::new(),
            transactions: BTreeMap::new(),
            ended: BTreeMap::new(),
            next: 1,
            asks: 0,
        }
    }

    fn tell(&mut self, event: Event) {
        self.now += 1_000_000;
        self.judge.observe(&event, self.now);
    }

    pub(super) fn line(&mut self, line: &str) {
        let (head, rest) = line.split_once(' ').unwrap_or((line, ""));
        let words: Vec<&str> = line.split_whitespace().collect();
        match words.as_slice() {
            ["fault", ..] => self.tell(Event::Fault(rest.into())),
            ["vschema", flag] => {
                self.now += 1_000_000;
                let write_only = *flag == "write_only";
                self.judge.vschema_changed(1, &vschema(self.shape, write_only), self.now);
            }
            ["promote", shard, uid] => {
                let (keyspace, name) = shard.split_once('/').unwrap();
                let uid: u32 = uid.parse().unwrap();
                self.primaries.insert((*shard).to_owned(), uid);
                let tablet = Alias::new("zone1", uid);
                self.tell(Event::Promoted {
                    keyspace: keyspace.into(),
                    shard: name.into(),
                    tablet,
                });
            }
            ["replicate", shard, uid] => {
                let tablet = Alias::new("zone1", uid.parse().unwrap());
                for transaction in self.log.get(*shard).cloned().unwrap_or_default() {
                    self.tell(Event::Commit { tablet: tablet.clone(), transaction });
                }
            }
            [session, "plans", version] => {
                self.tell(Event::Plan(Rc::new(PlanBegun {
                    plan: 1,
                    parent: 0,
                    session: (*session).into(),
                    sql: "".into(),
                    vschema_version: version.parse().unwrap(),
                    sends: Vec::new(),
                    binds: Arc::default(),
                })));
            }
            [session, "sends", ..] => {
                let sql = rest.trim_start_matches("sends ");
                self.tell(Event::Statement { session: (*session).into(), sql: sql.into() });
            }
            [session, "asks", ..] => {
                self.asks += 1;
                let (session, ask) = ((*session).into(), self.asks);
                self.tell(Event::Asked {
                    session,
                    ask,
                    sql: rest.trim_start_matches("asks ").into(),
                });
            }
            [session, "told", what, given @ ..] => {
                let (session, ask) = ((*session).into(), self.asks);
                self.tell(Event::Answered { session, ask, answer: answer(what, given) });
            }
            [session, "loses", list, shard] => {
                let list = List::parse(list).expect("a list");
                let (session, shard) = ((*session).into(), (*shard).into());
                self.tell(Event::AnswerLost { session, list, shard });
            }
            [session, "reverts"] => self.tell(Event::Reverted { session: (*session).into() }),
            [session, "leaves"] => self.tell(Event::Disconnected { session: (*session).into() }),
            ["later", seconds] => self.now += seconds.parse::<u64>().unwrap() * 1_000_000_000,
            [session, "half", "reverts"] => {
                self.tell(Event::RevertFailed { session: (*session).into() });
            }
            [session, "ends", what] => {
                let what = if *what == "commit" { "commit" } else { "rollback" };
                let own = self.transactions.extract_if(.., |(of, ..), _| of == session);
                self.ended.extend(own);
                self.tell(Event::Ended { session: (*session).into(), what });
            }
            [tag @ .., shard, "writes", _, _, _] | [tag @ .., shard, "writes", _, _, _, _] => {
                let changes = line.split_once(" writes ").unwrap().1;
                self.commits(&tag.join(" "), 0, shard, changes);
            }
            [session, list, shard, what, ..] => {
                let changes = line.split_once(what).unwrap().1;
                self.share(session, list, shard, what, changes);
            }
            _ => panic!("no line: {head} {rest}"),
        }
    }

    /// A session's share of a shard: begun if it isn't yet, then what the word says.
    fn share(&mut self, session: &str, list: &str, shard: &str, what: &str, changes: &str) {
        let tag = format!("{session} {list}");
        let list = match list {
            "pre" => List::Pre,
            "normal" => List::Normal,
            "post" => List::Post,
            other => panic!("no list: {other}"),
        };
        let (name, full): (Rc<str>, Rc<str>) = (session.into(), shard.into());
        let key = (session.to_owned(), list, shard.to_owned());
        if what == "begins" {
            self.transactions.remove(&key);
        }
        let known = self.transactions.get(&key).copied();
        let transaction = known.unwrap_or(self.next);
        if known.is_none() {
            self.next += 1;
            self.transactions.insert(key, transaction);
            let (session, shard) = (Rc::clone(&name), Rc::clone(&full));
            self.tell(Event::ShardBegin { session, list, shard, transaction });
            let uid = self.primaries.get(&*full).copied().unwrap_or_default();
            let (tablet, connection) = (Alias::new("zone1", uid), ConnectionId(transaction));
            let transaction = Some(transaction);
            self.judge.observe(&Event::Connection { tablet, connection, transaction }, self.now);
        }
        let outcome = match what {
            "begins" => return,
            "calls" => {
                let (session, shard, what) = (name, full, Sent::Statement);
                return self.tell(Event::ShardSend { session, list, shard, what });
            }
            "answers" => {
                let (session, shard) = (name, full);
                return self.tell(Event::ShardAnswer { session, list, shard });
            }
            "killed" => {
                let tablet = Alias::new("zone1", self.primaries[shard]);
                return self.tell(Event::Killed { tablet, transaction });
            }
            "runs" => return self.commits(&tag, transaction, shard, changes),
            "late" => {
                let before = self.ended[&(session.to_owned(), list, shard.to_owned())];
                return self.commits(&tag, before, shard, changes);
            }
            "rolls" => {
                let (session, shard) = (name, full);
                return self.tell(Event::ShardRollback { session, list, shard, transaction });
            }
            "commits" => {
                self.commits(&tag, transaction, shard, changes);
                CommitOutcome::Ok
            }
            "fails" => CommitOutcome::Failed("broken before".into()),
            "unanswered" => CommitOutcome::Unknown("connection lost".into()),
            other => panic!("no such word: {other}"),
        };
        let (session, shard) = (name, full);
        self.tell(Event::ShardCommit { session, list, shard, transaction, outcome });
    }

    /// On a connection of this number; 0 is nobody's.
    fn commits(&mut self, tag: &str, connection: u64, shard: &str, changes: &str) {
        let uid = self.primaries[shard];
        let log = self.log.entry(shard.to_owned()).or_default();
        let server = uuid(uid);
        let gtid = Gtid { server, sequence: log.len() as u64 + 1 };
        let events = changes.split(';').filter(|text| !text.trim().is_empty()).map(|text| {
            let text = text.trim();
            let words: Vec<&str> = text[1..].split_whitespace().collect();
            let mut halves = words.split(|word| *word == ">").map(row);
            let (is_owner, first) = halves.next().unwrap();
            let (before, after) = match &text[..1] {
                "+" => (None, Some(first)),
                "-" => (Some(first), None),
                _ => (Some(first), halves.next().map(|(_, row)| row)),
            };
            let table = if is_owner { corder(self.shape) } else { corder_lookup(self.shape) };
            let changes = vec![RowChange { before, after }];
            binlog::Event::Rows(RowsEvent { table, foreign_key_checks_off: false, changes })
        });
        let transaction = Arc::new(BinlogTransaction {
            gtid,
            events: events.collect(),
            committed_at: jiff::Timestamp::UNIX_EPOCH,
            tag: tag.into(),
            connection: ConnectionId(connection),
            xid: 0,
        });
        log.push(Arc::clone(&transaction));
        self.tell(Event::Commit { tablet: Alias::new("zone1", uid), transaction });
    }

    pub(super) fn run(shape: Shape, write_only: bool, lines: &[&str]) -> History {
        let mut history = History::new(shape, write_only);
        lines.iter().for_each(|line| history.line(line));
        history
    }

    /// Everything in a line: what is violated, excused, dangling.
    pub(super) fn found(&self) -> String {
        let violated = self.judge.violations().iter().map(|v| v.invariant.to_string());
        let excused = self
            .judge
            .excuses()
            .iter()
            .map(|e| format!("{} excused by {}", e.violation.invariant, e.assumption));
        let summary = self.judge.check();
        let dangling = summary.vindexes.iter().flat_map(|vindex| &vindex.dangling).map(|row| {
            match &row.standing {
                Standing::InFlight { .. } => "in flight".to_owned(),
                Standing::Left { cause, .. } => cause.to_string(),
            }
        });
        let found: Vec<String> = violated.chain(excused).chain(dangling).collect();
        if found.is_empty() { "held".to_owned() } else { found.join(", ") }
    }
}

fn check(name: &str, shape: Shape, lines: &[&str], expected: &str) {
    let history = History::run(shape, false, lines);
    assert_eq!(history.found(), expected, "{name}");
}

pub(super) const ORDER_5: [&str; 3] = [
    "w pre product/0 commits +lookup Product_5 1",
    "w normal customer/-80 commits +order 5 1 Product_5",
    "w ends commit",
];

/// A history that begins with order 5 of customer 1, sku Product_5.
fn check_5(name: &str, lines: &[&str], expected: &str) {
    check(name, Shape::Unique, &[&ORDER_5, lines].concat(), expected);
}

#[test]
fn commits_in_the_protocols_order_hold_at_each_step() {
    let insert = ORDER_5;
    let delete = [
        "a normal customer/-80 commits -order 5 1 Product_5",
        "a post product/0 commits -lookup Product_5 1",
        "a ends commit",
    ];
    let update = [
        "b pre product/0 commits +lookup Product_6 1",
        "b normal customer/-80 commits ~order 5 1 Product_5 > order 5 1 Product_6",
        "b post product/0 commits -lookup Product_5 1",
        "b ends commit",
    ];
    let all = |lines: &[&str], steps: &[&str]| {
        let mut history = History::new(Shape::Unique, false);
        for (line, expected) in lines.iter().zip(steps) {
            history.line(line);
            assert_eq!(history.found(), *expected, "{line}");
        }
    };
    all(&insert, &["in flight", "held", "held"]);
    all(
        &[&insert[..], &delete].concat(),
        &["in flight", "held", "held", "in flight", "held", "held"],
    );
    let steps = ["in flight", "held", "held", "in flight", "in flight", "held", "held"];
    all(&[&insert[..], &update].concat(), &steps);
}

#[test]
fn what_needs_no_entry_has_none() {
    check("null", Shape::Unique, &["a normal customer/-80 commits +order 5 1 null"], "held");
    check(
        "from null to a value",
        Shape::Unique,
        &[
            "a normal customer/-80 commits +order 5 1 null",
            "a ends commit",
            "a normal customer/-80 commits ~order 5 1 null > order 5 1 x",
        ],
        "no_missing",
    );
    // A row that its shard does not own is nobody's.
    check("elsewhere", Shape::Unique, &["a normal customer/80- commits +order 5 1 x"], "held");
    check_5(
        "case",
        &["b normal customer/-80 commits ~order 5 1 Product_5 > order 5 1 PRODUCT_5"],
        "held",
    );
}

#[test]
fn wrong_orders_are_found() {
    check_5(
        "post before normal, between",
        &[
            "a normal customer/-80 begins",
            "a post product/0 commits -lookup Product_5 1",
            "a normal customer/-80 commits -order 5 1 Product_5",
            "a ends commit",
        ],
        "no_missing",
    );
    check_5(
        "post before normal, which fails",
        &[
            "a post product/0 commits -lookup Product_5 1",
            "a normal customer/-80 fails",
            "a normal customer/-80 rolls",
            "a ends commit",
        ],
        "no_missing",
    );
    check_5(
        "delete in pre",
        &[
            "a pre product/0 commits -lookup Product_5 1",
            "a normal customer/-80 fails",
            "a ends commit",
        ],
        "no_missing",
    );
    check(
        "normal before pre",
        Shape::Unique,
        &["a normal customer/-80 commits +order 5 1 x", "a pre product/0 commits +lookup x 1"],
        "no_missing",
    );
    check(
        "no owner lock",
        Shape::Unique,
        &[
            "a pre product/0 commits +lookup x 1",
            "b pre product/0 begins",
            "a normal customer/-80 commits +order 5 1 x",
            "b pre product/0 commits ~lookup x 1 > lookup x 4",
            "b normal customer/80- commits +order 9 4 x",
            "a ends commit",
            "b ends commit",
        ],
        "no_missing, unique",
    );
    check(
        "no owner lock, one keyspace id",
        Shape::Unique,
        &[
            "a pre product/0 commits +lookup x 1",
            "a normal customer/-80 commits +order 5 1 x",
            "b normal customer/-80 commits +order 9 1 x",
        ],
        "unique",
    );
}

#[test]
fn each_residue_has_its_cause() {
    let check = |lines: &[&str], expected: Cause| check_5(expected.name(), lines, expected.name());
    let taken = "b pre product/0 commits +lookup x 4";
    check(&["b pre product/9 fails", taken, "b ends rollback"], Cause::FailedPreCommit);
    check(&[taken, "b normal customer/80- fails", "b ends rollback"], Cause::FailedNormalCommit);
    check(
        &["b pre product/0 runs +lookup x 4", "b pre product/0 unanswered", "b ends rollback"],
        Cause::UnknownCommit,
    );
    check(&[taken, "b normal customer/80- unanswered", "b ends rollback"], Cause::UnknownCommit);
    let deleted = "a normal customer/-80 commits -order 5 1 Product_5";
    check(
        &["a post product/0 begins", deleted, "a post product/0 fails", "a ends commit"],
        Cause::FailedPostCommit,
    );
    check(
        &["a post product/0 begins", deleted, "a post product/0 unanswered", "a ends commit"],
        Cause::FailedPostCommit,
    );
    check(
        &[
            "a post product/0 begins",
            "a normal customer/-80 runs -order 5 1 Product_5",
            "a normal customer/-80 unanswered",
            "a post product/0 rolls",
            "a ends rollback",
        ],
        Cause::UnknownCommit,
    );
    check(&[taken, "fault Crash(\"vtgate-1\")"], Cause::LostSession);
    check(&["a post product/0 begins", deleted, "fault crash vtgate-1"], Cause::LostSession);
    check(&[taken, "b pre product/0 begins"], Cause::LostSession);
    check(
        &[
            "a pre product/0 commits +lookup Product_6 1",
            "a normal customer/-80 commits ~order 5 1 Product_5 > order 5 1 Product_6",
            "a ends commit",
        ],
        Cause::UpdateWithoutDelete,
    );
    // No row has had its value: the stream has made it up.
    let made_up = "vreplication corder_lookup 3 product/0 writes +lookup x 4";
    check_5("backfill", &[made_up], "filled, backfill");
    check(&["dba customer/-80 writes -order 5 1 Product_5"], Cause::ShardTargeted);
    check(&["a product/0 writes +lookup x 1"], Cause::ShardTargeted);
    check(&["a sends use customer:-80", deleted, "a ends commit"], Cause::ShardTargeted);
    // Nothing has failed, and the owner row never came.
    check(&[taken, "b ends commit"], Cause::Unknown);
    check(&[deleted, "a ends commit"], Cause::Unknown);
    check(&["ghost pre product/0 writes +lookup x 1"], Cause::Unknown);
}

#[test]
fn a_half_rollback_that_is_committed_is_a_departure() {
    let known = |lines: &[&str]| {
        let lines = [&ORDER_5, lines].concat();
        let history = History::run(Shape::Unique, false, &lines);
        let known = history.judge.violations().iter().map(|violation| violation.departure);
        known.map(|known| known.map(Departure::name)).collect::<Vec<_>>()
    };
    // The row is back, its entry's delete is not undone.
    let deleted = ["a sends begin", "a normal customer/-80 begins", "a post product/0 begins"];
    let kept = [
        "a normal customer/-80 commits",
        "a post product/0 commits -lookup Product_5 1",
        "a ends commit",
    ];
    assert_eq!(
        known(&[&deleted, &["a half reverts"][..], &kept].concat()),
        [Some("half_rolled_back")]
    );
    assert_eq!(known(&[&deleted[..], &kept].concat()), [None]);
    let of_pre = ["a sends begin", "a pre product/0 begins", "a half reverts"];
    assert_eq!(
        known(&[&of_pre[..], &["a pre product/0 commits -lookup Product_5 1"]].concat()),
        [None]
    );
}

#[test]
fn a_residue_goes_when_its_value_is_taken_over() {
    check_5(
        "taken over",
        &[
            "b pre product/0 commits +lookup x 4",
            "b normal customer/80- fails",
            "b ends rollback",
            "c pre product/0 commits ~lookup x 4 > lookup x 1",
            "c normal customer/-80 commits +order 7 1 x",
            "c ends commit",
        ],
        "held",
    );
    check_5(
        "taken over, and failed again",
        &[
            "b pre product/0 commits +lookup x 4",
            "fault Crash(\"vtgate-1\")",
            "c pre product/0 commits ~lookup x 4 > lookup x 1",
            "c normal customer/-80 fails",
            "c ends rollback",
        ],
        "failed-normal-commit",
    );
}

#[test]
fn one_value_is_excused_and_no_other() {
    let delete = "dba product/0 writes -lookup Product_5 1";
    check_5("targeted delete", &[delete], "no_missing excused by aware_writes");
    let other = [
        delete,
        "a pre product/0 commits +lookup x 4",
        "a normal customer/80- commits +order 9 4 x",
        "a ends commit",
        "a post product/0 commits -lookup x 4",
    ];
    check_5("and a bug", &other, "no_missing, no_missing excused by aware_writes");
    // Once an owner row has come properly, the past no longer excuses.
    let healed = [
        "dba customer/-80 writes -order 5 1 Product_5",
        "a normal customer/-80 commits +order 5 1 Product_5",
        "a ends commit",
        "a post product/0 commits -lookup Product_5 1",
    ];
    check_5("healed", &healed, "no_missing");
    check_5(
        "ignore",
        &[
            "a sends insert ignore into corder values (9, 1, 'x')",
            "a normal customer/-80 commits +order 9 1 x",
        ],
        "no_missing excused by plain_inserts",
    );
    check_5(
        "its own lookup table",
        &["a sends delete from corder_lookup", "a normal product/0 commits -lookup Product_5 1"],
        "no_missing excused by aware_writes",
    );
    check_5(
        "a lookup write in the normal list",
        &["a normal product/0 commits -lookup Product_5 1"],
        "no_missing",
    );
}

#[test]
fn a_failover_that_loses_a_commit_excuses_its_values() {
    let replicated = "replicate product/0 302";
    check_5("nothing lost", &[replicated, "promote product/0 302"], "held");
    check_5("pre lost", &["promote product/0 302"], "no_missing excused by durable_commits");
    check(
        "pre lost, then normal",
        Shape::Unique,
        &[
            "a pre product/0 commits +lookup x 1",
            "promote product/0 302",
            "a normal customer/-80 commits +order 5 1 x",
        ],
        "no_missing excused by durable_commits",
    );
    check_5("normal lost", &["promote customer/-80 102"], "lost-by-failover");
    check_5(
        "a bug after a failover",
        &[replicated, "promote product/0 302", "a post product/0 commits -lookup Product_5 1"],
        "no_missing",
    );
}

#[test]
fn what_is_write_only_is_judged_when_it_is_filled() {
    let copy = "vreplication corder_lookup 3 product/0 writes +lookup Product_5 1";
    let check = |lines: &[&str], expected: &str| {
        let old = ["a normal customer/-80 commits +order 5 1 Product_5", "a ends commit"];
        let lines = [&old, lines].concat();
        assert_eq!(History::run(Shape::Unique, true, &lines).found(), expected, "{lines:?}");
    };
    check(&[], "held");
    check(&[copy, "vschema filled"], "held");
    check(&["vschema filled"], "filled");
    // What was missing then is not told of again; what goes missing is.
    let again = "b normal customer/-80 commits ~order 5 1 Product_5 > order 5 2 Product_5";
    check(&["vschema filled", again], "filled");
    check(&[copy, "vschema filled", "b post product/0 commits -lookup Product_5 1"], "no_missing");
    let twin = "b normal customer/80- commits +order 9 4 Product_5";
    check(&[copy, twin, "vschema filled"], "filled");
    let deleted = "b normal customer/-80 commits -order 5 1 Product_5";
    check(&[copy, "b plans 0", deleted, "b ends commit"], "unaware-vtgate");
    check(&[copy, "b plans 1", deleted, "b ends commit"], "unknown");
    check(&[deleted, "b ends commit", copy], "backfill");
    let taken = "vreplication corder_lookup 3 product/0 writes -lookup Product_5 1";
    check(&[copy, taken], "filled");
}

/// A stream copies what a row had for a moment, inside of a transaction.
#[test]
fn a_value_that_passed_through_a_row_has_had_two_owners() {
    let departs = |change: &str| {
        let change = format!("b normal customer/80- commits {change}");
        let history = History::run(
            Shape::Unique,
            true,
            &[
                "a normal customer/-80 commits +order 5 1 x",
                "a normal customer/80- commits +order 9 4 y",
                "a ends commit",
                &change,
                "vreplication corder_lookup 3 product/0 writes +lookup x 4",
                "vreplication corder_lookup 3 product/0 writes +lookup y 4",
                "vschema filled",
            ],
        );
        assert_eq!(history.found(), "filled, backfill", "{change}");
        history.judge.violations()[0].departure
    };
    let passes = "~order 9 4 y > order 9 4 x ; ~order 9 4 x > order 9 4 y";
    assert_eq!(departs(passes), Some(Departure::FirstEntryStays));
    assert_eq!(departs("~order 9 4 y > order 9 4 y"), None);
}

#[test]
fn a_lookup_that_is_not_unique_has_several_owners() {
    let two = [
        "a pre product/0 commits +lookup x 1 ; +lookup x 4",
        "a normal customer/-80 commits +order 5 1 x",
        "a normal customer/80- commits +order 9 4 x",
        "a ends commit",
    ];
    check("two", Shape::NonUnique, &two, "held");
    let lost = [&two[..], &["b post product/0 commits -lookup x 4"]].concat();
    check("one is lost", Shape::NonUnique, &lost, "no_missing");
    // Two rows of one value and keyspace id share an entry: the rule is that they are told apart.
    let shared = [
        &two[..],
        &[
            "b normal customer/-80 commits +order 6 1 x",
            "b ends commit",
            "c normal customer/-80 commits -order 6 1 x",
            "c post product/0 commits -lookup x 1",
        ],
    ];
    let expected = "no_missing excused by identifying_values";
    check("shared", Shape::NonUnique, &shared.concat(), expected);
}

#[test]
fn an_entry_on_the_wrong_shard_leads_nowhere() {
    let insert = |shard: &str| {
        let lines = [
            format!("a pre {shard} commits +lookup Product_5 1"),
            "a normal customer/-80 commits +order 5 1 Product_5".to_owned(),
            "a ends commit".to_owned(),
        ];
        let lines: Vec<&str> = lines.iter().map(String::as_str).collect();
        History::run(Shape::Sharded, false, &lines).found()
    };
    let found = [insert("product/-80"), insert("product/80-")];
    assert!(found.contains(&"held".to_owned()), "{found:?}");
    assert!(found.contains(&"no_missing".to_owned()), "{found:?}");
}

#[test]
fn a_violation_is_a_story() {
    let lines = [
        "a sends begin",
        "a sends delete from corder where order_id = 5",
        "a normal customer/-80 begins",
        "a sends commit",
        "fault Crash(\"zone1-0000000101\")",
        "a post product/0 commits -lookup Product_5 1",
    ];
    let history = History::run(Shape::Unique, false, &[&ORDER_5[..], &lines].concat());
    let [violation] = history.judge.violations() else { panic!("{}", history.found()) };
    let expected = "\
violated no_missing: after every commit, each owner row has a lookup row with its keyspace id
  customer.corder_lookup, value 'Product_5'
    customer/-80 has corder (order_id 5, customer_id 1, sku 'Product_5') at 166B40B44ABA4BD6
    no corder_lookup row has 'Product_5'
  history
       0.002000s  w  pre     product/0     corder_lookup row 'Product_5' -> 166B40B44ABA4BD6 came
       0.005000s  w  normal  customer/-80  corder row of 'Product_5' at 166B40B44ABA4BD6 came
       0.007000s  w                        commit is over
       0.008000s  a                        begin
       0.009000s  a                        delete from corder where order_id = 5
       0.011000s  a                        commit
       0.012000s  *                        Crash(\"zone1-0000000101\")
  >    0.014000s  a  post    product/0     corder_lookup row 'Product_5' -> 166B40B44ABA4BD6 went
  after 0.014000s (>) nothing could save it
";
    assert_eq!(violation.to_string(), expected);
    assert_eq!(
        violation.headline(),
        "violated no_missing customer.corder_lookup 'Product_5' at 0.014000s: customer/-80 has corder \
         (order_id 5, customer_id 1, sku 'Product_5') at 166B40B44ABA4BD6"
    );
}

#[test]
fn the_point_of_no_return_may_come_before_the_break() {
    let lines = [
        "a pre product/0 commits +lookup x 1",
        "b pre product/0 commits ~lookup x 1 > lookup x 4",
        "a normal customer/-80 commits +order 5 1 x",
        "b normal customer/80- commits +order 9 4 x",
    ];
    let history = History::run(Shape::Unique, false, &lines);
    assert_eq!(history.found(), "no_missing, unique");
    let point = |violation: &Violation| {
        let lost = violation.lost_at.unwrap();
        let line = violation.timeline.iter().find(|line| line.at == lost).unwrap();
        (line.who.clone(), line.list, line.shard.clone())
    };
    for violation in history.judge.violations() {
        let expected = ("b".to_owned(), Some(List::Pre), "product/0".to_owned());
        assert_eq!(point(violation), expected, "{violation}");
    }
}

#[test]
fn a_check_counts_and_names_what_dangles() {
    let lines = [
        "a post product/0 begins",
        "a normal customer/-80 commits -order 5 1 Product_5",
        "a post product/0 fails",
        "a ends commit",
        "b pre product/0 commits +lookup x 4",
    ];
    let history = History::run(Shape::Unique, false, &[&ORDER_5[..], &lines].concat());
    let expected = "\
check: 0 owner rows, 2 lookup rows, 0 missing, 1 dangling (failed-post-commit 1), 1 in flight
dangling corder_lookup 'Product_5' -> 166B40B44ABA4BD6: post commit of session a failed (broken before)
in flight corder_lookup 'x' -> D2FD8867D50D2DFE: session b has not ended
";
    assert_eq!(history.judge.check().to_string(), expected);
}

#[test]
fn a_table_that_is_emptied_excuses_its_values() {
    let ddl = |database: &str, sql: &str, uid: u32| {
        let event = binlog::Event::Query {
            database: Some(database.into()),
            text: sql.into(),
            statement: Arc::new(sim::sql::parse(sql).unwrap()),
        };
        let transaction = Arc::new(BinlogTransaction {
            gtid: Gtid { server: uuid(uid), sequence: 99 },
            events: vec![event],
            committed_at: jiff::Timestamp::UNIX_EPOCH,
            tag: "dba".into(),
            connection: ConnectionId(0),
            xid: 0,
        });
        let mut history = History::run(Shape::Unique, false, &ORDER_5);
        history.tell(Event::Commit { tablet: Alias::new("zone1", uid), transaction });
        history.found()
    };
    let emptied = "no_missing excused by no_whole_tables";
    assert_eq!(ddl("vt_product", "truncate table corder_lookup", 301), emptied);
    assert_eq!(ddl("vt_product", "drop table corder_lookup", 301), emptied);
    assert_eq!(ddl("vt_customer", "truncate table corder", 101), "whole-table");
    assert_eq!(ddl("vt_other", "truncate table corder", 101), "held");
}

#[test]
fn a_server_that_comes_back_without_a_commit_excuses_its_values() {
    let mut history = History::run(Shape::Unique, false, &ORDER_5);
    let lookup = Alias::new("zone1", 301);
    history.judge.take_server(&lookup, &Default::default(), std::iter::empty(), 1_000_000_000);
    assert_eq!(history.found(), "no_missing excused by durable_commits");
    // One that was filled before the history began.
    let mut history = History::new(Shape::Unique, false);
    let rows = vec![row(&["lookup", "x", "1"]).1];
    let image = TableImage { schema: corder_lookup(Shape::Unique), rows };
    history.judge.take_server(&lookup, &Default::default(), std::iter::once(image), 0);
    assert_eq!(history.found(), "inherited");
    history.line("a normal customer/-80 commits +order 5 1 x");
    assert_eq!(history.found(), "held");
}

#[test]
fn several_columns_are_one_value() {
    let text = r#"{"keyspaces": {"customer": {"sharded": true,
        "vindexes": {"hash": {"type": "hash"}, "pair": {"type": "consistent_lookup_unique",
          "owner": "corder", "params": {"table": "product.corder_lookup",
          "from": "sku, order_id", "to": "keyspace_id"}}},
        "tables": {"corder": {"column_vindexes": [{"column": "customer_id", "name": "hash"},
          {"columns": ["sku", "order_id"], "name": "pair"}]}}}, "product": {}}}"#;
    let vschema = VSchema::build(&SrvVSchema::parse(text).unwrap(), &Registry::standard());
    let lookup = table(
        "vt_product",
        "create table corder_lookup (sku varchar(64), order_id bigint, keyspace_id varbinary(128), primary key (sku, order_id))",
    );
    let found = |order: i64| {
        let mut history = History::new(Shape::Unique, false);
        history.judge.vschema_changed(1, &vschema, 0);
        let entry: Row = [Value::text("x"), Value::Int(order), Value::bytes(&id("1"))].into();
        let image = TableImage { schema: Arc::clone(&lookup), rows: vec![entry] };
        let alias = Alias::new("zone1", 301);
        history.judge.take_server(&alias, &Default::default(), std::iter::once(image), 0);
        history.line("a normal customer/-80 commits +order 5 1 x");
        history.found()
    };
    assert_eq!(found(5), "held");
    assert_eq!(found(6), "no_missing, inherited");
}

#[test]
fn own_tables_are_compared_with_the_servers() {
    let found = |lines: &[&str], images: &[(u32, Arc<Table>, Vec<Row>)]| {
        let mut history = History::run(Shape::Unique, false, &[&ORDER_5, lines].concat());
        let images = images.iter().map(|(uid, schema, rows)| {
            let image = TableImage { schema: Arc::clone(schema), rows: rows.clone() };
            (Alias::new("zone1", *uid), image)
        });
        let found = history.judge.compare(images);
        found.iter().map(|violation| violation.headline()).collect::<Vec<_>>().join("\n")
    };
    let order = |sku: &str| row(&["order", "5", "1", sku]).1;
    let same = [(101, corder(Shape::Unique), vec![order("Product_5")])];
    assert_eq!(found(&[], &same), "");
    assert_eq!(found(&["replicate customer/-80 102"], &same), "");
    let other = [(101, corder(Shape::Unique), vec![order("Product_7")])];
    assert!(found(&[], &other).starts_with("violated row_images zone1-0000000101, table corder"));
    assert!(
        found(&[], &[(101, corder(Shape::Unique), vec![])])
            .contains("its binlog gives (5, 1, 'Product_5')")
    );
    let gone = found(&[], &[(101, corder_lookup(Shape::Unique), vec![])]);
    assert!(gone.starts_with("violated row_images zone1-0000000101, table corder"), "{gone}");
}

#[test]
fn a_replica_holds_a_prefix() {
    let found = |lines: &[&str]| {
        let mut history = History::run(Shape::Unique, false, &[&ORDER_5, lines].concat());
        history.judge.compare(std::iter::empty());
        let violated = history.judge.violations().iter().map(|v| v.rows.concat());
        let excused = history
            .judge
            .excuses()
            .iter()
            .map(|e| format!("excused {}", e.violation.rows.concat()));
        violated.chain(excused).collect::<Vec<_>>().join("\n")
    };
    assert_eq!(found(&["replicate customer/-80 102"]), "");
    assert_eq!(
        found(&["replicate customer/-80 102", "dba customer/-80 writes +order 6 1 null"]),
        ""
    );
    let errant = found(&["promote customer/-80 102"]);
    assert!(errant.contains("excused it has 65656565-"), "{errant}");
}

#[test]
fn an_excuse_is_of_its_own_session() {
    // A client gives up, and its next statements come while the first one's commit is under way.
    let between = |ending: &str| {
        let insert = "a#2 sends insert into corder (order_id, customer_id, sku) values (6, 1, 'x')";
        let lines = [
            "a sends insert into corder (order_id, customer_id, sku) values (5, 1, 'x')",
            "a pre product/0 commits +lookup x 1",
            "a normal customer/-80 begins",
            "a#2 sends delete from corder where order_id = 9",
            "a#2 normal customer/-80 commits",
            "a#2 ends commit",
            &format!("{insert}{ending}"),
            "a#2 pre product/0 begins",
            "a normal customer/-80 commits +order 5 1 x",
            "a ends commit",
            "a#2 pre product/0 commits",
            "a#2 normal customer/-80 commits +order 6 1 x",
            "a#2 ends commit",
        ];
        History::run(Shape::Unique, false, &lines).found()
    };
    assert_eq!(between(" on duplicate key update sku = sku"), "unique excused by plain_inserts");
    assert_eq!(between(""), "unique");
}
