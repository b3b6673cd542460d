//! Optimizer hints in a statement's comments, of which planning reads and writes one:
//! `/*+ SET_VAR(foreign_key_checks=Off) */`.
//!
//! MySQL reads the first comment that starts with `/*+`; so does this. See
//! `sqlparser.ParsedComments.SetMySQLSetVarValue`. It knows nothing of what a variable means.

use sim::sql::ast::{Comments, Query, Statement};

use crate::planner::environment::Environment;

const FOREIGN_KEY_CHECKS: &str = "foreign_key_checks";

/// Whether a statement says, or its session has said, that foreign keys are checked.
pub fn foreign_key_checks(statement: &Statement, environment: &Environment) -> Option<bool> {
    let of_statement = comments(statement).and_then(|comments| value(comments, FOREIGN_KEY_CHECKS));
    match of_statement.as_deref().map(str::to_ascii_lowercase).as_deref() {
        Some("on" | "1") => Some(true),
        Some("off" | "0") => Some(false),
        _ => environment.foreign_key_checks,
    }
}

/// Writes into a statement's comments how foreign keys are checked.
pub fn set_foreign_key_checks(comments: &mut Comments, checks: bool) {
    set(comments, FOREIGN_KEY_CHECKS, if checks { "On" } else { "Off" });
}

fn comments(statement: &Statement) -> Option<&Comments> {
    match statement {
        Statement::Insert(insert) => Some(&insert.comments),
        Statement::Update(update) => Some(&update.comments),
        Statement::Delete(delete) => Some(&delete.comments),
        Statement::Query(query) => of_query(query),
        _ => None,
    }
}

fn of_query(query: &Query) -> Option<&Comments> {
    match query {
        Query::Select(select) => Some(&select.comments),
        Query::Union(union) => of_query(&union.left),
        Query::Values(values) => Some(&values.comments),
    }
}

/// The value that a variable is set to.
pub fn value(comments: &Comments, variable: &str) -> Option<String> {
    let comment = comments.0.iter().find(|comment| comment.starts_with("/*+"))?;
    hints(comment).find_map(|(name, content)| {
        let (variable_there, value) = set_variable(name, content)?;
        variable_there.eq_ignore_ascii_case(variable).then(|| value.to_string())
    })
}

/// Sets a variable: in the hints that there are, or in a comment in front of the others.
pub fn set(comments: &mut Comments, variable: &str, value: &str) {
    let setting = format!("SET_VAR({variable}={value})");
    let place = comments.0.iter().position(|comment| comment.starts_with("/*+"));
    let Some(place) = place else {
        comments.0.insert(0, format!("/*+ {setting} */").into());
        return;
    };
    let mut text = "/*+".to_string();
    let mut is_set = false;
    for (name, content) in hints(&comments.0[place]) {
        let is_ours = set_variable(name, content)
            .is_some_and(|(there, _)| there.eq_ignore_ascii_case(variable));
        if !is_ours {
            text.push_str(&format!(" {name}({content})"));
        } else if !is_set {
            text.push_str(&format!(" {setting}"));
            is_set = true;
        }
    }
    if !is_set {
        text.push_str(&format!(" {setting}"));
    }
    text.push_str(" */");
    comments.0[place] = text.into();
}

/// The hints of a comment: each its name and what stands in its parentheses.
fn hints(comment: &str) -> impl Iterator<Item = (&str, &str)> {
    let body = comment.strip_prefix("/*+").unwrap_or("");
    let mut rest = body.strip_suffix("*/").unwrap_or(body);
    std::iter::from_fn(move || {
        let (name, behind) = rest.split_once('(')?;
        let end = closing(behind)?;
        rest = &behind[end + 1..];
        Some((name.trim(), &behind[..end]))
    })
}

/// Where the parenthesis closes that a text stands in.
fn closing(text: &str) -> Option<usize> {
    let mut depth = 0;
    text.bytes().position(|byte| {
        match byte {
            b'(' => depth += 1,
            b')' if depth == 0 => return true,
            b')' => depth -= 1,
            _ => {}
        }
        false
    })
}

fn set_variable<'a>(name: &str, content: &'a str) -> Option<(&'a str, &'a str)> {
    if !name.eq_ignore_ascii_case("set_var") {
        return None;
    }
    let (variable, value) = content.split_once('=')?;
    Some((variable.trim(), value.trim()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_variable_is_set_in_the_first_comment_of_hints() {
        let check = |before: &[&str], expected: &[&str]| {
            let mut comments = Comments(before.iter().map(|text| (*text).into()).collect());
            set(&mut comments, "x", "On");
            let after: Vec<&str> = comments.0.iter().map(|text| &**text).collect();
            assert_eq!(after, expected, "{before:?}");
        };
        check(&[], &["/*+ SET_VAR(x=On) */"]);
        check(&["/* a */"], &["/*+ SET_VAR(x=On) */", "/* a */"]);
        check(
            &["/* a */", "/*+ F(b, (c)) set_var( X = 1) Set_Var(x=2) */", "/*+ SET_VAR(x=0) */"],
            &["/* a */", "/*+ F(b, (c)) SET_VAR(x=On) */", "/*+ SET_VAR(x=0) */"],
        );
        check(&["/*+ G(a) SET_VAR(y=1) */"], &["/*+ G(a) SET_VAR(y=1) SET_VAR(x=On) */"]);
        check(&["/*+ broken( */"], &["/*+ SET_VAR(x=On) */"]);
    }
}
