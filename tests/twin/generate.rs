//! Random programs: rows first, then reads and changes over few values, so that they meet.

use crate::draw::Draw;

pub fn program(seed: u64) -> Vec<String> {
    let mut draw = Draw::new(seed);
    let mut statements = Vec::new();
    for id in 1..=8 {
        let row = format!("{id}, 'n{}', {}, {}, {}", id % 4, 100 + id, id % 3, draw.below(5));
        statements.push(format!("insert into t (id, name, code, a, b) values ({row})"));
    }
    for id in 1..=10 {
        let row = format!("{id}, {}, {}, {}", 1 + draw.below(8), draw.below(4), draw.below(4));
        statements.push(format!("insert into v (id, t_id, c, d) values ({row})"));
    }
    let pairs = "(1, 1, 5), (1, 2, 6), (2, 1, 7), (3, 3, 8), (4, 1, 9)";
    statements.push(format!("insert into m (x, y, z) values {pairs}"));
    for _ in 0..30 {
        statements.push(statement(&mut draw));
    }
    for table in ["t", "v", "m"] {
        statements.push(format!("select * from {table}"));
    }
    statements.push("select tag, n from s".to_string());
    statements
}

fn statement(draw: &mut Draw) -> String {
    match draw.below(24) {
        0..=12 => select(draw),
        13 => insert(draw),
        14 => insert_query(draw),
        15..=16 => of_sequence(draw),
        17..=18 => update(draw),
        19..=20 => delete(draw),
        _ => with_input(draw),
    }
}

// ---------------------------------------------------------------- conditions

fn id(draw: &mut Draw) -> u64 {
    1 + draw.below(10)
}

fn of_t(draw: &mut Draw, t: &str) -> String {
    match draw.below(16) {
        0..=2 => format!("{t}id = {}", id(draw)),
        3 => format!("{t}id in ({}, {}, {})", id(draw), id(draw), id(draw)),
        4 => format!("{t}name = 'n{}'", draw.below(5)),
        5 => format!("{t}name in ('n{}', 'n{}')", draw.below(5), draw.below(5)),
        6 => format!("{t}code = {}", 100 + id(draw)),
        7 => format!("{t}code in ({}, {})", 100 + id(draw), 100 + id(draw)),
        8 => format!("({t}id, {t}a) in (({}, 1), ({}, 2))", id(draw), id(draw)),
        9 => format!("{t}a {} {}", draw.pick(&["=", "<", ">", "!=", "<=>"]), draw.below(4)),
        10 => format!("({t}id = {} or {t}id = {})", id(draw), id(draw)),
        11 => format!("({t}a = 1 and {t}id = {} or {t}b = {})", id(draw), draw.below(4)),
        12 => format!("{t}b is {}null", draw.pick(&["", "not "])),
        13 => format!("{t}id between {} and {}", draw.below(5), id(draw)),
        14 => format!("not ({t}a = {})", draw.below(3)),
        _ => draw.pick(&["1 = 1", "1 = 0", "null"]).to_string(),
    }
}

fn of_v(draw: &mut Draw, v: &str) -> String {
    match draw.below(5) {
        0 => format!("{v}t_id = {}", id(draw)),
        1 => format!("{v}t_id in ({}, {})", id(draw), id(draw)),
        2 => format!("{v}c = {}", draw.below(4)),
        3 => format!("{v}c < {v}d"),
        _ => format!("{v}id = {}", id(draw)),
    }
}

fn of_m(draw: &mut Draw) -> String {
    match draw.below(6) {
        0 => format!("x = {} and y = {}", 1 + draw.below(4), 1 + draw.below(3)),
        1 => format!("x = {}", 1 + draw.below(4)),
        2 => format!("x in ({}, {}) and y in (1, 2)", 1 + draw.below(4), 1 + draw.below(4)),
        3 => format!("(x, y) in ((1, {}), ({}, 1))", 1 + draw.below(3), 1 + draw.below(4)),
        4 => format!("y = {}", 1 + draw.below(3)),
        _ => format!("z > {}", 4 + draw.below(4)),
    }
}

fn wheres(draw: &mut Draw) -> String {
    match draw.below(4) {
        0 => String::new(),
        1..=2 => format!(" where {}", of_t(draw, "")),
        _ => format!(" where {} and {}", of_t(draw, ""), of_t(draw, "")),
    }
}

// ---------------------------------------------------------------- statements

pub fn select(draw: &mut Draw) -> String {
    match draw.below(21) {
        0 => format!("select * from t{}", wheres(draw)),
        1 => format!("select id, a + b, name from t{}", wheres(draw)),
        2 => format!("select id, a from t{} order by id", wheres(draw)),
        3 => format!(
            "select a, id from t{} order by a desc, id limit {}",
            wheres(draw),
            1 + draw.below(4)
        ),
        4 => format!(
            "select id from t{} order by id limit {}, {}",
            wheres(draw),
            draw.below(3),
            1 + draw.below(3)
        ),
        5 => format!("select count(*), sum(a), min(b), max(id) from t{}", wheres(draw)),
        6 => format!("select a, count(*), sum(b), avg(b) from t{} group by a", wheres(draw)),
        7 => format!(
            "select a, count(*) as n from t{} group by a having n > 1 order by a",
            wheres(draw)
        ),
        8 => format!("select id, count(*) from t{} group by id", wheres(draw)),
        9 => format!("select distinct a{} from t{}", draw.pick(&["", ", b"]), wheres(draw)),
        10 => format!("select * from m where {}", of_m(draw)),
        11 => format!("select t.id, v.c from t join v on t.id = v.t_id where {}", of_v(draw, "v.")),
        12 => format!("select t.id, v.id from t join v on t.a = v.c where {}", of_t(draw, "t.")),
        13 => format!(
            "select t.id, v.id from t left join v on t.id = v.t_id and {} where {}",
            of_v(draw, "v."),
            of_t(draw, "t.")
        ),
        14 => subquery(draw),
        16 => format!(
            "select t.id, s.n from t join (select t_id, count(*) as n from v group by t_id) as s \
             on t.id = s.t_id where {}",
            of_t(draw, "t.")
        ),
        17 => format!(
            "select t.id, s.id from t join (select id, c from v order by id limit 3) as s \
             on t.a = s.c where {}",
            of_t(draw, "t.")
        ),
        18 => format!(
            "select s.n, t.id from t, (select count(*) as n, max(c) as c from v) as s \
             where s.c {} t.a",
            draw.pick(&["=", "<", ">="])
        ),
        19 => format!(
            "select s.a, s.n from (select a, count(*) as n from t group by a) as s where s.n > {}",
            draw.below(3)
        ),
        15 => {
            let all = draw.pick(&["", " all"]);
            format!(
                "select id from t where {} union{all} select t_id from v where {}",
                of_t(draw, ""),
                of_v(draw, "")
            )
        }
        _ => format!(
            "select s.id, s.n from (select id, a + 1 as n from t where {}) as s where s.n > 1",
            of_t(draw, "")
        ),
    }
}

fn subquery(draw: &mut Draw) -> String {
    match draw.below(7) {
        5 => format!(
            "select id, name from t where exists (select 1 from v where v.c = t.a and {})",
            of_v(draw, "v.")
        ),
        6 => format!(
            "select id from v where exists (select a from t where t.b = v.d and {}) order by id",
            of_t(draw, "t.")
        ),
        0 => format!("select id from t where id in (select t_id from v where {})", of_v(draw, "")),
        1 => format!(
            "select id from t where exists (select 1 from v where v.t_id = t.id and {})",
            of_v(draw, "v.")
        ),
        2 => format!(
            "select id, (select count(*) from v where v.t_id = t.id) from t where {}",
            of_t(draw, "")
        ),
        3 => format!("select id from t where a = (select min(c) from v where {})", of_v(draw, "")),
        _ => format!(
            "select id from t where id not in (select t_id from v where {})",
            of_v(draw, "")
        ),
    }
}

fn insert(draw: &mut Draw) -> String {
    let key = 9 + draw.below(6);
    let row = |key: u64, draw: &mut Draw| {
        format!(
            "({key}, 'n{}', {}, {}, {})",
            draw.below(5),
            100 + key,
            draw.below(4),
            draw.below(5)
        )
    };
    match draw.below(4) {
        0 => format!(
            "insert into v (id, t_id, c, d) values ({}, {}, 1, 2)",
            11 + draw.below(5),
            id(draw)
        ),
        1 => format!("insert into m values ({}, {}, 1)", 1 + draw.below(5), 1 + draw.below(4)),
        2 => format!(
            "insert into t (id, name, code, a, b) values {}, {}",
            row(key, draw),
            row(key + 10, draw)
        ),
        _ => format!("insert into t (id, name, code, a, b) values {}", row(key, draw)),
    }
}

/// Rows of a query, new ones and some that are there already.
fn insert_query(draw: &mut Draw) -> String {
    let more = 5 + draw.below(20);
    match draw.below(6) {
        0 => format!(
            "insert into t (id, name, code, a, b) select id + {more}, name, code + {more}, b, a \
             from t where {}",
            of_t(draw, "")
        ),
        1 => format!(
            "insert into t (code, id, name) select {} + id, {more} + id, 'n9' from v where {}",
            200 + more,
            of_v(draw, "")
        ),
        2 => format!(
            "insert into v (id, t_id, c) select id + {more}, t_id, d from v where {}",
            of_v(draw, "")
        ),
        3 => format!(
            "insert into m (x, y, z) select t.id + {more}, v.id, v.c from t join v \
             on t.a = v.c where {}",
            of_t(draw, "t.")
        ),
        4 => format!(
            "insert into m (y, x, z) select max(id) + {more}, count(*), a from t where {} group by a",
            of_t(draw, "")
        ),
        // In order, so that the first number goes to the same row.
        _ => format!(
            "insert into s (tag, n) select name, a from t where {} order by id",
            of_t(draw, "")
        ),
    }
}

/// Numbers of a sequence, or of AUTO_INCREMENT.
fn of_sequence(draw: &mut Draw) -> String {
    let row =
        |id: &str, draw: &mut Draw| format!("({id}, 's{}', {})", draw.below(9), draw.below(5));
    match draw.below(7) {
        0 => format!("insert into s (tag, n) values ('p{}', {})", draw.below(9), draw.below(5)),
        1 => format!("insert into s (tag) values ('q{0}'), ('q{0}'), ('r')", draw.below(9)),
        2 => format!("insert into s (id, tag, n) values {}, {}", row("null", draw), row("0", draw)),
        3 => {
            let given = (1000 * (1 + draw.below(3))).to_string();
            format!("insert into s (id, tag, n) values {}", row(&given, draw))
        }
        4 => "select tag, n from s where id = last_insert_id()".to_string(),
        5 => format!("update s set n = n + 1 where tag = 'q{}'", draw.below(9)),
        _ => "select count(*), count(distinct id), sum(n) from s".to_string(),
    }
}

/// Changes whose rows are found first.
fn with_input(draw: &mut Draw) -> String {
    let limit = 1 + draw.below(3);
    match draw.below(13) {
        11 => format!(
            "delete from v where {} and exists (select 1 from t where t.a = v.d)",
            of_v(draw, "v.")
        ),
        12 => format!(
            "update t set b = {} where exists (select 1 from v where v.c = t.a and {})",
            draw.below(5),
            of_v(draw, "v.")
        ),
        0 => format!("delete from t{} order by id limit {limit}", wheres(draw)),
        1 => format!(
            "update t set a = {}{} order by id desc limit {limit}",
            draw.below(4),
            wheres(draw)
        ),
        2 => format!(
            "update t set name = 'n{}' where a = {} order by id limit {limit}",
            draw.below(6),
            draw.below(4)
        ),
        3 => format!("delete from v where {} order by id, t_id limit {limit}", of_v(draw, "")),
        4 => format!("delete t from t join v on t.a = v.c where {}", of_v(draw, "v.")),
        5 => format!(
            "delete t, v from t join v on t.id = v.t_id where {} and {}",
            of_t(draw, "t."),
            of_v(draw, "v.")
        ),
        6 => format!(
            "update t join v on t.a = v.c set t.b = {} where {}",
            draw.below(5),
            of_v(draw, "v.")
        ),
        // A row has one partner at most: which of several counts is nobody's promise.
        7 => format!("update v join t on v.c = t.id set v.d = t.a where {}", of_t(draw, "t.")),
        8 => format!("update v join t on v.d = t.id set v.c = t.a + 1 where {}", of_v(draw, "v.")),
        9 => format!(
            "update t join v on t.id = v.t_id set t.a = {}, v.c = {} where {}",
            draw.below(4),
            draw.below(4),
            of_t(draw, "t.")
        ),
        _ => format!(
            "update m join v on m.x = v.c set m.z = {} where {}",
            draw.below(9),
            of_v(draw, "v.")
        ),
    }
}

fn update(draw: &mut Draw) -> String {
    match draw.below(6) {
        0 => format!("update t set a = a + 1{}", wheres(draw)),
        1 => format!("update t set b = {} where {}", draw.below(5), of_t(draw, "")),
        // Not `where name ..`: it locks lookup rows in the post list, and the new row, inserted in
        // the pre list, may have to wait for them. Vitess blocks itself there, and so does this.
        2 => {
            let (name, a) = (draw.below(6), draw.below(4));
            format!(
                "update t set name = 'n{name}' where id in ({}, {}) or a = {a}",
                id(draw),
                id(draw)
            )
        }
        3 => format!("update t set code = {} where id = {}", 130 + draw.below(40), id(draw)),
        4 => format!("update m set z = z + 1 where {}", of_m(draw)),
        _ => format!("update v set c = {}, d = c where {}", draw.below(4), of_v(draw, "")),
    }
}

fn delete(draw: &mut Draw) -> String {
    match draw.below(4) {
        0 => format!("delete from t where {}", of_t(draw, "")),
        1 => format!("delete from v where {}", of_v(draw, "")),
        2 => format!("delete from m where {}", of_m(draw)),
        _ => format!("delete from t where id = {}", id(draw)),
    }
}
