//! A Vitess-like cluster in one process and one seed.
//!
//! # Life of a statement
//!
//! 1. [`scenario`] reads the whole file first: what is wrong is shown before anything runs. A
//!    statement then becomes a [`rpc::Query`] of a session's client to its vtgate.
//! 2. [`vtgate::executor`] has the session. What is about the session itself (`begin`, `use`) is
//!    answered there; else [`planner`] makes a plan from the statement and the [`vschema`], or
//!    [`vtgate::plan_cache`] has it: literals are bind variables by then. The plan is a tree of
//!    primitives, or VT12001.
//! 3. [`vtgate::engine`] runs the plan. A route asks its [`vindex`] for keyspace ids and those
//!    become shards ([`key`]). A lookup vindex sends statements of its own, in the pre or the post
//!    list; `vindex::lookup::duplicate` decides what a lookup row that exists already means.
//! 4. [`vtgate::scatter`] sends a statement to the shards' primaries, each in the transaction that
//!    its list (pre, normal, post) has there, or begins one.
//! 5. [`vttablet`] runs it on its mysqld, which is `sim`'s, over a connection of the transaction.
//! 6. [`vtgate::tx_conn`] commits: the pre list, then the normal one, then the post one, each shard
//!    after the other.
//! 7. Whatever a server commits goes into the [`history`], and [`checker`] judges it at once; so do
//!    the plan and who got which of its statements, for [`checker::planned_shards`].
//!
//! VReplication ([`vreplication`]) is a program of each primary tablet; [`vtctl`] is the operator,
//! [`topo`] what all of them read. [`cluster`] puts them onto machines.
//!
//! # Life of a finding
//!
//! 1. [`fuzz`] draws a case from a seed: a schema with its lookups, what clients send, faults. A
//!    case is data, and prints as a scenario. The order and delay of messages are the seed's, too.
//!    Or [`fuzz::interleave`] takes a scenario's two statements, and every order of theirs.
//! 2. [`scenario`] runs it, and [`checker`] judges every commit. A violation that
//!    [`checker::departure`] knows as Vitess's own is counted, no more.
//! 3. Any other is run again, recorded: its tape and its case are the finding. [`fuzz::shrink`]
//!    takes away steps, machines and deviations as long as the same invariant breaks, and holds
//!    without the campaign's mutants.
//! 4. What is left is written as a scenario with `decide` lines, before the next result is taken.
//!    [`fuzz::explain`] has run it without each of its lines, and its comments say what happened.
//!
//! # What always holds
//!
//! What, and where it is enforced:
//!
//! - A module knows only those before it, in the order that the test lists: `tests/tidy.rs`.
//! - The judge shares no code with what it judges, and sees only row images and events:
//!   `tests/tidy.rs`.
//! - A mutant is asked for at one spot, and a scenario shows it: `tests/tidy.rs`,
//!   `scenarios/main.rs`.
//! - A run is the same again from its tape, and a counterexample is minimal: `tests/fuzz.rs`.
//! - Nothing in a run has an order, a time or a chance of its own: `clippy.toml`, `sim::world`.
//! - The same scenario and seed give the same digest, recorded or not, on either host: `run
//!   --twice`, `scenarios/main.rs`.
//! - A statement reaches the shards that its plan names, all of them and no other, in every
//!   scenario: `checker::planned_shards`.
//! - The plan that is shown is the one that runs: `tests/shown_plan.rs`.
//! - A statement that cannot be planned is an error of Vitess's, never another answer: `planner`.
//! - What a lookup row without an owner row is left by is known, at every point of a sweep:
//!   `vindicate sweep`, [`checker::ledger`].
//! - There is no unsafe code but that of the allocator that counts: `peak`, `Cargo.toml`.
//! - Bad input is refused before anything has run: `scenario::action`.
//!
//! # Decisions
//!
//! - The history has what clients sent and were told beside what servers did: only so can an answer
//!   be judged. `send` starts a statement and does not wait, and a client sends one after the
//!   other; so a case's concurrency stands in its text.
//! - A departure of Vitess's is no excuse: it stays a violation, and a search passes over it by its
//!   signature. An excuse says that an assumption was broken.
//! - What was locked is asked of a run that broke a promise, by making it again: a run that holds
//!   pays nothing, and its digest is the same either way.
//! - `recover` breaks calls whose messages were lost: no peer answers for their connections. `mend`
//!   and `heal` do not, since who waits has a deadline, or waits as over TCP.
//! - A shard transaction bears the tag `<session> pre|normal|post`; where the session aims at one
//!   shard there are no lists, and the tag is the session. The connection of a session's user-level
//!   locks is `<session> lock`. Streams are `vreplication <workflow> <id>`.
//! - GET_LOCK() may wait, and the evaluator never does: an expression ends at such a call, and is
//!   evaluated again with the call's answer (`sim::eval::user_lock`).
//! - [`report`] and [`sql_text`] stand early in the order: what prints a table is needed by vtctl
//!   and by scenarios alike.
//! - [`history`] may name [`topo`]: an event says which tablet it was. It has words of its own for
//!   what a plan sends (`PlannedSend`): it stands before [`planner`], which the judge may not name.
//! - `options` of `_vt.vreplication` is varbinary, as the simulated server has no json.
//! - A bound column is a node of the statement's tree (`Expr::Bound`: the name as written and the
//!   number of its table), and so is a bound table. It prints as it was written; a rewrite cannot
//!   part a name from its meaning, and no pass looks a name up twice.
//! - `sim::sql::walk` is the one list of what stands below a node; every pass of the planner goes
//!   through it.
//! - An order of messages is data on the tape: how often each was passed over
//!   (`from>to/waits#ordinal`). So orders of any search replay, shrink and stand in scenarios as
//!   delays do, and a search needs no world of its own.
//! - Every order of two statements is run from an empty world each time: nothing of a World can be
//!   copied, as its processes are futures. Half of a run is the cluster's start.
//! - The limit of a copied batch is the stream's, as in Vitess, and no `limit` in its SQL.

pub mod checker;
pub mod cli;
pub mod cluster;
pub mod fuzz;
pub mod history;
pub mod key;
pub mod mutant;
pub mod planner;
pub mod report;
pub mod rpc;
pub mod scenario;
pub mod sql_text;
pub mod topo;
pub mod vindex;
pub mod vreplication;
pub mod vschema;
pub mod vtctl;
pub mod vtgate;
pub mod vttablet;
