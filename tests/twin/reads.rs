//! Random reads that vtgate itself has to finish: aggregation, DISTINCT, ORDER BY and LIMIT over
//! joins of several shards, derived tables, unions and subqueries.

use crate::draw::Draw;
use crate::generate;

/// The rows that [`generate::program`] begins with.
const ROWS: usize = 19;

pub fn program(seed: u64) -> Vec<String> {
    let mut statements = generate::program(seed);
    statements.truncate(ROWS);
    let mut draw = Draw::new(seed.wrapping_add(1 << 32));
    for _ in 0..30 {
        statements.push(statement(&mut draw));
    }
    statements
}

/// Reads alone, half of them by columns that have a lookup.
pub fn by_vindex(seed: u64) -> Vec<String> {
    let mut statements = program(seed);
    let mut draw = Draw::new(seed.wrapping_add(1 << 33));
    for at in (ROWS..statements.len()).step_by(2) {
        statements[at] = generate::select(&mut draw);
    }
    statements
}

fn statement(draw: &mut Draw) -> String {
    match draw.below(12) {
        0..=2 => grouped(draw),
        3 => {
            let from = From::any(draw);
            let aggregates = aggregates(draw, &from);
            format!("select {aggregates} from {}{}", from.text, wheres(draw, &from))
        }
        4 => distinct(draw),
        5 => ordered(draw),
        6 => of_derived(draw),
        7 => of_union(draw),
        8 => union_as_table(draw),
        9 => with_subquery(draw),
        10 => mixed(draw),
        _ => counted(draw),
    }
}

/// Tables of a query, and the columns that it can name.
struct From {
    text: String,
    columns: Vec<&'static str>,
}

const OF_T: [&str; 4] = ["t.id", "t.a", "t.b", "t.name"];
const OF_V: [&str; 4] = ["v.id", "v.t_id", "v.c", "v.d"];
const OF_M: [&str; 3] = ["m.x", "m.y", "m.z"];

impl From {
    fn any(draw: &mut Draw) -> From {
        let join = draw.pick(&["join", "join", "left join"]);
        let both = |text: String| From { text, columns: [&OF_T[..], &OF_V[..]].concat() };
        let all = |text: String| From { text, columns: [&OF_T[..], &OF_V[..], &OF_M[..]].concat() };
        match draw.below(9) {
            0 => From { text: "t".into(), columns: OF_T.to_vec() },
            1 => both(format!("t {join} v on t.id = v.t_id")),
            2 | 3 => both(format!("t {join} v on t.a = v.{}", draw.pick(&["c", "d"]))),
            4 => both(format!("v {join} t on t.b = v.c and v.d < {}", 1 + draw.below(4))),
            5 => both("t join v".into()),
            6 => From {
                text: format!("t {join} m on t.a = m.x"),
                columns: [&OF_T[..], &OF_M[..]].concat(),
            },
            7 => all(format!("t {join} v on t.a = v.c {join} m on v.d = m.y")),
            _ => all(format!("t join v on t.id = v.t_id {join} m on m.x = v.c")),
        }
    }

    fn column(&self, draw: &mut Draw) -> &'static str {
        self.columns[draw.below(self.columns.len() as u64) as usize]
    }

    fn number(&self, draw: &mut Draw) -> &'static str {
        loop {
            let column = self.column(draw);
            if column != "t.name" {
                return column;
            }
        }
    }

    /// Two columns that are not the same: a join that is asked for one twice names both alike.
    fn two(&self, draw: &mut Draw) -> (&'static str, &'static str) {
        let one = self.number(draw);
        loop {
            let other = self.number(draw);
            if other != one {
                return (one, other);
            }
        }
    }

    /// One to three columns, each once.
    fn some(&self, draw: &mut Draw) -> Vec<&'static str> {
        let mut columns = Vec::new();
        for _ in 0..=draw.below(3) {
            let column = self.column(draw);
            if !columns.contains(&column) {
                columns.push(column);
            }
        }
        columns
    }
}

fn wheres(draw: &mut Draw, from: &From) -> String {
    match draw.below(3) {
        0 => String::new(),
        1 => format!(" where {}", condition(draw, from)),
        _ => format!(" where {} and {}", condition(draw, from), condition(draw, from)),
    }
}

fn condition(draw: &mut Draw, from: &From) -> String {
    let (one, other) = (from.number(draw), from.number(draw));
    match draw.below(8) {
        0 => format!("{one} = {}", draw.below(5)),
        1 => format!("{one} {} {}", draw.pick(&["<", ">", "!=", "<=>"]), draw.below(5)),
        2 => format!("{one} in ({}, {})", draw.below(5), draw.below(5)),
        3 => format!("{one} is {}null", draw.pick(&["", "not "])),
        4 => format!("{one} {} {other}", draw.pick(&["<", "=", ">="])),
        5 => format!("({one} = {} or {other} > {})", draw.below(5), draw.below(4)),
        6 => format!("coalesce({one}, 1) = {}", draw.below(3)),
        _ => format!("{one} + {other} > {}", draw.below(6)),
    }
}

fn aggregate(draw: &mut Draw, from: &From) -> String {
    let column = from.number(draw);
    match draw.below(9) {
        0..=1 => "count(*)".into(),
        2 => format!("count({column})"),
        3 => format!("sum({column})"),
        4 => format!("min({})", from.column(draw)),
        5 => format!("max({})", from.column(draw)),
        6 => format!("avg({column})"),
        7 => format!("count(distinct {column})"),
        _ => format!("sum({column}) + count(*)"),
    }
}

fn aggregates(draw: &mut Draw, from: &From) -> String {
    let count = 1 + draw.below(3);
    let list: Vec<String> = (0..count).map(|_| aggregate(draw, from)).collect();
    list.join(", ")
}

fn grouped(draw: &mut Draw) -> String {
    let from = From::any(draw);
    let groups = from.some(draw).join(", ");
    let mut text = format!(
        "select {groups}, {} from {}{} group by {groups}",
        aggregates(draw, &from),
        from.text,
        wheres(draw, &from)
    );
    if draw.below(3) == 0 {
        let compared = draw.pick(&["count(*)", "sum(t.a)", "min(t.b)", "count(t.id)"]);
        text += &format!(" having {compared} {} {}", draw.pick(&["=", ">", "<"]), draw.below(4));
    }
    match draw.below(4) {
        0 => text += &format!(" order by {groups}"),
        1 => text += &format!(" order by {groups} limit {}", 1 + draw.below(4)),
        _ => {}
    }
    text
}

fn distinct(draw: &mut Draw) -> String {
    let from = From::any(draw);
    let columns = from.some(draw).join(", ");
    let order = if draw.below(2) == 0 { format!(" order by {columns}") } else { String::new() };
    format!("select distinct {columns} from {}{}{order}", from.text, wheres(draw, &from))
}

fn ordered(draw: &mut Draw) -> String {
    let from = From::any(draw);
    let columns = from.some(draw);
    let order: Vec<String> =
        columns.iter().map(|column| format!("{column}{}", draw.pick(&["", " desc"]))).collect();
    let limit = match draw.below(3) {
        0 => String::new(),
        1 => format!(" limit {}", 1 + draw.below(6)),
        _ => format!(" limit {}, {}", draw.below(3), 1 + draw.below(4)),
    };
    format!(
        "select {} from {}{} order by {}{limit}",
        columns.join(", "),
        from.text,
        wheres(draw, &from),
        order.join(", ")
    )
}

/// A derived table over a join, and what is asked of it.
fn of_derived(draw: &mut Draw) -> String {
    let from = From::any(draw);
    let (one, other) = from.two(draw);
    let inner = format!(
        "select {one} as p, {other} as q, {one} + {other} as r from {}{}",
        from.text,
        wheres(draw, &from)
    );
    match draw.below(6) {
        0 => format!("select d.p, d.q from ({inner}) as d where d.q = {}", draw.below(4)),
        1 => format!("select d.r + 1, d.p from ({inner}) as d where d.r > {}", draw.below(4)),
        2 => format!("select d.p, count(*), sum(d.q) from ({inner}) as d group by d.p"),
        3 => format!("select count(*), min(d.r) from ({inner}) as d"),
        4 => format!("select distinct d.q from ({inner}) as d order by d.q"),
        _ => format!("select d.p, t.name from ({inner}) as d join t on t.id = d.q"),
    }
}

/// `select p, q ..`: one side of a union.
fn side(draw: &mut Draw) -> String {
    match draw.below(5) {
        0 => format!("select {}, {} from dual", draw.below(4), draw.below(4)),
        1 => format!("select id, a from t where id = {}", 1 + draw.below(9)),
        _ => {
            let from = From::any(draw);
            let (one, other) = (from.number(draw), from.number(draw));
            format!("select {one}, {other} from {}{}", from.text, wheres(draw, &from))
        }
    }
}

fn of_union(draw: &mut Draw) -> String {
    let (one, other) = (side(draw), side(draw));
    let mut text = format!("{one} union {}{other}", draw.pick(&["", "all "]));
    if draw.below(3) == 0 {
        text += &format!(" union {}{}", draw.pick(&["", "all "]), side(draw));
    }
    match draw.below(3) {
        0 => text += " order by 1, 2",
        1 => text += &format!(" order by 2 desc, 1 limit {}", 1 + draw.below(5)),
        _ => {}
    }
    text
}

fn union_as_table(draw: &mut Draw) -> String {
    let from = From::any(draw);
    let (one, other) = from.two(draw);
    let first = format!("select {one} as p, {other} as q from {}", from.text);
    let union = format!("{first} union {}{}", draw.pick(&["", "all "]), side(draw));
    match draw.below(5) {
        0 => format!("select * from ({union}) as d"),
        1 => format!("select d.q from ({union}) as d where d.p = {}", draw.below(4)),
        2 => format!("select d.p, count(*) from ({union}) as d group by d.p"),
        3 => format!("select d.p, v.id from ({union}) as d join v on v.t_id = d.p"),
        _ => format!("select sum(d.p), max(d.q) from ({union}) as d"),
    }
}

fn with_subquery(draw: &mut Draw) -> String {
    let from = From::any(draw);
    let (one, other) = from.two(draw);
    let inner = draw.pick(&["select c from v", "select x from m where y = 1", "select a from t"]);
    let columns = from.some(draw).join(", ");
    let text = &from.text;
    let op = draw.pick(&["in", "not in"]);
    match draw.below(5) {
        0 => format!("select {columns} from {text} where {one} {op} ({inner} where 1 = 1)")
            .replace("where y = 1 where 1 = 1", "where y = 1"),
        1 => format!("select {columns} from {text} where {one} = 1 or {other} {op} ({inner})"),
        2 => format!("select {columns}, (select max(d) from v) from {text}"),
        3 => format!("select count(*) from {text} where {one} > (select min(z) - 5 from m)"),
        _ => format!("select {columns} from {text} where exists (select 1 from m where z = 7)"),
    }
}

/// Values of both sides of a join.
fn mixed(draw: &mut Draw) -> String {
    let from = From::any(draw);
    let (one, other) = (from.number(draw), from.number(draw));
    let wheres = wheres(draw, &from);
    let text = &from.text;
    match draw.below(3) {
        0 => format!("select {one} + {other}, {one} from {text}{wheres}"),
        1 => format!("select max({one} * {other}) from {text}{wheres}"),
        _ => {
            format!("select {one} + {other}, count(*) from {text}{wheres} group by {one} + {other}")
        }
    }
}

/// What is asked of a few rows.
fn counted(draw: &mut Draw) -> String {
    let from = From::any(draw);
    let (one, other) = from.two(draw);
    let inner = format!(
        "select {one} as p, {other} as q from {}{} order by p, q limit {}",
        from.text,
        wheres(draw, &from),
        1 + draw.below(5)
    );
    match draw.below(3) {
        0 => format!("select count(*) from ({inner}) as d"),
        1 => format!("select d.p, count(*), max(d.q) from ({inner}) as d group by d.p"),
        _ => format!("select sum(d.q) from ({inner}) as d where d.p > {}", draw.below(3)),
    }
}
