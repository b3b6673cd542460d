//! Who waits for whom, over all servers, and what will end each wait.
//!
//! Each server knows its own waits and finds its own deadlocks; a session has connections to
//! several servers, and several to one. So two sessions can wait for each other on two servers, and
//! one session for itself, and no server sees it. Here the waits of all servers are one graph of
//! sessions.
//!
//! Times count from the beginning of the run. A tablet's own limits are those of its flags: a
//! session may have set shorter ones.
//!
//! It knows nothing of how a lock is taken.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;
use std::time::Duration;

use sim::mysql::execution::LockWait;
use sim::mysql::server::Server;
use sim::mysql::session::ConnectionId;

use super::inject::Hand;
use crate::checker::part::of_tag;
use crate::cluster::Cluster;
use crate::history::{List, session_of};

/// A connection, by whose it is.
#[derive(Clone, Debug)]
struct Who {
    tag: String,
    /// What it runs, as the server has it.
    runs: Option<String>,
}

impl Who {
    fn new(server: &Server, connection: ConnectionId) -> Who {
        match server.session(connection) {
            Some(session) => Who {
                tag: session.tag.to_string(),
                runs: session.running.as_ref().map(|running| running.text().to_string()),
            },
            None => Who { tag: format!("connection {connection}"), runs: None },
        }
    }

    /// `a pre` is session a's, `a autocommit normal` too.
    fn session(&self) -> &str {
        let named = self.tag.rsplit_once(' ').filter(|(_, list)| is_list(list));
        session_of(named.map_or(&*self.tag, |(session, _)| session))
    }
}

fn is_list(word: &str) -> bool {
    word == "lock" || List::parse(word).is_some()
}

/// One wait on one server.
struct Wait {
    server: String,
    shard: String,
    who: Who,
    what: String,
    holders: Vec<Who>,
    /// Since when, and how long it waits at most.
    since: Duration,
    timeout: Duration,
}

/// The whole graph in words.
pub fn describe(cluster: &Cluster, hand: &Hand) -> String {
    let waits = waits(cluster);
    if waits.is_empty() {
        return "nobody waits\n".to_owned();
    }
    let mut text = String::new();
    for wait in &waits {
        let Wait { server, shard, who, what, .. } = wait;
        let _ = writeln!(text, "{} waits for {what} on {server} ({shard})", who.tag);
        if let Some(sql) = hand.asked(who.session()) {
            let _ = writeln!(text, "  in: {sql}");
        }
        for holder in &wait.holders {
            let _ = writeln!(text, "  held by {}", held(holder, wait, &waits, hand));
        }
        let _ = writeln!(text, "  ends {}", ends(wait, cluster, hand));
    }
    for circle in circles(&waits) {
        let _ = writeln!(text, "{circle}");
    }
    text
}

fn waits(cluster: &Cluster) -> Vec<Wait> {
    let topo = cluster.topo();
    let mut waits = Vec::new();
    for tablet in cluster.tablets.iter().filter(|tablet| cluster.has_server(&tablet.alias)) {
        let record = topo.tablets.get(&tablet.alias);
        let shard = record.map(|own| format!("{}/{}", own.keyspace, own.shard));
        tablet.with_server(|server| {
            for (connection, wait) in server.waits() {
                let session = server.session(connection);
                let began = session.and_then(|session| session.running.as_ref());
                waits.push(Wait {
                    server: tablet.alias.to_string(),
                    shard: shard.clone().unwrap_or_default(),
                    who: Who::new(server, connection),
                    what: what(&wait),
                    holders: wait.holders.iter().map(|one| Who::new(server, *one)).collect(),
                    since: began.map(|running| cluster.age(running.since)).unwrap_or_default(),
                    timeout: wait.timeout,
                });
            }
        });
    }
    waits
}

fn what(wait: &LockWait) -> String {
    format!("{} on {}({})", wait.mode, wait.index, wait.record)
}

/// Who holds it, and what he does meanwhile.
fn held(holder: &Who, wait: &Wait, all: &[Wait], hand: &Hand) -> String {
    let waits = |other: &&Wait| other.who.tag == holder.tag && other.server == wait.server;
    let does = match (&holder.runs, all.iter().find(waits)) {
        (_, Some(_)) => "which waits itself".to_owned(),
        (Some(sql), None) => format!("which runs `{sql}`"),
        (None, None) => match hand.asked(holder.session()) {
            Some(sql) => format!("whose session is in `{sql}`"),
            None => "which is idle".to_owned(),
        },
    };
    let began = began(holder, wait, hand);
    match began {
        Some(began) => format!("{}, open since {}, {does}", holder.tag, seconds(began)),
        None => format!("{}, {does}", holder.tag),
    }
}

/// Since when its transaction has been open.
fn began(holder: &Who, wait: &Wait, hand: &Hand) -> Option<Duration> {
    let (session, list) = of_tag(&holder.tag)?;
    hand.began(session, list, &wait.shard)
}

/// What will end it, the certain first and then by time.
fn ends(wait: &Wait, cluster: &Cluster, hand: &Hand) -> String {
    let options = &cluster.options.tablet;
    let own = wait.who.session();
    let others: BTreeSet<&str> =
        wait.holders.iter().map(Who::session).filter(|session| *session != own).collect();
    let mut limits: Vec<(Duration, String)> =
        vec![(wait.since + wait.timeout, "lock wait timeout".to_owned())];
    if of_tag(&wait.who.tag).is_some() {
        let timeout = options.query_timeout.min(options.transaction_timeout);
        limits.push((wait.since + timeout, "the tablet's timeout of the statement".to_owned()));
    }
    // The killer takes no transaction that is just in use.
    for holder in wait.holders.iter().filter(|holder| holder.runs.is_none()) {
        let began = began(holder, wait, hand).filter(|_| holder.session() != own);
        if let Some(began) = began {
            let killer = format!("the tablet's killer of {} from then on", holder.tag);
            limits.push((began + options.transaction_timeout, killer));
        }
    }
    limits.sort();
    let mut parts: Vec<String> = Vec::new();
    if !others.is_empty() {
        let others: Vec<&str> = others.into_iter().collect();
        let what = match wait.what.contains("user-level lock") {
            true => "release_lock() or the end",
            false => "the commit or rollback",
        };
        parts.push(format!("with {what} of {}", others.join(" and ")));
    }
    parts.extend(limits.into_iter().map(|(at, what)| format!("at {}: {what}", seconds(at))));
    parts.join("; ")
}

fn seconds(duration: Duration) -> String {
    format!("{:.3}s", duration.as_secs_f64())
}

/// Sessions that wait for themselves, alone or through others.
fn circles(waits: &[Wait]) -> Vec<String> {
    let mut next: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for wait in waits {
        let holders = wait.holders.iter().map(Who::session);
        next.entry(wait.who.session()).or_default().extend(holders);
    }
    let mut told: BTreeSet<Vec<&str>> = BTreeSet::new();
    let mut texts = Vec::new();
    for start in next.keys() {
        let Some(path) = way_back(start, &next) else { continue };
        let mut members = path.clone();
        members.sort_unstable();
        if !told.insert(members) {
            continue;
        }
        let servers: BTreeSet<&str> = waits
            .iter()
            .filter(|wait| path.contains(&wait.who.session()))
            .map(|wait| wait.server.as_str())
            .collect();
        texts.push(circle(&path, servers.len()));
    }
    texts
}

fn circle(path: &[&str], servers: usize) -> String {
    match path {
        [own] => format!(
            "{own} waits for itself: one of its connections holds what another wants, and only a timeout ends that"
        ),
        _ => {
            let servers =
                if servers == 1 { "1 server".into() } else { format!("{servers} servers") };
            format!(
                "a circle over {servers}, which none of them sees: {} -> {}; only a timeout ends it",
                path.join(" -> "),
                path.first().copied().unwrap_or_default()
            )
        }
    }
}

/// The shortest way from a session to itself.
fn way_back<'a>(
    start: &'a str,
    next: &BTreeMap<&'a str, BTreeSet<&'a str>>,
) -> Option<Vec<&'a str>> {
    let mut paths = vec![vec![start]];
    let mut seen = BTreeSet::new();
    while !paths.is_empty() {
        let mut longer = Vec::new();
        for path in paths {
            let Some(last) = path.last() else { continue };
            for to in next.get(last).into_iter().flatten() {
                if *to == start {
                    return Some(path);
                }
                if seen.insert(*to) {
                    longer.push(path.iter().copied().chain([*to]).collect());
                }
            }
        }
        paths = longer;
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wait(server: &str, tag: &str, holders: &[&str]) -> Wait {
        let who = |tag: &str| Who { tag: tag.to_owned(), runs: None };
        Wait {
            server: server.to_owned(),
            shard: String::new(),
            who: who(tag),
            what: String::new(),
            holders: holders.iter().map(|tag| who(tag)).collect(),
            since: Duration::ZERO,
            timeout: Duration::ZERO,
        }
    }

    fn check(waits: &[Wait], expected: &[&str]) {
        assert_eq!(circles(waits), expected);
    }

    #[test]
    fn a_session_that_waits_for_itself_is_named() {
        let itself = "a waits for itself: one of its connections holds what another wants, and only a timeout ends that";
        check(&[wait("300", "a pre", &["a post"])], &[itself]);
        check(&[wait("300", "a pre", &["b pre"])], &[]);
    }

    #[test]
    fn a_circle_over_servers_is_told_once() {
        let waits = [
            wait("300", "a normal", &["b pre", "c pre"]),
            wait("400", "b normal", &["a normal"]),
            wait("400", "c normal", &["vreplication corder_lookup 1"]),
        ];
        let text =
            "a circle over 2 servers, which none of them sees: a -> b -> a; only a timeout ends it";
        check(&waits, &[text]);
    }
}
