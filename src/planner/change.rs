//! UPDATE and DELETE.
//!
//! Where entries of owned vindexes change, a query in front reads and locks the rows that will
//! change: the primary vindex's columns, the owned vindexes' columns, and for an UPDATE a
//! comparison for each vindex that is assigned. See `operators/{update,delete}.go`.
//!
//! It knows nothing of how the rows are found.

use std::sync::Arc;

use sim::sql::ast::{
    self, ColumnName, CompareOp, Expr, Ident, Lock, OrderBy, Query, SelectItem, Statement,
    TableExpr, TableName, UpdateItem, Wait,
};

use super::build::{from, predicate, sub_query};
use super::directive::Directives;
use super::foreign_key::{self, Origin, Way};
use super::input::{self, Known, Part};
use super::operator::update::Target;
use super::operator::{Delete, LockAndComment, Operator, Update};
use super::planning::{Names, Planning, RowsFor};
use super::primitive::{
    self, ChangedVindex, Delete as DeletePrimitive, Dml, Opcode, Primitive,
    Update as UpdatePrimitive,
};
use super::route::Routing;
use super::select::{Planned, finish, planning};
use super::semantics::analyse::analyse;
use super::semantics::bind::{Meaning, Scopes};
use super::semantics::names;
use super::semantics::table_set::TableSet;
use super::semantics::tables::Source;
use super::target::Target as KeyspaceTarget;
use super::{Context, PlanError, evaluable, expression, rewrite, shortcut, text};
use crate::key::Code;
use crate::mutant::{self, Mutant};
use crate::vschema::{ColumnVindex, Table, TableType};

// ---------------------------------------------------------------- UPDATE

pub fn update(update: &ast::Update, context: &Context<'_>) -> Result<Planned, PlanError> {
    let statement = Statement::Update(update.clone());
    let mut names = Names::of(&statement);
    update_on(update, context, &mut Way::first(&mut names, &statement, context))
}

/// Plans an UPDATE of a client, or one that a foreign key led to.
pub fn update_on(
    update: &ast::Update,
    context: &Context<'_>,
    way: &mut Way<'_>,
) -> Result<Planned, PlanError> {
    if update.with.is_some() {
        return Err(PlanError::unsupported("WITH expression in UPDATE statement"));
    }
    let mut update = update.clone();
    replace_reference(&mut update.tables, context);
    let mut statement = Statement::Update(update);
    if way.origin == Origin::Client
        && foreign_key::concern(&statement, context, way)
        && let Statement::Update(update) = &mut statement
    {
        let lifted = foreign_key::sub_query::lift(&mut update.set, way);
        if !lifted.is_empty() {
            let mut on = way.on(foreign_key::Verify::Needed, None);
            let plan = update_on(update, context, &mut on)?;
            return foreign_key::sub_query::in_front(context, lifted, plan);
        }
    }
    if let Some(unsharded) = short_way(&statement, context, way) {
        let directives = match &statement {
            Statement::Update(update) => Directives::of(&update.comments),
            _ => Directives::default(),
        };
        let used = unsharded.used.into_iter().collect();
        let dml = whole(unsharded.keyspace, &statement, directives);
        let plan = UpdatePrimitive { dml, changed_vindexes: Vec::new() };
        return Ok((Some(Primitive::Update(plan)), used));
    }
    check_tablet_types(&statement, "update", context)?;
    let mut planning = planning(&statement, context)?;
    planning.rows_for = RowsFor::Change;
    let written = statement.clone();
    planning.semantics = analyse(&mut statement, context)?;
    let Statement::Update(mut update) = statement else {
        return Err(PlanError::bug("an update that is none"));
    };
    if let Some(error) = planning.semantics.sharded_only.take() {
        return Err(error);
    }
    let targets = update_targets(&planning, &update)?;
    let written_whole = written.clone();
    let Statement::Update(written) = written else {
        return Err(PlanError::bug("an update that is none"));
    };
    let target = match &targets[..] {
        [target] if !reads_others(&planning, &update, target) => target.clone(),
        _ => {
            let parts = parts_of_update(&planning, way, &update, targets);
            return input::plan(context, way, &written_whole, parts, Known::AtOnce);
        }
    };
    let keys =
        foreign_key::of_update(context, way, &target.table, &update.set.iter().collect::<Vec<_>>());
    if !keys.is_empty() && update.limit.is_some() {
        let part = Part { target, change: written_whole.clone(), values: Vec::new() };
        return input::plan(context, way, &written_whole, vec![part], Known::AtOnce);
    }
    if way.verify_all && !keys.is_empty() {
        foreign_key::piece::unchecked(&mut update.comments);
    }
    let bound = update.clone();
    let source = from::tables(&mut planning, &update.tables)?;
    let source = predicate::add_all(&mut planning, source, update.filter.as_ref())?;
    let tables = source.tables();
    let mut subqueries = Vec::new();
    for item in &mut update.set {
        if let Some((replaced, own)) = sub_query::of_value(&mut planning, &item.value, tables)? {
            item.value = replaced;
            subqueries.extend(own);
        }
    }
    let changed = changed_vindexes(&planning, &update, &target)?;
    let changed_table = target.clone();
    let source = predicate::contained(source, subqueries);
    let lock = LockAndComment { source, comments: Default::default(), lock: Lock::ShareMode };
    let source = Operator::LockAndComment(Box::new(lock));
    let limited = update.limit.is_some();
    let ordered = !update.order_by.is_empty();
    let owned = changed.iter().any(|(changed, _)| changed.owned);
    let operator = Operator::Update(Box::new(Update {
        source,
        statement: update,
        target,
        changed: changed.into_iter().map(|(c, comparison)| (c.vindex, comparison)).collect(),
    }));
    let operator = rewrite::plan_all(&mut planning, operator)?;
    if is_unrouted(&operator) || limited && !is_of_one_shard(&operator) {
        let parts = parts_of_update(&planning, way, &bound, vec![changed_table]);
        return input::plan(context, way, &written_whole, parts, Known::AfterRouting);
    }
    if owned && limited && !ordered {
        let text = "Vindex update should have ORDER BY clause when using LIMIT";
        return Err(PlanError::unsupported(text));
    }
    let plan = finish(planning, operator, None)?;
    match keys.is_empty() {
        true => Ok(plan),
        false => foreign_key::update::around(context, way, &written, &changed_table, &keys, plan),
    }
}

/// The short way, where no foreign key is in the way.
fn short_way(
    statement: &Statement,
    context: &Context<'_>,
    way: &mut Way<'_>,
) -> Option<shortcut::Unsharded> {
    if way.origin == Origin::ForeignKey || foreign_key::concern(statement, context, way) {
        return None;
    }
    shortcut::unsharded(statement, context)
}

/// Whether a new value is of another table than the one that is changed.
fn reads_others(planning: &Planning<'_>, update: &ast::Update, target: &Target) -> bool {
    let own = TableSet::one(target.number);
    update.set.iter().any(|item| !planning.semantics.tables_of(&item.value).is_within(own))
}

/// By table what SET assigns; what is read of other tables becomes arguments.
fn parts_of_update(
    planning: &Planning<'_>,
    way: &mut Way<'_>,
    update: &ast::Update,
    targets: Vec<Target>,
) -> Vec<Part> {
    let scope = scope_of(&update.tables);
    let mut part = |target: Target| {
        let own = |item: &&UpdateItem| {
            matches!(planning.semantics.meaning(&item.column, &scope),
                Meaning::Table(number) if number == target.number)
        };
        let mut values: Vec<(Arc<str>, Expr)> = Vec::new();
        let mut set: Vec<UpdateItem> = update.set.iter().filter(own).cloned().collect();
        for item in &mut set {
            expression::walk_mut(&mut item.value, &mut |expr| {
                if let Expr::Bound(column, number) = expr
                    && *number != target.number
                {
                    let column = Expr::Column(column.clone());
                    let name = way.names.argument_for(&column);
                    if !values.iter().any(|(known, _)| *known == name) {
                        values.push((Arc::clone(&name), column));
                    }
                    *expr = Expr::Argument { name: Ident(name), ty: None };
                }
            });
            super::walk::expr_mut(&mut item.value, &mut names::Unbind);
        }
        let change = ast::Update { set, tables: Vec::new(), filter: None, ..update.clone() };
        Part { target, change: Statement::Update(change), values }
    };
    targets.into_iter().map(&mut part).collect()
}

/// The tables that SET assigns to.
fn update_targets(planning: &Planning<'_>, update: &ast::Update) -> Result<Vec<Target>, PlanError> {
    let scope = scope_of(&update.tables);
    let mut targets: Vec<u32> = Vec::new();
    for item in &update.set {
        match planning.semantics.meaning(&item.column, &scope) {
            Meaning::Table(number) if !targets.contains(&number) => targets.push(number),
            Meaning::Undecided | Meaning::Ambiguous => {
                return Err(super::semantics::bind::ambiguous(&item.column));
            }
            _ => {}
        }
    }
    check_assigned_elsewhere(planning, update, &scope)?;
    if targets.is_empty() {
        return Err(PlanError::bug("an update of no table"));
    }
    let target = |number: u32| target(planning, &update.tables, number, "UPDATE");
    targets.into_iter().map(target).collect()
}

/// A value must not read a column of another table that the same statement changes.
fn check_assigned_elsewhere(
    planning: &Planning<'_>,
    update: &ast::Update,
    scope: &Scopes,
) -> Result<(), PlanError> {
    let assigned: Vec<(u32, &ColumnName)> = update
        .set
        .iter()
        .filter_map(|item| match planning.semantics.meaning(&item.column, scope) {
            Meaning::Table(number) => Some((number, &item.column)),
            _ => None,
        })
        .collect();
    for item in &update.set {
        let Meaning::Table(own) = planning.semantics.meaning(&item.column, scope) else {
            continue;
        };
        let mut clash = None;
        expression::any(&item.value, &mut |expr| {
            if let Expr::Bound(column, number) = expr
                && *number != own
                && assigned
                    .iter()
                    .any(|(table, name)| table == number && name.name.is(column.name.as_str()))
            {
                clash = Some(column.clone());
            }
            clash.is_some()
        });
        if let Some(column) = clash {
            return Err(PlanError::unsupported(format!(
                "'{column}' column referenced in update expression '{}' is itself updated",
                item.value
            )));
        }
    }
    Ok(())
}

/// A vindex whose columns are assigned, with whether the table owns it.
struct Changed {
    vindex: ChangedVindex,
    owned: bool,
}

/// The vindexes whose columns are assigned, each with the comparison of its new values.
fn changed_vindexes(
    planning: &Planning<'_>,
    update: &ast::Update,
    target: &Target,
) -> Result<Vec<(Changed, Expr)>, PlanError> {
    let table = &target.table;
    let Some(primary) = table.column_vindexes.first() else { return Ok(Vec::new()) };
    let first = primary.columns.len()
        + table.owned.iter().map(|vindex| vindex.columns.len()).sum::<usize>();
    let mut changed: Vec<(Changed, Expr)> = Vec::new();
    let scope = scope_of(&update.tables);
    let of_target = |item: &&UpdateItem| {
        planning.semantics.meaning(&item.column, &scope) == Meaning::Table(target.number)
    };
    let set: Vec<&UpdateItem> = update.set.iter().filter(of_target).collect();
    for (at, vindex) in table.column_vindexes.iter().enumerate() {
        let assigned = assignments(&set, vindex)?;
        if assigned.iter().all(Option::is_none) {
            continue;
        }
        check_changed(at, vindex, &assigned)?;
        if vindex.partial {
            continue;
        }
        let comparisons = assigned.iter().flatten().map(|item| Expr::Compare {
            op: CompareOp::Equal,
            left: Box::new(Expr::Column(item.column.clone())),
            right: Box::new(item.value.clone()),
            escape: None,
        });
        let Some(comparison) = expression::conjunction(comparisons.collect()) else { continue };
        let values = assigned.iter().map(|item| item.map(|item| item.value.clone())).collect();
        let offset = first + changed.len();
        let name = vindex.name.as_str().into();
        let change = ChangedVindex { vindex: name, offset, values };
        changed.push((Changed { vindex: change, owned: vindex.owned }, comparison));
    }
    Ok(changed)
}

/// By column of the vindex its assignment.
fn assignments<'a>(
    set: &[&'a UpdateItem],
    vindex: &ColumnVindex,
) -> Result<Vec<Option<&'a UpdateItem>>, PlanError> {
    let mut found = Vec::new();
    for name in &vindex.columns {
        let mut items = set.iter().filter(|item| item.column.name.is(name));
        let first = items.next().copied();
        if let (Some(first), Some(_)) = (first, items.next()) {
            let column = first.column.name.as_str();
            let text = format!("VT03015: column has duplicate set values: '{column}'");
            return Err(PlanError::new(Code::InvalidArgument, text));
        }
        found.push(first);
    }
    Ok(found)
}

fn check_changed(
    at: usize,
    vindex: &ColumnVindex,
    assigned: &[Option<&UpdateItem>],
) -> Result<(), PlanError> {
    for item in assigned.iter().flatten() {
        if evaluable::translate(&item.value).is_err() && !expression::has_subquery(&item.value) {
            return Err(PlanError::unsupported(format!(
                "only values are supported; invalid update on column: `{}` with expr: [{}]",
                item.column.name.as_str(),
                item.value
            )));
        }
    }
    if at == 0 {
        return Err(PlanError::unsupported(format!(
            "you cannot UPDATE primary vindex columns; invalid update on vindex: {}",
            vindex.name
        )));
    }
    if !vindex.vindex.properties().is_lookup() {
        return Err(PlanError::unsupported(format!(
            "you can only UPDATE lookup vindexes; invalid update on vindex: {}",
            vindex.name
        )));
    }
    Ok(())
}

// ---------------------------------------------------------------- DELETE

pub fn delete(delete: &ast::Delete, context: &Context<'_>) -> Result<Planned, PlanError> {
    let statement = Statement::Delete(delete.clone());
    let mut names = Names::of(&statement);
    delete_on(delete, context, &mut Way::first(&mut names, &statement, context))
}

/// Plans a DELETE of a client, or one that a foreign key led to.
pub fn delete_on(
    delete: &ast::Delete,
    context: &Context<'_>,
    way: &mut Way<'_>,
) -> Result<Planned, PlanError> {
    if delete.with.is_some() {
        return Err(PlanError::unsupported("WITH expression in DELETE statement"));
    }
    let mut delete = delete.clone();
    without_alias(&mut delete)?;
    replace_reference(&mut delete.tables, context);
    let mut statement = Statement::Delete(delete);
    if let Some(unsharded) = short_way(&statement, context, way) {
        let used = unsharded.used.into_iter().collect();
        let dml = whole(unsharded.keyspace, &statement, Directives::default());
        return Ok((Some(Primitive::Delete(DeletePrimitive { dml })), used));
    }
    check_tablet_types(&statement, "delete", context)?;
    let mut planning = planning(&statement, context)?;
    planning.rows_for = RowsFor::Change;
    let written = statement.clone();
    planning.semantics = analyse(&mut statement, context)?;
    let Statement::Delete(delete) = statement else {
        return Err(PlanError::bug("a delete that is none"));
    };
    if let Some(error) = planning.semantics.sharded_only.take() {
        return Err(error);
    }
    let targets = delete_targets(&planning, &delete)?;
    let written_whole = written.clone();
    let part = |target| Part { target, change: written_whole.clone(), values: Vec::new() };
    let [target] = &targets[..] else {
        let parts = targets.into_iter().map(part).collect();
        return input::plan(context, way, &written_whole, parts, Known::AtOnce);
    };
    let target = target.clone();
    let Statement::Delete(written) = written else {
        return Err(PlanError::bug("a delete that is none"));
    };
    let keys = foreign_key::of_delete(context, way, &target.table);
    let one_table = matches!(&delete.tables[..], [TableExpr::Bound(..)]);
    if !keys.is_empty() && (delete.limit.is_some() || !one_table) {
        return input::plan(context, way, &written_whole, vec![part(target)], Known::AtOnce);
    }
    let changed_table = target.clone();
    let source = from::tables(&mut planning, &delete.tables)?;
    let source = predicate::add_all(&mut planning, source, delete.filter.as_ref())?;
    let limited = delete.limit.is_some();
    let operator = Operator::Delete(Box::new(Delete { source, statement: delete, target }));
    let operator = rewrite::plan_all(&mut planning, operator)?;
    if is_unrouted(&operator) || limited && !is_of_one_shard(&operator) {
        let parts = vec![part(changed_table)];
        return input::plan(context, way, &written_whole, parts, Known::AfterRouting);
    }
    let plan = finish(planning, operator, None)?;
    match keys.is_empty() {
        true => Ok(plan),
        false => foreign_key::delete::around(context, way, &written, &changed_table, &keys, plan),
    }
}

/// With one target and one plain table, alias and target go; columns are the table's.
fn without_alias(delete: &mut ast::Delete) -> Result<(), PlanError> {
    let ([target], [TableExpr::Table(table)]) = (&delete.targets[..], &mut delete.tables[..])
    else {
        return Ok(());
    };
    let known_as = table.alias.as_ref().unwrap_or(&table.name.name);
    if target.name != *known_as {
        return Err(unknown_target(target));
    }
    let name = table.name.name.clone();
    let alias = table.alias.take();
    delete.targets.clear();
    if let Some(alias) = alias {
        let mut requalify = super::walk::EachExpr(|expr: &mut Expr| {
            if let Expr::Column(ColumnName { table: Some(table), .. }) = expr
                && table.name == alias
            {
                *table = TableName { qualifier: None, name: name.clone() };
            }
        });
        delete.filter.iter_mut().for_each(|filter| super::walk::expr_mut(filter, &mut requalify));
        for order in &mut delete.order_by {
            super::walk::expr_mut(&mut order.expr, &mut requalify);
        }
    }
    Ok(())
}

fn unknown_target(target: &TableName) -> PlanError {
    let text = format!("VT03003: unknown table '{}' in MULTI DELETE", target.name.as_str());
    PlanError::new(Code::NotFound, text)
}

fn delete_targets(planning: &Planning<'_>, delete: &ast::Delete) -> Result<Vec<Target>, PlanError> {
    let scope = scope_of(&delete.tables);
    let numbers = scope.levels.first().cloned().unwrap_or_default();
    let mut targets = Vec::new();
    for target in &delete.targets {
        let named = |number: &&u32| {
            let info = planning.semantics.table(**number);
            info.name == target.name
        };
        match numbers.iter().find(named) {
            Some(number) => targets.push(*number),
            None => return Err(unknown_target(target)),
        }
    }
    if targets.is_empty() {
        targets = numbers;
    }
    let target = |number: u32| target(planning, &delete.tables, number, "DELETE");
    targets.into_iter().map(target).collect()
}

// ---------------------------------------------------------------- both

/// A lone reference table is changed where its source is.
fn replace_reference(tables: &mut [TableExpr], context: &Context<'_>) {
    let [TableExpr::Table(table)] = tables else { return };
    if let Some(source) = super::reference_source(&table.name, context) {
        table.name = source;
    }
}

fn scope_of(tables: &[TableExpr]) -> Scopes {
    fn numbers(table: &TableExpr, found: &mut Vec<u32>) {
        match table {
            TableExpr::Bound(_, number) => found.push(*number),
            TableExpr::Join(join) => {
                numbers(&join.left, found);
                numbers(&join.right, found);
            }
            TableExpr::Parens(list) => list.iter().for_each(|inner| numbers(inner, found)),
            _ => {}
        }
    }
    let mut found = Vec::new();
    tables.iter().for_each(|table| numbers(table, &mut found));
    Scopes { levels: vec![found], ..Scopes::default() }
}

fn target(
    planning: &Planning<'_>,
    tables: &[TableExpr],
    number: u32,
    verb: &str,
) -> Result<Target, PlanError> {
    let info = planning.semantics.table(number);
    match &info.source {
        Source::Real(real) => {
            let single = matches!(tables, [TableExpr::Bound(..)]);
            let table = Arc::clone(&real.table);
            let reference = table.table_type == TableType::Reference;
            if reference && table.source.is_some() && !(single && verb == "UPDATE") {
                return Err(PlanError::unsupported("DML on reference table with join"));
            }
            let of = planning.keyspace(&table.keyspace)?;
            let deleted_everywhere = reference && verb == "DELETE";
            if of.sharded && table.column_vindexes.is_empty() && !deleted_everywhere {
                let text =
                    format!("VT09001: table '{}' does not have a primary vindex", table.name);
                return Err(PlanError::new(Code::FailedPrecondition, text));
            }
            Ok(Target { number, table, name: planning.semantics.qualifier(number) })
        }
        Source::Vindex { .. } if verb == "DELETE" => {
            let text = "VT09014: vindex cannot be modified";
            Err(PlanError::new(Code::FailedPrecondition, text))
        }
        Source::Derived(_)
        | Source::Recursive(_)
        | Source::Iteration(_)
        | Source::Vindex { .. } => {
            let text = find_text(tables, number);
            let code = if verb == "UPDATE" { "VT03032" } else { "VT03004" };
            let text = format!("{code}: the target table {text} of the {verb} is not updatable");
            Err(PlanError::new(Code::InvalidArgument, text))
        }
        Source::System(_) => Err(PlanError::unsupported("update information schema tables")),
    }
}

fn find_text(tables: &[TableExpr], number: u32) -> String {
    let found = tables.iter().find(|table| matches!(table, TableExpr::Bound(_, n) if *n == number));
    found.map(TableExpr::to_string).unwrap_or_default()
}

/// Only primaries take changes.
fn check_tablet_types(
    statement: &Statement,
    verb: &str,
    context: &Context<'_>,
) -> Result<(), PlanError> {
    let tables = match statement {
        Statement::Update(update) => &update.tables,
        Statement::Delete(delete) => &delete.tables,
        _ => return Ok(()),
    };
    let named = tables.iter().any(|table| match table {
        TableExpr::Table(table) => table.name.qualifier.as_ref().is_some_and(|qualifier| {
            KeyspaceTarget::parse(qualifier.as_str())
                .is_ok_and(|target| target.tablet_type.is_some_and(|kind| kind != "primary"))
        }),
        _ => false,
    });
    if !named && context.tablet_type == "primary" {
        return Ok(());
    }
    let text = format!("VT09002: {verb} statement with a replica target");
    Err(PlanError::new(Code::FailedPrecondition, text))
}

/// Whether tables that are joined over shards, fully or by a semi join, are below the change.
fn is_unrouted(operator: &Operator) -> bool {
    match operator {
        Operator::Update(update) => update.source.any(&mut is_join),
        Operator::Delete(delete) => delete.source.any(&mut is_join),
        // A subquery that reads the rows of the change is asked for each of them.
        Operator::SubQuery(subquery) => {
            !subquery.outer_vars.is_empty() || is_unrouted(&subquery.outer)
        }
        _ => false,
    }
}

fn is_join(operator: &Operator) -> bool {
    matches!(operator, Operator::ApplyJoin(_))
}

/// LIMIT says how many rows of all shards; only one shard can count them by itself.
fn is_of_one_shard(operator: &Operator) -> bool {
    match operator {
        Operator::Route(route) => route.routing.is_single_shard(),
        Operator::SubQuery(subquery) => is_of_one_shard(&subquery.outer),
        _ => false,
    }
}

/// The statement as it is, on the one shard of an unsharded keyspace.
fn whole(keyspace: primitive::Keyspace, statement: &Statement, directives: Directives) -> Dml {
    let mut statement = statement.clone();
    expression::drop_keyspaces(&mut statement);
    let table = match &statement {
        Statement::Update(ast::Update { tables, .. })
        | Statement::Delete(ast::Delete { tables, .. }) => match tables.first() {
            Some(TableExpr::Table(table)) => Arc::clone(&table.name.name.0),
            _ => "".into(),
        },
        _ => "".into(),
    };
    Dml {
        routing: primitive::Routing {
            opcode: Opcode::Unsharded,
            keyspace,
            vindex: None,
            values: Vec::new(),
            needs_lookup: false,
            destination: None,
        },
        table,
        query: Arc::new(statement),
        owned_vindex_query: None,
        ksid_vindex: None,
        ksid_length: 0,
        multi_shard_autocommit: directives.multi_shard_autocommit,
        query_timeout_ms: directives.query_timeout_ms,
        fetch_last_insert_id: false,
    }
}

// ---------------------------------------------------------------- primitives

pub fn lower_update(
    planning: &mut Planning<'_>,
    update: Update,
    routing: &Routing,
) -> Result<Primitive, PlanError> {
    let Update { source, mut statement, target, changed } = update;
    let (tables, filter) = text::tables_and_filter(planning, &source)?;
    let comparisons: Vec<Expr> = changed.iter().map(|(_, expr)| expr.clone()).collect();
    let order = (statement.order_by.clone(), statement.limit.clone());
    let owned = (!changed.is_empty())
        .then(|| owned_vindex_query(planning, &target, &tables, &filter, comparisons, order));
    statement.tables = tables;
    statement.filter = filter;
    replace_list(&mut statement.filter, routing);
    for item in &mut statement.set {
        if let Some(table) = &mut item.column.table {
            table.qualifier = None;
        }
        text::finish_expr(planning, &mut item.value);
    }
    let directives = Directives::of(&statement.comments);
    let query = Statement::Update(statement);
    let dml = dml(planning, routing, &target, query, owned, directives)?;
    let changed_vindexes = match dml.owned_vindex_query {
        Some(_) => changed.into_iter().map(|(changed, _)| changed).collect(),
        None => Vec::new(),
    };
    Ok(Primitive::Update(UpdatePrimitive { dml, changed_vindexes }))
}

pub fn lower_delete(
    planning: &mut Planning<'_>,
    delete: Delete,
    routing: &Routing,
) -> Result<Primitive, PlanError> {
    let Delete { source, mut statement, target } = delete;
    let (tables, filter) = text::tables_and_filter(planning, &source)?;
    let order = (statement.order_by.clone(), statement.limit.clone());
    let owned = (!target.table.owned.is_empty())
        .then(|| owned_vindex_query(planning, &target, &tables, &filter, Vec::new(), order));
    let single = matches!(&tables[..], [TableExpr::Bound(..)]);
    if single {
        statement.targets.clear();
    } else if statement.targets.is_empty() {
        statement.targets.push(target.name.clone());
    }
    statement.tables = tables;
    statement.filter = filter;
    // All rows go: in which order is said to those that lock them alone.
    if statement.limit.is_none() {
        statement.order_by.clear();
    }
    replace_list(&mut statement.filter, routing);
    let directives = Directives::of(&statement.comments);
    let query = Statement::Delete(statement);
    let dml = dml(planning, routing, &target, query, owned, directives)?;
    Ok(Primitive::Delete(DeletePrimitive { dml }))
}

fn replace_list(filter: &mut Option<Expr>, routing: &Routing) {
    if let Routing::Sharded(sharded) = routing
        && let Some(selected) = &sharded.selected
    {
        text::replace_lists(filter, selected);
    }
}

fn dml(
    planning: &mut Planning<'_>,
    routing: &Routing,
    target: &Target,
    mut query: Statement,
    owned: Option<Query>,
    directives: Directives,
) -> Result<Dml, PlanError> {
    text::finish_statement(planning, &mut query);
    let routing = super::lower::routing(planning, routing)?;
    let owned = owned.filter(|_| routing.opcode != Opcode::None && routing.keyspace.sharded);
    let primary = target.table.column_vindexes.first().filter(|_| owned.is_some());
    Ok(Dml {
        routing,
        table: target.table.name.as_str().into(),
        query: Arc::new(query),
        ksid_vindex: primary.map(|primary| primary.name.as_str().into()),
        ksid_length: primary.map_or(0, |primary| primary.columns.len()),
        owned_vindex_query: owned.map(|mut query| {
            text::finish(planning, &mut query);
            Arc::new(Statement::Query(query))
        }),
        multi_shard_autocommit: directives.multi_shard_autocommit,
        query_timeout_ms: directives.query_timeout_ms,
        fetch_last_insert_id: planning.semantics.signature.last_insert_id,
    })
}

/// The query that reads and locks the rows that will change.
fn owned_vindex_query(
    planning: &Planning<'_>,
    target: &Target,
    tables: &[TableExpr],
    filter: &Option<Expr>,
    comparisons: Vec<Expr>,
    (order_by, limit): (Vec<OrderBy>, Option<ast::Limit>),
) -> Query {
    let table: &Table = &target.table;
    let several = !matches!(tables, [TableExpr::Bound(..)]);
    let qualified = several && comparisons.is_empty();
    let column = |name: &String| {
        let qualifier = qualified.then(|| planning.semantics.qualifier(target.number));
        Expr::Column(ColumnName { table: qualifier, name: Ident::new(name) })
    };
    let primary = table.column_vindexes.first().map(|vindex| &vindex.columns[..]).unwrap_or(&[]);
    let names = primary.iter().chain(table.owned.iter().flat_map(|vindex| &vindex.columns));
    let items = names.map(column).chain(comparisons);
    let mut select = expression::empty_select();
    select.items = items.map(|expr| SelectItem::Expr { expr, alias: None }).collect();
    select.from = tables.to_vec();
    select.filter = filter.clone();
    select.order_by = order_by;
    select.limit = limit;
    select.lock = match mutant::is(Mutant::OwnedQueryUnlocked) {
        true => Lock::None,
        false => Lock::ForUpdate(Wait::Block),
    };
    Query::Select(Box::new(select))
}
