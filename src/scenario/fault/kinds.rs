//! Every kind of fault: what it does and what it threatens.
//!
//! For who writes scenarios and for who draws faults. `recover` heals all of them; which last, and
//! what else undoes each, is in [`lasting`](crate::checker::lasting), where the judge reads it too.
//!
//! Left out, since there is nothing here that would feel it: prepared transactions that are lost
//! (no two-phase commit), resharding and traffic switches, the throttler, backups and restores,
//! leases and locks of the topology (two reparents at once), torn or corrupt pages, bandwidth,
//! reordering and doubling of what travels on a connection. An operator's command under way is
//! `send vtctl '..'`; a vtctld that dies at a step is `at vtctl point=.. do='crash vtctld'`.
//! Timeouts of a query or a transaction are flags of `cluster` and SET statements of a session:
//! slow nodes, disks and connections make them matter.
//!
//! It knows nothing of how a fault is done.

/// A kind of fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Kind {
    pub word: &'static str,
    /// As a scenario writes it, in the smallest cluster.
    pub example: &'static str,
    pub does: &'static str,
    pub threatens: &'static str,
}

const fn kind(
    word: &'static str,
    example: &'static str,
    does: &'static str,
    threatens: &'static str,
) -> Kind {
    Kind { word, example, does, threatens }
}

/// All kinds, those that belong together side by side.
pub const KINDS: [Kind; 47] = [
    // Clients.
    kind(
        "disconnect",
        "disconnect a",
        "the client's connection is gone; the vtgate ends its statement, then rolls back",
        "outcome of a commit under way; locks that stay",
    ),
    kind(
        "client-timeout",
        "client-timeout a 5s",
        "the client gives a statement up after so long, and closes its connection; `none` ends it",
        "outcome of a statement that goes on without its client",
    ),
    // Connections of a server.
    kind(
        "kill-query",
        "kill-query a list=normal shard=customer/-80",
        "KILL QUERY of a session's shard connections, or of one connection of a server",
        "a statement that is undone on one shard only",
    ),
    kind(
        "kill-connection",
        "kill-connection a list=normal shard=customer/-80",
        "KILL CONNECTION, the same way",
        "a transaction that is gone on one shard only",
    ),
    kind(
        "kill-transaction",
        "kill-transaction a list=normal shard=customer/-80",
        "the tablet's killer ends a session's shard transaction that is not just in use",
        "a commit whose lists have different ends",
    ),
    // Programs.
    kind(
        "crash",
        "crash vtgate-1",
        "a program ends; its callers find the connection broken, its machine lives",
        "sessions, open transactions, what a commit has not reached yet",
    ),
    kind(
        "bounce",
        "bounce vtgate-1 1s",
        "a crash, and a start so much later",
        "as crash; what the next life finds",
    ),
    kind("restart", "restart vtgate-1", "starts a program that is down", "nothing"),
    kind(
        "pause",
        "pause zone1-0000000300",
        "SIGSTOP: messages and timers pile up",
        "timeouts; an old primary that goes on where it stood",
    ),
    kind("resume", "resume zone1-0000000300", "SIGCONT", "what was sent before it"),
    // Machines.
    kind(
        "power-off",
        "power-off zone1-0000000300 torn=1",
        "a machine loses power: programs end, callers hear nothing, what was not synced is gone but \
         for so many records",
        "commits that were not synced; replicas that have what the primary lost",
    ),
    kind(
        "power-on",
        "power-on zone1-0000000300",
        "power is back: its programs start",
        "an old primary that comes back",
    ),
    kind(
        "slow-node",
        "slow-node zone1-0000000300 50ms",
        "messages to and from the machine take so much longer, and its syncs until mend-disk",
        "timeouts, lock waits, semi-sync",
    ),
    // The network.
    kind(
        "cut",
        "cut vtgate-1 zone1-0000000300",
        "one way is gone; nobody is told",
        "calls that run and are not answered, or the other way round",
    ),
    kind("mend", "mend vtgate-1 zone1-0000000300", "one way is there again", "nothing"),
    kind(
        "partition",
        "partition vtgate-1 zone1-0000000300",
        "both ways are gone",
        "views of who is primary",
    ),
    kind(
        "isolate",
        "isolate zone1-0000000300",
        "no other machine reaches it, and it reaches none",
        "an old primary that goes on alone",
    ),
    kind(
        "latency",
        "latency vtgate-1 zone1-0000000300 20ms",
        "every message of one link takes so long",
        "orders that nobody expects",
    ),
    kind(
        "break",
        "break Commit after from=vtgate-1 to=zone1-0000000300 skip=1",
        "a connection breaks before the call runs, or after",
        "a commit of which nobody knows",
    ),
    kind(
        "silent",
        "silent Commit before from=vtgate-1 to=zone1-0000000300",
        "a call is not answered until its deadline: it never arrives, or its answer doesn't",
        "a commit of which nobody knows; locks meanwhile",
    ),
    kind(
        "delay",
        "delay Commit 2s to=zone1-0000000300",
        "messages of one name take so much longer",
        "orders that nobody expects; timeouts",
    ),
    kind(
        "lose",
        "lose mysql.Acknowledge from=zone1-0000000301 times=2",
        "messages without a connection are lost: a replica's acknowledgment, a Quit",
        "a commit that waits for its acknowledgment; connections that stay",
    ),
    kind("heal", "heal", "the network is sound, and what was held goes on", "nothing"),
    // The topology.
    kind(
        "topo-down",
        "topo-down vtctld",
        "one reader's connections to the topology break",
        "reparents half way; records that do not say what is",
    ),
    kind(
        "topo-slow",
        "topo-slow vtgate-1 2s",
        "one reader is so much slower to ask the topology",
        "decisions by old records",
    ),
    kind(
        "topo-stale",
        "topo-stale vtgate-1",
        "one reader hears of no change: a vtgate with an old vschema",
        "writes by a vschema without the vindex",
    ),
    kind(
        "topo-lost-event",
        "topo-lost-event vtgate-1",
        "one reader does not hear of the next change, until its watch begins anew",
        "as topo-stale, for 25 s",
    ),
    // Disks.
    kind(
        "slow-disk",
        "slow-disk zone1-0000000300 200ms",
        "a sync takes so much longer",
        "timeouts; semi-sync that gives up",
    ),
    kind(
        "silent-disk",
        "silent-disk zone1-0000000300",
        "a sync is not answered until the disk is sound again",
        "commits that hang with their locks",
    ),
    kind(
        "full-disk",
        "full-disk zone1-0000000300",
        "nothing can be written any more",
        "commits that wait for space",
    ),
    kind(
        "failing-disk",
        "failing-disk zone1-0000000300",
        "syncs fail: the server ends itself, and again after each start",
        "commits that were not synced",
    ),
    kind(
        "fail-sync",
        "fail-sync zone1-0000000300",
        "the next sync fails: the server ends itself, and what was not synced is gone",
        "commits that were not synced",
    ),
    kind(
        "lying-disk",
        "lying-disk zone1-0000000300",
        "syncs are answered and nothing is on the disk, which a power-off shows",
        "commits that were answered",
    ),
    kind(
        "mend-disk",
        "mend-disk zone1-0000000300",
        "the disk is sound; what a lying one has answered is there",
        "nothing",
    ),
    // Clocks.
    kind(
        "clock-offset",
        "clock-offset zone1-0000000300 +5s",
        "a machine's clock is so far from true time",
        "times of one statement that differ by shard; terms of primaries",
    ),
    kind(
        "clock-step",
        "clock-step zone1-0000000300 -30s",
        "a machine's clock jumps",
        "the age of a transaction; which primary's term is newer",
    ),
    kind(
        "clock-drift",
        "clock-drift zone1-0000000300 -200000ppm",
        "a machine's clock runs faster or slower, its timers with it",
        "timeouts that come too soon or too late",
    ),
    kind(
        "clock-freeze",
        "clock-freeze zone1-0000000300",
        "a machine's clock and its timers stand still",
        "timeouts that never come",
    ),
    kind("clock-right", "clock-right zone1-0000000300", "the clock is right", "nothing"),
    // Replication.
    kind(
        "stop-replication",
        "stop-replication zone1-0000000301 thread=sql",
        "STOP REPLICA, one thread or both",
        "semi-sync without acknowledgments; an elect that lags",
    ),
    kind("start-replication", "start-replication zone1-0000000301", "START REPLICA", "nothing"),
    kind(
        "lag",
        "lag zone1-0000000301 10s",
        "a replica applies a transaction so long after its commit; 0s ends it",
        "reads of replicas; streams; reparents that wait",
    ),
    kind(
        "errant",
        "errant zone1-0000000301",
        "somebody writes on a replica: a GTID that its primary lacks; who heals it builds it anew",
        "the replica must not follow, nor be promoted: it violates replica_prefix by itself, and \
         `recover` leaves it out",
    ),
    // Servers and tablets.
    kind(
        "read-only",
        "read-only zone1-0000000300",
        "somebody sets super_read_only: it waits for statements that write",
        "commits of open transactions fail",
    ),
    kind(
        "read-write",
        "read-write zone1-0000000300",
        "somebody unsets it",
        "writes on a server that is no primary",
    ),
    kind(
        "fill-pool",
        "fill-pool zone1-0000000300",
        "others have all places of a tablet's transaction pool",
        "statements that fail on one shard only",
    ),
    kind("free-pool", "free-pool zone1-0000000300", "they give them back", "nothing"),
];

#[cfg(test)]
mod tests {
    use super::super::Fault;
    use super::*;
    use crate::checker::lasting::LASTING;

    #[test]
    fn an_example_prints_as_it_was_read() {
        for kind in KINDS {
            let fault = Fault::parse(kind.example).unwrap();
            assert_eq!((fault.word(), fault.to_string().as_str()), (kind.word, kind.example));
        }
    }

    #[test]
    fn what_undoes_a_fault_is_a_command() {
        let is_known = |word: &str| KINDS.iter().any(|kind| kind.word == word);
        for (word, undone) in LASTING {
            assert!(is_known(word), "{word}");
            assert!(undone.iter().all(|word| is_known(word)), "{word}: {undone:?}");
        }
    }

    #[test]
    fn what_is_read_is_what_was_printed() {
        let others = [
            "power-off mysqld(customer/80-)",
            "crash primary(customer/80-)",
            "break Commit before",
            "silent mysql.Query after to=mysqld(customer/80-) times=3",
            "delay mysql.Dump 3600s times=2",
            "clock-drift vtgate-1 500ppm",
            "lag zone1-0000000301 1500ms",
            "latency vtgate-1 topo 10us",
            "kill-query zone1-0000000300 connection=17",
            "kill-connection a",
            "kill-transaction a list=post",
            "client-timeout a none",
            "stop-replication zone1-0000000301",
            "stop-replication zone1-0000000301 thread=io",
        ];
        for text in others {
            assert_eq!(Fault::parse(text).unwrap().to_string(), text);
        }
    }

    #[test]
    fn nonsense_is_not_read() {
        for text in [
            "",
            "crash",
            "crash a b",
            "crash a=b",
            "heal x",
            "break x sometimes",
            "clock-step vtgate-1 5",
            "clock-drift vtgate-1 5",
            "kill-query a list=last",
            "stop-replication x thread=both",
            "no-such-fault x",
        ] {
            assert!(Fault::parse(text).is_err(), "{text}");
        }
    }
}
