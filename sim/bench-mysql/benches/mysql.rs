//! Statements of the MySQL model beside the same on SQLite in memory, in one run. The figure is the
//! time of one statement or, where the name says so, of the transaction.

#![expect(clippy::disallowed_types, reason = "a bench measures by the wall clock")]

use criterion::{Criterion, criterion_group, criterion_main};

use sim::mysql::gtid::ServerUuid;
use sim::mysql::options::Options;
use sim::mysql::server::Server;

use bench_mysql::{Model, Prepared, ROWS, sqlite, sqlite_for_two};

/// A cheap walk over the rows: every bench meets them in the same order.
fn walk(at: &mut i64) -> i64 {
    *at = (*at * 7 + 3) % ROWS;
    *at + 1
}

fn point_select(c: &mut Criterion) {
    let mut group = c.benchmark_group("point_select");
    let mut model = Model::new();
    let session = model.connect(Some("d"));
    let mut select = Prepared::new("select id, k, v from t where id = :a");
    let mut at = 1;
    group.bench_function("model", |b| {
        b.iter(|| model.run(session, select.bind(&[walk(&mut at)])).rows.len())
    });
    let lite = sqlite();
    let mut select = lite.prepare("select id, k, v from t where id = ?1").expect("a statement");
    let mut at = 1;
    group.bench_function("sqlite", |b| {
        b.iter(|| {
            select
                .query_row([walk(&mut at)], |row| {
                    Ok((row.get::<_, i64>(0)?, row.get::<_, i64>(1)?, row.get::<_, String>(2)?))
                })
                .expect("the row is there")
        })
    });
    group.finish();
}

/// In a transaction of a thousand, which is rolled back outside of the time.
fn insert(c: &mut Criterion) {
    let mut group = c.benchmark_group("insert");
    let text = "insert into t values (:a, :b, 'a value of twenty four.')";
    let mut model = Model::new();
    let session = model.connect(Some("d"));
    let mut insert = Prepared::new(text);
    let begin = Prepared::new("begin");
    let rollback = Prepared::new("rollback");
    let mut next = ROWS;
    group.bench_function("model", |b| {
        b.iter_custom(|n| {
            let mut spent = std::time::Duration::ZERO;
            let mut left = n;
            while 0 < left {
                let some = left.min(1000);
                model.run(session, &begin);
                let start = std::time::Instant::now();
                for _ in 0..some {
                    next += 1;
                    model.run(session, insert.bind(&[next, 7]));
                }
                spent += start.elapsed();
                model.run(session, &rollback);
                left -= some;
            }
            spent
        })
    });
    let lite = sqlite();
    let mut next = ROWS;
    let mut insert = lite
        .prepare("insert into t values (?1, ?2, 'a value of twenty four.')")
        .expect("a statement");
    group.bench_function("sqlite", |b| {
        b.iter_custom(|n| {
            let mut spent = std::time::Duration::ZERO;
            let mut left = n;
            while 0 < left {
                let some = left.min(1000);
                lite.execute_batch("begin").expect("begin");
                let start = std::time::Instant::now();
                for _ in 0..some {
                    next += 1;
                    insert.execute([next, 7]).expect("a new row");
                }
                spent += start.elapsed();
                lite.execute_batch("rollback").expect("rollback");
                left -= some;
            }
            spent
        })
    });
    group.finish();
}

/// Autocommit: update and commit of one row; purge keeps up, within the time.
fn update(c: &mut Criterion) {
    let mut group = c.benchmark_group("update");
    let mut model = Model::new();
    let session = model.connect(Some("d"));
    let mut update = Prepared::new("update t set k = k + 1 where id = :a");
    let mut at = 1;
    let mut done = 0;
    group.bench_function("model", |b| {
        b.iter(|| {
            done += 1;
            if done % 1000 == 0 {
                model.purge();
            }
            model.run(session, update.bind(&[walk(&mut at)])).affected
        })
    });
    let lite = sqlite();
    let mut update = lite.prepare("update t set k = k + 1 where id = ?1").expect("a statement");
    let mut at = 1;
    group.bench_function("sqlite", |b| {
        b.iter(|| update.execute([walk(&mut at)]).expect("the row is there"))
    });
    group.finish();
}

/// begin, update of three rows, commit.
fn commit(c: &mut Criterion) {
    let mut group = c.benchmark_group("begin_three_updates_commit");
    let mut model = Model::new();
    let session = model.connect(Some("d"));
    let mut update = Prepared::new("update t set k = k + 1 where id = :a");
    let (begin, commit) = (Prepared::new("begin"), Prepared::new("commit"));
    let mut at = 1;
    let mut done = 0;
    group.bench_function("model", |b| {
        b.iter(|| {
            done += 1;
            if done % 1000 == 0 {
                model.purge();
            }
            model.run(session, &begin);
            for _ in 0..3 {
                model.run(session, update.bind(&[walk(&mut at)]));
            }
            model.run(session, &commit)
        })
    });
    let lite = sqlite();
    let mut update = lite.prepare("update t set k = k + 1 where id = ?1").expect("a statement");
    let mut begin = lite.prepare("begin").expect("a statement");
    let mut commit = lite.prepare("commit").expect("a statement");
    let mut at = 1;
    group.bench_function("sqlite", |b| {
        b.iter(|| {
            begin.execute([]).expect("begin");
            for _ in 0..3 {
                update.execute([walk(&mut at)]).expect("the row is there");
            }
            commit.execute([]).expect("commit")
        })
    });
    group.finish();
}

/// Two transactions want one row: the second waits, the first commits, the second goes on and
/// commits. SQLite has one lock for all: the second is refused and asks again.
fn contention(c: &mut Criterion) {
    let mut group = c.benchmark_group("lock_and_unlock_under_contention");
    let mut model = Model::new();
    let (one, two) = (model.connect(Some("d")), model.connect(Some("d")));
    let mut update = Prepared::new("update t set k = k + 1 where id = :a");
    let (begin, commit) = (Prepared::new("begin"), Prepared::new("commit"));
    let mut done = 0;
    group.bench_function("model", |b| {
        b.iter(|| {
            done += 1;
            if done % 1000 == 0 {
                model.purge();
            }
            let update = update.bind(&[17]);
            for session in [one, two] {
                model.run(session, &begin);
            }
            model.run(one, update);
            let mut waiting = model.start(two, update);
            model.block(&mut waiting);
            model.run(one, &commit);
            assert_eq!(model.server.take_granted(), [two]);
            model.finish(&mut waiting);
            model.run(two, &commit);
        })
    });
    let (first, second) = sqlite_for_two();
    let text = "update t set k = k + 1 where id = ?1";
    let statements = |connection| {
        let prepare = |text| rusqlite::Connection::prepare(connection, text).expect("a statement");
        (prepare("begin"), prepare(text), prepare("commit"))
    };
    let mut one = statements(&first);
    let mut two = statements(&second);
    group.bench_function("sqlite", |b| {
        b.iter(|| {
            one.0.execute([]).expect("begin");
            two.0.execute([]).expect("begin");
            one.1.execute([17]).expect("the row is there");
            two.1.execute([17]).expect_err("the table is locked");
            one.2.execute([]).expect("commit");
            two.1.execute([17]).expect("the row is there");
            two.2.execute([]).expect("commit")
        })
    });
    group.finish();
}

/// A snapshot that is a thousand changes of its row old. SQLite in memory has no snapshots: it
/// reads the row as it is.
fn history(c: &mut Criterion) {
    let mut group = c.benchmark_group("snapshot_read_behind_a_thousand_versions");
    let mut model = Model::new();
    let (reader, writer) = (model.connect(Some("d")), model.connect(Some("d")));
    let mut select = Prepared::new("select id, k, v from t where id = :a");
    let mut update = Prepared::new("update t set k = k + 1 where id = :a");
    model.run(reader, &Prepared::new("begin"));
    model.run(reader, select.bind(&[17]));
    for _ in 0..1000 {
        model.run(writer, update.bind(&[17]));
    }
    model.purge();
    group.bench_function("model", |b| b.iter(|| model.run(reader, select.bind(&[17])).rows.len()));
    let lite = sqlite();
    let mut select = lite.prepare("select id, k, v from t where id = ?1").expect("a statement");
    group.bench_function("sqlite", |b| {
        b.iter(|| {
            select
                .query_row([17], |row| {
                    Ok((row.get::<_, i64>(0)?, row.get::<_, i64>(1)?, row.get::<_, String>(2)?))
                })
                .expect("the row is there")
        })
    });
    group.finish();
}

/// The servers of a cluster, made and connected to. SQLite opens as many databases.
fn sixty(c: &mut Criterion) {
    let mut group = c.benchmark_group("sixty_servers_start");
    group.bench_function("model", |b| {
        b.iter(|| {
            let start = |id: u8| {
                let mut server = Server::new(Options::new(ServerUuid([id; 16]), u32::from(id)));
                server.connect("root", None);
                server
            };
            (0..60).map(start).collect::<Vec<_>>()
        })
    });
    let open = |_| rusqlite::Connection::open_in_memory().expect("SQLite opens");
    group.bench_function("sqlite", |b| b.iter(|| (0..60).map(open).collect::<Vec<_>>()));
    group.finish();
}

criterion_group!(benches, sixty, point_select, insert, update, commit, contention, history);
criterion_main!(benches);
