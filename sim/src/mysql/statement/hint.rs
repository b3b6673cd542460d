//! `/*+ SET_VAR(foreign_key_checks=OFF) */`: a variable that one statement sets for itself.
//!
//! The session's value comes back when the statement has ended, however it ends. Other hints and
//! other variables are read over: they are about plans.

use crate::mysql::execution::Run;
use crate::sql::ast::{Comments, Query, Statement};
use crate::sql_error::SqlError;

/// Gives the session its value back.
pub struct Restored<'a> {
    run: &'a Run,
    checks: bool,
}

impl Drop for Restored<'_> {
    fn drop(&mut self) {
        // A session whose statement is dropped while it waits is gone with it.
        self.run.session_if_lent(|session| session.foreign_key_checks = self.checks);
    }
}

impl Run {
    pub fn set_for_statement(
        &self,
        statement: &Statement,
    ) -> Result<Option<Restored<'_>>, SqlError> {
        let Some(checks) = set_by(statement) else { return Ok(None) };
        let before =
            self.session(|session| std::mem::replace(&mut session.foreign_key_checks, checks))?;
        Ok(Some(Restored { run: self, checks: before }))
    }
}

/// The value of `foreign_key_checks` that a statement sets for itself.
pub fn set_by(statement: &Statement) -> Option<bool> {
    foreign_key_checks(match statement {
        Statement::Insert(insert) => &insert.comments,
        Statement::Update(update) => &update.comments,
        Statement::Delete(delete) => &delete.comments,
        Statement::Query(Query::Select(select)) => &select.comments,
        _ => return None,
    })
}

/// What the hints say of it; the first one counts.
fn foreign_key_checks(comments: &Comments) -> Option<bool> {
    let hints = comments.0.iter().filter_map(|text| text.strip_prefix("/*+")?.strip_suffix("*/"));
    let mut settings = hints.flat_map(|text| text.split(')')).filter_map(|hint| {
        let (name, setting) = hint.split_once('(')?;
        name.trim().eq_ignore_ascii_case("set_var").then_some(setting)
    });
    settings.find_map(|setting| {
        let (name, value) = setting.split_once('=')?;
        if !name.trim().eq_ignore_ascii_case("foreign_key_checks") {
            return None;
        }
        match value.trim().trim_matches('\'').to_ascii_lowercase().as_str() {
            "on" | "1" => Some(true),
            "off" | "0" => Some(false),
            _ => None,
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hints_say_whether_keys_are_checked() {
        for (text, expected) in [
            ("/*+ SET_VAR(foreign_key_checks=OFF) */", Some(false)),
            ("/*+ F(a, b) set_var( foreign_key_checks = On ) */", Some(true)),
            ("/*+ SET_VAR(sort_buffer_size=1) */", None),
            ("/* SET_VAR(foreign_key_checks=OFF) */", None),
        ] {
            let comments = Comments(vec![text.into()]);
            assert_eq!(foreign_key_checks(&comments), expected, "{text}");
        }
    }
}
