//! `--schema FILE`: table definitions.
//!
//! They tell the planner what columns the tables have, and a search which tables to make. In Vitess
//! schema tracking reads them from the tablets; a table that is defined here has an authoritative
//! column list from then on, a primary key and foreign keys. A file belongs to the keyspace of its
//! name (`customer.sql`), unless a table names another or only one keyspace can be meant. It knows
//! nothing of queries.

use std::path::Path;

use sim::sql::ast::{Ident, Statement};

use crate::cli::CommandError;
use crate::cli::plan::queries;
use crate::vschema::SrvVSchema;
use crate::vschema::definition::Definition;

/// Reads the table definitions of a file; other statements in it mean nothing.
pub fn read(path: &Path, text: &str, source: &SrvVSchema) -> Result<Vec<Definition>, CommandError> {
    let file_name = path.file_name().and_then(|name| name.to_str()).unwrap_or("");
    let stem = file_name.split('.').next().unwrap_or("");
    let mut definitions = Vec::new();
    for query in queries::split(text) {
        let parsed = sim::sql::parse(&query.text).map_err(|error| {
            let line = query.line + error.line - 1;
            CommandError::usage(format!("{}:{line}: {error}", path.display()))
                .hint("a schema file holds CREATE TABLE statements with semicolons between")
        })?;
        if let Statement::CreateTable(create) = parsed {
            let place = format!("{}:{}", path.display(), query.line);
            let keyspace = keyspace_of(&create.table, stem, source, &place)?;
            definitions.push(Definition { keyspace, create });
        }
    }
    Ok(definitions)
}

fn keyspace_of(
    table: &sim::sql::ast::TableName,
    stem: &str,
    source: &SrvVSchema,
    place: &str,
) -> Result<String, CommandError> {
    let name = table.name.as_str();
    let known = |keyspace: &&str| source.keyspaces.contains_key(*keyspace);
    if let Some(keyspace) = table.qualifier.as_ref().map(Ident::as_str).or(Some(stem)).filter(known)
    {
        return Ok(keyspace.to_string());
    }
    let having = source.keyspaces.iter().filter(|(_, ks)| ks.tables.contains_key(name));
    let having: Vec<&String> = having.map(|(keyspace, _)| keyspace).collect();
    match (&having[..], source.keyspaces.len()) {
        ([only], _) => Ok((*only).clone()),
        ([], 1) => Ok(source.keyspaces.keys().next().cloned().unwrap_or_default()),
        _ => Err(CommandError::usage(format!("{place}: which keyspace is table {name} of?"))
            .hint("name the file after the keyspace, or the table as keyspace.table")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::vindex::Registry;
    use crate::vschema::tracked::ReferenceAction;
    use crate::vschema::{TableName, VSchema};

    #[test]
    fn definitions_become_columns_and_keys() {
        let source = SrvVSchema::parse(
            r#"{"keyspaces": {"u": {"tables": {"t": {}}}, "s": {"sharded": true, "tables": {}}}}"#,
        )
        .unwrap();
        let text = "create table t (id bigint unsigned primary key, a varchar(10), unique key (a));
            create table s.not_in_vschema (id int primary key);
            insert into t values (1);
            create table c (id int, t_id bigint, primary key (id, t_id),
              foreign key (t_id) references t (id) on delete cascade)";
        let definitions = read(Path::new("dir/u.sql"), text, &source).unwrap();
        let mut vschema = VSchema::build(&source, &Registry::standard());
        vschema.track(&definitions);
        let table = vschema.find_table("u", "t").unwrap();
        let columns: Vec<String> =
            table.columns.iter().map(|c| format!("{} {} {}", c.name, c.kind, c.size)).collect();
        assert_eq!(columns, ["id UINT64 0", "a VARCHAR 10"]);
        assert!(table.column_list_authoritative);
        assert_eq!(vschema.primary_key("u", "c").unwrap(), ["id", "t_id"]);
        assert_eq!(vschema.unique_keys("u", "t").len(), 1);
        let key = vschema.parent_foreign_keys(&TableName::new("u", "c")).next().unwrap();
        assert_eq!(key.on_delete, ReferenceAction::Cascade);
        let error = read(Path::new("x.sql"), "create table z (id int)", &source).unwrap_err();
        assert_eq!(error.to_string(), "x.sql:1: which keyspace is table z of?");
        let error = read(Path::new("x.sql"), "select 1;\n\nselekt", &source).unwrap_err();
        assert_eq!(error.to_string(), "x.sql:3: syntax error at position 7 near 'selekt'");
    }
}
