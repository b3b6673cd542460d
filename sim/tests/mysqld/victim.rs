//! Who dies in a deadlock. InnoDB says it where one is lighter than the others, and where equals
//! were waiting when the circle closed; nobody knows which of two threads that one release wakes
//! goes on first, and with it who closes the circle. That is the Decider's.

use sim::decide::{Policy, Tape};
use sim::seed::Seed;
use sim::world;

use crate::servers::{Servers, nothing, open_in, said};

/// A circle of transactions, each waiting for the next one's row; the last one's request closes it.
/// Gives who died.
fn circle(weights: &[usize]) -> usize {
    let mut servers = open_in(world::Options::default(), 1, nothing);
    let rows: Vec<String> = (0..100).map(|id| format!("({id}, 0)")).collect();
    servers.run(0, &format!("insert into te.t values {}", rows.join(", "))).unwrap();
    let count = weights.len();
    let own: Vec<_> = (0..count).map(|_| servers.connect(0)).collect();
    for (at, weight) in weights.iter().enumerate() {
        servers.say(0, own[at], "begin");
        servers.say(0, own[at], &format!("update te.t set v = 1 where id = {at}"));
        for more in 0..*weight {
            let id = 10 + 10 * at + more;
            servers.say(0, own[at], &format!("update te.t set v = 1 where id = {id}"));
        }
    }
    let asked: Vec<_> = (0..count)
        .map(|at| {
            let next = (at + 1) % count;
            servers.query(0, own[at], &format!("update te.t set v = 2 where id = {next}"))
        })
        .collect();
    servers.advance(100);
    let is_dead = |at: &usize| asked[*at].is_done() && said(&asked[*at]).starts_with("1213");
    let dead: Vec<usize> = (0..count).filter(is_dead).collect();
    assert_eq!(dead.len(), 1, "{weights:?}: {dead:?}");
    dead[0]
}

/// As MySQL 9.7.4 does, every time.
#[test]
fn among_equals_the_one_nearest_to_who_closed_the_circle_dies() {
    for (weights, expected) in [
        // The lightest.
        ([5, 5, 5, 0], 3),
        ([5, 0, 5, 5], 1),
        ([0, 5, 5, 5], 0),
        // Who closed it, if he is one of them.
        ([0, 0, 0, 0], 3),
        ([0, 5, 5, 0], 3),
        // Or else who waits for him, and so on.
        ([0, 0, 5, 5], 1),
        ([0, 5, 0, 5], 2),
        ([5, 0, 0, 5], 2),
        ([0, 0, 0, 5], 2),
    ] {
        assert_eq!(circle(&weights), expected, "{weights:?}");
    }
    assert_eq!([circle(&[0, 0, 5]), circle(&[0, 0])], [1, 1]);
}

/// Three insert one value, and the first takes it back: the other two both get a shared lock on the
/// gap, then both want to insert into it. Gives the two's answers.
fn three_inserts(policy: Policy, tape: &str) -> [String; 2] {
    let tape = Tape::parse(tape).unwrap();
    let options = world::Options { policy, tape, ..Default::default() };
    let mut servers = open_in(options, 1, nothing);
    let first = servers.connections[0];
    servers.say(0, first, "begin");
    servers.say(0, first, "insert into te.t values (15, 0)");
    let two = [1, 2].map(|v| insert(&mut servers, v));
    assert!(two.iter().all(|asked| !asked.is_done()));
    servers.say(0, first, "rollback");
    servers.advance(100);
    two.map(|asked| said(&asked)[..2].to_owned())
}

fn insert(servers: &mut Servers, v: u8) -> crate::servers::Pending<sim::mysqld::Query> {
    let connection = servers.connect(0);
    servers.say(0, connection, "begin");
    servers.query(0, connection, &format!("insert into te.t values (15, {v})"))
}

#[test]
fn who_goes_on_first_is_the_deciders() {
    let (first_dies, second_dies) = (["12", "ok"], ["ok", "12"]);
    // Calm, they go on in the order of their requests: the second closes the circle.
    assert_eq!(three_inserts(Policy::Calm, ""), second_dies);
    let under = |seed: u64| three_inserts(Policy::Random(Seed(seed)), "");
    let found: Vec<[String; 2]> = (0..20).map(under).collect();
    for dies in [first_dies, second_dies] {
        assert!(found.iter().any(|found| *found == dies), "{dies:?} under some seed");
    }
    assert_eq!((0..20).map(under).collect::<Vec<_>>(), found, "and the same again");
    // A `decide` line pins it, under any seed.
    for seed in 0..5 {
        for (next, expected) in [(0, second_dies), (1, first_dies)] {
            let tape = format!("mysqld-0/next woken#0 = {next}");
            let pinned = three_inserts(Policy::Random(Seed(seed)), &tape);
            assert_eq!(pinned, expected, "seed {seed}, {tape}");
        }
    }
}
