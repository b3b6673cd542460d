//! Every fault, done and healed.

use std::path::PathBuf;

use sim::host::HostKind;

use super::fault::kinds::KINDS;
use super::steps::{What, deviate};
use super::{Options, Run, Verdict, run, tell};
use crate::checker::coverage::fault;
use crate::checker::coverage::goal::Goal;
use crate::mutant::Mutant;

const HEAD: &str = "\
# Faults on the smallest cluster with a lookup.
cluster tablets='primary,replica,replica' durability_policy=semi_sync semi_sync_timeout=10s
keyspace customer shards='-80,80-'
vschema customer customer.vschema.json
schema customer customer.schema.sql
---

";

fn play(text: &str) -> Run {
    play_in("scenarios/lookup", &format!("{HEAD}{text}---\n"))
}

fn play_in(folder: &str, text: &str) -> Run {
    let options = Options {
        host: HostKind::Plain,
        record: true,
        folder: PathBuf::from(folder),
        ..Options::default()
    };
    run(text, &options).unwrap_or_else(|error| panic!("{}\n{text}", error.message))
}

const INSERT: &str = "insert into corder (order_id, customer_id, sku, price) values";

/// A fault strikes while a transaction is open; `recover` puts everything right that it has done.
#[test]
fn recover_heals_every_fault() {
    for kind in KINDS {
        let example = kind.example.replace(" -", " '-").replace('+', "'+");
        let example = match example.contains(" '") {
            true => format!("{example}'"),
            false => example,
        };
        let run = play(&format!(
            "a:> begin\na:> {INSERT} (1, 1, 'Product_1', 100)\n{example}\nsend a commit\n\
             advance 3s\nrecover\nadvance 90s\nsettle\nb:> {INSERT} (2, 5, 'Product_2', 101)\n\
             b:> select sku from corder where order_id = 2\ncheck\n"
        ));
        let name = kind.word;
        match name {
            // What it does is what the invariant forbids.
            "errant" => assert!(run.output.contains("violated replica_prefix"), "{}", run.output),
            _ => assert_eq!(run.verdict, Verdict::Held, "{name}\n{}", run.output),
        }
        assert!(run.output.contains("Query OK, 1 row affected"), "{name}\n{}", run.output);
        assert!(run.output.contains("| Product_2 |"), "{name}\n{}", run.output);
    }
}

/// The lines of the trace around the strike of a fault that does nothing else.
fn around(run: &Run) -> (String, String) {
    let lines: Vec<&str> = run.trace.lines().iter().map(|line| line.text.as_str()).collect();
    let at = lines.iter().position(|line| *line == "client-zzz is paused");
    let at = at.unwrap_or_else(|| panic!("it did not strike\n{}", run.output));
    let line = |at: usize| lines.get(at).copied().unwrap_or("").to_owned();
    (line(at - 1), line(at + 1))
}

const SESSION: &str = "\
zzz:> begin
b:> insert into corder (order_id, customer_id, sku, price) values (1, 1, 'P1', 1)
b:> insert into corder (order_id, customer_id, sku, price) values (2, 4, 'P2', 1), (7, 1, 'P3', 1)
at session=a point='POINT' do='pause client-zzz'
a:> begin
a:> insert into corder (order_id, customer_id, sku, price) values (3, 1, 'Q1', 1), (4, 4, 'Q2', 1)
a:> savepoint s
a:> insert into corder (order_id, customer_id, sku, price) values (5, 4, 'P1', 1)
a:> update corder set sku = 'Q3' where customer_id = 1 and order_id = 7
a:> update corder set sku = 'Q4' where customer_id = 4 and order_id = 2
a:> commit
a:> begin
a:> insert into corder (order_id, customer_id, sku, price) values (6, 1, 'Q6', 1)
a:> rollback
";

#[test]
fn a_point_of_a_session_is_where_it_says() {
    // What came before it, or what comes after.
    let (before, after) = (0, 1);
    for (point, side, expected) in [
        ("pre-sent", after, "[a pre] begin; savepoint"),
        ("pre-begun", before, "=> vtgate-1: reply to Execute"),
        ("pre-answered", before, "=> vtgate-1: reply to Execute"),
        ("pre-committing", after, "[a pre] commit"),
        ("pre-committing 2", after, "[a pre] commit"),
        ("pre-committed", before, "=> vtgate-1: reply to Commit"),
        ("pre-committed 2", after, "[a normal] commit"),
        ("pre-committed all", after, "[a normal] commit"),
        ("normal-sent", after, "[a normal] begin; savepoint"),
        ("normal-begun", before, "=> vtgate-1: reply to Execute"),
        ("normal-answered", before, "=> vtgate-1: reply to Execute"),
        ("normal-committing", after, "[a normal] commit"),
        ("normal-committed", before, "=> vtgate-1: reply to Commit"),
        ("normal-committed", after, "[a normal] commit"),
        ("normal-committing 2", after, "[a normal] commit"),
        ("normal-committed 2", after, "[a post] commit"),
        ("normal-committed all", after, "[a post] commit"),
        ("post-sent", after, "[a post] begin; "),
        ("post-begun", before, "=> vtgate-1: reply to Execute"),
        ("post-answered", before, "=> vtgate-1: reply to Execute"),
        ("post-committing", after, "[a post] commit"),
        ("post-committed", before, "=> vtgate-1: reply to Commit"),
        ("post-committed all", after, "vtgate-1 -> client-a: reply to Query"),
        ("savepoint", after, "savepoint s"),
        ("duplicate-found", after, "[a pre] select keyspace_id from corder_lookup"),
        ("owner-checked", before, "=> vtgate-1: reply to Execute"),
        ("rolling-back", after, "rollback"),
        ("rolled-back", before, "=> vtgate-1: reply to Rollback"),
    ] {
        let run = play(&SESSION.replace("POINT", point));
        let around = around(&run);
        let line = if side == before { &around.0 } else { &around.1 };
        assert!(line.contains(expected), "{point}: {around:?}");
    }
}

const OPERATOR: &str = "\
# An operator, step by step.
cluster packet_size=100
keyspace customer shards='-80,80-'
vschema customer customer.vschema.json
schema customer customer.schema.sql
---

zzz:> select 1 from dual
> insert into corder (order_id, customer_id, sku, price) values (1, 1, 'P1', 1), (2, 4, 'P2', 1)
settle
at MOMENT do='pause client-zzz'
vtctl:> CreateLookupVindex customer \"$(cat lookup_vindex.json)\"
> insert into corder (order_id, customer_id, sku, price) values (3, 1, 'P3', 1), (4, 4, 'P4', 1)
until stream=corder_lookup_vdx state=Stopped within=1m
vtctl:> ExternalizeVindex customer.corder_lookup
vtctl:> PlannedReparentShard customer/-80 --new-primary zone1-0000000301
power-off zone1-0000000301
vtctl:> EmergencyReparentShard customer/-80 --new-primary zone1-0000000300
---
";

#[test]
fn a_point_of_a_stream_or_an_operator_is_where_it_says() {
    // What came before it, or what comes after.
    let (before, after) = (0, 1);
    for (moment, side, expected) in [
        ("stream=corder_lookup_vdx point=picked", after, "select id, workflow, source"),
        ("stream=corder_lookup_vdx point=snapshot", before, ": reply to VStreamRows"),
        ("stream=corder_lookup_vdx point=packet", before, ": reply to VStreamRows.next"),
        ("stream=corder_lookup_vdx point='packet 2'", before, ": reply to VStreamRows.next"),
        ("stream=corder_lookup_vdx point=copied", after, "select id, workflow, source"),
        ("vtctl point=begins", before, "vtctl CreateLookupVindex"),
        ("vtctl point=vschema-saved", before, "reply to topo.Write"),
        ("vtctl point=table-created", after, "zone1-0000000400: ExecuteFetchAsDba"),
        ("vtctl point=streams-created", after, "zone1-0000000400: VReplicationExec insert"),
        ("vtctl point=streams-run", after, "zone1-0000000400: VReplicationExec update"),
        ("vtctl point=vschema-rebuilt", before, "reply to topo.Write"),
        ("vtctl point=ends", after, "vtctld -> client-vtctl: reply"),
        ("vtctl point=streams-deleted", after, "zone1-0000000400: VReplicationExec delete"),
        ("vtctl point=caught-up", after, "zone1-0000000300: DemotePrimary"),
        ("vtctl point=demoted", before, "reply to DemotePrimary"),
        ("vtctl point=promoted", before, "reply to PromoteReplica"),
        ("vtctl point=follows", after, "vtctld -> client-vtctl: reply"),
        ("vtctl point=stands-still", before, "reply to StopReplicationAndGetStatus"),
        ("vtctl point='promoted 2'", after, "vtctld -> client-vtctl: reply"),
        ("program=vtctld point='calling PromoteReplica'", after, "301: PromoteReplica"),
        ("program=vtctld point='called PromoteReplica'", before, "reply to PromoteReplica"),
        ("program=mysqld-zone1-0000000300 point='syncing 2'", after, "timer of process"),
        ("program=mysqld-zone1-0000000300 point='synced 2'", before, "timer of process"),
        ("program=vtgate-1 point='calling Commit'", after, "[main pre] commit"),
    ] {
        let run = play_in("scenarios/backfill", &OPERATOR.replace("MOMENT", moment));
        let around = around(&run);
        let line = if side == before { &around.0 } else { &around.1 };
        assert!(line.contains(expected), "{moment}: {around:?}");
    }
}

/// A copy that fails after its first packet and goes on; a replica that nobody may promote.
const FAILURES: &str = "\
# What goes wrong.
cluster packet_size=20 tablets='primary,replica,replica'
keyspace customer shards='-80,80-'
vschema customer customer.vschema.json
schema customer customer.schema.sql
---

zzz:> select 1 from dual
> insert into corder (order_id, customer_id, sku, price) values (1, 1, 'P1', 1), (2, 1, 'P2', 1)
settle
at MOMENT do='pause client-zzz'
break VStreamRows.next after skip=4
vtctl:> CreateLookupVindex --continue_after_copy_with_owner customer \"$(cat lookup_vindex.json)\"
advance 20s
> insert into corder (order_id, customer_id, sku, price) values (3, 1, 'P3', 1), (4, 4, 'P4', 1)
advance 3s
errant zone1-0000000302
vtctl:> EmergencyReparentShard customer/-80
---
";

#[test]
fn a_point_of_a_failure_is_where_it_says() {
    let (before, after) = (0, 1);
    for (moment, side, expected) in [
        ("stream=corder_lookup_vdx point=failed", before, "connection broken"),
        ("stream=corder_lookup_vdx point=caught-up", before, ": reply to VStream"),
        ("stream=corder_lookup_vdx point=caught-up", after, ": VStreamRows "),
        ("stream=corder_lookup_vdx point=running", before, ": reply to mysql.Query"),
        ("stream=corder_lookup_vdx point=applied", after, ": VStream"),
        ("vtctl point=errant-found", before, "reply to ReadReparentJournalInfo"),
    ] {
        let run = play_in("scenarios/backfill", &FAILURES.replace("MOMENT", moment));
        let around = around(&run);
        let line = if side == before { &around.0 } else { &around.1 };
        assert!(line.contains(expected), "{moment}: {around:?}");
    }
}

/// What the sweep rests on: steps are counted, a line strikes, and a planted bug does not hold.
#[test]
fn a_line_behind_the_head_strikes() {
    let text = format!(
        "{HEAD}a:> {INSERT} (1, 1, 'P1', 1)\na:> update corder set sku = 'P9' where customer_id = 1\n---\n"
    );
    let options = |mutants| Options {
        host: HostKind::Plain,
        judge_only: true,
        mutants,
        folder: PathBuf::from("scenarios/lookup"),
        ..Options::default()
    };
    let line = "silent Commit before from=vtgate-1 to=zone1-0000000300".to_owned();
    let (calm, deeds) = deviate(&text, &options(Vec::new()), &[]).unwrap();
    assert_eq!(calm.verdict, Verdict::Held);
    let commits = deeds.iter().filter(|(deed, _)| {
        matches!(&deed.what, What::Call { name: "Commit", .. }) && deed.program == "vtgate-1"
    });
    assert!(2 <= commits.map(|(_, count)| count).sum::<u64>(), "{deeds:?}");
    let (run, _) = deviate(&text, &options(Vec::new()), std::slice::from_ref(&line)).unwrap();
    assert_eq!(run.verdict, Verdict::Held);
    let (run, _) = deviate(&text, &options(vec![Mutant::PostBeforeNormal]), &[]).unwrap();
    assert!(matches!(run.verdict, Verdict::Violated(_)), "{:?}", run.verdict);
    assert!(deviate(&text, &options(Vec::new()), &["check".to_owned()]).is_err());
}

/// Who had the rows when the value could not be saved any more: b, whose mutant has not waited for
/// a's row, and c, who waits for that. It changes nothing of the run.
#[test]
fn a_story_tells_what_was_locked() {
    let text = format!(
        "{HEAD}a:> begin\na:> {INSERT} (1, 1, 'P1', 1)\nb:> {INSERT} (2, 4, 'P1', 1)\n\
         c:> update corder set price = 2 where customer_id = 1\ndelay Commit 1s from=vtgate-1 to=zone1-0000000300\n\
         a:> commit\n---\n"
    );
    let options = Options {
        mutants: vec![Mutant::NoOwnerLock],
        folder: PathBuf::from("scenarios/lookup"),
        ..Options::default()
    };
    let (plain, told) = (run(&text, &options).unwrap(), tell(&text, &options).unwrap());
    assert_eq!(plain.digest, told.digest);
    let story = |run: &Run| run.verdict.news().next().map(|story| story.text.clone());
    let (plain, told) = (story(&plain).unwrap(), story(&told).unwrap());
    let added = told.strip_prefix(plain.trim_end()).map(str::trim_start).unwrap();
    let lines: Vec<&str> = added.lines().map(str::trim).collect();
    assert_eq!(
        lines,
        [
            "when that commit began",
            "corder.PRIMARY(1) on customer/-80: a normal holds X, c normal waits for X",
            "corder_lookup.PRIMARY(P1) on customer/80-: b pre holds X, nobody waits",
            "corder.PRIMARY(2) on customer/80-: b normal holds X, nobody waits",
        ]
    );
}

/// What a scenario says of a mutant must come true.
#[test]
fn a_mutant_that_does_not_show_is_told() {
    let check = |shows: &str, expected: &str| {
        let insert = format!("a:> {INSERT} (1, 1, 'Product_1', 100)\n");
        let run = play(&format!("mutant delete-in-pre {shows}\n{insert}"));
        let told: Vec<Option<String>> =
            run.planted.iter().map(|planted| planted.missed(&run, &run)).collect();
        assert_eq!(told, [Some(expected.to_owned())]);
    };
    check(
        "differs",
        "mutant delete-in-pre differs: with it the scenario holds with the same output",
    );
    check(
        "violates no_missing",
        "mutant delete-in-pre violates no_missing: with it the scenario holds with the same output",
    );
}

/// Each goal of a search is reached by a scenario that is about it, and none by a calm one.
#[test]
fn goals_are_reached_where_scenarios_are_about_them() {
    let changed_by_break = Goal::Changed("break");
    for (name, expected) in [
        ("lookup/insert_update_delete", &[][..]),
        ("lookup/duplicate_is_live", &[]),
        ("lookup/duplicate_dangles", &[Goal::DanglingReused]),
        ("lookup/duplicate_waits_for_its_owner", &[Goal::OwnerWaitedFor]),
        (
            "lookup/post_commit_fails",
            &[Goal::DanglingReused, Goal::PostCommitFailed, changed_by_break],
        ),
        ("protocol/deadlock_on_a_lookup_shard", &[Goal::Deadlock]),
        ("legal/waits_that_end_by_a_timeout", &[Goal::WaitCycle]),
    ] {
        let path = PathBuf::from("scenarios").join(name);
        let text = std::fs::read_to_string(&path).expect("a scenario of this name");
        let run = run(&text, &Options::beside(&path)).expect("a scenario");
        let reached: Vec<Goal> = run.seen.goals.reached().map(|(goal, _)| goal).collect();
        assert_eq!(reached, expected, "{name}");
    }
}

/// A fault that makes a client's statement fail, or leaves it without an answer, is said to.
#[test]
fn a_fault_that_changes_an_outcome_is_named() {
    let open = format!("a:> begin\na:> {INSERT} (1, 1, 'Product_1', 100)\n");
    let blocked = format!("{open}b:> {INSERT} (2, 4, 'Product_1', 101)\n");
    let alone = format!("a:> {INSERT} (1, 1, 'Product_1', 100)\n");
    for (kind, text) in [
        ("kill-query", format!("{blocked}kill-query b\n")),
        ("kill-connection", format!("{open}kill-connection a\na:> commit\n")),
        ("kill-transaction", format!("{open}kill-transaction a\na:> commit\n")),
        ("disconnect", format!("{blocked}disconnect b\n")),
        ("client-timeout", format!("session b\nclient-timeout b 5s\n{blocked}")),
        ("crash", format!("{blocked}crash vtgate-1\n")),
        ("break", format!("break Commit before\n{alone}")),
        ("silent", format!("silent Commit after\n{alone}advance 60s\n")),
        ("read-only", format!("read-only zone1-0000000300\n{alone}")),
        ("fill-pool", format!("fill-pool zone1-0000000300\n{alone}")),
    ] {
        let goals = play(&format!("{text}advance 10s\n")).seen.goals;
        assert_ne!(goals.count(Goal::Changed(kind)), 0, "{kind}: {goals:?}");
    }
    let calm = play(&format!("{blocked}a:> rollback\n")).seen.goals;
    assert_eq!(calm.reached().count(), 0, "{calm:?}");
}

/// What counts as a kind that strikes is every kind but those that undo another.
#[test]
fn the_kinds_that_strike_are_those_that_undo_nothing() {
    let undo = [
        "restart",
        "resume",
        "power-on",
        "mend",
        "heal",
        "mend-disk",
        "clock-right",
        "start-replication",
        "read-write",
        "free-pool",
    ];
    let words = KINDS.iter().map(|kind| kind.word).filter(|word| !undo.contains(word));
    // An operator's command strikes as well.
    let strike: Vec<&str> = words.chain([fault::REPARENT]).collect();
    assert_eq!(strike, fault::KINDS);
}
