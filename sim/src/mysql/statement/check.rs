//! CHECK constraints: their names, what they may say, and that rows obey them.
//!
//! A row is tested before it goes to the engine, so that a violated check leaves no locks. NULL is
//! no violation.

use crate::eval::{Env, Program, item_text};
use crate::mysql::execution::Run;
use crate::mysql::schema;
use crate::sql::ast::{ColumnDefinition, Constraint, Expr, Ident};
use crate::sql::walk::children;
use crate::sql_error::SqlError;
use crate::value::Value;

use super::scope::{InScope, TableScope};
use super::subquery::is_strict_error;
use super::tables::Opened;
use super::visit::subqueries_of;

/// The first enforced check that a row violates.
pub fn check_row(
    schema: &std::sync::Arc<schema::Table>,
    row: &[Value],
    env: &mut Env,
) -> Result<(), SqlError> {
    if schema.constraints.is_empty() {
        return Ok(());
    }
    let opened = Opened { id: crate::mysql::key::TableId(0), schema: schema.clone() };
    let alias = schema.name.clone();
    let tables = [InScope { alias, opened, hints: Vec::new(), offset: 0, rows: None, lock: None }];
    for constraint in &schema.constraints {
        let Constraint::Check { name: Some(name), expr, enforced: true } = constraint else {
            continue;
        };
        let program = Program::compile(expr, &TableScope::new(&tables, "check constraint"))?;
        let told = env.warnings.len();
        // An error is as good as false, and so is in strict mode what would be one.
        let value = program.run(row, env).unwrap_or_else(|error| {
            env.warnings.push(error);
            Value::Int(0)
        });
        if env.strict_change && env.warnings[told..].iter().any(is_strict_error) {
            return Err(violated(name.as_str()));
        }
        if !value.is_null() && !crate::eval::is_true(&value, env) {
            return Err(violated(name.as_str()));
        }
    }
    Ok(())
}

pub fn violated(name: &str) -> SqlError {
    SqlError::new(3819, "HY000", format!("Check constraint '{name}' is violated."))
}

/// Adds a column's own checks and the table's, with their names, in the order of those.
pub fn add_checks(
    table: &mut schema::Table,
    columns: &[ColumnDefinition],
    constraints: &[Constraint],
) -> Result<(), SqlError> {
    for column in columns {
        let Some(expr) = &column.check else { continue };
        let name = add_check(table, None, expr, true)?;
        let foreign = |other: &Ident| !other.is(column.name.as_str());
        if names_of(expr).iter().any(foreign) {
            let message = format!("Column check constraint '{name}' references other column.");
            return Err(SqlError::new(3813, "HY000", message));
        }
    }
    for constraint in constraints {
        if let Constraint::Check { name, expr, enforced } = constraint {
            add_check(table, name.as_ref(), expr, *enforced)?;
        }
    }
    Ok(())
}

/// Adds a check to a table; without a name it is `t_chk_1` and so on.
pub fn add_check(
    table: &mut schema::Table,
    name: Option<&Ident>,
    expr: &Expr,
    enforced: bool,
) -> Result<String, SqlError> {
    let known = |wanted: &str| {
        table.constraints.iter().any(|other| match other {
            Constraint::Check { name: Some(name), .. } => name.is(wanted),
            _ => false,
        })
    };
    let number = table.constraints.iter().filter_map(|own| generated_number(own, &table.name));
    let generated = format!("{}_chk_{}", table.name, number.max().map_or(1, |last| last + 1));
    let name = match name {
        Some(name) if known(name.as_str()) => {
            let message = format!("Duplicate check constraint name '{}'.", name.as_str());
            return Err(SqlError::new(3822, "HY000", message));
        }
        Some(name) => name.as_str().to_string(),
        None => generated,
    };
    let mut nested = Vec::new();
    subqueries_of(expr, &mut nested);
    if let Some(function) = clock_of(expr) {
        let message = format!(
            "An expression of a check constraint '{name}' contains disallowed function: {function}."
        );
        return Err(SqlError::new(3814, "HY000", message));
    }
    if !nested.is_empty() || is_disallowed(expr) {
        let message =
            format!("An expression of a check constraint '{name}' contains disallowed function.");
        return Err(SqlError::new(3815, "HY000", message));
    }
    if !item_text::is_condition(expr) {
        let message =
            format!("An expression of non-boolean type specified to a check constraint '{name}'.");
        return Err(SqlError::new(3812, "HY000", message));
    }
    for column in names_of(expr) {
        if table.column(column.as_str()).is_none() {
            let message = format!(
                "Check constraint '{name}' refers to non-existing column '{}'.",
                column.as_str()
            );
            return Err(SqlError::new(3820, "HY000", message));
        }
        if table.auto_increment().is_some_and(|at| column.is(&table.columns[at].name)) {
            let message =
                format!("Check constraint '{name}' cannot refer to an auto-increment column.");
            return Err(SqlError::new(3818, "HY000", message));
        }
    }
    if let Err(error) = compiled(table, &table.name, "check constraint", expr)
        && matches!(error.errno, 1267 | 1270 | 1271)
    {
        return Err(error);
    }
    let constraint =
        Constraint::Check { name: Some(Ident::new(&name)), expr: expr.clone(), enforced };
    table.constraints.push(constraint);
    let key = |constraint: &Constraint| match constraint {
        Constraint::Check { name: Some(name), .. } => (0, name.as_str().to_lowercase()),
        _ => (1, String::new()),
    };
    table.constraints.sort_by_key(key);
    Ok(name)
}

/// An expression over one table, for what is wrong with it.
pub fn compiled(
    table: &schema::Table,
    alias: &str,
    clause: &'static str,
    expr: &Expr,
) -> Result<Program, SqlError> {
    let schema = std::sync::Arc::new(table.clone());
    let opened = Opened { id: crate::mysql::key::TableId(0), schema };
    let alias = alias.into();
    let tables = [InScope { alias, opened, hints: Vec::new(), offset: 0, rows: None, lock: None }];
    Program::compile(expr, &TableScope::new(&tables, clause))
}

/// Checks that were named after their table follow its name.
pub fn rename_generated(table: &mut schema::Table, old: &str) {
    let new = table.name.clone();
    for constraint in &mut table.constraints {
        let number = generated_number(constraint, old);
        if let (Constraint::Check { name, .. }, Some(number)) = (constraint, number) {
            *name = Some(Ident::new(&format!("{new}_chk_{number}")));
        }
    }
}

/// The checks of a table that was made LIKE another one: under new names, in their order.
pub fn name_anew(table: &mut schema::Table) {
    table.constraints.retain(|own| matches!(own, Constraint::Check { .. }));
    for (at, constraint) in table.constraints.iter_mut().enumerate() {
        if let Constraint::Check { name, .. } = constraint {
            *name = Some(Ident::new(&format!("{}_chk_{}", table.name, at + 1)));
        }
    }
}

/// The number of a check that was named after its table.
fn generated_number(constraint: &Constraint, table: &str) -> Option<u32> {
    let Constraint::Check { name: Some(name), .. } = constraint else { return None };
    name.as_str().strip_prefix(table)?.strip_prefix("_chk_")?.parse().ok()
}

/// A column that a check names cannot go, nor get another name.
pub fn check_unused(table: &schema::Table, column: &Ident) -> Result<(), SqlError> {
    for constraint in &table.constraints {
        let Constraint::Check { name: Some(name), expr, .. } = constraint else { continue };
        if names_of(expr).iter().any(|own| own.is(column.as_str())) {
            let message = format!(
                "Check constraint '{}' uses column '{}', hence column cannot be dropped or renamed.",
                name.as_str(),
                column.as_str()
            );
            return Err(SqlError::new(3959, "HY000", message));
        }
    }
    Ok(())
}

/// A check of one column alone goes with it, and one of no column with any.
pub fn drop_own(table: &mut schema::Table, column: &Ident) {
    table.constraints.retain(|constraint| match constraint {
        Constraint::Check { expr, .. } => {
            let names = names_of(expr);
            !names.iter().all(|own| own.is(column.as_str()))
        }
        Constraint::ForeignKey { .. } => true,
    });
}

pub fn not_found(name: &str) -> SqlError {
    SqlError::new(3821, "HY000", format!("Check constraint '{name}' is not found in the table."))
}

fn names_of(expr: &Expr) -> Vec<Ident> {
    match expr {
        Expr::Column(column) => vec![column.name.clone()],
        // Its first argument is a unit.
        Expr::Function(call) if call.name.is("timestampdiff") || call.name.is("timestampadd") => {
            call.args.iter().skip(1).flat_map(names_of).collect()
        }
        other => children(other).into_iter().flat_map(names_of).collect(),
    }
}

/// A function that does not say the same every time.
fn clock_of(expr: &Expr) -> Option<String> {
    const CLOCKS: [&str; 15] = [
        "unix_timestamp",
        "now",
        "current_timestamp",
        "curdate",
        "current_date",
        "curtime",
        "current_time",
        "sysdate",
        "rand",
        "uuid",
        "last_insert_id",
        "connection_id",
        "user",
        "current_user",
        "database",
    ];
    match expr {
        Expr::Function(call) if CLOCKS.iter().any(|name| call.name.is(name)) => {
            Some(call.name.as_str().to_ascii_lowercase())
        }
        other => children(other).into_iter().find_map(clock_of),
    }
}

fn is_disallowed(expr: &Expr) -> bool {
    let own = matches!(expr, Expr::Variable(_) | Expr::Assign { .. } | Expr::Default(_));
    own || children(expr).into_iter().any(is_disallowed)
}

impl Run {
    /// The checks of rows that exist, where one is added or enforced.
    pub fn check_rows(
        &self,
        schema: &std::sync::Arc<schema::Table>,
        rows: &[crate::value::Row],
    ) -> Result<(), SqlError> {
        let mut env = self.env()?;
        env.strict_change = env.mode.strict;
        rows.iter().try_for_each(|row| check_row(schema, row, &mut env))
    }
}
