//! Reads over a drawn schema: typed expressions and conditions, joins, aggregation, unions,
//! derived tables and subqueries. Their answers do not hang on the order of rows: what is limited
//! is ordered by all that it shows.

use super::schema::{Kind, Schema, Table};
use crate::draw::Draw;

/// The tables of a FROM, each with its alias.
pub struct Scope<'s> {
    pub text: String,
    pub tables: Vec<(String, &'s Table)>,
}

impl<'s> Scope<'s> {
    pub fn table(table: &'s Table) -> Scope<'s> {
        Scope { text: table.name.clone(), tables: vec![(table.name.clone(), table)] }
    }

    /// One to three tables, joined mostly by what finds few rows.
    fn draw(draw: &mut Draw, schema: &'s Schema) -> Scope<'s> {
        let count = [1, 1, 2, 2, 2, 3][draw.below(6) as usize];
        let mut scope = Scope::table(draw.choose(&schema.tables));
        for at in 1..count {
            let table = draw.choose(&schema.tables);
            let alias = format!("{}{at}", ["x", "y"][at % 2]);
            let other =
                Scope { text: format!("{} as {alias}", table.name), tables: vec![(alias, table)] };
            scope.join(draw, other);
        }
        scope
    }

    fn join(&mut self, draw: &mut Draw, other: Scope<'s>) {
        let on = self.equality(draw, &other);
        let kind = match &on {
            None => "join",
            Some(_) => draw.pick(&["join", "join", "join", "left join", "left join", "right join"]),
        };
        self.text = format!("{} {kind} {}", self.text, other.text);
        self.tables.extend(other.tables);
        if let Some(mut on) = on {
            if draw.below(5) == 0 {
                on += &format!(" and {}", condition(draw, self, 0));
            }
            self.text += &format!(" on {on}");
        }
    }

    /// `one = other`, half of the time of columns with vindexes.
    fn equality(&self, draw: &mut Draw, other: &Scope) -> Option<String> {
        let routed = |scope: &Scope, of: bool| -> Vec<(String, Kind)> {
            let all = scope.tables.iter().flat_map(|(alias, table)| {
                table.columns.iter().enumerate().filter_map(move |(at, column)| {
                    let looked_up = table.lookups.iter().any(|lookup| lookup.column == at);
                    let found = !of || looked_up || table.sharding.contains(&at);
                    found.then(|| (format!("{alias}.{}", column.name), column.kind))
                })
            });
            all.collect()
        };
        let (left, right) = (draw.below(2) == 0, draw.below(2) == 0);
        let pairs: Vec<String> = routed(self, left)
            .iter()
            .flat_map(|(one, kind)| {
                let same = routed(other, right).into_iter().filter(move |(_, of)| of == kind);
                same.map(move |(other, _)| format!("{one} = {other}")).collect::<Vec<_>>()
            })
            .collect();
        if pairs.is_empty() { None } else { Some(draw.choose(&pairs).clone()) }
    }

    pub fn columns(&self) -> Vec<(String, Kind)> {
        match self.tables.as_slice() {
            [(_, table)] => {
                table.columns.iter().map(|column| (column.name.clone(), column.kind)).collect()
            }
            _ => self.qualified(),
        }
    }

    /// The columns, each with its table.
    fn qualified(&self) -> Vec<(String, Kind)> {
        let all = self.tables.iter().flat_map(|(alias, table)| {
            table
                .columns
                .iter()
                .map(move |column| (format!("{alias}.{}", column.name), column.kind))
        });
        all.collect()
    }

    /// Whether vtgate can tell what `*` is: it need not, of one table.
    fn can_show_all(&self) -> bool {
        self.tables.len() == 1 || self.tables.iter().all(|(_, table)| table.listed)
    }

    fn of(&self, kind: Kind) -> Vec<String> {
        self.columns().into_iter().filter(|(_, of)| *of == kind).map(|(name, _)| name).collect()
    }

    fn any(&self, draw: &mut Draw) -> (String, Kind) {
        draw.choose(&self.columns()).clone()
    }

    /// One to three columns, each once.
    fn some(&self, draw: &mut Draw) -> Vec<String> {
        let mut some: Vec<String> = Vec::new();
        for _ in 0..=draw.below(3) {
            let (column, _) = self.any(draw);
            if !some.contains(&column) {
                some.push(column);
            }
        }
        some
    }
}

// ------------------------------------------------------------------------------- expressions

/// A literal that is of the kind by itself: text would be compared as the connection compares it,
/// bytes byte by byte, and dates as dates.
fn typed(draw: &mut Draw, kind: Kind) -> String {
    let introducer = match kind {
        Kind::Bytes => "_binary",
        Kind::Date => "date",
        _ => "",
    };
    format!("{introducer}{}", kind.literal(draw, 7))
}

/// A value of a kind.
pub fn value(draw: &mut Draw, scope: &Scope, kind: Kind, depth: u64) -> String {
    let columns = scope.of(kind);
    let plain = |draw: &mut Draw| match columns.is_empty() || draw.below(5) == 0 {
        true => typed(draw, kind),
        false => draw.choose(&columns).clone(),
    };
    if depth == 0 || draw.below(2) == 0 {
        return plain(draw);
    }
    let one = plain(draw);
    match (kind, draw.below(6)) {
        (_, 0) => format!("coalesce({one}, {})", typed(draw, kind)),
        (_, 1) => {
            let when = condition(draw, scope, 0);
            format!("case when {when} then {one} else {} end", plain(draw))
        }
        (_, 2) => format!("nullif({one}, {})", plain(draw)),
        (Kind::Int, 3) => format!("{one} * 2"),
        (Kind::Int, 4) => format!("abs({one} - {})", plain(draw)),
        (Kind::Int | Kind::Decimal, _) => format!("{one} + {}", plain(draw)),
        (Kind::Text, 3) => format!("concat({one}, {})", plain(draw)),
        (Kind::Text, 4) => format!("left({one}, 1)"),
        (Kind::Bytes, 3) => format!("substr({one}, 1, 1)"),
        _ => one,
    }
}

pub fn condition(draw: &mut Draw, scope: &Scope, depth: u64) -> String {
    if 0 < depth {
        let part = |draw: &mut Draw| condition(draw, scope, depth - 1);
        match draw.below(8) {
            0 => return format!("({} or {})", part(draw), part(draw)),
            1..=2 => return format!("{} and {}", part(draw), part(draw)),
            3 => return format!("not ({})", part(draw)),
            _ => {}
        }
    }
    let (column, kind) = scope.any(draw);
    match draw.below(12) {
        0..=3 => format!("{column} = {}", kind.literal(draw, 7)),
        4 => format!("{column} in ({}, {})", kind.literal(draw, 7), kind.literal(draw, 7)),
        5 => format!("{column} not in ({}, {})", kind.literal(draw, 7), kind.literal(draw, 7)),
        6 => format!("{column} is {}null", draw.pick(&["", "not "])),
        7 => {
            let op = draw.pick(&["<", ">", "<=", "!=", "<=>"]);
            format!("{column} {op} {}", kind.literal(draw, 7))
        }
        8 => format!("{column} = {}", value(draw, scope, kind, 1)),
        9 => format!("{column} between {} and {}", kind.literal(draw, 7), kind.literal(draw, 7)),
        10 => {
            let (other, of) = scope.any(draw);
            let pair =
                |draw: &mut Draw| format!("({}, {})", kind.literal(draw, 7), of.literal(draw, 7));
            format!("({column}, {other}) in ({}, {})", pair(draw), pair(draw))
        }
        _ if kind == Kind::Text => format!("{column} like '{}%'", draw.pick(&["a", "b", "ab"])),
        _ => format!("{column} > {}", kind.literal(draw, 5)),
    }
}

fn wheres(draw: &mut Draw, scope: &Scope) -> String {
    match draw.below(3) {
        0 => String::new(),
        _ => format!(" where {}", condition(draw, scope, 2)),
    }
}

fn aggregate(draw: &mut Draw, scope: &Scope) -> String {
    let (column, kind) = scope.any(draw);
    let number = matches!(kind, Kind::Int | Kind::Decimal);
    match draw.below(9) {
        0..=1 => "count(*)".into(),
        2 => format!("count({column})"),
        3 => format!("count(distinct {column})"),
        4 => format!("max({column})"),
        5 if number => format!("avg({column})"),
        6..=7 if number => format!("sum({})", value(draw, scope, kind, 1)),
        _ => format!("min({column})"),
    }
}

fn aggregates(draw: &mut Draw, scope: &Scope) -> Vec<String> {
    (0..=draw.below(3)).map(|_| aggregate(draw, scope)).collect()
}

// -------------------------------------------------------------------------------- statements

pub fn select(draw: &mut Draw, schema: &Schema) -> String {
    let scope = Scope::draw(draw, schema);
    match draw.below(16) {
        0..=2 => rows(draw, &scope),
        3..=4 => grouped(draw, &scope),
        5 => {
            let aggregates = aggregates(draw, &scope).join(", ");
            format!("select {aggregates} from {}{}", scope.text, wheres(draw, &scope))
        }
        6 => distinct(draw, &scope),
        7 => limited(draw, &scope),
        8 => union(draw, schema),
        9..=10 => of_derived(draw, schema, &scope),
        11..=14 => with_subquery(draw, schema, &scope),
        _ => format!("select count(*) from ({}) as d", limited(draw, &scope)),
    }
}

/// Each with a name: MySQL's own for a string is its text, vtgate's has the quotes.
fn named(list: Vec<String>) -> String {
    let named: Vec<String> =
        list.iter().enumerate().map(|(at, item)| format!("{item} as p{at}")).collect();
    named.join(", ")
}

fn rows(draw: &mut Draw, scope: &Scope) -> String {
    let list = match draw.below(3) {
        0 if scope.can_show_all() => "*".to_string(),
        1 => {
            let list = (0..=draw.below(3)).map(|_| {
                let (_, kind) = scope.any(draw);
                value(draw, scope, kind, 2)
            });
            named(list.collect())
        }
        _ => scope.some(draw).join(", "),
    };
    format!("select {list} from {}{}", scope.text, wheres(draw, scope))
}

fn grouped(draw: &mut Draw, scope: &Scope) -> String {
    let groups = scope.some(draw).join(", ");
    let list = aggregates(draw, scope).join(", ");
    let mut text = format!(
        "select {groups}, {list} from {}{} group by {groups}",
        scope.text,
        wheres(draw, scope)
    );
    if draw.below(3) == 0 {
        text += &format!(" having count(*) {} {}", draw.pick(&["=", ">", "<"]), draw.below(4));
    }
    match draw.below(4) {
        0 => text += &format!(" order by {groups}"),
        1 => text += &format!(" order by {groups} limit {}", 1 + draw.below(4)),
        _ => {}
    }
    text
}

fn distinct(draw: &mut Draw, scope: &Scope) -> String {
    let columns = scope.some(draw).join(", ");
    let order = if draw.below(2) == 0 { format!(" order by {columns}") } else { String::new() };
    format!("select distinct {columns} from {}{}{order}", scope.text, wheres(draw, scope))
}

fn limited(draw: &mut Draw, scope: &Scope) -> String {
    let columns = scope.some(draw);
    let order: Vec<String> =
        columns.iter().map(|column| format!("{column}{}", draw.pick(&["", " desc"]))).collect();
    let skip = if draw.below(2) == 0 { format!("{}, ", draw.below(3)) } else { String::new() };
    format!(
        "select {} from {}{} order by {} limit {skip}{}",
        named(columns),
        scope.text,
        wheres(draw, scope),
        order.join(", "),
        1 + draw.below(5)
    )
}

fn union(draw: &mut Draw, schema: &Schema) -> String {
    let kinds: Vec<Kind> = (0..=draw.below(2))
        .map(|_| {
            let scope = Scope::table(draw.choose(&schema.tables));
            scope.any(draw).1
        })
        .collect();
    let side = |draw: &mut Draw| {
        let scope = Scope::draw(draw, schema);
        let list: Vec<String> = kinds.iter().map(|kind| value(draw, &scope, *kind, 1)).collect();
        format!("select {} from {}{}", named(list), scope.text, wheres(draw, &scope))
    };
    let mut text = side(draw);
    for _ in 0..=draw.below(2) {
        text += &format!(" union {}{}", draw.pick(&["", "all "]), side(draw));
    }
    if draw.below(3) == 0 {
        let places: Vec<String> = (1..=kinds.len()).map(|at| at.to_string()).collect();
        text += &format!(" order by {}", places.join(", "));
        if draw.below(2) == 0 {
            text += &format!(" limit {}", 1 + draw.below(4));
        }
    }
    text
}

fn of_derived(draw: &mut Draw, schema: &Schema, scope: &Scope) -> String {
    let ((one, first), (other, second)) = (scope.any(draw), scope.any(draw));
    let inner = match draw.below(4) {
        0 => format!(
            "select {one} as p, count(*) as q from {}{} group by {one}",
            scope.text,
            wheres(draw, scope)
        ),
        1 => format!("select distinct {one} as p, {other} as q from {}", scope.text),
        _ => format!("select {one} as p, {other} as q from {}{}", scope.text, wheres(draw, scope)),
    };
    let second = if inner.contains("count(*)") { Kind::Int } else { second };
    match draw.below(6) {
        0 => format!("select d.q from ({inner}) as d where d.p = {}", first.literal(draw, 7)),
        1 => format!("select d.p, count(*), max(d.q) from ({inner}) as d group by d.p"),
        2 => format!("select count(d.p), min(d.q) from ({inner}) as d"),
        3 => format!("select distinct d.q, d.p from ({inner}) as d order by d.q, d.p"),
        4 => format!("select d.p from ({inner}) as d where d.q > {}", second.literal(draw, 5)),
        _ => {
            let table = draw.choose(&schema.tables);
            let same: Vec<&str> = table
                .columns
                .iter()
                .filter(|column| column.kind == first)
                .map(|column| column.name.as_str())
                .collect();
            let join = draw.pick(&["join", "left join"]);
            match same.is_empty() {
                true => format!("select d.p, d.q from ({inner}) as d"),
                false => format!(
                    "select d.q, o.{} from ({inner}) as d {join} {} as o on o.{} = d.p",
                    table.columns[0].name,
                    table.name,
                    draw.choose(&same)
                ),
            }
        }
    }
}

fn with_subquery(draw: &mut Draw, schema: &Schema, scope: &Scope) -> String {
    let table = draw.choose(&schema.tables);
    let alias = "s".to_string();
    let inner = Scope { text: format!("{} as s", table.name), tables: vec![(alias, table)] };
    let columns = scope.some(draw).join(", ");
    let (text, qualified) = (&scope.text, scope.qualified());
    let (one, kind) = draw.choose(&qualified).clone();
    let same: Vec<String> = inner.of(kind).iter().map(|name| format!("s.{name}")).collect();
    let condition = match draw.below(2) {
        0 => condition(draw, &inner, 1),
        _ => "1 = 1".to_string(),
    };
    let Some(found) = (!same.is_empty()).then(|| draw.choose(&same).clone()) else {
        return format!(
            "select {columns} from {text} where exists (select 1 from {} as s where {condition})",
            table.name
        );
    };
    let from = format!("from {} as s where {condition}", table.name);
    match draw.below(8) {
        0..=1 => format!("select {columns} from {text} where {one} in (select {found} {from})"),
        2 => format!("select {columns} from {text} where {one} not in (select {found} {from})"),
        3 => format!(
            "select {columns} from {text} where {}exists (select 1 {from} and {found} = {one})",
            draw.pick(&["", "not "])
        ),
        4 => format!("select {columns} from {text} where {one} = (select max({found}) {from})"),
        5 => format!("select {columns}, (select min({found}) {from}) from {text}"),
        6 => format!(
            "select {columns}, (select count(*) {from} and {found} = {one}) as n from {text}"
        ),
        _ => format!(
            "select count(*) from {text} where {one} in (select {found} {from}) or {}",
            self::condition(draw, scope, 0)
        ),
    }
}
