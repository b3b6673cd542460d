//! No expression panics, whatever it is given.

#![allow(clippy::unwrap_used)] // A test that cannot go on fails.

use proptest::prelude::*;
use sim::eval::{Env, NoColumns, Program};
use sim::sql::ast::{Query, SelectItem, Statement};
use sim::sql::parse;

const VALUES: &[&str] = &[
    "null",
    "0",
    "1",
    "-1",
    "7",
    "255",
    "9223372036854775807",
    "-9223372036854775808",
    "18446744073709551615",
    "99999999999999999999999999999999999999999999999999999999999999999",
    "0.000000000000000000000000000001",
    "1.5",
    "-2.50",
    "1e308",
    "-1e-308",
    "1e0",
    "''",
    "'a'",
    "'é'",
    "'12abc'",
    "'-5'",
    "'2026-01-31'",
    "'2026-01-31 23:59:59.999999'",
    "'10:20:30'",
    "'9999-12-31'",
    "'0000-01-01'",
    "'%_\\\\'",
    "x'ff00'",
    "x''",
    "0x41",
    "date '9999-12-31'",
    "date '0001-01-01'",
    "timestamp '2026-01-31 10:20:30.5'",
    "time '838:59:59'",
    "time '-838:59:59'",
    "true",
];

const TEMPLATES: &[&str] = &[
    "A + B",
    "A - B",
    "A * B",
    "A / B",
    "A div B",
    "A % B",
    "-A",
    "~A",
    "!A",
    "A & B",
    "A << B",
    "A >> B",
    "A = B",
    "A <=> B",
    "A < B",
    "A in (B, C)",
    "A between B and C",
    "A like B",
    "A like B escape C",
    "A and B",
    "A xor B",
    "A is true",
    "case A when B then C else A end",
    "if(A, B, C)",
    "coalesce(A, B)",
    "nullif(A, B)",
    "greatest(A, B, C)",
    "least(A, B)",
    "concat(A, B)",
    "concat_ws(A, B, C)",
    "substr(A, B, C)",
    "left(A, B)",
    "right(A, B)",
    "trim(A)",
    "trim(both A from B)",
    "replace(A, B, C)",
    "repeat(A, B)",
    "lpad(A, B, C)",
    "rpad(A, B, C)",
    "space(A)",
    "locate(A, B, C)",
    "substring_index(A, B, C)",
    "hex(A)",
    "unhex(A)",
    "char(A, B)",
    "elt(A, B, C)",
    "field(A, B)",
    "find_in_set(A, B)",
    "abs(A)",
    "sign(A)",
    "ceil(A)",
    "floor(A)",
    "round(A)",
    "round(A, B)",
    "truncate(A, B)",
    "mod(A, B)",
    "pow(A, B)",
    "sqrt(A)",
    "ln(A)",
    "cast(A as signed)",
    "cast(A as unsigned)",
    "cast(A as decimal(5, 2))",
    "cast(A as decimal(65, 30))",
    "cast(A as char(2))",
    "cast(A as binary(2))",
    "cast(A as date)",
    "cast(A as datetime(3))",
    "cast(A as time(2))",
    "cast(A as double)",
    "cast(A as float)",
    "cast(A as year)",
    "A + interval B day",
    "A - interval B month",
    "A + interval B year",
    "A + interval B second",
    "A + interval B day_second",
    "A + interval B week",
    "datediff(A, B)",
    "timestampdiff(month, A, B)",
    "timestampdiff(microsecond, A, B)",
    "from_unixtime(A)",
    "unix_timestamp(A)",
    "makedate(A, B)",
    "last_day(A)",
    "extract(year_month from A)",
    "hour(A)",
    "time(A)",
    "date_format(A, B)",
    "dayofyear(A)",
    "to_days(A)",
    "now(A)",
    "weight_string(A)",
    "crc32(A)",
    "bit_count(A)",
    "strcmp(A, B)",
    "reverse(A)",
    "last_insert_id(A)",
    "@v := A",
    "quote(A)",
    "ord(A)",
];

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 6000,
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    #[test]
    fn any_expression_gives_a_value_or_an_error(
        outer in prop::sample::select(TEMPLATES),
        inner in prop::sample::select(TEMPLATES),
        values in prop::collection::vec(prop::sample::select(VALUES), 6),
    ) {
        let fill = |template: &str, a: &str, b: &str, c: &str| -> String {
            template.chars().map(|letter| match letter {
                'A' => format!("({a})"),
                'B' => format!("({b})"),
                'C' => format!("({c})"),
                other => other.to_string(),
            }).collect()
        };
        let inner = fill(inner, values[0], values[1], values[2]);
        let text = format!("select {}", fill(outer, &inner, values[3], values[4]));
        // `_utf8mb4 x''` and the like may be no statement at all.
        let Ok(Statement::Query(Query::Select(select))) = parse(&text) else { return Ok(()) };
        let [SelectItem::Expr { expr, .. }] = select.items.as_slice() else { return Ok(()) };
        let mut env = Env::new(jiff::civil::DateTime::constant(2026, 1, 1, 0, 0, 0, 0));
        if let Ok(value) = Program::compile(expr, &NoColumns).and_then(|p| p.run(&[], &mut env)) {
            let _ = (value.to_string(), sim::sql::print::literal(&value), sim::eval::truth(&value));
        }
    }
}
