//! Random joins with tables that no join may ask for row by row: the rows that a limit, a group or
//! a DISTINCT leaves of all shards. vtgate reads both sides and compares.

use crate::draw::Draw;
use crate::generate;

/// The rows that [`generate::program`] begins with.
const ROWS: usize = 19;

pub fn program(seed: u64) -> Vec<String> {
    let mut statements = generate::program(seed);
    statements.truncate(ROWS);
    let mut draw = Draw::new(seed.wrapping_add(3 << 32));
    for _ in 0..30 {
        statements.push(statement(&mut draw));
    }
    statements
}

/// A table of whole rows, `x`, and one that is made of several, `y`.
fn statement(draw: &mut Draw) -> String {
    let outer = draw.below(3) != 0;
    let left = if outer { whole(draw) } else { made(draw, "x") };
    let (join, right) = (if outer { "left join" } else { "join" }, made(draw, "y"));
    let (one, other) = (side(draw, "x"), side(draw, "y"));
    let equals = draw.pick(&["=", "=", "=", "<=>"]);
    let on = match draw.below(2) {
        0 => format!("{one} {equals} {other}"),
        _ => format!("{other} {equals} {one}"),
    };
    let from = format!("{left} {join} {right} on {on}{}", filter(draw));
    match draw.below(5) {
        0 => format!("select count(*), sum(y.n), max(x.k) from {from}"),
        1 => format!("select y.n, count(*), min(x.id) from {from} group by y.n"),
        2 => format!("select distinct x.k, y.k from {from}"),
        3 => {
            let limit = 1 + draw.below(6);
            format!(
                "select x.id, x.k, y.k, y.n from {from} order by y.n desc, x.id, y.k limit {limit}"
            )
        }
        _ => format!("select x.id as one, y.n + x.k as both_sides, y.k from {from}"),
    }
}

fn whole(draw: &mut Draw) -> String {
    let of = draw.pick(&[
        "select id, a as k, b as n from t",
        "select t_id as id, c as k, d as n from v",
        "select x as id, z as k, y as n from m",
    ]);
    format!("({of}) x")
}

fn made(draw: &mut Draw, name: &str) -> String {
    let of = match draw.below(6) {
        0 => "select a as k, count(*) as n, min(id) as id from t group by a".to_string(),
        1 => "select c as k, sum(d) as n, max(id) as id from v group by c".to_string(),
        2 => "select name as k, count(*) as n, min(id) as id from t group by name".to_string(),
        3 => format!("select id, a as k, b as n from t order by id limit {}", 1 + draw.below(5)),
        4 => {
            let limit = 1 + draw.below(5);
            format!("select id, c as k, d as n from v order by id desc, t_id limit {limit}")
        }
        _ => "select distinct z as k, z as n, z as id from m".to_string(),
    };
    format!("({of}) {name}")
}

fn side(draw: &mut Draw, name: &str) -> String {
    let column = draw.pick(&["k", "k", "n", "id"]);
    match draw.below(8) {
        0 => format!("{name}.{column} + 1"),
        _ => format!("{name}.{column}"),
    }
}

fn filter(draw: &mut Draw) -> String {
    match draw.below(5) {
        0 => " where y.n is null".to_string(),
        1 => format!(" where y.n > {}", draw.below(4)),
        2 => format!(" where x.k <= {} or y.k is null", draw.below(4)),
        _ => String::new(),
    }
}
