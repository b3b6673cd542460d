//! Drawn cases: a schema with its vschema, rows, and a program of reads and changes over it, on
//! keyspaces that are sharded in different ways.

mod change;
mod query;
mod schema;

use crate::draw::Draw;
use schema::{Keyspace, Schema};

pub struct Case {
    /// The scenario's head: keyspaces, vschemas, schemas, sessions.
    pub setup: String,
    /// The sessions of the sharded keyspaces.
    pub routed: Vec<char>,
    pub program: Vec<String>,
    /// The vschema of all keyspaces.
    pub vschema: String,
}

const SHARDS: [&str; 4] = ["-80,80-", "-40,40-80,80-c0,c0-", "-20,20-", "-55,55-aa,aa-"];

pub fn case(seed: u64) -> Case {
    let mut draw = Draw::new(seed.wrapping_add(1 << 40));
    let draw = &mut draw;
    let mut schema = Schema::draw(draw);
    let (one, other) = (*draw.choose(&SHARDS), *draw.choose(&SHARDS));
    let mut keyspaces = vec![Keyspace { name: "sharded", shards: one, write_only: false }];
    match draw.below(4) {
        0 => keyspaces.push(Keyspace { name: "split", shards: other, write_only: false }),
        1 => keyspaces.push(Keyspace { name: "written", shards: one, write_only: true }),
        _ => {}
    }
    let verified = keyspaces.iter().all(|keyspace| !keyspace.write_only);
    schema.tables.iter_mut().for_each(|table| table.verified &= verified);
    let references = references(draw, &schema);
    let (setup, routed) = setup(&schema, &keyspaces, &references);
    let own = keyspaces.iter().map(|own| format!("\"{}\": {}", own.name, schema.vschema(own)));
    let own: Vec<String> = own.collect();
    let vschema =
        format!("{{ \"keyspaces\": {{ \"main\": {{}}, \"single\": {{}}, {} }} }}", own.join(", "));
    Case { setup, routed, program: program(draw, &schema), vschema }
}

/// Rows of the tables that each shard has a copy of: no statement changes those.
fn references(draw: &mut Draw, schema: &Schema) -> Vec<String> {
    let mut statements = Vec::new();
    for table in schema.tables.iter().filter(|table| table.reference) {
        statements.extend(change::first_rows(draw, table));
    }
    statements
}

fn setup(schema: &Schema, keyspaces: &[Keyspace], references: &[String]) -> (String, Vec<char>) {
    let mut lines = vec!["cluster".to_string()];
    for (at, keyspace) in keyspaces.iter().enumerate() {
        let (name, shards) = (keyspace.name, keyspace.shards);
        let uid = if at == 0 { String::new() } else { format!(" uid={}", 3000 + 2000 * at) };
        lines.push(format!("keyspace {name} shards='{shards}'{uid}"));
    }
    lines.push("keyspace single shards='0' uid=900".into());
    lines.push("keyspace main shards='0' uid=1900".into());
    let unsharded: String =
        keyspaces.iter().map(|keyspace| schema.unsharded_definitions(keyspace)).collect();
    if !unsharded.is_empty() {
        lines.push(format!("schema main '{unsharded}'"));
    }
    let mut routed = Vec::new();
    for keyspace in keyspaces {
        let name = keyspace.name;
        lines.push(format!("vschema {name} '{}'", schema.vschema(keyspace)));
        lines.push(format!("schema {name} '{}'", schema.definitions()));
    }
    lines.push(format!("schema single '{}'", schema.definitions()));
    for (session, keyspace) in ['s', 'h'].into_iter().zip(keyspaces) {
        lines.push(format!("session {session} target={}", keyspace.name));
        routed.push(session);
    }
    lines.push("session u target=single".into());
    let mut copies = vec!["u".to_string()];
    for keyspace in keyspaces {
        for shard in keyspace.shards.split(',') {
            let session = format!("c{}", copies.len());
            lines.push(format!("session {session} target={}/{shard}", keyspace.name));
            copies.push(session);
        }
    }
    for statement in references {
        lines.extend(copies.iter().map(|session| format!("{session}:> {statement}")));
    }
    lines.push(String::new());
    (lines.join("\n"), routed)
}

fn program(draw: &mut Draw, schema: &Schema) -> Vec<String> {
    let mut statements = Vec::new();
    for table in schema.sharded() {
        statements.extend(change::first_rows(draw, table));
    }
    for _ in 0..30 {
        match draw.below(9) {
            0..=4 => statements.push(query::select(draw, schema)),
            5..=7 => statements.push(change::change(draw, schema)),
            _ => statements.extend(change::transaction(draw, schema)),
        }
    }
    for table in schema.sharded() {
        statements.push(format!("select * from {}", table.name));
    }
    statements
}
