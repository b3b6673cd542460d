//! Which changes need vtgate for a foreign key.
//!
//! MySQL itself checks a foreign key that forbids, where child and parent live on one shard. What
//! cascades, or crosses shards, is vtgate's where the keyspace's mode is `managed`: the change then
//! needs a plan of its own, which is not made yet and refused. See `planbuilder/operators/{insert,
//! update,delete}.go` and `vindexes/foreign_keys.go`.
//!
//! It knows nothing of plans.

use sim::sql::ast::{Expr, Statement, UpdateItem};

use super::normalize::hint::foreign_key_checks;
use super::{Context, PlanError};
use crate::key::Code;
use crate::vschema::tracked::{ForeignKey, ReferenceAction};
use crate::vschema::{ForeignKeyMode, TableName, VSchema};

/// What a statement does to a table.
pub enum Change<'a> {
    /// With REPLACE or ON DUPLICATE KEY UPDATE it may change rows that are there.
    Insert {
        overwrites: bool,
    },
    Update(&'a [UpdateItem]),
    /// The name as it is written, for the error's text.
    Delete(&'a str),
}

/// Whether a statement's foreign keys are looked at: neither its hint nor its session says no.
pub fn are_checked(context: &Context<'_>, statement: &Statement) -> bool {
    foreign_key_checks(statement, context.environment) != Some(false)
}

/// Refuses what would need a plan of its own.
///
/// Errors: VT12002 where child and parent may be on different shards, VT09016 for SET DEFAULT,
/// VT12001 for what vtgate would cascade or verify.
pub fn check(
    context: &Context<'_>,
    (keyspace, table): (&str, &str),
    change: &Change<'_>,
) -> Result<(), PlanError> {
    let mode = context.vschema.keyspaces.get(keyspace).map(|known| known.foreign_key_mode);
    if mode != Some(ForeignKeyMode::Managed) {
        return Ok(());
    }
    let vschema = context.vschema;
    let name = TableName::new(keyspace, table);
    let parents = vschema.parent_foreign_keys(&name);
    let children = vschema.child_foreign_keys(&name);
    match change {
        Change::Insert { overwrites } => {
            let mut parents = parents;
            if let Some(key) = parents.find(|key| !is_shard_scoped(vschema, key)) {
                return Err(crosses(&qualified(&name), &key.parent));
            }
            match *overwrites && children.count() != 0 {
                true => Err(refused()),
                false => Ok(()),
            }
        }
        Change::Update(set) => {
            let verified = |key: &&ForeignKey| sets(set, &key.child_columns);
            for key in parents.filter(verified) {
                if !is_shard_scoped(vschema, key) || computes(set, &key.child_columns) {
                    return Err(refused());
                }
            }
            for key in children.filter(|key| sets(set, &key.parent_columns)) {
                if computes(set, &key.parent_columns) {
                    return Err(refused());
                }
                check_child(vschema, key, key.on_update, &qualified(&name))?;
            }
            Ok(())
        }
        Change::Delete(written) => {
            let mut children = children;
            children.try_for_each(|key| check_child(vschema, key, key.on_delete, written))
        }
    }
}

fn check_child(
    vschema: &VSchema,
    key: &ForeignKey,
    action: ReferenceAction,
    parent: &str,
) -> Result<(), PlanError> {
    match action {
        ReferenceAction::Default | ReferenceAction::Restrict | ReferenceAction::NoAction => {
            match is_shard_scoped(vschema, key) {
                true => Ok(()),
                false => Err(crosses(parent, &key.child)),
            }
        }
        ReferenceAction::SetDefault => {
            let text =
                "VT09016: Cannot delete or update a parent row: a foreign key constraint fails";
            Err(PlanError::new(Code::FailedPrecondition, text))
        }
        ReferenceAction::Cascade | ReferenceAction::SetNull => Err(refused()),
    }
}

fn refused() -> PlanError {
    PlanError::unsupported("foreign keys that vtgate manages")
}

fn crosses(one: &str, other: &TableName) -> PlanError {
    let other = qualified(other);
    let text = format!(
        "VT12002: unsupported: cross-shard foreign keys between table '{one}' and '{other}'"
    );
    PlanError::new(Code::Unimplemented, text)
}

fn qualified(table: &TableName) -> String {
    format!("{}.{}", table.keyspace, table.name)
}

fn items<'a>(set: &'a [UpdateItem], columns: &'a [String]) -> impl Iterator<Item = &'a UpdateItem> {
    set.iter().filter(|item| columns.iter().any(|column| item.column.name.is(column)))
}

fn sets(set: &[UpdateItem], columns: &[String]) -> bool {
    items(set, columns).next().is_some()
}

/// Whether a column gets what is known only row by row.
fn computes(set: &[UpdateItem], columns: &[String]) -> bool {
    let plain = |item: &UpdateItem| matches!(item.value, Expr::Literal(_) | Expr::Argument { .. });
    !items(set, columns).all(plain)
}

/// Whether the rows of child and parent are always on the same shard: the key's columns hold the
/// primary vindex's of both, at the same places.
fn is_shard_scoped(vschema: &VSchema, key: &ForeignKey) -> bool {
    if key.child.keyspace != key.parent.keyspace {
        return false;
    }
    let Some(keyspace) = vschema.keyspaces.get(&key.child.keyspace) else { return false };
    if !keyspace.sharded {
        return true;
    }
    let places = |table: &TableName, columns: &[String]| {
        let table = keyspace.tables.get(&table.name)?;
        let primary = table.column_vindexes.first()?;
        let place =
            |column: &String| columns.iter().position(|own| own.eq_ignore_ascii_case(column));
        let places = primary.columns.iter().map(place).collect::<Option<Vec<usize>>>()?;
        Some((primary.name.clone(), places))
    };
    let child = places(&key.child, &key.child_columns);
    child.is_some() && child == places(&key.parent, &key.parent_columns)
}
