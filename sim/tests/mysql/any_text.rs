//! No statement text panics, however broken: statements are cut, spliced and sprinkled with
//! tokens and bytes, and run on a server with rows. `PROPTEST_CASES` says how many.

use proptest::prelude::*;
use proptest::sample::{Index, select};
use sim::mysql::execution::{Cancel, Step};
use sim::mysql::gtid::ServerUuid;
use sim::mysql::options::Options;
use sim::mysql::server::Server;

const STATEMENTS: &[&str] = &[
    "select a.id, b.v, count(*) from a left join b on a.id = b.id and b.v > 3 where a.k in (1, 2, null) group by a.id, b.v having count(*) > 1 order by 2 desc limit 3, 4 for update skip locked",
    "select distinct u, (select max(v) from b where b.id = a.id) m from a where exists (select 1 from b where b.v = a.k) union all select 1, 2 order by 1",
    "select * from (select id, k + 1 as k from a where d between '2020-01-01' and now()) t natural join b",
    "select group_concat(distinct s order by id separator '-'), sum(k), avg(f), min(d), std(k) from a",
    "select case k when 1 then 'x' else cast(s as signed) end, if(k, s, null), date_add(d, interval -1 month), s like '%\\\\_%' escape '|', k div 0, ~u << 3 from a",
    "insert into a (id, u, k, s) values (7, 7, 7, 'seven'), (8, default, null, x'41') on duplicate key update k = values(k) + 1, s = concat(s, '!')",
    "insert ignore into b set id = 300, v = '12abc'",
    "insert into b select id, k from a where id < 3 for share",
    "replace into a values (1, 2, 3, 'r', 1.25, '2020-02-30', 1e3)",
    "update a set k = k + 1, s = null, d = '0000-00-00' where u >= 2 order by id desc limit 1",
    "update a join b using (id) set a.k = b.v, b.v = a.k where a.id <> 2",
    "delete from a where id in (select id from b) limit 2",
    "delete a, b from a inner join b on a.id = b.id where b.v is not null",
    "create table c (id bigint unsigned not null auto_increment, e decimal(5,2) default 1.5 check (e > 0), t timestamp(3) null on update current_timestamp(3), p varchar(10) character set latin1 collate latin1_bin, primary key (id), unique key up (p(3), id), key te (t desc)) auto_increment = 5 comment 'x'",
    "alter table a add column z varbinary(3) not null default 'q' after k, drop index kk, rename column s to ss, modify f float",
    "create unique index un on b (v)",
    "drop table if exists a, b, c",
    "truncate table a",
    "select date_format(d, '%Y-%m-%d %H:%i:%s.%f %W %M %D %U %u %V %v %X %x %'), time_format('-100:00:00.5', '%H %k %l %r %'), week(d, k), yearweek(d, 3), str_to_date(s, '%d.%m.%Y'), last_day(d), makedate(k, u), maketime(u, k, f), sec_to_time(f), from_days(k), period_add(k, u), timestampdiff(month, d, s), extract(day_microsecond from s) from a",
    "select conv(s, k, -36), bin(k), lpad(s, k, s), insert(s, k, u, s), substring_index(s, 'e', k), repeat(s, u), elt(k, s, d), interval(k, u, 1, f), format(n, k), soundex(s), quote(s), inet_aton(s), inet_ntoa(k), unhex(s), from_base64(s), to_base64(s), sha2(s, k), crc32(s), log(k, f), atan(f, k), char(k, u, 65) from a",
    "create table f (id int, x float unsigned, y varchar(9) collate utf8mb4_general_ci, z char(3) character set latin1, t time(2), w datetime(3), check (not (x <= 1 and y like z) or (id, x) = (1, 2)), key (y(2), id desc))",
    "alter table a add constraint ch check (case k when 1 then s end = 'x' or d + interval 1 day > s), alter u drop default, rename index kk to k2",
    "prepare p from 'select id from a where s in (?, ?) order by id limit ?'",
    "set @x = (select max(d) from a), names utf8mb4 collate utf8mb4_bin",
    "create table l like a",
    "rename table a to aa",
    "begin; select 1",
    "start transaction read only, with consistent snapshot",
    "savepoint x",
    "rollback to savepoint x",
    "set session transaction isolation level serializable, @a = 1, @@sql_mode = '', innodb_lock_wait_timeout = 3",
    "set names latin1 collate latin1_swedish_ci",
    "select @a := @a + 1, @@global.read_only, last_insert_id(), row_count(), found_rows()",
    "show create table a",
    "show full columns from a like '%i%'",
    "show index from a where Non_unique = 0",
    "show variables like 'inno%'",
    "show warnings",
    "describe a k",
    "lock tables a read, b write",
    "unlock tables",
    "prepare p from 'select ? + id from a where k = ?'",
    "execute p using @a, @b",
    "deallocate prepare p",
    "kill query 1",
    "select * from performance_schema.data_locks l join information_schema.innodb_trx t on l.engine_transaction_id = t.trx_id",
    "explain select 1",
    "with recursive r as (select 1) select * from r",
    "select row_number() over (partition by k order by id) from a",
    "select json_extract(s, '$.a'), s->>'$.b', match (s) against ('x') from a",
    "purge binary logs before now()",
    "flush tables with read lock",
    "/*! select 1 */ /* c */ -- d\n# e\n",
];

const TOKENS: &[&str] = &[
    "select",
    "from",
    "where",
    "(",
    ")",
    ",",
    ".",
    "*",
    ";",
    "=",
    "<=>",
    "null",
    "''",
    "'a",
    "`",
    "\"",
    "0x",
    "x'f",
    "1e400",
    "99999999999999999999999999",
    "-",
    "--",
    "/*",
    "*/",
    "/*!",
    "@",
    "@@",
    ":=",
    ":a",
    "::b",
    "?",
    "\\",
    "\0",
    "\u{fffd}",
    "é",
    "😀",
    "union",
    "join",
    "on",
    "using",
    "group",
    "by",
    "order",
    "limit",
    "for",
    "update",
    "not",
    "in",
    "between",
    "and",
    "or",
    "like",
    "is",
    "case",
    "when",
    "end",
    "interval",
    "day",
    "cast",
    "as",
    "signed",
    "distinct",
    "count",
    "values",
    "default",
    "into",
    "set",
    "table",
    "key",
    "primary",
    "index",
    "a",
    "b",
    "id",
    "k",
    "u",
    "s",
    "d",
    "f",
    "v",
];

#[derive(Clone, Debug)]
enum Cut {
    Drop(Index, u8),
    Insert(Index, &'static str),
    Twice(Index, u8),
    Splice(Index, &'static str, Index),
    Break(Index, char),
}

fn cut() -> impl Strategy<Value = Cut> {
    prop_oneof![
        3 => (any::<Index>(), 1..4u8).prop_map(|(at, n)| Cut::Drop(at, n)),
        4 => (any::<Index>(), select(TOKENS)).prop_map(|(at, token)| Cut::Insert(at, token)),
        1 => (any::<Index>(), 1..6u8).prop_map(|(at, n)| Cut::Twice(at, n)),
        2 => (any::<Index>(), select(STATEMENTS), any::<Index>())
            .prop_map(|(at, other, from)| Cut::Splice(at, other, from)),
        1 => (any::<Index>(), any::<char>()).prop_map(|(at, c)| Cut::Break(at, c)),
    ]
}

fn apply(words: &mut Vec<String>, cut: &Cut) {
    let split = |text: &str| text.split(' ').map(String::from).collect::<Vec<_>>();
    let place = |at: &Index, words: &[String]| at.index(words.len() + 1);
    match cut {
        Cut::Drop(at, n) => {
            let at = place(at, words);
            let end = words.len().min(at + usize::from(*n));
            words.drain(at..end);
        }
        Cut::Insert(at, token) => words.insert(place(at, words), token.to_string()),
        Cut::Twice(at, n) => {
            let at = place(at, words);
            let end = words.len().min(at + usize::from(*n));
            let again = words[at..end].to_vec();
            words.splice(at..at, again);
        }
        Cut::Splice(at, other, from) => {
            let other = split(other);
            let from = from.index(other.len());
            words.truncate(place(at, words));
            words.extend_from_slice(&other[from..]);
        }
        Cut::Break(at, c) => {
            let at = at.index(words.len().max(1));
            if let Some(word) = words.get_mut(at) {
                let middle = word.char_indices().nth(word.chars().count() / 2);
                word.insert(middle.map_or(0, |(at, _)| at), *c);
            }
        }
    }
}

fn run(server: &mut Server, connection: sim::mysql::session::ConnectionId, text: &str) {
    let mut execution = server.start_text(connection, text, jiff::Timestamp::UNIX_EPOCH);
    loop {
        match server.step(&mut execution) {
            Step::Done(_) => break,
            Step::Sync(_) => {}
            Step::Wait(_) => {
                let _ = server.cancel(execution, Cancel::Timeout);
                break;
            }
        }
    }
}

proptest! {
    #[test]
    fn any_statement_ends(
        texts in proptest::collection::vec(
            (select(STATEMENTS), proptest::collection::vec(cut(), 0..5)),
            1..3,
        ),
    ) {
        let mut server = Server::new(Options::new(ServerUuid([1; 16]), 1));
        let setup = server.connect("root", None);
        run(&mut server, setup, "create database te");
        let sessions = [server.connect("root", Some("te")), server.connect("root", Some("te"))];
        for text in [
            "create table a (id int primary key, u int unique, k int, s varchar(20), n decimal(5,2), d date, f double, key kk (k))",
            "create table b (id int primary key, v int)",
            "insert into a values (1,1,1,'one',1.5,'2020-01-31',1e0), (2,2,2,'two',null,null,null), (3,null,2,'',-1,'1999-12-31',-1)",
            "insert into b values (1,10), (2,null), (5,3)",
            "begin",
            "update b set v = 4 where id = 5",
        ] {
            run(&mut server, sessions[0], text);
        }
        for (text, cuts) in &texts {
            let mut words: Vec<String> = text.split(' ').map(String::from).collect();
            for cut in cuts {
                apply(&mut words, cut);
            }
            let text = words.join(" ");
            run(&mut server, sessions[1], &text);
        }
        prop_assert_eq!(server.check_tables(), Vec::<String>::new());
    }
}
