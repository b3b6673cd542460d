//! Foreign keys that vtgate manages: what a change of a parent's rows does to its children's, and
//! what of their new values must have a parent.
//!
//! ```text
//!   update p set k = 'x'   FkCascade { select p.k .. for update
//!                                    , update c set pk = 'x' where (pk) in ::fkc_vals
//!                                    , update p set k = 'x' }
//! ```
//!
//! MySQL itself checks the keys that stay on one shard. Each further statement is written as text
//! and planned like any other, and may lead to further ones. See `operators/fk_cascade.go`,
//! `fk_verify.go` and `semantics/semTable.go`.
//!
//! It knows nothing of how a statement finds its shards.

pub mod delete;
pub mod insert;
pub mod piece;
pub mod primitive;
pub mod sub_query;
#[cfg(test)]
mod tests;
pub mod update;
pub mod verify;

use sim::sql::ast::{
    Comments, Expr, Ident, Literal, Statement, TableExpr, TableName as WrittenName, UpdateItem,
};

use super::planning::Names;
use super::{Context, PlanError, find_table};
use crate::key::Code;
use crate::vschema::tracked::ForeignKey;
use crate::vschema::{ForeignKeyMode, Table, TableName};

/// How a statement came to be planned.
pub struct Way<'n> {
    /// Names for lists of old keys and for new values, of the whole plan.
    pub names: &'n mut Names,
    /// What is said of checking.
    pub checks: Option<bool>,
    /// Whether MySQL is told not to check, so that all is for vtgate to verify.
    pub verify_all: bool,
    /// The key that led here: its parents are right.
    pub ignored: Option<ForeignKey>,
    pub origin: Origin,
    /// What stands in front of all statements, where one input feeds them.
    pub comments: Comments,
    /// The keys that were followed to come here.
    path: Vec<ForeignKey>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Origin {
    Client,
    ForeignKey,
}

impl<'n> Way<'n> {
    pub fn first(names: &'n mut Names, statement: &Statement, context: &Context<'_>) -> Way<'n> {
        let checks = super::normalize::hint::foreign_key_checks(statement, context.environment);
        Way {
            names,
            checks,
            verify_all: false,
            ignored: None,
            origin: Origin::Client,
            comments: Comments::default(),
            path: Vec::new(),
        }
    }

    /// The way of a statement that a key leads to.
    pub fn on(&mut self, verify: Verify, ignored: Option<ForeignKey>) -> Way<'_> {
        Way {
            names: self.names,
            checks: self.checks,
            verify_all: verify == Verify::All,
            ignored,
            origin: Origin::ForeignKey,
            comments: self.comments.clone(),
            path: self.path.clone(),
        }
    }

    /// The way along a key, which nothing comes along twice.
    pub fn along(
        &mut self,
        key: &ForeignKey,
        verify: Verify,
        ignored: Option<ForeignKey>,
    ) -> Result<Way<'_>, PlanError> {
        if self.path.contains(key) {
            return Err(cycle(&self.path, key));
        }
        let mut way = self.on(verify, ignored);
        way.path.push(key.clone());
        Ok(way)
    }
}

/// Which keys vtgate looks after.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verify {
    All,
    /// Those that MySQL cannot see whole.
    Needed,
}

/// The keys that a statement must mind.
#[derive(Clone, Debug, Default)]
pub struct Keys {
    /// A parent's row must be there.
    pub parents: Vec<ForeignKey>,
    /// No child's row may be there.
    pub restricting: Vec<ForeignKey>,
    /// Children's rows follow.
    pub cascading: Vec<ForeignKey>,
}

impl Keys {
    pub fn is_empty(&self) -> bool {
        self.parents.is_empty() && self.restricting.is_empty() && self.cascading.is_empty()
    }
}

/// The keys of an UPDATE that assigns so, and whether MySQL must be told not to check.
pub fn of_update(
    context: &Context<'_>,
    way: &mut Way<'_>,
    table: &Table,
    set: &[&UpdateItem],
) -> Keys {
    if !is_managed(context, way, table) {
        return Keys::default();
    }
    let name = TableName::new(&table.keyspace, &table.name);
    let assigned = |column: &String| set.iter().find(|item| item.column.name.is(column));
    let is_null = |item: &&&UpdateItem| matches!(item.value, Expr::Literal(Literal::Null));
    let touches = |columns: &[String]| columns.iter().any(|column| assigned(column).is_some());
    let nulls = |columns: &[String]| columns.iter().filter_map(assigned).any(|item| is_null(&item));
    let children = context.vschema.child_foreign_keys(&name);
    let children: Vec<&ForeignKey> = children.filter(|key| touches(&key.parent_columns)).collect();
    let parents = context.vschema.parent_foreign_keys(&name);
    let parents: Vec<&ForeignKey> =
        parents.filter(|key| touches(&key.child_columns) && !nulls(&key.child_columns)).collect();
    let keyed = |item: &UpdateItem| {
        let has = |columns: &[String]| columns.iter().any(|column| item.column.name.is(column));
        children.iter().any(|key| has(&key.parent_columns))
            || parents.iter().any(|key| has(&key.child_columns))
    };
    way.verify_all |= set.iter().any(|item| keyed(item) && !is_literal(&item.value));
    let minded = |key: &&ForeignKey| way.verify_all || !is_shard_scoped(context, key);
    let mut keys =
        Keys { parents: parents.into_iter().filter(minded).cloned().collect(), ..Keys::default() };
    keys.parents.retain(|key| way.ignored.as_ref() != Some(key));
    for key in children {
        match key.on_update.is_restrict() {
            true if minded(&key) => keys.restricting.push(key.clone()),
            true => {}
            false => keys.cascading.push(key.clone()),
        }
    }
    keys
}

/// The keys of a DELETE.
pub fn of_delete(context: &Context<'_>, way: &Way<'_>, table: &Table) -> Keys {
    let mut keys = Keys::default();
    if !is_managed(context, way, table) {
        return keys;
    }
    let name = TableName::new(&table.keyspace, &table.name);
    for key in context.vschema.child_foreign_keys(&name) {
        match key.on_delete.is_restrict() {
            true if !is_shard_scoped(context, key) => keys.restricting.push(key.clone()),
            true => {}
            false => keys.cascading.push(key.clone()),
        }
    }
    keys
}

/// The parents of an INSERT.
pub fn of_insert(context: &Context<'_>, way: &Way<'_>, table: &Table) -> Vec<ForeignKey> {
    if !is_managed(context, way, table) {
        return Vec::new();
    }
    let name = TableName::new(&table.keyspace, &table.name);
    let parents = context.vschema.parent_foreign_keys(&name);
    parents.filter(|key| !is_shard_scoped(context, key)).cloned().collect()
}

/// Whether a statement's tables have keys to mind, as far as it can be told before it is analysed.
pub fn concern(statement: &Statement, context: &Context<'_>, way: &mut Way<'_>) -> bool {
    match statement {
        Statement::Update(update) => {
            let set: Vec<&UpdateItem> = update.set.iter().collect();
            let concerned = |table: &Table, names: &[&Ident], way: &mut Way<'_>| {
                let own = |item: &&UpdateItem| {
                    let qualifier = item.column.table.as_ref();
                    qualifier.is_none_or(|table| names.contains(&&table.name))
                };
                let own: Vec<&UpdateItem> = set.iter().copied().filter(own).collect();
                !of_update(context, way, table, &own).is_empty()
            };
            let before = way.verify_all;
            let any = tables(&update.tables, &mut |written, alias| {
                let Ok(table) = find_table(written, context) else { return false };
                concerned(&table, &[alias], way)
            });
            way.verify_all = before;
            any
        }
        Statement::Delete(delete) => tables(&delete.tables, &mut |written, alias| {
            let targeted =
                delete.targets.is_empty() || delete.targets.iter().any(|it| it.name == *alias);
            let Ok(table) = find_table(written, context) else { return false };
            targeted && !of_delete(context, way, &table).is_empty()
        }),
        _ => false,
    }
}

/// Whether one of the tables in FROM passes, by its name and the one it is known as.
fn tables(from: &[TableExpr], test: &mut dyn FnMut(&WrittenName, &Ident) -> bool) -> bool {
    from.iter().any(|table| match table {
        TableExpr::Table(table) => {
            test(&table.name, table.alias.as_ref().unwrap_or(&table.name.name))
        }
        TableExpr::Join(join) => {
            tables(std::slice::from_ref(&join.left), test)
                || tables(std::slice::from_ref(&join.right), test)
        }
        TableExpr::Parens(list) => tables(list, test),
        _ => false,
    })
}

fn is_managed(context: &Context<'_>, way: &Way<'_>, table: &Table) -> bool {
    let keyspace = context.vschema.keyspaces.get(&table.keyspace);
    way.checks != Some(false)
        && keyspace.is_some_and(|it| it.foreign_key_mode == ForeignKeyMode::Managed)
}

/// Whether parent and child always are on one shard, where MySQL can see both.
fn is_shard_scoped(context: &Context<'_>, key: &ForeignKey) -> bool {
    if key.parent.keyspace != key.child.keyspace {
        return false;
    }
    let find = |name: &TableName| find_table(&piece::written(name), context).ok();
    let (Some(parent), Some(child)) = (find(&key.parent), find(&key.child)) else { return false };
    let sharded = context.vschema.keyspaces.get(&parent.keyspace).is_some_and(|it| it.sharded);
    if !sharded {
        return true;
    }
    let (Some(of_parent), Some(of_child)) =
        (parent.column_vindexes.first(), child.column_vindexes.first())
    else {
        return false;
    };
    of_parent.name == of_child.name
        && of_parent.columns.len() == of_child.columns.len()
        && of_parent.columns.iter().zip(&of_child.columns).all(|(parent, child)| {
            let at = key.child_columns.iter().position(|it| it.eq_ignore_ascii_case(child));
            at.and_then(|at| key.parent_columns.get(at))
                .is_some_and(|column| column.eq_ignore_ascii_case(parent))
        })
}

/// A value that is known before the statement runs; a subquery's is not.
pub fn is_literal(expr: &Expr) -> bool {
    match expr {
        Expr::Literal(_) => true,
        Expr::Argument { name, .. } => !name.as_str().starts_with(sub_query::PREFIX),
        _ => false,
    }
}

pub fn cross_shard(one: &str, other: &str) -> PlanError {
    let text = format!(
        "VT12002: unsupported: cross-shard foreign keys between table '{one}' and '{other}'"
    );
    PlanError::new(Code::Unimplemented, text)
}

fn cycle(path: &[ForeignKey], key: &ForeignKey) -> PlanError {
    let start = path.iter().position(|known| known == key).unwrap_or(0);
    let tables: Vec<String> = path.iter().skip(start).map(|key| key.child.to_string()).collect();
    let text = format!(
        "VT09019: keyspace '{}' has cyclic foreign keys. Cycle exists between [{}]",
        key.child.keyspace,
        tables.join(" ")
    );
    PlanError::new(Code::FailedPrecondition, text)
}

pub fn set_default() -> PlanError {
    let text = "VT09016: Cannot delete or update a parent row: a foreign key constraint fails";
    PlanError::new(Code::FailedPrecondition, text)
}
