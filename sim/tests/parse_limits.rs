//! No text overflows the stack, takes forever or panics.

#![allow(clippy::unwrap_used)] // A test that cannot go on fails.

use proptest::prelude::*;
use sim::sql::parse;

/// Runs on the stack that a thread has if nobody says more: what fits here fits everywhere.
fn on_small_stack(check: impl FnOnce() + Send + 'static) {
    #[allow(clippy::disallowed_methods)] // The stack's size is the thread's.
    let thread = std::thread::Builder::new().stack_size(1 << 21).spawn(check).unwrap();
    thread.join().unwrap();
}

fn repeated(part: &str, count: usize, between: &str) -> String {
    vec![part; count].join(between)
}

#[test]
fn large_statements_are_read() {
    on_small_stack(|| {
        let rows = repeated("(1, 'a', null, :v1)", 5000, ", ");
        let texts = [
            format!("select 1 from t where {}", repeated("a = 1", 10_000, " and ")),
            format!("select 1 from t where {}", repeated("a = 1", 10_000, " or ")),
            format!("select 1 from t where {}", repeated("a = 1 and b = 2", 10_000, " or ")),
            format!("select 1 from t where a in ({})", repeated("7", 100_000, ", ")),
            format!("insert into t(a, b, c, d) values {rows}"),
            format!("select {} from t", repeated("a + b * c", 10_000, ", ")),
            format!("select '{}'", "x".repeat(1_000_000)),
            format!("select 1 /* {} */", "x".repeat(1_000_000)),
        ];
        for text in texts {
            let statement = parse(&text).unwrap();
            let printed = statement.to_string();
            assert!(parse(&printed).unwrap() == statement, "{}", &text[..60]);
        }
    });
}

#[test]
fn deep_statements_are_refused() {
    on_small_stack(|| {
        let nested = |open: &str, close: &str, count: usize| {
            format!("select {}1{} from t", open.repeat(count), close.repeat(count))
        };
        let texts = [
            nested("(", ")", 100_000),
            nested("(", "", 100_000),
            nested("(select ", ")", 100_000),
            nested("not ", "", 100_000),
            nested("- ", "", 100_000),
            nested("!", "", 100_000),
            nested("~", "", 100_000),
            nested("binary ", "", 100_000),
            nested("f(", ")", 100_000),
            nested("case when ", " then 1 end", 100_000),
            nested("interval ", " day", 100_000),
            nested("exists (select ", ")", 100_000),
            format!("select {}", repeated("1", 10_000, " + ")),
            format!("select {}", repeated("1", 10_000, " = ")),
            format!("select {}", repeated("1", 10_000, " xor ")),
            format!("select {}", repeated("1", 10_000, " div ")),
            format!("select 1{}", " is null".repeat(10_000)),
            format!("select 1{}", " collate utf8mb4_bin".repeat(10_000)),
            format!("select 1{}", " between 1 and 2".repeat(10_000)),
            format!("select a{}", " -> '$.a'".repeat(10_000)),
            format!("select 1 from {}", repeated("t", 10_000, " join ")),
            repeated("select 1", 10_000, " union "),
            format!("select 1 from {}t", "(".repeat(100_000)),
            format!("select {}1 from t", "end(".repeat(10_000)),
            format!("select {}1 from t", "- values ".repeat(10_000)),
            format!("{}select 1", "explain ".repeat(10_000)),
            format!("{}select 1", "with a as (".repeat(10_000)),
            format!("set @a = {}1", "@a := ".repeat(10_000)),
        ];
        for text in texts {
            assert!(parse(&text).is_err(), "{}", &text[..40]);
        }
    });
}

#[test]
fn what_is_just_not_too_deep_is_read() {
    on_small_stack(|| {
        let texts = [
            format!("select {}1{}", "(".repeat(100), ")".repeat(100)),
            format!("select {}1", "not ".repeat(100)),
            format!("select {}", repeated("1", 100, " + ")),
            repeated("select 1", 100, " union all "),
            format!("select {}1{}", "(select ".repeat(30), ")".repeat(30)),
            format!("select a + {}1{}", "interval (".repeat(30), ") day".repeat(30)),
            format!("select {}1{}", "f(".repeat(60), ")".repeat(60)),
            format!("select {}1{}", "if(now(), ".repeat(30), ", 2)".repeat(30)),
            format!("select {}a{}", "cast(".repeat(60), " as char)".repeat(60)),
            format!("select 1 from {}a join b{}", "(".repeat(60), ")".repeat(60)),
            format!("select 1 from {}a{}", "(select 1 from ".repeat(30), ") as t".repeat(30)),
            format!("select 1 where {}1{}", "a in (select ".repeat(25), ")".repeat(25)),
            format!("select {}1{}", "case when ".repeat(60), " then 1 end".repeat(60)),
        ];
        for text in texts {
            let statement = parse(&text).unwrap();
            assert!(parse(&statement.to_string()).unwrap() == statement, "{text}");
        }
    });
}

#[test]
fn errors_say_where() {
    let cases = [
        ("selec 1", 0, "selec", "selec 1", 1),
        ("select 1 from", 13, "", "", 1),
        ("select 1\nfrom t where", 21, "", "", 2),
        ("select 1 from t whre a = 1", 21, "a", "a = 1", 1),
        ("insert into t values (1,)", 24, ")", ")", 1),
        ("select * from t where a = = 1", 26, "=", "= 1", 1),
        ("", 0, "", "", 1),
        ("select 'abc", 7, "'", "'abc", 1),
    ];
    for (text, position, token, near, line) in cases {
        let error = parse(text).unwrap_err();
        let found = (error.position, error.token.as_str(), error.near.as_str(), error.line);
        assert_eq!(found, (position, token, near, line), "{text:?}");
    }
}

const WORDS: &[&str] = &[
    "select", "from", "where", "and", "or", "not", "t", "a", "b.c", "`x y`", "1", "'s'", "(", ")",
    ",", "=", "+", "-", "*", "in", "is", "null", "like", "between", "case", "when", "then", "end",
    "join", "left", "on", "using", "union", "all", "group", "by", "order", "limit", ":v", "::l",
    "insert", "into", "values", "update", "set", "delete", "create", "table", "int", "@v", "@@x",
    "interval", "day", "cast", "as", "char", "for", "share", "lock", "mode", "!", "~", "0x1F", ";",
    "/* c */", "exists", "distinct", "count(*)", ".", "[", "]", "{", "?", "\"q\"", "%", "^", "->",
    "->>", ":=", "::", ":", "show", "alter", "drop", "explain", "with", "over", "next", "vindex",
    "use", "binary", "_utf8mb4", "x'4'", "b'01'", "date", "--", "#", "\\", "'", "`",
];

/// An expression in full parentheses, so that every nesting of operators occurs.
fn expression() -> impl Strategy<Value = String> {
    let leaf =
        prop::sample::select(&["a", "t.b", "1", "'s'", ":v", "null"][..]).prop_map(str::to_owned);
    leaf.prop_recursive(4, 24, 3, |inner| {
        let operators = &[
            "=", "<=>", "!=", "<", "and", "or", "xor", "+", "-", "*", "/", "div", "mod", "%", "&",
            "|", "^", "<<", ">>", "like", "not like", "regexp",
        ][..];
        let prefixes = &["not", "-", "~", "!", "binary", "+", "@v :="][..];
        let suffixes =
            &["is null", "is not true", "collate utf8mb4_bin", "in (1, 2)", "not in ::l"][..];
        prop_oneof![
            (inner.clone(), prop::sample::select(operators), inner.clone())
                .prop_map(|(left, op, right)| format!("({left}) {op} ({right})")),
            (prop::sample::select(prefixes), inner.clone())
                .prop_map(|(op, x)| format!("{op} ({x})")),
            (inner.clone(), prop::sample::select(suffixes))
                .prop_map(|(x, op)| format!("({x}) {op}")),
            (inner.clone(), inner.clone(), inner.clone())
                .prop_map(|(a, b, c)| format!("({a}) between ({b}) and ({c})")),
            (inner.clone(), inner.clone())
                .prop_map(|(a, b)| format!("case ({a}) when ({b}) then ({a}) else ({b}) end")),
            (inner.clone(), inner.clone()).prop_map(|(a, b)| format!("({a}) + interval ({b}) day")),
            (inner.clone(), inner).prop_map(|(a, b)| format!("(({a}), ({b})) = (1, 2)")),
        ]
    })
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 4000,
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    #[test]
    fn any_text_is_read_or_refused(text in ".{0,80}") {
        let _ = parse(&text);
    }

    #[test]
    fn any_words_are_read_or_refused(
        words in prop::collection::vec(prop::sample::select(WORDS), 0..24),
    ) {
        let text = words.join(" ");
        if let Ok(statement) = parse(&text) {
            let printed = statement.to_string();
            let again = parse(&printed);
            prop_assert!(again.as_ref() == Ok(&statement), "{text}\n{printed}\n{again:?}");
        }
    }

    #[test]
    fn built_expressions_keep_their_tree(text in expression()) {
        let statement = parse(&format!("select 1 from t where {text}")).unwrap();
        let printed = statement.to_string();
        let again = parse(&printed);
        prop_assert!(again.as_ref() == Ok(&statement), "{text}\n{printed}\n{again:?}");
    }

    #[test]
    fn expressions_keep_their_tree(
        words in prop::collection::vec(prop::sample::select(WORDS), 1..10),
    ) {
        let text = format!("select a from t where {}", words.join(" "));
        if let Ok(statement) = parse(&text) {
            let printed = statement.to_string();
            let again = parse(&printed);
            prop_assert!(again.as_ref() == Ok(&statement), "{text}\n{printed}\n{again:?}");
        }
    }
}
