//! Random programs over tables with foreign keys: parents with children of every kind, few values,
//! so that they meet.

use crate::draw::Draw;

pub fn program(seed: u64) -> Vec<String> {
    let mut draw = Draw::new(seed);
    let mut statements = Vec::new();
    for id in 1..=6 {
        statements.push(format!("insert into p (id, k, n) values ({id}, {}, {})", id % 3, id % 2));
    }
    for _ in 0..20 {
        statements.push(insert(&mut draw));
    }
    for _ in 0..25 {
        statements.push(statement(&mut draw));
    }
    for table in ["p", "c", "d", "r", "g", "h"] {
        statements.push(format!("select * from {table}"));
    }
    statements
}

fn statement(draw: &mut Draw) -> String {
    match draw.below(12) {
        0..=2 => insert(draw),
        3..=5 => update(draw),
        6..=8 => delete(draw),
        9 => replace(draw),
        10 => upsert(draw),
        _ => format!("select * from {}", draw.pick(&["p", "c", "d", "r", "g", "h"])),
    }
}

fn id(draw: &mut Draw) -> u64 {
    1 + draw.below(8)
}

/// A parent's key as the first rows have it, or another.
fn pair(draw: &mut Draw) -> (u64, u64) {
    let id = id(draw);
    match draw.below(4) {
        0 => (id, draw.below(4)),
        _ => (id, id % 3),
    }
}

fn insert(draw: &mut Draw) -> String {
    match draw.below(9) {
        0 => format!("insert into p (id, k, n) values ({}, {}, 1)", id(draw), draw.below(3)),
        1..=2 => format!("insert into c (id, p_id, n) values ({}, {}, 0)", draw.below(9), id(draw)),
        // Of one shard: which of two shards' errors comes first is another question.
        3 => {
            let (one, other, p_id) = (draw.below(9), draw.below(9), id(draw));
            format!("insert into c (id, p_id, n) values ({one}, {p_id}, 1), ({other}, {p_id}, 2)")
        }
        4..=5 => {
            let (p_id, k) = pair(draw);
            format!("insert into d (p_id, k, n) values ({p_id}, {k}, {})", draw.below(3))
        }
        6 if draw.below(3) == 0 => {
            format!(
                "insert into h (r_p_id, r_id) values ({}, {})",
                5 + draw.below(3),
                draw.below(4)
            )
        }
        6 => format!(
            "insert into r (id, p_id, code) values ({}, {}, {})",
            draw.below(4),
            5 + draw.below(3),
            draw.below(3)
        ),
        7 => format!("insert into g (id, p_id, k) values ({}, {}, null)", draw.below(9), id(draw)),
        _ => {
            let (p_id, k) = pair(draw);
            format!("insert into g (id, p_id, k) values ({}, {p_id}, {k})", draw.below(9))
        }
    }
}

fn of_p(draw: &mut Draw) -> String {
    match draw.below(5) {
        0..=1 => format!("id = {}", id(draw)),
        2 => format!("id in ({}, {})", id(draw), id(draw)),
        3 => format!("n = {}", draw.below(3)),
        _ => format!("k = {} and id < {}", draw.below(3), id(draw)),
    }
}

fn update(draw: &mut Draw) -> String {
    match draw.below(9) {
        0..=1 => format!("update p set k = {} where {}", draw.below(5), of_p(draw)),
        2 => format!("update p set k = k + 1 where {}", of_p(draw)),
        3 => format!("update p set n = n + 1 where {}", of_p(draw)),
        4 => format!("update p set n = 7, k = k where {}", of_p(draw)),
        5 => {
            let (p_id, k) = pair(draw);
            format!("update d set k = {} where p_id = {p_id} and k = {k}", draw.below(4))
        }
        6 => format!("update d set n = 5 where p_id = {}", id(draw)),
        7 => format!("update g set k = {} where id = {}", draw.below(3), draw.below(9)),
        _ => format!("update c set n = n + 1 where p_id = {} order by id limit 1", id(draw)),
    }
}

fn delete(draw: &mut Draw) -> String {
    match draw.below(8) {
        0..=2 => format!("delete from p where {}", of_p(draw)),
        3 => format!("delete from p where n = {} order by id limit 1", draw.below(3)),
        4 => format!("delete p from p join c on p.n = c.n where p.id < {}", id(draw)),
        5 => format!("delete from d where p_id = {}", id(draw)),
        6 => format!("delete from r where p_id = {}", id(draw)),
        _ => format!("delete from c where n = {}", draw.below(3)),
    }
}

fn replace(draw: &mut Draw) -> String {
    match draw.below(4) {
        3 => format!(
            "replace into r (id, p_id, code) values ({}, {}, {})",
            draw.below(4),
            5 + draw.below(3),
            draw.below(3)
        ),
        0 => format!("replace into p (id, k, n) values ({}, {}, 4)", id(draw), draw.below(3)),
        1 => format!("replace into c (id, p_id, n) values ({}, {}, 4)", draw.below(9), id(draw)),
        _ => {
            let (p_id, k) = pair(draw);
            format!("replace into d (p_id, k, n) values ({p_id}, {k}, 4)")
        }
    }
}

fn upsert(draw: &mut Draw) -> String {
    let (p_id, k) = pair(draw);
    match draw.below(3) {
        0 => format!(
            "insert into d (p_id, k, n) values ({p_id}, {k}, 1) on duplicate key update n = n + 1"
        ),
        1 => {
            let (other, of) = pair(draw);
            format!(
                "insert into d (p_id, k, n) values ({p_id}, {k}, 1), ({other}, {of}, 2) \
                 on duplicate key update n = 9"
            )
        }
        _ => format!(
            "insert into d (p_id, k, n) values ({p_id}, {k}, 1) on duplicate key update k = {}",
            draw.below(3)
        ),
    }
}
