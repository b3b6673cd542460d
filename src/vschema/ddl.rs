//! `ALTER VSCHEMA`: small changes of one keyspace's vschema.
//!
//! A change is data; [`Change::apply`] gives the keyspace as it will be, or Vitess's error. Whether
//! the outcome is a good vschema is for the build to say. See `go/vt/topotools/vschema_ddl.go`. It
//! knows nothing of SQL.

use crate::key::Code;
use crate::vschema::VSchemaError;
use crate::vschema::source::{
    AutoIncrementSource, ColumnVindexSource, KeyspaceSource, TableSource, VindexSource,
};

/// A change of a keyspace's vschema.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change {
    CreateVindex {
        name: String,
        vindex: VindexSource,
    },
    DropVindex {
        name: String,
    },
    AddTable {
        table: String,
    },
    DropTable {
        table: String,
    },
    /// With a type, the vindex is made where it is missing, and must be the same where it is not.
    AddColumnVindex {
        table: String,
        name: String,
        columns: Vec<String>,
        vindex: VindexSource,
    },
    DropColumnVindex {
        table: String,
        name: String,
    },
    AddSequence {
        table: String,
    },
    DropSequence {
        table: String,
    },
    AddAutoIncrement {
        table: String,
        auto_increment: AutoIncrementSource,
    },
    DropAutoIncrement {
        table: String,
    },
}

impl Change {
    /// Applies the change to a keyspace of this name.
    pub fn apply(
        &self,
        keyspace: &str,
        source: &KeyspaceSource,
    ) -> Result<KeyspaceSource, VSchemaError> {
        let mut source = source.clone();
        let outcome = match self {
            Change::CreateVindex { name, vindex } => {
                create_vindex(&mut source, keyspace, name, vindex)
            }
            Change::DropVindex { name } => drop_vindex(&mut source, keyspace, name),
            Change::AddTable { table } => add_table(&mut source, keyspace, table),
            Change::DropTable { table } => match source.tables.remove(table) {
                Some(_) => Ok(()),
                None => {
                    Err(format!("vschema does not contain table {table} in keyspace {keyspace}"))
                }
            },
            Change::AddColumnVindex { table, name, columns, vindex } => {
                add_column_vindex(&mut source, keyspace, table, name, columns, vindex)
            }
            Change::DropColumnVindex { table, name } => {
                drop_column_vindex(&mut source, keyspace, table, name)
            }
            Change::AddSequence { table } => add_sequence(&mut source, keyspace, table),
            Change::DropSequence { table } => drop_sequence(&mut source, keyspace, table),
            Change::AddAutoIncrement { table, auto_increment } => {
                add_auto_increment(&mut source, keyspace, table, auto_increment)
            }
            Change::DropAutoIncrement { table } => {
                drop_auto_increment(&mut source, keyspace, table)
            }
        };
        match outcome {
            Ok(()) => Ok(source),
            Err(message) => Err(VSchemaError::new(Code::Internal, message)),
        }
    }
}

fn create_vindex(
    source: &mut KeyspaceSource,
    keyspace: &str,
    name: &str,
    vindex: &VindexSource,
) -> Result<(), String> {
    if source.vindexes.contains_key(name) {
        return Err(format!("vindex {name} already exists in keyspace {keyspace}"));
    }
    // The first vindex of a keyspace makes it a sharded one.
    source.sharded |= source.vindexes.is_empty();
    source.vindexes.insert(name.to_string(), vindex.clone());
    Ok(())
}

fn drop_vindex(source: &mut KeyspaceSource, keyspace: &str, name: &str) -> Result<(), String> {
    if !source.vindexes.contains_key(name) {
        return Err(format!("vindex {name} does not exists in keyspace {keyspace}"));
    }
    let uses = |table: &TableSource| table.column_vindexes.iter().any(|vindex| vindex.name == name);
    if let Some((table, _)) = source.tables.iter().find(|(_, table)| uses(table)) {
        return Err(format!("can not drop vindex cause {name} still defined on table {table}"));
    }
    source.vindexes.remove(name);
    Ok(())
}

fn add_table(source: &mut KeyspaceSource, keyspace: &str, table: &str) -> Result<(), String> {
    if source.sharded {
        return Err(format!("add vschema table: unsupported on sharded keyspace {keyspace}"));
    }
    if source.tables.contains_key(table) {
        return Err(format!("vschema already contains table {table} in keyspace {keyspace}"));
    }
    source.tables.insert(table.to_string(), TableSource::default());
    Ok(())
}

fn add_column_vindex(
    source: &mut KeyspaceSource,
    keyspace: &str,
    table: &str,
    name: &str,
    columns: &[String],
    vindex: &VindexSource,
) -> Result<(), String> {
    match source.vindexes.get(name) {
        None if vindex.type_name.is_empty() => {
            return Err(format!("vindex {name} does not exist in keyspace {keyspace}"));
        }
        None => create_vindex(source, keyspace, name, vindex)?,
        Some(_) if vindex.type_name.is_empty() => {}
        Some(known) if known.type_name != vindex.type_name => {
            let (is, wanted) = (&known.type_name, &vindex.type_name);
            return Err(format!("vindex {name} defined with type {is} not {wanted}"));
        }
        Some(known) if known.owner != vindex.owner => {
            let (is, wanted) = (&known.owner, &vindex.owner);
            return Err(format!("vindex {name} defined with owner {is} not {wanted}"));
        }
        Some(known) if known.params != vindex.params => {
            return Err(format!("vindex {name} defined with different parameters"));
        }
        Some(_) => {}
    }
    let entry = source.tables.entry(table.to_string()).or_default();
    if entry.column_vindexes.iter().any(|vindex| vindex.name == name) {
        return Err(format!("vindex {name} already defined on table {table}"));
    }
    let column_vindex = match columns {
        [column] => ColumnVindexSource {
            column: column.clone(),
            name: name.to_string(),
            columns: Vec::new(),
        },
        columns => ColumnVindexSource {
            column: String::new(),
            name: name.to_string(),
            columns: columns.to_vec(),
        },
    };
    entry.column_vindexes.push(column_vindex);
    Ok(())
}

fn drop_column_vindex(
    source: &mut KeyspaceSource,
    keyspace: &str,
    table: &str,
    name: &str,
) -> Result<(), String> {
    let Some(entry) = source.tables.get_mut(table) else {
        return Err(format!("table {keyspace}.{table} not defined in vschema"));
    };
    let Some(i) = entry.column_vindexes.iter().position(|vindex| vindex.name == name) else {
        return Err(format!("vindex {name} not defined in table {keyspace}.{table}"));
    };
    entry.column_vindexes.remove(i);
    // A table without vindexes is not in a sharded vschema at all.
    if entry.column_vindexes.is_empty() {
        source.tables.remove(table);
    }
    Ok(())
}

fn add_sequence(source: &mut KeyspaceSource, keyspace: &str, table: &str) -> Result<(), String> {
    if source.sharded {
        return Err(format!("add sequence table: unsupported on sharded keyspace {keyspace}"));
    }
    if source.tables.contains_key(table) {
        return Err(format!("vschema already contains sequence {table} in keyspace {keyspace}"));
    }
    let sequence = TableSource { type_name: "sequence".to_string(), ..TableSource::default() };
    source.tables.insert(table.to_string(), sequence);
    Ok(())
}

fn drop_sequence(source: &mut KeyspaceSource, keyspace: &str, table: &str) -> Result<(), String> {
    if source.sharded {
        return Err(format!("drop sequence table: unsupported on sharded keyspace {keyspace}"));
    }
    match source.tables.remove(table) {
        Some(_) => Ok(()),
        None => Err(format!("vschema does not contain sequence {table} in keyspace {keyspace}")),
    }
}

fn add_auto_increment(
    source: &mut KeyspaceSource,
    keyspace: &str,
    table: &str,
    auto_increment: &AutoIncrementSource,
) -> Result<(), String> {
    let Some(entry) = source.tables.get_mut(table) else {
        return Err(format!("vschema does not contain table {table} in keyspace {keyspace}"));
    };
    if let Some(known) = &entry.auto_increment {
        return Err(format!(
            "vschema already contains auto inc column:\"{}\" sequence:\"{}\" on table {table} in keyspace {keyspace}",
            known.column, known.sequence
        ));
    }
    entry.auto_increment = Some(auto_increment.clone());
    Ok(())
}

fn drop_auto_increment(
    source: &mut KeyspaceSource,
    keyspace: &str,
    table: &str,
) -> Result<(), String> {
    let Some(entry) = source.tables.get_mut(table) else {
        return Err(format!("vschema does not contain table {table} in keyspace {keyspace}"));
    };
    match entry.auto_increment.take() {
        Some(_) => Ok(()),
        None => Err(format!(
            "vschema does not contain auto increment <nil> on table {table} in keyspace {keyspace}"
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(names: &str) -> Vec<String> {
        names.split(',').map(str::to_string).collect()
    }

    fn hash(owner: &str) -> VindexSource {
        VindexSource { type_name: "hash".into(), owner: owner.into(), ..VindexSource::default() }
    }

    #[test]
    fn changes_apply_or_say_why_not() {
        let mut source = KeyspaceSource::default();
        let mut check = |change: Change, expected: &str| {
            let outcome = change.apply("ks", &source);
            assert_eq!(
                outcome.as_ref().map_or_else(ToString::to_string, |_| "ok".into()),
                expected
            );
            if let Ok(changed) = outcome {
                source = changed;
            }
        };
        let add = |table: &str, columns: &str, vindex: VindexSource| Change::AddColumnVindex {
            table: table.into(),
            name: "h".into(),
            columns: text(columns),
            vindex,
        };
        let none = VindexSource::default();
        check(Change::AddTable { table: "t".into() }, "ok");
        check(
            Change::AddTable { table: "t".into() },
            "vschema already contains table t in keyspace ks",
        );
        check(add("t", "a", none.clone()), "vindex h does not exist in keyspace ks");
        check(add("t", "a", hash("")), "ok");
        check(add("t", "a", none), "vindex h already defined on table t");
        check(add("u", "a", hash("o")), "vindex h defined with owner  not o");
        check(
            Change::AddTable { table: "u".into() },
            "add vschema table: unsupported on sharded keyspace ks",
        );
        check(
            Change::DropVindex { name: "h".into() },
            "can not drop vindex cause h still defined on table t",
        );
        check(Change::DropVindex { name: "x".into() }, "vindex x does not exists in keyspace ks");
        check(
            Change::DropColumnVindex { table: "t".into(), name: "x".into() },
            "vindex x not defined in table ks.t",
        );
        check(Change::DropColumnVindex { table: "t".into(), name: "h".into() }, "ok");
        check(
            Change::DropColumnVindex { table: "t".into(), name: "h".into() },
            "table ks.t not defined in vschema",
        );
        check(Change::DropVindex { name: "h".into() }, "ok");
        check(
            Change::AddSequence { table: "s".into() },
            "add sequence table: unsupported on sharded keyspace ks",
        );
    }
}
