//! What holds of all vschemas.

use proptest::prelude::*;

use crate::vindex::Registry;
use crate::vindex::value::KINDS;
use crate::vschema::place::locate;
use crate::vschema::source::{
    AutoIncrementSource, ColumnSource, ColumnVindexSource, KeyspaceRoutingRuleSource,
    KeyspaceSource, MirrorRuleSource, MultiTenantSpec, RoutingRuleSource, ShardRoutingRuleSource,
    TableSource, VindexSource,
};
use crate::vschema::{Build, ForeignKeyMode, SrvVSchema, VSchema};

/// Names that collide often.
fn name() -> impl Strategy<Value = String> {
    prop_oneof![8 => "[abt]", 2 => "k|s|[abt]@replica", 1 => "\\PC{0,4}", 1 => Just(String::new())]
}

fn table_name() -> impl Strategy<Value = String> {
    prop_oneof![
        name(),
        (name(), name()).prop_map(|(keyspace, table)| format!("{keyspace}.{table}"))
    ]
}

fn vindex() -> impl Strategy<Value = VindexSource> {
    let type_name = "hash|xxhash|lookup|consistent_lookup_unique|lookup_unique|multicol|region_experimental|nope|";
    let param = "table|from|to|write_only|column_count|region_bytes";
    let text = "true|a|a,b|2|1|";
    (type_name, prop::collection::btree_map(param, text, 0..4), name())
        .prop_map(|(type_name, params, owner)| VindexSource { type_name, params, owner })
}

fn column() -> impl Strategy<Value = ColumnSource> {
    (
        name(),
        0..KINDS.len(),
        any::<(bool, i32, i32, Option<bool>)>(),
        name(),
        prop::collection::vec(name(), 0..2),
    )
        .prop_map(|(name, kind, (invisible, size, scale, nullable), default, values)| {
            ColumnSource {
                name,
                kind: KINDS[kind].0,
                invisible,
                collation_name: default.clone(),
                default,
                size,
                scale,
                nullable,
                values,
            }
        })
}

fn table() -> impl Strategy<Value = TableSource> {
    let column_vindex = (name(), name(), prop::collection::vec(name(), 0..3))
        .prop_map(|(column, name, columns)| ColumnVindexSource { column, name, columns });
    let auto_increment = (name(), table_name())
        .prop_map(|(column, sequence)| AutoIncrementSource { column, sequence });
    (
        "|sequence|reference|other",
        prop::collection::vec(column_vindex, 0..4),
        prop::option::of(auto_increment),
        prop::collection::vec(column(), 0..3),
        "|80|8x",
        any::<bool>(),
        prop_oneof![2 => Just(String::new()), 1 => table_name()],
    )
        .prop_map(
            |(
                type_name,
                column_vindexes,
                auto_increment,
                columns,
                pinned,
                authoritative,
                source,
            )| {
                TableSource {
                    type_name,
                    column_vindexes,
                    auto_increment,
                    columns,
                    pinned,
                    column_list_authoritative: authoritative,
                    source,
                }
            },
        )
}

fn keyspace() -> impl Strategy<Value = KeyspaceSource> {
    let mode = prop_oneof![
        Just(ForeignKeyMode::Unspecified),
        Just(ForeignKeyMode::Disallow),
        Just(ForeignKeyMode::Managed),
    ];
    let tenant = (name(), 0..KINDS.len()).prop_map(|(name, kind)| MultiTenantSpec {
        tenant_id_column_name: name,
        tenant_id_column_type: KINDS[kind].0,
    });
    (
        any::<bool>(),
        mode,
        prop::collection::btree_map(name(), vindex(), 0..4),
        prop::collection::btree_map(name(), table(), 0..4),
        any::<bool>(),
        prop::option::of(tenant),
    )
        .prop_map(
            |(sharded, foreign_key_mode, vindexes, tables, explicit, multi_tenant_spec)| {
                KeyspaceSource {
                    sharded,
                    foreign_key_mode,
                    vindexes,
                    tables,
                    require_explicit_routing: explicit,
                    multi_tenant_spec,
                }
            },
        )
}

fn vschema() -> impl Strategy<Value = SrvVSchema> {
    let routing = (table_name(), prop::collection::vec(table_name(), 0..3))
        .prop_map(|(from_table, to_tables)| RoutingRuleSource { from_table, to_tables });
    let shard = (name(), name(), name()).prop_map(|(from_keyspace, to_keyspace, shard)| {
        ShardRoutingRuleSource { from_keyspace, to_keyspace, shard }
    });
    let between = (name(), name()).prop_map(|(from_keyspace, to_keyspace)| {
        KeyspaceRoutingRuleSource { from_keyspace, to_keyspace }
    });
    let mirror =
        (table_name(), table_name(), 0u8..100).prop_map(|(from_table, to_table, percent)| {
            MirrorRuleSource { from_table, to_table, percent: f64::from(percent) / 8.0 }
        });
    (
        prop::collection::btree_map(name(), keyspace(), 0..4),
        prop::collection::vec(routing, 0..4),
        prop::collection::vec(shard, 0..2),
        prop::collection::vec(between, 0..2),
        prop::collection::vec(mirror, 0..4),
    )
        .prop_map(|(keyspaces, routing, shards, between, mirrors)| SrvVSchema {
            keyspaces,
            routing_rules: routing,
            shard_routing_rules: shards,
            keyspace_routing_rules: between,
            mirror_rules: mirrors,
        })
}

proptest! {
    #[test]
    fn vschemas_parse_as_they_print(source in vschema()) {
        prop_assert_eq!(SrvVSchema::parse(&source.print()), Ok(source));
    }

    #[test]
    fn vschemas_build_and_answer(source in vschema(), keyspace in name(), table in name()) {
        let registry = Registry::standard();
        let (vschema, problems) =
            VSchema::build_with_problems(&source, &registry, Build::AsVitess);
        let (_, everything) =
            VSchema::build_with_problems(&source, &registry, Build::Everything);
        // A keyspace that ends early takes tables from others, whose problems then are not their
        // own.
        prop_assert_eq!(problems.is_empty(), everything.is_empty());
        for (name, keyspace) in &vschema.keyspaces {
            let mut own = problems.iter().filter(|problem| problem.keyspace.as_ref() == Some(name));
            prop_assert_eq!(keyspace.error.is_some(), own.next().is_some());
        }
        for keyspace in source.keyspaces.values() {
            let first = VSchema::build_keyspace(keyspace, &registry).err();
            let (all, _) = VSchema::check_keyspace(keyspace, &registry);
            prop_assert_eq!(first, all.into_iter().next().map(|problem| problem.error));
        }
        let text = source.print();
        for problem in &everything {
            let place = locate(&text, &problem.pointer);
            prop_assert!(place.offset + place.len <= text.len());
        }
        let _ = vschema.find_table(&keyspace, &table);
        let _ = vschema.find_routed_table(&keyspace, &table, "replica");
        let _ = vschema.find_table_or_vindex(&keyspace, &table, "primary");
        let _ = vschema.find_mirror(&keyspace, &table, "primary");
    }

    #[test]
    fn any_text_is_a_vschema_or_an_error(
        source in vschema(),
        edits in prop::collection::vec((any::<prop::sample::Index>(), "[\\[\\]\\{\\}\",:a0-]|null|true|1e9|\\PC"), 0..6),
        camel in any::<bool>(),
    ) {
        let mut text = source.print();
        if camel {
            text = text.replace("column_vindexes", "columnVindexes").replace("from_table", "fromTable");
        }
        for (at, edit) in edits {
            let boundaries: Vec<usize> = text.char_indices().map(|(i, _)| i).collect();
            let start = boundaries[at.index(boundaries.len())];
            let end = text[start..].chars().next().map_or(start, |c| start + c.len_utf8());
            text.replace_range(start..end, &edit);
        }
        if let Ok(parsed) = SrvVSchema::parse(&text) {
            VSchema::build(&parsed, &Registry::standard());
        }
        let _ = KeyspaceSource::parse(&text);
    }

    #[test]
    fn any_bytes_are_a_vschema_or_an_error(text in "\\PC{0,40}|[\\[\\]\\{\\}\",:a0 -]{0,40}", pointer in "(/[a-c0-9~]{0,2}){0,4}") {
        let _ = SrvVSchema::parse(&text);
        let _ = locate(&text, &pointer);
    }
}
