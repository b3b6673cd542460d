//! What holds of all keyspace ids, ranges, shards and destinations.

use proptest::prelude::*;

use crate::key::sharding_spec::{
    even_shards_key_range, generate_shard_ranges, parse_sharding_spec,
};
use crate::key::{Destination, KeyRange, KeyspaceId, Shard};

fn ksid() -> impl Strategy<Value = KeyspaceId> {
    // Few different bytes, so that zeros, carries and equal prefixes come up.
    let byte = prop_oneof![Just(0u8), Just(0x80), Just(0xff), any::<u8>()];
    prop::collection::vec(byte, 0..30).prop_map(KeyspaceId::from)
}

fn key_range() -> impl Strategy<Value = KeyRange> {
    (ksid(), ksid()).prop_map(|(start, end)| KeyRange { start, end })
}

fn destination() -> impl Strategy<Value = Destination> {
    let name = || "[a-zA-Z0-9_-]{1,10}";
    prop_oneof![
        name().prop_map(Destination::Shard),
        prop::collection::vec(name(), 0..4).prop_map(Destination::Shards),
        key_range().prop_map(Destination::ExactKeyRange),
        key_range().prop_map(Destination::KeyRange),
        ksid().prop_map(Destination::KeyspaceId),
        // A list of one empty id prints as the empty list does.
        prop::collection::vec(ksid(), 0..4)
            .prop_filter("not one empty id", |ids| ids[..] != [KeyspaceId::EMPTY])
            .prop_map(Destination::KeyspaceIds),
        Just(Destination::AnyShard),
        Just(Destination::AllShards),
        Just(Destination::None),
    ]
}

/// A range without bounds prints as `-`, however many zeros it was written with.
fn with_plain_complete(destination: Destination) -> Destination {
    let plain = |range: KeyRange| if range.is_complete() { KeyRange::COMPLETE } else { range };
    match destination {
        Destination::KeyRange(range) => Destination::KeyRange(plain(range)),
        Destination::ExactKeyRange(range) => Destination::ExactKeyRange(plain(range)),
        other => other,
    }
}

proptest! {
    #[test]
    fn ranges_parse_as_they_print(range in key_range()) {
        let parsed: KeyRange = range.to_string().parse().unwrap();
        prop_assert!(parsed.equal(&range));
        if !range.is_complete() {
            prop_assert_eq!(parsed, range);
        }
    }

    #[test]
    fn destinations_parse_as_they_print(destination in destination()) {
        let parsed: Destination = destination.to_string().parse().unwrap();
        prop_assert_eq!(parsed, with_plain_complete(destination));
    }

    #[test]
    fn an_id_is_in_one_shard_of_any_even_split(id in ksid(), power in 0u32..12) {
        let n = 1i64 << power;
        let ranges = (0..n).map(|i| even_shards_key_range(i, n).unwrap());
        prop_assert_eq!(ranges.filter(|range| range.contains(&id)).count(), 1);
    }

    #[test]
    fn an_id_is_in_one_shard_of_any_generated_split(id in ksid(), n in 1i64..700) {
        let shards: Vec<Shard> = generate_shard_ranges(n, 0)
            .unwrap()
            .iter()
            .map(|name| Shard::parse(name).unwrap())
            .collect();
        let destination = Destination::KeyspaceId(id);
        let names = destination.resolve(&shards, &mut |_| 0).unwrap();
        let holding = shards.iter().filter(|shard| match &destination {
            Destination::KeyspaceId(id) => shard.range.contains(id),
            _ => false,
        });
        prop_assert_eq!(names, holding.map(|shard| shard.name.as_str()).collect::<Vec<_>>());
    }

    #[test]
    fn the_ids_with_a_prefix_are_those_of_its_range(prefix in ksid(), id in ksid()) {
        prop_assume!(!prefix.as_bytes().is_empty());
        let Destination::KeyRange(range) = Destination::from_prefix(&prefix) else {
            panic!("a prefix is a range");
        };
        // As the keyspace orders ids, zeros follow every id.
        let mut padded = id.as_bytes().to_vec();
        padded.resize(padded.len().max(prefix.as_bytes().len()), 0);
        prop_assert_eq!(range.contains(&id), padded.starts_with(prefix.as_bytes()));
    }

    #[test]
    fn ranges_meet_where_they_share_an_id(a in key_range(), b in key_range(), id in ksid()) {
        if a.contains(&id) && b.contains(&id) {
            prop_assert!(a.intersects(&b));
        }
        prop_assert_eq!(a.intersects(&b), b.intersects(&a));
        if a.contains_range(&b) && b.contains(&id) {
            prop_assert!(a.contains(&id));
        }
    }

    #[test]
    fn any_text_is_a_name_or_an_error(text in "\\PC{0,70}|[0-9a-fA-F-]{0,12}|.{0,8}") {
        if let Ok(shard) = Shard::parse(&text) {
            prop_assert!(!shard.name.is_empty());
            prop_assert_eq!(Shard::parse(&shard.name), Ok(shard.clone()));
        }
        if let Ok(ranges) = parse_sharding_spec(&text) {
            prop_assert_eq!(ranges.len(), text.split('-').count().max(2) - 1);
        }
        let _ = text.parse::<KeyRange>();
        let _ = text.parse::<Destination>();
    }

    #[test]
    fn any_split_is_an_answer_or_an_error(i in any::<i64>(), n in any::<i64>(), width in 0u8..40) {
        let _ = even_shards_key_range(i, n);
        let _ = generate_shard_ranges(n % 2000, width);
    }
}
