//! What holds of all vindexes and values.

use proptest::prelude::*;

use crate::key::{Destination, KeyspaceId};
use crate::vindex::lookup::{Context, Conversation, Lookup, PROFILES, Reply, Statement, Step};
use crate::vindex::value::KINDS;
use crate::vindex::{Kind, Owner, Params, Registry, Row, Value, Vindex, VindexError, number_map};

fn params(entries: &[(&str, &str)]) -> Params {
    entries.iter().map(|(name, text)| (name.to_string(), text.to_string())).collect()
}

fn value() -> impl Strategy<Value = Value> {
    let bytes = prop_oneof![
        any::<i64>().prop_map(|number| number.to_string().into_bytes()),
        "\\PC{0,12}".prop_map(String::into_bytes),
        prop::collection::vec(any::<u8>(), 0..12),
        "0[xb][0-9a-f]{0,5}|x'[0-9a-f]{0,5}'?".prop_map(String::into_bytes),
    ];
    (0..KINDS.len(), bytes).prop_map(|(i, bytes)| match KINDS[i].0 {
        Kind::Null => Value::NULL,
        kind => Value { kind, bytes },
    })
}

fn reply() -> impl Strategy<Value = Reply> {
    let rows = prop::collection::vec(prop::collection::vec(value(), 0..4), 0..4);
    prop_oneof![
        4 => rows.prop_map(Ok),
        1 => Just(Err(VindexError::mysql(1062, "23000", "Duplicate entry"))),
        1 => Just(Err(VindexError::unknown("(errno 1062) (sqlstate 23000) Duplicate entry"))),
        1 => Just(Err(VindexError::mysql(1205, "HY000", "Lock wait timeout exceeded"))),
    ]
}

fn context() -> impl Strategy<Value = Context> {
    let statement = prop_oneof![
        Just(Statement::Select),
        Just(Statement::Insert),
        Just(Statement::Update),
        Just(Statement::Delete),
        Just(Statement::Other),
    ];
    (any::<bool>(), statement, any::<bool>(), any::<bool>()).prop_map(
        |(in_transaction, statement, ignore, vcursor)| Context {
            in_transaction,
            statement,
            ignore,
            vcursor,
        },
    )
}

/// Drives a conversation to its end; it must come to one within the replies or ask each time.
fn drive<C: Conversation>(
    mut conversation: C,
    replies: &[Reply],
) -> Option<Result<C::Output, VindexError>> {
    let mut step = conversation.step(None);
    for reply in replies {
        match step {
            Step::Done(outcome) => {
                assert!(
                    matches!(conversation.step(None), Step::Done(Err(_))),
                    "went on after its end"
                );
                return Some(outcome);
            }
            Step::Ask(ask) => {
                assert!(!ask.sql.is_empty(), "an empty statement");
                step = conversation.step(Some(reply.clone()));
            }
        }
    }
    None
}

proptest! {
    #[test]
    fn reverse_map_undoes_map(
        number in any::<u64>(),
        bytes in prop::collection::vec(any::<u8>(), 0..40),
    ) {
        let registry = Registry::standard();
        for type_name in registry.type_names() {
            let vindex = registry.create(type_name, type_name, &Params::new());
            let Ok(vindex) = vindex else { continue };
            if !vindex.properties().reversible {
                continue;
            }
            let input = match type_name {
                "binary" => Value::varbinary(&bytes),
                _ => Value::uint64(number),
            };
            let functional = vindex.functional().unwrap();
            let mapped = functional.map_one(std::slice::from_ref(&input)).unwrap();
            let Destination::KeyspaceId(ksid) = mapped else { panic!("{type_name} gave {mapped}") };
            prop_assert_eq!(functional.reverse_map(Some(&ksid)), Ok(input), "{}", type_name);
        }
    }

    /// Whatever Map gives, Verify agrees with, where Verify takes the value at all.
    #[test]
    fn verify_agrees_with_map(row in prop::collection::vec(value(), 0..4), other in any::<u64>()) {
        let registry = Registry::standard();
        let made = [
            ("binary", params(&[])),
            ("binary_md5", params(&[])),
            ("cfc", params(&[("hash", "md5"), ("offsets", "[2,4]")])),
            ("hash", params(&[])),
            ("multicol", params(&[("column_count", "3"), ("column_vindex", "xxhash,,binary")])),
            ("null", params(&[])),
            ("numeric", params(&[])),
            ("numeric_static_map", params(&[("json", "{\"1\":2}"), ("fallback_type", "xxhash")])),
            ("region_experimental", params(&[("region_bytes", "1")])),
            ("reverse_bits", params(&[])),
            ("unicode_loose_md5", params(&[])),
            ("unicode_loose_xxhash", params(&[])),
            ("xxhash", params(&[])),
        ];
        for (type_name, params) in made {
            let vindex = registry.create(type_name, "v", &params).unwrap();
            let functional = vindex.functional().unwrap();
            let Ok(Destination::KeyspaceId(ksid)) = functional.map_one(&row) else { continue };
            if let Ok(verified) = functional.verify_one(&row, &ksid) {
                prop_assert!(verified, "{}", type_name);
            }
            let other = KeyspaceId::from_u64(other);
            if let Ok(verified) = functional.verify_one(&row, &other) {
                prop_assert_eq!(verified, other == ksid, "{}", type_name);
            }
        }
    }

    #[test]
    fn conversations_end_whatever_the_replies(
        profile in 0..PROFILES.len(),
        flags in prop::collection::vec(any::<bool>(), 6),
        context in context(),
        rows in prop::collection::vec(prop::collection::vec(value(), 0..3), 0..4),
        ksid in prop::collection::vec(any::<u8>(), 8..9),
        replies in prop::collection::vec(reply(), 40),
    ) {
        let names = ["ignore_nulls", "batch_lookup", "write_only", "autocommit", "multi_shard_autocommit", "no_verify"];
        let mut params = params(&[("table", "t"), ("from", "a,b"), ("to", "k")]);
        for (name, flag) in names.iter().zip(&flags) {
            params.insert(name.to_string(), flag.to_string());
        }
        let lookup = Lookup::new("l", &PROFILES[profile], &params).unwrap();
        let columns = vec!["x".into(), "y".into()];
        let owner = Owner { keyspace: "ks".into(), table: "o".into(), columns };
        let owned = lookup.owned_by(&owner).map(|owned| owned.unwrap());
        let lookup = owned.as_ref().and_then(|owned| owned.lookup()).unwrap_or(&lookup);
        let ksid = KeyspaceId::from(ksid);
        let ksids = vec![ksid.clone(); rows.len()];
        let ids: Row = rows.iter().flatten().cloned().collect();
        let id_ksids = vec![ksid.clone(); ids.len()];
        if let Some(Ok(mapped)) = drive(lookup.map(context, &ids), &replies) {
            prop_assert_eq!(mapped.len(), ids.len());
        }
        if let Some(Ok(verified)) = drive(lookup.verify(context, &ids, &id_ksids), &replies) {
            prop_assert_eq!(verified.len(), ids.len());
        }
        prop_assert!(drive(lookup.create(context, &rows, &ksids), &replies).is_some());
        prop_assert!(drive(lookup.delete(context, &rows, &ksid), &replies).is_some());
        let old = rows.first().cloned().unwrap_or_default();
        let new = rows.last().cloned().unwrap_or_default();
        let equal = |a: &Value, b: &Value| a == b;
        prop_assert!(drive(lookup.update(context, &old, &ksid, &new, &equal), &replies).is_some());
    }

    /// Another parser agrees which texts are JSON.
    #[test]
    fn number_maps_parse_or_say_why_not(text in "[\\{\\}\\[\\]:,\" 0-9a-fnulltr.eE+\\\\-]{0,24}|\\PC{0,12}") {
        let parsed = number_map::parse(&text);
        // serde_json refuses numbers that no f64 holds, and lone surrogates.
        let is_json = serde_json::from_str::<serde_json::Value>(&text).is_ok();
        if let (true, Err(error)) = (is_json, parsed) {
            prop_assert!(error.message.starts_with("json: cannot unmarshal"), "{}", error);
        }
    }

    #[test]
    fn parameters_make_a_vindex_or_an_error(
        name in "column_count|column_bytes|column_vindex|json|offsets|region_bytes|cost|from",
        text in "[0-9,\\[\\] a-z-]{0,12}|\\PC{0,6}",
        count in 0i64..10,
        row in prop::collection::vec(value(), 0..10),
    ) {
        let registry = Registry::standard();
        let mut params = params(&[("hash", "xxhash64")]);
        params.insert("column_count".to_string(), count.to_string());
        params.insert(name, text);
        for type_name in registry.type_names() {
            let Ok(vindex) = registry.create(type_name, "v", &params) else { continue };
            if let Some(functional) = vindex.functional() {
                let _ = functional.map_one(&row);
                let prefix = functional.prefix_vindex();
                let _ = prefix.map(|prefix| prefix.functional().map(|f| f.map_one(&row)));
            }
        }
    }
}
